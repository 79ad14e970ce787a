// The request in the link's fragment, which a browser never sends: #q=NAME&field=value…, a field again for each value of a list.
// A small file that was pasted or dropped stands as field@name=its text, so that the link holds all that is needed; of a larger one
// the link holds the name.

/** @typedef {import("./types.d.ts").Given} Given */
/** @typedef {{ name: string, text: string }} Held  A file that the link holds; without a text it holds its name alone. */
/** @typedef {string | Held} Piece */
/** @typedef {{ question: string, pieces: Record<string, Piece[]> }} Request */
/** @typedef {{ view: "home" | "question" | "compare" | "explore", look: string, requests: Request[] }} Place */

/** A file of at most this many bytes goes into a link. */
export const MOST_TEXT = 16384;

/**
 * The fragment that asks `question` with `given`.
 * @param {string} question
 * @param {Given} given
 * @param {(path: string) => Held | undefined} [held] the kept file of a path, if there is one
 */
export function link(question, given, held = () => undefined) {
  return `#${part(question, given, held)}`;
}

/**
 * The fragment that compares several requests.
 * @param {{ question: string, given: Given }[]} requests
 * @param {(path: string) => Held | undefined} [held]
 */
export function compareLink(requests, held = () => undefined) {
  return `#compare&${requests.map((one) => part(one.question, one.given, held)).join("&")}`;
}

/**
 * @param {string} question
 * @param {Given} given
 * @param {(path: string) => Held | undefined} held
 */
function part(question, given, held) {
  const pairs = [["q", question]];
  for (const [field, value] of Object.entries(given)) {
    for (const one of Array.isArray(value) ? value : [value]) {
      if (one === false) continue;
      const file = typeof one === "string" ? held(one) : undefined;
      pairs.push(file ? [`${field}@${file.name}`, file.text] : [field, String(one)]);
    }
  }
  return pairs.map(([key, value]) => `${encoded(key)}=${encoded(value)}`).join("&");
}

/**
 * Where a fragment leads. Never throws: what cannot be read leads home.
 * @param {string} fragment
 * @returns {Place}
 */
export function place(fragment) {
  /** @type {Place} */
  const found = { view: "home", look: "", requests: [] };
  for (const pair of fragment.replace(/^#/, "").split("&")) {
    const at = pair.indexOf("=");
    const key = decoded(at < 0 ? pair : pair.slice(0, at));
    const value = at < 0 ? "" : decoded(pair.slice(at + 1));
    const last = found.requests.at(-1);
    if (key === "q") {
      if (found.view === "home") found.view = "question";
      found.requests.push({ question: value, pieces: Object.create(null) });
    } else if (last) {
      const [field, ...name] = key.split("@");
      (last.pieces[field] ??= []).push(name.length ? { name: name.join("@"), text: value } : value);
    } else if (key === "compare") found.view = "compare";
    else if (key === "explore") {
      found.view = "explore";
      found.look = value;
    }
  }
  if (found.view === "question" && found.requests.length > 1) found.view = "compare";
  return found;
}

/** @param {string} text */
function encoded(text) {
  const whole = text.replace(/[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g, "\ufffd");
  return encodeURIComponent(whole).replace(/%(?:2F|3A|2C|40)/g, (code) => decodeURIComponent(code));
}

/** @param {string} text */
function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
