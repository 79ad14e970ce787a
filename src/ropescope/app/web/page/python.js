// Python with ropescope in it, made of Pyodide's files and one archive. The worker runs it in a browser, the tests under Node.

/** @typedef {(kind: string, json: string) => void} Post */
/** @typedef {(address: string, range: string) => { status: number, body: ArrayBuffer }} Request */
/** @typedef {{answer(asked: string, post: Post, request: Request): string, problems(asked: string): string, module: any, snapshot: Uint8Array | null}} Python */

const HOME = "/ropescope";

/**
 * Python, ready to answer.
 * @param {{loadPyodide: Function, indexURL: string, archive: Promise<ArrayBuffer>, snapshot?: Uint8Array | null, make?: boolean}} parts
 *   `snapshot` is the memory of an earlier start; `make` asks for one of this start.
 * @returns {Promise<Python>}
 */
export async function start({ loadPyodide, indexURL, archive, snapshot = null, make = false }) {
  const files = archive.then(unpacked);
  const pyodide = await loadPyodide({
    indexURL,
    ...(snapshot ? { _loadSnapshot: snapshot } : { _makeSnapshot: make }),
  });
  write(pyodide.FS, await files);
  if (!snapshot) pyodide.runPython(`import sys; sys.path.insert(0, "${HOME}")\nimport ropescope.app.web.in_browser`);
  const memory = make && !snapshot ? pyodide.makeMemorySnapshot() : null;
  const module = pyodide.pyimport("ropescope.app.web.in_browser");
  return { answer: module.answer, problems: module.problems, module: pyodide, snapshot: memory };
}

/**
 * The files of a .tgz, by name.
 * @param {ArrayBuffer} raw
 * @returns {Promise<Map<string, Uint8Array>>}
 */
export async function unpacked(raw) {
  let bytes = new Uint8Array(raw);
  // A host that knows .tgz may have the browser unpack it.
  if (bytes[0] === 0x1f && bytes[1] === 0x8b) {
    const stream = new Blob([raw]).stream().pipeThrough(new DecompressionStream("gzip"));
    bytes = new Uint8Array(await new Response(stream).arrayBuffer());
  }
  const text = new TextDecoder();
  /** @param {number} at @param {number} count */
  const field = (at, count) => text.decode(bytes.subarray(at, at + count)).replace(/\0.*$/s, "");
  const files = new Map();
  for (let at = 0; at + 512 <= bytes.length && bytes[at] !== 0; ) {
    const folder = field(at + 345, 155);
    const name = (folder && folder + "/") + field(at, 100);
    const size = parseInt(field(at + 124, 12), 8);
    files.set(name, bytes.subarray(at + 512, at + 512 + size));
    at += 512 + Math.ceil(size / 512) * 512;
  }
  return files;
}

/** @param {any} fs @param {Map<string, Uint8Array>} files */
function write(fs, files) {
  const made = new Set();
  for (const [name, data] of files) {
    const path = `${HOME}/${name}`;
    const folder = path.slice(0, path.lastIndexOf("/"));
    if (!made.has(folder)) {
      fs.mkdirTree(folder);
      made.add(folder);
    }
    fs.writeFile(path, data);
  }
}
