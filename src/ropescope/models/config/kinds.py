"""What mixes the tokens in each layer: read from the file's own list or pattern, else from the model type's rule."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from ropescope.errors import FormatError
from ropescope.models.config.compressed import compression_rates
from ropescope.models.config.fields import Fields, positive_int, short, whole_numbers
from ropescope.models.config.kind_tables import (
    FULL_EVERY,
    NAMES,
    PATTERN_LETTERS,
    SOFTMAX_EVERY,
    STATE_SPACE_TYPES,
    WHOLE,
)
from ropescope.models.model import LayerKind

Kinds = tuple[LayerKind, ...]


def layer_kinds(fields: Fields, n_layers: int) -> Kinds:
    """The kind of each of the `n_layers` layers.

    Raises FormatError for a layer word it does not know, for a list too short, and for a mixed model type whose layout
    is neither in the file nor known here.
    """
    for rule in (_listed, _patterned, _by_period, _whole, _windowed):
        kinds = rule(fields, n_layers)
        if kinds is not None:
            return kinds
    if fields.family.get("mixed"):
        raise FormatError(
            f"{fields.label('layer_types')} is missing and the layout of {fields.model_type} is not known here: save "
            "its config with a current transformers, which writes layer_types."
        )
    return _all("full", n_layers)


def _all(kind: LayerKind, n_layers: int) -> Kinds:
    return (kind,) * n_layers


def _choose(marks: Iterable[object], marked: LayerKind, otherwise: LayerKind) -> Kinds:
    return tuple(marked if mark else otherwise for mark in marks)


def kinds_beside(fields: Fields, kinds: Kinds) -> tuple[Kinds, ...]:
    """For each layer, the mixers that run in it beside its main one: the Mamba path of hybrid layers."""
    if fields.model_type in ("falcon_h1", "zamba", "zamba2"):
        path: Kinds = ("state-space",)
        return tuple(path if kind == "full" else () for kind in kinds)
    return ((),) * len(kinds)


def _word(fields: Fields, word: object, where: str) -> LayerKind:
    kind = NAMES.get(word) if isinstance(word, str) else None
    if kind is None:
        raise FormatError(
            f"{where} is {short(word)}, a kind of layer this version does not know: report it with the config."
        )
    if kind == "linear" and fields.model_type in STATE_SPACE_TYPES:
        return "state-space"
    if kind == "linear" and fields.model_type == "recurrent_gemma":
        return "recurrent"
    return kind


def _fitting(fields: Fields, name: str, length: int, n_layers: int) -> None:
    # A longer list is met in the wild: it goes on to describe the layers of multi-token prediction.
    if length < n_layers:
        raise FormatError(f"{fields.label(name)} describes {length} layers of {n_layers}: mend the config.")


def _listed(fields: Fields, n_layers: int) -> Kinds | None:
    """One word a layer."""
    words = fields.stated("layer_types")
    name = fields.found.get("layer_types", "layer_types")
    if words is None:
        return None
    if not isinstance(words, list | tuple):
        raise FormatError(f"{fields.label(name)} is {short(words)}: it must be a list with one word a layer.")
    _fitting(fields, name, len(words), n_layers)
    return tuple(_word(fields, word, f"{fields.label(name)}[{index}]") for index, word in enumerate(words[:n_layers]))


def _patterned(fields: Fields, n_layers: int) -> Kinds | None:
    """Layouts in the shapes that single model families use."""
    for name, read in _PATTERNS.items():
        if fields.config.get(name) is not None:
            return read(fields, fields.config[name], n_layers)
    return None


def _letters(fields: Fields, value: Any, n_layers: int) -> Kinds:
    where = fields.label("hybrid_override_pattern")
    if not isinstance(value, str) or set(value) - set(PATTERN_LETTERS):
        raise FormatError(f"{where} is {short(value)}: it must be a word of the letters {' '.join(PATTERN_LETTERS)}.")
    _fitting(fields, "hybrid_override_pattern", len(value), n_layers)
    return tuple(PATTERN_LETTERS[letter] for letter in value[:n_layers])


def _at(name: str, otherwise: LayerKind, marked: LayerKind = "full") -> Callable[[Fields, Any, int], Kinds]:
    def read(fields: Fields, value: Any, n_layers: int) -> Kinds:
        indices = set(whole_numbers(value, fields.label(name), most=n_layers - 1))
        return _choose((index in indices for index in range(n_layers)), marked, otherwise)

    return read


def _kimi(fields: Fields, value: Any, n_layers: int) -> Kinds | None:
    where = fields.label("linear_attn_config")
    if not isinstance(value, Mapping):
        raise FormatError(f"{where} is {short(value)}: it must be an object.")
    if value.get("full_attn_layers") is None:
        return None
    # Kimi counts its layers from 1.
    full = set(whole_numbers(value["full_attn_layers"], f"{where}.full_attn_layers", least=1, most=n_layers))
    return _choose((index + 1 in full for index in range(n_layers)), "full", "linear")


def _zero_one(name: str, meaning: Mapping[int, LayerKind]) -> Callable[[Fields, Any, int], Kinds]:
    def read(fields: Fields, value: Any, n_layers: int) -> Kinds:
        numbers = whole_numbers(value, fields.label(name), most=1)
        _fitting(fields, name, len(numbers), n_layers)
        return tuple(meaning[number] for number in numbers[:n_layers])

    return read


def _repeated(name: str) -> Callable[[Fields, Any, int], Kinds]:
    def read(fields: Fields, value: Any, n_layers: int) -> Kinds:
        if not isinstance(value, list | tuple) or not value:
            raise FormatError(f"{fields.label(name)} is {short(value)}: it must be a list of words.")
        words = [_word(fields, word, f"{fields.label(name)}[{index}]") for index, word in enumerate(value)]
        # The attention of RecurrentGemma is always local.
        kinds: list[LayerKind] = ["sliding" if word == "full" else word for word in words]
        return tuple(kinds[index % len(kinds)] for index in range(n_layers))

    return read


def _gpt_neo(fields: Fields, value: Any, n_layers: int) -> Kinds:
    where = fields.label("attention_types")
    kinds: list[LayerKind] = []
    try:
        for words, times in value:
            if len(kinds) + positive_int(times, where, 4096) * len(words) > 1 << 16:
                raise FormatError(f"{where} describes more than {1 << 16:,} layers: mend the config.")
            kinds += [_word(fields, word, where) for word in words] * times
    except (TypeError, ValueError) as error:
        raise FormatError(f"{where} must be a list of [words, times] pairs ({error}).") from error
    _fitting(fields, "attention_types", len(kinds), n_layers)
    return tuple(kinds[:n_layers])


_PATTERNS: Final[Mapping[str, Callable[[Fields, Any, int], Kinds | None]]] = {
    "hybrid_override_pattern": _letters,
    "attn_layer_indices": _at("attn_layer_indices", "state-space"),
    "full_attn_idxs": _at("full_attn_idxs", "convolution"),
    "cross_attention_layers": _at("cross_attention_layers", "full", "cross"),
    "linear_attn_config": _kimi,
    "attn_type_list": _zero_one("attn_type_list", {0: "linear", 1: "full"}),
    "hybrid_layer_pattern": _zero_one("hybrid_layer_pattern", {0: "full", 1: "sliding"}),
    "block_types": _repeated("block_types"),
    "_block_types": _repeated("_block_types"),
    "attention_types": _gpt_neo,
}


def _every(n_layers: int, period: int, marked: LayerKind, otherwise: LayerKind, phase: int = 0) -> Kinds:
    """`marked` at the layers i with (i + 1) % period == phase."""
    return _choose(((index + 1) % period == phase for index in range(n_layers)), marked, otherwise)


def _by_period(fields: Fields, n_layers: int) -> Kinds | None:
    """Layouts given by a period, in the file or by the model type's rule."""
    model_type = fields.model_type
    if (period := fields.integer("attn_layer_period")) is not None:
        offset = fields.value("attn_layer_offset")
        (offset,) = whole_numbers([0 if offset is None else offset], fields.label("attn_layer_offset"), most=period - 1)
        if model_type == "zamba":
            raise FormatError(f"{fields.label('layers_block_type')} is missing: zamba's layers follow no period.")
        return _every(n_layers, period, "full", "state-space", (offset + 1) % period)
    if model_type in SOFTMAX_EVERY or fields.config.get("full_attention_interval") is not None:
        period = fields.integer("full_attention_interval") or SOFTMAX_EVERY[model_type]
        return _every(n_layers, period, "full", "linear")
    if model_type == "minimax":
        return _every(n_layers, 2, "full", "linear", 1)
    if model_type == "recurrent_gemma":
        return _every(n_layers, 3, "sliding", "recurrent")
    if model_type in ("modernbert", "modernbert-decoder"):
        period = fields.integer("global_attn_every_n_layers") or 3
        return _every(n_layers, period, "full", "sliding", 1 % period)
    if model_type == "cwm":
        return _every(n_layers, 4, "full", "sliding", 1)
    if model_type == "afmoe":
        return _every(n_layers, fields.integer("global_attn_every_n_layers") or 4, "full", "sliding")
    if model_type == "llama4_text":
        return _choose(rope_switches(fields, n_layers) or (0,) * n_layers, "chunked", "full")
    if model_type == "gpt_neo":
        return _every(n_layers, 2, "full", "sliding", 1)
    if model_type in ("axk2", "deepseek_v32", "glm_moe_dsa", "hy_v4", "mistral_large4_text"):
        return _all("full", n_layers)
    if model_type == "deepseek_v4":
        return _choose((rate is None for rate in compression_rates(fields, n_layers)), "sliding", "full")
    return None


