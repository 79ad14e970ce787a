// The list of questions, by the situation in which one asks them.

import { h, newId } from "./dom.js";
import { link } from "./fragment.js";
import { prose } from "./prose.js";
import { t } from "./words.js";

/** @typedef {import("./page.js").Page} Page */

/** Words for the box: a start for who does not know yet what can be asked. */
const TRY = ["llama 8b 32k on a 4090", "Qwen/Qwen3-8B", "is humaneval saturated?"];

/** @param {Page} page @returns {HTMLElement[]} */
export function home(page) {
  return [
    h(
      "header",
      { class: "intro" },
      h("h1", {}, t("What a model is, whether it fits, and how far it attends")),
      h("p", { class: "quiet" }, t("Each answer shows its numbers, where they come from, and what they are worth.")),
      h("p", { class: "examples" }, t("Try"), TRY.map((words) => h("button", { type: "button", class: "small", onclick: () => page.box.fill(words, true) }, words))),
    ),
    h(
      "div",
      { class: "situations" },
      page.catalogue.situations.map((one, i) => {
        const listed = one.questions.filter((question) => question.name !== "ask");
        return situation(t(one.title), i, listed.map((question) => entry(page, question)));
      }),
      situation(t("Explore with sliders"), -1, LOOKS.map(([name, title, what]) => h("li", {}, h("a", { href: `#explore=${name}` }, t(title)), h("p", {}, t(what))))),
    ),
  ];
}

/** @param {Page} page @param {import("./types.d.ts").Listed} one */
function entry(page, one) {
  const only = !page.backend.can(one).ok && h("p", { class: "only" }, t("command only"));
  return h("li", {}, h("a", { href: link(one.name, {}) }, one.name), h("div", {}, h("p", {}, prose(t(one.asks), { except: one.name })), only));
}

/**
 * The questions of a situation. Where the page is narrow only the first is open, so that all of them fit a screen or two.
 * @param {string} title @param {number} at @param {HTMLElement[]} entries
 */
function situation(title, at, entries) {
  const id = newId("situation");
  const open = at === 0 || matchMedia("(min-width: 40rem)").matches;
  return h("details", { open }, h("summary", {}, h("h2", { id }, title), h("span", { class: "quiet" }, entries.length)), h("ul", { "aria-labelledby": id }, entries));
}

/** Views with sliders: name, title, what one sees, and the question that is asked. */
export const LOOKS = /** @type {const} */ ([
  ["memory", "memory by context length", "Move the context length and the batch to see the memory on each device.", "fit"],
  ["window", "attention window by γ", "Move the exponent γ and the context N to see how many recent tokens hold 90 % of the attention.", "compute"],
  ["regimes", "γ_Padé by θ and T", "Move the RoPE base θ and the context T to see what γ_Padé predicts.", "plot"],
]);

/** Links to the other questions of the same situation; they take the same inputs along. @param {Page} page @param {string} name */
export function others(page, name) {
  const situation = page.catalogue.situations.find((one) => one.questions.some((question) => question.name === name));
  const links = (situation?.questions ?? [])
    .filter((one) => one.name !== name && one.name !== "ask")
    .map((one) => h("li", {}, h("a", { href: link(one.name, {}), "data-question": one.name }, one.name)));
  return situation && links.length > 0 ? h("nav", { class: "others", "aria-label": t(situation.title) }, h("span", { class: "quiet" }, t(situation.title)), h("ul", {}, links)) : null;
}
