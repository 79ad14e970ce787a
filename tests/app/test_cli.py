"""The command line as a person meets it: answers, files, refusals, interruptions, and how fast it starts."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from ropescope import __version__
from ropescope.app.cli import app
from ropescope.errors import RopescopeError

QUICK = ["--length", "128", "--rows", "8", "--corpus", "random", "--dtype", "float32"]


@pytest.fixture(autouse=True)
def _own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROPESCOPE_HOME", str(tmp_path / "home"))


def invoke(*arguments: str | Path) -> Any:
    """Run the command line in this process; an error meant for the user is raised."""
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def command(*arguments: str | Path, **more: Any) -> subprocess.CompletedProcess[str]:
    """Run the command line as a person does, in a process of its own."""
    line = [sys.executable, "-m", "ropescope", *map(str, arguments)]
    return subprocess.run(line, capture_output=True, text=True, timeout=600, **more)


def test_version() -> None:
    assert invoke("--version").stdout.strip() == f"ropescope {__version__}"


def test_measure_answers_first_and_writes_what_is_asked(tiny_folder: Path, tmp_path: Path) -> None:
    out, page, figure = tmp_path / "p.parquet", tmp_path / "p.html", tmp_path / "f.svg"
    result = invoke(
        "measure", tiny_folder, *QUICK, "--prompts", "4", "--control", "random-init",
        "--out", out, "--html", page, "--figure", figure,
    )  # fmt: skip
    assert result.stdout.lstrip().startswith("tiny-llama")
    assert "attends with γ = " in result.stdout and "random weights" in result.stdout
    names = {path.name for path in tmp_path.iterdir()} - {"home"}
    assert names == {
        "p.parquet", "p.control.parquet", "p.html", "f-decay.svg", "f-heads.svg", "f-windows.svg", "f-sinks.svg"
    }  # fmt: skip
    shown = invoke("show-profile", out, "--json")
    data = json.loads(shown.stdout)
    assert data["prompts"] == 4 and data["control"]["gamma"] is not None
    assert data["gamma"] == pytest.approx(json.loads(invoke("show-profile", out, "--json").stdout)["gamma"])


def test_json_is_json_and_nothing_else(tiny_folder: Path) -> None:
    result = invoke("measure", tiny_folder, *QUICK, "--prompts", "2", "--json")
    assert json.loads(result.stdout)["length"] == 128


def test_legacy_protocol_leads_when_asked(tiny_folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "p.parquet"
    invoke("measure", tiny_folder, "--length", "256", "--corpus", "random", "--prompts", "2", "--out", out)
    data = json.loads(invoke("show-profile", out, "--protocol", "legacy", "--json").stdout)
    assert data["protocol"] == "legacy" and data["gamma_null"] > 0.5
    assert data["legacy"]["distances"] == [10, 20, 30, 50, 100, 200]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["measure", "no/such/folder/here"], "does not exist"),
        (["measure", "smollm3"], "did you mean smollm2"),
        (["measure", "{tiny}", "--length", "4096", "--corpus", "random"], "beyond the trained context"),
        (["measure", "{tiny}", "--length", "128", "--rows", "8"], "--corpus random"),
        (["measure", "{tiny}", "--length", "10"], "at least 64"),
        (["measure", "{tiny}", "--protocol", "published"], "--protocol must be fixed or legacy"),
        (["measure", "{tiny}", "--dtype", "int3"], "dtype must be"),
        (["measure", "{tiny}", "--device", "abacus"], "--device must be cpu, cuda"),
        (["measure", "{tiny}", "--prompts", "0"], "--prompts must be a whole number from 1"),
        (["measure", "{tiny}", "--precision", "2"], "--precision must be a number above 0 and below 1"),
        (["measure", "{tiny}", "--out", "/no/such/folder/p.parquet"], "is no folder"),
        (["measure", "{tiny}", "--html", "/no/such/folder/p.html"], "is no folder"),
        (["measure", "{tiny}", "--figure", "curve.bmp"], "bmp"),
        (["show-profile", "{tiny}/config.json"], "no measured profile"),
        (["show-profile", "{tiny}/absent.parquet"], "does not exist"),
    ],
)
def test_bad_input_gets_one_sentence(tiny_folder: Path, arguments: list[str], sentence: str) -> None:
    line = [argument.replace("{tiny}", str(tiny_folder)) for argument in arguments]
    with pytest.raises(RopescopeError, match=sentence) as caught:
        invoke(*line)
    assert "\n" not in str(caught.value)


def test_errors_reach_a_person_without_a_traceback(tiny_folder: Path) -> None:
    result = command("measure", tiny_folder, "--length", "4096", "--corpus", "random")
    assert result.returncode == 2 and result.stdout == ""
    *before, last = result.stderr.splitlines()
    assert (
        last.startswith("error: ") and "Traceback" not in result.stderr and before in ([], [f"Loading {tiny_folder} …"])
    )


FIVE_PROMPTS = """
import time
import ropescope.measure.session as session
from ropescope.app.start import main
real, done = session.prefill, []
def prefill(*arguments):
    if len(done) == 5:
        time.sleep(600)  # a signal ends it, however fast the machine is
    done.append(1)
    return real(*arguments)
