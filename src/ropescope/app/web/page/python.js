// Python with ropescope in it, made of Pyodide's files and one archive. The worker runs it in a browser, the tests under Node.

/** @typedef {(kind: string, json: string) => void} Post */
/** @typedef {(address: string, range: string) => { status: number, body: ArrayBuffer, refusal: string, signed: boolean }} Request */
/** @typedef {{answer(asked: string, post: Post, request: Request): string, problems(asked: string): string, module: any, snapshot: Uint8Array | null}} Python */

const HOME = "/ropescope";
const CONFIG = "/tmp/model/config.json";
/** A model of 2 layers, which the first answers are practised on. */
const MODEL = {
  model_type: "llama", hidden_size: 512, num_hidden_layers: 2, num_attention_heads: 8, num_key_value_heads: 2, vocab_size: 1000,
  intermediate_size: 1024, max_position_embeddings: 4096, rope_theta: 10000.0, tie_word_embeddings: false,
};
const PRACTICE = [
  { name: "ask", given: { words: ["llama 8b 32k on a 4090"] } },
  { name: "show", given: { source: CONFIG } },
  { name: "fit", given: { source: CONFIG, gpu: "4090", context: "2k" } },
];

/**
 * Python, ready to answer.
 * @param {{loadPyodide: Function, indexURL: string, archive: Promise<ArrayBuffer>, snapshot?: Uint8Array | null, keeps?: boolean,
 *          hurry?: () => boolean}} parts
 *   `snapshot` is the memory of an earlier start; `keeps` asks for one of this start, after some answers unless there is a `hurry`.
 * @returns {Promise<Python>}
 */
export async function start({ loadPyodide, indexURL, archive, snapshot = null, keeps = false, hurry = () => true }) {
  const files = archive.then(unpacked);
  const pyodide = await loadPyodide({ indexURL, ...(snapshot ? { _loadSnapshot: snapshot } : { _makeSnapshot: keeps }) });
  write(pyodide.FS, await files);
  /** @type {Uint8Array | null} */
  let memory = null;
  if (!snapshot) {
    pyodide.runPython(`import sys; sys.path.insert(0, "${HOME}")\nfrom ropescope.app.web import in_browser`);
    if (keeps) memory = await practised(pyodide, hurry);
  }
  const module = pyodide.pyimport("ropescope.app.web.in_browser");
  return { answer: module.answer, problems: module.problems, module: pyodide, snapshot: memory };
}

/**
 * The memory of Python, which has answered what it can within the memory that it began with: no other is read back.
 * @param {any} pyodide
 * @param {() => boolean} hurry
 */
async function practised(pyodide, hurry) {
  const size = pyodide._module.HEAP8.length;
  const kept = () => (pyodide._module.HEAP8.length === size ? pyodide.makeMemorySnapshot() : null);
  let memory = kept();
  write(pyodide.FS, new Map([["config.json", new TextEncoder().encode(JSON.stringify(MODEL))]]), CONFIG.slice(0, CONFIG.lastIndexOf("/")));
  for (const one of PRACTICE) {
    await new Promise((resolve) => setTimeout(resolve)); // a question may have come
    if (!memory || hurry()) break;
    pyodide.runPython(`in_browser.practise(${JSON.stringify(JSON.stringify(one))})`);
    const next = kept();
    if (!next) break;
    memory = next;
  }
  return memory;
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

/** @param {any} fs @param {Map<string, Uint8Array>} files @param {string} [home] */
function write(fs, files, home = HOME) {
  const made = new Set();
  for (const [name, data] of files) {
    const path = `${home}/${name}`;
    const folder = path.slice(0, path.lastIndexOf("/"));
    if (!made.has(folder)) {
      fs.mkdirTree(folder);
      made.add(folder);
    }
    fs.writeFile(path, data);
  }
}
