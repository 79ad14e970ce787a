"""The names of the methods that can be evaluated, told without torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

from ropescope.compress.kvpress.library import missing
from ropescope.errors import EvaluationError, MissingExtraError
from ropescope.questions.names import did_you_mean, shown

if TYPE_CHECKING:
    from ropescope.questions.plugins import Entry

DEFAULT: Final = ("planned", "uniform", "snapkv")
PLANNED: Final = ("planned", "windows", "uniform")
"""Methods that are plans: of windows and picks, of windows alone, of one window for all heads."""
RESTATED: Final = ("snapkv", "pyramidkv", "tova", "knorm", "keydiff", "random")
"""Published methods that this package restates; used where kvpress is not installed."""
OF_KVPRESS: Final = ("adakv", "expected-attention", "streamingllm")
"""Published methods that only kvpress has."""

OWN: Final = (*PLANNED, *RESTATED, *OF_KVPRESS)


def of_plugins() -> Mapping[str, Entry]:
    """The methods of plugins by name. A name of ropescope's own stays its own, and of two packages the first has it."""
    from ropescope.questions.plugins import METHODS, entries

    return {one.name.lower(): one for one in reversed(entries(METHODS)) if one.name.lower() not in OWN}


def left_out(names: Sequence[str]) -> list[str]:
    """A sentence for each of these names that a plugin has too, where ropescope's own method is meant."""
    from ropescope.questions.plugins import METHODS, LeftOut, entries

    asked = {name.strip().lower() for name in names}
    clashes = [one for one in entries(METHODS) if one.name.lower() in asked & {*OWN}]
    return [
        LeftOut(one.package, f"the method {one.name}", "has the name of one of ropescope").sentence for one in clashes
    ]


def checked_names(names: Sequence[str]) -> list[str]:
    """The names as they are known. Raises EvaluationError for one that is not, or is given twice, MissingExtraError for a
    method that only kvpress has, where that is not installed."""
    plain = [name.strip().lower() for name in names]
    for name in plain:
        if name not in OWN and name not in of_plugins():
            known = (*OWN, *of_plugins())
            raise EvaluationError(
                f"No method is called {shown(name)}.{did_you_mean(name, known)} There are {', '.join(known)}."
            )
        if name in OF_KVPRESS and (why := missing()):
            raise MissingExtraError(why)
    twice = next((name for name in plain if plain.count(name) > 1), None)
    if twice is not None:
        raise EvaluationError(f"The method {twice} was given twice: name each once.")
    return plain
