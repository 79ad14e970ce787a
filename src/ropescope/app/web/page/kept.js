// Files that were dropped, picked or pasted: kept where Python reads them, and called by their own names on the page.

import { MOST_TEXT } from "./fragment.js";

/** @typedef {import("./types.d.ts").Backend} Backend */
/** @typedef {import("./types.d.ts").Given} Given */
/** @typedef {{ file: File } | { folder: string, files: { path: string, file: File }[] }} Dropped */

const MOST_FILES = 2000;
const MOST_DROPPED = 6;

export class Kept {
  /** @type {Map<string, { name: string, size: number, file: File | null, text: string, asSource: boolean }>} */
  #held = new Map();
  #backend;

  /** @param {Backend} backend */
  constructor(backend) {
    this.#backend = backend;
  }

  /**
   * Keep a file or a folder; the path to give as an input.
   * @param {Dropped} dropped
   * @param {boolean} asSource
   */
  async keep(dropped, asSource) {
    if ("files" in dropped) {
      const path = await this.#backend.keepFolder(dropped.folder, dropped.files);
      const size = dropped.files.reduce((sum, one) => sum + one.file.size, 0);
      this.#held.set(path, { name: dropped.folder, size, file: null, text: "", asSource });
      return path;
    }
    const file = this.#called(dropped.file);
    const path = await this.#backend.keepFile(file, asSource);
    this.#held.set(path, { name: file.name, size: file.size, file, text: await textOf(file), asSource });
    return path;
  }

  /** The path under which a model field reads the file that is kept at `path`. @param {string} path */
  async asSource(path) {
    const one = this.#held.get(path);
    return one?.file && !one.asSource ? this.keep({ file: one.file }, true) : path;
  }

  /** What `path` is called: a kept file's own name, else the path. @param {string} path */
  name(path) {
    return this.#held.get(path)?.name ?? path;
  }

  /** @param {string} path */
  has(path) {
    return this.#held.has(path);
  }

  /** @param {string} path */
  size(path) {
    return this.#held.get(path)?.size ?? 0;
  }

  /** What a link holds of the file that is kept at `path`, if one is: its name, and its text if it is small. @param {string} path */
  held(path) {
    const found = this.#held.get(path);
    return found && { name: found.name, text: found.text };
  }

  /**
   * The path of a file that a link holds; "" for one of which it holds the name alone, and which is not here.
   * @param {import("./fragment.js").Held} held
   * @param {boolean} asSource
   */
  async restored(held, asSource) {
    for (const [path, one] of this.#held) if (one.name === held.name && one.text === held.text && one.asSource === asSource) return path;
    return held.text === "" ? "" : this.keep({ file: new File([held.text], held.name) }, asSource);
  }

  /**
   * `inputs` of a next step, which names files as a reader does, with the paths of those that `given` holds.
   * @param {Given} inputs
   * @param {Given} given
   * @returns {Given}
   */
  found(inputs, given) {
    const paths = Object.values(given).flat().filter((one) => typeof one === "string" && this.has(one));
    const path = (/** @type {any} */ one) => paths.find((kept) => this.name(String(kept)) === one) ?? one;
    return Object.fromEntries(
      Object.entries(inputs).map(([field, value]) => [field, Array.isArray(value) ? value.map(path) : path(value)]),
    );
  }

  /** A name stands for one file alone: a second one of the same name is numbered. @param {File} file */
  #called(file) {
    const taken = new Set([...this.#held.values()].filter((one) => one.file !== file).map((one) => one.name));
    if (!taken.has(file.name)) return file;
    const [, stem, suffix] = /** @type {RegExpMatchArray} */ (file.name.match(/^(.*?)((?:\.[^.]*)*)$/s));
    let number = 2;
    while (taken.has(`${stem}-${number}${suffix}`)) number += 1;
    return new File([file], `${stem}-${number}${suffix}`);
  }
}

/** The text of a file small enough for a link; "" for a larger file, and for one that is not text. @param {File} file */
async function textOf(file) {
  if (file.size > MOST_TEXT) return "";
  try {
    const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(await file.arrayBuffer());
    return text.includes("\0") ? "" : text;
  } catch {
    return "";
  }
}

/** A file of pasted text, named as a file of its kind is. @param {string} text */
export function pastedFile(text) {
  return new File([text], nameOf(text));
}

/** @param {string} text */
function nameOf(text) {
  const begun = text.trimStart();
  if (/^[[{](?![%{])/.test(begun)) {
    if (/"weight_map"\s*:/.test(text)) return "model.safetensors.index.json";
    if (/"(model_type|architectures|num_hidden_layers)"\s*:/.test(text)) return "config.json";
    return /^\{.*\}\s*\n\s*\{/.test(begun) ? "pasted.jsonl" : "pasted.json";
  }
  if (text.includes("{%")) return "chat_template.jinja";
  if (/^\s*(import|from)\s+\w/m.test(text)) return "pasted.py";
  return /^[^\n,]+,[^\n]*\n/.test(begun) ? "pasted.csv" : "pasted.txt";
}

/** Whether pasted text is a file rather than an answer to a field. @param {string} text */
export function isFile(text) {
  return /\S[^\S\n]*\n\s*\S/.test(text) || /^\s*[[{]/.test(text);
}

/**
 * The files and folders that were dropped or pasted. The listing must begin within the event.
 * @param {DataTransfer | null} transfer
 * @returns {Promise<Dropped[]>}
 */
export async function dropped(transfer) {
  const items = [...(transfer?.items ?? [])].filter((one) => one.kind === "file").slice(0, MOST_DROPPED);
  const found = items.map(async (item) => {
    const [entry, file] = [item.webkitGetAsEntry?.(), item.getAsFile()];
    if (!entry?.isDirectory) return file ? [{ file }] : [];
    /** @type {{ path: string, file: File }[]} */
    const files = [];
    await listed(/** @type {FileSystemDirectoryEntry} */ (entry), "", files);
    return [{ folder: entry.name, files }];
  });
  return (await Promise.all(found)).flat();
}

/**
 * @param {FileSystemDirectoryEntry} folder
 * @param {string} above
 * @param {{ path: string, file: File }[]} files
 */
async function listed(folder, above, files) {
  const reader = folder.createReader();
  for (;;) {
    /** @type {FileSystemEntry[]} */
    const entries = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (entries.length === 0 || files.length >= MOST_FILES) return;
    for (const entry of entries) {
      if (entry.isDirectory) await listed(/** @type {FileSystemDirectoryEntry} */ (entry), `${above}${entry.name}/`, files);
      else {
        const one = /** @type {FileSystemFileEntry} */ (entry);
        const file = await new Promise((resolve, reject) => one.file(resolve, reject));
        files.push({ path: `${above}${entry.name}`, file });
      }
    }
  }
}

/** The folder that an `<input type=file webkitdirectory>` gave. @param {FileList} list @returns {Dropped} */
export function folderOf(list) {
  const files = [...list].slice(0, MOST_FILES).map((file) => {
    const [, ...path] = file.webkitRelativePath.split("/");
    return { path: path.join("/") || file.name, file };
  });
  return { folder: list[0].webkitRelativePath.split("/")[0] || "folder", files };
}

/** A size as people read it. @param {number} bytes */
export function sizeText(bytes) {
  if (bytes < 1000) return `${bytes} B`;
  const step = Math.min(Math.floor(Math.log10(bytes) / 3), 4);
  return `${(bytes / 1000 ** step).toPrecision(3)} ${["B", "kB", "MB", "GB", "TB"][step]}`;
}
