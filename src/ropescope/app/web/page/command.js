// A request as the command line spells it, as one types: the same words as `command_line` in app/words.py.

/** @typedef {import("./types.d.ts").Form} Form */
/** @typedef {import("./types.d.ts").Given} Given */

/**
 * @param {Form} form
 * @param {Given} given
 * @param {(path: string) => string} [named] how a kept file is called
 */
export function commandLine(form, given, named = (path) => path) {
  const words = ["ropescope", ...form.name.split(" ")];
  const fields = form.fields.filter((one) => given[one.name] !== undefined && given[one.name] !== false);
  for (const one of fields.filter((field) => field.placed)) words.push(...values(one, given[one.name], named));
  for (const one of fields.filter((field) => !field.placed)) {
    const flag = `--${one.name.replaceAll("_", "-")}`;
    if (given[one.name] === true) words.push(flag);
    else for (const word of values(one, given[one.name], named)) words.push(flag, word);
  }
  return words.map(quoted).join(" ");
}

/**
 * @param {import("./types.d.ts").Field} field
 * @param {Given[string]} value
 * @param {(path: string) => string} named
 */
function values(field, value, named) {
  const list = (Array.isArray(value) ? value : [String(value)]).map(named);
  return field.repeats ? list : [list.join(",")];
}

/** @param {string} word */
function quoted(word) {
  return /^[\p{L}\p{N}_@%+=:,./\-…<>]+$/u.test(word) ? word : `'${word.replaceAll("'", `'"'"'`)}'`;
}
