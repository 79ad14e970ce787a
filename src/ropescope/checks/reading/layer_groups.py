"""The layers of a model in groups that are alike: what a table, a picture and a sentence say of them."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace

from ropescope.models.cache import BLOCK, block_bytes
from ropescope.models.model import Layer, LayerKind, Model
from ropescope.questions.names import listed

KINDS: tuple[LayerKind, ...] = (
    "full",
    "sliding",
    "chunked",
    "linear",
    "state-space",
    "convolution",
    "recurrent",
    "cross",
    "none",
)
"""The kinds in the order in which they are told."""


@dataclass(frozen=True, slots=True)
class LayerGroup:
    """Layers that differ in their place only. `layer` is the first of them."""

    layer: Layer
    indices: tuple[int, ...]


def layer_groups(model: Model) -> tuple[LayerGroup, ...]:
    """The layers of `model` in groups that are alike, in order of their first layer."""
    groups: dict[object, list[int]] = {}
    for layer in model.layers:
        shared = layer.kv_source is not None
        groups.setdefault((_text(replace(layer, index=0, kv_source=0 if shared else None))), []).append(layer.index)
    return tuple(LayerGroup(model.layers[indices[0]], tuple(indices)) for indices in groups.values())


def _text(layer: Layer) -> str:
    # The scaling of a Rope is a dict, which no hash knows.
    return repr(layer)


def ranges(indices: Sequence[int]) -> str:
    """`0–4, 6–10` or, where they follow a step, `3, 7 … 47`: whole numbers in rising order, in few words."""
    if len(indices) > 3:
        step = indices[1] - indices[0]
        if step > 1 and all(b - a == step for a, b in itertools.pairwise(indices)):
            return f"{indices[0]}, {indices[1]} … {indices[-1]}"
    runs: list[list[int]] = []
    for index in indices:
        if runs and index == runs[-1][-1] + 1:
            runs[-1].append(index)
        else:
            runs.append([index])
    texts = [str(run[0]) if len(run) == 1 else f"{run[0]}–{run[-1]}" for run in runs]
    return ", ".join(texts) if len(texts) <= 4 else f"{', '.join(texts[:2])} … {texts[-1]}"


def layout(model: Model) -> str:
    """How many layers there are of each kind: `10 full and 52 sliding layers (1,024 tokens)`."""
    parts: list[str] = []
    for kind in KINDS:
        found = [layer for layer in model.layers if layer.kind == kind]
        if not found:
            continue
        windows = sorted({layer.window_tokens for layer in found if layer.window_tokens is not None})
        window = f" ({' or '.join(f'{tokens:,}' for tokens in windows)} tokens)" if windows else ""
        rates = sorted({layer.tokens_per_entry for layer in found if layer.tokens_per_entry is not None})
        packed = f" (older tokens {' or '.join(str(rate) for rate in rates)} to one entry)" if rates else ""
        name = "MLP-only" if kind == "none" else "cross-attention" if kind == "cross" else kind
        beside = {path for layer in found for path in layer.beside}
        also = f" with {' and '.join(sorted(beside))} beside" if beside else ""
        parts.append(f"{len(found)} {name}{window}{packed}{also}")
    return f"{listed(parts) or '0'} layer{'s' if len(model.layers) != 1 else ''}"


def is_wide(model: Model, layer: Layer) -> bool:
    """Whether a window holds the whole context that the files state, as those of Phi-3.5 do: it bounds nothing there."""
    longest = model.context.longest
    return layer.kind == "sliding" and longest is not None and (layer.window_tokens or 0) >= longest


def growth_bytes(layers: Sequence[Layer], kind: str = "bf16") -> float:
    """The bytes of cache that one more token costs once every window is full."""
    return sum(layer.cache.growth_elements for layer in layers) * block_bytes(kind) / BLOCK


def constant_bytes(layers: Sequence[Layer]) -> int:
    """The bytes that the states of a sequence take, whatever its length (16-bit where they follow the model's type)."""
    return sum(2 * layer.cache.state_elements + 4 * layer.cache.recurrent_elements for layer in layers)


def reach(model: Model) -> str:
    """How far back a token can be read, in one or two sentences."""
    attending = model.attention_layers
    if not model.causal:
        return "It is an encoder: it reads the whole text at once, earlier tokens and later ones, and keeps no cache."
    if not attending:
        return (
            "No layer reads earlier tokens directly: what is kept of them is a state of constant size "
            f"({constant_bytes(model.layers):,} bytes a sequence)."
        )
    if all(is_wide(model, layer) or layer.kind == "full" for layer in model.layers):
        wide = sorted({layer.window_tokens for layer in attending if layer.window_tokens is not None})
        if wide:
            named = " or ".join(f"{tokens:,}" for tokens in wide)
            return (
                f"Every attention layer can read every earlier token: windows of {named} tokens hold the whole context."
            )
    full = [layer for layer in attending if layer.kind == "full"]
    others = [kind for kind in KINDS if kind not in ("full", "none") and any(x.kind == kind for x in model.layers)]
    if full and not others and all(layer.tokens_per_entry is None for layer in full):
        return "Every attention layer can read every earlier token."
    sentences: list[str] = []
    if full:
        sentences.append(f"{len(full)} of {len(model.layers)} layers can read every earlier token")
        for rate in sorted({layer.tokens_per_entry for layer in full if layer.tokens_per_entry is not None}):
            number = sum(layer.tokens_per_entry == rate for layer in full)
            sentences.append(f"in {number} of them the older ones are packed {rate} to one")
    for kind in ("sliding", "chunked"):
        some = [layer for layer in attending if layer.kind == kind]
        windows = " or ".join(f"{w:,}" for w in sorted({x.window_tokens for x in some if x.window_tokens is not None}))
        who = "every attention layer reads" if len(some) == len(attending) else str(len(some))
        if some and kind == "sliding":
            sentences.append(f"{who} the last {windows} tokens")
        elif some:
            sentences.append(f"{who} back to the start of a chunk of {windows} tokens")
    rest = [layer for layer in model.layers if not layer.has_attention and layer.kind not in ("none", "cross")]
    if rest:
        sentences.append(f"{len(rest)} keep a constant state")
    text = "; ".join(sentences) + "."
    if not full and not rest:
        travel = sum(layer.window_tokens - 1 for layer in attending if layer.window_tokens and layer.kind == "sliding")
        if travel:
            text += f" Passed on from layer to layer, a token can matter at most {travel:,} tokens later."
    return text[0].upper() + text[1:]
