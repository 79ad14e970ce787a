"""A planned cache computes what full attention under explicit masks computes, whatever the family and the pieces."""

from __future__ import annotations

import warnings
from dataclasses import replace
from typing import Any

import pytest
import torch
from long_matrix import in_brief
from planned_models import explicit_masks, logits_in_pieces, ragged_plan, tiny
from tiny_models import build, carries_states, tokens
from transformers import DynamicCache

from ropescope.compress.plan.kv_plan import LayerPlan
from ropescope.errors import PlanError
from ropescope.network.states import KEPT_IN_CACHES

FAMILIES = in_brief(
    ["llama", "qwen3", "gemma", "phi3", "mixtral", "cohere", "granite", "stablelm", "gpt_neox", "gpt2", "opt",
     "gemma3_text", "gemma2", "gpt_oss", "qwen2", pytest.param("lfm2", marks=carries_states)],
    ("llama", "gpt_neox", "gpt2", "gemma3_text", "gpt_oss", "lfm2"),
)  # fmt: skip
N, PROMPT = 52, 32


def families_in(*ways: list[int]) -> list[Any]:
    """Every family with its tokens in each of the ways; one by one, in the default run, one family for each kind of layer."""
    rows = []
    for row in FAMILIES:
        (family,) = row.values
        for pieces in ways:
            further = len(pieces) > N // 2 and family not in ("llama", "gemma3_text", "gpt_oss")
            marks = (*row.marks, *((pytest.mark.long,) if further else ()))
            rows.append(pytest.param(family, pieces, marks=marks, id=f"{family}-{len(pieces)}-from-{pieces[0]}"))
    return rows


def close(found: torch.Tensor, expected: torch.Tensor) -> None:
    """Logits are of order 1 … 10."""
    assert (found - expected).abs().max() < 1e-5 * max(1.0, float(expected.abs().max()))


@pytest.mark.parametrize("attention", ["sdpa", "eager"])
@pytest.mark.parametrize("family", FAMILIES)
def test_full_prefill_then_windows(family: str, attention: str) -> None:
    if attention == "sdpa" and family in ("gemma2", "gpt_oss"):
        pytest.skip("transformers has no SDPA for soft-caps and sink logits")
    network = build(tiny(family), attention=attention)
    plan, ids = ragged_plan(network, length=N), tokens(N)
    for pieces in ([PROMPT, *[1] * (N - PROMPT)], [PROMPT, 1, 1, 13, 1, 4]):
        with explicit_masks(network, plan, pieces), torch.no_grad():
            expected = network(ids, use_cache=False).logits
        close(logits_in_pieces(network, ids, plan.cache(network), pieces), expected)


@pytest.mark.parametrize(
    ("family", "pieces"),
    families_in([PROMPT, *[1] * (N - PROMPT)], [PROMPT, 1, 1, 13, 1, 4], [3, *[1] * (N - 3)], [5, 40, 7]),
)
def test_picks_are_what_the_last_queries_attend_to(family: str, pieces: list[int]) -> None:
    network = build(tiny(family))
    plan, ids = ragged_plan(network, length=N, seed=4, most_picks=12), tokens(N)
    with explicit_masks(network, plan, pieces), torch.no_grad():
        expected = network(ids, use_cache=False).logits
    close(logits_in_pieces(network, ids, plan.cache(network), pieces), expected)


@pytest.mark.parametrize(("family", "pieces"), families_in([N], [1] * N, [2, 20, 1, 1, 28], [36, 16]))
def test_windows_hold_in_whatever_pieces_a_sequence_comes(family: str, pieces: list[int]) -> None:
    if family == "lfm2" and len(pieces) == N:
        pieces = [4, *[1] * (N - 4)]  # transformers pads its convolution at the start of a sequence of one token
    network = build(tiny(family))
    plan, ids = ragged_plan(network, length=N, seed=1), tokens(N)
    with explicit_masks(network, plan), torch.no_grad():
        expected = network(ids, use_cache=False).logits
    close(logits_in_pieces(network, ids, plan.cache(network, prefill="windowed"), pieces), expected)


