"""What arguments and files tell is told first: here torch cannot be imported at all, and each sentence comes all the same."""

import gzip
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

SCRIPT = """
import json, sys
class Absent:
    @staticmethod
    def find_spec(name, path=None, target=None):
        if name in ("torch", "transformers"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Absent)
from click.testing import CliRunner
from ropescope.app.cli import app
for line in json.load(sys.stdin):
    error = CliRunner().invoke(app, line).exception
    print(json.dumps(f"{type(error).__name__}: {error}"), flush=True)
"""

WEIGHTS = {
    "measure": ["measure", "{model}", "--length", "128", "--rows", "8"],
    "compress plan": ["compress", "plan", "{model}", "--budget", "50%"],
    "compress evaluate": ["compress", "evaluate", "{model}"],
    "extend evaluate": ["extend", "evaluate", "{model}", "--to", "1k"],
    "extend search": ["extend", "search", "{model}", "--to", "1k"],
    "experiment": ["experiment", "length-sweep", "{model}"],
}
"""Every command that loads weights and takes a text, as it would run."""


@pytest.fixture
def told(tiny_folder_with_tokenizer: Path, tmp_path: Path) -> Callable[[list[list[str]]], list[str]]:
    """What each of some command lines answers, in one process that has no torch."""
    (tmp_path / "rows.csv").write_text("body,id\nsome words,1\n")
    (tmp_path / "torn.jsonl").write_text('{"text": "x"}\n' * 2 + '{"text": "y')
    (tmp_path / "torn.jsonl.gz").write_bytes(gzip.compress(b'{"text": "x"}')[:-9])
    (tmp_path / "plan.json").write_text("{}")
    (tmp_path / "short.txt").write_text("a few words")
    (tmp_path / "wordless").mkdir()
    for name in ("config.json", "model.safetensors"):
        (tmp_path / "wordless" / name).write_bytes((tiny_folder_with_tokenizer / name).read_bytes())
    (tmp_path / "config-only").mkdir()
    (tmp_path / "config-only" / "config.json").write_bytes((tiny_folder_with_tokenizer / "config.json").read_bytes())
    mamba = {"model_type": "mamba2", "hidden_size": 64, "num_hidden_layers": 2, "num_heads": 4, "head_dim": 32,
             "vocab_size": 300, "state_size": 16}  # fmt: skip
    (tmp_path / "mamba").mkdir()
    (tmp_path / "mamba" / "config.json").write_text(json.dumps(mamba))
    (tmp_path / "mamba" / "tokenizer.json").write_text("{}")
    (tmp_path / "mamba" / "model.safetensors").write_bytes((2).to_bytes(8, "little") + b"{}")

    def run(lines: list[list[str]]) -> list[str]:
        names = {"model": str(tiny_folder_with_tokenizer), "tmp": str(tmp_path)}
        filled = [[part.format(**names) for part in line] for line in lines]
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT], input=json.dumps(filled), capture_output=True, text=True, timeout=600,
            env={**os.environ, "ROPESCOPE_HOME": str(tmp_path / "home")},
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]

    return run


