// Examples that can be asked as they are: the registry's own, with the small files that they name.

import { fitting } from "./forms.js";

/** @param {import("./types.d.ts").Form} form @param {import("./kept.js").Kept} kept @returns {Promise<import("./types.d.ts").Given>} */
export async function examples(form, kept) {
  return fitting(form, form.example);
}
