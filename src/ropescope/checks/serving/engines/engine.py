"""Engines: what each inference engine holds in memory and which of its settings bear on it, at a stated version.

The flags and cache types were read from the engines' own source (`engine_flags.json`, written by
tests/checks/serving/engines/engine_flags_from_packages.py); what stands here was read beside it, and names where.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any, Final, Literal

from ropescope.checks.serving.devices.device import GIB
from ropescope.checks.serving.weights.precisions import PLAIN, STORED, is_gguf, precision_names
from ropescope.errors import DomainError
from ropescope.questions.names import did_you_mean, shown

MIB: Final = 2**20


@dataclass(frozen=True, slots=True)
class CacheType:
    """A type an engine offers for its cache: the word its flag takes ("" for none), and the layout of
    `storage.LAYOUTS` that it is; `value_flag` and `value_kind` where values have another than keys. `name` is what it is
    called where that is not its layout's name."""

    flag: str
    kind: str
    value_flag: str = ""
    value_kind: str = ""
    name: str = ""

    @property
    def values(self) -> str:
        """The layout of values."""
        return self.value_kind or self.kind

    @property
    def value_word(self) -> str:
        """The word that the flag for values takes."""
        return self.value_flag or self.flag

    @property
    def label(self) -> str:
        """What a reader calls it: `q8_0`, `q8_0,q4_0`, `turboquant_k8v4`."""
        return self.name or (self.kind if self.values == self.kind else f"{self.kind},{self.values}")


@dataclass(frozen=True, slots=True)
class Engine:
    """An inference engine. `split` is how several devices share a model: every layer cut across them ("tensor"), or
    whole layers dealt out ("layers"). `cache_types` maps the names a user may give to the engine's; the first is its
    default. `online` maps precisions that the engine makes itself when loading 16-bit weights to the word its flag
    takes; `ready_made` are those it runs from a checkpoint that was quantised beforehand.

    `overhead_bytes` is what a process holds beside weights, cache and activations; `activation_bytes` is the size of
    an activation, `logit_bytes` of all that is held for one logit while sampling.
    """

    name: str
    split: Literal["tensor", "layers"]
    cache_types: Mapping[str, CacheType] = field(hash=False)
    online: Mapping[str, str] = field(hash=False)
    ready_made: tuple[str, ...]
    overhead_bytes: int
    overhead_source: str
    activation_bytes: int = 2
    logit_bytes: int = 4
    block_tokens: int = 1
    state_kind: str = "bf16"
    windowed: frozenset[str] | None = None

    @property
    def version(self) -> str:
        """The version of which all this is said."""
        return str(read_flags()[self.name]["version"])

    @property
    def flags(self) -> frozenset[str]:
        """Every flag (for Ollama: environment variable, instruction or parameter) that this version takes."""
        return frozenset(read_flags()[self.name]["flags"])

    def cache_type(self, text: str) -> CacheType:
        """The cache type a user named; for llama.cpp two, of keys and of values, with a comma between. Raises
        DomainError naming the engine's types for one it has not."""
        wanted = text.strip().lower()
        if "," in wanted:
            return self._two_types(wanted)
        if wanted == "auto":
            return next(iter(self.cache_types.values()))
        if wanted not in self.cache_types:
            raise DomainError(
                f"{self.name} has no cache type {text!r} that is sized here: give one of {', '.join(self.cache_types)}."
            )
        return self.cache_types[wanted]

    def _two_types(self, text: str) -> CacheType:
        words = [word.strip() for word in text.split(",")]
        if len(words) != 2 or not all(words):
            raise DomainError(
                f"`kv_precision` is {text!r}: give one type, or one for keys and one for values: q8_0,q4_0."
            )
        if self.name != "llama.cpp":
            raise DomainError(
                f"`kv_precision` is {text!r}, and {self.name} holds keys and values in one type: give one, or take "
                "`engine` llama.cpp."
            )
        keys, values = (self.cache_type(word) for word in words)
        return keys if keys.kind == values.kind else CacheType(keys.flag, keys.kind, values.flag, values.kind)

    @property
    def precisions(self) -> tuple[str, ...]:
        """The precisions of weights that it runs: `precisions.precision_names`, in part."""
        others = (*self.online, *self.ready_made)
        return (STORED, *PLAIN, *(others or tuple(name for name in precision_names() if is_gguf(name))))

    def windows(self, model_type: str) -> bool:
        """Whether the engine drops tokens that have left the window of a sliding layer of this model type."""
        plain = model_type.lower().replace("_", "-").removesuffix("-text")
        return self.windowed is None or plain in self.windowed


