// The start of the page: what answers it, its frame, and what comes in from anywhere: links, keys, files that are dropped.

import { connect } from "./backend.js";
import { h } from "./dom.js";
import { frame, wear } from "./frame.js";
import { Page } from "./page.js";
import { preferred, speak, stored } from "./words.js";

wear(stored("theme") ?? "system");
start().catch((error) => {
  const why = error instanceof Error ? error.message : String(error);
  document.getElementById("app")?.replaceChildren(h("main", { class: "refused", role: "alert" }, h("h1", {}, "ropescope"), h("p", {}, why)));
});

async function start() {
  const [backend] = await Promise.all([connect(), speak(preferred())]);
  const catalogue = await backend.catalogue();
  let page = new Page(backend, catalogue);
  const draw = () => document.getElementById("app")?.replaceChildren(...frame(page, speakNow));

  /** The page anew in another language: files, work and requests stay. @param {import("./words.js").Language} language */
  async function speakNow(language) {
    await speak(language);
    page = new Page(backend, catalogue, page);
    draw();
    document.getElementById("language")?.focus();
    await page.route();
  }

  draw();
  addEventListener("hashchange", () => page.route());
  addEventListener("dragover", (event) => event.preventDefault());
  addEventListener("drop", (event) => {
    event.preventDefault();
    page.box.offerDropped(event.dataTransfer);
  });
  addEventListener("paste", (event) => {
    if (!(event.target instanceof HTMLElement) || event.target.closest("input, textarea, select")) return;
    page.box.offerDropped(event.clipboardData);
  });
  addEventListener("keydown", (event) => {
    if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target instanceof HTMLElement && event.target.closest("input, textarea, select")) return;
    event.preventDefault();
    page.box.focus();
  });
  await page.route();
  performance.mark("ropescope usable");
  page.prepare().catch(() => {}); // an answer says what is wrong
}