def rope_switches(fields: Fields, n_layers: int) -> tuple[int, ...] | None:
    """1 for a layer with RoPE, 0 for one without: what `no_rope_layers` lists, or its interval gives."""
    stated = fields.config.get("no_rope_layers")
    if stated:
        switches = whole_numbers(stated, fields.label("no_rope_layers"), most=1)
        _fitting(fields, "no_rope_layers", len(switches), n_layers)
        return switches[:n_layers]
    interval = fields.integer("no_rope_layer_interval")
    if interval is None:
        return None
    return tuple(int((index + 1) % interval != 0) for index in range(n_layers))


def _whole(fields: Fields, n_layers: int) -> Kinds | None:
    if fields.model_type == "falcon_h1":
        return _all("full", n_layers)
    if fields.model_type in ("bamba", "granitemoehybrid"):
        return _all("state-space", n_layers)
    kind = WHOLE.get(fields.model_type)
    return None if kind is None else (kind,) * n_layers


def _windowed(fields: Fields, n_layers: int) -> Kinds | None:
    """Which layers slide where the file only gives a window and, perhaps, where it starts or a pattern."""
    window = fields.value("sliding_window")
    if window is None or fields.flag("use_sliding_window") is False:
        return None if window is None else _all("full", n_layers)
    if fields.family.get("full"):
        return _all("full", n_layers)
    pattern = fields.value("sliding_window_pattern")
    if isinstance(pattern, str) and pattern and not set(pattern) - {"L", "G"}:
        return _choose((pattern[index % len(pattern)] == "L" for index in range(n_layers)), "sliding", "full")
    if pattern is not None or fields.model_type in FULL_EVERY:
        period = (
            FULL_EVERY[fields.model_type]
            if pattern is None
            else positive_int(pattern, fields.label("sliding_window_pattern"), 4096)
        )
        return _every(n_layers, period, "full", "sliding")
    if fields.model_type == "smollm3":
        return _choose(rope_switches(fields, n_layers) or (1,) * n_layers, "full", "sliding")
    first = fields.value("max_window_layers")
    if first is not None:
        (first,) = whole_numbers([first], fields.label("max_window_layers"))
        return _choose((index >= first for index in range(n_layers)), "sliding", "full")
    if fields.family.get("mixed"):
        return None
    return _all("sliding", n_layers)
