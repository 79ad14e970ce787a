"""A sweep from texts to a result: what it scores, what it holds, how it goes on, and what it refuses."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from planned_models import ragged_plan
from transformers import DynamicCache

from ropescope.compress.evaluate.methods.planned import one_plan, planned, uniform
from ropescope.compress.evaluate.methods.restated import Knorm, RandomTokens, SnapKV
from ropescope.compress.evaluate.scoring.budgets import Split
from ropescope.compress.evaluate.scoring.evaluation import Evaluation
from ropescope.compress.plan.calibration import measured_for
from ropescope.compress.plan.planning import plan_uniform
from ropescope.compress.plan.target import Target
from ropescope.errors import EvaluationError, PlanError
from ropescope.network.loading.weights import Weights, load
from ropescope.quality.texts import calibration_texts, held_out_texts
from ropescope.runs.job import do_pieces
from ropescope.runs.journal import Journal

LENGTH, NEW = 160, 16


@pytest.fixture(scope="module")
def weights(tiny_folder_with_tokenizer: Path) -> Weights:
    return load(str(tiny_folder_with_tokenizer), dtype="float32", device="cpu")


def sweep(weights: Weights, methods: list[Any], budgets: tuple[float, ...] = (0.3, 0.6), texts: int = 1) -> Evaluation:
    found = held_out_texts(weights.tokenizer, LENGTH, texts)
    return Evaluation(weights, Split(weights.model, LENGTH, NEW), methods, budgets, found)


def test_added_loss_is_that_of_a_planned_cache_run_token_by_token(weights: Weights) -> None:
    plan = ragged_plan(weights.network, length=LENGTH, seed=2)
    alone = one_plan(plan)
    assert alone.only is not None
    made = sweep(weights, [alone], (alone.only,))
    text = made.texts[0]
    ids = torch.tensor(text.tokens)[None]

    def loss(cache: Any) -> float:
        with torch.no_grad():
            weights.network(ids[:, : LENGTH - NEW], past_key_values=cache)
            steps = [
                weights.network(one, past_key_values=cache).logits for one in ids[:, LENGTH - NEW :].split(1, dim=1)
            ]
        return float(F.cross_entropy(torch.cat(steps, dim=1)[0, :-1], ids[0, LENGTH - NEW + 1 :]))

    whole = loss(DynamicCache(config=weights.network.config))
    score = made.score(text)
    assert score.loss == pytest.approx(whole, abs=1e-5)
    assert score.added["the plan"][0] == pytest.approx(loss(plan.cache(weights.network)) - whole, abs=1e-5)
    assert abs(score.added["the plan"][0] or 0.0) > 1e-3  # the plan does change something
    assert score.held["the plan"] == (plan.bytes_after / plan.bytes_before,)


def test_all_methods_hold_the_same_bytes_at_a_budget(weights: Weights) -> None:
    made = sweep(weights, [uniform(weights.model, LENGTH), SnapKV(), Knorm(), RandomTokens()], (0.2, 0.5, 0.9))
    score = made.score(made.texts[0])
    one_token = 1 / LENGTH
    for held in score.held.values():
        for budget, share in zip(made.budgets, held, strict=True):
            assert share is not None and budget - one_token <= share <= budget + 1e-9


def test_what_a_budget_holds_by_hand(weights: Weights) -> None:
    split = Split(weights.model, LENGTH, NEW)
    # 40 % of 160 tokens are 64; the 16 new ones are 8 in the mean; 56 of 144 prefilled tokens are left to keep.
    assert split.kept_share(0.4) == pytest.approx(56 / 144)
    with pytest.raises(EvaluationError, match=r"A budget of 0\.05 of the cache holds 8 of 160 tokens, and 16 new ones"):
        split.kept_share(0.05)


def test_an_interrupted_sweep_goes_on_where_it_stopped(weights: Weights, tmp_path: Path, monkeypatch: Any) -> None:
    made = sweep(weights, [RandomTokens()])
    journal = Journal(made.identity, tmp_path)
    scored: list[str] = []
    own = Evaluation.score

    def score(self: Evaluation, text: Any) -> Any:
        if len(scored) == 2:
            raise KeyboardInterrupt
        scored.append(text.name)
        return own(self, text)

    monkeypatch.setattr(Evaluation, "score", score)
    with pytest.raises(KeyboardInterrupt):
        do_pieces(made, journal)
    partial = made.result(journal)
    assert partial.partial and [text.name for text in partial.texts] == scored
    scored[1:] = []  # room for the text that is left
    do_pieces(made, journal)
    whole = made.result(journal)
    assert not whole.partial and len(whole.texts) == 3
    assert whole.texts[:2] == partial.texts
    other = replace(made, budgets=(0.5,))
    with pytest.raises(EvaluationError, match="No text was finished"):
        other.result(Journal(other.identity, tmp_path))  # other settings never meet these files


def test_another_config_never_meets_these_files(weights: Weights, monkeypatch: pytest.MonkeyPatch) -> None:
    """A config may be edited between a run and the one that resumes it; the weights are then the same."""
    before = sweep(weights, [RandomTokens()])
    assert before.identity == sweep(weights, [RandomTokens()]).identity
    monkeypatch.setattr(weights.network.config, "rms_norm_eps", 0.5)
    assert sweep(weights, [RandomTokens()]).identity != before.identity


def test_shards_share_the_texts(weights: Weights, tmp_path: Path) -> None:
    made = sweep(weights, [RandomTokens()], (0.5,))
    journal = Journal(made.identity, tmp_path)
    do_pieces(made, journal, shard=(1, 2))
    assert [text.name for text in made.result(journal).texts] == [made.texts[1].name]
    do_pieces(made, journal, shard=(0, 2))
    together = made.result(journal)
    assert [text.name for text in together.texts] == [text.name for text in made.texts]
    apart = Journal({**made.identity, "other": 1}, tmp_path)
    do_pieces(made, apart)
    assert made.result(apart).texts == together.texts


def test_calibration_and_evaluation_never_share_a_passage(weights: Weights) -> None:
    """No 80 bytes are in both; a table's heading or a phrase of a comment may be."""
    length, passage = 800, 80
    held_out = held_out_texts(weights.tokenizer, length, 16)
    scored = {text.tokens[at : at + passage] for text in held_out for at in range(1, length - passage)}
    assert len(held_out) == 48
    for text in calibration_texts(weights.tokenizer, length, 12):
        assert not scored & {text.tokens[at : at + passage] for at in range(1, length - passage)}


