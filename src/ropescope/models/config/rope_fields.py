"""Which fields of a config give the RoPE of each layer, by model type: those that the config class of transformers reads.

Read in transformers 5.23, class by class; `tests/models/config/test_rope_fields.py` holds every type to the frequencies of its
own rotary module. A type that transformers does not know is read by every name there is.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from ropescope.models.config.fields import Fields, families
from ropescope.models.model import LayerKind

SCALING_FIELDS: Final = frozenset(
    """
    rope_type type rope_theta factor original_max_position_embeddings attention_factor beta_fast beta_slow
    short_factor long_factor low_freq_factor high_freq_factor mscale mscale_all_dim truncate finetuned short_mscale
    long_mscale alpha
    """.split()
)
"""Fields of a RoPE entry that say how it is scaled: a new scaling replaces all of them. Any other (mrope_section,
partial_rotary_factor) stays."""

THETA_NAMES: Final = ("rope_theta", "rotary_emb_base", "rope_base", "rotary_base", "global_rope_theta")
LOCAL_THETA_NAMES: Final = ("rope_local_base_freq", "local_rope_theta", "swa_rope_theta")
FRACTION_NAMES: Final = ("partial_rotary_factor", "rotary_pct", "rotary_percent", "rope_pct", "rope_percent")

# Rotary models whose base is written in their code, not in their config.
FIXED_THETA: Final[Mapping[str, float]] = {"gptj": 10000.0, "codegen": 10000.0, "roformer": 10000.0}
FIXED_FRACTION: Final[Mapping[str, float]] = {"gpt_neox": 0.25}

_BY_KIND: Final = {"full": "rope_theta", "sliding": "rope_local_base_freq"}
_BERT: Final = {"full": "global_rope_theta", "sliding": "local_rope_theta"}
_OTHER_BASE: Final[Mapping[str, Mapping[str, str]]] = {
    "gemma3_text": _BY_KIND,
    "gemma3n_text": _BY_KIND,
    "modernbert": _BERT,
    "modernbert-decoder": _BERT,
    "olmo3": {"full": "rope_theta"},
    "gpt_neox": {"full": "rotary_emb_base"},
    "gpt_neox_japanese": {"full": "rotary_emb_base"},
    "dots3_note_text": {"full": "rope_theta", "sliding": "swa_rope_theta"},
    "deepseek_v4": {"full": "compress_rope_theta", "sliding": "rope_theta"},
}
"""Model type → kind of layer → the field beside the RoPE entries that gives its base, where it is not `rope_theta` for all."""

ENTRIES_ALONE: Final = frozenset(
    {
        "beam",
        "diffusion_gemma_text",
        "gemma4_text",
        "gemma4_unified_text",
        "laguna",
        "lfm3",
        "mellum",
        "mimo_v2_flash",
        "ultrabert",
        "zaya",
    }
)
"""Types that read `rope_parameters` by type of layer and nothing else: `rope_theta` beside it counts for entries without one."""

BY_LAYER_TYPE: Final = ENTRIES_ALONE | {
    "gemma3_text",
    "gemma3n_text",
    "modernbert",
    "modernbert-decoder",
    "olmo3",
    "step3p5",
}
"""Types whose `rope_parameters` are by type of layer: what stands in a flat one is not read, or the class refuses it."""

_NO_ROPE_SCALING: Final = ENTRIES_ALONE | {"cohere2_moe"}
_RENAMED_TYPE: Final = BY_LAYER_TYPE - ENTRIES_ALONE
"""Types that read `rope_type` in `rope_scaling`, and `type`, its older name, not at all."""

# Without any entry, the class takes its own whole one, base and all.
_OWN_ENTRY: Final = frozenset(
    {"apertus", "cosmos3_edge_text", "cwm", "ministral3", "mistral4", "mistral_large4_text", "muse_spark_text"}
)
_BASE_OF_BARE_ENTRY: Final = dict.fromkeys(
    ("ministral3", "mistral4", "mistral_large4_text", "muse_spark_text"), 10000.0
)
FILLS_ENTRIES: Final = frozenset({"deepseek_v4", "mimo_v2_flash", "neomme"})
"""Types by layer whose class adds to every entry the share of a head that turns."""

_TURN_A_SHARE: Final = frozenset(
    """
    bamba deepseek_v4 diffusion_gemma_text dots3_note_text glm glm4 glm4_moe glm4v_moe_text glm4v_text glm_ocr_text
    gpt_neox gpt_neox_japanese laguna mellum mimo_v2_flash minimax_m2 minimax_m3_vl_text nemotron neomme persimmon phi
    phi3 phi4_multimodal qwen3_5_moe_text qwen3_5_text qwen3_next qwen4_exp_text recurrent_gemma solar_open stablelm
    step3p5 zaya
    """.split()
)
"""Types that turn a share of a head where the config says so. The others turn whole heads, whatever it says."""

_OTHER_SHARE: Final[Mapping[str, str]] = {
    "gpt_neox": "rotary_pct",
    "gpt_neox_japanese": "rotary_pct",
    "minimax_m2": "rotary_dim",
}

_OF_SOME_ENTRIES: Final[Mapping[str, frozenset[str]]] = {
    "alpha": frozenset({"hunyuan_v1_dense", "hunyuan_v1_moe", "hunyuan_vl_text"}),
    "short_mscale": frozenset({"phimoe"}),
    "long_mscale": frozenset({"phimoe"}),
}
"""Fields of a RoPE entry that vLLM reads for every type, and transformers in the classes of these types alone."""


def is_read_by_class(fields: Fields) -> bool:
    """Whether transformers has a config class of this type that keeps its RoPE in `rope_parameters`."""
    return bool(fields.family.get("rope_parameters"))


def base_names(fields: Fields, kind: LayerKind, *, has_entry: bool) -> tuple[str, ...]:
    """The fields beside the RoPE entries where the base of a kind of layer may stand, in order; `has_entry`: the config states an
    entry, without a base of its own."""
    local = kind in ("sliding", "chunked")
    if not is_read_by_class(fields):
        return (*LOCAL_THETA_NAMES, *THETA_NAMES) if local else THETA_NAMES
    if (own := _OTHER_BASE.get(fields.model_type)) is not None and not (
        fields.model_type == "dots3_note_text" and has_entry
    ):
        name = own.get("sliding" if local else "full")
        return () if name is None else (name,)
    if fields.model_type in ENTRIES_ALONE | _OWN_ENTRY and not has_entry:
        return ()
    return ("rope_theta",)


def stretches_base(fields: Fields, entry: Mapping[str, Any]) -> bool:
    """Whether an entry multiplies its base once and for all, by alpha^(d / (d − 2)) for d rotary dimensions: Hunyuan's files call
    that dynamic, or xdrope."""
    read = not is_read_by_class(fields) or fields.model_type in _OF_SOME_ENTRIES["alpha"]
    return read and bool(entry.get("alpha")) and entry.get("rope_type", entry.get("type")) in ("dynamic", "xdrope")


def base_field(model_type: str) -> str:
    """The field that states the base of the layers that see everything, beside the RoPE entry."""
    return _OTHER_BASE.get(model_type, {}).get("full", "rope_theta")


def base_of_bare_entry(fields: Fields) -> float | None:
    """The base that the class takes for an entry without one, where it is another than that of its own entry."""
    return _BASE_OF_BARE_ENTRY.get(fields.model_type)


def share_names(fields: Fields, *, has_entry: bool) -> tuple[str, ...]:
    """The fields beside the RoPE entries where the share of a head that turns may stand, in order; `has_entry`: the config states
    an entry, without a share of its own."""
    if not is_read_by_class(fields):
        return (*FRACTION_NAMES, "rotary_dim")
    if fields.model_type in ("neomme", "step3p5") or (fields.model_type in ENTRIES_ALONE and not has_entry):
        return ()
    if fields.model_type == "minimax_m2":
        return ("partial_rotary_factor", "rotary_dim")
    return (_OTHER_SHARE.get(fields.model_type, "partial_rotary_factor"),) if turns_a_share(fields) else ()


def turns_a_share(fields: Fields) -> bool:
    """Whether this type turns a share of a head where the config says so."""
    return not is_read_by_class(fields) or fields.model_type in _TURN_A_SHARE


def reads_rope_scaling(model_type: str) -> bool:
    """Whether a type reads `rope_scaling`, the older name of its RoPE entry."""
    return model_type not in _NO_ROPE_SCALING


def original_beside(model_type: str, config: Mapping[str, Any]) -> int | None:
    """The length before scaling that stands beside a flat RoPE entry, which goes before the one inside; None where there is none.
    The classes of Phi-3 have one of their own where the config is silent."""
    stated = config.get("original_max_position_embeddings")
    own = families()["families"].get(model_type, {}).get("defaults", {}).get("original_max_position_embeddings")
    value = own if stated is None else stated
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else None


def unread_rope(fields: Fields, kinds: tuple[LayerKind, ...]) -> tuple[tuple[str, str], ...]:
    """(field, why it is not read) for what the config says of RoPE and the class of its type passes over, each once."""
    if not is_read_by_class(fields):
        return ()
    config, found = fields.config, {}
    scaling, parameters = config.get("rope_scaling"), config.get("rope_parameters")
    if isinstance(scaling, Mapping) and scaling and not reads_rope_scaling(fields.model_type):
        found["rope_scaling"] = "it takes rope_parameters"
    elif (
        isinstance(scaling, Mapping)
        and fields.model_type in _RENAMED_TYPE
        and "rope_type" not in scaling
        and scaling.get("type")
    ):
        found["rope_scaling.type"] = "it takes rope_scaling.rope_type"
    if (
        _is_flat(parameters)
        and fields.model_type in BY_LAYER_TYPE
        and (fields.model_type in _NO_ROPE_SCALING or not scaling)
    ):
        found["rope_parameters"] = "it takes one entry for each type of layer"
    for where, entry in entries_of(config):
        share = entry.get("partial_rotary_factor")
        if share not in (None, 1, 1.0) and not turns_a_share(fields) and entry.get("rope_type") != "proportional":
            found[f"{where}.partial_rotary_factor"] = "it turns whole heads"
        for name, types in _OF_SOME_ENTRIES.items():
            if entry.get(name) and fields.model_type not in types:
                found[f"{where}.{name}"] = "it scales without it"
    stated = bool(entries_of(config)) or parameters == {}
    named = {name for kind in set(kinds) for name in base_names(fields, kind, has_entry=stated)}
    for name in (*THETA_NAMES, *LOCAL_THETA_NAMES):
        if config.get(name) is not None and name not in named:
            found[name] = f"it takes {' and '.join(sorted(named)) or 'rope_parameters'}"
    named = set(share_names(fields, has_entry=stated))
    for name in FRACTION_NAMES:
        if config.get(name) not in (None, 1, 1.0) and name not in named:
            found[name] = f"it takes {' and '.join(sorted(named))}" if named else "it turns whole heads"
    return tuple(found.items())


def entries_of(config: Mapping[str, Any]) -> tuple[tuple[str, Mapping[str, Any]], ...]:
    """(where it stands, the RoPE entry) for each entry that a text config states, those by type of layer one by one."""
    found: list[tuple[str, Mapping[str, Any]]] = []
    for name in ("rope_scaling", "rope_parameters"):
        value = config.get(name)
        if not isinstance(value, Mapping) or not value:
            continue
        nested = [(f"{name}.{word}", part) for word, part in value.items() if isinstance(part, Mapping)]
        found += nested or [(name, value)]
    return tuple(found)


def _is_flat(entry: Any) -> bool:
    return isinstance(entry, Mapping) and bool(entry) and not any(isinstance(part, Mapping) for part in entry.values())
