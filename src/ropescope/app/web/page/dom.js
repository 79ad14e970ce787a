// Elements from plain values. Text becomes text nodes and never markup, so a name from a file cannot become part of the page.

/** @typedef {Node | string | number | null | undefined | false} Child */

/**
 * An element with attributes (`onclick` and the like are listeners; false and null are left out) and children.
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} tag
 * @param {Record<string, any>} [attributes]
 * @param {...(Child | Child[])} children
 * @returns {HTMLElementTagNameMap[K]}
 */
export function h(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (typeof value === "function") made.addEventListener(name.slice(2), value);
    else made.setAttribute(name, value === true ? "" : String(value));
  }
  fill(made, ...children);
  return made;
}

/**
 * Puts `children` in the place of what `parent` holds.
 * @param {Element} parent
 * @param {...(Child | Child[])} children
 */
export function fill(parent, ...children) {
  const kept = children.flat().filter((child) => child !== null && child !== undefined && child !== false);
  parent.replaceChildren(.../** @type {(Node | string)[]} */ (kept.map((child) => (child instanceof Node ? child : String(child)))));
}

let made = 0;

/** An id that no other element of the page has. @param {string} stem */
export function newId(stem) {
  made += 1;
  return `${stem}-${made}`;
}

/**
 * `act`, once no call came for `ms` milliseconds.
 * @template {any[]} A
 * @param {number} ms
 * @param {(...given: A) => void} act
 * @returns {(...given: A) => void}
 */
export function debounced(ms, act) {
  /** @type {number | undefined} */
  let timer;
  return (...given) => {
    clearTimeout(timer);
    timer = setTimeout(() => act(...given), ms);
  };
}

/**
 * A box that may be wider than its place: a stop of the keyboard as long as it scrolls, and no other; its class says on which side
 * there is more.
 * @template {HTMLElement} E
 * @param {E} box
 */
export function scrolling(box) {
  box.tabIndex = -1;
  const sides = () => {
    const rest = box.scrollWidth - box.clientWidth;
    const gone = Math.abs(box.scrollLeft); // negative where one reads from the right
    box.classList.toggle("more-start", gone > 1);
    box.classList.toggle("more-end", rest - gone > 1);
  };
  const look = new ResizeObserver(() => {
    box.tabIndex = box.scrollWidth > box.clientWidth + 1 || box.scrollHeight > box.clientHeight + 1 ? 0 : -1;
    sides();
  });
  box.addEventListener("scroll", sides, { passive: true });
  look.observe(box);
  if (box.firstElementChild) look.observe(box.firstElementChild);
  return box;
}

/** Keeps a box in view while what is beside it scrolls: where it is higher than the window, its end. @template {HTMLElement} E @param {E} box */
export function staying(box) {
  const look = () => box.style.setProperty("--top", `${Math.min(8, innerHeight - box.offsetHeight)}px`);
  new ResizeObserver(look).observe(box);
  new ResizeObserver(look).observe(document.documentElement);
  return box;
}

/** A command as nodes that break between its words alone. @param {string} command */
export function words(command) {
  return command.split(/(\s+)/).map((part, i) => (i % 2 === 0 ? h("span", { class: "word" }, part) : part));
}

/**
 * Text to copy under its label.
 * @param {string} label
 * @param {Node} pre
 * @param {HTMLElement | false} button
 */
export function codeBox(label, pre, button) {
  return h("div", { class: "code" }, (label || button) && h("p", { class: "label" }, h("span", {}, label), button), pre);
}

/** Says `text` to a screen reader, without moving the focus. @param {string} text */
export function announce(text) {
  const said = document.getElementById("said");
  if (said) said.textContent = text;
}

/**
 * A button that copies what `text` gives, and says so.
 * @param {() => string} text
 * @param {string} label
 * @param {string} done
 */
export function copyButton(text, label, done) {
  const button = h("button", { type: "button", class: "small" }, label);
  button.addEventListener("click", async () => {
    await copy(text());
    button.textContent = done;
    announce(done);
    setTimeout(() => (button.textContent = label), 1500);
  });
  return button;
}

/** @param {string} text */
async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    // Not a secure context, or the user refused: the old way needs neither.
    const held = h("textarea", { class: "out-of-sight", readonly: true, "aria-hidden": "true" });
    held.value = text;
    document.body.append(held);
    held.select();
    document.execCommand("copy");
    held.remove();
  }
}
