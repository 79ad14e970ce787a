// A form for a question, from its fields: groups folded until they are needed, errors beside their field as one types.

import { commandLine } from "./command.js";
import { copyButton, debounced, fill, h, newId, staying, words } from "./dom.js";
import { control } from "./fields.js";
import { fetched, labelOf } from "./inputs.js";
import { prose } from "./prose.js";
import { t } from "./words.js";

/** @typedef {import("./types.d.ts").Field} Field */
/** @typedef {import("./types.d.ts").Form} Form */
/** @typedef {import("./types.d.ts").Given} Given */
/** @typedef {import("./types.d.ts").Backend} Backend */
/** @typedef {import("./fields.js").Control} Control */
/** @typedef {import("./kept.js").Kept} Kept */
/**
 * @typedef {{ field: Field, control: Control, element: HTMLElement, note: HTMLElement, error: HTMLElement, group: HTMLDetailsElement,
 *             refused?: string }} Drawn  refused: the value, as JSON, that an answer had to refuse.
 */

export class FormView {
  /** @type {Drawn[]} */
  #drawn = [];
  #form;
  #backend;
  #kept;
  #asked = 0;
  /** Inputs on their way: a file that is read, an example that is made. Each says whether it came. @type {Set<Promise<boolean>>} */
  #arriving = new Set();
  /** Whether a press of the button waits for them. */
  #pressed = false;
  #button = h("button", { type: "submit", class: "main" }, t("Ask"));
  #leaves = h("p", { class: "quiet leaves" });
  #command = h("code");
  #trouble = h("p", { class: "error", role: "alert" });

