// Answers that are being made and those that were: each by the link that asks for it, so that going back shows it again.

/** @typedef {import("./types.d.ts").Answer} Answer */
/** @typedef {import("./types.d.ts").Backend} Backend */
/** @typedef {import("./types.d.ts").Given} Given */
/** @typedef {{ question: string, given: Given, fragment: string, line: string, what: string, done: number, planned: number,
 *              began: number, controller: AbortController, end: Promise<Answer | null> }} Work */

const MOST_ANSWERS = 40;
/** An answer that came within this is asked for again in another language. */
const SOON_MS = 2000;

export class Works extends EventTarget {
  /** @type {Map<string, Work>} */
  running = new Map();
  /** @type {Map<string, Answer>} */
  #answers = new Map();
  /** Answers in another language, and whether they came soon. @type {Map<string, { answer: Answer, soon: boolean }>} */
  #before = new Map();
  /** @type {Set<string>} */
  #soon = new Set();
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

  /** The page speaks another language from now on. */
  speakAgain() {
    for (const [fragment, answer] of this.#answers) this.#before.set(fragment, { answer, soon: this.#soon.has(fragment) });
    this.#answers.clear();
  }

  /**
   * The answer that was given in another language, in the present one; null where there is none.
   * @param {string} fragment
   * @param {string} question
   * @param {Given} given
   */
  translated(fragment, question, given) {
    const before = this.#before.get(fragment);
    if (!before) return null;
    this.#before.delete(fragment);
    if (before.soon || "error" in before.answer) return before.soon ? this.ask(fragment, question, given) : null;
    const { answer } = before;
    return this.#begin(fragment, question, given, (watch) => this.#shownAgain(answer, watch));
  }

  /**
   * A report in the language of the page, from what was kept of it: nothing is computed again.
   * @param {import("./types.d.ts").Answered} answer
   * @param {import("./types.d.ts").Watch} watch
   * @returns {Promise<Answer>}
   */
  async #shownAgain(answer, watch) {
    const file = new File([JSON.stringify(answer.report.whole)], "report.json");
    const shown = await this.#backend.answer("show-report", { report: await this.#backend.keepFile(file, false) }, watch);
    if ("error" in shown) return shown;
    const { whole, markdown, steps } = answer.report;
    // That it was shown again is no news to who changed the language, and how to go on is not in what was kept.
    const goOn = steps.filter((one) => one.inputs.resume === true);
    const report = { ...shown.report, whole, markdown, caveats: shown.report.caveats.slice(0, -1), steps: [...goOn, ...shown.report.steps] };
    return { ...answer, report };
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
    const language = document.documentElement.lang;
    /** @type {Work} */
    const work = { question, given, fragment, line: "", what: "", done: 0, planned: 0, began: performance.now(), controller, end: Promise.resolve(null) };
    const changed = () => this.dispatchEvent(new Event("change"));
    /** @type {import("./types.d.ts").Watch} */
    const watch = {
      signal: controller.signal,
      onSay(line) {
        Object.assign(work, { line, what: "", done: 0, planned: 0 });
        changed();
      },
      onProgress(done, planned, what) {
        Object.assign(work, { done, planned, what });
        changed();
      },
    };
    const answer = begin(watch).then((found) =>
      "report" in found && language !== document.documentElement.lang ? this.#shownAgain(found, watch) : found,
    );
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
      if (performance.now() - work.began < SOON_MS) this.#soon.add(work.fragment);
      else this.#soon.delete(work.fragment);
      for (const old of [...this.#answers.keys()].slice(0, -MOST_ANSWERS)) this.#answers.delete(old);
      return found;
    } catch (error) {
      if (error instanceof DOMException && error.name === "AbortError") return null;
      return { error: { message: error instanceof Error ? error.message : String(error), field: null, missing: false } };
    }
  }
}
