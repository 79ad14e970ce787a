"""Captured rows against the eager implementation, for many families; and that nothing else changes."""

from __future__ import annotations

import threading
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
from ropescope.measure.protocol import FixedLength
from ropescope.measure.tally import PromptTally
from ropescope.network.capture import capture_rows, uses_interface
from ropescope.network.prefill import prefill
from ropescope.network.rows import AttentionRows

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
    [
        pytest.param(*row.values, marks=(*row.marks, *((carries_states,) if row.values[0].layers else ())), id=row.id)
        for row in in_brief((tiny for tiny in TINY if tiny.chunks), BRIEF, name=lambda tiny: tiny.id)
    ],
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
    import ropescope.network.softmax as softmax

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


class OfBatch:
    """Collects captured rows by (row of the batch, call, position): [heads, keys] from the first token on."""

    def __init__(self) -> None:
        self.found: dict[tuple[int, int, int], torch.Tensor] = {}

    def __call__(self, rows: AttentionRows) -> None:
        for place, position in enumerate(rows.positions.tolist()):
            kept = self.found.setdefault((rows.row, rows.call, position), torch.zeros(rows.n_heads, LENGTH))
            own = rows.weights[:, place, : LENGTH - rows.key_start]
            kept[rows.heads, rows.key_start : rows.key_start + own.shape[1]] = own


IN_BATCHES = ("llama", "mistral", "gpt_oss", "gemma2", "bloom", "gpt_neo", "gptj", "deepseek_v3")


@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("model_type", IN_BATCHES)
def test_rows_of_a_padded_batch_are_those_of_each_prompt_alone(model_type: str, side: str) -> None:
    """Positions and keys are the row's own, and what pads it is not there."""
    model = build(next(tiny for tiny in TINY if tiny.model_type == model_type))
    lengths, ids = (LENGTH, 41), tokens(LENGTH) % 40 + 3
    batch, mask = torch.zeros(2, LENGTH, dtype=torch.long), torch.zeros(2, LENGTH, dtype=torch.long)
    for row, length in enumerate(lengths):
        place = slice(0, length) if side == "right" else slice(LENGTH - length, LENGTH)
        batch[row, place], mask[row, place] = ids[0, :length] + row, 1
    places = (mask.cumsum(1) - 1).clamp_min(0)
    numbered = {"position_ids": places} if model_type in ("gpt_neo", "gptj", "deepseek_v3") else {}
    rows = OfBatch()
    plain = model(batch, attention_mask=mask, use_cache=False, **numbered).logits
    with capture_rows(model, POSITIONS, rows):
        logits = model(batch, attention_mask=mask, use_cache=False, **numbered).logits
    torch.testing.assert_close(logits[mask.bool()], plain[mask.bool()])
    for row, length in enumerate(lengths):
        alone = OfBatch()
        with capture_rows(model, POSITIONS, alone):
            model(ids[:, :length] + row, use_cache=False)
        expected = {(row, call, position): found for (_, call, position), found in alone.found.items()}
        mine = {key: found for key, found in rows.found.items() if key[0] == row}
        assert mine.keys() == expected.keys() and len({key[2] for key in mine}) == sum(p < length for p in POSITIONS)
        for key, found in expected.items():
            torch.testing.assert_close(mine[key], found, rtol=0, atol=5e-6)


@pytest.mark.parametrize("model_type", ["llama", "gemma2", "bloom"])
def test_decode_steps_of_generate_are_read(model_type: str) -> None:
    """The rows of a step are those of one pass over all that was written, for each row of a padded batch."""
    model = build(next(tiny for tiny in TINY if tiny.model_type == model_type))
    ids = tokens(40) % 40 + 3
    batch = torch.cat([ids, torch.cat([torch.zeros(1, 9, dtype=torch.long), ids[:, :31] + 1], dim=1)])
    mask = torch.ones_like(batch)
    mask[1, :9] = 0
    rows = OfBatch()
    with capture_rows(model, [20, 33, 38, 43], rows):
        written = model.generate(batch, attention_mask=mask, max_new_tokens=6, min_new_tokens=6, do_sample=False)
    for row, padding in ((0, 0), (1, 9)):
        alone = OfBatch()
        with capture_rows(model, [20, 33, 38, 43], alone):
            model(written[row : row + 1, padding:], use_cache=False)
        # The last token that is written is not read again, so the farthest query is the one before it.
        expected = {key[1:]: found for key, found in alone.found.items() if key[2] < written.shape[1] - padding - 1}
        mine = {key[1:]: found for key, found in rows.found.items() if key[0] == row}
        assert mine.keys() == expected.keys() and max(key[1] for key in mine) > 30
        for key, found in expected.items():
            torch.testing.assert_close(mine[key], found, rtol=0, atol=5e-6)


@pytest.mark.parametrize("model_type", ["llama", "bloom"])
def test_a_pass_of_another_thread_in_between_changes_no_row(model_type: str) -> None:
    """The other pass goes through the same hooks: it begins anew, and passes the layers that this one has still to read."""
    model = build(next(tiny for tiny in TINY if tiny.model_type == model_type))
    main = threading.get_ident()

    def plain() -> None:
        with torch.inference_mode():
            model(tokens(20).expand(3, -1), attention_mask=torch.ones(3, 20).tril(17).flip(1).long())

    def in_between(*_: Any) -> None:
        if threading.get_ident() == main:
            thread = threading.Thread(target=plain)
            thread.start()
            thread.join()

    alone, ids = read(model, tokens(LENGTH)), tokens(LENGTH)
    attention = next(module for module in model.modules() if "attention" in type(module).__name__.lower())
    next(attention.children()).register_forward_pre_hook(in_between)
    beside = read(model, ids)
    assert beside.layers == alone.layers
    for call, weights in alone.weights.items():
        assert torch.equal(beside.weights[call], weights)


@pytest.mark.parametrize(
    ("mask", "why"),
    [
        (torch.tensor([[1, 1, 0, 1, 1], [1, 1, 1, 1, 1]]), "padding between its tokens"),
        (torch.tensor([[0, 0, 0, 0, 0], [1, 1, 1, 1, 1]]), "padding alone"),
        (torch.ones(2, 1, 5, 5, dtype=torch.bool).tril(), "which tokens pad it"),
    ],
)
def test_a_batch_whose_padding_cannot_be_told_is_refused(mask: torch.Tensor, why: str) -> None:
    model = build(TINY[0])
    with pytest.raises(CaptureError, match=why), capture_rows(model, POSITIONS, Rows()):
        model(tokens(5).expand(2, -1), attention_mask=mask)


def test_interface_is_told_from_own_attention() -> None:
    assert uses_interface(build(TINY[0]))
    assert not uses_interface(build(next(tiny for tiny in TINY if tiny.model_type == "bloom")))
