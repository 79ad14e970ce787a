"""`ropescope compress evaluate`: the answer, the files, going on after an interruption, and every refusal in one sentence."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from ropescope.app.cli import app
from ropescope.compress.evaluate.results.result import TradeoffResult
from ropescope.compress.evaluate.scoring.evaluation import Evaluation
from ropescope.compress.kvpress.library import missing
from ropescope.compress.plan.planning import plan_uniform
from ropescope.compress.plan.target import Target
from ropescope.errors import (
    DomainError,
    EvaluationError,
    FormatError,
    InputError,
    MeasurementError,
    PlanError,
    ReportError,
    SourceError,
)
from ropescope.models.opening import open as open_model

SNAPKV = "SnapKV (restated)" if missing() else "SnapKV"
SMALL = ("--length", 160, "--scored", 16, "--texts", 1, "--budgets", "30%,0.6", "--dtype", "float32", "--device", "cpu")


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Finished texts are kept apart for each test."""
    monkeypatch.setenv("ROPESCOPE_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def said(*arguments: object) -> str:
    result = CliRunner().invoke(app, ["compress", "evaluate", *map(str, arguments)], catch_exceptions=False)
    assert result.exit_code == 0
    return result.stdout


def data(*arguments: object) -> TradeoffResult:
    return TradeoffResult.from_dict(json.loads(said(*arguments, "--json")))


def test_the_answer_is_in_the_first_line(tiny_folder_with_tokenizer: Path) -> None:
    lines = " ".join(
        said(tiny_folder_with_tokenizer, *SMALL, "--methods", "uniform,random", "--max-loss", "90%").split()
    )
    assert lines.startswith("30 % of the cache is enough with ")
    assert (
        "to the loss of model on 3 texts of 160 tokens, and no smaller budget that was tried stays surely under 90 %."
        in lines
    )
    assert "measured · 1 prose, 1 code, 1 table" in lines


def test_where_nothing_is_enough_it_says_so(tiny_folder_with_tokenizer: Path) -> None:
    lines = " ".join(said(tiny_folder_with_tokenizer, *SMALL, "--methods", "uniform", "--max-loss", "0.0001%").split())
    assert lines.startswith("No budget that was tried keeps the added loss of model surely under 0.0001 % on 3 texts")


def test_the_numbers_are_kept_and_the_same(tiny_folder_with_tokenizer: Path, tmp_path: Path, home: Path) -> None:
    out = tmp_path / "results.json"
    printed = data(tiny_folder_with_tokenizer, *SMALL, "--methods", "planned,windows,uniform,snapkv", "--out", out)
    assert TradeoffResult.load(out) == printed
    assert printed.methods == ("planned", "planned windows", "uniform window", SNAPKV)
    assert printed.blind == ("planned windows", "uniform window")
    assert (printed.length, printed.new, printed.budgets, len(printed.texts)) == (160, 16, (0.3, 0.6), 3)
    assert not printed.partial and not list(home.rglob("text-*.json"))  # nothing is left once the result is safe


def test_a_plan_is_scored_at_its_own_budget_and_marked(tiny_folder_with_tokenizer: Path, tmp_path: Path) -> None:
    model = open_model(str(tiny_folder_with_tokenizer))
    path = plan_uniform(model, Target(budget_share=0.5), length=160).save(tmp_path / "plan.json")
    given = [value for value in SMALL if value not in ("--length", 160)]
    figure = tmp_path / "tradeoff.json"
    printed = data(tiny_folder_with_tokenizer, *given, "--methods", "uniform", "--plan", path, "--figure", figure)
    assert printed.named is not None and printed.named.budget == pytest.approx(0.5)
    assert printed.budgets == (0.3, 0.5, 0.6) and printed.methods == ("the plan", "uniform window")
    for text in printed.texts:
        assert text.added["the plan"] == (None, text.added["uniform window"][1], None)
    drawn = json.loads((tmp_path / "tradeoff-tradeoff.json").read_text())
    marked = next(layer for layer in drawn["layer"] if layer["mark"].get("shape") == "diamond")
    assert {row["method"] for row in marked["data"]["values"]} == {"the plan", "uniform window"}


def test_questions_are_asked_before_and_after(tiny_folder_with_tokenizer: Path) -> None:
    given = [value if value != 160 else 250 for value in SMALL]
    with pytest.raises(MeasurementError, match="250 tokens"):
        said(tiny_folder_with_tokenizer, *given, "--methods", "uniform", "--needle")


def test_time_is_told_as_ratios(tiny_folder_with_tokenizer: Path) -> None:
    printed = data(tiny_folder_with_tokenizer, *SMALL, "--methods", "uniform", "--time")
    assert printed.times is not None and printed.times.budget == pytest.approx(0.6, abs=0.01)
    assert all(0 < low <= middle <= high for low, middle, high in (printed.times.prefill, printed.times.decode))


def test_an_interruption_keeps_what_is_finished(
    tiny_folder_with_tokenizer: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own, scored = Evaluation.score, []

    def score(self: Evaluation, text: Any) -> Any:
        if len(scored) == stop_after:
            raise KeyboardInterrupt
        scored.append(text.name)
        return own(self, text)

    monkeypatch.setattr(Evaluation, "score", score)
    given = (tiny_folder_with_tokenizer, *SMALL, "--methods", "uniform,random")
    stop_after = 1
    partial = data(*given)
    assert partial.partial and len(partial.texts) == 1 and len(list(home.rglob("text-*.json"))) == 1
    stop_after = 100
    whole = data(*given, "--resume")
    assert not whole.partial and len(whole.texts) == 3 and whole.texts[0] == partial.texts[0]
    assert len(set(scored)) == len(scored) == 3  # what is finished is not scored again
    anew = data(*given)
    assert anew.texts == whole.texts and len(scored) == 6


def test_an_interruption_before_anything_ends_as_one(
    tiny_folder_with_tokenizer: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def score(self: Evaluation, text: Any) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr(Evaluation, "score", score)
    result = CliRunner().invoke(app, ["compress", "evaluate", str(tiny_folder_with_tokenizer), *map(str, SMALL)])
    assert result.exit_code == 130


@pytest.mark.parametrize(
    ("options", "error", "sentence"),
    [
        (("--methods", "snapkw"), EvaluationError, r"No method is called 'snapkw'\. Did you mean snapkv\?"),
        (("--methods", "uniform,uniform"), EvaluationError, "The method uniform was given twice"),
        (("--budgets", "30%,abc"), DomainError, "--budgets 'abc' is no share: write 15% or 0.15"),
        (("--budgets", "0%"), DomainError, "--budgets '0%' is no share"),
        (
            ("--budgets", "50%,100%"),
            InputError,
            "a budget of the whole cache is what all others are compared with",
        ),
        (("--budgets", "2%"), (EvaluationError, PlanError), "budget"),
        (("--max-loss", "-1%"), DomainError, "--max-loss '-1%' is no share"),
        (("--length", "300"), EvaluationError, r"300 tokens is beyond the trained context of model \(256\)"),
        (("--length", "0.5"), (DomainError, EvaluationError), "0.5"),
        (("--length", "20"), EvaluationError, "leave no context to compress"),
        (("--figure", "picture.bmp"), ReportError, "picture.bmp"),
        (("--plan", "nowhere.json"), FormatError, "nowhere.json is not a cache plan"),
        (("--profile", "nowhere.parquet"), FormatError, "nowhere.parquet"),
        (("--methods", "snapkv", "--time"), EvaluationError, "Only plans are timed"),
    ],
)
def test_bad_input(
    tiny_folder_with_tokenizer: Path, options: tuple[str, ...], error: type[Exception], sentence: str
) -> None:
    given = list(SMALL) + (["--methods", "uniform"] if "--methods" not in options else [])
    with pytest.raises(error, match=sentence):
        said(tiny_folder_with_tokenizer, *given, *options)


def test_a_plan_for_another_length_or_model_is_refused(tiny_folder_with_tokenizer: Path, tmp_path: Path) -> None:
    model = open_model(str(tiny_folder_with_tokenizer))
    path = plan_uniform(model, Target(budget_share=0.5), length=128).save(tmp_path / "plan.json")
    with pytest.raises(EvaluationError, match=r"--length has 160 tokens and the plan \(.*\) 128"):
        said(tiny_folder_with_tokenizer, *SMALL, "--methods", "uniform", "--plan", path)
    other = open_model({**model.config, "num_key_value_heads": 4})
    path = plan_uniform(other, Target(budget_share=0.5), length=160).save(tmp_path / "other.json")
    with pytest.raises(EvaluationError, match="with other layers or KV heads than model: plan for this model"):
        said(tiny_folder_with_tokenizer, *SMALL, "--methods", "uniform", "--plan", path)


def test_a_model_without_tokenizer_is_refused(tiny_folder: Path) -> None:
    with pytest.raises(SourceError, match="comes without a tokenizer, so no text can be read with it"):
        said(tiny_folder, *SMALL)


def test_own_text_is_scored_and_too_little_is_refused(tiny_folder_with_tokenizer: Path, tmp_path: Path) -> None:
    own = tmp_path / "own.txt"
    own.write_text("A line of my own text, number " + " and ".join(map(str, range(300))))
    printed = data(tiny_folder_with_tokenizer, *SMALL, "--methods", "planned", "--text", own)
    assert {(text.kind, text.name.split(",")[0]) for text in printed.texts} == {("own", "own.txt")}
    own.write_text("Too short.")
    with pytest.raises(SourceError, match="holds 10 bytes of text"):
        said(tiny_folder_with_tokenizer, *SMALL, "--methods", "uniform", "--text", own)
