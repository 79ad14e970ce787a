// Python in this browser answers: a worker that loads it behind the page, and that begins anew when an answer is cancelled.

import { formAddress } from "./backend.js";
import { hubIds } from "./inputs.js";
import { t } from "./words.js";

/** @typedef {import("./types.d.ts").Answer} Answer */
/** @typedef {import("./types.d.ts").Backend} Backend */
/** @typedef {import("./types.d.ts").Catalogue} Catalogue */
/** @typedef {import("./types.d.ts").Form} Form */
/** @typedef {import("./types.d.ts").Given} Given */
/** @typedef {import("./types.d.ts").Watch} Watch */
/** @typedef {{ at: string, files: { path: string, file: File }[] }} Mount */
/** @typedef {{ done: (value: any) => void, failed: (error: Error) => void, watch?: Pick<Watch, "onSay" | "onProgress"> }} Waiting */

const FILES = "/files";
const MOST_IDLE_MS = 2000;
const MOST_CONTROL_MS = 1500;
/** A worker that takes over reloads the page; where it does not, the page does. */
const MOST_LEAVE_MS = 3000;
const TOKEN = "ropescope token";

/** @returns {Promise<Backend>} */
export async function connect() {
  return new Static();
}

/** @implements {Backend} */
class Static {
  /** @type {"static"} */
  kind = "static";
  /** @type {Worker | null} */
  #worker = null;
  /** @type {Promise<void> | null} */
  #started = null;
  #ready = false;
  /** Whether a question was asked: Python does then nothing for later first. */
  #hurried = false;
  /** @type {Map<number, Waiting>} */
  #waiting = new Map();
  #sent = 0;
  /** @type {Mount[]} */
  #mounts = [];
  /** What the files that are kept are called, by their paths. @type {Record<string, string>} */
  #names = {};
  /** Answers follow one another: there is one Python. */
  #last = Promise.resolve();
  #controlled = controlled();
  /** Repositories of the Hub that the user let this page ask about. @type {Set<string>} */
  #allowed = new Set();
  /** The user's token of the Hub. Only the worker gets it, which sends it to the Hub. */
  #token = keptToken();

  /** @returns {Promise<Catalogue>} */
  catalogue() {
    return fetched("./catalogue.json");
  }

  /** @param {string} name @returns {Promise<Form>} */
  form(name) {
    return fetched(formAddress(name));
  }

  /** @param {string} name @param {Given} given @returns {Promise<Record<string, string>>} */
  async problems(name, given) {
    return this.#ready && this.#waiting.size === 0 ? this.#ask("problems", { name, given, language: document.documentElement.lang }) : {};
  }

  /** @param {string} name @param {Given} given @param {Watch} watch @returns {Promise<Answer>} */
  async answer(name, given, watch) {
    const before = this.#last;
    let over = () => {};
    this.#last = new Promise((resolve) => (over = resolve));
    try {
      await Promise.race([before, aborted(watch.signal)]);
      return await this.#alone(name, given, watch);
    } finally {
      before.then(over);
    }
  }

  /** @param {string} name @param {Given} given @param {Watch} watch @returns {Promise<Answer>} */
  async #alone(name, given, watch) {
    this.#hurried = true;
    const started = this.#start(watch.onSay);
    this.#worker?.postMessage({ what: "hurry" });
    await Promise.race([started, aborted(watch.signal)]);
    const hub = [...hubIds(given), ...this.#allowed];
    const asked = this.#ask("answer", { name, given, names: this.#names, hub, language: document.documentElement.lang }, watch);
    try {
      return await Promise.race([asked, aborted(watch.signal)]);
    } catch (error) {
      this.#end(new DOMException("", "AbortError"));
      if (watch.signal.aborted) throw error;
      const why = error instanceof Error ? error.message.trim().split("\n").at(-1) : String(error);
      throw new Error(t("Python stopped in this page: {why}", { why: why ?? "" }));
    }
  }