@carries_states
@pytest.mark.parametrize("family", ["jamba", "qwen3_next", "lfm2"])
def test_hybrids_are_planned_around(family: str) -> None:
    network = build(tiny(family))
    plan, ids = ragged_plan(network, length=N), tokens(N)
    attending = tiny(family).layers
    assert tuple(layer.index for layer in plan.planned_layers) == attending
    with explicit_masks(network, plan, [PROMPT]), torch.no_grad():
        cache, found = DynamicCache(config=network.config), []
        found.append(network(ids[:, :PROMPT], past_key_values=cache, use_cache=True).logits)
    planned = plan.cache(network)
    close(logits_in_pieces(network, ids[:, :PROMPT], planned, [PROMPT]), found[0])
    # The state of the other layers goes on as it does in transformers' own cache.
    whole = ragged_plan(network, length=N, even=N - 3).cache(network)
    own = logits_in_pieces(network, ids, DynamicCache(config=network.config), [PROMPT, *[1] * (N - PROMPT)])
    close(logits_in_pieces(network, ids, whole, [PROMPT, *[1] * (N - PROMPT)]), own)


def test_bytes_held_are_those_of_the_plan() -> None:
    network = build(tiny("llama"), attention="sdpa")
    plan = ragged_plan(network, length=400, sinks=4, seed=3)
    ids, cache = tokens(400), plan.cache(network)
    for piece in (360, *[1] * 40):
        with torch.no_grad():
            network(ids[:, :piece], past_key_values=cache)
        planned, held = plan.bytes_at(cache.get_seq_length()), cache.held_bytes()
        assert planned <= held <= 1.02 * planned
    assert cache.get_seq_length() == 400
    full = DynamicCache(config=network.config)
    with torch.no_grad():
        network(ids, past_key_values=full)
    whole = sum(layer.keys.nbytes + layer.values.nbytes for layer in full.layers)
    assert plan.bytes_before == whole
    assert cache.held_bytes() < 0.7 * whole


def test_bytes_of_windows_and_states_together() -> None:
    network = build(tiny("gemma3_text"), attention="sdpa")
    plan = ragged_plan(network, length=60)
    cache = plan.cache(network)
    with torch.no_grad():
        network(tokens(60), past_key_values=cache)
    sliding = sum(layer.keys.nbytes + layer.values.nbytes for layer in cache.layers[:2])
    assert sliding + cache.layers[2].held_bytes() == plan.bytes_after


@pytest.mark.parametrize(
    ("family", "prefill"), [("llama", "full"), ("llama", "windowed"), ("gpt_oss", "full"), ("gemma3_text", "full")]
)
def test_rows_padded_on_the_left_are_as_if_alone(family: str, prefill: str) -> None:
    network = build(tiny(family))
    plan = ragged_plan(network, length=N, seed=5, most_picks=9 if prefill == "full" else 0)
    ids, padding = tokens(3 * N).view(3, N), (0, 7, 25)
    mask = torch.ones(3, N, dtype=torch.long)
    for row, pads in enumerate(padding):
        mask[row, :pads] = 0
    positions = (mask.cumsum(1) - 1).clamp(min=0)
    for pieces in ([PROMPT, *[1] * (N - PROMPT)], [PROMPT, 8, 1, 11]):
        cache, found, start = plan.cache(network, prefill=prefill), [], 0
        with torch.no_grad():
            for size in pieces:
                stop = start + size
                found.append(
                    network(
                        ids[:, start:stop], attention_mask=mask[:, :stop], position_ids=positions[:, start:stop],
                        past_key_values=cache,
                    ).logits
                )  # fmt: skip
                start = stop
        together = torch.cat(found, dim=1)
        for row, pads in enumerate(padding):
            alone = plan.cache(network, prefill=prefill)
            first = [pieces[0] - pads, *pieces[1:]]
            close(together[row, pads:], logits_in_pieces(network, ids[row : row + 1, pads:], alone, first)[0])