  /**
   * @param {Form} form
   * @param {{ backend: Backend, kept: Kept, onAsk: (given: Given) => void, onChange: (given: Given) => void,
   *           complete: (field: Field, input: HTMLInputElement) => void, example: () => Promise<Given | null> }} page
   */
  constructor(form, page) {
    this.#form = form;
    this.#backend = page.backend;
    this.#kept = page.kept;
    const can = page.backend.can(form);
    const check = debounced(250, () => this.#check());
    const changed = () => {
      this.#follow();
      check();
      page.onChange(this.given());
    };
    const groups = this.#groups(page, changed);
    const example = h("button", { type: "button", class: "small" }, t("Fill in an example"));
    const exemplify = async () => {
      const given = await page.example();
      if (!given) return;
      this.write(given);
      changed();
    };
    example.addEventListener("click", () => this.#arrives(exemplify()));
    const clear = h("button", { type: "button", class: "small" }, t("Clear"));
    clear.addEventListener("click", () => {
      this.write({});
      changed();
      this.focus();
    });
    this.element = staying(h(
      "form",
      { class: "form", novalidate: true, "aria-label": t("Inputs of {name}", { name: form.name }) },
      form.fields.length > 0 && h("p", { class: "tools" }, Object.keys(form.example).length > 0 && example, clear),
      groups,
      h(
        "div",
        { class: "ask" },
        this.#trouble,
        h("p", { class: "go" }, can.ok ? this.#button : h("span", { class: "why" }, prose(can.why ?? ""))),
        this.#leaves,
        h(
          "div",
          { class: "command" },
          h("pre", {}, this.#command),
          copyButton(() => this.#command.textContent ?? "", t("Copy"), t("Copied")),
        ),
      ),
    ));
    this.element.addEventListener("submit", async (event) => {
      event.preventDefault();
      if (this.#pressed) return; // asks already, once all inputs are there
      this.#pressed = true;
      const came = await this.#arrived();
      this.#pressed = false;
      if (this.element.isConnected && came && can.ok && this.#complete()) page.onAsk(this.given());
    });
    this.#follow();
  }

  /** Whether every input came that is on its way, also one that sets out meanwhile. @returns {Promise<boolean>} */
  async #arrived() {
    let came = true;
    while (came && this.#arriving.size > 0) came = !(await Promise.all(this.#arriving)).includes(false);
    return came;
  }

  /** Asking waits for `input`; where it fails, the form says why and nothing is asked. @param {Promise<void>} input */
  #arrives(input) {
    fill(this.#trouble);
    const came = input.then(
      () => true,
      (why) => {
        fill(this.#trouble, String(why instanceof Error ? why.message : why));
        return false;
      },
    );
    this.#arriving.add(came);
    came.then(() => this.#arriving.delete(came));
  }

  /** The inputs that are filled in, in the order of the fields. @returns {Given} */
  given() {
    /** @type {Given} */
    const found = {};
    for (const one of this.#drawn) {
      const value = one.control.read();
      if (value !== undefined) found[one.field.name] = value;
    }
    return found;
  }

  /** Fills the form in; what `given` does not name is emptied. @param {Given} given */
  write(given) {
    for (const one of this.#drawn) {
      one.control.write(given[one.field.name]);
      this.#tell(one, "");
      if (one.field.name in given) one.group.open = true;
    }
    fill(this.#trouble);
    this.#follow();
    this.#check();
  }

  /** Puts the focus where a person goes on: the first empty field that is required, else the button. */
  focus() {
    const empty = this.#drawn.find((one) => one.field.required && one.control.read() === undefined);
    (empty?.control.target() ?? (this.#button.isConnected ? this.#button : this.#drawn[0]?.control.target()))?.focus();
  }

  /** Says until it is changed why a field was refused. Whether there is such a field. @param {string} name @param {string} message */
  refuse(name, message) {
    const one = this.#drawn.find((drawn) => drawn.field.name === name);
    if (!one) return false;
    this.#tell(one, message);
    one.refused = `${JSON.stringify(one.control.read())}`;
    return true;
  }

  /** Says what is wrong with a field, and nothing if `message` is empty. @param {Drawn} one @param {string} message */
  #tell(one, message) {
    one.refused = undefined;
    fill(one.error, ...prose(message));
    one.error.hidden = message === "";
    const target = one.control.target();
    if (message) {
      target.setAttribute("aria-invalid", "true");
      one.group.open = true;
    } else target.removeAttribute("aria-invalid");
    one.element.classList.toggle("wrong", message !== "");
  }

  /** Moves to a field. @param {string} name */
  focusOn(name) {
    this.#drawn.find((one) => one.field.name === name)?.control.target().focus();
  }

  /**
   * @param {{ kept: Kept, complete: (field: Field, input: HTMLInputElement) => void }} page
   * @param {() => void} changed
   */
  #groups(page, changed) {
    const arrives = (/** @type {Promise<void>} */ input) => this.#arrives(input);
    const needed = (/** @type {string} */ name) => this.#form.fields.some((one) => one.group === name && one.required);
    const names = [...new Set(this.#form.fields.map((one) => one.group))].sort((a, b) => Number(needed(b)) - Number(needed(a)));
    return names.map((name, i) => {
      const fields = this.#form.fields.filter((one) => one.group === name);
      const open = i === 0 || fields.some((one) => one.required);
      const group = h("details", { class: "group", open }, h("summary", {}, t(name || "inputs"), h("span", { class: "quiet count" })));
      for (const field of fields) {
        const made = this.#field(field, group, { kept: page.kept, complete: page.complete, changed, arrives });
        group.append(made.element);
        this.#drawn.push(made);
      }
      return names.length === 1 ? h("div", { class: "group" }, ...[...group.children].slice(1)) : group;
    });
  }

  /**
   * @param {Field} field
   * @param {HTMLDetailsElement} group
   * @param {Omit<import("./fields.js").Around, "label" | "hint">} around
   * @returns {Drawn}
   */
  #field(field, group, around) {
    const label = newId("label");
    const example = this.#form.example[field.name];
    const shown = Array.isArray(example) ? example.join(",") : example;
    const hint = typeof field.default === "string" ? t("{value} (default)", { value: field.default }) : example ? t("e.g. {value}", { value: String(shown) }) : "";
    const made = control(field, { ...around, hint, label });
    const ids = [newId("help"), newId("error")];
    const target = made.target();
    target.setAttribute("aria-describedby", ids.join(" "));
    const name = h("label", { id: label, for: target.id || null, class: "name" }, labelOf(field.name));
    const note = h("span", { class: "quiet" }, field.required ? t("required") : "");
    const error = h("p", { class: "error", id: ids[1], hidden: true });
    const help = h("p", { class: "help", id: ids[0] }, prose(t(field.help)));
    const element = h("div", { class: `field ${field.control}`, "data-field": field.name }, h("p", { class: "head" }, name, note), h("div", {}, made.element, error, help));
    return { field, control: made, element, note, error, group };
  }

  /** What depends on the inputs: fields that go with others, counts of folded groups, the command, what leaves this page. */
  #follow() {
    const given = this.given();
    for (const one of this.#drawn) {
      if (one.field.only_with.length === 0) continue;
      const lone = !one.field.only_with.some((other) => other in given);
      const names = one.field.only_with.map(labelOf).join(t(" or "));
      fill(one.note, lone ? t("only with {names}", { names }) : "");
      one.element.classList.toggle("lone", lone && !(one.field.name in given));
    }
    for (const group of new Set(this.#drawn.map((one) => one.group))) {
      const set = this.#drawn.filter((one) => one.group === group && one.field.name in given).length;
      const count = group.querySelector(".count");
      if (count) fill(count, set > 0 ? t("{n} filled in", { n: set }) : "");
    }
    fill(this.#command, words(commandLine(this.#form, given, (path) => this.#kept.name(path))));
    fill(this.#leaves, fetched(this.#form, given, this.#kept));
  }

  async #check() {
    const mine = ++this.#asked;
    const given = this.given();
    const found = await this.#backend.problems(this.#form.name, given).catch(() => ({}));
    if (mine !== this.#asked) return;
    for (const one of this.#drawn) {
      const message = /** @type {Record<string, string>} */ (found)[one.field.name] ?? "";
      if (message || one.refused === undefined || one.refused !== `${JSON.stringify(one.control.read())}`) this.#tell(one, message);
    }
  }

  /** Whether all that is required is there; says so beside each field that is not. */
  #complete() {
    const empty = this.#drawn.filter((one) => one.field.required && one.control.read() === undefined);
    for (const one of empty) this.refuse(one.field.name, t("`{name}` is missing: give {what}.", { name: one.field.name, what: t(one.field.accepts) }));
    empty[0]?.control.target().focus();
    return empty.length === 0;
  }
}