  /** @param {File} file @param {boolean} asSource @returns {Promise<string>} */
  async keepFile(file, asSource) {
    const config = asSource && /\.json$/i.test(file.name) && !/^(adapter_config|tokenizer|.*\.index)\.json$/i.test(file.name);
    const stem = plain(file.name.replace(/\.[^.]*$/, ""));
    const folder = this.#mount([{ path: `${stem}/${config ? "config.json" : plain(file.name)}`, file }]);
    const path = `${folder}/${stem}/${config ? "config.json" : plain(file.name)}`;
    // A model in a folder is called by the folder: a config by its own name.
    this.#call({ [path]: file.name, [`${folder}/${stem}`]: config ? file.name : stem });
    return path;
  }

  /** @param {string} name @param {readonly { path: string, file: File }[]} files @returns {Promise<string>} */
  async keepFolder(name, files) {
    const folder = this.#mount(files.map((one) => ({ path: `${plain(name)}/${one.path.split("/").map(plain).join("/")}`, file: one.file })));
    this.#call({ [`${folder}/${plain(name)}`]: name });
    return `${folder}/${plain(name)}`;
  }

  /** @param {Pick<Form, "name" | "needs"> & { extra?: string }} form */
  can(form) {
    if (form.needs === "files") return { ok: true };
    const reads = form.needs === "weights" ? t("It reads a model's weights, which a browser cannot hold. Run the command below on your own machine.") : t("It needs packages that Python in a browser lacks. Run the command below on your own machine.");
    return { ok: false, why: `${reads} ${t("Run the command on your machine, after pip install 'ropescope[{extra}]'.", { extra: form.extra ?? "measure" })}` };
  }

  /** @param {string} repository */
  allowHub(repository) {
    this.#allowed.add(repository);
  }

  /** @param {string} token @param {boolean} stays */
  useToken(token, stays) {
    this.#token = token;
    keepToken(stays ? token : "");
    this.#worker?.postMessage({ what: "token", token });
  }

  hasToken() {
    return this.#token !== "";
  }

  /** @param {(line: string) => void} [onSay] */
  async prepare(onSay) {
    if (!this.#started) await idle();
    await this.#start(onSay ?? (() => {}));
  }

  /** @param {(line: string) => void} onSay @returns {Promise<void>} */
  #start(onSay) {
    if (this.#ready) return Promise.resolve();
    onSay(t("Loading Python into this page"));
    this.#started ??= this.#begun().catch((error) => {
      const why = this.#worker ? unloadable(error.message) : error; // a worker that has ended has told why
      this.#end(why);
      throw why;
    });
    return this.#started;
  }

  async #begun() {
    await this.#controlled;
    const address = new URL("./worker.js", import.meta.url).href;
    // The page's policy holds for a worker that is made of a blob; one from an address has a policy of its own, or none.
    const begin = URL.createObjectURL(new Blob([`import ${JSON.stringify(address)};`], { type: "text/javascript" }));
    const worker = new Worker(begin, { type: "module", name: "ropescope" });
    this.#worker = worker;
    worker.onmessage = (event) => this.#heard(event.data);
    worker.onerror = (event) => {
      event.preventDefault();
      this.#end(unloadable(event.message));
    };
    try {
      await this.#ask("start", { mounts: this.#mounts, hurry: this.#hurried, token: this.#token });
    } finally {
      URL.revokeObjectURL(begin);
    }
    this.#ready = true;
    navigator.serviceWorker?.controller?.postMessage("keep the rest");
  }

  /** @param {string} what @param {Record<string, any>} told @param {Waiting["watch"]} [watch] @returns {Promise<any>} */
  #ask(what, told, watch) {
    const id = ++this.#sent;
    return new Promise((done, failed) => {
      this.#waiting.set(id, { done, failed, watch });
      this.#worker?.postMessage({ id, what, ...told });
    });
  }

  /** @param {any} told */
  #heard(told) {
    const waiting = this.#waiting.get(told.id);
    if (!waiting) return;
    if ("say" in told) waiting.watch?.onSay(told.say);
    else if ("progress" in told) waiting.watch?.onProgress(.../** @type {[number, number, string]} */ (told.progress));
    else {
      this.#waiting.delete(told.id);
      if ("failed" in told) waiting.failed(new Error(told.failed));
      else waiting.done(told.done);
    }
  }

  /** Python that works cannot be stopped but with its worker. The next answer begins another. @param {Error} why */
  #end(why) {
    this.#worker?.terminate();
    this.#worker = null;
    this.#started = null;
    this.#ready = false;
    for (const one of this.#waiting.values()) one.failed(why);
    this.#waiting.clear();
  }

  /** @param {Mount["files"]} files */
  #mount(files) {
    const mount = { at: `${FILES}/${this.#mounts.length + 1}`, files };
    this.#mounts.push(mount);
    if (this.#worker) this.#ask("mount", { mounts: [mount] }).catch(() => {});
    return mount.at;
  }

  /** The longest paths first, since they are put in the place of one another. @param {Record<string, string>} names */
  #call(names) {
    const all = { ...this.#names, ...names };
    this.#names = Object.fromEntries(Object.entries(all).sort((a, b) => b[0].length - a[0].length));
  }
}

