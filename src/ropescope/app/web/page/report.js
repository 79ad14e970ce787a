// A Report as it is read: the answer first, text to copy, what it rests on, then figures, tables, caveats and what to ask next.

import { codeBox, copyButton, h, newId } from "./dom.js";
import { link } from "./fragment.js";
import { prose } from "./prose.js";
import { table } from "./tables.js";
import { t } from "./words.js";

/** @typedef {import("./types.d.ts").Answered} Answered */
/** @typedef {import("./types.d.ts").ShownReport} ShownReport */
/** @typedef {import("./types.d.ts").ShownFact} ShownFact */
/** @typedef {import("./types.d.ts").ShownStep} ShownStep */

/** What a reader is told of each basis. @type {Record<import("./types.d.ts").Basis, string>} */
const MEANING = {
  config: "read from the model's files",
  measured: "measured; the source names the protocol",
  formula: "computed from a closed form",
  published: "taken from a publication",
  assumed: "a default that you can change",
};

/**
 * The parts of a report, as elements.
 * @param {ShownReport} report
 * @param {{ question?: string, decides?: boolean, figure?: (figure: import("./types.d.ts").ShownFigure) => HTMLElement, still?: boolean }} [more]
 *   still: for a file, in which nothing can be pressed.
 * @returns {HTMLElement[]}
 */
export function reportParts(report, { question = "", decides = false, figure, still = false } = {}) {
  const said = (/** @type {string} */ text) => prose(text, { except: question });
  const parts = [
    heading(report, decides, said),
    report.lead ? lead(report.lead, still) : null,
    report.facts.length > 0 ? facts(report.facts, said) : null,
    report.caveats.length > 0
      ? h("section", { class: "caveats" }, h("h3", {}, t("Before you rely on it")), h("ul", {}, report.caveats.map((one) => h("li", {}, said(one)))))
      : null,
    figure && report.figures.length > 0 ? h("section", { class: "figures" }, report.figures.map(figure)) : null,
    ...report.tables.map((one) => table(one, said, still)),
    report.steps.length > 0 ? steps(report.steps, said) : null,
  ].filter((part) => part !== null);
  markEnglish(parts, report.english ?? []);
  return parts;
}

/** Tells who hears the page what is English in a report that is in another language. @param {HTMLElement[]} parts @param {string[]} texts */
function markEnglish(parts, texts) {
  if (texts.length === 0) return;
  const english = new Set(texts.map((text) => text.replaceAll("`", "")));
  for (const part of parts) {
    for (const one of part.querySelectorAll("p, span, h3, th, td, li, strong")) if (english.has(one.textContent ?? "")) one.setAttribute("lang", "en");
  }
}

/**
 * @param {ShownReport} report
 * @param {boolean} decides
 * @param {(text: string) => (Node | string)[]} said
 */
function heading(report, decides, said) {
  const word = report.holds === null ? t("Undecided") : report.holds ? t("Yes") : t("No");
  const kind = report.holds === null ? "open" : report.holds ? "yes" : "no";
  const marked = decides && !report.verdict.startsWith(word);
  return h(
    "header",
    { class: "verdict" },
    h("p", { class: "title" }, report.title),
    h("h2", { tabindex: "-1" }, marked && h("span", { class: `holds ${kind}` }, word), marked && " ", h("span", {}, said(report.verdict))),
  );
}

/** @param {string} text @param {boolean} still */
function lead(text, still) {
  return codeBox(still ? "" : t("To copy"), h("pre", {}, text), !still && copyButton(() => text, t("Copy"), t("Copied")));
}

/** @param {ShownFact[]} list @param {(text: string) => (Node | string)[]} said */
function facts(list, said) {
  const used = [...new Set(list.map((one) => one.basis))];
  const id = newId("facts");
  return h(
    "section",
    {},
    h("h3", { id }, t("Facts, and where they come from")),
    h(
      "table",
      { class: "facts", "aria-labelledby": id },
      h("thead", {}, h("tr", {}, [t("fact"), t("value"), t("basis"), t("source")].map((head) => h("th", { scope: "col" }, head)))),
      h(
        "tbody",
        {},
        list.map((one) =>
          h(
            "tr",
            {},
            h("th", { scope: "row" }, one.name),
            h("td", { class: "value" }, h("strong", {}, one.value), one.interval && h("span", { class: "interval" }, ` ${one.interval}`)),
            h("td", {}, basis(one.basis)),
            h("td", { class: "source" }, said(one.source), one.note && h("span", { class: "note" }, one.source ? " · " : "", said(one.note))),
          ),
        ),
      ),
    ),
    h(
      "dl",
      { class: "bases" },
      used.map((one) => h("div", {}, h("dt", {}, basis(one)), h("dd", {}, t(MEANING[one])))),
    ),
  );
}

/** @param {import("./types.d.ts").Basis} one */
export function basis(one) {
  return h("span", { class: `basis ${one}` }, t(one));
}

/** @param {ShownStep[]} list @param {(text: string) => (Node | string)[]} said */
function steps(list, said) {
  return h(
    "section",
    { class: "next" },
    h("h3", {}, t("What to ask next")),
    h("ul", {}, list.map((one) => h("li", {}, ...step(one, said)))),
  );
}

/** @param {ShownStep} one @param {(text: string) => (Node | string)[]} said */
function step(one, said) {
  if (!one.question) return said(one.why);
  const inputs = Object.entries(one.inputs).map(([name, value]) => h("span", { class: "input" }, `${name} `, h("b", {}, [value].flat().join(", "))));
  const to = h("a", { href: link(one.question, one.inputs), "data-question": one.question, "data-inputs": JSON.stringify(one.inputs) }, one.question);
  return [...said(one.why.replace(/[.:]$/, "")), one.why ? ": " : "", to, " ", ...inputs];
}
