// Views with sliders, where a look teaches more than a number. Each number is an answer of a question, as everywhere on the page.

import { debounced, fill, h, newId, scrolling, staying } from "./dom.js";
import { control } from "./fields.js";
import { draw } from "./figures.js";
import { link } from "./fragment.js";
import { LOOKS } from "./home.js";
import { fetched, fitting, labelOf } from "./inputs.js";
import { prose } from "./prose.js";
import { t } from "./words.js";

/** @typedef {import("./page.js").Page} Page */
/** @typedef {import("./types.d.ts").Given} Given */
/** @typedef {import("./types.d.ts").ShownReport} ShownReport */
/** @typedef {{ element: HTMLElement, value: () => number, set: (value: number) => void }} Slider */

const GIB = 2 ** 30;
const CONTEXTS = Array.from({ length: 14 }, (_, i) => 2 ** (7 + i));
const PARTS = ["weights", "cache", "activations", "overhead"];
const COLOURS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7"];

/** @param {Page} page @param {string} look @param {Given} given */
export async function explore(page, look, given) {
  const found = LOOKS.find(([name]) => name === look);
  if (!found) throw new Error(t("There is no view {name}.", { name: look }));
  const view = { memory, window: windows, regimes }[found[0]];
  const head = h("header", { class: "question" }, h("h1", {}, t(found[1])), h("p", {}, t(found[2])), sideways(look));
  return { title: found[1], view: [head, await view(page, given)] };
}

/** @param {string} look */
function sideways(look) {
  return h("nav", { class: "others", "aria-label": t("Explore with sliders") }, h("ul", {}, LOOKS.filter(([name]) => name !== look).map(([name, title]) => h("li", {}, h("a", { href: `#explore=${name}` }, t(title))))));
}

/**
 * The answer to a question, or an error with its sentence.
 * @param {Page} page
 * @param {string} question
 * @param {Given} given
 * @returns {Promise<ShownReport>}
 */
async function asked(page, question, given) {
  const work = page.works.ask(link(question, given, page.held), question, given);
  const answer = await work.end;
  if (answer && "report" in answer) return answer.report;
  throw new Error(answer ? answer.error.message : t("Cancelled"));
}

/**
 * A slider whose positions stand for values.
 * @param {string} name
 * @param {{ from: number, to: number, step: number, start: number, value: (at: number) => number, at: (value: number) => number,
 *           text: (value: number) => string, moved: () => void }} how
 * @returns {Slider}
 */
function slider(name, how) {
  const id = newId("slider");
  const input = h("input", { type: "range", id, min: how.from, max: how.to, step: how.step });
  const output = h("output", { for: id });
  const show = () => {
    output.textContent = how.text(how.value(input.valueAsNumber));
    input.setAttribute("aria-valuetext", output.textContent);
  };
  input.addEventListener("input", () => {
    show();
    how.moved();
  });
  const set = (/** @type {number} */ value) => {
    input.value = String(how.at(value));
    show();
  };
  set(how.start);
  return { element: h("div", { class: "slider" }, h("label", { for: id }, name), output, input), value: () => how.value(input.valueAsNumber), set };
}

/** Powers of two, in `parts` steps each. @param {number} parts */
function powers(parts) {
  return { value: (/** @type {number} */ at) => Math.round(2 ** (at / parts)), at: (/** @type {number} */ value) => parts * Math.log2(value) };
}

const grouped = (/** @type {number} */ value) => value.toLocaleString("en");

/**
 * Controls beside a picture and the sentence that belongs to it.
 * @param {(HTMLElement | false)[]} controls
 */
function stage(...controls) {
  const verdict = h("p", { class: "look-verdict", role: "status" });
  const drawing = scrolling(h("div", { class: "drawing", role: "region", "aria-label": t("Figure") }));
  const caption = h("figcaption");
  const notes = h("ul", { class: "note" });
  const to = h("p", { class: "tools" });
  const element = h("div", { class: "two" }, staying(h("div", { class: "sliders side" }, controls, to)), h("div", {}, verdict, h("figure", {}, caption, drawing), notes));
  return {
    element,
    drawing,
    /** @param {string} title @param {string} text */
    entitle: (title, text) => fill(caption, h("h2", {}, title), h("p", {}, text)),
    /** @param {ShownReport} report @param {string} question @param {Given} given @param {Page} page @param {string} [said] */
    tell(report, question, given, page, said = report.verdict) {
      fill(verdict, prose(said));
      fill(notes, report.caveats.map((one) => h("li", {}, prose(one))));
      fill(to, h("a", { href: link(question, given, page.held) }, t("The whole answer: {question}", { question })));
    },
    /** @param {unknown} error */
    fail(error) {
      fill(verdict, h("span", { class: "error" }, prose(error instanceof Error ? error.message : String(error))));
    },
  };
}

/**
 * Context against memory: the parts of what a device must hold, and what it has.
 * @param {Page} page
 * @param {Given} given
 */