_HALF: Final = {"f16": CacheType("", "f16"), "bf16": CacheType("", "bf16")}
_LLAMA_CACHE: Final = {
    name: CacheType(name, name) for name in ("f16", "bf16", "q8_0", "q5_1", "q5_0", "q4_1", "q4_0", "iq4_nl", "f32")
}
_GGUF_SYNONYMS: Final = {"fp16": CacheType("f16", "f16"), "float16": CacheType("f16", "f16")}
_VLLM_PACKED: Final = {
    name: CacheType(name, keys, name, values, name)
    for name, keys, values in (
        ("fp8_ds_mla", "fp8", "fp8"),
        ("nvfp4_ds_mla", "nvfp4", "nvfp4"),
        ("nvfp4", "nvfp4", "nvfp4"),
        ("nvfp4_4over6", "nvfp4", "nvfp4"),
        ("fp8_per_token_head", "fp8 a head", "fp8 a head"),
        ("int8_per_token_head", "int8 a head", "int8 a head"),
        ("int4_per_token_head", "int4 a head", "int4 a head"),
        ("turboquant_k8v4", "fp8", "tq v4"),
        ("turboquant_4bit_nc", "tq k4", "tq v4"),
        ("turboquant_k3v4_nc", "tq k3", "tq v4"),
        ("turboquant_3bit_nc", "tq k3", "tq v3"),
        ("ultraquant_4bit", "ultraquant", "ultraquant"),
    )
}
"""vLLM's types with scales or layouts of their own: the name, and the layouts of keys and of values."""
_SAMPLER: Final = 40
"""Bytes a logit while sampling with top-p: sorted copies, 64-bit indices, probabilities, cumulative sums. vLLM's own
profile of Llama-3-8B (256 sequences, github.com/vllm-project/vllm/pull/10511) peaks at 1.26 GiB on one device and on
two alike, which is 41 bytes a logit."""

_WINDOWED_LLAMA_CPP: Final = frozenset(
    """
    afmoe cohere2 cohere2-moe cohere2moe deepseek-v4 deepseek4 dots3note exaone-moe exaone4 gemma2 gemma3 gemma3n
    gemma4 gpt-oss granite-swa laguna lfm2 llama4 maple mellum mimo2 muse-glimmer olmo2 olmo3 plamo3 smallthinker
    spark2-5 step35 step3p5
    """.split()
)
"""Architectures whose window llama.cpp applies (src/models/*.cpp), and their names in config.json; the sliding layers
of all others, Mistral and Qwen among them, it holds in full."""

_WINDOWED_SGLANG: Final = frozenset(
    {"gemma4", "gpt-oss", "laguna", "llama4", "mellum", "mimo-v2", "muse-glimmer", "step3p5"}
)
"""Architectures for which SGLang keeps a pool of its own for sliding layers (configs/model_config.py)."""

