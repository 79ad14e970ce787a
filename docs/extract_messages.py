"""Extract every message that a user of the page may read, and bring the catalogues of each language up to date.

    python docs/extract_messages.py   # rewrites app/web/languages/*/*.po, and prints how much is translated
    python docs/extract_messages.py --missing es questions   # prints what is not translated yet

English is the key. A message of Python is a string or an f-string of the source; what an f-string computes becomes {0}, {1}, …
A message of the page is the first argument of t("…"). Needs babel, which is a development dependency.
"""

from __future__ import annotations

import ast
import csv
import re
import sys
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Final, get_args

from babel.messages.catalog import Catalog
from babel.messages.extract import extract
from babel.messages.pofile import read_po, write_po

from ropescope.report.report import Basis
from ropescope.theory.formula import Standing

ROOT: Final = Path(__file__).resolve().parent.parent
SOURCE: Final = ROOT / "src" / "ropescope"
LANGUAGES: Final = SOURCE / "app" / "web" / "languages"
TRANSLATED: Final = ("es", "fr", "zh")
PARTS: Final = ("page", "questions", "reports")
"""The page's own words, what the registry says of questions and inputs, and what answers say: each message in the first that has
it. The first two are complete; of the last a catalogue has what is translated, and --missing lists the rest."""

ROOMS: Final = (
    *"checks models report extend evidence published theory measure compress quality pilot network runs".split(),
)
"""Rooms whose answers a user of the page reads."""

QUESTION_ROOMS: Final = ("questions",)

CSV_TEXTS: Final = {
    "checks/finetuning/adapters/engine_rules.csv": ("says", "mend"),
    "checks/finetuning/adapters/forgetting.csv": ("training", "at", "metric"),
    "checks/judging/saturation/benchmarks.csv": ("items_of", "faulty_note", "licence"),
    "checks/prompts/schemas/effects.csv": ("size", "effect"),
    "checks/prompts/schemas/engines.csv": ("detail",),
    "checks/quantising/perplexity.csv": ("note",),
    "checks/serving/devices/devices.csv": ("note",),
    **dict.fromkeys(
        (f"published/{name}.csv" for name in ("ruler", "ruler_reports", "nolima", "helmet", "longbench_v2")),
        ("setting", "run_by", "note"),
    ),
}
"""Tables with sentences, and the columns that hold them."""

ALSO: Final = (
    *"yes no full sliding chunked linear state-space convolution recurrent cross attention embedding output layer beyond fits "
    "tight never bound needs window mlp norm head experts router prompt compute-bound memory-bound".split(),
    *"can cannot both none draft target fault faults loads compute slower exact identity heuristic contradicted".split(),
    *"answers generation scoring software run vision audio speech lines articles marker write read any mend form".split(),
    *"stays algebra reals deviation flow sign range normal negative growing divergent logarithmic convergent boundary".split(),
    *"critical gradients circularity symmetry potential statistics".split(),
    *(
        f"{{0}} {kind}"
        for kind in ("full", "sliding", "chunked", "linear", "state-space", "convolution", "recurrent", "MLP-only")
    ),
    *(f"{{0}} {standing}" for standing in get_args(Standing)),
    *("{0} schema", "{0} schemas", "{0} line", "{0} lines", "{0} rows", "{0} articles"),
    *("Decay", "Horizon", "Depth", "Nulls", "Window", "Decompositions", "Thermodynamics"),
    *("No such file or directory", "Permission denied", "Is a directory", "Not a directory"),
    *("File name too long", "Too many levels of symbolic links"),
    "Pass is_trainable=True.",
    "Part {0}",
    "Standing {0}: {1}. {2}",
    *("{0} does not run on {1}: {2}", "{0} cannot be split over {1}: {2}", "{0} cannot be loaded on {1}: {2}"),
    *("it needs {0}; {1} may be used", "each needs {0}; {1} may be used"),
    *("No: {0} {1}.", "Undecided: {0} {1}.", "p {0}", "{0}: {1} values.", "the top object", "position"),
    *(
        "full attention",
        "sliding attention",
        "Leave inference_mode out.",
        "frozen weights",
        "frozen weights, 4-bit",
        "Percent.",
        "a backend of vLLM",
        "By {0}.",
    ),
    *("one device of {0}", "{0} holds no GGUF or safetensors model{1}."),
    *"projector learned throughput stored empty erratum".split(),
    *(
        "Expecting property name enclosed in double quotes",
        "Expecting value",
        "Extra data",
        "Invalid control character at",
    ),
    *("Expecting ',' delimiter", "Expecting ':' delimiter"),
    "{0} of the package {1}",
    "second − first",
    "{0} cannot be read ({1}): {2}.",
    "trained weights",
    *"find finds is are extend article gradients schemas vote".split(),
    "{0} is longer than {1} MiB: {2}.",
    "{0} is empty: {1}.",
    "llama.cpp commit {0}",
    *"model-based data-based approach reference subset short medium learned sinusoidal relative give it".split(),
    *"note long overall train".split(),
    *(
        "Leave inference_mode out.",
        "the top object",
        "until {0}",
        "frozen weights",
        "the package {0}, run by the tests",
        "{0} as vendored by {1}",
        "Percent.",
    ),
    "Drop: {0}.",
    "Place: by score in the table of the benchmark ({0}).",
    "write and read",
    "above {0} and at most {1}",
    "wide-field",
    "held of a sequence",
    "extends",
    "scores {0}",
    "{0} less",
    "dated",
    ", dated",
    " Fastest: {0}.",
    "{0} ({1} tokens)",
)
"""Words that answers show alone, from values and from names that are no messages where they are written."""

