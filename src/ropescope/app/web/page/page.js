// The views, and which of them the link asks for. Each view but the list of questions is fetched when it is first shown.

import { Box } from "./box.js";
import { announce, fill, h } from "./dom.js";
import { compareLink, link, place } from "./fragment.js";
import { home } from "./home.js";
import { fitting, restored } from "./inputs.js";
import { Kept } from "./kept.js";
import { knowQuestions, prose } from "./prose.js";
import { Works } from "./work.js";
import { t } from "./words.js";

/** @typedef {import("./types.d.ts").Backend} Backend */
/** @typedef {import("./types.d.ts").Catalogue} Catalogue */
/** @typedef {import("./types.d.ts").Form} Form */
/** @typedef {import("./types.d.ts").Given} Given */
/** @typedef {{ question: string, given: Given, fragment: string }} Asked  A request with the link that asks for it. */

export const MOST_BESIDE = 6;

export class Page {
  main = h("main", { id: "main", tabindex: "-1" });
  tray = h("aside", { class: "tray", "aria-label": t("Comparison"), hidden: true });
  /** The link of what is shown, and the inputs in it. */
  fragment = "";
  /** @type {Given} */
  given = {};
  /** @type {Asked[]} */
  beside = [];
  /** Whether an answer would begin at once. */
  ready = false;
  /** @type {Map<string, Promise<Form>>} */
  #forms = new Map();
  /** The inputs behind a link that this page made: with files that the link holds by name only. @type {Map<string, Given>} */
  #givens = new Map();
  #routes = 0;

