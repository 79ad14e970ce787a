"""Captured rows against the eager implementation, for many families; and that nothing else changes."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from long_matrix import KINDS, in_brief
from tiny_models import TINY, Tiny, build, carries_states, eager_weights, tokens
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from transformers import AutoConfig, AutoModelForCausalLM

from ropescope.errors import CaptureError
from ropescope.measure.capture import capture_rows, uses_interface
from ropescope.measure.prefill import prefill
from ropescope.measure.protocol import FixedLength
from ropescope.measure.rows import AttentionRows
from ropescope.measure.tally import PromptTally

LENGTH = 64
POSITIONS = [3, 17, 30, 40, 63]


class Rows:
    """Collects captured rows as full [heads, positions, LENGTH] weights per call."""

    def __init__(self) -> None:
        self.weights: dict[int, torch.Tensor] = {}
        self.sinks: dict[int, torch.Tensor] = {}
        self.entropy: dict[int, torch.Tensor] = {}
        self.layers: dict[int, int] = {}

    def __call__(self, rows: AttentionRows) -> None:
        n = len(POSITIONS)
        weights = self.weights.setdefault(rows.call, torch.zeros(rows.n_heads, n, LENGTH))
        sinks = self.sinks.setdefault(rows.call, torch.zeros(rows.n_heads, n))
        entropy = self.entropy.setdefault(rows.call, torch.zeros(rows.n_heads, n))
        self.layers[rows.call] = rows.layer
        for i, position in enumerate(rows.positions.tolist()):
            slot = POSITIONS.index(position)
            weights[rows.heads, slot, rows.key_start : rows.key_start + rows.weights.shape[2]] = rows.weights[:, i]
            entropy[rows.heads, slot] = rows.entropy[:, i]
            if rows.sink_logit is not None:
                sinks[rows.heads, slot] = rows.sink_logit[:, i]


def read(model: Any, ids: torch.Tensor, chunk: int = LENGTH) -> Rows:
    rows = Rows()
    with capture_rows(model, POSITIONS, rows):
        prefill(model, ids, chunk)
    return rows


# transformers adds Falcon's ALiBi twice in its eager code and once in its fused code: the two are different models there.
_EAGER_DIFFERS = "falcon-alibi=True-sdpa"
BRIEF = KINDS | {"gemma2", "deepseek_v3", "falcon", "mistral", "lfm2"}


@pytest.mark.parametrize(
    "tiny", in_brief((tiny for tiny in TINY if tiny.id != _EAGER_DIFFERS), BRIEF, name=lambda tiny: tiny.id)
)
def test_rows_equal_eager_attention(tiny: Tiny) -> None:
    ids = tokens(LENGTH)
    expected, logits = eager_weights(tiny, ids)
    model = build(tiny)
    rows = Rows()
    with capture_rows(model, POSITIONS, rows), torch.inference_mode():
        output = model(ids, use_cache=False)

    assert sorted(rows.weights) == list(range(len(expected)))
    wanted_layers = tiny.layers or tuple(range(model.config.num_hidden_layers))
    assert tuple(rows.layers[call] for call in sorted(rows.layers)) == wanted_layers
    for call, weights in enumerate(expected):
        torch.testing.assert_close(rows.weights[call], weights[:, POSITIONS], rtol=0, atol=2e-6)
        total = rows.weights[call].sum(-1) + rows.sinks[call]
        torch.testing.assert_close(total, torch.ones_like(total), rtol=0, atol=5e-6)
        direct = -torch.special.xlogy(rows.weights[call], rows.weights[call]).sum(-1)
        direct -= torch.special.xlogy(rows.sinks[call], rows.sinks[call])
        torch.testing.assert_close(rows.entropy[call], direct, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(output.logits, logits, rtol=0, atol=1e-4)


class FusedWeights(TorchFunctionMode):
    """The weights inside a fused attention call: its output when the values are the unit matrix."""

    def __init__(self) -> None:
        super().__init__()
        self.weights: list[torch.Tensor] = []

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is F.scaled_dot_product_attention:
            query, key, _ = args
            unit = torch.eye(key.shape[2]).expand(*key.shape[:2], -1, -1)
            self.weights.append(func(query, key, unit, **kwargs)[0])
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize(
    "tiny", in_brief((tiny for tiny in TINY if tiny.attention == "sdpa"), BRIEF, name=lambda tiny: tiny.id)
)
def test_rows_equal_the_fused_call_of_own_attention(tiny: Tiny) -> None:
    model, ids = build(tiny), tokens(LENGTH)
    fused = FusedWeights()
    with torch.inference_mode(), fused:
        model(ids, use_cache=False)
    rows = read(model, ids)
    assert len(rows.weights) == len(fused.weights) == 3
    for call, weights in enumerate(fused.weights):
        torch.testing.assert_close(rows.weights[call], weights[:, POSITIONS], rtol=0, atol=2e-6)


@pytest.mark.parametrize(
    "tiny",
    [pytest.param(tiny, marks=carries_states if tiny.layers else (), id=tiny.id) for tiny in TINY if tiny.chunks],
)
def test_chunks_give_the_same_rows(tiny: Tiny) -> None:
    model, ids = build(tiny), tokens(LENGTH)
    whole, parts = read(model, ids), read(model, ids, chunk=20)
    assert sorted(whole.weights) == sorted(parts.weights)
    for call, weights in whole.weights.items():
        torch.testing.assert_close(parts.weights[call], weights, rtol=0, atol=2e-6)


@pytest.mark.parametrize("model_type", ["llama", "gemma3_text", "gemma2", "bloom"])
def test_the_model_is_as_before(model_type: str) -> None:
    tiny = next(tiny for tiny in TINY if tiny.model_type == model_type)
    model, ids = build(tiny, attention="eager"), tokens(LENGTH)
    before = {id(module): dict(vars(module)) for module in model.modules()}
    hooks = [(len(m._forward_hooks), len(m._forward_pre_hooks)) for m in model.modules()]
    with torch.inference_mode():
        plain = model(ids, use_cache=False).logits
    read(model, ids)
    with pytest.raises(RuntimeError, match="stop here"), capture_rows(model, POSITIONS, Rows()):
        raise RuntimeError("stop here")

    def fail(_: AttentionRows) -> None:
        raise RuntimeError("stop inside")

    with pytest.raises(RuntimeError, match="stop inside"), capture_rows(model, POSITIONS, fail):
        prefill(model, ids, LENGTH)
    assert model.config._attn_implementation == "eager"
    assert hooks == [(len(m._forward_hooks), len(m._forward_pre_hooks)) for m in model.modules()]
    assert all(vars(module).keys() == before[id(module)].keys() for module in model.modules())
    with torch.inference_mode():
        assert torch.equal(model(ids, use_cache=False).logits, plain)


class LargestTensor(TorchDispatchMode):
    """Remembers the largest tensor that any operation made."""

    elements = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        for tensor in result if isinstance(result, tuple | list) else [result]:
            if isinstance(tensor, torch.Tensor):
                self.elements = max(self.elements, tensor.untyped_storage().nbytes() // tensor.element_size())
        return result


@pytest.mark.parametrize("model_type", ["llama", "mistral", "gemma2", "gpt_oss", "deepseek_v3", "llama4_text"])
def test_no_square_matrix_is_made(model_type: str, monkeypatch: pytest.MonkeyPatch) -> None:
    import ropescope.measure.softmax as softmax

    # Blocks of 64 MiB hold the whole square of a short prompt; at this size they must not.
    monkeypatch.setattr(softmax, "_BLOCK_BYTES", 2**20)
    length = 2048
    settings = {"max_position_embeddings": 4096, "sliding_window": 512, "attention_chunk_size": 512}
    tiny = next(tiny for tiny in TINY if tiny.model_type == model_type)
    model = build(Tiny(model_type, {**tiny.settings, **settings, "num_hidden_layers": 1, "layer_types": None}))
    ids = tokens(length)
    largest = LargestTensor()
    seen: list[int] = []
    with largest, capture_rows(model, [1600, 2047], lambda rows: seen.append(rows.weights.shape[1])):
        prefill(model, ids, length)
    assert seen
    assert largest.elements < length * length / 2


def test_gpt_oss_sink_logits_take_their_share() -> None:
    tiny = next(tiny for tiny in TINY if tiny.model_type == "gpt_oss")
    rows = read(build(tiny), tokens(LENGTH))
    assert all(0.001 < float(share.mean()) < 0.999 for share in rows.sinks.values())


def test_mask_is_seen_for_a_sliding_window() -> None:
    tiny = Tiny("mistral", {"sliding_window": 24, "num_hidden_layers": 1})
    reaches: list[torch.Tensor] = []
    with capture_rows(build(tiny), POSITIONS, lambda rows: reaches.append(rows.reach)):  # type: ignore[arg-type]
        prefill(build(tiny), tokens(LENGTH), LENGTH)
    assert not reaches  # another model's forward pass is not ours
    model = build(tiny)
    with capture_rows(model, POSITIONS, lambda rows: reaches.append(rows.reach)):  # type: ignore[arg-type]
        prefill(model, tokens(LENGTH), LENGTH)
    assert reaches[0].sum(dim=1).tolist() == [4, 18, 24, 24, 24]


def test_a_model_without_attention_is_refused() -> None:
    config = AutoConfig.for_model("mamba", vocab_size=64, hidden_size=16, num_hidden_layers=2, state_size=4)
    model = AutoModelForCausalLM.from_config(config).eval()
    protocol = FixedLength(length=64, rows=4, sinks=2)
    tally = PromptTally(protocol, [50, 55, 60, 63], 64)  # type: ignore[arg-type]
    with capture_rows(model, tally.wanted, tally):
        prefill(model, torch.randint(3, 64, (1, 64)), 64)
    with pytest.raises(CaptureError, match="no softmax attention layers"):
        tally.layers()


def test_batches_are_refused() -> None:
    model = build(TINY[0])
    with pytest.raises(CaptureError, match="one prompt at a time"), capture_rows(model, POSITIONS, Rows()):
        model(tokens(LENGTH).expand(2, -1))


def test_interface_is_told_from_own_attention() -> None:
    assert uses_interface(build(TINY[0]))
    assert not uses_interface(build(next(tiny for tiny in TINY if tiny.model_type == "bloom")))
