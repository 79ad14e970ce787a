"""Leaky ReRoPE on networks: against attention written out over every pair of tokens, from states before they are turned."""

from __future__ import annotations

import importlib
import math
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import tiny_models
import torch
import transformers
from long_matrix import in_brief
from packaging.version import Version
from planned_models import logits_in_pieces
from tiny_models import Tiny
from torch import Tensor
from transformers import AttentionInterface, AttentionMaskInterface, StaticCache

from ropescope.compress.plan.planning import plan_uniform
from ropescope.compress.plan.target import Target
from ropescope.compress.sparse_attention.context import blasst
from ropescope.errors import ExtendError, FormatError, PlanError
from ropescope.extend import RopePlan, plan_extension
from ropescope.extend.apply.rerope import kernel
from ropescope.extend.apply.rerope.attention import FarAttention, _turn, _turns_halves
from ropescope.models.config.reading import from_config
from ropescope.network.capture import capture_rows
from ropescope.network.loading.transformers_messages import quiet_transformers
from ropescope.network.rotary import rotary_modules
from ropescope.quality.loss import prefill, token_losses
from ropescope.quality.packing import continuation, continuations, packable

TRAINED, TARGET = 64, 300
FAMILIES = (
    Tiny("llama"), Tiny("gemma", {"num_key_value_heads": 1}), Tiny("granite", {"attention_multiplier": 0.2}), Tiny("cohere"),
    Tiny("starcoder2"), Tiny("qwen2"), Tiny("qwen3"), Tiny("olmo2"), Tiny("phi", {"partial_rotary_factor": 0.5}), Tiny("phi3"),
    Tiny("gpt_neox", {"hidden_size": 64, "head_dim": 16}), Tiny("stablelm", {"partial_rotary_factor": 0.5}),
    Tiny("glm4", {"partial_rotary_factor": 0.5}),
    Tiny("mixtral", {"num_local_experts": 4, "num_experts_per_tok": 2}),
)  # fmt: skip


def network_of(tiny: Tiny, attention: str = "sdpa") -> Any:
    """The tiny network, whose trained length is 64."""
    return tiny_models.build(
        Tiny(tiny.model_type, {**tiny.settings, "max_position_embeddings": TRAINED}), attention=attention
    )


def plan_of(network: Any, target: int = TARGET) -> RopePlan:
    return plan_extension(from_config(network.config.to_dict(), name="tiny"), target, "rerope")


@contextmanager
def written_out(network: Any, near: int, slower: float) -> Iterator[None]:
    """`network` with the softmax over all pairs of one text from its start, the far products from states that the model's own
    code turned once, by the positions at which they are to be read."""
    module = sys.modules[type(network).__module__]
    own, ((parent, name), *_) = module.apply_rotary_pos_emb, rotary_modules(network)
    rotary, far = getattr(parent, name), []

    def turn(query: Tensor, key: Tensor, cos: Tensor, sin: Tensor, *rest: Any, **named: Any) -> Any:
        where = torch.arange(query.shape[2]).double()[None]
        as_query = rotary(query, near + (where - near) / slower)
        as_key = rotary(query, where / slower)
        far[:] = [own(query, key, *as_query, *rest, **named)[0], own(query, key, *as_key, *rest, **named)[1]]
        return own(query, key, cos, sin, *rest, **named)

    def attention(_: Any, query: Tensor, key: Tensor, value: Tensor, *__: Any, scaling: Any = None, **___: Any) -> Any:
        shared, length = query.shape[1] // key.shape[1], query.shape[2]
        rotated = far[0].shape[-1]
        far_query = torch.cat([far[0], query[..., rotated:]], dim=-1)
        far_key = torch.cat([far[1], key[..., rotated:]], dim=-1)
        key, value, far_key = (states.repeat_interleave(shared, dim=1) for states in (key, value, far_key))
        place = torch.arange(length)
        distance = place[:, None] - place
        reads_far = (distance >= near) & (place >= TRAINED)[:, None]
        logits = torch.where(reads_far, far_query @ far_key.mT, query @ key.mT)
        logits = (logits * (query.shape[-1] ** -0.5 if scaling is None else scaling)).masked_fill(
            distance < 0, -math.inf
        )
        return (logits.softmax(-1) @ value).transpose(1, 2).contiguous(), None

    AttentionInterface.register("written_out", attention)
    AttentionMaskInterface.register("written_out", lambda **_: None)
    before = network.config._attn_implementation_internal
    module.apply_rotary_pos_emb, network.config._attn_implementation_internal = turn, "written_out"
    try:
        yield
    finally:
        module.apply_rotary_pos_emb, network.config._attn_implementation_internal = own, before


