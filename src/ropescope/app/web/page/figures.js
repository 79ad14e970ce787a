// Figures drawn by Vega, which is fetched when the first one comes into view. It interprets its expressions: the page's policy allows
// no code from text.

import { h, newId, scrolling } from "./dom.js";
import { saveButton } from "./saving.js";
import { t } from "./words.js";

/** @typedef {import("./types.d.ts").ShownFigure} ShownFigure */

/** Ink, quiet, muted, faint, grid and paper of report/theme.py, and what they are on dark paper; blue and grey are lightened. */
const DARK = Object.entries({
  "#1f2328": "#e6e8eb",
  "#57606a": "#9aa4ae",
  "#8c959f": "#6e7781",
  "#d0d4d9": "#3d444d",
  "#eaecef": "#2b3036",
  "#ffffff": "#1d2024",
  "#0072b2": "#4a9fd8",
  "#5b5b5b": "#9a9a9a",
});

const refuse = () => Promise.reject(new Error("A figure fetches nothing."));

/** Vega interprets its expressions, brings no style of its own (nor a tooltip with one), and fetches nothing: data are in the figure. */
const OPTIONS = { ast: true, actions: false, defaultStyle: false, loader: { load: refuse, sanitize: refuse, http: refuse, file: refuse } };

/** @type {Promise<any> | null} */
let loading = null;

/** Vega, loaded once. */
async function embedder() {
  const address = "./vega.js";
  loading ??= import(address).then(() => /** @type {any} */ (window).vegaEmbed);
  return loading;
}

/** Whether the page is dark now. */
export function isDark() {
  const chosen = document.documentElement.dataset.theme;
  return chosen ? chosen === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
}

/**
 * `value` in the colours of dark paper.
 * @param {any} value
 * @returns {any}
 */
function darkened(value) {
  if (typeof value === "string") return DARK.find(([light]) => light === value.toLowerCase())?.[1] ?? value;
  if (Array.isArray(value)) return value.map(darkened);
  return value && typeof value === "object" ? Object.fromEntries(Object.entries(value).map(([key, one]) => [key, darkened(one)])) : value;
}

/**
 * Draws a specification into `parent` in the colours of the page; the view of Vega.
 * @param {HTMLElement} parent
 * @param {Record<string, any>} spec
 * @param {string} label
 */
export async function draw(parent, spec, label) {
  const embed = await embedder();
  // The page says title and caption in its own words.
  const { title, ...bare } = isDark() ? darkened(spec) : spec;
  const made = await embed(parent, bare, { ...OPTIONS, renderer: "svg", tooltip });
  const drawing = parent.querySelector("svg");
  // One picture with one text: its marks are no pictures of their own.
  for (const mark of drawing?.querySelectorAll("[role]") ?? []) for (const name of ["role", "aria-roledescription", "aria-label"]) mark.removeAttribute(name);
  drawing?.setAttribute("role", "img");
  drawing?.setAttribute("aria-label", label);
  return made.view;
}


/**
 * A figure with its caption, drawn when it comes into view, and drawn again when the page turns dark or light.
 * @param {ShownFigure} shown
 * @returns {HTMLElement}
 */
export function figure(shown) {
  const id = newId("figure");
  const drawing = scrolling(h("div", { class: "drawing", role: "region", "aria-labelledby": id }));
  const label = `${shown.title}. ${shown.caption}`.trim();
  drawing.style.minHeight = `${room(shown.spec)}px`;
  const again = async () => {
    try {
      await draw(drawing, shown.spec, label);
      drawing.style.minHeight = "";
    } catch (error) {
      drawing.replaceChildren(h("p", { class: "quiet" }, t("Not drawn: {why}", { why: error instanceof Error ? error.message : String(error) })));
    }
  };
  const seen = new IntersectionObserver(([entry]) => {
    if (!entry.isIntersecting) return;
    seen.disconnect();
    again();
    addEventListener("ropescope-theme", again);
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
  );
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
