"""What is scored under masks is what real caches compute, in every family, and a prefill is left as it was."""

from __future__ import annotations

import pytest
import torch
from planned_models import ragged_plan, tiny
from tiny_models import TINY, build, carries_states, tokens
from transformers import DynamicCache

from ropescope.compress.evaluate.methods.method import Prefilled
from ropescope.compress.evaluate.methods.planned import picked
from ropescope.compress.evaluate.methods.restated import RandomTokens
from ropescope.compress.evaluate.scoring.harness import cut, prefill
from ropescope.compress.evaluate.scoring.visible import Kept, PlanView, Visible, whole
from ropescope.errors import EvaluationError
from ropescope.models.opening import open as open_model

N, NEW = 60, 12
ATTENDING = ("llama", "qwen3", "gpt2", "opt", "gemma3_text", "gemma2", "gpt_oss", "qwen2")
HYBRIDS = ("lfm2", "qwen3_next", "jamba")
FAMILIES = (*ATTENDING, *(pytest.param(family, marks=carries_states) for family in HYBRIDS))
PICKING = (
    *((family, 12) for family in ATTENDING),
    *(pytest.param(family, 12, marks=carries_states) for family in HYBRIDS),
    ("llama", 0),
    ("llama", 60),
    ("gemma3_text", 60),
)


def filled_with(family: str, *, chunk: int = 8192) -> tuple[Prefilled, torch.Tensor]:
    """A tiny model prefilled with N of N + NEW tokens."""
    network = build(tiny(family))
    ids = tokens(N + NEW)
    return prefill(network, open_model(network.config.to_dict()), ids[:, :N], chunk=chunk), ids


def logits(filled: Prefilled, visible: Visible, new: torch.Tensor, pieces: list[int]) -> torch.Tensor:
    cache = cut(filled, visible)
    with torch.inference_mode():
        found = [filled.network(piece, past_key_values=cache, use_cache=True).logits for piece in new.split(pieces, 1)]
    return torch.cat(found, dim=1)


def close(found: torch.Tensor, expected: torch.Tensor) -> None:
    assert (found - expected).abs().max() < 1e-5 * max(1.0, float(expected.abs().max()))


@pytest.mark.parametrize(("family", "most_picks"), PICKING)
def test_a_plan_under_masks_is_a_planned_cache_token_by_token(family: str, most_picks: int) -> None:
    filled, ids = filled_with(family)
    plan = ragged_plan(filled.network, length=N + NEW, most_picks=most_picks)
    real = plan.cache(filled.network)
    with torch.no_grad():
        filled.network(ids[:, :N], past_key_values=real, use_cache=True)
        steps = [filled.network(one, past_key_values=real, use_cache=True).logits for one in ids[:, N:].split(1, 1)]
    close(logits(filled, PlanView(plan, picked(plan, filled)), ids[:, N:], [1] * NEW), torch.cat(steps, dim=1))
    if family not in ("jamba", "qwen3_next", "lfm2"):  # transformers' own states go on in one piece or token by token
        close(logits(filled, PlanView(plan, picked(plan, filled)), ids[:, N:], [NEW]), torch.cat(steps, dim=1))


@pytest.mark.parametrize("family", ["llama", "qwen3", "phi3"])
def test_kept_tokens_under_masks_are_a_cache_without_the_rest(family: str) -> None:
    filled, ids = filled_with(family)
    kept = RandomTokens().keep(filled, 0.3)
    cache = DynamicCache(config=filled.network.config)
    for layer, chosen in enumerate(kept):
        assert chosen is not None and chosen.sum(dim=1).tolist() == [18] * len(chosen)
        held = [states[chosen].view(1, len(chosen), 18, -1) for states in (filled.keys(layer), filled.values(layer))]
        cache.update(*held, layer)
    positions = torch.arange(N, N + NEW)
    with torch.no_grad():
        steps = [
            filled.network(one, past_key_values=cache, position_ids=where[None], use_cache=True).logits
            for one, where in zip(ids[:, N:].split(1, 1), positions.split(1), strict=True)
        ]
    close(logits(filled, Kept(kept), ids[:, N:], [5, 7]), torch.cat(steps, dim=1))


@pytest.mark.parametrize("family", FAMILIES)
def test_the_whole_cache_computes_what_the_model_computes(family: str) -> None:
    filled, ids = filled_with(family)
    own = DynamicCache(config=filled.network.config.get_text_config(decoder=True))
    with torch.no_grad():
        filled.network(ids[:, :N], past_key_values=own, use_cache=True)
        expected = filled.network(ids[:, N:], past_key_values=own, use_cache=True).logits
    before = [layer.keys.clone() for layer in filled.cache.layers if getattr(layer, "keys", None) is not None]
    close(logits(filled, whole(filled.n_layers), ids[:, N:], [NEW]), expected)
    close(logits(filled, whole(filled.n_layers), ids[:, N:], [NEW]), expected)  # nothing of the first run is left
    after = [layer.keys for layer in filled.cache.layers if getattr(layer, "keys", None) is not None]
    assert all(torch.equal(one, other) for one, other in zip(before, after, strict=True))


def test_a_cut_cache_gives_back_its_new_tokens() -> None:
    filled, ids = filled_with("llama")
    kept = Kept(RandomTokens().keep(filled, 0.3))
    cache = cut(filled, kept)
    with torch.inference_mode():
        first = filled.network(ids[:, N:], past_key_values=cache).logits
        assert cache.get_seq_length() == N + NEW
        cache.crop(-NEW)
        assert torch.equal(filled.network(ids[:, N:], past_key_values=cache).logits, first)
        with pytest.raises(EvaluationError, match="can give back its 12 new tokens, and not 13"):
            cache.crop(-13)


def test_what_methods_look_at() -> None:
    filled, _ = filled_with("llama")
    in_chunks, _ = filled_with("llama", chunk=17)
    assert filled.planned == (0, 1, 2)
    cos, sin = filled.position_embeddings
    for layer, module in filled.modules.items():
        hidden = filled.hidden[layer]
        assert hidden.shape == (1, N, 32)
        for projection, found in ((module.q_proj, filled.queries[layer]), (module.k_proj, filled.keys(layer))):
            states = projection(hidden)[0].view(N, -1, 8).transpose(0, 1)
            turned = torch.cat([-states[..., 4:], states[..., :4]], dim=-1)
            close(found, (states * cos + turned * sin).detach())
        close(in_chunks.hidden[layer], hidden)
        close(in_chunks.queries[layer], filled.queries[layer])
        close(in_chunks.keys(layer), filled.keys(layer))
    assert torch.equal(in_chunks.position_embeddings[0], cos)


def test_sliding_layers_are_left_whole() -> None:
    filled, _ = filled_with("gemma3_text")
    assert filled.planned == (2,)
    assert [kept is None for kept in RandomTokens().keep(filled, 0.5)] == [True, True, False]


@pytest.mark.parametrize("family", ["bloom", "gptj"])
def test_a_model_with_attention_of_its_own_is_refused(family: str) -> None:
    network = build(next(entry for entry in TINY if entry.model_type == family))
    with pytest.raises(EvaluationError, match=r"has attention code of its own|No layer of"):
        prefill(network, open_model(network.config.to_dict()), tokens(N))
    assert network.config._attn_implementation == "eager"


def test_a_model_whose_layers_keep_latents_is_refused() -> None:
    network = build(tiny("deepseek_v3"))
    with pytest.raises(EvaluationError, match=r"No layer of .* can be cut: keeps latents that all its heads share"):
        prefill(network, open_model(network.config.to_dict()), tokens(N))
