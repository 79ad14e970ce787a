// Answers side by side: what differs in the requests heads a column, and a fact has one row.

import { fill, h, scrolling } from "./dom.js";
import { labelOf } from "./forms.js";
import { link } from "./fragment.js";
import { prose } from "./prose.js";
import { basis } from "./report.js";
import { t } from "./words.js";

/** @typedef {import("./types.d.ts").Given} Given */
/** @typedef {import("./types.d.ts").Answer} Answer */
/** @typedef {import("./types.d.ts").ShownFact} ShownFact */
/** @typedef {{ question: string, given: Given, fragment: string }} Kept */

/**
 * The comparison as elements.
 * @param {{ one: Kept, answer: Answer | undefined }[]} columns
 * @param {{ nameOf: (path: string) => string, remove: (fragment: string) => void, held: (path: string) => import("./fragment.js").Held | undefined }} page
 */
export function comparison(columns, page) {
  const told = differing(columns.map(({ one }) => one), page.nameOf);
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
    const remove = h("button", { type: "button", class: "bare", "aria-label": t("Remove {name}", { name: `${one.question} ${told[i]}` }) }, "×");
    remove.addEventListener("click", () => page.remove(one.fragment));
    return h("th", { scope: "col" }, h("a", { href: link(one.question, one.given, page.held) }, one.question), " ", remove, h("span", { class: "inputs" }, told[i]));
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
  const place = h("div", { class: "figures beside" });
  import("./figures.js").then(({ figure }) => {
    columns.forEach(({ answer }, i) => {
      if (!answer || !("report" in answer)) return;
      for (const shown of answer.report.figures) place.append(h("div", {}, h("p", { class: "quiet" }, told[i]), figure(shown)));
    });
  });
  return place;
}

/**
 * For each request, the inputs in which they differ, as text; all inputs of a lone one.
 * @param {Kept[]} requests
 * @param {(path: string) => string} nameOf
 */
function differing(requests, nameOf) {
  const fields = [...new Set(requests.flatMap(({ given }) => Object.keys(given)))];
  const text = (/** @type {Given[string] | undefined} */ value) => (value === undefined ? "" : [value].flat().map((one) => nameOf(String(one))).join(", "));
  const told = fields.filter((field) => requests.length === 1 || new Set(requests.map(({ given }) => text(given[field]))).size > 1);
  return requests.map(({ given }) => told.filter((field) => field in given).map((field) => `${labelOf(field)} ${text(given[field])}`).join(" · "));
}
