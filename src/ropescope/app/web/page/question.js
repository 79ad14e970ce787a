// A question: its form beside its answer.

import { answered, refused, working } from "./answer.js";
import { announce, fill, h } from "./dom.js";
import { examples } from "./examples.js";
import { FormView } from "./forms.js";
import { link } from "./fragment.js";
import { others } from "./home.js";
import { prose } from "./prose.js";
import { t } from "./words.js";

/** @typedef {import("./page.js").Page} Page */
/** @typedef {import("./types.d.ts").Answer} Answer */
/** @typedef {import("./types.d.ts").Form} Form */
/** @typedef {import("./types.d.ts").Field} Field */
/** @typedef {import("./types.d.ts").Given} Given */
/** @typedef {import("./work.js").Work} Work */

/** @param {Page} page @param {Form} form @param {Given} given @param {string[]} notes */
export function question(page, form, given, notes) {
  const view = new QuestionView(page, form);
  return {
    title: form.name,
    view: [
      h("header", { class: "question" }, h("h1", {}, form.name), h("p", {}, prose(t(form.asks), { except: form.name })), others(page, form.name)),
      ...notes.map((note) => h("p", { class: "told" }, prose(note))),
      h("div", { class: "two" }, view.form.element, view.place),
    ],
    shown: (/** @type {boolean} */ first) => view.begin(given, first),
  };
}

class QuestionView {
  place = h("div", { class: "answer", "aria-busy": "false" });
  #page;
  #asks;
  /** The link whose answer is shown. */
  #shown = "";

  /** @param {Page} page @param {Form} asks */
  constructor(page, asks) {
    this.#page = page;
    this.#asks = asks;
    this.form = new FormView(asks, {
      backend: page.backend,
      kept: page.kept,
      complete: (field, input) => complete(page, asks.name, field, input),
      example: () => examples(asks, page.kept),
      onAsk: (given) => this.#ask(given),
      onChange: (given) => this.#changed(given),
    });
  }

  /** Fills the form in, and shows an answer that is known or being made. @param {Given} given @param {boolean} first of the page */
  begin(given, first) {
    const page = this.#page;
    this.form.write(given);
    page.moveTo(link(this.#asks.name, given, page.held), given, true);
    if (!first && matchMedia("(pointer: fine)").matches) this.form.focus();
    const known = page.works.answered(page.fragment);
    const work = known ? null : this.#going(given);
    if (known) this.#show(known);
    else if (work) this.#watch(work);
    else if (page.backend.can(this.#asks).ok) fill(this.place, h("p", { class: "empty" }, empty(this.#asks, given)));
  }

  /** The answer that is being made, or said in another language. @param {Given} given */
  #going(given) {
    const { works, fragment } = this.#page;
    const { name } = this.#asks;
    return works.running.get(fragment) ?? works.translated(fragment, name, given) ?? works.resume(fragment, name, given);
  }

  /** The link follows the form; an answered request keeps its place in the history. @param {Given} given */
  #changed(given) {
    const page = this.#page;
    page.moveTo(link(this.#asks.name, given, page.held), given, page.works.answered(page.fragment) === undefined);
    this.place.classList.toggle("stale", this.#shown !== "" && this.#shown !== page.fragment);
  }

  /** @param {Given} given */
  #ask(given) {
    const page = this.#page;
    page.moveTo(link(this.#asks.name, given, page.held), given, true);
    this.#watch(page.works.ask(page.fragment, this.#asks.name, given));
  }

  /** @param {Work} work */
  async #watch(work) {
    const { place } = this;
    const panel = working(work, this.#page.works);
    for (const old of place.querySelectorAll(".working, .empty")) old.remove();
    place.prepend(panel);
    place.setAttribute("aria-busy", "true");
    const found = await work.end;
    panel.remove();
    if (!place.isConnected || place.querySelector(".working")) return;
    place.setAttribute("aria-busy", "false");
    if (found && this.#page.fragment === work.fragment) this.#show(found);
    else if (!found) {
      announce(t("Cancelled"));
      if (place.childElementCount === 0) fill(place, h("p", { class: "empty" }, t("Cancelled.")));
    }
  }

  /** @param {Answer} found */
  #show(found) {
    const { given, fragment } = this.#page;
    this.place.classList.remove("stale");
    this.#shown = fragment;
    if ("error" in found) {
      const { field } = found.error;
      fill(this.place, refused(found.error, this.#page.backend, () => this.#ask(given)));
      if (field && this.form.refuse(field, found.error.message)) this.form.focusOn(field);
      return;
    }
    const beside = () => this.#page.keepBeside({ question: this.#asks.name, given, fragment });
    fill(this.place, answered(this.#asks, found, { version: this.#page.catalogue.version, fragment, beside }));
    announce(found.report.verdict);
    const { top } = this.place.getBoundingClientRect();
    if (top > innerHeight * 0.6 || top < 0) this.place.querySelector("h2")?.focus();
  }
}

/** What stands in the place of an answer: which inputs are missing still. @param {Form} form @param {Given} given */
function empty(form, given) {
  const required = form.fields.filter((one) => one.required && ![given[one.name]].flat()[0]).map((one) => `\`${one.name}\``);
  return prose(required.length > 0 ? t("Fill in {names}. The answer appears here.", { names: required.join(", ") }) : t("The answer appears here."));
}

/** The question whose first table lists the names that a field may have, where one does. @param {string} question @param {Field} field */
function listedBy(question, field) {
  if (field.control === "device") return "devices";
  if (field.name !== "name") return null;
  return { compute: "formulas", formulas: "formulas", "cannot-tell": "cannot-tell", experiment: "experiment" }[question] ?? null;
}

/** Offers the names that a field may have; they are asked for once. @param {Page} page @param {string} question @param {Field} field @param {HTMLInputElement} input */
async function complete(page, question, field, input) {
  const lists = listedBy(question, field);
  if (!lists || !page.ready || !page.backend.can(await page.form(lists)).ok) return;
  const id = `names-${lists}`;
  if (!document.getElementById(id)) {
    const list = document.body.appendChild(h("datalist", { id }));
    const answer = await page.backend.answer(lists, {}, { signal: new AbortController().signal, onSay() {}, onProgress() {} });
    if ("report" in answer) fill(list, answer.report.tables[0].rows.map((row) => h("option", { value: row[0].text })));
  }
  input.setAttribute("list", id);
}
