"""`ropescope compress plan`: the answer, the files, and every refusal in one sentence."""

from __future__ import annotations

import json
import re
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner
from made_profiles import made_profile

from ropescope.app.cli import app
from ropescope.compress.plan.kv_plan import KVPlan
from ropescope.errors import InputError, PlanError, RopescopeError, SourceError

CONFIG = {
    "model_type": "llama", "hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 3, "vocab_size": 100,
    "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 16, "max_position_embeddings": 4096,
    "torch_dtype": "bfloat16",
}  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A model's folder with its config alone: planning reads no weights."""
    place = tmp_path / "little"
    place.mkdir()
    (place / "config.json").write_text(json.dumps(CONFIG))
    return place


@pytest.fixture
def profile(tmp_path: Path) -> Path:
    """A kept profile of the same shape."""
    made = made_profile(heads=(4, 4, 4))
    made = replace(made, layers=tuple(replace(layer, n_kv_heads=2) for layer in made.layers))
    path = tmp_path / "profile.parquet"
    made.save(path)
    return path


def said(*arguments: object) -> str:
    result = CliRunner().invoke(app, ["compress", "plan", *map(str, arguments)], catch_exceptions=False)
    assert result.exit_code == 0
    return result.stdout


def test_the_answer_is_in_the_first_line(profile: Path, folder: Path) -> None:
    lines = " ".join(said(profile, "--model", folder, "--budget", "25%").split())
    assert lines.startswith("little can hold 1,024 tokens in 96 KiB of cache instead of 384 KiB (75% less), with ")
    assert "measured profile (8 prompts of 1,024 tokens, random); equal share in every head" in lines


def test_the_plan_is_kept_and_printed(profile: Path, folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "plan.json"
    printed = json.loads(said(profile, "--model", folder, "--keep-mass", 0.8, "--out", out, "--json"))
    assert KVPlan.from_dict(printed) == KVPlan.load(out)
    assert printed["target"] == {"keep_mass": 0.8}
    assert 0.8 <= printed["kept_mass"] < 0.85


@pytest.mark.parametrize(("budget", "held"), [("98304", 98304), ("96KiB", 98304), ("0.1 MB", 100_000), ("25 %", 98304)])
def test_budgets_as_people_write_them(profile: Path, folder: Path, budget: str, held: int) -> None:
    printed = json.loads(said(profile, "--model", folder, "--budget", budget, "--json"))
    assert held - 6 * 64 < printed["bytes_after"] <= held


def test_the_closed_form_and_the_null_need_no_profile(folder: Path) -> None:
    closed = json.loads(said(folder, "--gamma", 0.75, "--keep-mass", 0.9, "--length", 2000, "--json"))
    assert {window for layer in closed["layers"] for window in layer["windows"]} == {1389}
    even = json.loads(said(folder, "--uniform", "--budget", "25%", "--json"))
    assert even["length"] == 4096  # the context that the config states
    assert {window for layer in even["layers"] for window in layer["windows"]} == {1020}


def test_the_picture_shows_every_head(profile: Path, folder: Path, tmp_path: Path) -> None:
    said(profile, "--model", folder, "--budget", "25%", "--figure", tmp_path / "plan.json")
    drawn = json.loads((tmp_path / "plan.json").read_text())
    printed = json.loads(said(profile, "--model", folder, "--budget", "25%", "--json"))
    shown = {(row["layer"], row["KV head"]): row["window"] for row in drawn["data"]["values"]}
    windows = {(layer["index"], head): w for layer in printed["layers"] for head, w in enumerate(layer["windows"])}
    assert shown == windows
    assert len(shown) == 6
    said(profile, "--model", folder, "--budget", "25%", "--figure", tmp_path / "plan.svg")
    assert "KV head" in (tmp_path / "plan.svg").read_text()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ((), "Give one of: a share of the mass"),
        (("--keep-mass", "1.5"), "--keep-mass '1.5' is no share"),
        (("--budget", "lots"), "--budget must be a budget such as 30%, 500000000, 512MiB or 2GB, not 'lots'"),
        (("--budget", "130%"), "--budget '130%' is no share"),
        (("--budget", "1KiB"), "below the least that a plan can hold, 1,920 bytes"),
        (("--budget", "30%", "--length", "8k"), "measured at 1,024 tokens and does not tell"),
        (("--budget", "30%", "--length", "2.5"), "--length is 2.5: give a whole number of tokens"),
        (("--budget", "30%", "--sinks", "8"), "left 4 sinks out of its distances"),
    ],
)
def test_refusals(profile: Path, folder: Path, arguments: tuple[str, ...], sentence: str) -> None:
    with pytest.raises(RopescopeError, match=sentence):
        said(profile, "--model", folder, *arguments)