COMMON = [
    (["--text", "{tmp}/none.txt"], "none.txt is no file"),
    (["--text", "{tmp}/plan.docx"], "is no file"),
    (["--text", "{tmp}/rows.csv"], "has no column 'text' (it has body, id)"),
    (["--text", "{tmp}/torn.jsonl.gz"], "no sound gzip file"),
    (["--text", "{tmp}/torn.jsonl"], "torn.jsonl:3 is not valid JSON"),
    (["--column", "body"], "--column is given and not read"),
    (["--dtype", "bf16"], "--dtype must be auto, bfloat16"),
    (["--device", "gpu0"], "--device must be cpu, cuda"),
    (["--out", "{tmp}/none/result.json"], "is no folder"),
    (["--html", "{tmp}/none/page.html"], "is no folder"),
    (["--figure", "{tmp}/figure.doc"], "Cannot write a figure"),
]
OWN = [
    (["measure", "{model}", "--resamples", "10"], "--resamples must be a whole number from 1,000"),
    (["measure", "{model}", "--length", "2k2"], "--length"),
    (["measure", "{model}", "--length", "512"], "beyond the trained context"),
    (["measure", "{model}", "--corpus", "prose"], "--corpus must be"),
    (["measure", "{model}", "--rows", "900"], "rows do not fit"),
    (["measure", "{model}", "--length", "64", "--rows", "8", "--d-min", "30"], "--d-min must lie between 1 and"),
    (["measure", "{model}", "--length", "128", "--rows", "8", "--seed", "-1"], "--seed must be a whole number from 0"),
    (["measure", "{model}", "--length", "128", "--rows", "8", "--text", "{tmp}/short.txt"], "holds 11 bytes of text"),
    (["compress", "evaluate", "{model}", "--text", "{tmp}/short.txt"], "holds 11 bytes of text"),
    (["compress", "plan", "{model}", "--budget", "50%", "--text", "{tmp}/short.txt"], "holds 11 bytes of text"),
    (["extend", "evaluate", "{model}", "--to", "1k", "--text", "{tmp}/short.txt"], "holds 11 bytes of text"),
    (["extend", "search", "{model}", "--to", "1k", "--text", "{tmp}/short.txt"], "holds 11 bytes of text"),
    (["extend", "search", "{model}", "--to", "1k", "--minutes", "inf"], "--minutes = 'inf' is not a number"),
    *(
        (line, "comes without a tokenizer")
        for line in (
            ["measure", "{tmp}/wordless", "--length", "128", "--rows", "8"],
            ["compress", "plan", "{tmp}/wordless", "--budget", "50%"],
            ["compress", "evaluate", "{tmp}/wordless"],
            ["extend", "evaluate", "{tmp}/wordless", "--to", "1k"],
            ["extend", "search", "{tmp}/wordless", "--to", "1k"],
        )
    ),
    (
        ["experiment", "theta-panel", "{model}", "{tmp}/absent.parquet", "smollm2", "{tmp}/wordless"],
        "absent.parquet is no file",
    ),
    (["measure", "{tmp}/config-only"], "no safetensors weights"),
    (["compress", "plan", "{model}", "--budget", "lots"], "--budget must be"),
    (["compress", "plan", "{model}", "--budget", "0.1%"], "below the least"),
    (["compress", "plan", "{model}", "--budget", "50%", "--length", "8k"], "beyond the trained context"),
    (["compress", "plan", "{model}", "--max-loss", "200%"], "--max-loss"),
    (["compress", "plan", "{tmp}/mamba", "--budget", "50%"], "No layer of"),
    (
        ["compress", "plan", "{model}", "--uniform", "--budget", "50%", "--dtype", "float32"],
        "--dtype is for plans measured",
    ),
    (["compress", "evaluate", "{model}", "--methods", "snapk"], "Did you mean snapkv"),
    (["compress", "evaluate", "{model}", "--budgets", "0.1%"], "below the least"),
    (["compress", "evaluate", "{model}", "--length", "8k"], "beyond the trained context"),
    (["compress", "evaluate", "{model}", "--plan", "{tmp}/plan.json"], "plan"),
    (["compress", "evaluate", "{model}", "--scored", "200"], "leave no context"),
    (["compress", "evaluate", "{model}", "--time", "--methods", "snapkv"], "Only plans are timed"),
    (["compress", "evaluate", "{tmp}/mamba"], "No layer of"),
    (["extend", "evaluate", "{model}", "--to", "1k", "--methods", "yran"], "Did you mean yarn"),
    (
        ["extend", "evaluate", "{model}", "--to", "1k", "--questions", "1", "--retrieval", "passkeys"],
        "--retrieval must be",
    ),
    (["extend", "evaluate", "{model}", "--to", "1k", "--tasks", "niah"], "--tasks must be"),
    (["extend", "evaluate", "{model}", "--to", "1k", "--questions", "1", "--lengths", "2k"], "2,048 is more"),
    (["extend", "evaluate", "{model}", "--to", "1k", "--texts", "0"], "There is nothing to score"),
    (["compress", "evaluate", "{model}", "--needle", "--length", "128", "--scored", "8"], "or fewer questions"),
    (["extend", "evaluate", "{model}", "--to", "1k", "--questions", "4", "--lengths", "96"], "or fewer questions"),
    (["compress", "evaluate", "{model}", "--questions", "2"], "--questions goes with --needle"),
    (["compress", "plan", "{model}", "--uniform", "--budget", "50%", "--windows-only"], "--windows-only is for plans"),
    (["extend", "evaluate", "{model}", "--to", "1k", "--samples", "9"], "it goes with --tasks"),
    (["extend", "evaluate", "{model}", "--to", "1k", "--retrieval", "key-value"], "it goes with --questions"),
    (["measure", "{model}", "--max-prompts", "20"], "it goes with --precision"),
    (["experiment", "length-sweep", "--dtype", "float32"], "it goes with an experiment and SOURCES"),
    (["speed", "{tmp}/absent", "--gpu", "24GiB"], "The bandwidth of 24GiB is not known"),
    (["launch", "{tmp}/absent", "--gpu", "h100", "--engine", "vllm", "--gguf", "x.gguf"], "not launched from GGUF"),
    (["launch", "{tmp}/absent", "--gpu", "h100", "--bare", "--json"], "--bare is given and not read"),
    (["extend", "plan", "{tmp}/absent", "--to", "1k", "--method", "yran"], "Did you mean yarn"),
    (["extend", "plan", "{tmp}/absent", "--to", "1k", "--engine", "vllm", "--engine", "vlm"], "Did you mean vllm"),
    (["predict", "{tmp}/absent", "--length", "far"], "--length = 'far' is not a number"),
    (["compare", "{tmp}/absent"], "A comparison takes 2 to"),
    (["extend", "search", "{model}", "--to", "100"], "no scaling is needed"),
    (["extend", "search", "{model}", "--to", "1k", "--method", "ntk"], "A search starts from yarn"),
    (["experiment", "length-swep", "{model}"], "length-sweep"),
    (["experiment", "length-sweep", "{model}", "--prompts", "2"], "at least 4"),
    (["experiment", "length-sweep", "{tmp}/config-only"], "no safetensors weights"),
]