ENGINES: Final[Mapping[str, Engine]] = {
    engine.name: engine
    for engine in (
        Engine(
            "llama.cpp",
            "layers",
            _LLAMA_CACHE | _GGUF_SYNONYMS,
            {},
            (),
            GIB // 2,
            "487 of 24,564 MiB were in use before a model was loaded, in the example of llama.cpp's fit-params README",
            activation_bytes=4,
            state_kind="f32",
            windowed=_WINDOWED_LLAMA_CPP,
        ),
        Engine(
            "ollama",
            "layers",
            {name: CacheType(name, name) for name in ("f16", "q8_0", "q4_0")} | _GGUF_SYNONYMS,
            {},
            (),
            GIB // 2,
            "as llama.cpp, on which it is built",
            activation_bytes=4,
            state_kind="f32",
            windowed=_WINDOWED_LLAMA_CPP,
        ),
        Engine(
            "vllm",
            "tensor",
            {
                "auto": CacheType("auto", "bf16"),
                "bf16": CacheType("bfloat16", "bf16"),
                "bfloat16": CacheType("bfloat16", "bf16"),
                "f16": CacheType("float16", "f16"),
                "fp16": CacheType("float16", "f16"),
                "float16": CacheType("float16", "f16"),
                "fp8": CacheType("fp8", "fp8"),
                "fp8_e4m3": CacheType("fp8_e4m3", "fp8"),
                "fp8_e5m2": CacheType("fp8_e5m2", "fp8"),
                "fp8_inc": CacheType("fp8_inc", "fp8"),
                **_VLLM_PACKED,
            },
            # int8_per_channel_weight_only and nvfp4_per_token quantise experts alone (config/quantization.py): not offered.
            {"fp8": "fp8_per_tensor", "mxfp8": "mxfp8"},
            ("awq", "gptq", "mxfp4", "nvfp4", "int8"),
            round(1.79 * GIB),
            "non-torch memory in vLLM's profile of Llama-3-8B on an H100 (github.com/vllm-project/vllm/pull/10511, "
            "2024-12); twice that with several devices",
            logit_bytes=_SAMPLER,
            block_tokens=16,
        ),
        Engine(
            "sglang",
            "tensor",
            {
                "auto": CacheType("auto", "bf16"),
                "bf16": CacheType("bf16", "bf16"),
                "bfloat16": CacheType("bf16", "bf16"),
                "fp8": CacheType("fp8_e4m3", "fp8"),
                "fp8_e4m3": CacheType("fp8_e4m3", "fp8"),
                "fp8_e5m2": CacheType("fp8_e5m2", "fp8"),
                "mxfp8": CacheType("mxfp8", "mxfp8"),
                "nvfp4": CacheType("nvfp4", "nvfp4"),
                "fp4_mx_block16": CacheType("fp4_mx_block16", "nvfp4", name="fp4_mx_block16"),
            },
            {"fp8": "fp8", "mxfp8": "mxfp8"},
            ("awq", "gptq", "mxfp4", "nvfp4", "int8"),
            0,
            "within the reserve that SGLang sets aside itself",
            windowed=_WINDOWED_SGLANG,
            logit_bytes=_SAMPLER,
        ),
        Engine(
            "transformers",
            "layers",
            {"auto": CacheType("", "bf16")} | _HALF,
            {"nf4": "bitsandbytes 4 bits", "int8": "bitsandbytes 8 bits"},
            ("fp8", "awq", "gptq", "mxfp4"),
            GIB // 2,
            "a CUDA context and its libraries, rounded",
            logit_bytes=6,
        ),
    )
}
"""The engines by name."""


def find_engine(name: str) -> Engine:
    """The engine of that name. Raises DomainError with the nearest for one that is not known."""
    wanted = name.strip().lower().replace("llamacpp", "llama.cpp").replace("llama-cpp", "llama.cpp")
    if wanted not in ENGINES:
        raise DomainError(
            f"No engine is called {shown(name)}.{did_you_mean(wanted, ENGINES)} There are {', '.join(ENGINES)}."
        )
    return ENGINES[wanted]


def engine_default(engine: str, name: str) -> Any:
    """A default of that engine, as read from its source: see `engine_flags.json`."""
    return read_flags()[engine]["defaults"][name]


@cache
def read_flags() -> Mapping[str, Any]:
    """The shipped table of flags by engine, with the version and source of each list."""
    text = files("ropescope.checks.serving.engines").joinpath("engine_flags.json").read_text(encoding="utf-8")
    table: Mapping[str, Any] = json.loads(text)
    return table
