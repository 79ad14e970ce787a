"""Finding a fact in a config under any of its names, and refusing values that cannot be.

Order for each fact: the file, under the name the model type uses, then under other known names; then what transformers
assumes for that model type (`families.json`), recorded as assumed; else it is absent.
"""

from __future__ import annotations

import functools
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from ropescope.errors import FormatError

ALIASES: Final[Mapping[str, tuple[str, ...]]] = {
    "num_hidden_layers": ("n_layer", "n_layers", "num_layers", "num_transformer_layers"),
    "num_attention_heads": ("n_head", "n_heads", "num_heads", "num_query_heads", "num_attention_heads_per_layer"),
    "num_key_value_heads": ("n_head_kv", "n_kv_heads", "num_kv_heads", "multi_query_group_num", "num_query_groups"),
    "hidden_size": ("n_embd", "d_model", "hidden_dim", "model_dim", "n_embed", "emb_dim", "embed_dim", "dim"),
    "head_dim": ("attention_head_dim", "kv_channels", "d_head", "head_size"),
    "max_position_embeddings": (
        "n_positions",
        "max_sequence_length",
        "max_seq_len",
        "seq_length",
        "n_ctx",
        "max_seqlen",
        "model_max_length",
        "max_context_length",
        "context_length",
    ),
    "vocab_size": ("n_vocab", "padded_vocab_size"),
    "sliding_window": ("sliding_window_size", "attention_window_size", "local_attention", "window_size"),
    "layer_types": ("layers_block_type", "layer_block_types"),
}
"""Canonical name → the names other model types and remote-code repositories use."""

TEXT_FIELDS: Final = ("text_config", "llm_config", "language_config", "language_model_config", "thinker_config")
"""Where composite models keep the description of their language model."""

SAME_NETWORK: Final[Mapping[str, str]] = {"kimi_k2": "deepseek_v3"}
"""Model types of repositories whose code is that of another type: their `architectures` name its class
(DeepseekV3ForCausalLM for Kimi K2), which is what vLLM and SGLang load."""

MOST: Final[Mapping[str, int]] = {"num_hidden_layers": 4096, "num_attention_heads": 1 << 16, "head_dim": 1 << 20}
MOST_OTHERWISE: Final = 1 << 40


@functools.cache
def families() -> Mapping[str, Any]:
    """What transformers assumes for each model type: `transformers` (version), `text_types`, `families`."""
    data: Mapping[str, Any] = json.loads(Path(__file__).with_name("families.json").read_text(encoding="utf-8"))
    return data


def text_part(config: Mapping[str, Any]) -> tuple[Mapping[str, Any], str, str]:
    """(the mapping that describes the language model, its model type, the path to it, "" for the top)."""
    part, path = config, ""
    model_type = _model_type(config)
    for _ in range(3):
        name = next((name for name in TEXT_FIELDS if isinstance(part.get(name), Mapping)), None)
        if name is None:
            break
        outer, part, path = part, part[name], f"{path}{name}."
        model_type = _model_type(part) or str(families()["text_types"].get(model_type, model_type))
        # Some composite configs state the vocabulary or the window once, at the top.
        part = {**{key: outer[key] for key in ("vocab_size", "quantization_config") if key in outer}, **part}
    if not path and model_type not in families()["families"]:
        # Some composite models (Qwen2-VL) describe their language model at the top.
        model_type = str(families()["text_types"].get(model_type, model_type))
    return part, model_type, path


def _model_type(config: Mapping[str, Any]) -> str:
    value = config.get("model_type", "")
    if value is None:
        return ""
    if not isinstance(value, str) or len(value) > 100 or not value.isprintable():
        raise FormatError(f"model_type is {short(value)}: it must be a word.")
    return SAME_NETWORK.get(value, value)