# One family for each way of turning, scaling or sharing keys.
BRIEF = ("llama", "gemma", "granite", "cohere", "olmo2", "phi", "gpt_neox")


@pytest.fixture(params=in_brief(FAMILIES, BRIEF, name=lambda tiny: tiny.id))
def network(request: pytest.FixtureRequest) -> Any:
    return network_of(request.param)


def logits_of(network: Any, ids: Tensor, chunk: int | None = None) -> Tensor:
    with torch.inference_mode():
        if chunk is None:
            return network(ids, use_cache=False).logits
        cache, found = None, []
        for start in range(0, ids.shape[1], chunk):
            output = network(ids[:, start : start + chunk], past_key_values=cache, use_cache=True)
            cache = output.past_key_values
            found.append(output.logits)
        return torch.cat(found, dim=1)


def test_logits_are_those_of_attention_written_out(network: Any) -> None:
    ids, plan = tiny_models.tokens(TARGET), plan_of(network)
    entry = plan.layer_types[0]
    assert (entry.near_tokens, entry.before[0] / entry.after[0]) == (16, pytest.approx((300 - 16) / (64 - 16)))
    plain = logits_of(network, ids)
    with written_out(network, 16, (300 - 16) / (64 - 16)):
        expected = logits_of(network, ids)
    with plan.applied(network):
        whole, in_parts = logits_of(network, ids), logits_of(network, ids, chunk=37)
    scale = float(expected.abs().max())
    assert float((whole - expected).abs().max()) < 2e-5 * scale
    assert float((in_parts - expected).abs().max()) < 2e-5 * scale
    assert float((plain - expected)[:, TRAINED:].abs().max()) > 1e-2 * scale  # it does change what is beyond


def test_nothing_changes_within_the_trained_length_to_the_bit(network: Any) -> None:
    ids, plan = tiny_models.tokens(TRAINED), plan_of(network)
    before = logits_of(network, ids)
    implementation, stated = network.config._attn_implementation, network.config.max_position_embeddings
    with plan.applied(network):
        assert torch.equal(logits_of(network, ids), before)
        assert network.config.max_position_embeddings == TARGET
    assert (network.config._attn_implementation, network.config.max_position_embeddings) == (implementation, stated)
    assert torch.equal(logits_of(network, ids), before)