def test_calibration_and_evaluation_of_own_text_never_overlap(weights: Weights, tmp_path: Path) -> None:
    own = tmp_path / "own.txt"
    own.write_text(" ".join(f"{number:05d}" for number in range(400)))
    scored = held_out_texts(weights.tokenizer, LENGTH, 4, files=[own])
    measured = calibration_texts(weights.tokenizer, LENGTH, 4, files=[own])
    words = [set(weights.tokenizer.decode(text.tokens[1:]).split()) for text in (*scored, *measured)]
    whole_words = [{word for word in found if len(word) == 5} for found in words]
    assert not set.union(*whole_words[: len(scored)]) & set.union(*whole_words[len(scored) :])


def test_plans_are_measured_for_the_length_that_is_scored(weights: Weights) -> None:
    errors = measured_for(weights, LENGTH, prompts=3)
    family = planned(errors, weights.model)
    assert family.plan(0.3).length == LENGTH
    assert family.plan(0.3) is family.plan(0.3)
    made = sweep(weights, [family, uniform(weights.model, LENGTH)])
    assert np.isfinite([value for row in made.score(made.texts[0]).added.values() for value in row]).all()


def test_what_cannot_be_swept_is_said_before_the_first_prefill(weights: Weights) -> None:
    with pytest.raises(PlanError, match="below the least that a plan can hold"):
        sweep(weights, [uniform(weights.model, LENGTH, sinks=30)], (0.15,))
    with pytest.raises(EvaluationError, match="leave no context to compress"):
        Split(weights.model, 20, 16)
    with pytest.raises(EvaluationError, match="at least one method"):
        sweep(weights, [])
    with pytest.raises(EvaluationError, match="once each"):
        sweep(weights, [RandomTokens()], (0.6, 0.3))
    texts = held_out_texts(weights.tokenizer, 100, 1)
    with pytest.raises(EvaluationError, match="has 100 tokens, and 160 are to be scored"):
        Evaluation(weights, Split(weights.model, LENGTH, NEW), [RandomTokens()], (0.5,), texts)


def test_a_plan_for_fewer_tokens_is_refused(weights: Weights) -> None:
    short = plan_uniform(weights.model, Target(budget_share=0.5), length=100)
    made = sweep(weights, [one_plan(short)], (0.5,))
    with pytest.raises(EvaluationError, match="the plan is planned for 100 tokens, and the sequence has 160"):
        made.score(made.texts[0])
