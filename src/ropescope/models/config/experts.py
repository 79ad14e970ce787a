"""Which layers are a mixture of experts, and of how many: from the fields a config gives them, under their many names."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from ropescope.errors import FormatError
from ropescope.models.config.fields import Fields, positive_int, short, whole_numbers
from ropescope.models.model import Experts

TOTAL: Final = ("n_routed_experts", "num_local_experts", "num_experts", "moe_num_experts", "num_routed_experts")
ACTIVE: Final = (
    "num_experts_per_tok",
    "num_experts_per_token",
    "moe_k",
    "moe_topk",
    "moe_top_k",
    "top_k_experts",
    "num_selected_experts",
    "experts_per_token",
)
SHARED: Final = (
    "n_shared_experts",
    "num_shared_experts",
    "moe_num_shared_experts",
    "num_shared_expert",
    "num_experts_shared",
)
SHARED_WIDTH: Final = ("shared_expert_intermediate_size", "shared_intermediate_size", "share_expert_dim")
"""A width of the shared expert: above zero there is one."""

SWITCH: Final[Mapping[str, str]] = {
    "gemma4_text": "enable_moe_block",
    "gemma4_unified_text": "enable_moe_block",
    "diffusion_gemma_text": "enable_moe_block",
    "doge": "is_moe",
}
"""Model types whose experts are off unless this field is true."""

ALWAYS_SHARED: Final = frozenset({"llama4_text"})
"""Model types with one shared expert that no field tells of."""

DENSE_FIRST: Final[Mapping[str, int]] = {
    "axk1": 1,
    "axk2": 1,
    "beam": 3,
    "dots3_note_text": 1,
    "ernie4_5_vl_moe_text": 1,
    "flint": 2,
    "glm4_moe_lite": 1,
    "glm5_next_text": 3,
    "hy_v3": 1,
    "hy_v4": 1,
    "kimi_linear": 1,
    "laguna": 1,
    "mimo_v2_flash": 1,
    "step3p5": 3,
    "unlimited_ocr_text": 1,
}
"""How many layers at the start are dense where the config is silent; the config classes of transformers 5.23 hold it
in code rather than in a field's default."""

_MOST: Final = 1 << 20
Marks = tuple[bool, ...]


def experts_of(fields: Fields, n_layers: int) -> tuple[Experts | None, ...]:
    """The experts of each of the `n_layers` layers, None where the MLP is dense.

    A count may be a list with one entry a layer. Raises FormatError, naming the field, for values that cannot be.
    """
    none = (None,) * n_layers
    if (switch := SWITCH.get(fields.model_type)) is not None and fields.flag(switch) is not True:
        return none
    totals = _counts(fields, TOTAL, n_layers) or _counts_of_part(fields, "moe_num_experts", n_layers)
    if totals is None or max(totals) < 2:
        return none
    actives = _counts(fields, ACTIVE, n_layers) or _counts_of_part(fields, "moe_top_k", n_layers)
    if actives is None:
        actives = totals
        fields.assumed[ACTIVE[0]] = "not in the file, so every expert is taken as active"
    shared = _shared(fields, n_layers)
    found: list[Experts | None] = []
    for index, mixed in enumerate(sparse_layers(fields, n_layers)):
        if not mixed or totals[index] < 2:
            found.append(None)
            continue
        if not 1 <= actives[index] <= totals[index]:
            raise FormatError(
                f"{_where(fields, ACTIVE)} is {actives[index]} and {_where(fields, TOTAL)} is {totals[index]}: a token "
                "passes through at least one expert and at most all of them."
            )
        found.append(Experts(totals[index], actives[index], shared[index]))
    return tuple(found)


def sparse_layers(fields: Fields, n_layers: int) -> Marks:
    """For each layer whether its MLP is a mixture of experts, given that the model has experts."""
    for rule in _RULES:
        marks = rule(fields, n_layers)
        if marks is not None:
            return marks
    first = DENSE_FIRST.get(fields.model_type, 0)
    if first:
        fields.assume("first_k_dense_replace", first)
    return tuple(index >= first for index in range(n_layers))