async function memory(page, given) {
  const form = await page.form("fit");
  const names = ["source", "gpu", "precision", "kv_precision", "engine"];
  const fields = form.fields.filter((one) => names.includes(one.name));
  const button = h("button", { type: "submit", class: "main" }, t("Draw"));
  const context = slider(t("context"), {
    from: 40, to: 80, step: 1, start: tokens(given.context) || 32768, ...powers(4), text: (value) => t("{n} tokens", { n: grouped(value) }), moved: () => point(),
  });
  const batch = slider(t("batch"), { from: 0, to: 16, step: 1, start: Number(given.batch) || 1, ...powers(2), text: grouped, moved: () => curve() });
  const made = fields.map((field) => {
    const label = newId("label");
    const one = control(field, { kept: page.kept, changed: () => fill(leaves, fetched(form, request(0), page.kept)), arrives: (input) => input.catch((why) => place.fail(why)), hint: typeof field.default === "string" ? field.default : "", label });
    one.write(given[field.name]);
    const target = one.target();
    return { field, one, element: h("div", { class: "field" }, h("p", { class: "head" }, h("label", { id: label, for: target.id || null, class: "name" }, labelOf(field.name))), one.element) };
  });
  const leaves = h("p", { class: "quiet leaves" });
  const inputs = h("form", { class: "sliders", novalidate: true }, made.map(({ element }) => element), h("p", {}, button), leaves);
  const place = stage(inputs, context.element, batch.element);
  fill(place.drawing, h("p", { class: "empty" }, t("Name a model and a device, then draw.")));
  let drawn = false;
  /** @type {any} */
  let view = null;

  /** @param {number} tokens @returns {Given} */
  const request = (tokens) => {
    const set = Object.fromEntries(made.map(({ field, one }) => [field.name, one.read()]).filter(([, value]) => value !== undefined));
    return fitting(form, { ...given, ...set, context: String(tokens), batch: String(batch.value()) });
  };
  const row = (/** @type {ShownReport} */ report) => PARTS.map((part, i) => ({ context: report.data.context_tokens, part, gib: report.data.bytes[part] / GIB, order: i }));
  let turn = 0;
  const curve = debounced(120, async () => {
    if (!drawn) return;
    const mine = ++turn;
    try {
      const here = await asked(page, "fit", request(context.value()));
      place.tell(here, "fit", request(context.value()), page);
      const rows = [];
      for (const one of CONTEXTS) {
        if (one > Math.max(here.data.stated_context ?? 0, context.value(), 2 ** 15)) break;
        rows.push(...row(await asked(page, "fit", request(one))));
        if (mine !== turn) return;
      }
      view = await draw(place.drawing, memorySpec(rows, here), t("Memory on each device against context"));
      point();
    } catch (error) {
      place.fail(error);
    }
  });
  const point = debounced(60, async () => {
    if (!drawn || !view) return;
    try {
      const report = await asked(page, "fit", request(context.value()));
      place.tell(report, "fit", request(context.value()), page);
      const at = { context: report.data.context_tokens, gib: report.data.total_bytes / GIB };
      await view.data("at", [at]).runAsync();
      const now = request(context.value());
      page.moveTo(`#explore=memory&${link("fit", now, page.held).slice(1)}`, now, true);
    } catch (error) {
      place.fail(error);
    }
  });
  fill(leaves, fetched(form, request(0), page.kept));
  inputs.addEventListener("submit", (event) => {
    event.preventDefault();
    const empty = made.find(({ field, one }) => field.required && one.read() === undefined);
    if (empty) return empty.one.target().focus();
    drawn = true;
    curve();
  });
  return place.element;
}

/** @param {any} written */
function tokens(written) {
  const [, number, unit] = String(written ?? "").match(/^(\d+)([kM]?)i?$/) ?? [];
  return number ? Number(number) * { "": 1, k: 1024, M: 2 ** 20 }[/** @type {"" | "k" | "M"} */ (unit)] : 0;
}

/** @param {{ context: number, part: string, gib: number, order: number }[]} rows @param {ShownReport} report */
function memorySpec(rows, report) {
  const marks = [
    { gib: report.data.budget_bytes / GIB, kind: "budget", what: t("may be used: {n} GiB", { n: (report.data.budget_bytes / GIB).toFixed(1) }) },
    { gib: report.data.device_bytes / GIB, kind: "device", what: t("device: {n} GiB", { n: (report.data.device_bytes / GIB).toFixed(1) }) },
  ];
  const thousands = "datum.value == 0 ? '0' : datum.value >= 1048576 ? datum.value / 1048576 + 'M' : datum.value / 1024 + 'k'";
  const most = Math.max(...rows.map((one) => one.context));
  const axis = { values: Array.from({ length: 9 }, (_, i) => (i * most) / 8), labelExpr: thousands };
  const x = { field: "context", type: "quantitative", title: t("context (tokens)"), scale: { domain: [0, most], nice: false }, axis };
  const at = [{ context: report.data.context_tokens, gib: report.data.total_bytes / GIB }];
  const dash = { field: "kind", scale: { domain: ["budget", "device"], range: [[5, 4], [1, 0]] }, legend: null };
  return themed({
    layer: [
      {
        data: { values: rows },
        mark: { type: "area", opacity: 0.75 },
        encoding: {
          x,
          y: { field: "gib", type: "quantitative", stack: "zero", title: t("GiB on each device") },
          color: { field: "part", type: "nominal", title: null, scale: { domain: PARTS, range: COLOURS } },
          order: { field: "order" },
        },
      },
      { data: { values: marks }, mark: { type: "rule", color: "#1f2328", strokeWidth: 1.5 }, encoding: { y: { field: "gib", type: "quantitative" }, strokeDash: dash } },
      {
        data: { values: marks.map((one) => ({ ...one, context: rows[0].context })) },
        mark: { type: "text", align: "left", dx: 6, dy: -6, color: "#1f2328" },
        encoding: { x, y: { field: "gib", type: "quantitative" }, text: { field: "what" } },
      },
      { data: { name: "at", values: at }, mark: { type: "rule", color: "#1f2328", strokeDash: [2, 2] }, encoding: { x } },
      {
        data: { name: "at" },
        mark: { type: "point", filled: true, size: 90, color: "#1f2328", opacity: 1 },
        encoding: { x, y: { field: "gib", type: "quantitative" } },
      },
    ],
  }, report);
}