class Watched(Mapping[str, Any]):
    """A config that remembers which of its fields were asked for."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        self._config = config
        self.asked: set[str] = set()

    def __getitem__(self, name: str) -> Any:
        self.asked.add(name)
        return self._config[name]

    def __contains__(self, name: object) -> bool:
        if isinstance(name, str):
            self.asked.add(name)
        return name in self._config

    def __iter__(self) -> Iterator[str]:
        return iter(self._config)

    def __len__(self) -> int:
        return len(self._config)


class Fields:
    """The facts of one language model's config; remembers which were assumed and where each was found."""

    def __init__(self, config: Mapping[str, Any], model_type: str, path: str = "") -> None:
        self.config, self.model_type, self.path = Watched(config), model_type, path
        family: Mapping[str, Any] = families()["families"].get(model_type, {})
        self.known = bool(family)
        self.family = family
        self.assumed: dict[str, str] = {}
        self.found: dict[str, str] = {}
        self.remarks: list[str] = []

    def remark(self, sentence: str) -> None:
        """Keep a sentence on how the config was read, once."""
        if sentence not in self.remarks:
            self.remarks.append(sentence)

    def label(self, name: str) -> str:
        """How errors and provenance call a field: its path in the file."""
        return f"{self.path}{name}"

    def stated(self, name: str) -> Any:
        """The value the file states for canonical `name`, under any of its names; None if it states none."""
        own = self.family.get("names", {}).get(name)
        for alias in (own, name, *ALIASES.get(name, ())):
            if alias is not None and (value := self.config.get(alias)) is not None:
                self.found[name] = alias
                return value
        nested = self.config.get("attn_config")
        key = {"num_key_value_heads": "kv_n_heads", "sliding_window": "sliding_window_size"}.get(name, name)
        if isinstance(nested, Mapping) and nested.get(key) is not None:
            # MPT writes -1 for "no window".
            if name == "sliding_window" and nested[key] == -1:
                return None
            self.found[name] = f"attn_config.{key}"
            return nested[key]
        return None

    def value(self, name: str) -> Any:
        """The stated value, else the family's default (recorded as assumed), else None."""
        value = self.stated(name)
        if value is not None:
            return value
        own = self.family.get("names", {}).get(name, name)
        if own in self.config or name in self.config:
            return None  # a null in the file means "none", not "the default"
        defaults = self.family.get("defaults", {})
        for alias in (name, *ALIASES.get(name, ())):
            if (value := defaults.get(alias)) is not None:
                self.assume(name, value)
                return value
        return None

    def assume(self, name: str, value: object) -> None:
        """Record that `name` is not in the file and what transformers takes instead."""
        version = families()["transformers"]
        self.assumed[name] = f"not in the file; transformers {version} takes {value} for {self.model_type}"

    def integer(self, name: str) -> int | None:
        """A positive whole number, or None where neither file nor family has one. Raises FormatError."""
        value = self.value(name)
        return None if value is None else positive_int(value, self.where(name), MOST.get(name, MOST_OTHERWISE))

    def required(self, name: str) -> int:
        """As `integer`, but raises FormatError where there is none."""
        value = self.integer(name)
        if value is None:
            kind = f"model type {self.model_type!r}" if self.model_type else "a config without model_type"
            raise FormatError(f"{self.label(name)} is missing, and {kind} has no default for it: add it to the config.")
        return value

    def per_layer(self, name: str, n_layers: int) -> tuple[int, ...] | None:
        """A positive whole number for each layer, stated as one number or as a list; None where there is none."""
        value = self.value(name)
        if value is None:
            return None
        where, most = self.where(name), MOST.get(name, MOST_OTHERWISE)
        if not isinstance(value, list | tuple):
            return (positive_int(value, where, most),) * n_layers
        if len(value) != n_layers:
            raise FormatError(
                f"{where} lists {len(value)} values and the model has {n_layers} layers: mend the config."
            )
        return tuple(positive_int(entry, f"{where}[{index}]", most) for index, entry in enumerate(value))

    def flag(self, name: str) -> bool | None:
        """A true/false field, or None. Raises FormatError for anything else."""
        value = self.value(name)
        if value is None and isinstance(nested := self.config.get("attn_config"), Mapping):
            value = nested.get(name)
        if value is not None and not isinstance(value, bool):
            raise FormatError(f"{self.where(name)} is {short(value)}: it must be true or false.")
        return value

    def latent_head_dims(self) -> tuple[int, int] | None:
        """(rotary, other) dimensions of a query or key head under multi-head latent attention; None without it."""
        rotary, other, rank = (self.value(name) for name in ("qk_rope_head_dim", "qk_nope_head_dim", "kv_lora_rank"))
        if rotary is None or other is None or rank is None:
            return None
        positive_int(rank, self.where("kv_lora_rank"))
        # No rotary dimensions at all is a design of its own (latent attention without positions).
        (rotary,) = whole_numbers([rotary], self.where("qk_rope_head_dim"))
        return rotary, positive_int(other, self.where("qk_nope_head_dim"), 1 << 20)

    def where(self, name: str) -> str:
        """The path of `name` under the name it was found by."""
        return self.label(self.found.get(name, name))


def positive_int(value: object, where: str, most: int = MOST_OTHERWISE) -> int:
    """`value` if it is a whole number from 1 to `most`; raises FormatError naming `where` and the value."""
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= most:
        raise FormatError(f"{where} is {short(value)}: it must be a whole number from 1 to {most:,}.")
    return value


def positive_float(value: object, where: str) -> float:
    """`value` if it is a finite number above zero; raises FormatError naming `where` and the value."""
    if (
        isinstance(value, bool)
        or not isinstance(value, int | float)
        or not 0 < value < 1e30
        or not math.isfinite(value)
    ):
        raise FormatError(f"{where} is {short(value)}: it must be a finite number above zero.")
    return float(value)


def whole_numbers(value: object, where: str, *, least: int = 0, most: int = 1 << 20) -> tuple[int, ...]:
    """A list of whole numbers in [least, most]; raises FormatError naming `where`."""
    if not isinstance(value, Sequence) or isinstance(value, str | bytes):
        raise FormatError(f"{where} is {short(value)}: it must be a list of whole numbers.")
    for index, entry in enumerate(value):
        if isinstance(entry, bool) or not isinstance(entry, int) or not least <= entry <= most:
            raise FormatError(
                f"{where}[{index}] is {short(entry)}: it must be a whole number from {least} to {most:,}."
            )
    return tuple(value)


def short(value: object) -> str:
    """`value` as an error shows it: at most 60 characters."""
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
