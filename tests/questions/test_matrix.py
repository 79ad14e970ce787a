"""The shared matrix: every question, with inputs, a fact that its answer holds, and one bad input with the field it is told of.

Each row goes through the command line, the JSON Schema, every way of showing a report, and, where a question needs files alone,
an interpreter that has imported nothing heavy.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import released_configs as released
from click.testing import CliRunner

from ropescope.app.cli import app
from ropescope.app.words import command_line
from ropescope.errors import RopescopeError
from ropescope.questions.inputs import from_text, from_values, schema_of, to_values
from ropescope.questions.registry import find, known
from ropescope.report import Report
from ropescope.report.json import to_json
from ropescope.report.markdown import to_markdown
from ropescope.report.terminal import to_text

HEAVY = ("torch", "transformers", "numpy", "scipy", "pyarrow", "huggingface_hub")


@dataclass(frozen=True)
class Row:
    """A question as a person writes it. `{config}` is a folder with Llama 3.1 8B's config, `{tiny}` a tiny model with a
    tokenizer, `{profile}` a kept profile of it, `{store}` an atlas with that, `{new}` a folder of the test's own."""

    question: str
    inputs: Mapping[str, Any]
    holds: Callable[[Mapping[str, Any]], bool]
    bad: Mapping[str, Any]
    told: str
    missing: str = field(default="")


TINY = {"dtype": "float32", "device": "cpu"}

