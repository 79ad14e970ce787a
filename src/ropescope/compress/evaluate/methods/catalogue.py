"""The methods by the names that users write, native ones and those of kvpress where it is installed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from ropescope.compress.evaluate.methods.kvpress import KVPRESS_METHODS
from ropescope.compress.evaluate.methods.method import Method
from ropescope.compress.evaluate.methods.names import OWN, PLANNED, checked_names, of_plugins
from ropescope.compress.evaluate.methods.planned import planned, uniform
from ropescope.compress.evaluate.methods.restated import TOVA, KeyDiff, Knorm, PyramidKV, RandomTokens, SnapKV
from ropescope.compress.kvpress.library import missing
from ropescope.errors import PluginError
from ropescope.models.model import Model

if TYPE_CHECKING:
    from ropescope.compress.plan.output_error import OutputErrors
    from ropescope.measure.profile import DecayProfile
    from ropescope.questions.plugins import Entry

RESTATED: dict[str, Callable[[], Method]] = {
    "snapkv": SnapKV,
    "pyramidkv": PyramidKV,
    "tova": TOVA,
    "knorm": Knorm,
    "keydiff": KeyDiff,
    "random": RandomTokens,
}
"""Published methods as this package restates them, by the name a user writes; used where kvpress is not installed."""


def methods_named(
    names: Sequence[str], *, model: Model, length: int, measured: Callable[[], OutputErrors | DecayProfile]
) -> list[Method]:
    """The methods of these names for sequences of `length` tokens. `measured` gives what plans are made from; it is called
    if one is to be made. Published methods are those of kvpress where it is installed, and else restated ones.

    Raises EvaluationError for an unknown name, or one given twice, MissingExtraError for a method that only kvpress has,
    PluginError for a plugin's that is not a method.
    """
    return [_made(name, model, length, measured) for name in checked_names(names)]


def all_names() -> tuple[str, ...]:
    """The names of all methods that can be had here."""
    return (*PLANNED, *(RESTATED if missing() else KVPRESS_METHODS), *of_plugins())


def _made(name: str, model: Model, length: int, measured: Callable[[], OutputErrors | DecayProfile]) -> Method:
    if name == "planned":
        return planned(measured(), model)
    if name == "windows":
        return planned(measured(), model, name="planned windows", picks=False)
    if name == "uniform":
        return uniform(model, length)
    if name not in OWN:
        return from_plugin(of_plugins()[name])
    return RESTATED[name]() if missing() else KVPRESS_METHODS[name]


def from_plugin(entry: Entry) -> Method:
    """The method that an entry point names: a class that is made without arguments, or one that is made. Raises PluginError."""
    from ropescope.questions.plugins import loaded, told

    found, why = loaded(entry)
    if not why:
        try:
            made = found() if isinstance(found, type) else found
        except Exception as error:
            why = f"cannot be made without arguments ({told(error)})"
        else:
            if isinstance(made, Method) and isinstance(made.name, str) and callable(made.keep):
                return made
            why = "is no method: it needs a name, looks_at_text and keep(filled, budget)"
    raise PluginError(f"The method {entry.name} of the plugin {entry.package} cannot be used: {entry.value} {why}.")
