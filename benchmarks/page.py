"""How soon the static page answers, and how large it is.

    python benchmarks/page.py [--visits 3]

Builds the page, serves it on localhost and visits it with chromium: for the first time, again, and with the host gone. A visit
asks `show` of a pasted config. Seconds from the address to: text on the screen (first contentful paint), the form usable, the
first answer; then the same answer again and one of `fit`, as the page sees them (milliseconds, median of five).
"""

from __future__ import annotations

import argparse
import gzip
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any
from urllib.parse import quote

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "support"))

from browsers import chromium
from released_configs import LLAMA_31_8B
from static_site import served

from ropescope.app.web.build import LATER, build
from ropescope.report.json import dumps

CONFIG = dumps(LLAMA_31_8B, name="config")
FIRST = f"#q=show&source@config.json={quote(CONFIG)}"
PAINT = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime"
USABLE = "performance.getEntriesByName('ropescope usable')[0]?.startTime"

CLICK = """() => new Promise((resolve) => {
  const [answer, began] = [document.querySelector(".answer"), performance.now()];
  new MutationObserver((_, watching) => {
    if (answer.querySelector(".working") || !answer.querySelector(".verdict")) return;
    watching.disconnect();
    resolve(performance.now() - began);
  }).observe(answer, { childList: true });
  document.querySelector(".go button").click();
})"""


def sizes(folder: Path) -> None:
    """The bytes of the page by part, as they are and gzipped, as hosts send them."""
    parts: dict[str, list[int]] = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            name = path.relative_to(folder).as_posix()
            part = next((part for part in LATER if name.startswith(part)), "the first view, and what it may open")
            raw = path.read_bytes()
            sums = parts.setdefault(part, [0, 0])
            sums[0] += len(raw)
            sums[1] += min(len(raw), len(gzip.compress(raw, 9)))
    for part, (raw_bytes, sent) in sorted(parts.items(), key=lambda one: -one[1][1]):
        print(f"{part:<40} {raw_bytes / 1e3:>9,.0f} kB {sent / 1e3:>8,.0f} kB gzipped")


def visit(page: Any, address: str) -> dict[str, float]:
    """Seconds of one visit."""
    began = time.perf_counter()
    page.goto(address + FIRST)
    page.locator(".go button").click()
    page.locator(".verdict h2").wait_for()
    answered = time.perf_counter() - began
    return {"paint": page.evaluate(PAINT) / 1e3, "usable": page.evaluate(USABLE) / 1e3, "answer": answered}


def again(page: Any, address: str, fragment: str) -> float:
    """Milliseconds of an answer once Python is warm, from the click to the text."""
    page.goto(address + fragment)
    page.locator(".go button").click()
    page.locator(".verdict h2").wait_for()
    return statistics.median(page.evaluate(CLICK) for _ in range(5))


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    asked.add_argument("--visits", type=int, default=3)
    visits = asked.parse_args().visits
    with tempfile.TemporaryDirectory() as place, chromium() as browser:
        began = time.perf_counter()
        folder = build(Path(place) / "page").folder
        print(f"built in {time.perf_counter() - began:.1f} s\n")
        sizes(folder)
        rows: dict[str, list[dict[str, float]]] = {"first": [], "again": [], "offline": []}
        warm: dict[str, float] = {}
        for _ in range(visits):
            with served(folder) as site:
                context = browser.new_context()
                page = context.new_page()
                rows["first"].append(visit(page, site.address))
                page.wait_for_timeout(3000)
                page.goto("about:blank")
                rows["again"].append(visit(page, site.address))
                warm["show"] = again(page, site.address, FIRST)
                warm["fit"] = again(page, site.address, FIRST.replace("q=show", "q=fit") + "&gpu=4090&context=8k")
            page.goto("about:blank")
            rows["offline"].append(visit(page, site.address))
            context.close()
    print(f"\n{'seconds, best of ' + str(visits):<24}{'paint':>8}{'usable':>8}{'answer':>8}")
    for name, found in rows.items():
        best = [min(one[key] for one in found) for key in ("paint", "usable", "answer")]
        print(f"{name:<24}" + "".join(f"{value:>8.2f}" for value in best))
    print("then " + ", ".join(f"{name} {value:.0f} ms" for name, value in warm.items()))


if __name__ == "__main__":
    main()