PAGE_TABLES: Final = ("THEMES", "LOOKS", "MEANING")
"""Tables of the page's modules whose texts are shown through t()."""

_SHOWN: Final = {
    "Check": (0, 1, 2, 3),
    "Fact": (0, 1, 2, 4),
    "Column": (0,),
    "Table": (0,),
    "Figure": (1, 3),
    "Step": (2,),
    "Report": (0, 1),
    "Part": (0, 3),
}
"""Classes of a report, and which of their arguments are read by people, by place."""
_SHOWN_KEYS: Final = {"name", "title", "note", "source", "caption", "why", "verdict", "unit", "help"}
_NEVER_CALLS: Final = {
    "compile", "fullmatch", "match", "search", "sub", "findall", "split", "rsplit", "startswith", "endswith", "removesuffix",
    "removeprefix", "replace", "strip", "rstrip", "lstrip", "partition", "rpartition", "import_module", "getattr", "hasattr",
    "open", "get", "pop", "count", "index", "encode", "decode", "setattr", "TypeVar", "TypeError", "NotImplementedError",
    "KeyError", "RuntimeError", "AssertionError", "symbols", "find", "read_text", "isinstance", "field",
}  # fmt: skip
"""Calls whose literal arguments are patterns, keys or names, and no sentences."""

_WORD: Final = re.compile(r"[A-Za-z]{2,}")
_WORDS: Final = re.compile(r"(?<![\w.-])[a-z]{2,}(?![\w.])")
"""A word that is no name or unit."""
_HOLE: Final = "\0"

# Tuples that are made once: the walk looks at half a million nodes.
_LITERALS: Final = (ast.Constant, ast.JoinedStr)
_PARTED: Final = (ast.Compare, ast.Subscript, ast.AnnAssign, ast.arg, ast.FunctionDef, ast.ClassDef, ast.Dict)
_SILENT: Final = (ast.Name, ast.expr_context, ast.operator, ast.cmpop, ast.boolop, ast.unaryop, ast.alias)
"""Nodes in which nothing is said."""


def messages_of(tree: ast.AST) -> Iterator[tuple[str, int, bool]]:
    """Each message of a module: its text with {0}, {1}, … for what is computed, its line, and whether it is the help of a field."""
    yield from _walk(tree, shown=False, helps=False)


def _walk(node: ast.AST, *, shown: bool, helps: bool) -> Iterator[tuple[str, int, bool]]:
    if isinstance(node, _SILENT):
        return
    if isinstance(node, _LITERALS) or _joined(node):
        text = _flat(node)
        if text is not None and isinstance(node, ast.Constant) and not helps:
            text = re.sub(r"\{\w*\}", _HOLE, text)  # filled in by format()
        if text is not None:
            for piece in _columns(text):
                found = _message(piece, shown=shown or piece != text)
                if found and (piece == text or _WORDS.search(found)):
                    yield found, node.lineno, helps  # type: ignore[attr-defined]
            for inner in _computed(node):
                yield from _walk(inner, shown=False, helps=helps)
            return
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return  # a docstring
    if isinstance(node, _PARTED):
        yield from _of_parts(node)
        return
    if isinstance(node, ast.Call):
        called = _called(node)
        if called != "split":  # a list of names, written as one text
            yield from _walk(node.func, shown=False, helps=helps)
        helping = called == "asked"
        for place, argument in enumerate(node.args):
            if called == "Question" and place != 1:
                continue
            if called in _NEVER_CALLS and isinstance(argument, ast.Constant):
                continue
            yield from _walk(argument, shown=place in _SHOWN.get(called, ()) or (helping and place == 1), helps=helping)
        for keyword in node.keywords:
            if keyword.arg in (
                "format",
                "group",
                "words",
                "metavar",
                "example",
                "spec",
                "also",
                "only_with",
                "data",
                "pattern",
            ):
                if keyword.arg == "data" or keyword.arg == "group":
                    yield from _walk(keyword.value, shown=keyword.arg == "group", helps=helping)
                continue
            displays = called in _SHOWN and keyword.arg in _SHOWN_KEYS
            yield from _walk(keyword.value, shown=displays, helps=helping)
        return
    for child in ast.iter_child_nodes(node):
        carried = shown and isinstance(node, ast.IfExp | ast.Tuple | ast.List)
        yield from _walk(child, shown=carried, helps=helps)


