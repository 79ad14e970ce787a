// Saving what the page holds as a file of the reader's.

import { announce, h } from "./dom.js";
import { t } from "./words.js";

/** @param {Blob} blob @param {string} name */
export function save(blob, name) {
  const link = h("a", { href: URL.createObjectURL(blob), download: fileName(name) });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

/** `name` as a name that every system takes. @param {string} name */
export function fileName(name) {
  const [, stem, suffix] = /** @type {RegExpMatchArray} */ (name.match(/^(.*?)((?:\.[a-z]{2,4}){0,2})$/s));
  return (stem.replace(/[^A-Za-z0-9._-]+/g, "-").replace(/^[-.]+/, "").slice(0, 60).replace(/[-.]+$/, "") || "ropescope") + suffix;
}

/**
 * A button that makes a file and saves it.
 * @param {string} label
 * @param {string} name
 * @param {() => Promise<Blob>} make
 */
export function saveButton(label, name, make) {
  const button = h("button", { type: "button", class: "small", "aria-label": t("Save {what} as {kind}", { what: name, kind: label }) }, label);
  button.addEventListener("click", async () => {
    button.disabled = true;
    try {
      save(await make(), name);
    } catch (error) {
      announce(t("Not saved: {why}", { why: error instanceof Error ? error.message : String(error) }));
    } finally {
      button.disabled = false;
    }
  });
  return button;
}