def first_value(fields: Fields, names: tuple[str, ...]) -> tuple[str, Any]:
    """(name, value) of the first of `names` that the file states, else that the family assumes; ("", None) without."""
    for name in names:
        if (value := fields.stated(name)) is not None:
            return name, value
    for name in names:
        if (value := fields.value(name)) is not None:
            return name, value
    return "", None


def _where(fields: Fields, names: tuple[str, ...]) -> str:
    return fields.label(next((name for name in names if fields.config.get(name) is not None), names[0]))


def _counts(fields: Fields, names: tuple[str, ...], n_layers: int) -> tuple[int, ...] | None:
    name, value = first_value(fields, names)
    return None if value is None else _spread(fields, name, value, n_layers)


def _counts_of_part(fields: Fields, name: str, n_layers: int) -> tuple[int, ...] | None:
    """DBRX keeps its experts under `ffn_config`."""
    part = fields.config.get("ffn_config")
    if not isinstance(part, Mapping) or part.get(name) is None:
        return None
    return _spread(fields, f"ffn_config.{name}", part[name], n_layers)


def _spread(fields: Fields, name: str, value: Any, n_layers: int) -> tuple[int, ...]:
    where = fields.label(name)
    if isinstance(value, list | tuple):
        numbers = whole_numbers(value, where, most=_MOST)
        if fields.model_type == "ernie4_5_vl_moe_text" and len(numbers) == 2:
            # One number for the experts of text, one for those of images: this is the language model.
            return numbers[:1] * n_layers
        if len(numbers) < n_layers:
            raise FormatError(f"{where} lists {len(numbers)} values and the model has {n_layers} layers: mend it.")
        return numbers[:n_layers]
    return whole_numbers([value], where, most=_MOST) * n_layers


def _shared(fields: Fields, n_layers: int) -> tuple[int, ...]:
    if fields.model_type in ALWAYS_SHARED:
        return (1,) * n_layers
    if fields.flag("use_mixed_mlp_moe") is False:
        return (0,) * n_layers
    counts = _counts(fields, SHARED, n_layers)
    if counts is None and fields.model_type == "hunyuan_v1_moe":
        return (1,) * n_layers
    widths = _counts(fields, SHARED_WIDTH, n_layers) if counts is None else None
    return counts or tuple(int(width > 0) for width in widths or (0,) * n_layers)


def _words(fields: Fields, n_layers: int) -> Marks | None:
    words = fields.config.get("mlp_layer_types")
    if words is None:
        return None
    where = fields.label("mlp_layer_types")
    if not isinstance(words, list | tuple) or len(words) < n_layers:
        raise FormatError(f"{where} is {short(words)}: it must be a list with one word for each of {n_layers} layers.")
    meaning = {"dense": False, "sparse": True, "moe": True, "hash_moe": True}
    for index, word in enumerate(words[:n_layers]):
        if not isinstance(word, str) or word not in meaning:
            raise FormatError(f"{where}[{index}] is {short(word)}: it must be one of {', '.join(meaning)}.")
    return tuple(meaning[word] for word in words[:n_layers])


def _nemotron(fields: Fields, n_layers: int) -> Marks | None:
    if fields.model_type != "nemotron_h":
        return None
    words = fields.stated("layer_types") or fields.config.get("hybrid_override_pattern") or ()
    marks = tuple(word in ("moe", "E") for word in words)[:n_layers]
    return marks + (False,) * (n_layers - len(marks))


def _listed(fields: Fields, n_layers: int) -> Marks | None:
    """The indices of the sparse layers: a list (Llama 4), or words with commas (Step)."""
    for name in ("moe_layers", "moe_layers_enum"):
        value = fields.config.get(name)
        if isinstance(value, str):
            value = [int(word) for word in value.split(",") if word.strip().isdecimal()]
        if value is not None:
            indices = set(whole_numbers(value, fields.label(name), most=_MOST))
            return tuple(index in indices for index in range(n_layers))
    return None


