// One control for each kind of field. A control reads and writes the text that a person gives; what it means is for Python to say.

import { h, newId } from "./dom.js";
import { dropped, folderOf, isFile, pastedFile, sizeText } from "./kept.js";
import { t } from "./words.js";

/** @typedef {import("./types.d.ts").Field} Field */
/** @typedef {import("./types.d.ts").Given} Given */
/** @typedef {import("./kept.js").Kept} Kept */
/** @typedef {import("./kept.js").Dropped} Dropped */
/** @typedef {string | string[] | boolean | undefined} Value */
/**
 * @typedef {object} Control
 * @property {HTMLElement} element
 * @property {() => Value} read  undefined: nothing is given.
 * @property {(value: Value) => void} write
 * @property {() => HTMLElement} target  what takes the focus, and what an error is about.
 */
/**
 * @typedef {object} Around  What a control needs of the page.
 * @property {Kept} kept
 * @property {() => void} changed
 * @property {(input: Promise<void>) => void} arrives  asking waits for a file that is being read, and not where reading it failed.
 * @property {string} hint  shown in an empty box.
 * @property {string} label  the id of the label.
 * @property {(field: Field, input: HTMLInputElement) => void} [complete]  offer names that the field may have.
 */

/**
 * The control that a field asks for.
 * @param {Field} field
 * @param {Around} around
 * @returns {Control}
 */
export function control(field, around) {
  if (field.control === "flag") return flag(field, around);
  if (field.options.length > 0) return field.several ? ticks(field, around) : choice(field, around);
  const single = field.control === "source" || field.control === "file" ? pick : text;
  return field.several && (field.repeats || single === pick) ? rows(field, around, single) : single(field, around);
}

/** @param {Field} field @param {Around} around @returns {Control} */
function text(field, around) {
  const input = h("input", {
    type: "text",
    id: newId("input"),
    placeholder: around.hint,
    autocomplete: "off",
    autocapitalize: "off",
    spellcheck: "false",
    "aria-labelledby": around.label,
    "aria-required": field.required ? "true" : null,
    oninput: around.changed,
  });
  input.addEventListener("focus", () => around.complete?.(field, input), { once: true });
  // A box drops line breaks; what was written is given back whole until a person changes it.
  /** @type {Value} */
  let whole;
  let shown = "";
  return {
    element: input,
    read: () => (input.value !== "" && input.value === shown ? whole : input.value || undefined),
    write(value) {
      whole = value === "" || (Array.isArray(value) && value.length === 0) ? undefined : value;
      input.value = value === undefined ? "" : Array.isArray(value) ? value.join(",") : String(value);
      shown = input.value;
    },
    target: () => input,
  };
}

/** @param {Field} field @param {Around} around @returns {Control} */
function choice(field, around) {
  const none = typeof field.default === "string" ? t("{value} (default)", { value: field.default }) : field.required ? t("Choose one") : "–";
  const select = h(
    "select",
    { id: newId("input"), "aria-labelledby": around.label, "aria-required": field.required ? "true" : null, onchange: around.changed },
    h("option", { value: "" }, none),
    field.options.filter((one) => one !== field.default).map((one) => h("option", { value: one }, one)),
  );
  return {
    element: select,
    read: () => select.value || undefined,
    write(value) {
      const word = value === field.default || value === undefined ? "" : String(value);
      if (![...select.options].some((one) => one.value === word)) select.append(h("option", { value: word }, word));
      select.value = word;
    },
    target: () => select,
  };
}

/** @param {Field} field @param {Around} around @returns {Control} */
function flag(field, around) {
  const box = h("input", { type: "checkbox", id: newId("input"), "aria-labelledby": around.label, onchange: around.changed });
  return {
    element: box,
    read: () => box.checked || undefined,
    write(value) {
      box.checked = value === true || value === "true";
    },
    target: () => box,
  };
}

/** @param {Field} field @param {Around} around @returns {Control} */
function ticks(field, around) {
  const boxes = field.options.map((one) => h("input", { type: "checkbox", value: one, onchange: around.changed }));
  /** @type {string[]} */
  let beyond = [];
  return {
    element: h(
      "div",
      { class: "ticks", role: "group", "aria-labelledby": around.label },
      boxes.map((box) => h("label", {}, box, box.value)),
    ),
    read() {
      const found = [...boxes.filter((box) => box.checked).map((box) => box.value), ...beyond];
      return found.length > 0 ? found : undefined;
    },
    write(value) {
      const list = (Array.isArray(value) ? value : String(value ?? "").split(",")).filter((one) => one !== "");
      for (const box of boxes) box.checked = list.includes(box.value);
      beyond = list.filter((one) => !field.options.includes(one));
    },
    target: () => boxes[0],
  };
}

