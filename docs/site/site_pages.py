"""The pages of the site: where each Markdown file of the repository stands in it, and its links rewritten for that place.

Links are written for a code host, from file to file. Here a link to a page leads to that page, a link to a picture or a
table to a copy of it, and a link to any other file of the repository to its page on the code host, if pyproject.toml
names one (`[project.urls] Repository`), else to a page that shows the file.
"""

from __future__ import annotations

import os
import re
import tomllib
from pathlib import Path, PurePosixPath
from typing import Final

import site_mathematics
from site_notebooks import as_markdown

ROOT: Final = Path(__file__).parents[2]
OF_THE_ROOT: Final = {"README.md": "index.md", "CONTRIBUTING.md": "contributing.md", "CHANGELOG.md": "changes.md"}
"""Pages outside docs/, and the names they get."""
REFERENCE: Final = "docs/reference.md"
"""One page in the repository, and a page for each situation on the site."""
COPIED: Final = (".svg", ".png", ".parquet", ".csv", ".json")
TITLES: Final = {"skill/SKILL.md": "Agents with a shell"}
FENCED: Final = re.compile(r"(^ *```.*?^ *```$)", re.M | re.S)
CODE: Final = re.compile(r"(`[^`\n]*`)")
LINK: Final = re.compile(r"(?<=\]\()([^)\s]+)(?=\))")
FILES_ALONE: Final = re.compile(r"(^## ([\w-]+)\n(?:(?!^## ).*\n)*?)Needs files alone\.", re.M)
"""A question of the reference that the page answers, too; those that have a name of one word."""
HEADING: Final = re.compile(r"^#+ (.*)$", re.M)


def sources(root: Path = ROOT) -> list[str]:
    """Every file that is a page: of the root those above, of docs/ all Markdown files and notebooks."""
    files = [*sorted((root / "docs").rglob("*.md")), *sorted((root / "docs" / "notebooks").glob("*.ipynb"))]
    pages = (path.relative_to(root).as_posix() for path in files)
    return [*(name for name in OF_THE_ROOT if (root / name).exists()), *pages]