def test_a_model_is_measured_where_there_is_no_profile(tiny_folder_with_tokenizer: Path) -> None:
    printed = json.loads(
        said(
            tiny_folder_with_tokenizer,
            "--budget",
            "40%",
            "--length",
            128,
            "--prompts",
            2,
            "--cache-type",
            "f32",
            "--dtype",
            "float16",
            "--device",
            "cpu",
            "--json",
        )
    )
    assert printed["basis"] == "measured" and "weights in float16" in printed["windows_from"]
    assert "by the error of layer outputs" in printed["windows_from"]
    assert 0.39 * printed["bytes_before"] < printed["bytes_after"] <= 0.4 * printed["bytes_before"]
    with pytest.raises(PlanError, match="beyond the trained context of model"):
        said(tiny_folder_with_tokenizer, "--budget", "40%", "--length", "8k")


def test_refusals_of_models(profile: Path, folder: Path) -> None:
    with pytest.raises(SourceError, match="no safetensors weights"):
        said(folder, "--budget", "30%")  # its config is all there is
    with pytest.raises(SourceError, match="made-up"):
        said(profile, "--budget", "30%")  # the profile names a model that is nowhere
    with pytest.raises(PlanError, match="not both"):
        said(folder, "--budget", "30%", "--gamma", "1", "--uniform")
    with pytest.raises(PlanError, match="--model goes with a profile"):
        said(folder, "--budget", "30%", "--uniform", "--model", folder)


def test_an_engine_that_cannot_drop_tokens_says_so_first_and_what_comes_nearest(folder: Path) -> None:
    arguments = ["compress", "plan", str(folder), "--budget", "30%", "--engine", "llama.cpp"]
    lines = " ".join(CliRunner().invoke(app, arguments).stdout.split())
    assert lines.startswith("Not in llama.cpp b11549: it has no setting that drops tokens of llama.")
    assert "a cache in q4_0, which holds every token in 28% of the bytes" in lines
    # A long name of a folder breaks over lines.
    assert f"ropescopelaunch{folder}--enginellama.cpp--kv-precisionq4_0" in lines.replace(" ", "")
    assert f"ropescopecompressplan{folder}--budget30%" in lines.replace(" ", "")
    assert CliRunner().invoke(app, [*arguments, "--check"]).exit_code == 1
    more = " ".join(CliRunner().invoke(app, [*arguments[:4], "60%", *arguments[5:]]).stdout.split())
    assert "a cache in q8_0, which holds every token in 53% of the bytes" in more


@pytest.mark.parametrize("engine", [[], ["--engine", "vllm"]])
def test_a_finished_plan_in_the_place_of_a_model_is_told(folder: Path, tmp_path: Path, engine: list[str]) -> None:
    out = tmp_path / "plan.json"
    said(folder, "--budget", "30%", "--uniform", "--out", out)
    with pytest.raises(InputError, match=r"plan\.json is a finished plan for \S+: name the model in its place"):
        said(out, "--budget", "30%", *engine)


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        (["--gamma", "0.8"], "measured on a model's weights"),
        (["--sinks", "4"], "keep no first tokens beside a window"),
    ],
)
def test_what_no_engine_plan_is_made_from_is_refused(folder: Path, given: list[str], problem: str) -> None:
    arguments = ["compress", "plan", str(folder), "--budget", "30%", "--engine", "vllm", *given]
    with pytest.raises(InputError, match=problem):
        CliRunner().invoke(app, arguments, catch_exceptions=False)


