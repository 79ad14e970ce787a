// Sentences of a report: `words in backquotes` are code, the name of a question is a link to it, an address of the web a link there.

import { h } from "./dom.js";
import { link } from "./fragment.js";
import { spaced } from "./words.js";

/** @typedef {import("./types.d.ts").Given} Given */

/** @type {Set<string>} */
let known = new Set();

/** Tell which names are questions. @param {Iterable<string>} names */
export function knowQuestions(names) {
  known = new Set(names);
}

/**
 * `text` as nodes.
 * @param {string} text
 * @param {{ except?: string }} [more] except: a question that is not linked, since it is the one on the page.
 * @returns {(Node | string)[]}
 */
export function prose(text, { except = "" } = {}) {
  return spaced(text).split(/`([^`]+)`/).flatMap((part, i) => {
    if (i % 2 === 0) return addresses(part);
    if (!known.has(part) || part === except) return [h("code", {}, ...breakable(part))];
    return [h("a", { href: link(part, {}), "data-question": part }, part)];
  });
}

/** @param {string} text @returns {(Node | string)[]} */
function addresses(text) {
  return text
    .split(/(https:\/\/[\w.-]+\.[a-z]{2,}(?:\/[\w./%#?=&~+@:-]*[\w/])?)/)
    .flatMap((part, i) => (i % 2 === 0 ? breakable(part) : [h("a", { href: part, rel: "noopener noreferrer", target: "_blank" }, ...breakable(part))]));
}

/** `text` as nodes, with places in long names where a line may break: after / _ = &, and not within a word or a number. @param {string} text */
export function breakable(text) {
  return text
    .split(/([!-~]{18,})/)
    .flatMap((part, i) => (i % 2 === 0 ? [part] : part.split(/(?<=[/=&])(?=\w)|(?<=_)(?=[A-Za-z])/).flatMap((piece, j) => (j === 0 ? [piece] : [h("wbr"), piece]))))
    .filter((piece) => piece !== "");
}
