// The place of an answer beside its form: nothing yet, work with its progress, the report with what can be done with it, or an error.

import { announce, codeBox, copyButton, fill, h, scrolling, words } from "./dom.js";
import { figure } from "./figures.js";
import { LOOKS } from "./home.js";
import { prose } from "./prose.js";
import { reportParts } from "./report.js";
import { save } from "./saving.js";
import { tokenControl } from "./token.js";
import { t } from "./words.js";

/** @typedef {import("./types.d.ts").Answer} Answer */
/** @typedef {import("./types.d.ts").Answered} Answered */
/** @typedef {import("./types.d.ts").Form} Form */
/** @typedef {import("./work.js").Work} Work */
/** @typedef {import("./work.js").Works} Works */

const QUIET_MS = 200;

/**
 * @param {Form} form
 * @param {Answered} answer
 * @param {{ version: string, fragment: string, beside: () => void }} page
 */
export function answered(form, answer, page) {
  const { report } = answer;
  return [
    ...reportParts(report, { question: form.name, decides: form.decides, figure }),
    looks(form, page.fragment),
    h("section", { class: "again" }, h("h3", {}, t("The same in a terminal and in Python")), code(t("As a command"), answer.command, false), code(t("In Python"), answer.python, true)),
    tools(form, answer, page),
  ];
}

/** Links to the views whose sliders ask this question. @param {Form} form @param {string} fragment */
function looks(form, fragment) {
  const found = LOOKS.filter(([, , , asks]) => asks === form.name);
  if (found.length === 0) return null;
  return h(
    "section",
    { class: "explore" },
    h("h3", {}, t("Explore with sliders")),
    found.map(([name, title, what]) => h("p", {}, h("a", { href: `#explore=${name}&${fragment.slice(1)}` }, t(title)), ` ${t(what)}`)),
  );
}

/** @param {string} label @param {string} text @param {boolean} long lines stay whole, and the box scrolls */
function code(label, text, long) {
  const pre = h("pre", { class: long ? "long" : null, role: long ? "region" : null, "aria-label": long ? label : null }, h("code", {}, long ? text : words(text)));
  return codeBox(label, long ? scrolling(pre) : pre, copyButton(() => text, t("Copy"), t("Copied")));
}

/** @param {Form} form @param {Answered} answer @param {{ version: string, beside: () => void }} page */
function tools(form, answer, page) {
  const name = `${form.name}-${answer.report.title.split(" · ")[0]}`;
  const about = { command: answer.command, decides: form.decides, question: form.name, version: page.version };
  const kinds = /** @type {const} */ ([
    ["JSON", "json", (/** @type {typeof import("./export.js")} */ made) => made.asJson(answer.report)],
    ["Markdown", "md", (/** @type {typeof import("./export.js")} */ made) => made.asMarkdown(answer.report)],
    ["HTML", "html", (/** @type {typeof import("./export.js")} */ made) => made.asHtml(answer.report, about)],
  ]);
  return h(
    "p",
    { class: "tools end" },
    h("button", { type: "button", class: "small", onclick: page.beside }, t("Add to comparison")),
    copyButton(() => location.href, t("Copy link"), t("Link copied")),
    kinds.map(([label, suffix, make]) => {
      const button = h("button", { type: "button", class: "small", "aria-label": t("Save as {kind}", { kind: label }) }, label);
      button.addEventListener("click", async () => save(await make(await import("./export.js")), `${name}.${suffix}`));
      return button;
    }),
    (answer.files ?? []).map((file) => h("a", { class: "button small", href: file.href, download: file.name }, t("Save {name}", { name: file.name }))),
    h("button", { type: "button", class: "small", onclick: () => print() }, t("Print")),
  );
}

/**
 * @param {import("./types.d.ts").Refused["error"]} error
 * @param {import("./types.d.ts").Backend | null} [backend]
 * @param {() => void} [again] asks again, once the Hub may be asked, or with a token
 */
export function refused(error, backend = null, again = () => {}) {
  const { hub, account } = error;
  const allow = (/** @type {string} */ repository) => {
    backend?.allowHub?.(repository);
    again();
  };
  return [
    h(
      "div",
      { class: "refused", role: "alert" },
      h("h2", { tabindex: "-1" }, error.missing ? t("A package is missing") : t("Not answered")),
      h("p", {}, prose(error.message)),
      hub && backend?.allowHub && h("p", {}, h("button", { type: "button", class: "main", onclick: () => allow(hub) }, t("Read the headers of {id} from huggingface.co", { id: hub }))),
      account && backend?.useToken && tokenControl(backend, again),
    ),
  ];
}

/**
 * Work in progress, shown once it has taken a moment.
 * @param {Work} work
 * @param {Works} works
 */
export function working(work, works) {
  const line = h("p", { class: "line" });
  const bar = h("progress", { "aria-label": t("Progress") });
  const count = h("p", { class: "quiet count" });
  const cancel = h("button", { type: "button", onclick: () => work.controller.abort() }, t("Cancel"));
  const element = h("div", { class: "working", hidden: true }, h("h2", { tabindex: "-1" }, t("Working")), line, bar, count, h("p", {}, cancel));
  const draw = () => {
    const seconds = Math.round((performance.now() - work.began) / 1000);
    element.hidden = performance.now() - work.began < QUIET_MS;
    fill(line, work.line || t("Starting"));
    if (work.planned > 0) {
      bar.max = work.planned;
      bar.value = work.done;
    } else bar.removeAttribute("value");
    const far = work.planned > 0 ? t("{done} of {planned}", { done: work.done, planned: work.planned }) : "";
    fill(count, [far, work.what, t("{n} s", { n: seconds })].filter(Boolean).join(" · "));
  };
  let told = "";
  const changed = () => {
    draw();
    // Each line of the work, and each quarter of what is counted: a reader who hears the page is not told every step.
    const quarter = work.planned > 3 ? Math.floor((4 * work.done) / work.planned) : 0;
    const far = quarter > 0 && quarter < 4 ? t("{done} of {planned}", { done: work.done, planned: work.planned }) : "";
    const now = `${work.line} ${quarter}`;
    if (work.line && now !== told) announce(far || work.line);
    told = now;
  };
  works.addEventListener("change", changed);
  const clock = setInterval(draw, 1000);
  setTimeout(draw, QUIET_MS);
  work.end.finally(() => {
    works.removeEventListener("change", changed);
    clearInterval(clock);
  });
  changed();
  return element;
}
