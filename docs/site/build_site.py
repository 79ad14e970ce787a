"""Build the documentation site into site/: `make site`, or `python docs/site/build_site.py`.

The pages go to build/docs (`site_pages.py`, `site_api.py`) and Zensical makes HTML of them. The static page that answers in
the browser goes beside them, and every link of the result is checked. `--pages` leaves the static page out, which fetches Pyodide.
SITE_URL in the environment says where the site will stand, for canonical links and the page of a wrong address.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

import site_api
import site_links
from site_pages import ROOT, Site, write

SITE: Final = Path(__file__).parent
HOME: Final = "---\nhide: [navigation]\n---\n\n"
UNSEARCHED: Final = "---\nsearch:\n  exclude: true\n---\n\n"
TRY: Final = "[Try it in the browser](try.md){ .md-button .md-button--primary }"
"""What the README gets on the site: the width of its blocks of output, and a button."""
MISSING: Final = """\
<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="light dark">
<title>No such page</title>
<body style="font-family: sans-serif; margin: 3rem auto; max-width: 40rem; padding: 0 1rem">
<h1>No such page</h1>
<p>The documentation of ropescope has no page at this address. Shorten the address to reach its home, and search there.</p>
</html>
"""
"""For a wrong address, where the site does not know its own (SITE_URL)."""
PAGE: Final = "page"
"""The folder of the static page on the site. Its service worker answers for this folder alone."""
ORDER: Final[dict[str, tuple[str, ...]]] = {
    "Guides": (
        *(
            "installing",
            "reading",
            "serving",
            "prompts",
            "measuring",
            "fleet",
            "compressing",
            "engines",
            "serving-plans",
        ),
        *("extending", "finetuning", "scores", "judging", "hub", "notebooks", "agents", "skill/SKILL", "plugins"),
    ),
    "Results": ("results/compression", "results/extension", "results/experiments", "results/pilot"),
    "Notebooks": tuple(
        f"notebooks/{name}" for name in "reading serving measuring compressing extending finetuning judging".split()
    ),
    "Reference": ("reference/index",),
    "API": ("api/index",),
    "Project": ("contributing", "changes"),
}
"""The parts of the site, and their first pages. A page that is not named here comes after them, in the part of its folder."""
ALONE: Final = ("index.md", "try.md")


def part_of(place: str) -> str:
    """The part of the site that a page stands in."""
    named = next((part for part, names in ORDER.items() if place.removesuffix(".md") in names), None)
    folders = {part.lower(): part for part in ORDER} | {"formulas.md": "Reference"}
    return named or folders.get(place.partition("/")[0], "Guides")


def navigation(places: Iterable[str], titles: Mapping[str, str]) -> list[Any]:
    """The parts of the site with their pages. Files of the repository that links show are in none."""
    parts: dict[str, list[str]] = {part: [] for part in ORDER}
    for name in places:
        if name not in ALONE and not name.startswith("source/"):
            parts[part_of(name)].append(name)
    made: list[Any] = [{"Home": "index.md"}]
    for part, names in parts.items():
        first = [f"{name}.md" for name in ORDER[part]]
        names.sort(key=lambda name: (first.index(name) if name in first else len(first), name == "formulas.md"))
        entries = [name if name.endswith("/index.md") else {titles[name]: name} for name in names]
        made += [{part: entries}] if entries else []
    return [*made, {"Try it": "try.md"}]


def staged(folder: Path, root: Path = ROOT) -> None:
    """Write the pages of the site into `folder`, as Markdown."""
    site = Site(root)
    rooms = site_api.pages(root)
    titles = site.titles | {name: Path(name).stem for name in rooms}
    pages = site.pages | rooms
    pages["index.md"] = HOME + pages["index.md"].replace("\n## Install", f"\n{TRY}\n\n## Install", 1)
    pages["changes.md"] = UNSEARCHED + pages["changes.md"]
    pages[".nav.yml"] = json.dumps({"nav": navigation(pages, titles)}, indent=1)  # JSON is YAML, too
    write(folder, pages, site.files | {name: SITE / name for name in ("site.css", "site.js")})


def built(root: Path = ROOT, *, page: bool = True) -> list[str]:
    """Build `root`/site; returns the links that lead nowhere."""
    staged(root / "build" / "docs")
    zensical = [sys.executable, "-m", "zensical", "build", "--strict", "--config-file", str(root / "mkdocs.yml")]
    subprocess.run(zensical, check=True, cwd=root, env=os.environ | {"PYTHONPATH": f"{SITE}{os.pathsep}{root / 'src'}"})
    if not os.environ.get("SITE_URL"):
        (root / "site" / "404.html").write_text(MISSING, encoding="utf-8")
    if page:
        subprocess.run([sys.executable, "-m", "ropescope", "web", "--build", str(root / "site" / PAGE)], check=True)
    wrong, others = site_links.broken(root / "site", beside=(PAGE,) if not page else ())
    print(f"{len(others)} links to other hosts, which were not fetched:", *others, sep="\n  ")
    return wrong


if __name__ == "__main__":
    given = argparse.ArgumentParser(description=__doc__)
    given.add_argument("--pages", action="store_true", help="leave out the page that answers in the browser")
    if found := built(page=not given.parse_args().pages):
        sys.exit("\n".join(found))
