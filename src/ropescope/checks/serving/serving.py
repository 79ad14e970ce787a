"""Serving: one way to run a model — on which devices, with which engine, for how many tokens and sequences."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from ropescope.checks.serving.devices.device import GIB, Device
from ropescope.checks.serving.engines.engine import CacheType, Engine, engine_default
from ropescope.checks.serving.parallel import Parallel
from ropescope.checks.serving.weights.files import held_precision
from ropescope.checks.serving.weights.precisions import STORED
from ropescope.errors import DomainError
from ropescope.models.model import Layer, Model

MOST_TOKENS: Final = 2**40
MOST_SEQUENCES: Final = 2**30
"""More than memory holds of anything that grows, so that a search ends."""
MOST_DEVICES: Final = 4096
LLAMA_CELLS: Final = 256
"""llama.cpp rounds a context and a window up to this many tokens (GGML_PAD in llama-context.cpp, llama-kv-cache-iswa.cpp)."""
SPARSE_BLOCK: Final = 64
"""Tokens of a block under the kernels for sparse latents (vLLM's `get_supported_kernel_block_sizes`)."""


@dataclass(frozen=True, slots=True)
class Serving:
    """One way to serve `model`: `batch` sequences of `context_tokens` each at once, on `count` devices.

    `unequal` are the devices one by one where they differ; `device` is then the `lists.weakest` of them.

    `precision` is a name of `precisions.precision_names`. `chunk_tokens` is how many prompt tokens run through the
    network at once (None: the engine's default for the device). `overhead_bytes` (None: the engine's) is held on each
    device beside weights, cache and activations; `utilisation` (None: the engine's) is the share of a device that vLLM
    takes. `cpu_moe_layers` layers have their experts in system memory (llama.cpp); `swa_full` makes llama.cpp hold
    sliding layers in full. `parallel` is how the devices share the model (None: the engine's own way, `split`). Raises
    DomainError for a number that cannot be.
    """

    model: Model
    device: Device
    engine: Engine
    context_tokens: int
    cache_type: CacheType
    batch: int = 1
    count: int = 1
    precision: str = "stored"
    chunk_tokens: int | None = None
    overhead_bytes: int | None = None
    utilisation: float | None = None
    cpu_moe_layers: int = 0
    swa_full: bool = False
    parallel: Parallel | None = None
    unequal: tuple[Device, ...] = ()

    def __post_init__(self) -> None:
        for name, value, least, most in (
            ("`context`", self.context_tokens, 1, MOST_TOKENS),
            ("`batch`", self.batch, 1, MOST_SEQUENCES),
            ("`count`", self.count, 1, MOST_DEVICES),
            ("`chunk`", 1 if self.chunk_tokens is None else self.chunk_tokens, 1, MOST_TOKENS),
            ("`overhead`", self.overhead_bytes or 0, 0, 2**60),
            ("`cpu_moe_layers`", self.cpu_moe_layers, 0, len(self.model.layers)),
        ):
            if not least <= value <= most:
                raise DomainError(f"{name} is {value:,}: give a whole number from {least:,} to {most:,}.")
        if self.utilisation is not None and not 0 < self.utilisation <= 1:
            raise DomainError(f"`utilisation` is {self.utilisation:g}: give a share above 0 and at most 1.")
        if self.precision not in self.engine.precisions:
            raise DomainError(
                f"{self.engine.name} {self.engine.version} does not run weights in {self.precision}: it runs "
                f"{', '.join(self.engine.precisions)}."
            )
        if self.parallel is not None and (self.parallel.count != self.count or self.engine.split != "tensor"):
            raise DomainError(f"{self.engine.name} cannot share a model over {self.count} devices as {self.parallel}.")
        if self.cpu_moe_layers and self.device.vendor == "cpu":
            raise DomainError(
                f"`cpu_moe_layers` moves experts to system memory, where all is on {self.device.name}: leave it out."
            )
        if self.unequal and len(self.unequal) != self.count:
            raise DomainError(f"{len(self.unequal)} devices are named, and `count` is {self.count}: leave `count` out.")
        if self.cpu_moe_layers and self.engine.name != "llama.cpp":
            raise DomainError(
                f"{self.engine.name} cannot keep the experts of some layers in system memory: llama.cpp can."
            )

    @property
    def devices(self) -> tuple[Device, ...]:
        """The devices one by one, in the engine's order."""
        return self.unequal or (self.device,) * self.count

    @property
    def deals_layers(self) -> bool:
        """Whether whole layers are dealt out to several devices."""
        return self.count > 1 and self.engine.split == "layers"

    @property
    def embedding_in_system_memory(self) -> bool:
        """Whether the token embedding stays in system memory, which is not the device's."""
        return self.engine.name in ("llama.cpp", "ollama") and self.device.vendor != "cpu"

    @property
    def split(self) -> Parallel:
        """How the devices share the model: as given, else every layer cut across all, or whole layers dealt out."""
        if self.parallel is not None:
            return self.parallel
        return Parallel(self.count) if self.engine.split == "tensor" else Parallel(pipeline=self.count)

    @property
    def held_precision(self) -> str:
        """The precision in which the engine holds the weights: see `files.held_precision`. Raises DomainError."""
        return held_precision(self.model, self.engine.name, self.precision)

    @property
    def weights_as(self) -> str:
        """The precision in words."""
        held = self.held_precision
        return "as stored" if held == STORED else held

    @property
    def block(self) -> int:
        """The tokens that the engine rounds a sequence up to."""
        if self.engine.name in ("llama.cpp", "ollama"):
            return LLAMA_CELLS
        if self.engine.name not in ("vllm", "sglang"):
            return 1
        pools = [layer.sparse.tokens_per_key for layer in self.model.layers if layer.sparse and layer.latent]
        if self.engine.name == "sglang":  # a page owns whole groups of pooled keys (model_overrides/deepseek_v2.py)
            return SPARSE_BLOCK * pools[0] if pools else 1
        return SPARSE_BLOCK if pools else int(engine_default("vllm", "block_tokens"))

    def windows(self, layer: Layer) -> bool:
        """Whether the engine drops what has left the window of `layer` in this model."""
        if layer.cache.tokens_held is None or self.swa_full:
            return False
        return layer.tokens_per_entry is not None or self.engine.windows(self.model.model_type)

    @property
    def chunk(self) -> int:
        """Prompt tokens that run through the network at once: given, or the engine's default for this device.

        llama.cpp: its micro-batch. vLLM: `get_batch_defaults` of its arg_utils.py, for the API server, by the first device.
        SGLang: `handle_gpu_memory_settings` of its memory_hook.py, by the least. transformers: the whole prompt of every sequence.
        """
        memory = self.device.memory_bytes
        if self.engine.name == "transformers":
            longest = self.context_tokens if self.chunk_tokens is None else self.chunk_tokens
            return min(longest, self.context_tokens) * self.batch
        if self.chunk_tokens is not None:
            return self.chunk_tokens
        if self.engine.name == "vllm":
            first = self.devices[0]
            if first.memory_bytes >= 160 * GIB:
                return 16_384
            return 8_192 if first.memory_bytes >= 70 * GIB and "A100" not in first.name else 2_048
        if self.engine.name == "sglang":
            return next(chunk for limit, chunk in _SGLANG_CHUNKS if memory < limit * GIB)
        return int(engine_default("llama.cpp", "ubatch_tokens"))


_SGLANG_CHUNKS: Final = ((20, 2_048), (60, 4_096), (160, 8_192), (float("inf"), 16_384))
