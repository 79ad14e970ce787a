"""Hardware: which devices, how many of them, serve a model as it is asked for, and which of these sets no other beats."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from ropescope.checks.hardware_report import hardware_report
from ropescope.checks.serving.devices.device import Device, devices, devices_named
from ropescope.checks.serving.engines.engine import find_engine
from ropescope.checks.serving.hardware.search import Wish, counts_up_to, search
from ropescope.checks.serving.inputs import with_parameters
from ropescope.checks.serving.serving import MOST_SEQUENCES, MOST_TOKENS
from ropescope.checks.serving.weights.precisions import read_precision
from ropescope.errors import DomainError, InputError, SourceError
from ropescope.models.model import Model
from ropescope.models.offered import offered
from ropescope.models.opening import open as open_model
from ropescope.questions.domains import Choice, Whole
from ropescope.questions.inputs import asked
from ropescope.questions.kinds import Count, ListOf, Text, Tokens
from ropescope.questions.numbers import read_number
from ropescope.questions.question import Run
from ropescope.questions.shared import OneModel
from ropescope.report.report import Report

MOST_COUNT: Final = 64
VENDORS: Final = ("any", "nvidia", "amd", "intel", "apple")


@dataclass(frozen=True, kw_only=True)
class HardwareInputs(OneModel):
    """A model, the load that it must take, and which devices are considered."""

    context: int | None = asked(
        Tokens(metavar="T"),
        "Tokens a sequence that must fit, as 8192 or 32k; default: stated.",
        default=None,
        group="load",
    )
    batch: int = asked(Whole(1, MOST_SEQUENCES), "Sequences at once that must fit.", default=1, group="load")
    precision: tuple[str, ...] = asked(
        ListOf(Text()), "Of weights, one or several: stored, fp8, awq, Q4_K_M, …", default=("stored",), group="types"
    )
    kv_precision: str = asked(
        Text(), "Of the cache, as the engine calls it: auto, bf16, fp8, q8_0, …", default="auto", group="types"
    )
    engine: str | None = asked(
        Text(),
        "vllm, sglang, llama.cpp, ollama or transformers; default: each device's usual.",
        default=None,
        group="engine",
    )
    vendor: str = asked(Choice(VENDORS), "Devices of this vendor alone.", default="any", group="device")
    among: tuple[str, ...] = asked(
        ListOf(Text()), "These devices alone: 4090, a100, h100-sxm, …", default=(), group="device"
    )
    most: int = asked(Whole(1, MOST_COUNT), "The largest number of alike devices.", default=8, group="device")
    price: tuple[str, ...] = asked(
        ListOf(Text()),
        "What a device costs an hour, in any currency: h100-sxm=2.50,4090=0.40. Only these devices are compared then.",
        default=(),
        group="cost",
    )
    parameters: int | None = asked(Count(), "Where the files do not tell: 8B, 70B, …", default=None, group="model")
    active: int | None = asked(Count(), "Of those, what a token passes through.", default=None, group="model")


def answer(inputs: HardwareInputs, run: Run) -> Report:
    """Which devices, how many of them, serve a model."""
    prices = read_prices(inputs.price)
    chosen = _considered(inputs, prices)
    precisions = tuple(dict.fromkeys(map(read_precision, inputs.precision)))
    _refuse_types(inputs.engine, precisions, inputs.kv_precision)
    model = with_parameters(_opened(inputs), inputs.parameters, inputs.active)
    context = inputs.context if inputs.context is not None else model.context_length
    if context is None:
        raise InputError("context", f"{model.name} states no context length: give one with `context`.")
    if context > MOST_TOKENS:
        raise InputError("context", f"`context` is {context:,}: give at most {MOST_TOKENS:,}.")
    wish = Wish(model, context, inputs.batch, precisions, inputs.kv_precision, inputs.engine, prices or None)
    return hardware_report(wish, search(wish, chosen, counts_up_to(inputs.most)), inputs.most)


def _refuse_types(engine: str | None, precisions: Sequence[str], kv_precision: str) -> None:
    """Raise InputError now for types that no engine considered runs."""
    engines = [find_engine(name) for name in ((engine,) if engine is not None else ("vllm", "llama.cpp"))]
    named = " and ".join(one.name for one in engines)
    for precision in precisions:
        if not any(precision in one.precisions for one in engines):
            offered_here = ", ".join(dict.fromkeys(name for one in engines for name in one.precisions))
            raise InputError(
                "precision", f"`precision` {precision} is run by none of {named}: give one of {offered_here}."
            )
    refused = []
    for one in engines:
        try:
            one.cache_type(kv_precision)
        except DomainError as error:
            refused.append(error)
    if len(refused) == len(engines):
        raise InputError("kv_precision", f"`kv_precision`: {refused[0]}")


def read_prices(entries: Sequence[str]) -> dict[str, float]:
    """The price of a device for an hour by its name, from `h100-sxm=2.50`. Raises InputError for what is no such entry."""
    found: dict[str, float] = {}
    for entry in entries:
        name, equals, text = (part.strip() for part in entry.rpartition("="))
        if not equals or not name or not text:
            raise InputError("price", f"`price` {entry!r} names no device with its price: write h100-sxm=2.50.")
        device = _named(name, "price")
        if len(device) > 1:
            listed = " and ".join(one.name for one in device)
            raise InputError("price", f"`price` {entry!r}: {name} is one of {listed}. Name one of them.")
        value = read_number("price", text)
        if not 0 < value < 1e9:
            raise InputError("price", f"`price` {entry!r}: give a price above 0 and below 10⁹.")
        if device[0].name in found:
            raise InputError("price", f"`price` names {device[0].name} twice: give it once.")
        found[device[0].name] = value
    return found


def _named(text: str, field: str) -> tuple[Device, ...]:
    """The devices of the table that a name stands for: several where it is sold in several kinds."""
    found = devices_named(text)
    if not found:
        raise InputError(field, f"`{field}` {text!r} is no device that is known by name: `devices` lists them.")
    return found


def _considered(inputs: HardwareInputs, prices: Mapping[str, float]) -> tuple[Device, ...]:
    asked_for = tuple(dict.fromkeys(one for text in inputs.among for one in _named(text, "among")))
    chosen = [one for one in asked_for or devices() if inputs.vendor in ("any", one.vendor)]
    if not chosen:
        raise InputError("vendor", f"None of `among` is of `vendor` {inputs.vendor}: leave one of them out.")
    priced = [one for one in chosen if one.name in prices]
    unread = [name for name in prices if name not in {one.name for one in priced}]
    if unread:
        raise InputError("price", f"`price` names {unread[0]}, which `among` or `vendor` leaves out: drop one of them.")
    return tuple(priced if prices else chosen)


def _opened(inputs: HardwareInputs) -> Model:
    resolved, several = offered(inputs.source, inputs.revision)
    if several is not None:
        held = ", ".join(choice.first for choice in several.choices[:4])
        raise SourceError(
            f"{several.where} holds several GGUF models ({held}, …): name one, as {several.named(several.choices[0])}."
        )
    return open_model(resolved, revision=inputs.revision if isinstance(resolved, str) else None)
