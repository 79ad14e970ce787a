// The views, and which of them the link asks for.

import { answered, refused, working } from "./answer.js";
import { Box } from "./box.js";
import { announce, fill, h } from "./dom.js";
import { fitting, FormView } from "./forms.js";
import { compareLink, link, place } from "./fragment.js";
import { home, others } from "./home.js";
import { Kept } from "./kept.js";
import { knowQuestions, prose } from "./prose.js";
import { Works } from "./work.js";
import { t } from "./words.js";

/** @typedef {import("./types.d.ts").Answer} Answer */
/** @typedef {import("./types.d.ts").Backend} Backend */
/** @typedef {import("./types.d.ts").Catalogue} Catalogue */
/** @typedef {import("./types.d.ts").Form} Form */
/** @typedef {import("./types.d.ts").Given} Given */
/** @typedef {import("./fragment.js").Request} Request */

const MOST_BESIDE = 6;

export class Page {
  main = h("main", { id: "main", tabindex: "-1" });
  tray = h("aside", { class: "tray", "aria-label": t("Kept beside"), hidden: true });
  /** The link of what is shown. */
  fragment = "";
  /** @type {Map<string, Promise<Form>>} */
  #forms = new Map();
  /** The inputs behind a link that this page made: with files that the link holds by name only. @type {Map<string, Given>} */
  #givens = new Map();
  /** @type {import("./compare.js").Kept[]} */
  #beside = [];
  #routes = 0;
  #ready = false;
  /** @type {Given} */
  #given = {};
  /** @type {Promise<HTMLElement> | null} */
  #devices = null;

  /** @param {Backend} backend @param {Catalogue} catalogue */
  constructor(backend, catalogue) {
    this.backend = backend;
    this.catalogue = catalogue;
    this.kept = new Kept(backend);
    this.works = new Works(backend);
    this.questions = catalogue.situations.flatMap((one) => one.questions);
    knowQuestions(this.questions.map((one) => one.name));
    this.box = new Box({
      backend,
      kept: this.kept,
      questions: this.questions,
      form: (name) => this.form(name),
      ready: () => this.#ready,
      go: (question, given) => this.go(question, given),
    });
    this.main.addEventListener("click", (event) => this.#follow(event));
  }

  /** Begin to load what answers need. */
  async prepare() {
    await this.backend.prepare();
    this.#ready = true;
  }

  /** @param {string} name @returns {Promise<Form>} */
  form(name) {
    const held = this.#forms.get(name) ?? this.backend.form(name);
    this.#forms.set(name, held);
    held.catch(() => this.#forms.delete(name));
    return held;
  }

  /** The text that a link holds of a kept file. */
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
    const first = mine === 1;
    const there = place(location.hash);
    const [request] = there.requests;
    this.fragment = location.hash;
    if (!first) this.box.clear();
    try {
      /** @type {HTMLElement[]} */
      let view;
      if (there.view === "explore") view = await (await import("./explore.js")).explore(this, there.look);
      else if (there.view === "compare") view = await this.#compare(there.requests);
      else if (there.view === "question" && request.question !== "ask") return await this.#question(request, mine);
      else view = home(this);
      if (mine !== this.#routes) return;
      this.#show(view, "", first);
      if (request?.question === "ask") this.box.fill(Object.values(request.pieces).flat().filter((one) => typeof one === "string").join(" "));
    } catch (error) {
      if (mine === this.#routes) this.#show([h("h1", {}, t("Not found")), ...refused({ message: error instanceof Error ? error.message : String(error), field: null, missing: false })], "", first);
    }
  }

  /** @param {HTMLElement[]} view @param {string} title @param {boolean} first */
  #show(view, title, first) {
    fill(this.main, view);
    document.title = title ? `${title} · ropescope` : "ropescope";
    this.works.dispatchEvent(new Event("change"));
    if (first) return;
    scrollTo(0, 0);
    this.main.focus({ preventScroll: true });
  }

  /** @param {Request} request @param {number} mine */
  async #question(request, mine) {
    if (!this.questions.some((one) => one.name === request.question)) throw new Error(t("There is no question {name}.", { name: request.question }));
    const form = await this.form(request.question);
    const { given, notes } = await this.#restored(form, request, location.hash);
    if (mine !== this.#routes) return;
    this.#moveTo(link(form.name, given, this.held), given, true);

    const answer = h("div", { class: "answer", "aria-busy": "false" });
    const view = new FormView(form, {
      backend: this.backend,
      kept: this.kept,
      complete: (input) => this.#complete(input),
      example: () => example(form, this.kept),
      onAsk: (now) => this.#ask(form, now, view, answer),
      onChange: (now) => this.#changed(form, now, answer),
    });
    view.write(given);
    this.#show(
      [
        h("header", { class: "question" }, h("h1", {}, form.name), h("p", {}, t(form.asks)), others(this, form.name)),
        ...notes.map((note) => h("p", { class: "told" }, prose(note))),
        h("div", { class: "two" }, view.element, answer),
      ],
      form.name,
      mine === 1,
    );
    if (mine > 1 && matchMedia("(pointer: fine)").matches) view.focus();
    const known = this.works.answered(this.fragment);
    const work = known ? null : (this.works.running.get(this.fragment) ?? this.works.resume(this.fragment, form.name, given));
    if (known) this.#answer(form, known, view, answer);
    else if (work) this.#watch(form, work, view, answer);
    else fill(answer, h("p", { class: "empty" }, empty(form)));
  }

  /**
   * The inputs of a request, its files kept, and what of it cannot be restored.
   * @param {Form} form
   * @param {Request} request
   * @param {string} [fragment]
   */
  async #restored(form, request, fragment = "") {
    const known = this.#givens.get(fragment);
    if (known) return { given: known, notes: [] };
    /** @type {Given} */
    const given = {};
    const notes = [];
    const fields = new Map(form.fields.map((one) => [one.name, one]));
    for (const [name, pieces] of Object.entries(request.pieces)) {
      const field = fields.get(name);
      if (!field) {
        notes.push(t("The link names `{name}`, which `{question}` does not take.", { name, question: form.name }));
        continue;
      }
      const values = [];
      for (const piece of pieces) {
        const path = typeof piece === "string" ? piece : await this.kept.restored(piece, field.control === "source");
        if (path !== "") values.push(path);
        else if (typeof piece !== "string") notes.push(t("The link names the file {name}, which is not in it: choose it again.", { name: piece.name }));
      }
      if (values.length === 0) continue;
      if (field.control === "flag") given[name] = values[0] === "true";
      else given[name] = field.several && (field.repeats || values.length > 1) ? values : values[values.length - 1];
    }
    return { given, notes };
  }