def test_a_plan_for_an_engine_is_its_setting_and_its_cost(tiny_folder_with_tokenizer: Path, tmp_path: Path) -> None:
    out = tmp_path / "plan.json"
    arguments = ["--budget", "40%", "--length", "128", "--prompts", "1", "--dtype", "float32", "--engine", "vllm"]
    found = json.loads(said(tiny_folder_with_tokenizer, *arguments, "--out", out, "--json"))
    plan = KVPlan.load(out)
    assert plan.prefill == "windowed" and plan.sinks == 0 and plan.bytes_after <= 0.4 * plan.bytes_before
    windows = {min(layer.windows) for layer in plan.planned_layers} - {plan.length}
    assert windows == {found["overrides"]["sliding_window"]}
    assert found["command"].startswith("vllm serve ")
    assert found["added_loss"] is not None


def test_a_plan_for_an_engine_within_a_loss_is_the_smaller_of_both_shapes(tiny_folder_with_tokenizer: Path) -> None:
    """Random weights lose next to nothing, so the smallest budget that is tried does, in whichever shape takes fewer bytes."""
    arguments = ["--length", "128", "--prompts", "1", "--dtype", "float32", "--engine", "vllm", "--json"]
    found = json.loads(said(tiny_folder_with_tokenizer, "--max-loss", "50%", *arguments))
    assert found["target"]["max_loss"] == 0.5 and found["command"].startswith("vllm serve ")
    share = f"{100 * found['target']['budget_share']:.2f}%"
    one = json.loads(said(tiny_folder_with_tokenizer, "--budget", share, *arguments))
    assert found["bytes_after"] <= one["bytes_before"] * found["target"]["budget_share"]
    assert found["bytes_after"] <= one["bytes_after"]


def test_an_empty_text_is_told_before_weights_are_read(
    tiny_folder_with_tokenizer: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    empty = tmp_path / "empty.txt"
    empty.write_text("")
    monkeypatch.setitem(sys.modules, "ropescope.network.loading.asked", None)  # what loads them
    for engine in ([], ["--engine", "vllm"]):
        with pytest.raises(RopescopeError, match="holds no text"):
            said(tiny_folder_with_tokenizer, "--budget", "40%", "--text", empty, *engine)


@pytest.mark.parametrize("given", [[], ["--engine", "vllm"], ["--windows-only"]], ids=str)
@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        (
            "torn.json",
            b'{"schema": "ropescope.kvplan/1", "lay',
            r"torn\.json is damaged \(torn\.json:1 is not valid JSON",
        ),
        ("empty.json", b"", r"empty\.json is empty"),
        ("list.json", b"[1, 2]", r"list\.json holds a JSON list, which is neither a plan nor a profile"),
        ("other.json", b'{"a": 1}', r"other\.json is not a measured profile, which is a Parquet file"),
        ("short.json", b'{"schema": "ropescope.kvplan/1"}', r"short\.json is damaged \(The cache plan does not fit"),
        ("empty.parquet", b"", r"empty\.parquet is empty"),
        ("torn.parquet", b"PAR1 and no more of it", r"torn\.parquet is damaged \(not a complete Parquet file"),
    ],
    ids=lambda value: value if isinstance(value, str) and "\\" not in value else "",
)
def test_a_damaged_file_in_the_place_of_a_model_is_told(
    tmp_path: Path, name: str, content: bytes, problem: str, given: list[str]
) -> None:
    """Not that inputs be left out which were not given."""
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(InputError, match=problem) as told:
        said(path, "--budget", "30%", *given)
    assert told.value.field == "source"
    assert "leave out" not in str(told.value)
    assert re.search(r"name (a profile or a|the) model", str(told.value))


def test_an_engine_is_not_planned_for_from_a_profile_or_an_exponent(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "heads.parquet"
    path.write_bytes(b"PAR1 as if it were whole PAR1")
    with pytest.raises(InputError, match="is a measured profile, and a plan for an --engine is measured on a model"):
        said(path, "--budget", "30%", "--engine", "vllm")
    with pytest.raises(InputError, match="--uniform goes with no --engine") as told:
        said(folder, "--budget", "30%", "--uniform", "--engine", "vllm")
    assert "gamma" not in str(told.value)