session.prefill = prefill
main()
"""
"""Measures five prompts, and hangs in the sixth."""


@pytest.mark.parametrize(
    "how", [signal.SIGTERM, *(pytest.param(how, marks=pytest.mark.long) for how in (signal.SIGKILL, signal.SIGINT))]
)
def test_killed_then_resumed_gives_the_same_numbers(tiny_folder: Path, tmp_path: Path, how: signal.Signals) -> None:
    arguments = ["measure", str(tiny_folder), *QUICK, "--length", "256", "--prompts", "12", "--json"]
    home = tmp_path / "home"
    process = subprocess.Popen(
        [sys.executable, "-c", FIVE_PROMPTS, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    deadline = time.monotonic() + 600
    while len(list(home.rglob("prompt-*.json"))) < 5 and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(how)
    stdout, stderr = process.communicate(timeout=600)
    kept = len(list(home.rglob("prompt-*.json")))
    assert kept == 5, stderr
    if how is not signal.SIGKILL:
        assert json.loads(stdout)["partial"] is True and "Traceback" not in stderr
    resumed = json.loads(invoke(*arguments, "--resume").stdout)
    assert resumed["partial"] is False and resumed["prompts"] == 12
    whole = json.loads(invoke(*arguments).stdout)
    for volatile in (resumed, whole):
        del volatile["seconds"], volatile["provenance"]
        volatile["answer"]["facts"] = [fact for fact in volatile["answer"]["facts"] if fact["unit"] != "s"]
    assert resumed == whole


@pytest.mark.parametrize(
    "arguments",
    [["--help"], ["predict", "{config}", "--json"], ["show", "{config}"], ["fit", "{config}", "--gpu", "4090"]],
)
def test_light_commands_import_nothing_heavy(arguments: list[str], tiny_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_bytes((tiny_folder / "config.json").read_bytes())  # a config alone
    script = (
        "import sys\n"
        "from ropescope.app.cli import app\n"
        "try: app()\n"
        "except SystemExit: pass\n"
        "heavy = {'torch', 'transformers', 'numpy', 'scipy', 'pyarrow', 'huggingface_hub'} & set(sys.modules)\n"
        "sys.exit(f'imported {sorted(heavy)}' if heavy else 0)\n"
    )
    line = [sys.executable, "-c", script, *(argument.replace("{config}", str(tmp_path)) for argument in arguments)]
    result = subprocess.run(line, capture_output=True, text=True, timeout=600, env={**os.environ, "COLUMNS": "100"})
    assert result.returncode == 0, result.stderr


def test_measuring_without_its_extra_says_what_to_install(tiny_folder_with_tokenizer: Path) -> None:
    script = "import sys\nsys.modules['numpy'] = None\nfrom ropescope.app.start import main\nmain()\n"
    result = subprocess.run(
        [sys.executable, "-c", script, "measure", str(tiny_folder_with_tokenizer), *QUICK],
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert result.returncode == 2 and "pip install 'ropescope[measure]'" in result.stderr


def test_repository_code_is_not_run(tiny_folder: Path, tmp_path: Path) -> None:
    import shutil

    folder = tmp_path / "evil"
    shutil.copytree(tiny_folder, folder)
    config = json.loads((folder / "config.json").read_text())
    config["model_type"] = "evil"
    config["auto_map"] = {"AutoConfig": "evil.EvilConfig", "AutoModelForCausalLM": "evil.EvilModel"}
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "evil.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w').write('yes')\n")
    line = ["measure", str(folder), *QUICK, "--prompts", "1"]
    result = CliRunner().invoke(app, line, input="y\n")
    assert isinstance(result.exception, RopescopeError), result.output
    assert not (tmp_path / "ran").exists()


def test_a_hub_model_and_dataset_are_fetched_and_measured(
    hub: Any, fake_hub: Any, tiny_folder_with_tokenizer: Path, tmp_path: Path
) -> None:
    files = {path.name: path.read_bytes() for path in tiny_folder_with_tokenizer.iterdir()}
    text = "\n".join(json.dumps({"text": f"line {i} of a text that is long enough"}) for i in range(60)).encode()
    hub.repos["models/org/tiny"] = fake_hub.Repo(files=files)
    hub.repos["datasets/org/lines"] = fake_hub.Repo(files={"train.jsonl": text})
    clean = {key: value for key, value in os.environ.items() if not key.startswith(("HF_", "HUGGING"))}
    env = {**clean, "HF_ENDPOINT": hub.endpoint, "HF_HOME": str(tmp_path / "hf")}
    line = [
        "measure",
        "org/tiny",
        "--dataset",
        "org/lines",
        "--length",
        "128",
        "--rows",
        "8",
        "--prompts",
        "2",
        "--json",
    ]
    result = command(*line, env=env)
    assert result.returncode == 0, result.stderr
    data = json.loads(result.stdout)
    assert data["provenance"]["source"]["repo_id"] == "org/tiny"
    assert len(data["provenance"]["weights"]) == 40 and data["corpus"] == "dataset"
    assert "org/lines@" in data["provenance"]["corpus_about"]
    absent = command("measure", "org/absent", env=env)
    assert (
        absent.returncode == 2
        and absent.stderr.splitlines()[-1].startswith("error: ")
        and "org/absent" in absent.stderr
    )


def test_predict_takes_lengths_as_people_write_them(tiny_folder: Path) -> None:
    for written, tokens in (("8192", 8192), ("128k", 131_072), ("128Ki", 131_072), ("1e4", 10_000)):
        data = json.loads(invoke("predict", tiny_folder, "--length", written, "--json").stdout)
        assert data["length"] == tokens and data["length_source"] == "given"
    with pytest.raises(RopescopeError, match="--length = 'long' is not a number"):
        invoke("predict", tiny_folder, "--length", "long")


def test_a_profile_that_cannot_be_written_loses_no_prompt(
    tiny_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import pyarrow.parquet

    import ropescope.measure.session as session

    def full(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    line = [
        "measure",
        tiny_folder,
        *QUICK,
        "--prompts",
        "3",
        "--control",
        "random-init",
        "--out",
        tmp_path / "p.parquet",
    ]
    with monkeypatch.context() as broken:
        broken.setattr(pyarrow.parquet, "write_table", full)
        with pytest.raises(RopescopeError, match=r"No space left on device.*with --resume"):
            invoke(*line)
    assert len(list((tmp_path / "home").rglob("prompt-*.json"))) == 6
    passes: list[int] = []
    real = session.prefill
    monkeypatch.setattr(session, "prefill", lambda *arguments: passes.append(1) or real(*arguments))
    assert "attends" in invoke(*line, "--resume").stdout
    assert passes == [] and (tmp_path / "p.parquet").exists() and (tmp_path / "p.control.parquet").exists()
    assert not list((tmp_path / "home").rglob("prompt-*.json"))
