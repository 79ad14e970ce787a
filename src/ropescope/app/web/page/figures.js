// Figures drawn by Vega, which is fetched when the first one comes into view. It interprets its expressions: the page's policy allows
// no code from text.

import { debounced, h, newId, scrolling } from "./dom.js";
import { saveButton } from "./saving.js";
import { table } from "./tables.js";
import { t } from "./words.js";

/** @typedef {import("./types.d.ts").ShownFigure} ShownFigure */

/** The colours of report/theme.py, and what they are on dark paper; blue, sky and grey are lightened. */
const DARK = {
  "#1f2328": "#e6e8eb",
  "#57606a": "#9aa4ae",
  "#8c959f": "#6e7781",
  "#d0d4d9": "#3d444d",
  "#eaecef": "#2b3036",
  "#ffffff": "#1d2024",
  white: "#1d2024",
  "#0072b2": "#3d93d1",
  "#56b4e9": "#a8dcf7",
  "#5b5b5b": "#9a9a9a",
};

// A figure keeps its colours on white: the style sheet replaces them where the page is dark, and does not where it is printed.
for (const [light, dark] of Object.entries(DARK)) {
  for (const paint of ["fill", "stroke"]) document.styleSheets[0].insertRule(`.drawing [${paint}="${light}" i] { ${paint}: light-dark(${light}, ${dark}) }`);
}

const refuse = () => Promise.reject(new Error("A figure fetches nothing."));

/** Vega interprets its expressions, brings no style of its own (nor a tooltip with one), and fetches nothing: data are in the figure. */
const OPTIONS = { ast: true, actions: false, logLevel: 1, defaultStyle: false, loader: { load: refuse, sanitize: refuse, http: refuse, file: refuse } };

/** @type {Promise<any> | null} */
let loading = null;

/** Vega, loaded once. */
async function embedder() {
  const address = "./vega.js";
  loading ??= import(address).then(() => /** @type {any} */ (window).vegaEmbed);
  return loading;
}

/** Keys of a specification whose values are views that may be narrower; views side by side are not. */
const VIEWS = ["vconcat", "concat", "spec"];

/**
 * `spec` with its views `factor` times as wide, which have a width in pixels, or in pixels for each value.
 * @param {any} spec
 * @param {number} factor
 * @returns {any}
 */
function scaled(spec, factor) {
  if (Array.isArray(spec)) return spec.map((one) => scaled(one, factor));
  const made = { ...spec };
  if (typeof made.width === "number") made.width = Math.max(140, Math.round(made.width * factor));
  if (made.width?.step) made.width = { ...made.width, step: Math.max(9, made.width.step * factor) };
  for (const key of VIEWS) if (made[key]) made[key] = scaled(made[key], factor);
  return made;
}

/**
 * `value` with the legends of all its encodings in few columns and the labels of its axes cut.
 * @param {any} value
 * @param {number} columns
 * @param {number} limit pixels of a label
 * @returns {any}
 */
function stacked(value, columns, limit) {
  if (Array.isArray(value)) return value.map((one) => stacked(one, columns, limit));
  if (!value || typeof value !== "object") return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, one]) => {
      if (key === "values") return [key, one];
      const made = stacked(one, columns, limit);
      if (key === "legend" && one?.columns > columns) return [key, { ...made, columns }];
      if (key === "axis" && one?.labelLimit > limit) return [key, { ...made, labelLimit: limit }];
      return [key, made];
    }),
  );
}

/**
 * `spec` for a narrow place: legends below each other in `columns`, long labels cut.
 * @param {Record<string, any>} spec
 * @param {number} room
 * @param {number} columns
 */
function narrow(spec, room, columns) {
  const { legend, axisY } = spec.config ?? {};
  const limit = Math.max(90, Math.round(room * 0.34));
  const made = stacked(spec, columns, limit);
  return {
    ...made,
    config: {
      ...made.config,
      legend: { ...legend, columns: Math.min(legend?.columns ?? columns, columns), layout: { top: { direction: "vertical" }, bottom: { direction: "vertical" } } },
      axisY: { labelLimit: limit, ...axisY },
    },
  };
}