def test_without_a_fused_kernel_and_with_gradients_it_is_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    network = network_of(FAMILIES[0])
    ids, plan = tiny_models.tokens(200), plan_of(network)
    with plan.applied(network):
        fused = logits_of(network, ids)
        with_gradient = network(ids, use_cache=False).logits
        kernel._fused_is_right.cache_clear()
        monkeypatch.setattr(kernel, "_FUSED", {})
        monkeypatch.setattr(kernel, "_SUM_BYTES", 4 * 4 * 200 * 3)  # a few rows at a time
        summed = logits_of(network, ids)
        kernel._fused_is_right.cache_clear()
    torch.testing.assert_close(summed, fused, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(with_gradient, fused, atol=1e-5, rtol=1e-5)
    with_gradient.sum().backward()
    assert float(network.get_input_embeddings().weight.grad.abs().sum()) > 0


def test_a_kernel_that_gives_something_else_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    kernel._fused_is_right.cache_clear()
    monkeypatch.setattr(
        kernel, "_FUSED", {"cpu": lambda q, k, v, hidden, scale: kernel._by_the_sum(q, k, v, None, scale)}
    )
    assert not kernel._fused_is_right("cpu", torch.float32)
    kernel._fused_is_right.cache_clear()


@pytest.mark.parametrize("positions", [True, False], ids=["positions", "mask alone"])
def test_a_row_reads_as_if_alone_whatever_stands_beside_it(positions: bool) -> None:
    """Rows of 200, 150, 70 and 60 tokens, trained to 64: far keys begin at a row's own positions, not at places in the batch."""
    network, rows = network_of(FAMILIES[0]), [tiny_models.tokens(n, seed=n) for n in (200, 150, 70, 60)]
    ids, seen = torch.zeros(4, 200, dtype=torch.long), torch.zeros(4, 200, dtype=torch.long)
    for row, own in enumerate(rows):
        ids[row, 200 - own.shape[1] :], seen[row, 200 - own.shape[1] :] = own[0], 1
    places = (seen.cumsum(-1) - 1).clamp_min(0)
    with plan_of(network).applied(network), torch.inference_mode():
        alone = [logits_of(network, own) for own in rows]
        cache, found = None, []
        for start, stop in ((0, 180), (180, 199), (199, 200)):  # a prefill, a few tokens, and one
            given = {"position_ids": places[:, start:stop]} if positions else {}
            output = network(
                ids[:, start:stop], attention_mask=seen[:, :stop], past_key_values=cache, use_cache=True, **given
            )
            cache = output.past_key_values
            found.append(output.logits)
    for row, own in enumerate(alone):
        torch.testing.assert_close(torch.cat(found, dim=1)[row, -own.shape[1] :], own[0], atol=1e-5, rtol=1e-5)


def test_it_is_not_left_out_by_another_attention() -> None:
    network = network_of(FAMILIES[0])
    ids, model = tiny_models.tokens(100), from_config(network.config.to_dict(), name="tiny")
    short, long = (plan_uniform(model, Target(budget_share=0.5), length=n) for n in (TRAINED, 100))
    before = long.cache(network)
    with torch.inference_mode(), plan_of(network).applied(network):
        with pytest.raises(PlanError, match="plan for 64 tokens at most"):
            long.cache(network)
        with pytest.raises(ExtendError, match="Beyond 64 tokens, Leaky ReRoPE cannot be combined"):
            logits_in_pieces(network, ids, before, [50, *[1] * 50])
        with blasst(network, threshold=0.0), pytest.raises(ExtendError, match="skipped blocks"):
            network(ids)
        with capture_rows(network, [90], lambda _: None), pytest.raises(ExtendError, match="attention rows"):
            network(ids)
        within = short.cache(network)
        found = logits_in_pieces(network, ids[:, :TRAINED], within, [40, *[1] * 24])
        rows: list[Tensor] = []
        with capture_rows(network, [50], lambda row: rows.append(row.weights.clone())):
            network(ids[:, :TRAINED])
        for use_cache in (False, True):
            with pytest.raises(ExtendError, match="unpack texts"):
                network(ids, position_ids=torch.arange(100)[None] % 70, use_cache=use_cache)
    with torch.inference_mode():
        close = logits_in_pieces(network, ids[:, :TRAINED], short.cache(network), [40, *[1] * 24])
    torch.testing.assert_close(found, close)
    assert len(rows) == 3


def test_generating_across_the_trained_length_reads_nothing_again() -> None:
    network = network_of(FAMILIES[0])
    prompt = tiny_models.tokens(TRAINED - 8)
    with plan_of(network).applied(network), torch.inference_mode(), quiet_transformers():
        said = network.generate(
            prompt, attention_mask=torch.ones_like(prompt), max_new_tokens=40, do_sample=False, eos_token_id=None
        )
        again = logits_of(network, said)
    assert said.shape[1] == TRAINED + 32
    assert torch.equal(again[0, TRAINED - 9 : -1].argmax(-1), said[0, TRAINED - 8 :])


def test_a_static_cache_is_read_as_far_as_it_is_filled() -> None:
    network = network_of(FAMILIES[0])
    ids, room = tiny_models.tokens(200), StaticCache(config=network.config, max_cache_len=256)
    with plan_of(network).applied(network), torch.inference_mode():
        expected = logits_of(network, ids)
        found = [network(part, past_key_values=room).logits for part in ids.split(50, dim=1)]
        torch.testing.assert_close(torch.cat(found, dim=1), expected, atol=1e-5, rtol=1e-5)
        with quiet_transformers(), pytest.raises(ExtendError, match="remove cache_implementation"):
            network.generate(ids, max_new_tokens=2, cache_implementation="static")


def test_questions_that_are_packed_are_answered_as_each_by_itself(network: Any) -> None:
    context = tiny_models.tokens(180)[0]
    asked = [((5, 6, 7), (8, 9)), ((10, 11), (12, 13, 14)), ((15,), (16,))]
    with plan_of(network).applied(network):
        cache = prefill(network, context)
        assert packable(network, cache)
        packed = list(continuations(network, cache, asked))
        alone = [continuation(network, cache, one) for one in asked]
    for one, other in zip(packed, alone, strict=True):
        torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-5)


