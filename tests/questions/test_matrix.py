"""The shared matrix: every question, with inputs, a fact that its answer holds, and one bad input with the field it is told of.

The rows are in tests/support/matrix.
Each row goes through the command line, the JSON Schema, every way of showing a report, and, where a question needs files alone,
a process that has imported nothing heavy.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import released_configs as released
from click.testing import CliRunner
from matrix import ROWS
from matrix.row import Row

from ropescope.app.cli import app
from ropescope.app.words import command_line
from ropescope.errors import RopescopeError
from ropescope.questions.inputs import fields_of, from_either, from_text, from_values, schema_of, to_values
from ropescope.questions.kinds import File, Output, Source
from ropescope.questions.registry import find, known
from ropescope.report import Report
from ropescope.report.json import to_json
from ropescope.report.markdown import to_markdown
from ropescope.report.terminal import to_text

HEAVY = ("torch", "transformers", "numpy", "scipy", "pyarrow", "huggingface_hub")


def model_name(profile: Path) -> str:
    """The name that a kept profile gives its model."""
    from ropescope.measure.profile import DecayProfile

    return str(DecayProfile.load(profile).provenance["model"])


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory, tiny_folder_with_tokenizer: Path) -> Mapping[str, str]:
    """What stands for the names in braces."""
    folder = tmp_path_factory.mktemp("matrix")
    config, profile, store = folder / "llama", folder / "tiny.parquet", folder / "atlas.parquet"
    config.mkdir()
    (config / "config.json").write_text(json.dumps(released.LLAMA_31_8B))
    tiny = str(tiny_folder_with_tokenizer)
    line = [
        "measure",
        tiny,
        "--length",
        "128",
        "--rows",
        "8",
        "--prompts",
        "2",
        "--corpus",
        "random",
        "--dtype",
        "float32",
    ]
    for words in ([*line, "--out", str(profile)], ["atlas", "add", str(profile), "--store", str(store)]):
        done = CliRunner().invoke(app, words)
        assert done.exit_code == 0, done.output
    done = CliRunner().invoke(app, ["atlas", "show", model_name(profile), "--store", str(store), "--json"])
    assert done.exception is None, done.exception
    shown = json.loads(done.stdout)
    copy = folder / "copy.parquet"
    copy.write_bytes(store.read_bytes())
    return {
        "config": str(config), "tiny": tiny, "profile": str(profile), "store": str(store), "copy": str(copy),
        "name": model_name(profile),
        "hash": shown["rows"][0]["profile_sha256"][:8],
    }  # fmt: skip


def written(row: Row, places: Mapping[str, str], new: Path) -> dict[str, Any]:
    """The row's inputs, once its files are there."""
    for name, text in row.files.items():
        file = new / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return {name: put(places, value, new) for name, value in row.inputs.items()}


def put(places: Mapping[str, str], value: Any, new: Path) -> Any:
    """A value of a row with its names in braces replaced."""
    if isinstance(value, list):
        return [put(places, item, new) for item in value]
    return value.format(**places, new=new) if isinstance(value, str) else value


def words_of(question: str, inputs: Mapping[str, Any]) -> list[str]:
    """The arguments of the command that asks this."""
    import shlex

    return shlex.split(command_line(question, inputs))[1:]


