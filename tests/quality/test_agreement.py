"""Two networks beside each other: sums by hand and by scipy, and exactly nothing between a network and itself."""

from __future__ import annotations

from dataclasses import replace
from math import log
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy.special import rel_entr, softmax
from scipy.stats import entropy
from tiny_networks import network_of

from ropescope.errors import EvaluationError
from ropescope.network.loading.weights import Weights, load
from ropescope.network.rounding import rounded
from ropescope.quality import agreement
from ropescope.quality.agreement import Comparison, compared, over_texts, require_same_vocabulary
from ropescope.quality.texts import Text, held_out_texts
from ropescope.runs.job import run_job
from ropescope.runs.journal import Journal


def text_of(n_tokens: int) -> Text:
    ids = torch.randint(3, 96, (n_tokens,), generator=torch.Generator().manual_seed(3))
    return Text("own", "made", tuple(ids.tolist()))


def test_one_position_by_hand() -> None:
    """p = (1/2, 1/4, 1/4), q = (1/4, 1/2, 1/4), and the text goes on with the first: ln 2 and ln 4, KL ln 2/4; a draft
    from q is kept in 3/4, q's likeliest in 1/4, and it is not p's likeliest."""
    logits = [torch.log(torch.tensor([shares])) for shares in ([0.5, 0.25, 0.25], [0.25, 0.5, 0.25])]
    found = agreement._by_position(*logits, torch.tensor([0]))[0]
    assert found.tolist() == pytest.approx([log(2), log(4), log(2) / 4, 1.0, 0.75, 0.25, 0.0], abs=1e-6)


def test_how_long_a_draft_is_kept_by_hand() -> None:
    """From positions with chances 1, 1/2, 1/2: one token in 2/3 of them, two in the mean of 1/2 and 1/4, three in 1/4."""
    assert agreement._kept(torch.tensor([1.0, 0.5, 0.5]).double()) == pytest.approx((2 / 3, 3 / 8, 1 / 4))


@pytest.mark.parametrize("chunk", [60, 17])
@pytest.mark.parametrize("pair", [("llama", "gpt2"), ("gemma2", "granite")])
def test_divergence_flips_and_what_is_kept_are_those_of_the_models_logits(
    pair: tuple[str, str], chunk: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(agreement, "positions_at_once", lambda network: 7)
    monkeypatch.setattr(agreement, "default_chunk", lambda network: chunk)
    networks, text = [network_of(family, torch.float32) for family in pair], text_of(60)
    found = compared(*networks, text)
    with torch.inference_mode():
        p, q = (softmax(one(torch.tensor([text.tokens])).logits[0, :-1].double().numpy(), axis=-1) for one in networks)
    assert found.n_tokens == 59
    assert found.divergence == pytest.approx(rel_entr(p, q).sum(axis=-1).mean(), rel=1e-4)
    assert found.divergence == pytest.approx(entropy(p, q, axis=-1).mean(), rel=1e-4)
    assert found.kept["sampled"][0] == pytest.approx(np.minimum(p, q).sum(axis=-1).mean(), rel=1e-5)
    assert found.kept["top"][0] == pytest.approx(p[np.arange(59), q.argmax(axis=-1)].mean(), rel=1e-5)
    assert found.flips == (p.argmax(axis=-1) != q.argmax(axis=-1)).mean() == pytest.approx(1 - found.kept["greedy"][0])


@pytest.fixture(scope="module")
def tiny(tiny_folder_with_tokenizer: Path) -> Weights:
    return load(tiny_folder_with_tokenizer, dtype="float32", device="cpu")


def test_the_same_weights_differ_by_nothing_at_all(tiny: Weights, tiny_folder_with_tokenizer: Path) -> None:
    again = load(tiny_folder_with_tokenizer, dtype="float32", device="cpu")
    found = compared(tiny.network, again.network, held_out_texts(tiny.tokenizer, 64, 1)[0])
    assert (found.divergence, found.flips, found.added_loss) == (0.0, 0.0, 0.0)
    assert {*found.kept["sampled"], *found.kept["greedy"]} == {1.0}
    assert found.kept["top"][0] < 1  # the likeliest token is not always the one that is drawn


def test_a_job_resumes_and_its_interval_is_over_texts(tiny: Weights, tmp_path: Path) -> None:
    texts = held_out_texts(tiny.tokenizer, 48, 2)
    job = Comparison(tiny, rounded(tiny, "2 bits", dtype="float32"), texts)
    journal = Journal(job.identity, tmp_path)
    half = Comparison(job.reference, job.other, texts[:3])
    for piece in half.pieces:
        journal.keep(piece.name, job.do(piece))
    assert job.result(journal).partial
    found = run_job(job, journal, resume=True).result
    assert not found.partial and len(found.texts) == 6
    divergence = found.mean("divergence")
    assert divergence.low is not None and divergence.high is not None
    assert 0 < divergence.low < divergence.value < divergence.high
    assert divergence.value == pytest.approx(np.mean([text.divergence for text in found.texts]))
    assert found.mean("divergence", "prose").n == 2


def test_one_text_has_no_interval_and_equal_ones_a_narrow_one() -> None:
    assert over_texts([0.3]).low is None
    assert over_texts([0.0] * 5) == agreement.Interval(0.0, 0.0, 0.0, 5)


def test_other_vocabularies_are_refused(tiny: Weights) -> None:
    class Other:
        def get_vocab(self) -> dict[str, int]:
            return {**tiny.tokenizer.get_vocab(), "<s>": 2, "</s>": 1}

    with pytest.raises(EvaluationError, match=r"id 1 is '<s>' in one and '</s>' in the other"):
        require_same_vocabulary(tiny, replace(tiny, tokenizer=Other()))


def test_padding_rows_are_refused_unless_they_are_allowed_and_then_count_for_nothing(tiny: Weights) -> None:
    import copy

    wider: Any = copy.deepcopy(tiny.network)
    wider.resize_token_embeddings(320, mean_resizing=False)
    padded = replace(tiny, network=wider)
    with pytest.raises(EvaluationError, match="they predict 300 and 320 tokens"):
        require_same_vocabulary(tiny, padded)
    require_same_vocabulary(tiny, padded, padding=True)
    found = compared(tiny.network, wider, held_out_texts(tiny.tokenizer, 32, 1)[0])
    assert found.divergence == pytest.approx(0, abs=1e-6) and found.kept["sampled"][0] == pytest.approx(1, abs=1e-6)


@pytest.mark.weights
@pytest.mark.long
def test_on_real_weights_coarser_copies_agree_less() -> None:
    """Llama-2-7B and Llama-3-8B lose 0.0004 and 0.0014 nats in Q8_0."""
    original = load("smollm2", dtype="float32", device="cpu")
    text = held_out_texts(original.tokenizer, 64, 1)[0]
    fine, coarse = (
        compared(original.network, rounded(original, name, dtype="float32").network, text)
        for name in ("Q8_0", "2 bits")
    )
    assert 0.0003 < fine.divergence < 0.006 and 0.95 < fine.kept["sampled"][0] < 1
    assert coarse.divergence > 3 and coarse.kept["sampled"][0] < 0.2
