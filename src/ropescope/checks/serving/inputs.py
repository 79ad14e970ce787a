"""From what a user writes to a Serving: names and numbers as text, the rest from the model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from ropescope.checks.numbers import read_count, read_tokens
from ropescope.checks.serving.cache_types import cache_type_of
from ropescope.checks.serving.device_list import is_list, listed, read_devices, weakest
from ropescope.checks.serving.devices import Device, find_device, read_size, with_given
from ropescope.checks.serving.engines import Engine, find_engine
from ropescope.checks.serving.parallel import NO_SPLIT, ParallelText, read_parallel
from ropescope.checks.serving.precisions import read_precision
from ropescope.checks.serving.serving import Serving
from ropescope.checks.serving.this_device import is_this, require_there, this_device
from ropescope.errors import DomainError
from ropescope.models.config.reading import from_config
from ropescope.models.model import Model
from ropescope.models.parameters import Parameters


@dataclass(frozen=True, slots=True)
class ServingText:
    """A way of serving as it is written on a command line. None: the engine's, the device's or the model's own; a
    context that is not given is no longer than `most_by_default`. With `needs_bandwidth` that of this machine's CPU is
    measured."""

    gpu: str
    count: int | None = None
    parallel: ParallelText = NO_SPLIT
    context: str | None = None
    batch: int = 1
    precision: str = "stored"
    kv_precision: str = "auto"
    engine: str | None = None
    chunk: str | None = None
    overhead: str | None = None
    utilisation: float | None = None
    cpu_moe_layers: int = 0
    swa_full: bool = False
    bandwidth: float | None = None
    tflops: float | None = None
    parameters: str | None = None
    active: str | None = None
    most_by_default: int | None = None
    needs_bandwidth: bool = False


def read_serving(model: Model, text: ServingText) -> Serving:
    """The Serving that `text` asks for. The engine is llama.cpp for a GGUF file, a CPU and an Apple device, else vLLM; the
    context is the one the model states, and the number of devices that of this machine, if it is asked for. Raises
    DomainError for what cannot be read, naming the option."""
    gguf = model.source.kind == "gguf" or (model.quantization is not None and model.quantization.method == "gguf")
    several = _several(text)
    device, there = (weakest(several), None) if several else _device(text)
    engine = find_engine(text.engine or ("llama.cpp" if gguf or device.vendor in ("cpu", "apple") else "vllm"))
    if text.context is not None:
        context = read_tokens("--context", text.context)
    elif model.context_length is not None:
        context = min(model.context_length, text.most_by_default or model.context_length)
    else:
        raise DomainError(f"{model.name} states no context length: give one with --context.")
    _refuse_vendors(several, engine)
    asked = text.count if text.count is not None or text.parallel.given else there
    count, parallel = read_parallel(
        text.parallel, len(several) or asked, engine.name, engine.split == "tensor",
        "--gpu names" if several else "--count is",
    )  # fmt: skip
    if there is not None:
        require_there(count, there, device)
    return Serving(
        model=with_parameters(model, text.parameters, text.active),
        device=device,
        engine=engine,
        context_tokens=context,
        cache_type=cache_type_of(engine, model, device, text.kv_precision),
        batch=text.batch,
        count=count,
        precision=read_precision(text.precision),
        chunk_tokens=None if text.chunk is None else read_tokens("--chunk", text.chunk),
        overhead_bytes=None if text.overhead is None else read_size("--overhead", text.overhead),
        utilisation=text.utilisation,
        cpu_moe_layers=text.cpu_moe_layers,
        swa_full=text.swa_full,
        parallel=parallel,
        unequal=several if len(set(several)) > 1 else (),
    )


def _device(text: ServingText) -> tuple[Device, int | None]:
    """(the device that is asked for, how many this machine has if that is it)."""
    if not is_this(text.gpu):
        return find_device(text.gpu, bandwidth_gb_s=text.bandwidth, tflops=text.tflops), None
    device, there = this_device(needs_bandwidth=text.needs_bandwidth and text.bandwidth is None)
    return with_given(device, text.bandwidth, text.tflops), there


def _several(text: ServingText) -> tuple[Device, ...]:
    """The devices of a list, in order; none where `--gpu` names a single one. Raises DomainError for what goes with one
    device alone."""
    if not is_list(text.gpu):
        return ()
    found = read_devices(text.gpu)
    if text.count is not None:
        raise DomainError(f"--gpu {text.gpu} names {len(found)} devices already: leave --count out.")
    for name, value in (("--bandwidth", text.bandwidth), ("--tflops", text.tflops)):
        if value is not None:
            raise DomainError(
                f"{name} states the figure of one device, and --gpu {text.gpu} names several: leave it out."
            )
    return found


def _refuse_vendors(found: tuple[Device, ...], engine: Engine) -> None:
    vendors = {device.vendor for device in found if device.vendor}
    if len(vendors) > 1 and engine.name != "llama.cpp":
        raise DomainError(
            f"{engine.name} runs on devices of one vendor at a time, and {listed(found)} are of {len(vendors)}: take --engine "
            "llama.cpp, whose Vulkan build uses them together."
        )


def refuse_unreadable(text: ServingText) -> None:
    """Raise now, before a model is read or fetched, the DomainError that `read_serving` raises whatever the model is."""
    refused: DomainError | None = None
    for engine in (text.engine,) if text.engine is not None else ("vllm", "llama.cpp"):
        told: list[DomainError] = []
        for config in _UNLIKE:
            try:
                read_serving(from_config(config), replace(text, engine=engine, needs_bandwidth=False))
                return
            except DomainError as error:
                told.append(error)
        if len({str(error) for error in told}) > 1:
            return  # it hangs on the model
        refused = refused or told[0]
    if refused is not None:
        raise refused


_SHAPE: Final = {"hidden_size": 8192, "num_hidden_layers": 256, "num_attention_heads": 64, "vocab_size": 32_000}
_UNLIKE: Final[tuple[Mapping[str, Any], ...]] = (
    {"model_type": "llama", **_SHAPE, "max_position_embeddings": 2**20},
    {"model_type": "mixtral", **_SHAPE, "quantization_config": {"quant_method": "fp8"}, "sliding_window": 4096},
)
"""Configs of models that have nothing in common: what both are refused, any model is."""


def with_parameters(model: Model, total: str | None, active: str | None) -> Model:
    """`model` with the parameter counts that the user gives, where they are given."""
    if total is None:
        if active is not None:
            raise DomainError("--active needs --parameters beside it.")
        return model
    everything = read_count("--parameters", total)
    some = everything if active is None else read_count("--active", active)
    if some > everything:
        raise DomainError(f"--active is {active}, more than the {total} of --parameters.")
    quantised = None if model.quantization is None else replace(model.quantization, weights=None)
    given = Parameters(everything, some, {}, "estimate", "--parameters")
    return replace(model, parameters=given, weights=None, quantization=quantised)
