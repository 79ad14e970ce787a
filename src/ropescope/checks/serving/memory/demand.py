"""Memory: what a device must hold to serve a model, part by part, and how much of it the engine may use."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

from ropescope.checks.serving.devices.device import GIB, Device
from ropescope.checks.serving.engines.engine import MIB, engine_default
from ropescope.checks.serving.memory.activations import activations
from ropescope.checks.serving.memory.cache import device_cache_bytes, held_layers
from ropescope.checks.serving.serving import Serving
from ropescope.checks.serving.splits.dealing import automatic, balanced, by_shares
from ropescope.checks.serving.splits.layer_shares import slot_weights
from ropescope.checks.serving.splits.stages import one_copy, stage_weight_bytes, stages
from ropescope.checks.serving.weights.precisions import WeightSize, output_apart, weight_size
from ropescope.report.report import Basis


@dataclass(frozen=True, slots=True)
class Part:
    """One part of what is held: its bytes on a device, and what they rest on."""

    name: str
    n_bytes: int
    basis: Basis
    source: str


@dataclass(frozen=True, slots=True)
class Demand:
    """What the fullest device holds, in bytes: weights, cache, activations, overhead. `lacks` says what the model's files
    name and the count does not understand: with it the total is a lower bound."""

    weights: Part
    cache: Part
    activations: Part
    overhead: Part
    lacks: tuple[str, ...] = ()

    @property
    def parts(self) -> tuple[Part, ...]:
        """The parts, in the order in which they are shown."""
        return (self.weights, self.cache, self.activations, self.overhead)

    @property
    def total(self) -> int:
        """All parts together."""
        return sum(part.n_bytes for part in self.parts)


@dataclass(frozen=True, slots=True)
class Budget:
    """What the engine may use of one device, in bytes, and why it is that."""

    n_bytes: int
    basis: Basis
    source: str


@dataclass(frozen=True, slots=True)
class OnDevice:
    """What one of several devices holds to which whole layers are dealt. `slots` are its layers and, as number n of a model
    of n layers, the output."""

    device: Device
    slots: range
    demand: Demand
    budget: Budget

    @property
    def spare_bytes(self) -> int:
        """What is left of the budget; negative where it does not suffice."""
        return self.budget.n_bytes - self.demand.total


def demand(serving: Serving) -> Demand:
    """What the fullest of the devices must hold. Raises DomainError where parameters are not known, or a cache type
    does not fit the model."""
    if serving.deals_layers:
        return fullest(serving).demand
    size = weight_size(serving.model, serving.held_precision)
    return _demand(serving, size, *_most_held(serving, size))


def fullest(serving: Serving) -> OnDevice:
    """The device with the least to spare, where whole layers are dealt out to several."""
    return min(each_device(serving), key=lambda one: one.spare_bytes)


def each_device(serving: Serving) -> tuple[OnDevice, ...]:
    """What each of several devices holds, where whole layers are dealt out to them.

    llama.cpp deals by the devices' memory. What does not fit so is dealt so that the fullest device has the most to spare,
    as --fit or --tensor-split would; so it is for Ollama. transformers: `dealing.automatic`.
    """
    size = weight_size(serving.model, serving.held_precision)
    weights = slot_weights(serving, size)
    held_by = [one.n_bytes for one in held_layers(serving)]
    caches = [*(held_by if serving.model.causal else [0] * len(held_by)), 0]
    budgets = tuple(_budget(serving, device) for device in serving.devices)

    def held(slots: range) -> Demand:
        part = slice(slots.start, slots.stop)
        return _demand(serving, size, ceil(sum(weights[part])), sum(caches[part]))

    def on_each(dealt: tuple[range, ...]) -> tuple[OnDevice, ...]:
        asked = {slots: held(slots) for slots in dict.fromkeys(dealt)}
        return tuple(
            OnDevice(device, slots, asked[slots], allowed)
            for device, slots, allowed in zip(serving.devices, dealt, budgets, strict=True)
        )

    memories = [device.memory_bytes for device in serving.devices]
    if serving.engine.name == "transformers":
        alone = slot_weights(serving, size, without=("embedding",))
        return on_each(automatic([ceil(n) for n in alone], ceil(sum(weights) - sum(alone)), memories))
    found = on_each(by_shares(len(weights), memories))
    if all(one.spare_bytes >= 0 for one in found):
        return found
    fixed = held(range(0)).total
    costs = [ceil(a + b) for a, b in zip(weights, caches, strict=True)]
    return on_each(balanced(costs, [allowed.n_bytes - fixed for allowed in budgets]))


def _demand(serving: Serving, size: WeightSize, on_device: int, in_cache: int) -> Demand:
    """What a device holds with so many bytes of weights and of cache."""
    where = "" if on_device == size.n_bytes else f"; of {size.n_bytes / GIB:,.2f} GiB, {_elsewhere(serving)}"
    if adapter := serving.model.adapter_bytes:
        where += f"; with {adapter:,} bytes of the adapter"
    weights = Part("weights", on_device + adapter, size.basis, size.source + where)
    held = f"{serving.cache_type.label}, layer by layer, as the engine allocates it"
    told = held if serving.model.causal else "an encoder reads the whole text at once and keeps nothing"
    cache = Part("cache", in_cache, "formula", told)
    if serving.engine.name == "sglang":
        reserve = sglang_reserve_bytes(serving)
        work = Part("activations", reserve, "published", f"what SGLang {serving.engine.version} sets aside itself")
    else:
        found = activations(one_copy(serving))
        work = Part("activations", found.n_bytes, "formula", found.source)
    return Demand(weights, cache, work, _overhead(serving), size.lacks)


def _most_held(serving: Serving, size: WeightSize) -> tuple[int, int]:
    """(weights, cache) on the device that holds the most of both, of all pipeline stages."""
    if serving.engine.split == "layers" or serving.split.pipeline == 1:
        return device_weight_bytes(serving, size), device_cache_bytes(one_copy(serving))
    held = (
        (stage_weight_bytes(serving, size, stage), device_cache_bytes(one_copy(serving, stage)))
        for stage in stages(serving)
    )
    return max(held, key=sum)


def budget(serving: Serving) -> Budget:
    """What the engine uses of the fullest device: vLLM a share of it, llama.cpp all but a margin, the others all."""
    return fullest(serving).budget if serving.deals_layers else _budget(serving, serving.device)


def _budget(serving: Serving, device: Device) -> Budget:
    memory, engine = device.memory_bytes, serving.engine
    if engine.name == "vllm":
        default = float(engine_default("vllm", "gpu_memory_utilization"))
        share = default if serving.utilisation is None else serving.utilisation
        given = serving.utilisation is not None
        source = f"--gpu-memory-utilization {share:g}" + ("" if given else f", the default of vLLM {engine.version}")
        return Budget(int(memory * share), "assumed" if given else "published", source)
    if engine.name == "llama.cpp" and device.vendor != "cpu":
        margin = int(engine_default("llama.cpp", "fit_margin_mib"))
        return Budget(max(memory - margin * MIB, 0), "published", f"all but the {margin:,} MiB that --fit keeps free")
    return Budget(memory, device.memory_basis, "all of it")


def fits(serving: Serving) -> bool:
    """Whether the fullest device has room."""
    return spare_bytes(serving) >= 0


def spare_bytes(serving: Serving) -> int:
    """What is left of the budget of the fullest device; negative where it does not suffice."""
    if serving.deals_layers:
        return fullest(serving).spare_bytes
    return budget(serving).n_bytes - demand(serving).total


def device_weight_bytes(serving: Serving, size: WeightSize) -> int:
    """The bytes of weights on the fullest device; on all together where whole layers are dealt out.

    Cut across devices (tensor): see `stage_weight_bytes`. llama.cpp keeps the token embedding in system memory; where
    embedding and output are one matrix, a copy of it stays on the device as the output. On a CPU system memory is the
    device's, and counts whole.
    """
    parameters = serving.model.parameters
    parts = {} if parameters is None else parameters.parts
    held = size.n_bytes
    if serving.embedding_in_system_memory and output_apart(serving.model):
        held -= round(size.of("embedding", parts.get("embedding", 0)))
    held -= round(expert_bytes_in_system_memory(serving, size))
    if serving.count == 1 or serving.deals_layers:
        return held
    return max(stage_weight_bytes(serving, size, stage) for stage in stages(serving))


def expert_bytes_in_system_memory(serving: Serving, size: WeightSize) -> float:
    """The bytes of the experts that `cpu_moe_layers` keeps off the device; 0 where the parts are not known."""
    parameters = serving.model.parameters
    with_experts = sum(layer.experts is not None for layer in serving.model.layers)
    if not serving.cpu_moe_layers or parameters is None or not with_experts:
        return 0.0
    moved = sum(layer.experts is not None for layer in serving.model.layers[: serving.cpu_moe_layers])
    return size.of("experts", parameters.parts.get("experts", 0)) * moved / with_experts


def sglang_reserve_bytes(serving: Serving) -> int:
    """What SGLang keeps for activations and graphs when it sets --mem-fraction-static itself.

    `handle_gpu_memory_settings` and `reserve_for_graph_mb` of its arg_groups/memory_hook.py.
    """
    memory = serving.device.memory_bytes
    few = serving.count < 4
    table = ((20, 8), (35, 48 if few else 160), (60, 32 if few else 160), (160, 256 if few else 512))
    graphs = next((size for limit, size in table if memory < limit * GIB), 512)
    latent = any(layer.latent is not None for layer in serving.model.layers)
    captured = [*range(4, 33, 4), *range(48, 257, 16), *range(288, 513, 32), *range(576, 1025, 64)]
    captured += [*range(1280, 4097, 256), *range(4608, serving.chunk + 1, 512)]
    sizes = sum(size <= serving.chunk for size in captured)
    mib = 512 + 1.5 * max(serving.chunk, 2048) + serving.count / 8 * 1024
    mib += 2 * min(graphs, serving.batch) + (1536 if latent else 8 * sizes)
    if (copies := serving.split.data) > 1:
        mib += copies * min(graphs, serving.batch) * (3 if graphs <= 300 else 4.5)
    return round((max(mib, 10 * 1024) if memory > 60 * GIB else mib) * MIB)


def _elsewhere(serving: Serving) -> str:
    reasons = []
    if serving.embedding_in_system_memory:
        reasons.append("the token embedding stays in system memory")
    if serving.cpu_moe_layers:
        reasons.append(f"the experts of {serving.cpu_moe_layers} layers too")
    if serving.count > 1:
        reasons.append(f"the rest on {serving.count} devices")
    return ", ".join(reasons)


def _overhead(serving: Serving) -> Part:
    if serving.overhead_bytes is not None:
        return Part("overhead", serving.overhead_bytes, "assumed", "given as `overhead`")
    if serving.device.vendor == "cpu":
        return Part("overhead", serving.engine.overhead_bytes, "assumed", "a process and its libraries, rounded")
    several = serving.engine.name == "vllm" and serving.count > 1
    n_bytes = serving.engine.overhead_bytes * (2 if several else 1)
    basis: Basis = "assumed" if serving.engine.name in ("transformers", "ollama", "sglang") else "published"
    return Part("overhead", n_bytes, basis, serving.engine.overhead_source)
