// Answers side by side: what differs in the requests heads a column, and a fact has one row.

import { fill, h, scrolling } from "./dom.js";
import { figure } from "./figures.js";
import { compareLink, link, place } from "./fragment.js";
import { fetched, labelOf, valueText } from "./inputs.js";
import { MOST_BESIDE } from "./page.js";
import { prose } from "./prose.js";
import { basis } from "./report.js";
import { t } from "./words.js";

/** @typedef {import("./types.d.ts").Given} Given */
/** @typedef {import("./types.d.ts").Answer} Answer */
/** @typedef {import("./types.d.ts").ShownFact} ShownFact */
/** @typedef {import("./page.js").Page} Page */
/** @typedef {import("./page.js").Asked} Asked */

/** @param {Page} page @param {import("./fragment.js").Request[]} requests */
export async function compare(page, requests) {
  /** @type {Asked[]} */
  const kept = [];
  /** @type {Map<string, any>} */
  const forms = new Map();
  for (const request of requests.slice(0, MOST_BESIDE)) {
    forms.set(request.question, await page.form(request.question));
    const same = page.beside.find((one) => JSON.stringify(place(one.fragment).requests[0]) === JSON.stringify(request));
    const { given } = same ?? (await page.asked(request));
    kept.push({ question: request.question, given, fragment: link(request.question, given, page.held) });
  }
  page.beside = kept;
  const view = h("div", { class: "comparison" });
  const draw = () => {
    const columns = kept.map((one) => ({ one, answer: page.works.answered(one.fragment) }));
    const open = columns.filter(({ answer }) => answer === undefined);
    const button = h("button", { type: "button", class: "main" }, t("Get the {n} missing answers", { n: open.length }));
    button.addEventListener("click", () => {
      button.disabled = true;
      for (const { one } of open) page.works.ask(one.fragment, one.question, one.given).end.then(draw);
    });
    const leaves = open.map(({ one }) => fetched(forms.get(one.question), one.given, page.kept)).filter(Boolean);
    fill(view, open.length > 0 && h("p", {}, button), ...leaves.map((one) => h("p", { class: "quiet" }, one)), comparison(columns, page));
  };
  draw();
  return { title: t("Compare"), view: [h("header", { class: "question" }, h("h1", {}, t("Compare")), h("p", {}, t("Answers side by side, up to six."))), view] };
}

/** @param {Page} page @param {string} fragment */
function remove(page, fragment) {
  page.beside = page.beside.filter((one) => one.fragment !== fragment);
  location.hash = page.beside.length > 0 ? compareLink(page.beside, page.held) : "";
}

/**
 * The comparison as elements.
 * @param {{ one: Asked, answer: Answer | undefined }[]} columns
 * @param {Page} page
 */
function comparison(columns, page) {
  const told = differing(columns.map(({ one }) => one), page);
  const reports = columns.map(({ answer }) => (answer && "report" in answer ? answer.report : null));
  const names = [...new Set(reports.flatMap((report) => report?.facts.map((fact) => fact.name) ?? []))];
  const body = h("tbody");
  const only = h("input", { type: "checkbox", id: "only-differences" });
  const draw = () => {
    const rows = names
      .map((name) => ({ name, facts: reports.map((report) => report?.facts.find((fact) => fact.name === name)) }))
      .map((row) => ({ ...row, same: new Set(row.facts.map((fact) => fact && `${fact.value} ${fact.interval}`)).size === 1 }))
      .filter((row) => !only.checked || !row.same);
    fill(body, rows.map(({ name, facts, same }) => h("tr", { class: same ? "same" : "differs" }, h("th", { scope: "row" }, name), facts.map(cell))));
  };
  only.addEventListener("change", draw);
  draw();
  const heads = columns.map(({ one }, i) => {
    const away = h("button", { type: "button", class: "bare", "aria-label": t("Remove {name}", { name: `${one.question} ${told[i]}` }) }, "×");
    away.addEventListener("click", () => remove(page, one.fragment));
    return h("th", { scope: "col" }, h("a", { href: link(one.question, one.given, page.held) }, one.question), " ", away, h("span", { class: "inputs" }, told[i]));
  });
  const verdicts = columns.map(({ answer }) =>
    h("td", { class: "said" }, ...(answer === undefined ? ["–"] : "error" in answer ? prose(answer.error.message) : prose(answer.report.verdict))),
  );
  return [
    h("p", { class: "tools" }, h("label", { for: "only-differences" }, only, t("Only facts that differ"))),
    scrolling(
      h(
        "div",
        { class: "scroll", role: "region", "aria-label": t("Answers side by side") },
        h("table", { class: "data beside" }, h("thead", {}, h("tr", {}, h("td"), heads)), h("tbody", {}, h("tr", {}, h("th", { scope: "row" }, t("answer")), verdicts)), body),
      ),
    ),
    figures(columns, told),
  ];
}

/** @param {ShownFact | undefined} fact */
function cell(fact) {
  if (!fact) return h("td", { class: "quiet" }, "–");
  return h("td", { title: [fact.source, fact.note].filter(Boolean).join(" · ") }, h("strong", {}, fact.value), fact.interval && h("span", { class: "interval" }, ` ${fact.interval}`), " ", basis(fact.basis));
}

/** @param {{ answer: Answer | undefined }[]} columns @param {string[]} told */
function figures(columns, told) {
  const drawn = columns.flatMap(({ answer }, i) => {
    const shown = answer && "report" in answer ? answer.report.figures : [];
    return shown.map((one) => h("div", {}, h("p", { class: "quiet" }, told[i]), figure(one)));
  });
  return drawn.length > 0 && h("section", {}, h("h2", {}, t("Figures")), h("div", { class: "figures beside" }, drawn));
}

/**
 * For each request, the inputs in which they differ, as text; all inputs of a lone one.
 * @param {Asked[]} requests
 * @param {Page} page
 */
function differing(requests, page) {
  const fields = [...new Set(requests.flatMap(({ given }) => Object.keys(given)))];
  const text = (/** @type {Given[string] | undefined} */ value) => valueText(value, page.kept);
  const told = fields.filter((field) => requests.length === 1 || new Set(requests.map(({ given }) => text(given[field]))).size > 1);
  return requests.map(({ given }) => told.filter((field) => field in given).map((field) => `${labelOf(field)} ${text(given[field])}`).join(" · "));
}
