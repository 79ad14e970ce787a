"use strict";
// Sort a table by a column: by number where both cells hold one, absent values last in both directions.
for (const button of document.querySelectorAll("th button")) {
  button.addEventListener("click", () => {
    const head = button.parentElement;
    const body = head.closest("table").tBodies[0];
    const down = head.getAttribute("aria-sort") === "ascending";
    for (const other of head.parentElement.children) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", down ? "descending" : "ascending");
    const key = (row) => row.cells[head.cellIndex].dataset.key;
    const order = (a, b) => {
      if (key(a) === "" || key(b) === "") return (key(a) === "") - (key(b) === "");
      const difference = Number(key(a)) - Number(key(b));
      return (down ? -1 : 1) * (Number.isNaN(difference) ? key(a).localeCompare(key(b)) : difference);
    };
    body.append(...[...body.rows].sort(order));
  });
}
// Save what the page holds already: JSON from a script element, or the drawing itself.
for (const button of document.querySelectorAll("button[data-save]")) {
  button.addEventListener("click", () => {
    const held = document.getElementById(button.dataset.save);
    const drawing = held.querySelector("svg");
    const text = drawing ? new XMLSerializer().serializeToString(drawing) : held.textContent;
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([text], { type: drawing ? "image/svg+xml" : "application/json" }));
    link.download = button.dataset.name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  });
}
