// An answer as a file: JSON, Markdown, or one page that holds everything it shows and runs nothing.

import { h } from "./dom.js";
import { svgText } from "./figures.js";
import { reportParts } from "./report.js";
import { t } from "./words.js";

/** @typedef {import("./types.d.ts").Answered} Answered */
/** @typedef {import("./types.d.ts").ShownReport} ShownReport */

/** The report as JSON, which `Report.from_dict` reads back. @param {ShownReport} report */
export function asJson(report) {
  return new Blob([JSON.stringify(report.whole, null, 1), "\n"], { type: "application/json" });
}

/** @param {ShownReport} report */
export function asMarkdown(report) {
  return new Blob([report.markdown], { type: "text/markdown" });
}

/**
 * One self-contained page. It is made of the elements that the page itself shows, so a name in it is text as well; its policy
 * forbids scripts and fetching.
 * @param {ShownReport} report
 * @param {{ command: string, decides: boolean, question: string, version: string }} about
 */
export async function asHtml(report, about) {
  const page = document.implementation.createHTMLDocument(report.title);
  page.documentElement.lang = document.documentElement.lang;
  const policy = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'";
  page.head.append(
    h("meta", { charset: "utf-8" }),
    h("meta", { "http-equiv": "Content-Security-Policy", content: policy }),
    h("meta", { name: "viewport", content: "width=device-width, initial-scale=1" }),
    h("meta", { name: "color-scheme", content: "light dark" }),
  );
  const css = await (await fetch("./style.css")).text();
  const drawings = new Map();
  for (const one of report.figures) drawings.set(one, await svgText(one).catch(() => null));
  const figure = (/** @type {import("./types.d.ts").ShownFigure} */ one) => {
    // An image of the page that is made: one of this page would be loaded here.
    const image = page.createElement("img");
    image.alt = `${one.title}. ${one.caption}`;
    image.src = dataAddress(drawings.get(one) ?? "");
    return h("figure", {}, h("figcaption", {}, h("h3", {}, one.title), one.caption && h("p", {}, one.caption)), drawings.get(one) && image);
  };
  const parts = reportParts(report, { question: about.question, decides: about.decides, figure, still: true });
  for (const part of parts) for (const to of part.querySelectorAll('a[href^="#"]')) to.replaceWith(h("code", {}, to.textContent));
  const foot = h("footer", {}, t("Made by ropescope {version}. This page holds everything it shows and fetches nothing.", { version: about.version }));
  const asked = h("pre", {}, h("code", {}, about.command));
  page.body.append(h("main", { class: "answer kept" }, parts, h("section", {}, h("h3", {}, t("Ask it again")), asked)), foot);
  // As text of a script element it would end at "</script>": "<" is written as JSON may write it.
  const data = h("script", { type: "application/json", id: "report" }, JSON.stringify(report.whole).replaceAll("<", "\\u003c"));
  page.body.append(data);
  // The page's own policy would refuse a style element, even in a page that is only made.
  const html = page.documentElement.outerHTML.replace("</head>", () => `<style>${css}</style></head>`);
  return new Blob(["<!doctype html>\n", html, "\n"], { type: "text/html" });
}

/** @param {string} svg */
function dataAddress(svg) {
  return `data:image/svg+xml;charset=utf-8,${encodeURIComponent(svg)}`;
}