def test_bfloat16_differs_by_its_rounding_alone() -> None:
    network = network_of(FAMILIES[0])
    ids, plan = tiny_models.tokens(TARGET)[0], plan_of(network)
    with plan.applied(network):
        exact = token_losses(network, ids)
    network = network.to(torch.bfloat16)
    plain = token_losses(network, ids[:TRAINED]) - exact[: TRAINED - 1]
    with plan.applied(network):
        rounded = token_losses(network, ids) - exact
    assert float(rounded[TRAINED:].square().mean().sqrt()) < 2 * float(plain.square().mean().sqrt())


REFUSED: tuple[tuple[Tiny, str], ...] = (
    (Tiny("gemma2", {"sliding_window": 24, "query_pre_attn_scalar": 8}), "layers with a window"),
    (Tiny("smollm3", {"no_rope_layers": [1, 0, 1]}), "several RoPEs"),
    (Tiny("deepseek_v3", {**tiny_models._MLA, "first_k_dense_replace": 3}), "latents"),
    (
        Tiny("llama", {"rope_parameters": {"rope_type": "linear", "rope_theta": 1e4, "factor": 2.0}}),
        "came with",
    ),
)


@pytest.mark.parametrize(("tiny", "why"), REFUSED, ids=lambda value: value.id if isinstance(value, Tiny) else "")
def test_what_it_is_not_for(tiny: Tiny, why: str) -> None:
    with pytest.raises(ExtendError, match=why):
        plan_of(network_of(tiny, "eager"))


def test_a_network_with_attention_of_its_own_is_left_as_it_was() -> None:
    falcon = next(tiny for tiny in tiny_models.TINY if tiny.id == "falcon-alibi=False")
    network = network_of(falcon)
    plan, before = plan_of(network), dict(network.config.to_dict())
    with pytest.raises(ExtendError, match="its own attention code"), plan.applied(network):
        pass
    assert network.config.to_dict() == before


def test_keys_that_are_turned_otherwise_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    network = network_of(FAMILIES[0])
    own = FarAttention.turned

    def swapped(self: FarAttention, module: Any, states: Tensor, positions: Tensor) -> Tensor:
        return own(self, module, states.flip(-1), positions).flip(-1)

    monkeypatch.setattr(FarAttention, "turned", swapped)
    with pytest.raises(ExtendError, match="in a way that ropescope does not know"), plan_of(network).applied(network):
        pass
    assert network.config._attn_implementation == "sdpa"