def _switches(fields: Fields, n_layers: int) -> Marks | None:
    """`moe_layer_freq` as a list of zeros and ones."""
    value = fields.config.get("moe_layer_freq")
    if not isinstance(value, list | tuple):
        return None
    marks = whole_numbers(value, fields.label("moe_layer_freq"), most=1)
    if len(marks) < n_layers:
        raise FormatError(f"{fields.label('moe_layer_freq')} describes {len(marks)} layers of {n_layers}: mend it.")
    return tuple(bool(mark) for mark in marks[:n_layers])


def _number(fields: Fields, name: str, otherwise: int, least: int = 0) -> int:
    value = fields.value(name)
    return otherwise if value is None else whole_numbers([value], fields.where(name), least=least, most=_MOST)[0]


def _qwen(fields: Fields, n_layers: int) -> Marks | None:
    step = fields.value("decoder_sparse_step")
    dense = fields.config.get("mlp_only_layers")
    if step is None and dense is None:
        return None
    step = _number(fields, "decoder_sparse_step", 1, least=1)
    if dense is None:
        dense = range(DENSE_FIRST.get(fields.model_type, 0))
    only = set(whole_numbers(dense, fields.label("mlp_only_layers"), most=_MOST))
    return tuple(index not in only and (index + 1) % step == 0 for index in range(n_layers))


def _jamba(fields: Fields, n_layers: int) -> Marks | None:
    if fields.value("expert_layer_period") is None:
        return None
    period = _number(fields, "expert_layer_period", 1, least=1)
    offset = _number(fields, "expert_layer_offset", 0)
    return tuple(index % period == offset for index in range(n_layers))


def _ernie(fields: Fields, n_layers: int) -> Marks | None:
    if fields.value("moe_layer_interval") is None:
        return None
    interval = _number(fields, "moe_layer_interval", 1, least=1)
    # "_index" fields are left out of the table of defaults, which are 1 and -1 ("the last layer") in transformers.
    start = _first_of(fields, "moe_layer_start_index", 1, n_layers)
    end = _first_of(fields, "moe_layer_end_index", n_layers - 1, n_layers)
    return tuple((index + 1) % interval == 0 and start <= index <= end for index in range(n_layers))


def _first_of(fields: Fields, name: str, otherwise: int, n_layers: int) -> int:
    value = fields.config.get(name)
    if isinstance(value, list | tuple) and value:
        value = value[0]
    if value is None or value == -1:
        return otherwise
    return whole_numbers([value], fields.label(name), most=max(n_layers, 4096))[0]


def _llama4(fields: Fields, n_layers: int) -> Marks | None:
    if fields.value("interleave_moe_layer_step") is None:
        return None
    step = positive_int(fields.value("interleave_moe_layer_step"), fields.where("interleave_moe_layer_step"), _MOST)
    return tuple((index + 1) % step == 0 for index in range(n_layers))


def _dense_first(fields: Fields, n_layers: int) -> Marks | None:
    name, value = first_value(fields, ("first_k_dense_replace", "num_dense_layers", "dense_mlp_idx", "n_dense_layers"))
    if value is None:
        return None
    first = whole_numbers([value], fields.where(name), most=_MOST)[0]
    # DeepSeek's own code has a step as well; in every released config it is 1.
    step = fields.config.get("moe_layer_freq")
    step = 1 if step is None else positive_int(step, fields.label("moe_layer_freq"), _MOST)
    return tuple(index >= first and index % step == 0 for index in range(n_layers))


_RULES: Final[tuple[Callable[[Fields, int], Marks | None], ...]] = (
    _words,
    _nemotron,
    _listed,
    _switches,
    _qwen,
    _jamba,
    _ernie,
    _llama4,
    _dense_first,
)
