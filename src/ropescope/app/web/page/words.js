// The page's own sentences. English is the key; another language comes as one JSON file of English → translation.

/** Languages by their own names. */
export const LANGUAGES = /** @type {const} */ ({ en: "English", es: "Español", fr: "Français", zh: "中文" });

/** @typedef {keyof typeof LANGUAGES} Language */

/** @type {Record<string, string>} */
let words = {};

/**
 * `text` in the language of the page, with the values of `{name}` put in.
 * @param {string} text
 * @param {Record<string, string | number>} [values]
 */
export function t(text, values = {}) {
  return spaced((words[text] ?? text).replace(/\{(\w+)\}/g, (whole, name) => (name in values ? String(values[name]) : whole)));
}

/** `text` whose line does not break before a sign that French sets apart. @param {string} text */
export function spaced(text) {
  return document.documentElement.lang === "fr" ? text.replace(/ (?=[:;!?»])|(?<=«) /g, "\u00a0") : text;
}

/** The languages that this page was made with, English first. @returns {Language[]} */
export function offered() {
  const meta = /** @type {HTMLMetaElement | null} */ (document.querySelector('meta[name="ropescope-languages"]'));
  const named = (meta?.content ?? "").split(" ").filter((code) => code in LANGUAGES && code !== "en");
  return /** @type {Language[]} */ (["en", ...named]);
}

/** The language that the reader chose before, or the first that the browser asks for. @returns {Language} */
export function preferred() {
  const there = offered();
  const asked = [stored("language"), ...navigator.languages.map((code) => code.slice(0, 2))];
  return there.find((code) => code === asked.find((one) => there.includes(/** @type {Language} */ (one)))) ?? "en";
}

/** Speak `language` from now on. @param {Language} language */
export async function speak(language) {
  const found = language === "en" ? null : await fetch(`./languages/${language}.json`);
  if (found && !found.ok) throw new Error(`languages/${language}.json: ${found.status}`);
  words = found ? await found.json() : {};
  document.documentElement.lang = language;
}

/** What the reader set before, if this browser keeps it. @param {string} name @returns {string | null} */
export function stored(name) {
  try {
    return localStorage.getItem(`ropescope ${name}`);
  } catch {
    return null;
  }
}

/** @param {string} name @param {string} value */
export function store(name, value) {
  try {
    localStorage.setItem(`ropescope ${name}`, value);
  } catch {
    // A browser that keeps nothing: the choice holds until the page is closed.
  }
}
