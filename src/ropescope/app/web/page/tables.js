// Tables that sort by a column, and show their first rows until one asks for all.

import { h, newId, scrolling } from "./dom.js";
import { t } from "./words.js";

/** @typedef {import("./types.d.ts").ShownTable} ShownTable */
/** @typedef {ShownTable["rows"][number]} Row */

const MOST_ROWS = 500;
const SPARE = 3;
/** Characters beyond which a text needs room, or it would stand in a column of one word a line. */
const LONG = 40;

/**
 * A table with its title and its note.
 * @param {ShownTable} shown
 * @param {(text: string) => (Node | string)[]} said
 * @param {boolean} still all rows, and nothing to press
 */
export function table(shown, said, still = false) {
  const id = newId("table");
  const limit = Math.min(shown.limit ?? MOST_ROWS, MOST_ROWS);
  // A button that would show two more rows costs as much room as the rows.
  let whole = still || shown.rows.length <= limit + SPARE;
  let order = shown.rows;
  const body = h("tbody");
  const draw = () => {
    const rows = whole ? order : order.slice(0, limit);
    body.replaceChildren(...rows.map((row) => h("tr", {}, row.map((cell) => h("td", { class: cell.numeric ? "number" : kind(cell.text) }, ...said(cell.text))))));
  };
  const heads = shown.heads.map((head, column) => {
    const made = h("th", { scope: "col", class: head.numeric ? "number" : null }, still ? head.text : h("button", { type: "button" }, head.text));
    made.firstElementChild?.addEventListener("click", () => {
      const down = made.getAttribute("aria-sort") === "ascending";
      for (const other of heads) other.removeAttribute("aria-sort");
      made.setAttribute("aria-sort", down ? "descending" : "ascending");
      order = sorted(shown.rows, column, down);
      draw();
    });
    return made;
  });
  const all = h("button", { type: "button", class: "small" }, t("Show all {n} rows", { n: shown.rows.length }));
  all.addEventListener("click", () => {
    whole = true;
    draw();
    region.focus();
    all.remove();
  });
  const region = h(
    "div",
    { class: "scroll", role: "region", "aria-labelledby": id },
    h("table", { class: "data" }, h("thead", {}, h("tr", {}, heads)), body),
  );
  if (!still) scrolling(region);
  draw();
  return h(
    "section",
    {},
    h("h3", { id }, shown.title || t("Table")),
    region,
    !whole && all,
    shown.note && h("p", { class: "note" }, ...said(shown.note)),
  );
}

/** How a text stands in its column: with room, or in one line. @param {string} text */
function kind(text) {
  return text.length > LONG ? "long" : text.length <= 12 || /^\S{1,16}$/.test(text) ? "whole" : null;
}

/**
 * Rows by a column: by number where both cells hold one, absent values last in both directions.
 * @param {Row[]} rows
 * @param {number} column
 * @param {boolean} down
 */
export function sorted(rows, column, down) {
  return [...rows].sort((one, other) => {
    const a = one[column].key;
    const b = other[column].key;
    if (a === "" || b === "") return Number(a === "") - Number(b === "");
    const difference = Number(a) - Number(b);
    return (down ? -1 : 1) * (Number.isNaN(difference) ? a.localeCompare(b) : difference);
  });
}
