// The backend that asks the server which gave this page: quick answers in one request, long ones as a job that is followed.

import { formAddress } from "./backend.js";

/** @typedef {import("./types.d.ts").Answer} Answer */
/** @typedef {import("./types.d.ts").Backend} Backend */
/** @typedef {import("./types.d.ts").Catalogue} Catalogue */
/** @typedef {import("./types.d.ts").Form} Form */
/** @typedef {import("./types.d.ts").Given} Given */
/** @typedef {import("./types.d.ts").Watch} Watch */

const GONE = "The server does not answer. Start `ropescope web` again, then load this page again.";
const MOST_TRIES = 12;
const FOLLOWED = "ropescope-jobs";

/** @returns {Promise<Backend>} */
export async function connect() {
  return new Server();
}

/** @implements {Backend} */
class Server {
  /** @type {"server"} */
  kind = "server";
  #token = /** @type {HTMLMetaElement | null} */ (document.querySelector('meta[name="ropescope-token"]'))?.content ?? "";

  /** @returns {Promise<Catalogue>} */
  async catalogue() {
    return read(await reach("./catalogue.json"));
  }

  /** @param {string} name @returns {Promise<Form>} */
  async form(name) {
    return read(await reach(formAddress(name)));
  }

  /** @param {string} question @param {Given} given */
  async problems(question, given) {
    return read(await this.#post("./api/problems", asked(question, given)));
  }

  /** @param {string} question @param {Given} given @param {Watch} watch @returns {Promise<Answer>} */
  async answer(question, given, watch) {
    const response = await this.#post("./api/answer", asked(question, given), watch.signal);
    const answer = await response.json();
    return "job" in answer ? this.#follow(answer.job, keyOf(question, given), watch) : answer;
  }

  /** @param {string} question @param {Given} given @param {Watch} watch @returns {Promise<Answer> | null} */
  resume(question, given, watch) {
    const key = keyOf(question, given);
    const job = followed()[key];
    return job ? this.#follow(job, key, watch) : null;
  }

  /** @param {File} file @param {boolean} asSource */
  async keepFile(file, asSource) {
    return this.#keep({ name: file.name, source: asSource ? "1" : "0" }, file);
  }

  /** @param {string} name @param {readonly { path: string, file: File }[]} files */
  async keepFolder(name, files) {
    const { path } = await read(await this.#post(`./api/folders?${new URLSearchParams({ name })}`, null));
    for (const one of files) await this.#keep({ name: one.path, folder: path }, one.file);
    return path;
  }

  can() {
    return { ok: true };
  }

  async prepare() {}

  /**
   * What a job says, to its answer. A connection that breaks is made again, from the last line that came.
   * @param {string} job
   * @param {string} key
   * @param {Watch} watch
   * @returns {Promise<Answer>}
   */
  async #follow(job, key, watch) {
    remember(key, job);
    const cancel = () => void this.#post(`./api/jobs/${job}/cancel`, null).catch(() => {});
    if (watch.signal.aborted) cancel();
    watch.signal.addEventListener("abort", cancel, { once: true });
    let last = "0";
    try {
      for (let tries = 0; tries < MOST_TRIES; tries += 1) {
        if (tries > 0) await new Promise((resolve) => setTimeout(resolve, Math.min(250 * 2 ** tries, 5000)));
        const response = await this.#send(`./api/jobs/${job}/events`, { headers: { "Last-Event-ID": last } }).catch(() => null);
        if (response === null || !response.body) continue;
        if (response.status === 404) throw new DOMException("The answer is not kept any more.", "AbortError");
        if (!response.ok) return refusal(response);
        try {
          for await (const event of events(response.body)) {
            [last, tries] = [event.id, 0];
            const { say, progress, answer } = event.data;
            if (say !== undefined) watch.onSay(say);
            if (progress !== undefined) watch.onProgress(.../** @type {[number, number, string]} */ (progress));
            if (answer === undefined) continue;
            if (answer.interrupted) throw new DOMException("Cancelled.", "AbortError");
            return answer;
          }
        } catch (error) {
          if (error instanceof DOMException && error.name === "AbortError") throw error;
        }
      }
      throw new Error(GONE);
    } finally {
      watch.signal.removeEventListener("abort", cancel);
      remember(key, null);
    }
  }

  /** @param {Record<string, string>} query @param {File} file @returns {Promise<string>} */
  async #keep(query, file) {
    const kept = await read(await this.#send(`./api/files?${new URLSearchParams(query)}`, { method: "POST", body: file }));
    return kept.path;
  }

  /** @param {string} path @param {unknown} body @param {AbortSignal} [signal] */
  #post(path, body, signal) {
    const headers = { "Content-Type": "application/json" };
    return this.#send(path, { method: "POST", headers, body: JSON.stringify(body), signal });
  }

  /** @param {string} path @param {RequestInit} options */
  #send(path, options) {
    return reach(path, { ...options, headers: { ...options.headers, "X-Ropescope-Token": this.#token } });
  }
}

/** A request, to be answered in the language of the page. @param {string} question @param {Given} given */
function asked(question, given) {
  return { question, given, language: document.documentElement.lang };
}

/** @param {string} path @param {RequestInit} [options] */
async function reach(path, options) {
  try {
    return await fetch(path, options);
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new Error(GONE);
  }
}

/** What a response holds; an error is thrown as its sentence. @param {Response} response @returns {Promise<any>} */
async function read(response) {
  if (!response.ok) throw new Error((await refusal(response)).error.message);
  return response.json();
}

/** @param {Response} response @returns {Promise<import("./types.d.ts").Refused>} */
async function refusal(response) {
  const message = (await response.text()) || GONE;
  try {
    return JSON.parse(message);
  } catch {
    return { error: { message, field: null, missing: false } };
  }
}

/**
 * Server-sent events: the browser's own reader sends no token.
 * @param {ReadableStream<Uint8Array<ArrayBuffer>>} body
 * @returns {AsyncGenerator<{ id: string, data: any }>}
 */
async function* events(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (let seen = 0; ; ) {
    const end = text.indexOf("\n\n", seen);
    if (end < 0) {
      seen = Math.max(text.length - 1, 0);
      const { value, done } = await reader.read();
      if (done) return;
      text += value;
      continue;
    }
    const found = text.slice(0, end).match(/^id: (\d+)\ndata: (.*)$/);
    [text, seen] = [text.slice(end + 2), 0];
    if (found) yield { id: found[1], data: JSON.parse(found[2]) };
  }
}

/** @param {string} question @param {Given} given */
function keyOf(question, given) {
  return JSON.stringify([question, Object.entries(given).sort()]);
}

/** Jobs that this tab follows, by what they answer. @returns {Record<string, string>} */
function followed() {
  try {
    return JSON.parse(sessionStorage.getItem(FOLLOWED) ?? "{}");
  } catch {
    return {};
  }
}

/** @param {string} key @param {string | null} job */
function remember(key, job) {
  const jobs = followed();
  if (job === null) delete jobs[key];
  else jobs[key] = job;
  try {
    sessionStorage.setItem(FOLLOWED, JSON.stringify(jobs));
  } catch {
    // without a store, an answer is not found again after a reload
  }
}