/**
 * Draws a specification into `parent`, as wide as its place, so that its text has one size everywhere; the view of Vega. The style
 * sheet gives its colours for dark paper, and on print those of white paper.
 * @param {HTMLElement} parent
 * @param {Record<string, any>} spec
 * @param {string} label
 */
export async function draw(parent, spec, label) {
  const embed = await embedder();
  // The page says title and caption in its own words.
  const { title, ...whole } = spec;
  let bare = /** @type {Record<string, any>} */ (whole);
  const room = Math.min(parent.clientWidth || 600, 720);
  let made = await aside(embed, bare);
  for (const columns of made.width > room ? [3, 2, 1] : [0]) {
    if (columns > 0) {
      bare = narrow(whole, room, columns);
      made.finalize();
      made = await aside(embed, bare);
    }
    const own = typeof bare.width === "number" ? bare.width : made.width;
    const factor = Math.min(1.5, Math.max(0.3, (room - (made.width - own)) / own));
    if (Math.abs(factor - 1) > 0.03) {
      made.finalize();
      made = await aside(embed, scaled(bare, factor));
    }
    if (made.width <= room * 1.05) break;
  }
  const { drawing } = made;
  // One picture with one text: its marks are no pictures of their own.
  for (const mark of drawing.querySelectorAll("[role]")) for (const name of ["role", "aria-roledescription", "aria-label"]) mark.removeAttribute(name);
  drawing.setAttribute("role", "img");
  drawing.setAttribute("aria-label", label);
  drawing.style.minWidth = `${Math.round(0.8 * made.width)}px`;
  parent.replaceChildren(made.place);
  return made.view;
}

/** A drawing that is on no page yet. @param {any} embed @param {Record<string, any>} spec */
async function aside(embed, spec) {
  const place = h("div");
  const { view, finalize } = await embed(place, spec, { ...OPTIONS, renderer: "svg", tooltip });
  for (const name of ["role", "aria-roledescription", "aria-label"]) place.removeAttribute(name);
  const drawing = /** @type {SVGElement} */ (place.querySelector("svg"));
  return { place, view, finalize, drawing, width: Number(drawing.getAttribute("width")) };
}

/**
 * A figure with its caption, drawn when it comes into view, and drawn again when its place becomes much wider or narrower.
 * @param {ShownFigure} shown
 * @returns {HTMLElement}
 */
export function figure(shown) {
  const id = newId("figure");
  const drawing = scrolling(h("div", { class: "drawing", role: "region", "aria-labelledby": id }));
  const label = `${shown.title}. ${shown.caption}`.trim();
  drawing.style.minHeight = `${room(shown.spec)}px`;
  let width = 0;
  const again = async () => {
    width = drawing.clientWidth;
    try {
      await draw(drawing, shown.spec, label);
      drawing.style.minHeight = "";
    } catch (error) {
      drawing.replaceChildren(h("p", { class: "quiet" }, t("The figure cannot be drawn: {why}", { why: error instanceof Error ? error.message : String(error) })));
    }
  };
  const seen = new IntersectionObserver(([entry]) => {
    if (!entry.isIntersecting) return;
    seen.disconnect();
    again();
    new ResizeObserver(debounced(200, () => width > 0 && drawing.clientWidth > 0 && Math.abs(drawing.clientWidth - width) > 40 && again())).observe(drawing);
  }, { rootMargin: "400px" });
  seen.observe(drawing);
  return h(
    "figure",
    {},
    h("figcaption", {}, h("h3", { id }, shown.title), shown.caption && h("p", {}, shown.caption)),
    drawing,
    h(
      "p",
      { class: "save" },
      saveButton("SVG", `${shown.name}.svg`, () => picture(shown, "svg")),
      saveButton("PNG", `${shown.name}.png`, () => picture(shown, "png")),
      saveButton(t("Vega-Lite"), `${shown.name}.vl.json`, async () => new Blob([JSON.stringify(shown.spec, null, 1)], { type: "application/json" })),
    ),
    data(shown),
  );
}

