// What answers the page: a server on this machine, or Python in this browser. The page's <meta name="ropescope-backend"> says which.

/** @typedef {import("./types.d.ts").Backend} Backend */

/**
 * The backend that the page was written for; its module is loaded now and not before.
 * @returns {Promise<Backend>}
 */
export async function connect() {
  const meta = /** @type {HTMLMetaElement | null} */ (document.querySelector('meta[name="ropescope-backend"]'));
  const kind = meta?.content === "server" ? "server" : "static";
  const module = await import(`./${kind}.js`);
  return module.connect();
}

/**
 * The address of a question's form: the same for both backends.
 * @param {string} name
 */
export function formAddress(name) {
  return `./forms/${encodeURIComponent(name.replaceAll(" ", "_"))}.json`;
}