def slug(heading: str) -> str:
    """The anchor that a code host gives to a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-")


def place(source: str) -> str:
    """Where a page of the repository stands on the site: `docs/reading.md` at `reading.md`."""
    if source == REFERENCE:
        return "reference/index.md"
    name = f"{source.removesuffix('.ipynb')}.md" if source.endswith(".ipynb") else source
    return OF_THE_ROOT.get(source) or name.removeprefix("docs/").removeprefix("site/")


def _title(heading: str) -> str:
    """A heading as navigation shows it: `Results: compressing the cache` as `Compressing the cache`."""
    words = heading.replace("`", "").removeprefix("Results: ").partition(": ")[0]
    return words[:1].upper() + words[1:]


def _without_prompts(block: str) -> str:
    """A block of commands as its button copies it; one that shows output keeps its prompts."""
    first, *lines, last = block.splitlines()
    if first != "```console" or not all(line.startswith("$ ") for line in lines):
        return block
    return "\n".join(["```sh", *(line[2:] for line in lines), last])


def situations(reference: str) -> dict[str, str]:
    """The parts of the reference by the name of their page; the first is its opening."""
    opening, *parts = re.split(r"^## ", reference, flags=re.M)
    made = {"reference/index.md": opening}
    for part in parts:
        made[f"reference/{slug(part.partition(chr(10))[0])}.md"] = f"# {part}".replace("\n### ", "\n## ")
    return made


class Site:
    """The pages as they are written: `pages` holds their text by place, `files` what is copied, by place its source."""

    def __init__(self, root: Path = ROOT) -> None:
        self.root = root
        self.pages: dict[str, str] = {}
        self.files: dict[str, Path] = {}
        project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        self.host: str | None = project.get("urls", {}).get("Repository")
        self.titles: dict[str, str] = {}
        reference = situations((root / REFERENCE).read_text(encoding="utf-8"))
        self._questions = {slug(one): name for name, part in reference.items() for one in HEADING.findall(part)}
        for source in sources(root):
            notebook = source.endswith(".ipynb")
            text = as_markdown(root / source) if notebook else (root / source).read_text(encoding="utf-8")
            if notebook:
                self.files[source.removeprefix("docs/")] = root / source
            for name, part in (reference if source == REFERENCE else {place(source): text}).items():
                self.pages[name] = self._rewritten(part, source, name)
                self.titles[name] = TITLES.get(name) or _title(HEADING.findall(FENCED.sub("", part))[0])
        for name in [name for name in self.pages if name.startswith("reference/")]:
            self.pages[name] = FILES_ALONE.sub(
                r"\1Needs files alone: [ask it in the browser](../page/#q=\2).", self.pages[name]
            )
        self.pages["reference/index.md"] += self._contents()

    def _contents(self) -> str:
        """Every question, by situation: the table that leads from the reference's first page to the others."""
        lines = ["", "## Questions", "", "| situation | questions |", "| --- | --- |"]
        for name in [name for name in self.pages if name.startswith("reference/") and name != "reference/index.md"]:
            file = PurePosixPath(name).name
            asked = re.findall(r"^## (.*)$", self.pages[name], re.M)
            cell = " · ".join(f"[{one}]({file}#{slug(one)})" for one in asked)
            lines.append(f"| [{self.titles[name]}]({file}) | {cell} |")
        return "\n".join((*lines, ""))

    def _rewritten(self, text: str, source: str, name: str) -> str:
        """`text` with its links made for the page `name`."""
        parts = FENCED.split(text)
        parts[1::2] = [_without_prompts(part) for part in parts[1::2]]
        parts[::2] = [site_mathematics.as_html(self._linked(part, source, name)) for part in parts[::2]]
        return "".join(parts)

    def _linked(self, text: str, source: str, name: str) -> str:
        parts = CODE.split(text)
        parts[::2] = [LINK.sub(lambda found: self._link(found[1], source, name), part) for part in parts[::2]]
        return "".join(parts)

    def _link(self, link: str, source: str, name: str) -> str:
        target, _, heading = link.partition("#")
        if ":" in target or PurePosixPath(source).suffix == PurePosixPath(target).suffix == ".ipynb":
            return link  # another host, or the notebook that a page was made from
        path = os.path.normpath(PurePosixPath(source).parent / target) if target else source
        if path == REFERENCE and heading:
            there = self._questions.get(heading, "reference/index.md")
        else:
            there = self._placed(path)
        if there == name:
            return f"#{heading}" if heading else PurePosixPath(name).name
        if "://" in there:
            return there
        folder = "/" if target.endswith("/") else ""
        return os.path.relpath(there, PurePosixPath(name).parent) + folder + (f"#{heading}" if heading else "")

    def _placed(self, path: str) -> str:
        """Where a link to a file of the repository leads on the site; as it is, if there is no such file."""
        full = self.root / path
        if path in OF_THE_ROOT or (path.startswith("docs/") and path.endswith((".md", ".ipynb"))) or not full.exists():
            return place(path)
        if path.startswith("docs/") and path.endswith(COPIED):
            self.files[place(path)] = full
            return place(path)
        if self.host:
            return f"{self.host}/blob/main/{path}"
        shown = f"source/{path}.md" if full.is_file() else f"source/{path}/index.md"
        if shown not in self.pages:
            self.pages[shown] = ""  # a folder's files lead back to it
            self.pages[shown] = f"---\nsearch:\n  exclude: true\n---\n\n# {path}\n\n" + self._shown(full, path, shown)
        return shown

    def _shown(self, full: Path, path: str, shown: str) -> str:
        if full.is_dir():
            files = [one for one in sorted(full.iterdir()) if one.is_file()]
            return "".join(f"- [{one.name}]({self._link(one.name, f'{path}/{one.name}', shown)})\n" for one in files)
        return f"`````{full.suffix[1:]}\n{full.read_text(encoding='utf-8')}\n`````\n"


def write(folder: Path, pages: dict[str, str], files: dict[str, Path]) -> None:
    """Write `pages` and copies of `files` into `folder`, and take away what an earlier build left there."""
    wanted = {name: text.encode() for name, text in pages.items()} | {n: path.read_bytes() for n, path in files.items()}
    for path in sorted(folder.rglob("*"), reverse=True):
        if path.is_file() and path.relative_to(folder).as_posix() not in wanted:
            path.unlink()
    for name, data in wanted.items():
        path = folder / name
        if not path.exists() or path.read_bytes() != data:  # what is as it was need not be built again
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
