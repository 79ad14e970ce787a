"""A quantised planned cache keeps the same tokens in the same places, each rounded by its own scale, in the bytes planned."""

from __future__ import annotations

import builtins
import copy
import math
from typing import Any

import pytest
import torch
from planned_models import logits_in_pieces, ragged_plan, tiny
from tiny_models import build, tokens

from ropescope.compress.cache.heads import HeadStore
from ropescope.compress.cache.quantized import QuantizedStore
from ropescope.compress.plan.kv_plan import KVPlan
from ropescope.compress.plan.planning import plan_uniform
from ropescope.compress.plan.report import plan_report
from ropescope.compress.plan.storage import Storage
from ropescope.compress.plan.target import Target
from ropescope.errors import FormatError, MissingExtraError, PlanError
from ropescope.models.opening import open as open_model

N, PROMPT = 52, 32


class Lossless:
    """Stands for the quantisation where only the places of tokens are looked at."""

    def _quantize(self, states: torch.Tensor, axis: int) -> torch.Tensor:
        assert axis == 0 and states.is_contiguous()
        return states.clone()

    def _dequantize(self, states: torch.Tensor) -> torch.Tensor:
        return states.clone()


@pytest.fixture
def lossless(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(QuantizedStore, "_quantizer", lambda self, dim: Lossless())


def rounded(states: torch.Tensor, bits: int) -> torch.Tensor:
    """Each group of a token's numbers on 2^bits even steps from its least to its greatest."""
    groups = states.unflatten(-1, (-1, math.gcd(states.shape[-1], 64)))
    least, greatest = groups.amin(-1, keepdim=True), groups.amax(-1, keepdim=True)
    step = (greatest - least) / (2**bits - 1)
    return (((groups - least) / step).round() * step + least).flatten(-2)


@pytest.mark.parametrize(
    ("bits", "dim", "sinks", "window", "picks"), [(4, 64, 3, 20, 0), (2, 128, 4, 9, 12), (4, 48, 0, 40, 0)]
)
def test_every_slot_is_exact_or_rounded_by_its_own_scale(
    bits: int, dim: int, sinks: int, window: int, picks: int
) -> None:
    heads, storage = (0, 2), Storage(bits, newest=7)
    whole, store = HeadStore(heads, sinks, window, picks), QuantizedStore(heads, sinks, window, picks, storage)
    generator = torch.Generator().manual_seed(dim)
    seen, exact_ones = 0, set()
    for new in (11, *[1] * 60, 5, *[1] * 12):
        keys, values = (torch.randn(2, 3, new, dim, generator=generator) for _ in range(2))
        scores = torch.rand(2, 2, (0 if whole.keys is None else whole.keys.shape[2]) + new, generator=generator)
        for one in (whole, store):
            one.write(keys, values, seen, None, scores if picks else None)
        seen += new
        exact_slots = 0
        for found, expected in zip(store.held(), whole.held(), strict=True):
            filled = min(seen, whole.full_slots)
            found, expected = found[:, :, :filled], expected[:, :, :filled]
            exact = (found - expected).abs().amax(dim=(0, 1, 3)) < 1e-6
            close = (found - rounded(expected, bits)).abs().amax(dim=(0, 1, 3)) < 1e-4
            assert bool((exact | close).all())
            exact_slots = int(exact.sum())
        exact_ones.add(exact_slots)
    # After a single token the newest are exact, up to seven and a quarter of the window; after a longer pass none is.
    assert exact_ones == set(range({20: 6, 9: 3, 40: 8}[window]))


def quantised(bits: int) -> tuple[torch.Tensor, Any]:
    """States, and what a store made of them: an odd number of groups, so that the last byte is not full."""
    states = torch.randn(1, 3, 5, 64, generator=torch.Generator().manual_seed(bits))
    store = QuantizedStore((0, 1, 2), 2, 6, 0, Storage(bits, newest=1))
    store.write(states, states, 0, None)
    return states, store


@pytest.mark.parametrize("bits", [4, 2])
def test_nothing_is_compiled(bits: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """quanto would, for a minute, and where there is no compiler it fails."""
    pytest.importorskip("optimum.quanto")
    from optimum.quanto.library.extensions import extension, get_extension

    def compiles(*_: Any, **__: Any) -> None:
        raise OSError("no compiler")

    monkeypatch.setattr(get_extension("quanto_cpp"), "_lib", None)
    monkeypatch.setattr(extension, "load", compiles)
    states, store = quantised(bits)
    assert (store.held()[0] - rounded(states, bits)).abs().max() < 1e-5
    numbers = store._packed[0]._data
    with pytest.raises(OSError, match="no compiler"):
        type(numbers).unpack(numbers)


@pytest.mark.long  # the first time in an environment, a minute of compiling
@pytest.mark.parametrize("bits", [4, 2])
def test_numbers_are_those_that_quanto_unpacks(bits: int) -> None:
    pytest.importorskip("optimum.quanto")
    numbers = quantised(bits)[1]._packed[0]._data
    assert torch.equal(numbers.unpack(), type(numbers).unpack(numbers))


@pytest.mark.usefixtures("lossless")
@pytest.mark.parametrize(
    ("family", "pieces"),
    [
        pytest.param("llama", [N], id="llama-one"),
        pytest.param("llama", [1] * N, id="llama-each"),
        *(
            pytest.param(family, [12, 1, 1, 14, *[1] * 16, 4, 1, 1, 1, 1], id=f"{family}-mixed")
            for family in ("llama", "gpt_oss", "gemma3_text")
        ),
    ],
)
def test_tokens_lie_where_they_lie_unquantised(family: str, pieces: list[int]) -> None:
    network, ids = build(tiny(family)), tokens(N)
    for plan, prefill in (
        (ragged_plan(network, length=N, seed=1), "windowed"),
        (ragged_plan(network, length=N, seed=2, most_picks=20), "full"),
    ):
        expected = logits_in_pieces(network, ids, plan.cache(network, prefill=prefill), pieces)  # type: ignore[arg-type]
        cache = plan.quantized(4, newest=6).cache(network, prefill=prefill)  # type: ignore[arg-type]
        assert torch.allclose(logits_in_pieces(network, ids, cache, pieces), expected, atol=1e-5)


@pytest.mark.usefixtures("lossless")
def test_padding_beams_and_batches() -> None:
    network = build(tiny("llama"), attention="sdpa")
    plan = ragged_plan(network, length=N, seed=4, most_picks=10)
    ids, mask = tokens(2 * PROMPT).view(2, PROMPT), torch.ones(2, PROMPT, dtype=torch.long)
    mask[1, :15] = 0
    settings = {"max_new_tokens": 16, "do_sample": False, "pad_token_id": 0, "eos_token_id": None}
    for options in ({"attention_mask": mask}, {"num_beams": 3}, {"prefill_chunk_size": 16}):
        expected = network.generate(ids, past_key_values=plan.cache(network), **settings, **options)
        found = network.generate(ids, past_key_values=plan.cache(network, quantized=4), **settings, **options)
        assert torch.equal(found, expected)
    cache = plan.cache(network, quantized=4)
    first = network.generate(ids, past_key_values=cache, **settings)
    cache.reset()
    assert torch.equal(network.generate(ids, past_key_values=cache, **settings), first)


@pytest.mark.parametrize(("bits", "dtype"), [(4, torch.float32), (2, torch.bfloat16)])
def test_bytes_held_are_those_of_the_plan(bits: int, dtype: torch.dtype) -> None:
    network = build(tiny("llama"), attention="sdpa").to(dtype)
    model = open_model(network.config.to_dict())
    kind = {torch.float32: "f32", torch.bfloat16: "bf16"}[dtype]
    plan = plan_uniform(model, Target(budget_share=0.5), length=900, cache_type=kind)
    small, ids = plan.quantized(bits), tokens(900)
    cache = small.cache(network)
    for piece in (600, *[1] * 70):
        with torch.no_grad():
            network(ids[:, :piece], past_key_values=cache)
        planned = small.bytes_at(cache.get_seq_length())
        assert planned <= cache.held_bytes() <= 1.02 * planned
    # One scale and one offset for eight numbers of these tiny heads; 64 tokens of 446 stay whole.
    number = torch.finfo(dtype).bits / 8
    token = 8 * bits / 8 + 2 * number
    window = plan.planned_layers[0].windows[0]
    assert small.bytes_after == 3 * 2 * 2 * ((4 + window) * token + 64 * 8 * number)
    assert plan.bytes_after == 3 * 2 * 2 * (4 + window) * 8 * number


def test_four_bits_cost_little_and_two_bits_more() -> None:
    network, ids = build(tiny("llama")), tokens(N)
    plan = ragged_plan(network, length=N, seed=6)
    pieces = [PROMPT, *[1] * (N - PROMPT)]
    expected = logits_in_pieces(network, ids, plan.cache(network), pieces)[:, PROMPT + 1 :]
    errors = []
    for bits in (4, 2):
        cache = plan.quantized(bits, newest=8).cache(network)
        found = logits_in_pieces(network, ids, cache, pieces)[:, PROMPT + 1 :]
        errors.append(float((found - expected).norm() / expected.norm()))
    assert 1e-4 < errors[0] < 0.15 < errors[1] < 1


def test_a_plan_remembers_its_storage(tmp_path: Any) -> None:
    plan = ragged_plan(build(tiny("llama")), length=N).quantized(2, newest=16)
    loaded = KVPlan.load(plan.save(tmp_path / "plan.json"))
    assert loaded == plan and loaded.storage == Storage(2, 16)
    with pytest.raises(FormatError, match="damaged"):
        KVPlan.from_dict({**plan.to_dict(), "storage": {"bits": 3, "newest": 16}})
    with pytest.raises(FormatError, match="bytes do not follow"):
        KVPlan.from_dict({**plan.to_dict(), "storage": None})


def test_what_cannot_be_quantised_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    network = build(tiny("llama"))
    plan = ragged_plan(network, length=N)
    for bits in (8, 3, 0):
        with pytest.raises(PlanError, match="4 or 2"):
            plan.cache(network, quantized=bits)
    with pytest.raises(PlanError, match="at least one token"):
        plan.quantized(4, newest=0)
    model = open_model(network.config.to_dict())
    with pytest.raises(PlanError, match="quantised already"):
        plan_uniform(model, Target(budget_share=0.5), length=N, cache_type="fp8").quantized(4)
    odd = open_model({**network.config.to_dict(), "head_dim": 12})
    with pytest.raises(PlanError, match="groups of 8"):
        plan_uniform(odd, Target(budget_share=0.5), length=N).quantized(4)

    real = builtins.__import__

    def without_quanto(name: str, *rest: Any, **more: Any) -> Any:
        if name.startswith("optimum"):
            raise ImportError("no module named optimum")
        return real(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", without_quanto)
    with pytest.raises(MissingExtraError, match=r"ropescope\[quantized\]"):
        logits_in_pieces(network, tokens(20), plan.cache(network, quantized=4), [20])


def test_the_report_says_how_a_plan_is_stored() -> None:
    plan = ragged_plan(build(tiny("llama")), length=N)
    (fact,) = (fact for fact in plan_report(plan.quantized(4)).facts if fact.name == "cache with the plan")
    assert fact.value == plan.quantized(4).bytes_after < plan.bytes_after
    assert "quantised to 4 bits but for up to 64" in str(fact.source)
    assert "bits" not in str(next(f for f in plan_report(plan).facts if f.name == "cache with the plan").source)


def test_a_quantised_prefix_is_copied_and_used_again() -> None:
    pytest.importorskip("optimum.quanto")
    network = build(tiny("llama"))
    plan, ids = ragged_plan(network, length=N, even=30, most_picks=6).quantized(4, newest=5), tokens(N)
    cache = plan.cache(network)
    logits_in_pieces(network, ids[:, :PROMPT], cache, [PROMPT])
    copied = copy.deepcopy(cache)
    found, again = (logits_in_pieces(network, ids[:, PROMPT:], each, [1] * (N - PROMPT)) for each in (cache, copied))
    assert torch.equal(found, again)