@pytest.mark.parametrize(("family", "halves"), [("llama", True), ("qwen3", True), ("cohere", False), ("glm", False)])
def test_turning_halves_is_for_functions_that_do(family: str, halves: bool) -> None:
    """Whichever way is taken, the keys are those of the model's own function, partial rotation and a batch included."""
    module = importlib.import_module(f"transformers.models.{family}.modeling_{family}")
    assert _turns_halves(module.apply_rotary_pos_emb) == halves
    made = torch.Generator().manual_seed(1)
    states, angles = torch.randn(2, 3, 7, 16, generator=made), torch.randn(1, 7, 6, generator=made)
    angles = angles.repeat(1, 1, 2) if halves else angles.repeat_interleave(2, dim=-1)
    cos, sin = angles.cos(), angles.sin()
    attention = next(kind for name, kind in vars(module).items() if name.endswith("Attention"))
    found = _turn(attention.__new__(attention), states, (cos, sin))
    turned, _ = module.apply_rotary_pos_emb(states[..., :12], states[:, :1, :, :12], cos, sin)
    torch.testing.assert_close(found, torch.cat([turned, states[..., 12:]], dim=-1), atol=1e-6, rtol=1e-6)


def test_networks_that_lay_out_their_angles_otherwise_do_not_share_a_function() -> None:
    """Llama and Cohere with the same frequencies, both under a plan at the same time."""
    llama, cohere = network_of(Tiny("llama", {"rope_theta": 1e4})), network_of(Tiny("cohere", {"rope_theta": 1e4}))
    ids = tiny_models.tokens(200)
    with plan_of(llama).applied(llama):
        alone = logits_of(llama, ids)
        with plan_of(cohere).applied(cohere):
            assert torch.equal(logits_of(llama, ids), alone)


@pytest.mark.parametrize(
    "damage",
    [{"near_tokens": None}, {"near_tokens": 0}, {"near_tokens": 10**12}, {"near_tokens": "many"}, {"after": [0.0] * 4}],
    ids=str,
)
def test_a_damaged_plan_is_refused(damage: dict[str, Any]) -> None:
    data = plan_of(network_of(FAMILIES[0])).to_dict()
    data["layer_types"][0].update(damage)
    with pytest.raises(FormatError, match="damaged"):
        RopePlan.from_dict(data)


def test_a_plan_is_kept_and_read_back(tmp_path: Path) -> None:
    plan = plan_of(network_of(FAMILIES[0]))
    read = RopePlan.load(plan.save(tmp_path / "plan.json"))
    assert read == plan and not read.in_config
    entry = read.layer_types[0]
    distances: Callable[[float], float] = entry.effective_distance
    assert [distances(value) for value in (1, 16, 64)] == [1, 16, pytest.approx(16 + 48 * 48 / 284)]
    assert distances(TARGET) == pytest.approx(TRAINED)


@pytest.mark.parametrize("masked", [False, True])
def test_a_prompt_in_chunks_is_read_as_the_whole_or_refused_where_transformers_counts_wrongly(masked: bool) -> None:
    """transformers 5.2 says after prefill_chunk_size that the first new token stands one place beyond its own."""
    network, ids = network_of(Tiny("llama")), tiny_models.tokens(100)
    options = {"max_new_tokens": 5, "do_sample": False, "eos_token_id": None, "pad_token_id": 0}
    mask = {"attention_mask": torch.ones_like(ids)} if masked else {}
    with plan_of(network).applied(network):
        expected = network.generate(ids, **options)
        if Version(transformers.__version__) < Version("5.3"):
            with pytest.raises(ExtendError, match="remove prefill_chunk_size"):
                network.generate(ids, prefill_chunk_size=30, **options, **mask)
        else:
            assert torch.equal(network.generate(ids, prefill_chunk_size=30, **options, **mask), expected)


def test_a_token_beyond_the_cache_is_refused_by_what_it_comes_from() -> None:
    network, ids = network_of(Tiny("llama")), tiny_models.tokens(100)
    with plan_of(network).applied(network), torch.inference_mode():
        cache = network(ids).past_key_values
        cache.get_seq_length = lambda *_, **__: 101
        given = {"cache_position": torch.tensor([101])} if Version(transformers.__version__) < Version("5.4") else {}
        with pytest.raises(ExtendError, match="by one after prefill_chunk_size"):
            network(ids[:, :1], past_key_values=cache, **given)