  /** @param {Backend} backend @param {Catalogue} catalogue @param {Page | null} before the same page in another language */
  constructor(backend, catalogue, before = null) {
    this.backend = backend;
    this.catalogue = catalogue;
    this.kept = before?.kept ?? new Kept(backend);
    this.works = before?.works ?? new Works(backend);
    this.works.speakAgain();
    if (before) [this.given, this.beside, this.ready, this.#forms, this.#givens] = [before.given, before.beside, before.ready, before.#forms, before.#givens];
    this.questions = catalogue.situations.flatMap((one) => one.questions);
    knowQuestions(this.questions.map((one) => one.name));
    this.box = new Box(this);
    this.main.addEventListener("click", (event) => this.#follow(event));
  }

  /** Begin to load what a question and its answer need. */
  async prepare() {
    await new Promise((painted) => requestAnimationFrame(() => setTimeout(painted)));
    import("./question.js").catch(() => {}); // told where a question is opened
    await this.backend.prepare();
    this.ready = true;
  }

  /** @param {string} name @returns {Promise<Form>} */
  form(name) {
    if (!this.questions.some((one) => one.name === name)) return Promise.reject(new Error(t("There is no question {name}.", { name })));
    const held = this.#forms.get(name) ?? this.backend.form(name);
    this.#forms.set(name, held);
    held.catch(() => this.#forms.delete(name));
    return held;
  }

  /** What a link holds of a kept file. */
  held = (/** @type {string} */ path) => this.kept.held(path);

  /** Go to a question with what of `inputs` it takes. @param {string} question @param {Given} inputs */
  async go(question, inputs) {
    const given = fitting(await this.form(question), inputs);
    const fragment = link(question, given, this.held);
    this.#givens.set(fragment, given);
    if (location.hash === fragment) await this.route();
    else location.hash = fragment;
  }

  /** Shows what the link asks for. */
  async route() {
    const mine = ++this.#routes;
    const there = place(location.hash);
    const [request] = there.requests;
    this.fragment = location.hash;
    if (mine > 1) this.box.clear();
    try {
      const view = await this.#view(there);
      if (mine === this.#routes) this.#show(view, mine === 1);
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      const view = [h("h1", {}, t("Not found")), h("p", { class: "refused", role: "alert" }, why)];
      if (mine === this.#routes) this.#show({ view, title: "" }, mine === 1);
    }
    if (request?.question === "ask" && mine === this.#routes) {
      this.box.fill(Object.values(request.pieces).flat().filter((one) => typeof one === "string").join(" "));
    }
  }

  /**
   * @param {import("./fragment.js").Place} there
   * @returns {Promise<{ view: (HTMLElement | null)[], title: string, shown?: (first: boolean) => void }>}
   */
  async #view(there) {
    const [request] = there.requests;
    if (there.view === "home" || request?.question === "ask") return { view: home(this), title: "" };
    if (there.view === "compare") return (await import("./compare.js")).compare(this, there.requests);
    const { given, notes } = request ? await this.asked(request, location.hash) : { given: {}, notes: [] };
    if (there.view === "explore") return (await import("./explore.js")).explore(this, there.look, given);
    const [{ question }, form] = await Promise.all([import("./question.js"), this.form(request.question)]);
    return question(this, form, given, notes);
  }

  /**
   * The inputs of a request, and notes on what of it cannot be restored.
   * @param {import("./fragment.js").Request} request
   * @param {string} [fragment] the link that holds this request alone
   */
  async asked(request, fragment = "") {
    const known = this.#givens.get(fragment);
    return known ? { given: known, notes: [] } : restored(await this.form(request.question), request, this.kept);
  }

  /** @param {{ view: (HTMLElement | null)[], title: string, shown?: (first: boolean) => void }} made @param {boolean} first */
  #show({ view, title, shown }, first) {
    fill(this.main, view);
    document.title = title ? `${title} · ropescope` : "ropescope";
    this.works.dispatchEvent(new Event("change"));
    this.drawTray();
    if (!first) {
      scrollTo(0, 0);
      this.main.focus({ preventScroll: true });
    }
    shown?.(first);
  }

  /**
   * The link follows what is shown.
   * @param {string} fragment
   * @param {Given} given
   * @param {boolean} instead of the present entry of the history, or as a new one
   */
  moveTo(fragment, given, instead) {
    this.given = given;
    this.#givens.set(fragment, given);
    if (fragment === this.fragment) return;
    this.fragment = fragment;
    if (instead) history.replaceState(null, "", fragment);
    else history.pushState(null, "", fragment);
  }

  /** Keep the answer to a request for a comparison. @param {Asked} asked */
  keepBeside(asked) {
    if (this.beside.some((one) => one.fragment === asked.fragment)) return announce(t("This answer is in the comparison already."));
    if (this.beside.length >= MOST_BESIDE) return announce(t("The comparison holds six answers: remove one first."));
    this.beside.push(asked);
    this.drawTray();
    announce(t("To compare: {n} of {most}", { n: this.beside.length, most: MOST_BESIDE }));
  }

  drawTray() {
    this.tray.hidden = this.beside.length === 0 || place(this.fragment).view === "compare";
    const clear = h("button", { type: "button", class: "small" }, t("Clear"));
    clear.addEventListener("click", () => {
      this.beside = [];
      this.drawTray();
    });
    fill(
      this.tray,
      h("span", {}, t("To compare: {n} of {most}", { n: this.beside.length, most: MOST_BESIDE })),
      h("a", { class: "button main", href: compareLink(this.beside, this.held) }, t("Compare")),
      clear,
    );
  }

  /** A link to a question carries along what the present one was given. @param {MouseEvent} event */
  #follow(event) {
    const to = /** @type {HTMLElement | null} */ (event.target instanceof Element ? event.target.closest("a[data-question]") : null);
    if (!to?.dataset.question || event.ctrlKey || event.metaKey || event.shiftKey || event.button !== 0) return;
    event.preventDefault();
    /** @type {Given} */
    const own = to.dataset.inputs ? JSON.parse(to.dataset.inputs) : this.given;
    // A step writes "…" for what the user gave already.
    for (const [name, value] of Object.entries(own)) if (value === "…" && name in this.given) own[name] = this.given[name];
    this.go(to.dataset.question, this.kept.found(own, this.given));
  }
}