def test_every_question_has_a_row() -> None:
    assert {row.question for row in ROWS} == set(known())


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.question.replace(" ", "-"))
def test_a_row(row: Row, places: Mapping[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROPESCOPE_HOME", str(tmp_path / "home"))
    if row.question == "prove":
        pytest.importorskip("sympy")
    question = find(row.question)
    given = written(row, places, tmp_path)

    # Text makes inputs, which travel as JSON within their schema.
    inputs = from_text(question.inputs_type, given)
    plain = json.loads(json.dumps(to_values(inputs)))
    jsonschema.validate(plain, schema_of(question.inputs_type))
    assert from_values(question.inputs_type, plain) == inputs
    # The functions of the package take either, and values as the inputs hold them.
    held = {one.name: getattr(inputs, one.name) for one in fields_of(question.inputs_type)}
    given_values = {name: value for name, value in held.items() if name in given}
    for either in (given, plain, given_values):
        assert from_either(question.inputs_type, either) == inputs

    # The command line answers, and every way to show the answer has it.
    page, prose, kept = tmp_path / "p.html", tmp_path / "p.md", tmp_path / "kept"
    ways = ["--json", "--html", str(page), "--md", str(prose)]
    done = CliRunner().invoke(app, [*words_of(row.question, given), *ways])
    if row.missing:
        assert isinstance(done.exception, RopescopeError) and row.missing.replace("_", "-") in str(done.exception)
    else:
        assert done.exception is None, done.exception
        told = json.loads(done.stdout)
        assert row.holds(told)
        # The verdict and what it rests on stand beside the data; a report without data is printed whole.
        said = told["answer"] if "answer" in told else Report.from_dict(told).to_dict()
        assert said["verdict"].splitlines() == [said["verdict"]] and said["holds"] in (True, False, None)
        assert all(fact["name"] and fact["basis"] for fact in said["facts"])
        assert "<h1>" in page.read_text() and prose.read_text().startswith("# ")

    # A bad input is told in one sentence that names it.
    bad = {name: put(places, value, tmp_path) for name, value in row.bad.items()}
    with pytest.raises(RopescopeError) as caught:
        question.ask(from_text(question.inputs_type, bad))
    assert row.told in str(caught.value) and "\n" not in str(caught.value)
    assert not kept.exists()


def paths_of(row: Row) -> list[str]:
    """The inputs of a row that name a file or a model."""
    kinds = {one.name: getattr(one.kind, "of", one.kind) for one in fields_of(find(row.question).inputs_type)}
    return [
        name for name in row.inputs if isinstance(kinds[name], File | Source) and not isinstance(kinds[name], Output)
    ]


@pytest.mark.parametrize(
    "row", [row for row in ROWS if not row.missing and paths_of(row)], ids=lambda row: row.question.replace(" ", "-")
)
def test_a_path_that_cannot_be_read_is_told_of_its_field(
    row: Row, places: Mapping[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ROPESCOPE_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    question, given = find(row.question), written(row, places, tmp_path)
    (tmp_path / "empty.json").touch()
    (tmp_path / "circle").symlink_to("circle")
    os.mkfifo(tmp_path / "pipe")  # nobody writes to it
    unreadable = ["circle", "pipe", "/dev/zero", "./empty.json/a.json", "n" * 300, "n/" * 50_000, "\ud800.json", "a\0b"]
    if row.question != "files":  # it lists the folder of a file
        unreadable.append("empty.json")
    for name in paths_of(row):
        several = len(given[name]) if isinstance(given[name], list) else 0
        for path in unreadable:
            with pytest.raises(RopescopeError) as caught:
                question.ask(from_either(question.inputs_type, {**given, name: [path] * several or path}))
            assert caught.value.field == name, (name, path, str(caught.value)[:200])
            assert len(str(caught.value)) < 1000, (name, path)


FORKING = f"""
import json, os, sys, traceback
from ropescope.questions.inputs import from_text
from ropescope.questions.registry import find
from ropescope.report import Report
for line in sys.stdin:
    name, given, to = json.loads(line)
    if child := os.fork():
        os.waitpid(child, 0)
        print(flush=True)
        continue
    sys.stdin.close()
    os.dup2(2, 1)
    try:
        question = find(name)
        report = question.ask(from_text(question.inputs_type, given))
        told = sorted(set({HEAVY}) & set(sys.modules)), report.to_dict()
    except BaseException:
        told = traceback.format_exc(), None
    with open(to, "w") as file:
        json.dump(told, file)
    os._exit(0)
"""


@pytest.fixture(scope="module")
def light() -> Iterator[Callable[[str, Mapping[str, Any], Path], Any]]:
    """Ask a question in a process that has imported the registry alone: one such process is started, and forked for each."""
    with subprocess.Popen(
        [sys.executable, "-c", FORKING], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None and process.stdout is not None
        asked, ended = process.stdin, process.stdout

        def ask(question: str, given: Mapping[str, Any], to: Path) -> Any:
            asked.write(json.dumps([question, given, str(to)]) + "\n")
            asked.flush()
            assert ended.readline() == "\n"
            return json.loads(to.read_text())

        yield ask
        asked.close()


@pytest.mark.parametrize(
    "row", [row for row in ROWS if find(row.question).needs == "files"], ids=lambda row: row.question
)
def test_what_needs_files_alone_imports_nothing_heavy_and_its_report_travels(
    row: Row, places: Mapping[str, str], tmp_path: Path, light: Callable[[str, Mapping[str, Any], Path], Any]
) -> None:
    heavy, plain = light(row.question, written(row, places, tmp_path), tmp_path / "told.json")
    assert heavy == []
    report = Report.from_dict(plain)
    assert Report.from_dict(report.to_dict()) == report
    assert report.verdict.split()[0] in to_text(report) and to_markdown(report) and to_json(report)