/** `spec` in the size and with the configuration that the figures of this answer have. @param {Record<string, any>} spec @param {ShownReport} report */
function themed(spec, report) {
  const config = report.figures[0]?.spec.config ?? {};
  return { $schema: "https://vega.github.io/schema/vega-lite/v6.json", width: 600, height: 340, ...spec, config };
}

/**
 * A picture of `plot` with a point on it that sliders move.
 * @param {Page} page
 * @param {{ kind: string, sliders: (moved: () => void) => Slider[], request: (values: number[]) => string[], formula: string,
 *           at: (values: number[], result: number) => Record<string, number>, said: (values: number[], result: number) => string,
 *           x: string, y: string }} how
 */
async function pointed(page, how) {
  const sliders = how.sliders(() => move());
  const place = stage(...sliders.map((one) => one.element));
  /** @type {any} */
  let view = null;
  const computed = async () => {
    const values = sliders.map((one) => one.value());
    const given = { name: how.formula, arguments: how.request(values) };
    const report = await asked(page, "compute", given);
    place.tell(report, "compute", given, page, how.said(values, report.data.result));
    return [how.at(values, report.data.result)];
  };
  const move = debounced(20, async () => {
    try {
      const at = await computed();
      await view?.data("at", at).runAsync();
    } catch (error) {
      place.fail(error);
    }
  });
  const begin = async () => {
    const [shown] = (await asked(page, "plot", { kind: how.kind })).figures;
    const mark = {
      data: { name: "at", values: await computed() },
      mark: { type: "point", filled: true, shape: "diamond", size: 240, color: "#1f2328", stroke: "#ffffff", strokeWidth: 1.5, opacity: 1 },
      encoding: { x: { field: how.x, type: "quantitative" }, y: { field: how.y, type: "quantitative" } },
    };
    place.entitle(shown.title, shown.caption);
    view = await draw(place.drawing, { ...shown.spec, layer: [...shown.spec.layer, mark] }, `${shown.title}. ${shown.caption}`);
  };
  begin().catch(place.fail);
  return place.element;
}

/** @param {Page} page */
function windows(page) {
  return pointed(page, {
    kind: "window",
    formula: "compression_window",
    sliders: (moved) => [
      slider("γ", { from: 0, to: 2, step: 0.01, start: 0.75, value: (at) => at, at: (value) => value, text: (value) => value.toFixed(2), moved }),
      slider(t("N, the context"), { from: 36, to: 80, step: 1, start: 131072, ...powers(4), text: (value) => t("{n} tokens", { n: grouped(value) }), moved }),
    ],
    request: ([gamma, n]) => [`gamma=${gamma}`, `n_tokens=${n}`],
    at: ([gamma, n], result) => ({ gamma, share: result / n }),
    said: ([gamma, n], result) =>
      t("If attention falls as distance to the power −{gamma}, the last {window} of {n} tokens hold 90 % of it.", { gamma: gamma.toFixed(2), window: grouped(result), n: grouped(n) }),
    x: "gamma",
    y: "share",
  });
}

/** @param {Page} page */
function regimes(page) {
  const tens = { value: (/** @type {number} */ at) => Math.round(10 ** at), at: Math.log10 };
  return pointed(page, {
    kind: "regimes",
    formula: "gamma_pade",
    sliders: (moved) => [
      slider(t("RoPE base θ"), { from: 3, to: 7, step: 0.02, start: 500000, ...tens, text: grouped, moved }),
      slider(t("T, the context"), { from: 36, to: 80, step: 1, start: 8192, ...powers(4), text: (value) => t("{n} tokens", { n: grouped(value) }), moved }),
    ],
    request: ([theta, length]) => [`theta=${theta}`, `length=${length}`],
    at: ([theta, length]) => ({ theta, T: length }),
    said: ([theta, length], result) => t("γ_Padé is {gamma} at θ = {theta} and T = {length} tokens.", { gamma: result.toFixed(3), theta: grouped(theta), length: grouped(length) }),
    x: "theta",
    y: "T",
  });
}