/**
 * A model or a file: typed, picked, dropped or pasted.
 * @param {Field} field
 * @param {Around} around
 * @returns {Control}
 */
function pick(field, around) {
  const inner = text(field, around);
  const input = /** @type {HTMLInputElement} */ (inner.element);
  const chip = h("span", { class: "chip", tabindex: "-1", hidden: true });
  const busy = h("span", { class: "quiet", hidden: true }, t("Reading the file"));
  let path = "";

  /** @param {string} kept */
  function show(kept) {
    path = kept;
    input.hidden = kept !== "";
    chip.hidden = kept === "";
    element.classList.toggle("has-file", kept !== "");
    if (!kept) return;
    const name = around.kept.name(kept);
    const remove = h("button", { type: "button", class: "bare", "aria-label": t("Remove {name}", { name }) }, "×");
    remove.addEventListener("click", () => {
      show("");
      around.changed();
      input.focus();
    });
    chip.replaceChildren(h("span", { class: "name" }, name), h("span", { class: "quiet" }, sizeText(around.kept.size(kept))), remove);
  }

  /** @param {Dropped | null} found */
  async function keep(found) {
    if (!found) return;
    busy.hidden = false;
    try {
      show(await around.kept.keep(found, field.control === "source"));
      around.changed();
    } finally {
      busy.hidden = true;
    }
  }

  /** @param {boolean} folder */
  function picker(folder) {
    const chosen = h("input", { type: "file", hidden: true, webkitdirectory: folder, tabindex: "-1", "aria-hidden": "true" });
    chosen.addEventListener("change", () => {
      if (chosen.files?.length) around.arrives(keep(folder ? folderOf(chosen.files) : { file: chosen.files[0] }));
      chosen.value = "";
    });
    const button = h("button", { type: "button", class: "small", onclick: () => chosen.click() }, folder ? t("Folder…") : t("File…"));
    return [button, chosen];
  }

  const element = h("div", { class: "pick" }, input, chip, busy, picker(false), picker(true));
  element.addEventListener("dragover", (event) => event.preventDefault());
  element.addEventListener("drop", (event) => {
    event.preventDefault();
    event.stopPropagation();
    around.arrives(keepDropped(event.dataTransfer));
  });
  input.addEventListener("paste", (event) => {
    const pasted = event.clipboardData?.getData("text") ?? "";
    if (!isFile(pasted) && !event.clipboardData?.files.length) return;
    event.preventDefault();
    around.arrives(isFile(pasted) ? keep({ file: pastedFile(pasted) }) : keepDropped(event.clipboardData));
  });

  /** @param {DataTransfer | null} transfer */
  async function keepDropped(transfer) {
    await keep((await dropped(transfer))[0] ?? null);
  }

  return {
    element,
    read: () => path || inner.read(),
    write(value) {
      const kept = typeof value === "string" && around.kept.has(value);
      show(kept ? String(value) : "");
      inner.write(kept ? "" : value);
    },
    target: () => (path ? chip : input),
  };
}

/**
 * A list whose values stand in rows of their own.
 * @param {Field} field
 * @param {Around} around
 * @param {(field: Field, around: Around) => Control} single
 * @returns {Control}
 */
function rows(field, around, single) {
  /** @type {Control[]} */
  let controls = [];
  const body = h("div", { class: "rows" });
  const add = h("button", { type: "button", class: "small" }, t("Add another"));
  add.addEventListener("click", () => {
    append(undefined).target().focus();
  });

  /** @param {Value} value */
  function append(value) {
    const one = single({ ...field, required: false }, { ...around, hint: controls.length ? "" : around.hint });
    const remove = h("button", { type: "button", class: "bare", "aria-label": t("Remove this value") }, "×");
    const row = h("div", { class: "row" }, one.element, remove);
    remove.addEventListener("click", () => {
      if (controls.length > 1) {
        controls = controls.filter((other) => other !== one);
        row.remove();
      } else one.write(undefined);
      around.changed();
      (controls.at(-1) ?? one).target().focus();
    });
    one.write(value);
    controls.push(one);
    body.append(row);
    return one;
  }

  append(undefined);
  return {
    element: h("div", { role: "group", "aria-labelledby": around.label }, body, add),
    read() {
      const found = controls.map((one) => one.read()).filter((one) => one !== undefined);
      return found.length > 0 ? found.map(String) : undefined;
    },
    write(value) {
      const list = Array.isArray(value) ? value : value === undefined ? [] : [String(value)];
      controls = [];
      body.replaceChildren();
      for (const one of list.length > 0 ? list : [undefined]) append(one);
    },
    target: () => controls[0].target(),
  };
}
