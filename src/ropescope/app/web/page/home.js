// The list of questions, by the situation in which one asks them.

import { h, newId } from "./dom.js";
import { link } from "./fragment.js";
import { t } from "./words.js";

/** @typedef {import("./page.js").Page} Page */

/** @param {Page} page @returns {HTMLElement[]} */
export function home(page) {
  return [
    h("h1", { class: "out-of-sight" }, "ropescope"),
    h(
      "div",
      { class: "situations" },
      page.catalogue.situations.map((situation) => {
        const id = newId("situation");
        return h(
          "section",
          { "aria-labelledby": id },
          h("h2", { id }, t(situation.title)),
          h(
            "ul",
            {},
            situation.questions
              .filter((one) => one.name !== "ask")
              .map((one) =>
                h("li", {}, h("a", { href: link(one.name, {}) }, one.name), page.backend.can(one).ok ? "" : h("span", { class: "quiet only" }, ` ${t("command only")}`), h("p", {}, t(one.asks))),
              ),
          ),
        );
      }),
      h(
        "section",
        { "aria-labelledby": "looks" },
        h("h2", { id: "looks" }, t("Look")),
        h(
          "ul",
          {},
          LOOKS.map(([name, title, what]) => h("li", {}, h("a", { href: `#explore=${name}` }, t(title)), h("p", {}, t(what)))),
        ),
      ),
    ),
  ];
}

/** Views with sliders: name, title, what one sees, and the question that is asked. */
export const LOOKS = /** @type {const} */ ([
  ["memory", "context against memory", "Move context and batch, and see what a device must hold.", "fit"],
  ["window", "window against γ", "Move γ and N, and see how many tokens hold a share of the attention.", "compute"],
  ["regimes", "regimes in (θ, T)", "Move θ and T, and see in which band of γ_Padé a model would lie.", "plot"],
]);

/** Links to the other questions of the same situation; they take the same inputs along. @param {Page} page @param {string} name */
export function others(page, name) {
  const situation = page.catalogue.situations.find((one) => one.questions.some((question) => question.name === name));
  const links = (situation?.questions ?? [])
    .filter((one) => one.name !== name && one.name !== "ask")
    .map((one) => h("li", {}, h("a", { href: link(one.name, {}), "data-question": one.name }, one.name)));
  return situation && links.length > 0 ? h("nav", { class: "others", "aria-label": t(situation.title) }, h("span", { class: "quiet" }, t(situation.title)), h("ul", {}, links)) : null;
}