/** What a figure shows as tables, made when a reader asks for them: for who cannot see it, or wants a number. @param {ShownFigure} shown */
function data(shown) {
  const found = datasets(shown.spec);
  if (found.length === 0) return null;
  const box = h("details", { class: "figure-data" }, h("summary", {}, t("Data as a table")));
  const named = (/** @type {number} */ i) => (found.length > 1 ? `${shown.title} · ${i + 1}` : shown.title);
  box.addEventListener("toggle", () => {
    if (!box.open || box.childElementCount > 1) return;
    box.append(...found.map((rows, i) => table(tableOf(rows, t("Data: {title}", { title: named(i) })), (text) => [text])));
  });
  return box;
}

/** The data that a specification holds, each once. @param {any} spec @returns {Record<string, any>[][]} */
function datasets(spec) {
  if (!spec || typeof spec !== "object") return [];
  const own = Array.isArray(spec.data?.values) && spec.data.values.length > 0 && typeof spec.data.values[0] === "object" ? [spec.data.values] : [];
  const inner = Object.entries(spec).flatMap(([key, one]) => (key === "data" ? [] : datasets(one)));
  const known = new Set();
  return [...own, ...inner].filter((rows) => {
    const text = JSON.stringify(rows);
    return known.has(text) ? false : known.add(text);
  });
}

/** @param {Record<string, any>[]} rows @param {string} title @returns {import("./types.d.ts").ShownTable} */
function tableOf(rows, title) {
  const heads = [...new Set(rows.flatMap(Object.keys))];
  const text = (/** @type {any} */ value) => (value === null || value === undefined ? "–" : typeof value === "number" && !Number.isInteger(value) ? String(Number(value.toPrecision(4))) : String(value));
  return {
    title,
    note: "",
    limit: 20,
    heads: heads.map((head) => ({ text: head, numeric: rows.every((row) => typeof (row[head] ?? 0) === "number") })),
    rows: rows.map((row) => heads.map((head) => ({ text: text(row[head]), key: row[head] === null || row[head] === undefined ? "" : String(row[head]), numeric: typeof row[head] === "number" }))),
  };
}

/** About how high a drawing will be, so that what stands below it stays where it is. @param {Record<string, any>} spec */
function room(spec) {
  return typeof spec.height === "number" ? Math.min(spec.height + 90, 480) : 230;
}

/**
 * A figure as a file, on white with its title, whatever the page looks like.
 * @param {ShownFigure} shown
 * @param {"svg" | "png"} kind
 */
export async function picture(shown, kind) {
  const view = await drawnAside(shown.spec);
  if (kind === "svg") return new Blob([await view.toSVG()], { type: "image/svg+xml" });
  const canvas = await view.toCanvas(2);
  return new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
}

/** The SVG of a figure, as text. @param {ShownFigure} shown @returns {Promise<string>} */
export async function svgText(shown) {
  const { title, ...bare } = shown.spec;
  return (await drawnAside(bare)).toSVG();
}

/** @param {Record<string, any>} spec */
async function drawnAside(spec) {
  const embed = await embedder();
  return (await embed(document.createElement("div"), spec, { ...OPTIONS, renderer: "none", tooltip() {} })).view;
}

/** @type {HTMLElement | null} */
let tip = null;

/**
 * Shows what a mark stands for, as text.
 * @param {any} _handler
 * @param {MouseEvent} event
 * @param {any} _item
 * @param {any} value
 */
function tooltip(_handler, event, _item, value) {
  tip ??= document.body.appendChild(h("div", { class: "tip", hidden: true, "aria-hidden": "true" }));
  tip.hidden = value === null || value === undefined || value === "";
  if (tip.hidden) return;
  const lines = typeof value === "object" ? Object.entries(value).map(([name, one]) => `${name}: ${one}`) : [String(value)];
  tip.replaceChildren(...lines.map((line) => h("div", {}, line)));
  tip.style.left = `${Math.min(event.pageX + 12, document.documentElement.clientWidth - tip.offsetWidth - 8)}px`;
  tip.style.top = `${event.pageY + 12}px`;
}
