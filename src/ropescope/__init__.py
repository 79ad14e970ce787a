"""ropescope tells how far a transformer attends, and what to do about it.

Every question is a function: `ropescope.fit("Qwen/Qwen3-8B", gpu="4090")` answers with a Report. `help(ropescope.fit)` says
what it takes, `dir(ropescope)` lists all of them.
"""

import sys
from types import ModuleType

__version__ = "0.1.0"

_NOUNS = {
    "DecayProfile": "measure.profile",
    "Figure": "report.report",
    "KVPlan": "compress.plan.kv_plan",
    "Model": "models.model",
    "Report": "report.report",
    "RopePlan": "extend.plan.rope_plan",
}
_ROOMS = ("evidence", "measure", "pilot")
"""Rooms that have the name of a question: they can be called as one, too."""


def _function(name: str) -> object:
    from importlib import import_module

    # By its name: what every room imports from here must not lead to the faces.
    return import_module("ropescope.app.functions").function(name)


def __getattr__(name: str) -> object:
    if name.startswith("_"):
        raise AttributeError(f"module 'ropescope' has no attribute {name!r}")
    from importlib import import_module

    if name in _NOUNS:
        from ropescope.lazy import part

        return part(f"ropescope.{_NOUNS[name]}", name)
    return import_module(f"ropescope.{name}") if name in _ROOMS else _function(name)


def __dir__() -> list[str]:
    from importlib import import_module

    return sorted({*globals(), *_NOUNS, *import_module("ropescope.app.functions").functions()})


class _Room(ModuleType):
    # A room that answers the question of its name when it is called. No docstring: it would stand in the place of the room's.

    @property
    def __doc__(self) -> str:
        """What the room is, and what it takes when it is called."""
        return f"{vars(self)['__doc__']}\n\n{_function(self.__name__.rpartition('.')[2]).__doc__}"

    def __call__(self, *placed: object, **named: object) -> object:
        return _function(self.__name__.rpartition(".")[2])(*placed, **named)

    @property
    def __signature__(self) -> object:
        return _function(self.__name__.rpartition(".")[2]).__signature__


class _Package(ModuleType):
    """Python sets each room as an attribute of its package once the room is imported, in whatever way that came about."""

    def __setattr__(self, name: str, value: object) -> None:
        if name in _ROOMS and type(value) is ModuleType:
            value.__class__ = _Room
        super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package