def _called(node: ast.Call) -> str:
    return node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")


def _of_parts(node: ast.AST) -> Iterator[tuple[str, int, bool]]:
    """What is said inside nodes that also hold names: annotations, keys and compared words are none."""
    if isinstance(node, ast.Compare):
        parts: list[ast.AST] = [
            one for one in (node.left, *node.comparators) if not isinstance(one, ast.Constant | ast.Tuple)
        ]
    elif isinstance(node, ast.Subscript):
        parts = [node.value, *([] if isinstance(node.slice, ast.Constant) else [node.slice])]
    elif isinstance(node, ast.AnnAssign):
        parts = [node.value] if node.value else []
    elif isinstance(node, ast.Dict):
        parts = [one for one in (*node.keys, *node.values) if one is not None]
    elif isinstance(node, ast.arg):
        parts = []
    else:
        assert isinstance(node, ast.FunctionDef | ast.ClassDef)
        parts = list(node.body)
        if isinstance(node, ast.FunctionDef):
            parts += [one for one in node.decorator_list if isinstance(one, ast.Call) and _called(one) == "formula"]
            parts += node.args.defaults
            parts += [one for one in node.args.kw_defaults if one is not None]
    for part in parts:
        yield from _walk(part, shown=False, helps=False)


def _columns(text: str) -> list[str]:
    """The names of the columns in `length | score [%] :.1f`, as tables of evidence spell them; any other text as it is."""
    if " | " not in text or (" :" not in text and text.count(" | ") < 3):
        return [text]
    return [re.sub(r" \[[^]]*\]| :\S+$", "", part.strip()) for part in text.split(" | ")]


def _joined(node: ast.AST) -> bool:
    """Whether it is a sum of texts."""
    if not isinstance(node, ast.BinOp) or not isinstance(node.op, ast.Add):
        return False
    return any(
        isinstance(side, ast.JoinedStr)
        or (isinstance(side, ast.Constant) and isinstance(side.value, str))
        or _joined(side)
        for side in (node.left, node.right)
    )