def generated(network: object, ids: torch.Tensor, **options: object) -> list[list[int]]:
    settings = {"max_new_tokens": 16, "do_sample": False, "pad_token_id": 0, "eos_token_id": None, **options}
    return network.generate(ids, **settings).tolist()  # type: ignore[attr-defined, no-any-return]


@pytest.mark.skipif(KEPT_IN_CACHES, reason="this transformers carries states, which the test above holds it to")
def test_hybrids_are_refused_where_caches_carry_no_states() -> None:
    network = build(tiny("lfm2"))
    with pytest.raises(PlanError, match=r"Layer 0 of lfm2 keeps a state \(convolution\).* install 5\.18 or newer"):
        ragged_plan(network, length=N).cache(network)


@pytest.mark.parametrize(
    "family",
    ["llama", "gemma3_text", pytest.param("lfm2", marks=carries_states), pytest.param("jamba", marks=carries_states)],
)
def test_generate_with_windows_that_cover_everything(family: str) -> None:
    network = build(tiny(family), attention="sdpa")
    plan, ids = ragged_plan(network, length=N, even=N - 3), tokens(PROMPT)
    assert generated(network, ids, past_key_values=plan.cache(network)) == generated(network, ids)


def test_generate_by_beams_in_batches_and_in_chunks() -> None:
    network = build(tiny("llama"), attention="sdpa")
    plan = ragged_plan(network, length=N, even=N - 3)
    ids, mask = tokens(2 * PROMPT).view(2, PROMPT), torch.ones(2, PROMPT, dtype=torch.long)
    mask[1, :9] = 0
    for options in (
        {"num_beams": 3},
        {"prefill_chunk_size": 16},
        {"attention_mask": mask},
        {"num_return_sequences": 1},
    ):
        assert generated(network, ids, past_key_values=plan.cache(network), **options) == generated(
            network, ids, **options
        )


def test_generate_is_what_explicit_masks_generate() -> None:
    network = build(tiny("llama"), attention="sdpa")
    plan, ids = ragged_plan(network, length=N, seed=9), tokens(PROMPT)
    expected = ids
    for _ in range(12):
        with explicit_masks(network, plan, [PROMPT, *[1] * 12]), torch.no_grad():
            expected = torch.cat([expected, network(expected, use_cache=False).logits[:, -1:].argmax(-1)], dim=1)
    assert generated(network, ids, max_new_tokens=12, past_key_values=plan.cache(network)) == expected.tolist()
    with plan.applied(network):
        assert generated(network, ids, max_new_tokens=12) == expected.tolist()
    assert generated(network, ids, max_new_tokens=12) != expected.tolist()


def test_nothing_is_changed_on_the_model() -> None:
    network = build(tiny("llama"), attention="sdpa")
    plan, ids = ragged_plan(network, length=N), tokens(20)
    cache = plan.cache(network)
    with torch.no_grad():
        network(ids, past_key_values=cache)
        with pytest.raises(PlanError, match="plan for a longer sequence"):
            network(tokens(N), past_key_values=cache)
        own = network(ids).past_key_values
    assert type(own) is DynamicCache
    assert network.config._attn_implementation == "sdpa"
    assert not any(module._forward_pre_hooks or module._forward_hooks for module in network.modules())


def test_a_cache_can_be_emptied_and_used_again() -> None:
    network = build(tiny("llama"))
    plan, ids = ragged_plan(network, length=N), tokens(N)
    cache = plan.cache(network)
    first = logits_in_pieces(network, ids, cache, [PROMPT, N - PROMPT])
    cache.reset()
    assert cache.get_seq_length() == 0
    assert torch.equal(logits_in_pieces(network, ids, cache, [PROMPT, N - PROMPT]), first)


