"""An evaluation in pieces: numbers against transformers' own loss, resumed, shared between processes, interrupted."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from transformers import AutoModelForCausalLM

from ropescope.errors import ExtendError
from ropescope.extend.evaluate import summary
from ropescope.extend.evaluate.candidates import candidates
from ropescope.extend.evaluate.result import ExtensionResult
from ropescope.extend.evaluate.session import Evaluation
from ropescope.network.loading.weights import Weights, load
from ropescope.quality.texts import held_out_texts
from ropescope.quality.trials import trials
from ropescope.runs.job import do_pieces
from ropescope.runs.journal import Journal

TARGET, BAND = 512, 128
METHODS = ("none", "yarn", "dynamic")


@pytest.fixture(scope="module")
def weights(tiny_folder_with_tokenizer: Path) -> Weights:
    return load(tiny_folder_with_tokenizer, dtype="float32")


def made(weights: Weights, **given: Any) -> Evaluation:
    settings = {
        "candidates": candidates(weights.model, TARGET, METHODS),
        "target": TARGET,
        "texts": held_out_texts(weights.tokenizer, TARGET, 1),
        "band": BAND,
    }
    return Evaluation(weights, **{**settings, **given})


@pytest.fixture(scope="module")
def finished(weights: Weights, tmp_path_factory: pytest.TempPathFactory) -> tuple[Evaluation, Journal, ExtensionResult]:
    evaluation = made(weights)
    journal = Journal(evaluation.identity, tmp_path_factory.mktemp("runs"))
    do_pieces(evaluation, journal)
    return evaluation, journal, evaluation.result(journal)


def test_another_config_never_meets_these_files(weights: Weights, monkeypatch: pytest.MonkeyPatch) -> None:
    """A config may be edited between a run and the one that resumes it; the weights are then the same."""
    before = made(weights)
    assert before.identity == made(weights).identity
    monkeypatch.setattr(weights.network.config, "rms_norm_eps", 0.5)
    assert made(weights).identity != before.identity


@pytest.mark.parametrize("method", METHODS)
def test_losses_are_those_of_a_network_loaded_with_the_settings(
    finished: tuple[Evaluation, Journal, ExtensionResult], weights: Weights, method: str
) -> None:
    """The whole text at once, through a network that transformers built from the emitted rope_parameters."""
    evaluation, _, result = finished
    plan = next(candidate.plan for candidate in evaluation.candidates if candidate.name == method)
    network = AutoModelForCausalLM.from_pretrained(
        weights.source.path,
        dtype=torch.float32,
        rope_parameters=plan.rope_parameters,
        max_position_embeddings=plan.max_position_embeddings,
    ).eval()
    for text, scored in zip(evaluation.texts, result.texts, strict=True):
        ids = torch.tensor([text.tokens])
        with torch.inference_mode():
            losses = F.cross_entropy(network(ids).logits[0, :-1], ids[0, 1:], reduction="none")
        expected = [float(losses[max(start, 1) - 1 : end - 1].mean()) for start, end in result.bands]
        assert scored.losses[method] == pytest.approx(expected, abs=2e-5)


def test_methods_differ_beyond_the_trained_length(finished: tuple[Evaluation, Journal, ExtensionResult]) -> None:
    _, _, result = finished
    for text in result.texts:
        assert abs(text.losses["none"][-1] - text.losses["yarn"][-1]) > 1e-3
    # Dynamic scaling given a text whole turns all of it alike, so even the first band is not the unscaled one.
    assert result.texts[0].losses["dynamic"][1] != pytest.approx(result.texts[0].losses["none"][1], abs=1e-5)


def test_what_depends_on_the_length_is_scored_on_short_texts_too(
    finished: tuple[Evaluation, Journal, ExtensionResult],
) -> None:
    """Within the trained length `dynamic` is the unscaled model, whose first bands do not see what comes after them."""
    _, _, result = finished
    inside = [i for i, (_, end) in enumerate(result.bands) if end <= result.trained_length]
    assert len(inside) == 2
    for text in result.texts:
        assert set(text.short) == {"dynamic"}
        assert text.short["dynamic"] == pytest.approx([text.losses["none"][i] for i in inside], abs=2e-5)
    price = summary.against(result, "dynamic", "none", "short")
    assert price is not None and price.value == pytest.approx(0.0, abs=2e-5)
    assert summary.loss(result, "yarn", "short") == summary.loss(result, "yarn", "inside")


def test_rerope_is_the_unscaled_model_within_the_trained_length_and_not_beyond(
    weights: Weights, finished: tuple[Evaluation, Journal, ExtensionResult]
) -> None:
    """Its config says nothing that the unscaled one's does not, so what was kept of that must not be taken for it."""
    _, journal, plain = finished
    evaluation = made(weights, candidates=candidates(weights.model, TARGET, ("rerope",)))
    do_pieces(evaluation, journal)
    result = evaluation.result(journal)
    inside = [i for i, (_, end) in enumerate(result.bands) if end <= result.trained_length]
    for text, before in zip(result.texts, plain.texts, strict=True):
        losses = text.losses["rerope"]
        assert [losses[i] for i in inside] == pytest.approx([before.losses["none"][i] for i in inside], abs=1e-6)
        assert abs(losses[-1] - before.losses["none"][-1]) > 1e-4
        assert text.short == {}


