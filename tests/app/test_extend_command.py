"""`ropescope extend plan` as a user runs it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from ropescope import models
from ropescope.app.cli import app
from ropescope.errors import ExtendError, RopescopeError
from ropescope.extend import RopePlan, plan_extension


def run(*words: str) -> str:
    done = CliRunner().invoke(app, ["extend", "plan", *words])
    if done.exception is not None:
        raise done.exception
    return done.stdout


def test_plan_keeps_what_it_was_asked_for(tiny_folder: Path, tmp_path: Path) -> None:
    text = run(
        str(tiny_folder), "--to", "1k", "--engine", "vllm@0.10.2", "--out", str(tmp_path / "plan.json"),
        "--save-config", str(tmp_path / "new"), "--figure", str(tmp_path / "f.svg"), "--html", str(tmp_path / "p.html"),
    )  # fmt: skip
    assert text.startswith("YaRN with a factor of 4 extends")
    assert "--rope-scaling" in text
    assert "sglang" not in text
    assert RopePlan.load(tmp_path / "plan.json").target_length == 1024
    assert json.loads((tmp_path / "new" / "config.json").read_text())["max_position_embeddings"] == 1024
    assert "target: 1,024" in (tmp_path / "f.svg").read_text()
    assert "rope_parameters" not in json.loads((tmp_path / "plan.json").read_text())


def test_a_saved_plan_is_shown_with_its_settings(tiny_folder: Path, tmp_path: Path) -> None:
    model = models.open(tiny_folder)
    factors = [1.0, 1.2, 2.0, 2.5]
    saved = plan_extension(model, 512, "searched", factors=factors, attention_factor=1.05)
    path, again, folder = tmp_path / "plan.json", tmp_path / "again.json", tmp_path / "longer"
    saved.save(path)
    words = [str(tiny_folder), "--to", "512", "--method", str(path)]
    text = run(*words, "--save-config", str(folder), "--out", str(again))
    assert text.startswith("Searched factors extend") and '"rope_type": "longrope"' in text
    assert RopePlan.load(again) == saved
    written = json.loads((folder / "config.json").read_text())["rope_parameters"]
    assert written["long_factor"] == pytest.approx(factors) and written["attention_factor"] == 1.05
    with pytest.raises(ExtendError, match="--factor cannot change"):
        run(*words, "--factor", "3")
    with pytest.raises(ExtendError, match="does not fit"):
        run(*words[:2], "1024", *words[3:])


def test_json_is_the_plan_and_its_settings(tiny_folder: Path) -> None:
    data = json.loads(run(str(tiny_folder), "--to", "1Ki", "--json"))
    assert data["factor"] == 4.0
    assert {entry["engine"] for entry in data["settings"]} == {"transformers", "vllm", "sglang", "llama.cpp", "ollama"}
    assert len(data["layer_types"][0]["after"]) == 4


@pytest.mark.parametrize(
    ("words", "first"),
    [
        (("--engine", "transformers"), "Leaky ReRoPE"),
        (("--engine", "hf"), "Leaky ReRoPE"),
        # What a config has to say, or another engine reads, or a release that has no such attention: YaRN.
        (("--engine", "transformers@4.57"), "YaRN"),
        (("--engine", "transformers", "--engine", "vllm"), "YaRN"),
        (("--engine", "transformers", "--factor", "8"), "YaRN"),
        (("--engine", "transformers", "--save-config", "FOLDER"), "YaRN"),
        ((), "YaRN"),
    ],
)
def test_in_transformers_alone_the_choice_need_not_be_in_a_config(
    tiny_folder: Path, tmp_path: Path, words: tuple[str, ...], first: str
) -> None:
    given = (str(tmp_path / "new") if word == "FOLDER" else word for word in words)
    text = " ".join(run(str(tiny_folder), "--to", "1Ki", *given).split())
    assert text.startswith(first)
    assert ("for a config.json, use the method yarn" in text) == (first != "YaRN")


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("--to", "far"), "is not a number"),
        (("--to", "1.5"), "give a whole number of tokens"),
        (("--to", "100", "--method", "yarn"), "no scaling is needed"),
        (("--to", "1k", "--engine", "vlm"), "Did you mean vllm"),
        (("--to", "1k", "--method", "yran"), "Did you mean yarn"),
        (("--to", "1k", "--figure", "f.gif"), r"\.gif"),
    ],
)
def test_bad_input_is_one_sentence(tiny_folder: Path, words: tuple[str, ...], why: str) -> None:
    with pytest.raises(RopescopeError, match=why):
        run(str(tiny_folder), *words)


def test_nothing_is_written_where_an_engine_is_unknown(tiny_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(RopescopeError):
        run(str(tiny_folder), "--to", "1k", "--engine", "vlm", "--out", str(tmp_path / "plan.json"))
    assert not (tmp_path / "plan.json").exists()