def test_what_cannot_be_carried_out_is_said() -> None:
    llama, other = build(tiny("llama")), build(tiny("qwen3"), seed=1)
    plan, ids = ragged_plan(llama, length=N), tokens(20)
    with pytest.raises(PlanError, match="made for another model"), torch.no_grad():
        other(ids, past_key_values=plan.cache(llama))
    with pytest.raises(PlanError, match=r"torch\.no_grad"):
        llama(ids, past_key_values=plan.cache(llama))
    with pytest.raises(PlanError, match="attention code of its own"):
        plan.cache(build(tiny("bloom")))
    with pytest.raises(PlanError, match=r"3 layers, and .* keeps 4"):
        plan.cache(build(tiny("jamba")))
    with pytest.raises(PlanError, match="layer 0 of Gemma3ForCausalLM keeps a DynamicSlidingWindowLayer"):
        plan.cache(build(tiny("gemma3_text")))
    multi, differential = (build(tiny(name)) for name in ("gpt2", "diffllama"))
    with pytest.raises(PlanError, match="4 KV heads and the plan 2"), torch.no_grad():
        multi(ids, past_key_values=plan.cache(multi))
    with pytest.raises(PlanError, match=r"changes its keys|attention code of its own"), torch.no_grad():
        differential(ids, past_key_values=ragged_plan(differential, length=N).cache(differential))
    with pytest.raises(PlanError, match="draft model"):
        plan.cache(llama).crop(-1)


def test_padding_that_would_leave_holes_is_refused() -> None:
    network = build(tiny("llama"))
    plan, ids = ragged_plan(network, length=N), tokens(40).view(2, 20)
    mask = torch.ones(2, 20, dtype=torch.long)
    mask[0, 15:] = 0
    with torch.no_grad():
        with pytest.raises(PlanError, match="on the left only"):
            network(ids, attention_mask=mask, past_key_values=plan.cache(network))
        mask[0] = 0
        with pytest.raises(PlanError, match="padding only"):
            network(ids, attention_mask=mask, past_key_values=plan.cache(network))
        narrow = torch.ones(2, 1, 20, 19, dtype=torch.bool)
        with pytest.raises(PlanError, match="takes an attention mask"):
            network(ids, attention_mask=narrow, past_key_values=plan.cache(network))


def grown(layer: LayerPlan, before: int, after: int) -> LayerPlan:
    """Heads that keep everything of a shorter sequence keep everything of a longer one."""
    ends = [keep == before for keep in layer.kept]
    windows = tuple(after if end else window for end, window in zip(ends, layer.windows, strict=True))
    picks = tuple(0 if end else pick for end, pick in zip(ends, layer.picks, strict=True))
    return replace(layer, windows=windows, picks=picks)


@pytest.mark.parametrize("padded", [0, 7])
def test_an_answer_grows_beyond_the_plan_and_a_prompt_is_refused(padded: int) -> None:
    network, ids, planned = build(tiny("llama"), attention="sdpa"), tokens(N), 40
    plan = ragged_plan(network, length=planned, seed=6, most_picks=5)
    plan = replace(plan, layers=(replace(plan.layers[0], windows=(planned - 3 - 4, 5), picks=(4, 3)), *plan.layers[1:]))
    beyond = replace(plan, length=N, layers=tuple(grown(layer, planned - 3, N - 3) for layer in plan.layers))
    pieces = [30, *[1] * (N - 30)]
    with explicit_masks(network, beyond, pieces), torch.no_grad():
        expected = network(ids, use_cache=False).logits
    cache, found, at = plan.cache(network), [], 0
    mask = torch.ones(2, padded + N, dtype=torch.long)
    mask[1, :padded] = 0
    both = torch.cat([tokens(padded + N, seed=8), torch.cat([tokens(N)[:, :padded], ids], dim=1)])
    with torch.no_grad(), warnings.catch_warnings(record=True) as warned:
        for piece in both.split([padded + 30, *pieces[1:]], dim=1):
            at += piece.shape[1]
            found.append(network(piece, attention_mask=mask[:, :at], past_key_values=cache).logits)
    assert [str(entry.message)[:48] for entry in warned] == ["The sequence has grown beyond the 40 tokens of i"]
    close(torch.cat(found, dim=1)[1, padded:], expected[0])
    with pytest.raises(PlanError, match="plan for a longer sequence"), torch.no_grad():
        network(ids[:, :41], past_key_values=plan.cache(network))
    with pytest.warns(UserWarning, match="go on to do so"):
        assert len(generated(network, ids[:, :30], past_key_values=plan.cache(network))[0]) == 46
