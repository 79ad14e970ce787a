"""Open the model that is to be served; a folder or repository of several GGUF models may offer more than one."""

from __future__ import annotations

from dataclasses import replace
from typing import TypeVar

from ropescope.checks.serving.inputs import ServingInputs, refuse_unreadable
from ropescope.errors import SourceError
from ropescope.models.gguf_names import with_mix
from ropescope.models.model import Model
from ropescope.models.offered import Offered, offered
from ropescope.models.opening import open as open_model

Inputs = TypeVar("Inputs", bound=ServingInputs)


def open_served(inputs: Inputs) -> tuple[Model | Offered, Inputs]:
    """(what the source is: a model, or several GGUF models of which `precision` names none; the inputs, whose precision is
    that of the file where it named one). What no model can be served with is refused before a source is read."""
    refuse_unreadable(inputs)
    resolved, several = offered(inputs.source, inputs.revision)
    if several is None:
        return open_model(resolved, revision=inputs.revision if isinstance(resolved, str) else None), inputs
    choice = with_mix(several.choices, inputs.precision)
    return (several, inputs) if choice is None else (several.open(choice), replace(inputs, precision="stored"))


def open_one(inputs: Inputs) -> tuple[Model, Inputs]:
    """As `open_served`, for one model. Raises SourceError where several are offered and none is named."""
    found, inputs = open_served(inputs)
    if isinstance(found, Offered):
        held = ", ".join(choice.first for choice in found.choices[:8]) + (", …" if len(found.choices) > 8 else "")
        raise SourceError(
            f"{found.where} holds {len(found.choices)} GGUF models ({held}): name one, as {found.named(found.choices[0])}, "
            "or its mix with `precision`; `fit` tells which fits."
        )
    return found, inputs
