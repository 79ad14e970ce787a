"""What a user asks of a way of serving, and the Serving that it makes with a model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from ropescope.checks.serving.devices.device import Device as ServedDevice
from ropescope.checks.serving.devices.device import find_device, with_given
from ropescope.checks.serving.devices.lists import is_list, listed, read_devices, weakest
from ropescope.checks.serving.devices.this_device import is_this, require_there, this_device
from ropescope.checks.serving.engines.cache_types import cache_type_of
from ropescope.checks.serving.engines.engine import Engine, find_engine
from ropescope.checks.serving.parallel import ParallelText, read_parallel
from ropescope.checks.serving.serving import MOST_DEVICES, MOST_SEQUENCES, Serving
from ropescope.checks.serving.support.architectures import architecture_problem
from ropescope.checks.serving.weights.precisions import read_precision
from ropescope.errors import DomainError, InputError
from ropescope.models.config.reading import from_config
from ropescope.models.model import Model
from ropescope.models.parameters import Parameters
from ropescope.questions.domains import Flag, Real, Whole
from ropescope.questions.inputs import asked
from ropescope.questions.kinds import Bytes, Count, Device, Text, Tokens
from ropescope.questions.shared import OneModel


@dataclass(frozen=True, kw_only=True)
class ServingInputs(OneModel):
    """A model and a way of serving it. None: the engine's, the device's or the model's own."""

    gpu: str = asked(
        Device(),
        "A device (4090, h100-sxm, …), its memory (24GiB), several (3090,4080 or 2x3090,4080), or this machine: this.",
        group="device",
    )
    count: int | None = asked(
        Whole(1, MOST_DEVICES),
        "How many of them; default: 1, or what the split needs; of this machine, all.",
        default=None,
        group="device",
    )
    tp: int | None = asked(
        Whole(1, MOST_DEVICES), "Devices that cut each layer (vllm, sglang); default: all.", default=None, group="split"
    )
    dp: int | None = asked(
        Whole(1, MOST_DEVICES), "Copies of the attention, each over `tp` devices.", default=None, group="split"
    )
    pp: int | None = asked(
        Whole(1, MOST_DEVICES), "Pipeline stages of consecutive layers.", default=None, group="split"
    )
    ep: bool = asked(
        Flag(), "Whole experts on each device, instead of a slice of every one.", default=False, group="split"
    )
    nodes: int | None = asked(
        Whole(1, MOST_DEVICES), "Machines that the devices stand in; default: 1.", default=None, group="split"
    )
    context: int | None = asked(
        Tokens(metavar="T"), "Tokens a sequence, as 8192 or 32k (32,768); default: stated.", default=None, group="load"
    )
    batch: int = asked(Whole(1, MOST_SEQUENCES), "Sequences at once.", default=1, group="load")
    precision: str = asked(
        Text(), "Of weights: stored, bf16, fp8, int8, awq, gptq, nf4, Q4_K_M, Q8_0, …", default="stored", group="types"
    )
    kv_precision: str = asked(
        Text(),
        "Of the cache, as the engine calls it: auto, bf16, fp8, q8_0, …; llama.cpp takes two, for keys and values: "
        "q8_0,q4_0.",
        default="auto",
        group="types",
    )
    engine: str | None = asked(
        Text(),
        "llama.cpp (default for GGUF, CPUs and Apple), ollama, vllm (default), sglang or transformers.",
        default=None,
        group="engine",
    )
    parameters: int | None = asked(Count(), "Where the files do not tell: 8B, 70B, …", default=None, group="model")
    active: int | None = asked(Count(), "Of those, what a token passes through.", default=None, group="model")

    @property
    def parallel(self) -> ParallelText:
        """What was given of a split."""
        return ParallelText(self.tp, self.dp, self.pp, self.ep, self.nodes)

    @property
    def given_figures(self) -> tuple[float | None, float | None]:
        """(bandwidth in GB/s, dense 16-bit TFLOPS) that stand in for the device's."""
        return None, None

    @property
    def settings(self) -> Mapping[str, Any]:
        """What else a Serving holds of an engine's settings."""
        return {}


@dataclass(frozen=True, kw_only=True)
class HeldInputs(ServingInputs):
    """The settings of an engine that decide what is held beside the weights."""

    chunk: int | None = asked(
        Tokens(metavar="T"), "Prompt tokens run at once; default: the engine's.", default=None, group="engine"
    )
    overhead: int | None = asked(Bytes(), "Extra memory reserved per device, as 1GiB.", default=None, group="engine")
    utilisation: float | None = asked(
        Real(above=0.0, at_most=1.0),
        "Share of a device that vLLM takes.",
        default=None,
        group="engine",
        also=("utilization",),
    )
    cpu_moe_layers: int = asked(
        Whole(0, 10**6), "Layers whose experts stay in system memory (llama.cpp).", default=0, group="engine"
    )
    swa_full: bool = asked(Flag(), "Hold sliding layers in full (llama.cpp).", default=False, group="engine")

    @property
    def settings(self) -> Mapping[str, Any]:
        """As a Serving names them."""
        return {
            "chunk_tokens": self.chunk,
            "overhead_bytes": self.overhead,
            "utilisation": self.utilisation,
            "cpu_moe_layers": self.cpu_moe_layers,
            "swa_full": self.swa_full,
        }


