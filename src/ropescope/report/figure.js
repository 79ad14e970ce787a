"use strict";
// `ast` makes Vega interpret its expressions rather than compile them, which the page's policy would refuse.
vegaEmbed("#figure", JSON.parse(document.getElementById("spec").textContent), {
  ast: true,
  renderer: "svg",
  actions: { export: true, source: false, compiled: false, editor: false },
});
