"""README and guides are short: words a page, words a sentence; their commands are understood, and their links lead somewhere."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from click import Context

from ropescope.app.cli import app, command_of
from ropescope.questions.inputs import fields_of, from_text
from ropescope.questions.registry import FACES, known

ROOT = Path(__file__).parents[2]
GENERATED = ("formulas", "reference")
GUIDES = tuple(path for path in sorted((ROOT / "docs").glob("*.md")) if path.stem not in GENERATED)
PLAIN = (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *GUIDES)
"""Pages that are read between two other tasks."""
RESULTS = tuple((ROOT / "docs" / "results").glob("*.md"))
WORD = re.compile(r"\S*\w\S*")
SENTENCE_ENDS = re.compile(r"(?<=[.?!])[)*]*\s+(?=[A-Z`*\"γ\d\[(])")
FENCED = re.compile(r"^```.*?^```$", re.M | re.S)


def sentences(page: str) -> list[int]:
    """How many words each sentence has: of paragraphs and list items, without code, tables, headings and pictures."""
    text = FENCED.sub("\n", page)
    lines = ["" if line.lstrip().startswith(("|", "#", "![")) else line for line in text.splitlines()]
    blocks = re.split(r"\n\s*\n|\n(?=\s*(?:- |\d+\. ))", "\n".join(lines))
    counts: list[int] = []
    for block in blocks:
        words = re.sub(r"\]\([^)]*\)", "]", re.sub(r"^\s*(?:- |\d+\. )", "", block))
        words = re.sub(r"`[^`]*`", "Code", words)  # one name, however long
        counts += [len(WORD.findall(sentence)) for sentence in SENTENCE_ENDS.split(" ".join(words.split()))]
    return [count for count in counts if count]


def test_a_sentence_ends_where_a_reader_would_say() -> None:
    page = "One two. Three `four five` (six).\n\n- Seven eight: nine\n- [Ten](eleven.md)? Yes.\n\n| a | b |\n\n```\nx y z.\n```\n"
    assert sentences(page) == [2, 3, 3, 1, 1]


@pytest.mark.parametrize("path", [*PLAIN, *RESULTS], ids=lambda path: path.stem)
def test_sentences_are_short(path: Path) -> None:
    counts = sentences(path.read_text(encoding="utf-8"))
    assert max(counts) <= (35 if path in PLAIN else 40) and sum(counts) / len(counts) < 18


@pytest.mark.parametrize("path", PLAIN, ids=lambda path: path.stem)
def test_a_guide_is_read_in_minutes(path: Path) -> None:
    assert len(WORD.findall(path.read_text(encoding="utf-8"))) < 900


@pytest.mark.parametrize("path", [*PLAIN, *RESULTS], ids=lambda path: path.stem)
def test_links_lead_somewhere(path: Path) -> None:
    page = path.read_text(encoding="utf-8")
    links = [link for link in re.findall(r"\]\(([^)]+)\)", FENCED.sub("", page)) if "://" not in link]
    assert [link for link in links if not leads_somewhere(path, link)] == []


def leads_somewhere(page: Path, link: str) -> bool:
    """Whether a file of this repository is there, and the heading in it that the link names."""
    name, _, heading = link.partition("#")
    path = page.parent / name if name else page
    if not path.exists() or not heading:
        return path.exists()
    lines = path.read_text(encoding="utf-8").splitlines()
    return heading in {line.strip("# ").lower().replace(" ", "-") for line in lines if line.startswith("#")}


@pytest.mark.parametrize("path", [*PLAIN, *RESULTS], ids=lambda path: path.stem)
def test_files_of_the_repository_that_a_page_names_exist(path: Path) -> None:
    page = path.read_text(encoding="utf-8").replace("`94f8b6a` with its `benchmarks/compress_quality.py", "")
    named = set(re.findall(r"\b(?:src|tests|benchmarks|docs)/[\w./-]*\w", page))
    assert [name for name in sorted(named) if not (ROOT / name).exists()] == []


def commands(path: Path) -> list[str]:
    """The commands that stand in a page's blocks of code, without comments."""
    blocks = "".join(FENCED.findall(path.read_text(encoding="utf-8")))
    return re.findall(r"^(?:\$ )?(ropescope \S.*)$", blocks, re.M)


@pytest.mark.parametrize(
    "line", sorted({line for path in (*PLAIN, *RESULTS) for line in commands(path)}), ids=lambda line: line[:60]
)
def test_commands_are_understood(line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Read as the command line would read them, up to the work itself."""
    monkeypatch.chdir(tmp_path)
    words = shlex.split(line, comments=True)[1:]
    if words == ["--help"]:
        return
    if words[0] in FACES:  # it asks no question of its own
        face = app.get_command(Context(app), words[0])
        assert face is not None and face.make_context(words[0], words[1:])
        return
    name = next(name for name in (" ".join(words[:2]), words[0]) if name in known())
    with command_of(known()[name]).make_context(name, words[len(name.split()) :]) as context:
        given = {one.name: context.params[one.name] for one in fields_of(known()[name].inputs_type)}
    assert from_text(
        known()[name].inputs_type, {key: value for key, value in given.items() if value not in (None, (), False)}
    )
