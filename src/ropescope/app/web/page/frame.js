// What stands around every view: the way home, the box, and at the foot where answers come from, the language and the colours.

import { fill, h } from "./dom.js";
import { tokenControl } from "./token.js";
import { LANGUAGES, offered, store, stored, t } from "./words.js";

/** @typedef {import("./page.js").Page} Page */

const THEMES = { system: "Like the system", light: "Light", dark: "Dark" };

/** @typedef {(language: import("./words.js").Language) => Promise<void>} Speak */

/** The frame of `page`, as elements. @param {Page} page @param {Speak} speak draws the page in another language */
export function frame(page, speak) {
  const busy = h("p", { class: "busy", hidden: true });
  page.works.addEventListener("change", () => {
    const elsewhere = [...page.works.running.values()].filter((work) => work.fragment !== page.fragment);
    busy.hidden = elsewhere.length === 0;
    fill(busy, elsewhere.map((work) => h("a", { href: work.fragment }, t("Working: {name}", { name: work.question }), far(work))));
  });
  return [
    h("a", { class: "skip", href: "#main", onclick: (/** @type {Event} */ event) => skip(event, page.main) }, t("Skip to the content")),
    h("header", { class: "top" }, h("p", { class: "mark" }, h("a", { href: "#" }, "ropescope")), page.box.element, busy),
    page.main,
    page.tray,
    foot(page, speak),
    h("p", { id: "said", class: "out-of-sight", role: "status" }),
  ];
}

/** @param {import("./work.js").Work} work */
function far(work) {
  return work.planned > 0 ? ` ${Math.round((100 * work.done) / work.planned)} %` : "";
}

/** The fragment holds the request, so a skip moves the focus itself. @param {Event} event @param {HTMLElement} to */
function skip(event, to) {
  event.preventDefault();
  to.focus();
}

/** @param {Page} page @param {Speak} speak */
function foot(page, speak) {
  const where =
    page.backend.kind === "server"
      ? t("Answers come from ropescope on this machine. It asks huggingface.co for the files of a model that you name, and nothing else.")
      : t("Answers come from Python in this browser. Nothing leaves this page except requests to huggingface.co for the headers of a model that you name.");
  const theme = h("select", { id: "theme" }, Object.entries(THEMES).map(([value, label]) => h("option", { value }, t(label))));
  theme.value = stored("theme") ?? "system";
  theme.addEventListener("change", () => {
    store("theme", theme.value);
    wear(theme.value);
  });
  const languages = offered();
  const language = h("select", { id: "language" }, languages.map((code) => h("option", { value: code, lang: code }, LANGUAGES[code])));
  language.value = document.documentElement.lang;
  language.addEventListener("change", async () => {
    const chosen = /** @type {import("./words.js").Language} */ (language.value);
    try {
      await speak(chosen);
      store("language", chosen);
    } catch {
      language.value = document.documentElement.lang; // its words cannot be had
    }
  });
  return h(
    "footer",
    {},
    h("p", {}, where),
    page.backend.useToken && tokenControl(page.backend),
    h(
      "p",
      { class: "set" },
      h("label", { for: "theme" }, t("Colours")),
      theme,
      languages.length > 1 && [h("label", { for: "language" }, t("Language")), language],
      h("span", {}, `ropescope ${page.catalogue.version}`),
    ),
  );
}

/** Puts colours on the page. @param {string} theme */
export function wear(theme) {
  if (theme === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
}