/** @param {string} why "" where the browser does not say */
const unloadable = (why) => new Error(t("Python cannot be loaded into this page ({why}): load the page again.", { why: why || t("a file of it is missing") }));

/** A name that can only be a file inside a folder. @param {string} name */
function plain(name) {
  return name.replace(/[/\\\0]/g, "_").replace(/^\.{0,2}$/, "file");
}

/** @param {string} address */
async function fetched(address) {
  const answer = await fetch(address);
  if (!answer.ok) throw new Error(t("{address} is missing from this page ({status}).", { address, status: answer.status }));
  return answer.json();
}

/** @param {AbortSignal} signal @returns {Promise<never>} */
function aborted(signal) {
  return new Promise((_, failed) => {
    const abort = () => failed(new DOMException("", "AbortError"));
    if (signal.aborted) abort();
    else signal.addEventListener("abort", abort, { once: true });
  });
}

/** Once the page has been drawn; for a reader who saves data, when a question is asked. @returns {Promise<void>} */
function idle() {
  if (/** @type {any} */ (navigator).connection?.saveData) return new Promise(() => {});
  return new Promise((resolve) => {
    if ("requestIdleCallback" in window) requestIdleCallback(() => resolve(), { timeout: MOST_IDLE_MS });
    else setTimeout(resolve, 200);
  });
}

/**
 * The service worker keeps what is fetched from the moment it controls the page; the first visit waits a moment for it. A new
 * version that is ready takes over when the page is loaded, before anything is asked.
 */
async function controlled() {
  if (!("serviceWorker" in navigator) || !isSecureContext) return;
  try {
    const { serviceWorker } = navigator;
    const registration = await serviceWorker.register(new URL("./sw.js", import.meta.url), { updateViaCache: "none" });
    const changed = new Promise((resolve) => serviceWorker.addEventListener("controllerchange", resolve, { once: true }));
    if (serviceWorker.controller) changed.then(() => setTimeout(() => location.reload(), MOST_LEAVE_MS));
    if (registration.waiting && serviceWorker.controller) {
      changed.then(() => location.reload());
      registration.waiting.postMessage("take over");
    } else if (!serviceWorker.controller) {
      await Promise.race([changed, new Promise((resolve) => setTimeout(resolve, MOST_CONTROL_MS))]);
    }
  } catch {
    // Without one the page works as long as its host answers.
  }
}

/** The token that this tab keeps, if the user let it. */
function keptToken() {
  try {
    return sessionStorage.getItem(TOKEN) ?? "";
  } catch {
    return "";
  }
}

/** @param {string} token "" to keep none */
function keepToken(token) {
  try {
    if (token) sessionStorage.setItem(TOKEN, token);
    else sessionStorage.removeItem(TOKEN);
  } catch {
    // A browser that keeps nothing: the token holds until the page is closed.
  }
}
