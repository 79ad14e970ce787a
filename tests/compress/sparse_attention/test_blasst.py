"""Blocks are skipped exactly by the rule, nothing is lost without a threshold, and what is lost with one is bounded."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from long_matrix import in_brief
from planned_models import tiny
from tiny_models import build, tokens

from ropescope.compress import blasst, calibrate_blasst
from ropescope.compress.cache.attend import Scoring
from ropescope.compress.sparse_attention.attention import NONE, Blocks, attend_in_blocks
from ropescope.errors import PlanError

FAMILIES = (
    "llama", "qwen3", "gemma", "phi3", "mixtral", "cohere", "granite", "stablelm", "gpt_neox", "gpt2", "opt",
    "gemma3_text", "gemma2", "gpt_oss", "qwen2", "lfm2", "deepseek_v2",
)  # fmt: skip
N = 72


def in_pieces(network: Any, ids: torch.Tensor, pieces: list[int]) -> torch.Tensor:
    """The logits of `ids` [1, N], fed in pieces of these lengths to the cache that the model itself makes."""
    cache, logits = None, []
    with torch.no_grad():
        for piece in ids.split(pieces, dim=1):
            output = network(piece, past_key_values=cache, use_cache=True)
            cache = output.past_key_values
            logits.append(output.logits)
    return torch.cat(logits, dim=1)


def written_out(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, mask: torch.Tensor, scoring: Scoring, blocks: Blocks
) -> tuple[torch.Tensor, tuple[int, int]]:
    """The rule as the paper has it, row by row and block by block, and a plain softmax over what is left."""
    group, n_queries, n_keys = query.shape[1] // key.shape[1], query.shape[2], key.shape[2]
    key, value = key.repeat_interleave(group, 1), value.repeat_interleave(group, 1)
    scores = query @ key.transpose(2, 3) * scoring.scale
    if scoring.softcap is not None:
        scores = scoring.softcap * torch.tanh(scores / scoring.softcap)
    scores = torch.where(mask.expand_as(scores), scores, NONE)
    visible = skipped = 0
    for of_head in scores.flatten(0, 1):
        for first in range(0, n_queries, blocks.queries):
            running = [NONE] * n_queries
            for start in range(0, n_keys, blocks.keys):
                tile = of_head[first : first + blocks.queries, start : start + blocks.keys]
                best = tile.amax(dim=1).tolist()
                if max(best) == NONE:
                    continue
                visible += 1
                if all(
                    own < seen + blocks.log_threshold or own == NONE for own, seen in zip(best, running, strict=False)
                ):
                    skipped += 1
                    tile.fill_(NONE)
                else:
                    running = [max(own, seen) for own, seen in zip(best, running, strict=False)]
    if scoring.sinks is not None:
        scores = torch.cat([scores, scoring.sinks.view(1, -1, 1, 1).expand(*scores.shape[:3], 1)], dim=-1)
    weights = scores.softmax(dim=-1).nan_to_num(0.0)[..., :n_keys]  # a row that sees nothing has no weights
    return weights @ value, (visible, skipped)


@pytest.mark.parametrize("kind", ["causal", "padded", "sliding", "added"])
@pytest.mark.parametrize(("n_queries", "threshold"), [(1, 0.4), (9, 1.0), (50, 0.02), (64, 0.4), (64, 0.0)])
def test_blocks_are_skipped_as_the_rule_says(kind: str, n_queries: int, threshold: float) -> None:
    generator = torch.Generator().manual_seed(n_queries)
    n_keys = 64
    query, key, value = (
        torch.randn(2, heads, n, 8, generator=generator) for heads, n in ((4, n_queries), (2, n_keys), (2, n_keys))
    )
    place, token = torch.arange(n_keys - n_queries, n_keys)[:, None], torch.arange(n_keys)
    mask = (token <= place)[None, None]
    if kind == "sliding":
        mask = mask & (place - token < 13)
    if kind == "padded":
        mask = mask & (token >= torch.tensor([0, 20])[:, None, None, None])
    for softcap, sinks in ((None, None), (3.0, torch.randn(4, generator=generator))):
        scoring = Scoring(1.0, softcap, sinks)
        for blocks in (Blocks(math.log(threshold) if threshold else NONE, 8, 10), Blocks(-1.5, 128, 16)):
            expected, counts = written_out(query, key, value, mask, scoring, blocks)
            passed = None if kind == "causal" else mask
            if kind == "added":
                passed = torch.where(mask, 0.0, torch.finfo(torch.float32).min)
                passed = passed.masked_fill(~mask, NONE)
            output, found = attend_in_blocks(query, key, value, passed, True, scoring, blocks)
            assert (output - expected).abs().max() < 1e-5
            assert tuple(found.tolist()) == counts
            if blocks.queries == 8 and threshold >= 0.4 and kind != "sliding":
                assert 0 < counts[1] < counts[0]


@settings(max_examples=40, deadline=None)
@given(
    n_queries=st.integers(1, 40), more=st.integers(0, 40), spread=st.floats(0.1, 6), threshold=st.floats(1e-6, 1.0),
    keys=st.integers(1, 20), queries=st.integers(1, 20), seed=st.integers(0, 99),
)  # fmt: skip
def test_what_is_lost_is_less_than_the_threshold_times_the_keys_skipped(
    n_queries: int, more: int, spread: float, threshold: float, keys: int, queries: int, seed: int
) -> None:
    generator = torch.Generator().manual_seed(seed)
    n = n_queries + more
    query = spread * torch.randn(1, 2, n_queries, 4, generator=generator)
    key, value = torch.randn(1, 1, n, 4, generator=generator), torch.rand(1, 1, n, 3, generator=generator)
    whole, _ = attend_in_blocks(query, key, value, None, True, Scoring(0.5), Blocks())
    found, (visible, skipped) = attend_in_blocks(
        query, key, value, None, True, Scoring(0.5), Blocks(math.log(threshold), queries, keys)
    )
    left_out = threshold * n  # of what the kept keys hold, at most
    # Values lie between 0 and 1, and so do both the mean over the kept keys and the one over the skipped.
    assert (whole - found).abs().max() <= left_out / (1 + left_out) + 1e-5
    assert skipped < visible


@pytest.mark.parametrize(
    "family",
    in_brief(FAMILIES, ("llama", "gpt_neox", "gpt2", "gemma3_text", "gemma2", "gpt_oss", "lfm2", "deepseek_v2")),
)
def test_without_a_threshold_nothing_changes_in_whatever_pieces(family: str) -> None:
    network, ids = build(tiny(family)), tokens(N)
    with torch.no_grad():
        expected = network(ids, use_cache=False).logits
        bound = 1e-5 * max(1.0, float(expected.abs().max()))
        with blasst(network, threshold=0.0, tile_queries=16, block_keys=8) as run:
            whole = network(ids, use_cache=False).logits
            pieces = in_pieces(network, ids, [50, 1, 17, *[1] * 4])
    assert (whole - expected).abs().max() < bound
    # Not the whole at once: old versions of transformers lose the state of lfm2's convolutions between pieces.
    assert (pieces - in_pieces(network, ids, [50, 1, 17, *[1] * 4])).abs().max() < bound
    assert run.skipped() == 0.0 and run.pairs("prefill")[0] > 0 and run.pairs("decode")[0] > 0
    assert (network(ids, use_cache=False).logits - expected).abs().max() == 0, "the model is as before"


def test_batches_with_padding_and_generate() -> None:
    network = build(tiny("llama"))
    ids = torch.cat([tokens(40), tokens(40, seed=1)])
    mask = torch.ones_like(ids)
    mask[1, :23] = 0
    asked: dict[str, Any] = {"attention_mask": mask, "max_new_tokens": 12, "do_sample": False, "pad_token_id": 0}
    expected = network.generate(ids, **asked)
    with blasst(network, threshold=0.0, block_keys=8):
        assert torch.equal(network.generate(ids, **asked), expected)
    with blasst(network, threshold={"prefill": 0.0, "decode": 0.5}, block_keys=8) as run:
        network.generate(ids, **asked)
    assert run.skipped("prefill") == 0 and run.skipped("decode") > 0.05
    assert list(run.skipped_by_layer("decode")) == [0, 1, 2]
    visible, skipped = run.pairs("decode")
    shares = run.skipped_by_layer("decode").values()
    assert sum(shares) / 3 == pytest.approx(skipped / visible)  # every layer has as many pairs


def test_thresholds_fall_with_the_number_of_keys() -> None:
    network, ids = build(tiny("llama")), tokens(N)
    seen: list[tuple[str, int]] = []

    def watch(phase: str, keys: int) -> Any:
        seen.append((phase, keys))
        return lambda gaps: None

    with blasst(network, a=18, block_keys=8, watch=watch) as run, torch.no_grad():
        in_pieces(network, ids, [50, 1, 21])
    assert [run.thresholds.at(phase, keys) for phase, keys in seen[::3]] == pytest.approx([0.36, 18 / 51, 0.25])  # type: ignore[arg-type]
    assert run.thresholds.at("prefill", 2) == 1.0
    with blasst(network, threshold=18 / N, tile_queries=2, block_keys=8) as fixed, torch.no_grad():
        network(ids, use_cache=False)
    with blasst(network, a=18, tile_queries=2, block_keys=8) as scaled, torch.no_grad():
        network(ids, use_cache=False)
    assert fixed.pairs() == scaled.pairs() and fixed.skipped() > 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({}, "either a threshold"),
        ({"threshold": 0.1, "a": 3.0}, "either a threshold"),
        ({"threshold": 1.0}, "below 1"),
        ({"threshold": -0.1}, "below 1"),
        ({"a": math.inf}, "finite"),
        ({"a": {"prefill": 3.0}}, "both phases"),
        ({"threshold": 0.1, "block_keys": 0}, "at least one row"),
    ],
)
def test_what_cannot_be_is_refused(arguments: dict[str, Any], words: str) -> None:
    with pytest.raises(PlanError, match=words), blasst(build(tiny("llama")), **arguments):
        pass


def test_models_that_cannot_be_reached_and_training_are_refused() -> None:
    with pytest.raises(PlanError, match="attention code of its own"), blasst(build(tiny("bloom")), threshold=0.1):
        pass
    network = build(tiny("llama"))
    with blasst(network, threshold=0.1), pytest.raises(PlanError, match="inference"):
        network(tokens(9), use_cache=False)
    assert network(tokens(9), use_cache=False).logits.requires_grad


def test_calibration_finds_what_skips_the_share_asked_for() -> None:
    network = build(tiny("llama"))
    texts = [tokens(n, seed=n) for n in (90, 130, 200)]
    small: dict[str, int] = {"tile_queries": 4, "block_keys": 4}
    found = calibrate_blasst(network, texts, 0.4, decode_tokens=8, **small)
    assert {phase: one.wanted for phase, one in found.items()} == {"prefill": 0.4, "decode": 0.4}
    shares: dict[str, list[float]] = {"prefill": [], "decode": []}
    for text in texts:
        with blasst(network, a={phase: one.a for phase, one in found.items()}, **small) as run:
            in_pieces(network, text, [text.shape[1] - 8, *[1] * 8])
        for phase, values in shares.items():
            values.append(run.skipped(phase))  # type: ignore[arg-type]
    for phase, one in found.items():
        assert [text.skipped for text in one.texts] == shares[phase]
        assert sum(shares[phase]) / 3 == pytest.approx(one.skipped) == pytest.approx(0.4, abs=0.02)
        first, last = one.texts[0], one.texts[-1]
        assert [text.length for text in one.texts] == [90, 130, 200]
        assert one.slope is not None and first.threshold is not None and last.threshold is not None
        # The middle text pulls the least-squares line, so that the ends need not lie on it; they bound it all the same.
        rise = math.log(last.threshold / first.threshold) / math.log(last.length / first.length)
        assert abs(one.slope - rise) < 0.3


def test_calibration_of_one_text_is_its_own_quantile() -> None:
    network, text = build(tiny("qwen3")), tokens(120)
    found = calibrate_blasst(network, [text], 0.3, decode_tokens=4, tile_queries=4, block_keys=4)["prefill"]
    assert found.slope is None and found.texts[0].threshold is not None
    with blasst(network, threshold=found.texts[0].threshold, tile_queries=4, block_keys=4) as run, torch.no_grad():
        network(text[:, :116], use_cache=False)
    # The quantile of the counts at the threshold that is found is that threshold again, to a hundredth of a nat or two.
    assert run.skipped("prefill") == pytest.approx(0.3, abs=0.02)


def test_a_text_too_short_for_the_share_has_no_threshold_of_its_own() -> None:
    network = build(tiny("llama"))
    texts = [tokens(12), *(tokens(150, seed=seed) for seed in (1, 2, 3))]
    # Eight tokens in two tiles see three blocks, two of them first ones, which are never skipped.
    found = calibrate_blasst(network, texts, 0.35, decode_tokens=4, tile_queries=4, block_keys=4)["prefill"]
    assert found.texts[0].threshold is None and found.texts[1].threshold is not None
    assert found.slope is None and found.skipped == pytest.approx(0.35, abs=0.03)


@pytest.mark.parametrize(
    ("skip", "length", "words"),
    [(0.0, 300, "between 0 and 1"), (1.0, 300, "between 0 and 1"), (0.5, 20, "at least"), (0.99, 300, "No threshold")],
)
def test_calibration_refuses_what_cannot_be_reached(skip: float, length: int, words: str) -> None:
    with pytest.raises(PlanError, match=words):
        calibrate_blasst(build(tiny("llama")), [tokens(length)], skip, decode_tokens=8, tile_queries=64, block_keys=64)
