// A token of the Hub, for what is gated or private: the page holds it, and it goes to huggingface.co alone.

import { fill, h, newId } from "./dom.js";
import { t } from "./words.js";

/** @typedef {import("./types.d.ts").Backend} Backend */

const CHANGED = "ropescope-token";

/**
 * Where a token is given, and taken back. `again` asks once more with it.
 * @param {Backend} backend
 * @param {(() => void) | null} [again]
 */
export function tokenControl(backend, again = null) {
  const id = newId("token");
  const input = h("input", { type: "password", id, autocomplete: "off", spellcheck: "false", "aria-describedby": `${id}-told` });
  const stays = h("input", { type: "checkbox", id: `${id}-stays` });
  const wrong = h("span", { class: "error", role: "alert" });
  const give = h("button", { type: "submit", class: again ? "main" : "small" }, again ? t("Ask again with this token") : t("Use this token"));
  const forget = h("button", { type: "button", class: "small" }, t("Forget it"));
  const element = h("form", { class: "set token" });
  element.addEventListener("submit", (event) => {
    event.preventDefault();
    const text = input.value.trim();
    // A header holds no other characters, and no token has them.
    const fine = /^[\x21-\x7e]+$/.test(text);
    fill(wrong, fine ? "" : t("This is no token: copy it again from huggingface.co/settings/tokens."));
    if (!fine) return input.focus();
    backend.useToken?.(text, stays.checked);
    input.value = "";
    dispatchEvent(new Event(CHANGED));
    again?.();
  });
  forget.addEventListener("click", () => {
    backend.useToken?.("", false);
    dispatchEvent(new Event(CHANGED));
  });
  const told = h("span", { id: `${id}-told` }, t("Sent to huggingface.co alone. In no link, file or report."));
  const draw = () => {
    const held = backend.hasToken?.() ?? false;
    fill(
      element,
      held && h("span", {}, t("A Hub token is given.")),
      held && forget,
      h("label", { for: id }, held ? t("Another Hub token") : t("Hub token for gated models")),
      input,
      h("label", { for: stays.id }, stays, " ", t("Keep it until this tab is closed")),
      give,
      wrong,
      told,
    );
  };
  const changed = () => (element.isConnected ? draw() : removeEventListener(CHANGED, changed));
  addEventListener(CHANGED, changed);
  draw();
  return element;
}