def test_it_is_told_without_torch(told: Callable[[list[list[str]]], list[str]]) -> None:
    cases = [([*line, *bad], sentence) for line in WEIGHTS.values() for bad, sentence in COMMON] + OWN
    answers = told([line for line, _ in cases])
    wrong = [
        f"{' '.join(line)}: {answer}"
        for (line, sentence), answer in zip(cases, answers, strict=True)
        if sentence not in answer or answer.startswith("MissingExtraError")
    ]
    assert not wrong, "\n".join(wrong)


def test_what_is_right_goes_on_to_torch(told: Callable[[list[list[str]]], list[str]]) -> None:
    for answer in told([line for name, line in WEIGHTS.items() if name != "experiment"]):
        assert "needs torch, which is not installed" in answer or "needs transformers" in answer, answer


def test_the_names_of_number_types_are_those_that_can_be_loaded() -> None:
    pytest.importorskip("torch")
    from ropescope.network.loading.number_type import AUTO, DTYPES
    from ropescope.questions.shared import NUMBER_TYPES

    assert (AUTO, *DTYPES) == NUMBER_TYPES


def test_the_names_of_methods_are_those_that_can_be_run() -> None:
    pytest.importorskip("torch")
    from ropescope.compress.evaluate.methods import catalogue, names
    from ropescope.compress.evaluate.methods.kvpress import KVPRESS_METHODS

    assert set(names.RESTATED) == set(catalogue.RESTATED)
    assert {*names.RESTATED, *names.OF_KVPRESS} == set(KVPRESS_METHODS)
