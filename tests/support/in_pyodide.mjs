// Asks questions of ropescope in Pyodide, as the page does. Takes {module, python, archive, folder, asked, out} as JSON on
// standard input: paths, a folder that is seen under its own path, and requests; writes the answers to its `out` as a JSON list.
import fs from "node:fs";
import { pathToFileURL } from "node:url";

const told = JSON.parse(fs.readFileSync(0, "utf8"));
const { loadPyodide } = await import(pathToFileURL(`${told.module}/pyodide.mjs`).href);
const { start } = await import(pathToFileURL(told.python).href);
const raw = fs.readFileSync(told.archive);
const archive = Promise.resolve(raw.buffer.slice(raw.byteOffset, raw.byteOffset + raw.length));
const python = await start({ loadPyodide, indexURL: `${told.module}/`, archive });
const { FS } = python.module;
FS.mkdirTree(told.folder);
FS.mount(FS.filesystems.NODEFS, { root: told.folder }, told.folder);

const answers = [];
for (const one of told.asked) {
  const began = performance.now();
  try {
    const answer = JSON.parse(python.answer(JSON.stringify(one), () => {}, () => ({ status: 0, body: new ArrayBuffer(0), refusal: "", signed: false })));
    answers.push({ answer, seconds: (performance.now() - began) / 1e3 });
  } catch (error) {
    answers.push({ failed: String(error).slice(-2000) });
  }
}
fs.writeFileSync(told.out, JSON.stringify(answers));