def _flat(node: ast.AST) -> str | None:
    """The text of a literal, with a mark for each thing that is computed; None for what is no text."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else None
    if isinstance(node, ast.JoinedStr):
        return "".join(_flat(part) or "" if isinstance(part, ast.Constant) else _HOLE for part in node.values)
    if isinstance(node, ast.BinOp) and _joined(node):
        return "".join(_flat(side) or _HOLE if _textual(side) else _HOLE for side in (node.left, node.right))
    return None


def _textual(node: ast.AST) -> bool:
    return isinstance(node, _LITERALS) or _joined(node)


def _computed(node: ast.AST) -> Iterator[ast.AST]:
    """The expressions that stand for the holes of a text."""
    if isinstance(node, ast.JoinedStr):
        yield from (part.value for part in node.values if isinstance(part, ast.FormattedValue))
    elif isinstance(node, ast.BinOp) and _joined(node):
        for side in (node.left, node.right):
            if _textual(side):
                yield from _computed(side)
            else:
                yield side


def _message(text: str, *, shown: bool) -> str | None:
    """The message, holes numbered; None for what is a name, a key or a pattern."""
    literal = text.replace(_HOLE, " ")
    if not _WORD.search(literal) or len(text) > 1500:
        return None
    words = re.findall(r"[A-Za-z][a-z]+|[a-z]+", literal)
    if not shown:
        if not re.search(r"(?<![\w./:-])[a-z]{2,}(?![\w./:(=-])", literal.replace(". ", " ").replace(": ", " ")):
            return None
        if (
            " " not in text.strip()
            and not text.startswith((" ", ", ", "; "))
            and not text.endswith(" ")
            and _HOLE not in text
        ):
            return None
        if _HOLE in text and len(words) == 1 and " " not in text:
            return None
    if (
        "\n" in text
        or re.search(r"{% (?!generation)|%}.*%}", text)
        or re.search(r"\\[dwsb]|\(\?|\[\^|\bdatum\.|-src '|^<meta |^import ", text)
    ):
        return None
    parts = re.split(f"{_HOLE}+", text)
    numbered = [part.replace("{", "{{").replace("}", "}}") for part in parts]
    return "".join(part + (f"{{{place}}}" if place < len(numbered) - 1 else "") for place, part in enumerate(numbered))


def gathered() -> dict[str, dict[str, set[str]]]:
    """Every message by its part, with the files that say it."""
    found: dict[str, dict[str, set[str]]] = {part: {} for part in PARTS}
    for file in sorted((LANGUAGES.parent / "page").glob("**/*.js")):
        for text in said_by_page(file.read_text(encoding="utf-8")):
            found["page"].setdefault(text, set()).add(_where(file))
    found["page"] |= {text: {"report/report.py"} for text in get_args(Basis) if text not in found["page"]}
    for room in (*QUESTION_ROOMS, *ROOMS, "app/web"):
        for file in sorted((SOURCE / room).rglob("*.py")):
            if LANGUAGES in file.parents:
                continue
            for text, _, helps in messages_of(ast.parse(file.read_text(encoding="utf-8"))):
                asks = helps or room in QUESTION_ROOMS
                if asks or room in ROOMS or room == "app/web":
                    found["questions" if asks else "reports"].setdefault(text, set()).add(_where(file))
    for name, columns in CSV_TEXTS.items():
        for text in _of_table(SOURCE / name, columns):
            found["reports"].setdefault(text, set()).add(name)
    found["reports"] |= {text: set() for text in ALSO if text not in found["reports"]}
    for part, later in (("page", ("questions", "reports")), ("questions", ("reports",))):
        for other in later:
            for text in found[part].keys() & found[other].keys():
                del found[other][text]
    return found


def _of_table(file: Path, columns: tuple[str, ...]) -> Iterator[str]:
    """The texts in some columns of a table, with {0}, {1}, … for numbers and for what is filled in by name."""
    for row in csv.DictReader(file.read_text(encoding="utf-8").splitlines()):
        for column in columns:
            pieces = re.split(r"\{\w+\}|(?<![\w.-])\d+(?:[.,]\d+)*(?![\w-])", row.get(column) or "")
            found = _message(_HOLE.join(pieces), shown=True)
            if found and _WORDS.search(found):
                yield found


def said_by_page(code: str) -> Iterator[str]:
    """The sentences of a module of the page: what t("…") is called with, and the texts of its tables that it calls t with."""
    for _, text, _, _ in extract(
        "javascript", BytesIO(code.encode()), keywords={"t": None}, options={"encoding": "utf-8"}
    ):
        yield text if isinstance(text, str) else text[0]
    for table in re.findall(
        rf"const (?:{'|'.join(PAGE_TABLES)}) = .*?^[\]}}]*\)?;|const (?:{'|'.join(PAGE_TABLES)}) = {{.*}};",
        code,
        re.S | re.M,
    ):
        yield from (text for text in re.findall(r'"([^"]+)"', table) if " " in text or text[0].isupper())


def _where(file: Path) -> str:
    return file.relative_to(SOURCE).as_posix()


def catalogue_of(language: str, part: str) -> Catalog:
    """The catalogue as it is, or an empty one."""
    file = LANGUAGES / language / f"{part}.po"
    if not file.exists():
        return Catalog()
    with file.open("rb") as stream:
        return read_po(stream, locale=language)


def written(language: str, part: str, found: dict[str, set[str]], kept: dict[str, str]) -> str:
    """The text of the catalogue: every message found, with the translation it had in any part."""
    made = Catalog(locale=language, project="ropescope", fuzzy=False)
    for text, files in found.items():
        if part == "reports" and text not in kept:
            continue
        made.add(text, kept.get(text, ""), locations=[(name, None) for name in sorted(files)[:3]])
        made[text].flags.clear()  # babel takes "15% or" for a format of Python
    stream = BytesIO()
    write_po(stream, made, width=0, omit_header=True, include_lineno=False)
    return stream.getvalue().decode()


def main(arguments: list[str]) -> None:
    """Bring the catalogues up to date and tell their coverage; or list what is missing of one."""
    found = gathered()
    if arguments[:1] == ["--missing"]:
        language, part = arguments[1:3]
        had = {one.id: one.string for one in catalogue_of(language, part)}
        for text, files in found[part].items():
            if not had.get(text):
                print(f"{min(files, default='')}\t{text}")
        return
    for language in TRANSLATED:
        kept = {one.id: one.string for part in PARTS for one in catalogue_of(language, part) if one.string}
        (LANGUAGES / language).mkdir(exist_ok=True)
        for part, texts in found.items():
            (LANGUAGES / language / f"{part}.po").write_text(written(language, part, texts, kept), encoding="utf-8")
            done = sum(text in kept for text in texts)
            print(f"{language} {part}: {done:,} of {len(texts):,} messages are translated")


if __name__ == "__main__":
    main(sys.argv[1:])
