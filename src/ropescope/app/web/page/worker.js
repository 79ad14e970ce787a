// The worker in which Python runs. It takes {id, what, …} and answers {id, done}, {id, failed}, {id, say} and {id, progress}.

import { start } from "./python.js";

/** @typedef {import("./python.js").Python} Python */

const MEMORY = `ropescope memory ${new URL("./", import.meta.url).href}`;
const SECONDS = 30;
const HUB = "https://huggingface.co/";
const WASM = "application/wasm";
/** The user's token of the Hub. It goes into requests to the Hub and nowhere else: Python does not get it. */
let token = "";
/** @type {Promise<Python> | null} */
let python = null;
/** Whether a question waits for Python. */
let asked = false;

self.onmessage = (/** @type {MessageEvent} */ event) => {
  const { id, what, ...told } = event.data;
  if (what === "hurry") asked = true;
  else if (what === "token") token = told.token;
  else answerTo(id, what, told);
};

/** @param {number} id @param {string} what @param {any} told */
async function answerTo(id, what, told) {
  try {
    postMessage({ id, done: await (await does(what))(told, id) });
  } catch (error) {
    postMessage({ id, failed: String(/** @type {any} */ (error)?.message ?? error) });
  }
}

/** @param {string} what @returns {Promise<(told: any, id: number) => unknown>} */
async function does(what) {
  if (what === "start") {
    return async ({ mounts, hurry, token: given }) => {
      asked ||= hurry;
      token ||= given;
      mount(await (python ??= started()), mounts);
    };
  }
  const made = await (python ??= started());
  if (what === "mount") return ({ mounts }) => mount(made, mounts);
  if (what === "problems") return (told) => JSON.parse(made.problems(JSON.stringify(told)));
  return (told, id) => JSON.parse(made.answer(JSON.stringify(told), (kind, json) => postMessage({ id, [kind]: JSON.parse(json) }), request));
}

/** @param {Python} made @param {{ at: string, files: { path: string, file: File }[] }[]} mounts */
function mount(made, mounts) {
  const { FS } = made.module;
  for (const { at, files } of mounts) {
    FS.mkdirTree(at);
    FS.mount(FS.filesystems.WORKERFS, { blobs: files.map((one) => ({ name: one.path, data: one.file })) }, at);
  }
}

/** Python, from its memory of an earlier start where the browser keeps it: that takes a fifth of the time. */
async function started() {
  const indexURL = new URL("./pyodide/", import.meta.url).href;
  const [{ loadPyodide }, archive] = await Promise.all([import(`${indexURL}pyodide.mjs`), bytes("./python.tgz")]);
  const load = (/** @type {any} */ options) => arriving(() => loadPyodide(options));
  const parts = { loadPyodide: load, indexURL, archive: Promise.resolve(archive) };
  const key = await memoryKey(archive).catch(() => "");
  if (!key) return start(parts);
  const memory = await caches.open(MEMORY);
  const kept = await memory.match(key);
  if (kept) {
    try {
      const made = await start({ ...parts, snapshot: new Uint8Array(await kept.arrayBuffer()) });
      if (made.problems('{"name": "show", "given": {}}') === "{}") return made;
    } catch {
      // Another browser's, or damaged: begin from the start.
    }
    await memory.delete(key);
    return start(parts);
  }
  const made = await start({ ...parts, keeps: true, hurry: () => asked });
  if (made.snapshot) keep(memory, key, made.snapshot).catch(() => {});
  return made;
}

/**
 * What `load` makes, or the error of the first file that does not come: Pyodide would wait for ever for some of them, and begin
 * without others. After an error this worker is of no use.
 * @template T
 * @param {() => Promise<T>} load
 * @returns {Promise<T>}
 */
function arriving(load) {
  const { fetch } = self;
  const { instantiateStreaming } = WebAssembly;
  /** @type {Promise<T>} */
  const loaded = new Promise((resolve, reject) => {
    const failed = (/** @type {any} */ address, /** @type {any} */ error) => {
      reject(new Error(`${address}: ${error.message}`));
      return new Promise(() => {}); // Pyodide is to wait: what it would make of an error reaches nobody
    };
    self.fetch = async (address, options) => {
      try {
        const got = await fetch(address, options);
        if (!got.ok) throw new Error(String(got.status));
        if (got.headers.get("Content-Type") === WASM) return got;
        return new Response(await got.arrayBuffer(), { headers: { "Content-Type": WASM } }); // where a host does not know .wasm
      } catch (error) {
        return failed(address, error);
      }
    };
    WebAssembly.instantiateStreaming = (source, imports) =>
      instantiateStreaming(source, imports).catch((error) => failed("pyodide.asm.wasm", error));
    load().then(resolve, reject);
  });
  return loaded.finally(() => {
    self.fetch = fetch;
    Object.assign(WebAssembly, { instantiateStreaming });
  });
}

/** @param {Cache} memory @param {string} key @param {Uint8Array} snapshot */
async function keep(memory, key, snapshot) {
  for (const old of await memory.keys()) await memory.delete(old);
  await memory.put(key, new Response(/** @type {BodyInit} */ (snapshot)));
}

/** The memory of a start holds for the same files in the same browser. @param {ArrayBuffer} archive */
async function memoryKey(archive) {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", archive));
  const hash = [...digest.subarray(0, 16)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return new URL(`./memory/${hash}/${encodeURIComponent(navigator.userAgent)}`, import.meta.url).href;
}

/** @param {string} address */
async function bytes(address) {
  try {
    const answer = await fetch(new URL(address, import.meta.url));
    if (!answer.ok) throw new Error(String(answer.status));
    return await answer.arrayBuffer();
  } catch (error) {
    throw new Error(`${address}: ${/** @type {Error} */ (error).message}`);
  }
}

/** Asks a server while Python waits. Status 0 is no answer. @param {string} address @param {string} range */
function request(address, range) {
  const asked = new XMLHttpRequest();
  const signed = token !== "" && address.startsWith(HUB);
  try {
    asked.open("GET", address, false);
    asked.responseType = "arraybuffer";
    asked.timeout = SECONDS * 1000;
    if (range) asked.setRequestHeader("Range", range);
    if (signed) asked.setRequestHeader("Authorization", `Bearer ${token}`);
    asked.send();
    const [, refusal = ""] = asked.getAllResponseHeaders().match(/^x-error-code:\s*(\w+)/im) ?? [];
    return { status: asked.status, body: asked.response, refusal, signed };
  } catch {
    return { status: 0, body: new ArrayBuffer(0), refusal: "", signed };
  }
}
