"""Every internal link, anchor and picture of built HTML: python docs/site/site_links.py site

Prints each that leads nowhere and exits with 1; with --external it lists the addresses of other hosts, which it does not fetch.
"""

from __future__ import annotations

import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

LEADS = {"a": "href", "link": "href", "img": "src", "script": "src", "iframe": "src", "source": "src"}


class _Page(HTMLParser):
    def __init__(self, html: str) -> None:
        super().__init__()
        self.anchors: set[str] = set()
        self.links: list[tuple[str, str]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.anchors |= {value for key in ("id", "name") if (value := given.get(key))}
        if link := given.get(LEADS.get(tag, "")):
            self.links.append((tag, link))


def broken(site: Path, beside: tuple[str, ...] = ()) -> tuple[list[str], list[str]]:
    """(links that lead nowhere, each with its page; addresses of other hosts) of the pages in `site`.

    `beside`: folders of the site that are not looked into, and may be missing. An error page is read at any depth, so its
    links say nothing. `#q=fit` is no heading but a question for the page that it opens.
    """
    root = site.resolve()
    files = [
        path for path in sorted(root.rglob("*.html")) if path.relative_to(root).parts[0] not in (*beside, "404.html")
    ]
    pages = {path: _Page(path.read_text(encoding="utf-8")) for path in files}
    wrong: list[str] = []
    outside: set[str] = set()
    for page, read in pages.items():
        for tag, link in read.links:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                if tag == "a":
                    outside.add(link)
                elif tag != "link" and parts.scheme not in ("data", "blob"):  # <link> tells its own address
                    wrong.append(f"{page.relative_to(root)}: {link} is fetched from another host")
                continue
            there = (page.parent / unquote(parts.path)).resolve() if parts.path else page
            if there.is_relative_to(root) and there != root and there.relative_to(root).parts[0] in beside:
                continue
            there = there / "index.html" if there.is_dir() else there
            anchor = unquote(parts.fragment)
            if link.startswith("/") or not there.is_relative_to(root) or not there.exists():
                wrong.append(f"{page.relative_to(root)}: {link} leads to no file")
            elif anchor and "=" not in anchor and there in pages and anchor not in pages[there].anchors:
                wrong.append(f"{page.relative_to(root)}: {link} leads to no heading")
    return wrong, sorted(outside)


if __name__ == "__main__":
    found, others = broken(Path(sys.argv[1]))
    print("\n".join([*found, *(others if "--external" in sys.argv else [])]))
    sys.exit(bool(found))
