// Inputs on their way into a form: from a link, from a next step, from what another question was given.

import { t } from "./words.js";

/** @typedef {import("./types.d.ts").Form} Form */
/** @typedef {import("./types.d.ts").Given} Given */
/** @typedef {import("./kept.js").Kept} Kept */

const HUB_ID = /^[A-Za-z0-9][\w.-]*\/[\w.-]+(?:[@/][^\s]*)?$/;

/** Words that only stand for a value in a next step. */
const EMPTY = ["MODEL", "OTHER", "-", "…", "<pasted>", "<file>"];

/** How a field is called on the page. @param {string} name */
export function labelOf(name) {
  return name.replaceAll("_", " ");
}

/** A value as a reader sees it: files by their names. @param {Given[string] | undefined} value @param {Kept} kept */
export function valueText(value, kept) {
  return value === undefined ? "" : [value].flat().map((one) => kept.name(String(one))).join(", ");
}

/**
 * What is left of `inputs` for `form`: fields that it has, and no word that only stands for a value.
 * @param {Form} form
 * @param {Given} inputs
 * @returns {Given}
 */
export function fitting(form, inputs) {
  const fields = new Map(form.fields.map((one) => [one.name, one]));
  /** @type {Given} */
  const found = {};
  for (const [name, value] of Object.entries(inputs)) {
    const field = fields.get(name);
    if (!field) continue;
    const isWord = field.options.length > 0 || field.control === "flag";
    const isEmpty = (/** @type {any} */ one) => !isWord && (EMPTY.includes(one) || one === field.placeholder.split("|")[0]);
    const meant = Array.isArray(value) ? value.filter((one) => !isEmpty(one)) : value;
    if (isEmpty(meant) || (Array.isArray(meant) && meant.length === 0)) continue;
    found[name] = field.several && field.repeats && typeof meant === "string" ? [meant] : meant;
  }
  return found;
}

/** The ids of the Hub among inputs. @param {Given} given */
export function hubIds(given) {
  return Object.values(given).flat().filter((one) => typeof one === "string").filter((one) => HUB_ID.test(one));
}

/** What asking would fetch from outside, as a sentence; empty if nothing. @param {Form} form @param {Given} given @param {Kept} kept */
export function fetched(form, given, kept) {
  const named = form.fields.filter((one) => one.control === "source" || one.control === "text").map((one) => [one.name, given[one.name] ?? []]);
  const ids = hubIds(Object.fromEntries(named)).filter((one) => !kept.has(one)).join(", ");
  if (ids === "") return "";
  return form.needs === "weights"
    ? t("Downloads {ids} from huggingface.co, unless this machine has it.", { ids })
    : t("Reads the headers of {ids} from huggingface.co, unless a folder here has that name.", { ids });
}

/**
 * The inputs of a request in a link, with its files kept, and what of it cannot be restored.
 * @param {Form} form
 * @param {import("./fragment.js").Request} request
 * @param {Kept} kept
 */
export async function restored(form, request, kept) {
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
      const path = typeof piece === "string" ? piece : await kept.restored(piece, field.control === "source");
      if (path !== "") values.push(path);
      else if (typeof piece !== "string") notes.push(t("The link names the file {name}, which is not in it: choose it again.", { name: piece.name }));
    }
    if (values.length === 0) continue;
    if (field.control === "flag") given[name] = values[0] === "true";
    else given[name] = field.several && (field.repeats || values.length > 1) ? values : values[values.length - 1];
  }
  return { given, notes };
}