ROWS = (
    Row("show", {"source": "{config}"}, lambda d: d["model"]["parameters"]["total"] == 8_030_261_248, {"source": ""}, "source"),
    Row("compare", {"sources": ["{config}", "{config}"]}, lambda d: d["different"] == {}, {"sources": ["{config}"]}, "2 to 8"),
    Row(
        "fit", {"source": "{config}", "gpu": "4090", "context": "8k"}, lambda d: d["bytes"]["cache"] == 131_072 * 8_192,
        {"source": "{config}", "gpu": "4090", "context": "8x"}, "context",
    ),
    Row(
        "speed", {"source": "{config}", "gpu": "h100-sxm"}, lambda d: d["decode"]["bound"] == "memory",
        {"source": "{config}", "gpu": "h100-sxm", "efficiency": "2"}, "efficiency",
    ),
    Row(
        "launch", {"source": "{config}", "gpu": "h100-sxm", "context": "8k"}, lambda d: d["command"].startswith("vllm serve"),
        {"source": "{config}", "gpu": "h100-sxm", "engine": "vlm"}, "engine",
    ),
    Row("devices", {}, lambda d: len(d["devices"]) > 150, {"name": "4090"}, "name"),
    Row("predict", {"source": "{config}"}, lambda d: d["theta"] == 500_000, {"source": "{config}", "length": "0"}, "length"),
    Row("formulas", {}, lambda d: len(d["formulas"]) > 60, {"name": "gama_pade"}, "gamma_pade"),
    Row(
        "compute", {"name": "gamma_pade", "arguments": ["theta=1e4", "length=2000"]},
        # (2θ − T√2)/(2θ + T√2) at θ = 10,000 and T = 2,000
        lambda d: abs(d["result"] - (2e4 - 2000 * 2**0.5) / (2e4 + 2000 * 2**0.5)) < 1e-12,
        {"name": "gamma_pade", "arguments": ["theta=x"]}, "theta",
    ),
    Row("prove", {}, lambda d: d["as_expected"], {"fast": "1"}, "fast"),
    Row("plot", {"kind": "regimes"}, lambda d: True, {"kind": "regime"}, "kind"),
    Row("evidence", {"model": "Qwen/Qwen3-8B"}, lambda d: len(d["matches"]) == 1, {"model": " "}, "model"),
    Row("claims", {"ids": ["C2"]}, lambda d: d["claims"][0]["id"] == "C2", {"ids": ["C99"]}, "C99"),
    Row("panel", {"family": "Pythia", "corpus": "text"}, lambda d: len(d["measurements"]) == 8, {"family": "Pithia"}, "Pythia"),
    Row("experiment", {"name": "length-sweep"}, lambda d: d["name"] == "length-sweep", {"name": "lenght-sweep"}, "length-sweep"),
    Row(
        "measure", {"source": "{tiny}", "length": "128", "rows": "8", "prompts": "2", "corpus": "random", **TINY},
        lambda d: d["length"] == 128 and d["prompts"] == 2, {"source": "{tiny}", "prompts": "0"}, "prompts",
    ),
    Row("show-profile", {"profile": "{profile}"}, lambda d: d["prompts"] == 2, {"profile": "{new}/none.parquet"}, "none.parquet"),
    Row(
        "compress plan", {"source": "{profile}", "model": "{tiny}", "budget": "60%"},
        lambda d: d["bytes_after"] <= 0.6 * d["bytes_before"],
        {"source": "{profile}", "budget": "lots"}, "budget",
    ),
    Row(
        "compress evaluate",
        {"source": "{tiny}", "length": "128", "budgets": "50%", "methods": "uniform", "texts": "1", "scored": "16", **TINY},
        lambda d: d["length"] == 128, {"source": "{tiny}", "budgets": "0"}, "budgets",
    ),
    Row("extend plan", {"source": "{config}", "to": "256k"}, lambda d: d["target_length"] == 262_144, {"source": "{config}"}, "to"),
    Row(
        "extend evaluate",
        {"source": "{tiny}", "to": "400", "methods": "none,yarn", "texts": "1", "band": "100", **TINY},
        lambda d: d["target_length"] == 400, {"source": "{tiny}", "to": "400", "retrieval": "passkeys"}, "retrieval",
    ),
    Row(
        "extend search", {"source": "{tiny}", "to": "400", "minutes": "0.02", "texts": "1", **TINY},
        lambda d: d["plan"]["target_length"] == 400, {"source": "{tiny}", "to": "400", "minutes": "0"}, "minutes",
    ),
    Row(
        "extend lm-eval", {"source": "{tiny}", "to": "400", "tasks": "arc_easy"}, lambda d: False,
        {"source": "{tiny}", "to": "400"}, "tasks", missing="lm_eval",
    ),
    Row("atlas", {"store": "{store}"}, lambda d: True, {"store": "{new}/none"}, "none"),
    Row("atlas add", {"profiles": ["{profile}"], "store": "{new}/a.parquet"}, lambda d: True, {"store": "{store}"}, "profiles"),
    Row("atlas show", {"model": "{name}", "store": "{store}"}, lambda d: True, {"model": "gpt", "store": "{store}"}, "gpt"),
    Row("atlas remove", {"profile": "{hash}", "store": "{copy}"}, lambda d: True, {"profile": "abc", "store": "{store}"}, "abc"),
    Row(
        "atlas export", {"folder": "{new}/out", "store": "{store}"}, lambda d: True,
        {"folder": "{new}/out", "store": "{new}/none"}, "none",
    ),
)  # fmt: skip


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
    given = {name: put(places, value, tmp_path) for name, value in row.inputs.items()}

    # Text makes inputs, which travel as JSON within their schema.
    inputs = from_text(question.inputs_type, given)
    plain = json.loads(json.dumps(to_values(inputs)))
    jsonschema.validate(plain, schema_of(question.inputs_type))
    assert from_values(question.inputs_type, plain) == inputs

    # The command line answers, and every way to show the answer has it.
    page, prose, kept = tmp_path / "p.html", tmp_path / "p.md", tmp_path / "kept"
    ways = ["--json", "--html", str(page), "--md", str(prose)]
    done = CliRunner().invoke(app, [*words_of(row.question, given), *ways])
    if row.missing:
        assert isinstance(done.exception, RopescopeError) and row.missing.replace("_", "-") in str(done.exception)
    else:
        assert done.exception is None, done.exception
        assert row.holds(json.loads(done.stdout))
        assert "<h1>" in page.read_text() and prose.read_text().startswith("# ")

    # A bad input is told in one sentence that names it.
    bad = {name: put(places, value, tmp_path) for name, value in row.bad.items()}
    with pytest.raises(RopescopeError) as caught:
        question.ask(from_text(question.inputs_type, bad))
    assert row.told in str(caught.value) and "\n" not in str(caught.value)
    assert not kept.exists()


@pytest.mark.parametrize(
    "row", [row for row in ROWS if find(row.question).needs == "files"], ids=lambda row: row.question
)
def test_what_needs_files_alone_imports_nothing_heavy_and_its_report_travels(
    row: Row, places: Mapping[str, str], tmp_path: Path
) -> None:
    given = {name: put(places, value, tmp_path) for name, value in row.inputs.items()}
    script = (
        "import json, sys\n"
        "from ropescope.questions.inputs import from_text\n"
        "from ropescope.questions.registry import find\n"
        "name, given = json.load(sys.stdin)\n"
        "question = find(name)\n"
        "report = question.ask(from_text(question.inputs_type, given))\n"
        f"heavy = sorted(set({HEAVY}) & set(sys.modules))\n"
        "print(json.dumps([heavy, report.to_dict()]))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        input=json.dumps([row.question, given]),
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr
    heavy, plain = json.loads(done.stdout)
    assert heavy == []
    report = Report.from_dict(plain)
    assert Report.from_dict(report.to_dict()) == report
    assert report.verdict.split()[0] in to_text(report) and to_markdown(report) and to_json(report)