def test_truncated_is_the_unscaled_model_that_does_not_see_the_beginning(
    weights: Weights, finished: tuple[Evaluation, Journal, ExtensionResult]
) -> None:
    """Within the trained length it is the unscaled model; beyond, what stands before the window makes no difference."""
    _, journal, plain = finished
    (one,) = candidates(weights.model, TARGET, ("truncated",))
    assert one.shown == TARGET // 2
    evaluation = made(weights, candidates=[one])
    do_pieces(evaluation, journal)
    result = evaluation.result(journal)
    assert result.shown == {"truncated": TARGET // 2} and ExtensionResult.from_dict(result.to_dict()) == result
    window, step = TARGET // 2, TARGET // 8
    for text, before, of in zip(result.texts, plain.texts, evaluation.texts, strict=True):
        losses = text.losses["truncated"]
        assert losses[:2] == pytest.approx(before.losses["none"][:2], abs=1e-6)
        assert of.tokens[0] == weights.tokenizer.bos_token_id
        halves = []
        for end in (TARGET - step, TARGET):  # the last band, a window for each half; every one begins as the text does
            shown = torch.tensor([[of.tokens[0], *of.tokens[end - window + 1 : end]]])
            with torch.inference_mode():
                own = F.cross_entropy(weights.network(shown).logits[0, :-1], shown[0, 1:], reduction="none")
            halves.append(float(own[-step:].mean()))
        assert losses[-1] == pytest.approx(sum(halves) / 2, abs=2e-5)
        assert abs(losses[-1] - before.losses["none"][-1]) > 1e-4


def test_of_a_longer_context_truncated_asks_in_the_last_tokens(weights: Weights, tmp_path: Path) -> None:
    """A question on a fact that is cut off is one like any on a fact that stood nowhere; short contexts are asked whole."""
    one, plain = candidates(weights.model, TARGET, ("truncated", "none"))
    asked = {
        length: trials(weights.tokenizer, "passkey", length, depths=(0.9,), per_depth=2, keys_per_context=2)
        for length in (256, TARGET)
    }
    names = {
        length: [piece.name for piece in made(weights, candidates=[one, plain], texts=[], trials=group).pieces]
        for length, group in asked.items()
    }
    assert names[256][0] == names[256][1] and names[TARGET][0] != names[TARGET][1]  # what is the same is run once
    trial = asked[TARGET][0]
    after = TARGET - len(trial.context)
    seen = one.seen(trial.context, after, 1)
    assert (
        len(seen) + after == TARGET // 2
        and seen[0] == trial.context[0]
        and seen[1:] == [*trial.context[-len(seen) + 1 :]]
    )
    evaluation = made(weights, candidates=[one], texts=[], trials=asked[TARGET])
    journal = Journal(evaluation.identity, tmp_path)
    do_pieces(evaluation, journal)
    assert sum(cell.trials for cell in evaluation.result(journal).found) == 2


def test_the_network_is_left_as_it_was(weights: Weights, finished: tuple[Evaluation, Journal, ExtensionResult]) -> None:
    fresh = load(weights.source.spelled, dtype="float32").network
    ids = torch.arange(3, 60)[None]
    assert torch.equal(fresh(ids).logits, weights.network(ids).logits)


def test_what_is_kept_is_not_scored_again(
    weights: Weights, finished: tuple[Evaluation, Journal, ExtensionResult], monkeypatch: pytest.MonkeyPatch
) -> None:
    evaluation, journal, result = finished
    monkeypatch.setattr(Evaluation, "_text", lambda *_: pytest.fail("scored again"))
    do_pieces(evaluation, journal)
    assert evaluation.result(journal) == result
    assert ExtensionResult.from_dict(result.to_dict()) == result


def test_shards_share_the_pieces(weights: Weights, tmp_path: Path) -> None:
    evaluation = made(weights)
    journal = Journal(evaluation.identity, tmp_path)
    counts = []
    for shard in range(4):
        before = len(list(journal.folder.glob("*.json")))
        do_pieces(evaluation, journal, shard=(shard, 4))
        counts.append(len(list(journal.folder.glob("*.json"))) - before)
    assert counts == [3, 3, 3, 3]  # three texts under three methods, and the short ones under dynamic
    assert not evaluation.result(journal).partial


def test_interrupted_it_shows_what_all_methods_have(weights: Weights, tmp_path: Path) -> None:
    evaluation = made(weights)
    journal = Journal(evaluation.identity, tmp_path)

    def stop(done: int, *_: Any) -> None:
        if done == 4:
            raise KeyboardInterrupt

    with contextlib.suppress(KeyboardInterrupt):
        do_pieces(evaluation, journal, progress=stop)
    result = evaluation.result(journal)
    assert result.partial and len(result.texts) == 1 and set(result.texts[0].losses) == set(METHODS)
    empty = Journal(evaluation.identity, tmp_path / "none")
    with pytest.raises(ExtendError, match="was scored under every method"):
        evaluation.result(empty)


def test_answers_are_counted_by_length_and_depth(weights: Weights, tmp_path: Path) -> None:
    asked = trials(weights.tokenizer, "key-value", TARGET, depths=(0.25, 0.75), per_depth=3, keys_per_context=4)
    evaluation = made(weights, texts=[], trials=asked)
    journal = Journal(evaluation.identity, tmp_path)
    do_pieces(evaluation, journal)
    result = evaluation.result(journal)
    assert {(cell.method, cell.depth): cell.trials for cell in result.found} == {
        (method, depth): 3 for method in METHODS for depth in (0.25, 0.75)
    }
    assert all(0 <= cell.exact <= cell.trials and 0 <= cell.right <= cell.trials for cell in result.found)


def test_what_cannot_be_scored_is_said(weights: Weights) -> None:
    with pytest.raises(ExtendError, match="at least one method"):
        made(weights, candidates=[])
    with pytest.raises(ExtendError, match="Every text needs 512 tokens"):
        made(weights, texts=held_out_texts(weights.tokenizer, 400, 1))
