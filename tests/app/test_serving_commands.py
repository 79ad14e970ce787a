"""fit, speed and launch as a person meets them: the answer first, JSON alone, exit statuses, and refusals."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from serving_models import llama_8b

from ropescope.app.cli import app
from ropescope.errors import DomainError, RopescopeError


@pytest.fixture(autouse=True)
def _llama(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every source is Llama-3.1-8B: what is tested is the command, not the reading of files."""
    monkeypatch.setattr("ropescope.checks.serving.opening.open_model", lambda source, revision=None: llama_8b())


def invoke(*arguments: str) -> Any:
    """Run the command line in this process; an error meant for the user is raised."""
    result = CliRunner().invoke(app, list(arguments))
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def test_fit_answers_first_and_writes_what_is_asked(tmp_path: Path) -> None:
    page, figure = tmp_path / "fit.html", tmp_path / "fit.svg"
    result = invoke(
        "fit", "m", "--gpu", "4090", "--engine", "llama.cpp", "--context", "8Ki", "--html", str(page), "--figure",
        str(figure),
    )  # fmt: skip
    assert result.stdout.startswith("meta-llama/Llama-3.1-8B at 8,192 tokens × 1 fits one RTX 4090")
    assert "What each device must hold" in page.read_text() and figure.read_text().startswith("<svg")


def test_defaults_are_the_models_context_and_vllm() -> None:
    data = json.loads(invoke("fit", "m", "--gpu", "h100-sxm", "--json").stdout)
    assert (data["context_tokens"], data["engine"], data["precision"]) == (131_072, "vllm", "stored")
    assert json.loads(invoke("speed", "m", "--gpu", "h100-sxm", "--json").stdout)["context_tokens"] == 4_096


@pytest.mark.parametrize("command", ["fit", "speed", "launch"])
def test_json_carries_the_warnings(monkeypatch: pytest.MonkeyPatch, command: str) -> None:
    torn = replace(llama_8b(), notes=("of the 4 files that hold the weights, 1 are missing.",))
    monkeypatch.setattr("ropescope.checks.serving.opening.open_model", lambda *_, **__: torn)
    data = json.loads(invoke(command, "m", "--gpu", "h100-sxm", "--json").stdout)
    assert data["warnings"][0] == "Of the 4 files that hold the weights, 1 are missing."
    assert "Of the 4 files" in " ".join(invoke(command, "m", "--gpu", "h100-sxm").stdout.split())


def test_a_bare_command_that_does_not_fit_is_no_success() -> None:
    fitting = invoke("launch", "m", "--gpu", "h100-sxm", "--context", "8k", "--bare")
    assert fitting.exit_code == 0 and fitting.stdout.startswith("vllm serve") and fitting.stderr == ""
    failing = invoke("launch", "m", "--gpu", "t4", "--context", "8k", "--bare")
    assert failing.exit_code == 1 and "does not fit" in failing.stderr and "does not fit" not in failing.stdout
    told = invoke("launch", "m", "--gpu", "t4", "--context", "8k")
    assert told.exit_code == 0 and "does not fit" in told.stdout


def test_every_option_arrives() -> None:
    data = json.loads(
        invoke(
            "fit", "m", "--gpu", "24GiB", "--engine", "llama.cpp", "--context", "16k", "--batch", "2", "--count", "2",
            "--precision", "q4_k_m", "--kv-precision", "q8_0", "--overhead", "1GiB", "--json",
        ).stdout
    )  # fmt: skip
    assert data["bytes"]["overhead"] == 2**30 and data["cache_type"] == "q8_0" and data["precision"] == "Q4_K_M"
    # 16k tokens are 64 times 256; 17 of the 32 layers lie on the first device.
    assert data["bytes"]["cache"] == 2 * 64 * 256 * 17 * 2 * 1_024 * 34 // 32
    given = json.loads(invoke("fit", "m", "--gpu", "4090", "--parameters", "70B", "--active", "3B", "--json").stdout)
    assert given["bytes"]["weights"] == 140_000_000_000


def test_a_split_arrives_in_all_three_and_the_count_follows_from_it() -> None:
    split = ("m", "--gpu", "h100-sxm", "--engine", "sglang", "--context", "8k", "--tp", "2", "--pp", "2")
    data = json.loads(invoke("fit", *split, "--json").stdout)
    assert (data["count"], data["split"]) == (4, "tp 2 pp 2")
    assert json.loads(invoke("speed", *split, "--json").stdout)["count"] == 4
    command = invoke("launch", *split, "--nodes", "2", "--bare").stdout
    assert "--tp-size 2" in command and "--pp-size 2" in command and command.count("--dist-init-addr") == 2
    with pytest.raises(DomainError, match="are 4 devices, and --count is 8"):
        invoke("fit", *split, "--count", "8")


def test_check_sets_the_exit_status() -> None:
    assert invoke("fit", "m", "--gpu", "4090", "--context", "8k", "--check").exit_code == 0
    result = invoke("fit", "m", "--gpu", "t4", "--context", "8k", "--check")
    assert result.exit_code == 1 and "does not fit" in result.stdout


