/** @param {import("./page.js").Page} page @param {string} look @returns {Promise<HTMLElement[]>} */
export async function explore(page, look) {
  return [];
}