def read_serving(
    model: Model, inputs: ServingInputs, *, most_by_default: int | None = None, needs_bandwidth: bool = False
) -> Serving:
    """The Serving that `inputs` ask for. The engine is llama.cpp for a GGUF file, a CPU and an Apple device, else vLLM,
    or transformers for what vLLM does not serve; the
    context is the one the model states, no longer than `most_by_default`, and the number of devices that of this machine,
    if it is asked for. With `needs_bandwidth` that of this machine's CPU is measured. Raises DomainError for what cannot
    be read, naming the input."""
    several = _several(inputs)
    device, there = (weakest(several), None) if several else _device(inputs, needs_bandwidth)
    engine = find_engine(inputs.engine or usual_engine(model, device))
    if inputs.context is not None:
        context = inputs.context
    elif model.context_length is not None:
        context = min(model.context_length, most_by_default or model.context_length)
    else:
        raise InputError("context", f"{model.name} states no context length: give one with `context`.")
    _refuse_vendors(several, engine)
    asked_for = inputs.count if inputs.count is not None or inputs.parallel.given else there
    count, parallel = read_parallel(
        inputs.parallel,
        len(several) or asked_for,
        engine.name,
        engine.split == "tensor",
        "`gpu` names" if several else "`count` is",
    )
    if there is not None:
        require_there(count, there, device)
    serving = Serving(
        model=with_parameters(model, inputs.parameters, inputs.active),
        device=device,
        engine=engine,
        context_tokens=context,
        cache_type=cache_type_of(engine, model, device, inputs.kv_precision),
        batch=inputs.batch,
        count=count,
        precision=read_precision(inputs.precision),
        parallel=parallel,
        unequal=several if len(set(several)) > 1 else (),
        **inputs.settings,
    )
    if inputs.engine is None and engine.name == "vllm" and architecture_problem(serving):
        # No engine was asked for: one that serves the model's class is better than a refusal.
        return read_serving(
            model,
            replace(inputs, engine="transformers"),
            most_by_default=most_by_default,
            needs_bandwidth=needs_bandwidth,
        )
    return serving


def usual_engine(model: Model, device: ServedDevice) -> str:
    """The engine where none is asked for: llama.cpp for a GGUF file, a CPU and an Apple device, else vLLM."""
    gguf = model.source.kind == "gguf" or (model.quantization is not None and model.quantization.method == "gguf")
    return "llama.cpp" if gguf or device.vendor in ("cpu", "apple") else "vllm"


def _device(inputs: ServingInputs, needs_bandwidth: bool) -> tuple[ServedDevice, int | None]:
    """(the device that is asked for, how many this machine has if that is it)."""
    bandwidth, tflops = inputs.given_figures
    if not is_this(inputs.gpu):
        return find_device(inputs.gpu, bandwidth_gb_s=bandwidth, tflops=tflops), None
    device, there = this_device(needs_bandwidth=needs_bandwidth and bandwidth is None)
    return with_given(device, bandwidth, tflops), there


def _several(inputs: ServingInputs) -> tuple[ServedDevice, ...]:
    """The devices of a list, in order; none where `gpu` names a single one. Raises InputError for what goes with one
    device alone."""
    if not is_list(inputs.gpu):
        return ()
    found = read_devices(inputs.gpu)
    if inputs.count is not None:
        raise InputError("count", f"`gpu` {inputs.gpu} names {len(found)} devices already: leave `count` out.")
    for name, value in zip(("bandwidth", "tflops"), inputs.given_figures, strict=True):
        if value is not None:
            raise InputError(
                name, f"`{name}` states the figure of one device, and `gpu` {inputs.gpu} names several: leave it out."
            )
    return found


def _refuse_vendors(found: tuple[ServedDevice, ...], engine: Engine) -> None:
    vendors = {device.vendor for device in found if device.vendor}
    if len(vendors) > 1 and engine.name != "llama.cpp":
        raise DomainError(
            f"{engine.name} runs on devices of one vendor at a time, and {listed(found)} are of {len(vendors)}: take "
            "`engine` llama.cpp, whose Vulkan build uses them together."
        )


def refuse_unreadable(inputs: ServingInputs) -> None:
    """Raise now, before a model is read or fetched, the DomainError that `read_serving` raises whatever the model is."""
    refused: DomainError | None = None
    for engine in (inputs.engine,) if inputs.engine is not None else ("vllm", "llama.cpp"):
        told: list[DomainError] = []
        for config in _UNLIKE:
            try:
                read_serving(from_config(config), replace(inputs, engine=engine))
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


def with_parameters(model: Model, total: int | None, active: int | None) -> Model:
    """`model` with the parameter counts that the user gives, where they are given."""
    if total is None:
        if active is not None:
            raise InputError("active", "`active` needs `parameters` beside it.")
        return model
    some = total if active is None else active
    if some > total:
        raise InputError("active", f"`active` is {some:,}, more than the {total:,} of `parameters`.")
    quantised = None if model.quantization is None else replace(model.quantization, weights=None)
    given = Parameters(total, some, {}, "estimate", "given")
    return replace(model, parameters=given, weights=None, quantization=quantised)