  /** @param {string} fragment @param {Given} given @param {boolean} instead of the present entry of the history */
  #moveTo(fragment, given, instead) {
    this.#given = given;
    this.#givens.set(fragment, given);
    if (fragment === this.fragment) return;
    this.fragment = fragment;
    if (instead) history.replaceState(null, "", fragment);
    else history.pushState(null, "", fragment);
  }

  /** The link follows the form; an answered request keeps its place in the history. @param {Form} form @param {Given} given @param {HTMLElement} answer */
  #changed(form, given, answer) {
    const done = this.works.answered(this.fragment) !== undefined;
    this.#moveTo(link(form.name, given, this.held), given, !done);
    answer.classList.toggle("stale", answer.dataset.for !== undefined && answer.dataset.for !== this.fragment);
  }

  /** @param {Form} form @param {Given} given @param {FormView} view @param {HTMLElement} answer */
  #ask(form, given, view, answer) {
    this.#moveTo(link(form.name, given, this.held), given, true);
    this.#watch(form, this.works.ask(this.fragment, form.name, given), view, answer);
  }

  /** @param {Form} form @param {import("./work.js").Work} work @param {FormView} view @param {HTMLElement} answer */
  async #watch(form, work, view, answer) {
    const panel = working(work, this.works);
    answer.querySelector(".working")?.remove();
    answer.querySelector(".empty")?.remove();
    answer.prepend(panel);
    answer.setAttribute("aria-busy", "true");
    const found = await work.end;
    panel.remove();
    if (!answer.isConnected || answer.querySelector(".working")) return;
    answer.setAttribute("aria-busy", "false");
    if (found && this.fragment === work.fragment) this.#answer(form, found, view, answer);
    else if (!found) {
      announce(t("Cancelled"));
      if (answer.childElementCount === 0) fill(answer, h("p", { class: "empty" }, t("Cancelled.")));
    }
  }

  /** @param {Form} form @param {Answer} found @param {FormView} view @param {HTMLElement} answer */
  #answer(form, found, view, answer) {
    answer.classList.remove("stale");
    answer.dataset.for = this.fragment;
    if ("error" in found) {
      const told = found.error.field !== null && view.tell(found.error.field, found.error.message);
      const given = this.#given;
      const allow = (/** @type {string} */ repository) => {
        this.backend.allowHub?.(repository);
        this.#ask(form, given, view, answer);
      };
      fill(answer, refused(found.error, this.backend.allowHub ? allow : null));
      if (told && found.error.field) view.focusOn(found.error.field);
      return;
    }
    const given = this.#given;
    const fragment = this.fragment;
    fill(answer, answered(form, found, { version: this.catalogue.version, beside: () => this.#keepBeside(form.name, given, fragment) }));
    announce(found.report.verdict);
    const top = answer.getBoundingClientRect().top;
    if (top > innerHeight * 0.6 || top < 0) answer.querySelector("h2")?.focus();
  }

  /** @param {string} question @param {Given} given @param {string} fragment */
  #keepBeside(question, given, fragment) {
    if (this.#beside.some((one) => one.fragment === fragment)) return announce(t("It is kept beside already."));
    if (this.#beside.length >= MOST_BESIDE) return announce(t("Six answers are kept beside: remove one first."));
    this.#beside.push({ question, given, fragment });
    this.#drawTray();
    announce(t("Kept beside: {n} of {most}", { n: this.#beside.length, most: MOST_BESIDE }));
  }

  #drawTray() {
    this.tray.hidden = this.#beside.length === 0 || place(this.fragment).view === "compare";
    const clear = h("button", { type: "button", class: "small" }, t("Clear"));
    clear.addEventListener("click", () => {
      this.#beside = [];
      this.#drawTray();
    });
    fill(
      this.tray,
      h("span", {}, t("Kept beside: {n} of {most}", { n: this.#beside.length, most: MOST_BESIDE })),
      h("a", { class: "button main", href: compareLink(this.#beside, this.held) }, t("Compare")),
      clear,
    );
  }

  /** @param {Request[]} requests @returns {Promise<HTMLElement[]>} */
  async #compare(requests) {
    const { comparison } = await import("./compare.js");
    /** @type {import("./compare.js").Kept[]} */
    const kept = [];
    for (const request of requests.slice(0, MOST_BESIDE)) {
      const form = await this.form(request.question);
      const same = this.#beside.find((one) => place(one.fragment).requests.every((other) => JSON.stringify(other) === JSON.stringify(request)));
      const given = same?.given ?? (await this.#restored(form, request)).given;
      const fragment = link(form.name, given, this.held);
      this.#givens.set(fragment, given);
      kept.push({ question: form.name, given, fragment });
    }
    this.#beside = kept;
    this.#drawTray();
    const place_ = h("div", { class: "comparison" });
    const draw = () => {
      const columns = kept.map((one) => ({ one, answer: this.works.answered(one.fragment) }));
      const open = columns.filter(({ answer }) => answer === undefined);
      const button = h("button", { type: "button", class: "main" }, t("Answer the {n} that are open", { n: open.length }));
      button.addEventListener("click", () => {
        button.disabled = true;
        for (const { one } of open) this.works.ask(one.fragment, one.question, one.given).end.then(draw);
      });
      const remove = (/** @type {string} */ fragment) => {
        const left = kept.filter((one) => one.fragment !== fragment);
        this.#beside = left;
        location.hash = left.length > 0 ? compareLink(left, this.held) : "";
      };
      fill(place_, open.length > 0 && h("p", {}, button), comparison(columns, { nameOf: (path) => this.kept.name(path), remove, held: this.held }));
    };
    draw();
    return [h("header", { class: "question" }, h("h1", {}, t("Compare")), h("p", {}, t("Answers side by side, up to six."))), place_];
  }

  /** A link to a question carries along what the present one was given. @param {MouseEvent} event */
  #follow(event) {
    const to = /** @type {HTMLElement | null} */ (event.target instanceof Element ? event.target.closest("a[data-question]") : null);
    if (!to?.dataset.question || event.ctrlKey || event.metaKey || event.shiftKey || event.button !== 0) return;
    event.preventDefault();
    /** @type {Given} */
    const own = to.dataset.inputs ? JSON.parse(to.dataset.inputs) : this.#given;
    // A step writes "…" for what the user gave already.
    for (const [name, value] of Object.entries(own)) if (value === "…" && name in this.#given) own[name] = this.#given[name];
    this.go(to.dataset.question, this.kept.found(own, this.#given));
  }

  /** Offers the names of known devices, which are asked for once. @param {HTMLInputElement} input */
  async #complete(input) {
    if (!this.#ready) return;
    this.#devices ??= this.backend.answer("devices", {}, { signal: new AbortController().signal, onSay() {}, onProgress() {} }).then((answer) => {
      const rows = "report" in answer ? answer.report.tables[0].rows : [];
      const list = h("datalist", { id: "devices" }, rows.map((row) => h("option", { value: row[0].text })));
      document.body.append(list);
      return list;
    });
    input.setAttribute("list", (await this.#devices).id);
  }
}

/** @param {Form} form */
function empty(form) {
  const required = form.fields.filter((one) => one.required).map((one) => `\`${one.name}\``);
  return prose(required.length > 0 ? t("Fill in {names}. The answer comes here.", { names: required.join(", ") }) : t("The answer comes here."));
}

/**
 * The example of a question: its inputs as the registry has them, with files that this page brings.
 * @param {Form} form
 * @param {Kept} kept
 * @returns {Promise<Given | null>}
 */
async function example(form, kept) {
  const { examples } = await import("./examples.js");
  return examples(form, kept);
}