def test_speed_answers_first() -> None:
    result = invoke("speed", "m", "--gpu", "h100-sxm", "--context", "8192", "--batch", "32", "--price", "2.5")
    assert result.stdout.startswith("meta-llama/Llama-3.1-8B on one H100 SXM decodes at most 2,171 tokens a second")
    assert "a million tokens" in result.stdout


def test_launch_gives_the_command_first_and_whole() -> None:
    result = invoke("launch", "m", "--gpu", "h100-sxm", "--context", "8k", "--batch", "16", "--kv-precision", "fp8")
    first = result.stdout.split("\n\n")[0]
    assert first.startswith("vllm serve meta-llama/Llama-3.1-8B \\\n") and "--kv-cache-dtype fp8" in first
    assert result.stdout.count("--max-num-seqs 16") == 1  # not once more in a table that folds it
    assert invoke("launch", "m", "--gpu", "h100-sxm", "--context", "8k", "--bare").stdout.count("\n\n") == 0
    data = json.loads(
        invoke("launch", "m", "--gpu", "h100-sxm", "--engine", "sglang", "--context", "8k", "--json").stdout
    )
    assert data["command"].startswith("python -m sglang.launch_server")


@pytest.mark.parametrize("line", [("fit", "--list-gpus", "--json"), ("speed", "--json", "--list-gpus")])
def test_the_list_of_devices_is_json_where_that_is_asked(line: tuple[str, ...]) -> None:
    assert len(json.loads(invoke(*line).stdout)["devices"]) > 40


@pytest.mark.parametrize("option", ["--md=devices.md", "--check"])
def test_the_list_of_devices_refuses_what_it_would_not_read(option: str) -> None:
    result = CliRunner().invoke(app, ["fit", "--list-gpus", option])
    assert result.exit_code == 2 and "goes with --json alone" in result.output


def test_the_devices_are_listed_without_a_model() -> None:
    result = invoke("fit", "--list-gpus")
    assert result.exit_code == 0 and "RTX 5090" in result.stdout and "MI355X" in result.stdout


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["fit", "m", "--gpu", "rtx 4091"], "The nearest are RTX 4090"),
        (["fit", "m", "--gpu", "4090", "--engine", "lama.cpp"], "Did you mean llama.cpp"),
        (["fit", "m", "--gpu", "4090", "--precision", "Q4KM"], "Q4_K_M"),
        (["fit", "m", "--gpu", "4090", "--engine", "vllm", "--kv-precision", "q8_0"], "has no cache type"),
        (["fit", "m", "--gpu", "4090", "--context", "0"], "--context is 0"),
        (["fit", "m", "--gpu", "4090", "--context", "1.5"], "whole number"),
        (["fit", "m", "--gpu", "4090", "--context", "8kb"], "not a number"),
        (["fit", "m", "--gpu", "4090", "--batch", "0"], "--batch must be a whole number from 1"),
        (["fit", "m", "--gpu", "4090", "--overhead", "lots"], "is no size"),
        (["fit", "m", "--gpu", "4090", "--active", "3B"], "--active needs --parameters"),
        (["fit", "m", "--gpu", "4090", "--parameters", "1B", "--active", "3B"], "more than"),
        (["fit", "m", "--gpu", "4090", "--engine", "vllm", "--precision", "Q4_K_M"], "does not run weights in Q4_K_M"),
        (["speed", "m", "--gpu", "h100-sxm", "--efficiency", "2"], "--efficiency"),
        (["speed", "m", "--gpu", "h100-sxm", "--price", "-1"], "--price"),
        (["speed", "m", "--gpu", "24GiB", "--bandwidth", "-3"], "--bandwidth"),
    ],
)
def test_refusals_name_the_option_before_the_model_is_read(
    monkeypatch: pytest.MonkeyPatch, arguments: list[str], sentence: str
) -> None:
    monkeypatch.setattr(
        "ropescope.checks.serving.opening.open_model", lambda *_, **__: pytest.fail("the model was read")
    )
    with pytest.raises(RopescopeError) as caught:
        invoke(*arguments)
    assert sentence in str(caught.value) and isinstance(caught.value, DomainError)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["fit", "m", "--gpu", "4090", "--kv-precision", "q8_0"], "has no cache type"),
        (["fit", "m", "--gpu", "4090", "--precision", "Q4_K_M"], "does not run weights in Q4_K_M"),
        (["speed", "m", "--gpu", "24GiB"], "--bandwidth"),
        (["launch", "m", "--gpu", "h100-sxm", "--engine", "vllm", "--gguf", "x.gguf"], "GGUF"),
    ],
)
def test_what_hangs_on_the_model_is_told_once_it_is_read(arguments: list[str], sentence: str) -> None:
    with pytest.raises(DomainError, match=sentence):
        invoke(*arguments)


@pytest.mark.parametrize("name", ["fit", "speed", "launch"])
def test_help_teaches_by_an_example(name: str) -> None:
    assert f"ropescope {name}" in invoke(name, "--help").stdout
