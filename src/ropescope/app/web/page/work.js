// Answers that are being made and those that were: each by the link that asks for it, so that going back shows it again.

/** @typedef {import("./types.d.ts").Answer} Answer */
/** @typedef {import("./types.d.ts").Backend} Backend */
/** @typedef {import("./types.d.ts").Given} Given */
/** @typedef {{ question: string, given: Given, fragment: string, line: string, what: string, done: number, planned: number,
 *              began: number, controller: AbortController, end: Promise<Answer | null> }} Work */

const MOST_ANSWERS = 40;

export class Works extends EventTarget {
  /** @type {Map<string, Work>} */
  running = new Map();
  /** @type {Map<string, Answer>} */
  #answers = new Map();
  #backend;

  /** @param {Backend} backend */
  constructor(backend) {
    super();
    this.#backend = backend;
  }

  /** The answer to a request, if it was given. @param {string} fragment */
  answered(fragment) {
    return this.#answers.get(fragment);
  }

  /**
   * Ask, or follow what is asked already. Its `end` is the answer, null if it was cancelled.
   * @param {string} fragment
   * @param {string} question
   * @param {Given} given
   * @returns {Work}
   */
  ask(fragment, question, given) {
    return this.running.get(fragment) ?? this.#begin(fragment, question, given, (watch) => this.#backend.answer(question, given, watch));
  }

  /**
   * Follow an answer that was begun before the page was loaded again; null where there is none.
   * @param {string} fragment
   * @param {string} question
   * @param {Given} given
   */
  resume(fragment, question, given) {
    /** @type {Promise<Answer> | null | undefined} */
    let found;
    const begun = this.#begin(fragment, question, given, (watch) => {
      found = this.#backend.resume?.(question, given, watch);
      return found ?? Promise.reject(new DOMException("", "AbortError"));
    });
    return found ? begun : null;
  }

  /**
   * @param {string} fragment
   * @param {string} question
   * @param {Given} given
   * @param {(watch: import("./types.d.ts").Watch) => Promise<Answer>} begin
   */
  #begin(fragment, question, given, begin) {
    const controller = new AbortController();
    /** @type {Work} */
    const work = { question, given, fragment, line: "", what: "", done: 0, planned: 0, began: performance.now(), controller, end: Promise.resolve(null) };
    const changed = () => this.dispatchEvent(new Event("change"));
    const answer = begin({
      signal: controller.signal,
      onSay(line) {
        Object.assign(work, { line, what: "", done: 0, planned: 0 });
        changed();
      },
      onProgress(done, planned, what) {
        Object.assign(work, { done, planned, what });
        changed();
      },
    });
    work.end = this.#ended(work, answer).finally(() => {
      this.running.delete(fragment);
      changed();
    });
    this.running.set(fragment, work);
    queueMicrotask(changed);
    return work;
  }

  /** @param {Work} work @param {Promise<Answer>} answer @returns {Promise<Answer | null>} */
  async #ended(work, answer) {
    try {
      const found = await answer;
      this.#answers.delete(work.fragment);
      this.#answers.set(work.fragment, found);
      for (const old of [...this.#answers.keys()].slice(0, -MOST_ANSWERS)) this.#answers.delete(old);
      return found;
    } catch (error) {
      if (error instanceof DOMException && error.name === "AbortError") return null;
      return { error: { message: error instanceof Error ? error.message : String(error), field: null, missing: false } };
    }
  }
}
