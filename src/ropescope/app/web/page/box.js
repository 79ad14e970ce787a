// The one box: words, or anything pasted or dropped, to the questions that answer, with their forms filled in. It asks nothing itself.

import { announce, debounced, fill, h } from "./dom.js";
import { link, place } from "./fragment.js";
import { fitting, labelOf, valueText } from "./inputs.js";
import { dropped, isFile, pastedFile } from "./kept.js";
import { prose } from "./prose.js";
import { t } from "./words.js";

/** @typedef {import("./types.d.ts").Given} Given */
/** @typedef {import("./types.d.ts").Listed} Listed */
/** @typedef {{ question: string, asks: string, given: Given }} Offer */

const MOST_NEAR = 5;

export class Box {
  #page;
  #input = h("input", {
    type: "text",
    id: "box",
    autocomplete: "off",
    spellcheck: "false",
    "aria-controls": "offers",
    "aria-describedby": "box-hint",
    placeholder: t("llama 8b 32k on a 4090"),
  });
  #told = h("p", { class: "told" });
  #list = h("ul");
  #offers = h("div", { id: "offers", class: "offers", role: "region", "aria-label": t("Questions that answer this"), hidden: true }, this.#told, this.#list);
  #asked = 0;
  /** The words that were asked last, and what was found for them. @type {{ words: string, offers: Promise<Offer[]> }} */
  #last = { words: "", offers: Promise.resolve([]) };

  /** @param {import("./page.js").Page} page */
  constructor(page) {
    this.#page = page;
    const chosen = h("input", { type: "file", multiple: true, hidden: true, tabindex: "-1", "aria-hidden": "true" });
    chosen.addEventListener("change", () => {
      this.offerFiles([...(chosen.files ?? [])].map((file) => ({ file })));
      chosen.value = "";
    });
    this.element = h(
      "form",
      { class: "box", role: "search" },
      h("label", { for: "box", class: "out-of-sight" }, t("What do you want to know?")),
      h(
        "div",
        { class: "bar" },
        this.#input,
        h("button", { type: "button", onclick: () => chosen.click() }, t("File…")),
        h("button", { type: "submit", class: "main" }, t("Find")),
        chosen,
      ),
      h("p", { id: "box-hint", class: "hint" }, t("Ask in words, or paste or drop a model id, a config, a log, votes, a schema, a template or code.")),
      this.#offers,
    );
    const asks = debounced(350, () => this.#page.ready && this.#offerWords());
    this.#input.addEventListener("input", () => {
      this.#near();
      asks();
    });
    this.#input.addEventListener("paste", (event) => {
      const pasted = event.clipboardData?.getData("text") ?? "";
      if (!isFile(pasted) && !event.clipboardData?.files.length) return;
      event.preventDefault();
      if (isFile(pasted)) this.offerFiles([{ file: pastedFile(pasted) }]);
      else this.offerDropped(event.clipboardData);
    });
    this.element.addEventListener("submit", async (event) => {
      event.preventDefault();
      if (this.#input.value.trim() === "") return this.#input.focus();
      const offers = await this.#offerWords();
      if (offers.length === 1) this.#open(offers[0]);
      else this.#links()[0]?.focus();
    });
    this.element.addEventListener("keydown", (event) => this.#walk(event));
  }

  /** Puts words into the box and offers what they mean. @param {string} words @param {boolean} [go] into the box, too */
  fill(words, go = false) {
    this.#input.value = words;
    this.#near();
    if (words) this.#offerWords();
    if (go) this.#input.focus();
  }

  focus() {
    this.#input.focus();
    this.#input.select();
  }

  /** Empties the box. */
  clear() {
    this.#asked += 1;
    this.#last.words = "";
    this.#input.value = "";
    this.#offers.hidden = true;
  }

  /** @param {DataTransfer | null} transfer */
  async offerDropped(transfer) {
    const text = transfer?.getData("text") ?? ""; // gone after the event
    const found = await dropped(transfer);
    if (found.length > 0) await this.offerFiles(found);
    else if (isFile(text)) await this.offerFiles([{ file: pastedFile(text) }]);
    else if (text) this.fill(text);
  }

  /** Offers the questions that read files. A form that holds one of a pair takes the other. @param {import("./kept.js").Dropped[]} found */
  async offerFiles(found) {
    if (found.length === 0) return;
    const mine = ++this.#asked;
    this.#last.words = "";
    const { kept, fragment } = this.#page;
    const open = place(fragment).requests[0]?.question;
    const beside = [...new Set(Object.values(this.#page.given).flat())].filter((one) => typeof one === "string" && kept.has(one));
    this.#show(t("Reading {name}", { name: found.map((one) => ("file" in one ? one.file.name : one.folder)).join(", ") }), []);
    try {
      const paths = [];
      for (const one of found) paths.push(await kept.keep(one, false));
      const fits = open && paths.length === 1 && beside.length === 1;
      const together = fits ? await this.#ask({ words: [...beside.map(String), ...paths] }, mine, open) : [];
      const offers = together.length > 0 ? together : await this.#ask(paths.length > 1 ? { words: paths } : { file: paths[0] }, mine);
      if (offers.length > 0) this.#links()[0]?.focus();
    } catch (error) {
      this.#show(error instanceof Error ? error.message : String(error), []);
    }
  }

  /** @returns {Promise<Offer[]>} */
  #offerWords() {
    const words = this.#input.value.trim();
    if (words === this.#last.words) return this.#last.offers;
    const mine = ++this.#asked;
    if (!this.#page.ready) fill(this.#told, t("Python is loading. Meanwhile, these questions match your words:"));
    const offers = this.#ask({ words: [words] }, mine).catch((error) => {
      if (mine === this.#asked) this.#show(error instanceof Error ? error.message : String(error), []);
      return [];
    });
    this.#last = { words, offers };
    return offers;
  }

  /** @param {Given} given @param {number} mine @param {string} [only] offer this question alone, or none @returns {Promise<Offer[]>} */
  async #ask(given, mine, only = "") {
    const answer = await this.#page.backend.answer("ask", given, { signal: new AbortController().signal, onSay() {}, onProgress() {} });
    if (mine !== this.#asked) return [];
    if (only && ("error" in answer || answer.report.steps.some((step) => step.question !== only))) return [];
    if ("error" in answer) {
      const near = "words" in given ? this.#nearest() : [];
      this.#show(answer.error.message, near);
      return near;
    }
    /** @type {Offer[]} */
    const offers = [];
    for (const step of answer.report.steps) {
      if (!step.question) continue;
      const form = await this.#page.form(step.question);
      const filled = fitting(form, this.#page.kept.found(step.inputs, given));
      for (const field of form.fields) {
        const value = filled[field.name];
        if (field.control !== "source" || value === undefined) continue;
        const all = await Promise.all([value].flat().map((one) => this.#page.kept.asSource(String(one))));
        filled[field.name] = Array.isArray(value) ? all : all[0];
      }
      offers.push({ question: step.question, asks: form.asks, given: filled });
    }
    // A lone offer says itself what the verdict says of a question's words.
    if (mine === this.#asked) this.#show("words" in given && offers.length === 1 ? "" : answer.report.verdict, offers);
    return offers;
  }

  /** At once, as one types: the questions that have these words. */
  #near() {
    this.#asked += 1;
    this.#last.words = "";
    const near = this.#nearest();
    if (this.#input.value.trim() === "") this.#offers.hidden = true;
    else if (near.length > 0) this.#show("", near);
  }

  /** @returns {Offer[]} */
  #nearest() {
    const words = this.#input.value.toLowerCase().split(/[^\p{L}\p{N}._-]+/u).filter((word) => word.length > 2);
    const scored = this.#page.questions.map((one) => {
      const score = words.reduce((sum, word) => sum + counted(word, one), 0);
      return { score, offer: { question: one.name, asks: one.asks, given: {} } };
    });
    return scored.filter((one) => one.score > 1).sort((a, b) => b.score - a.score).slice(0, MOST_NEAR).map((one) => one.offer);
  }

  /** @param {string} told @param {Offer[]} offers */
  #show(told, offers) {
    this.#offers.hidden = false;
    fill(this.#told, ...prose(told));
    this.#told.hidden = told === "";
    const at = this.#links().indexOf(/** @type {any} */ (document.activeElement));
    fill(
      this.#list,
      offers.map((one) => {
        const to = h("a", { href: link(one.question, one.given, this.#page.held) }, h("b", {}, one.question), " ", h("span", {}, t(one.asks).replaceAll("`", "")));
        to.addEventListener("click", (event) => {
          if (event.ctrlKey || event.metaKey || event.shiftKey) return;
          event.preventDefault();
          this.#open(one);
        });
        const filled = Object.entries(one.given).map(([name, value]) =>
          h("span", { class: "input" }, `${labelOf(name)} `, h("b", {}, valueText(value, this.#page.kept))),
        );
        return h("li", {}, to, filled.length > 0 && h("p", { class: "inputs" }, filled));
      }),
    );
    // Who walks through the offers while better ones come keeps their place.
    if (at >= 0) (this.#links()[Math.min(at, offers.length - 1)] ?? this.#input).focus();
    announce(told || offers.map((one) => one.question).join(", "));
  }

  /** @param {Offer} offer */
  #open(offer) {
    this.clear();
    this.#page.go(offer.question, offer.given);
  }

  /** Arrows walk from the box through the offers; Escape leads back. @param {KeyboardEvent} event */
  #walk(event) {
    const stops = [this.#input, ...this.#links()];
    const at = stops.indexOf(/** @type {any} */ (document.activeElement));
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Escape: 0 }[event.key];
    if (to === undefined || at < 0 || this.#offers.hidden) return;
    event.preventDefault();
    if (event.key === "Escape" && at === 0) this.#offers.hidden = true;
    stops[Math.max(0, Math.min(to, stops.length - 1))].focus();
  }

  #links() {
    return /** @type {HTMLElement[]} */ ([...this.#list.querySelectorAll("li > a")]);
  }
}

/** How much a word counts for a question: where its name, its words or its line hold it. @param {string} word @param {Listed} one */
function counted(word, one) {
  if (one.name.split(/[ -]/).some((part) => part.startsWith(word))) return 4;
  if (one.words.split(" ").some((part) => part.startsWith(word))) return 2;
  return new RegExp(`(?<![\\p{L}])${word.replace(/[.]/g, "\\.")}`, "iu").test(one.asks) ? 1 : 0;
}
