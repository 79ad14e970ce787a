"""The names of the methods that can be evaluated, told without torch."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from typing import Final

from ropescope.compress.kvpress.library import missing
from ropescope.errors import EvaluationError, MissingExtraError

DEFAULT: Final = ("planned", "uniform", "snapkv")
PLANNED: Final = ("planned", "windows", "uniform")
"""Methods that are plans: of windows and picks, of windows alone, of one window for all heads."""
RESTATED: Final = ("snapkv", "pyramidkv", "tova", "knorm", "keydiff", "random")
"""Published methods that this package restates; used where kvpress is not installed."""
OF_KVPRESS: Final = ("adakv", "expected-attention", "streamingllm")
"""Published methods that only kvpress has."""


def checked_names(names: Sequence[str]) -> list[str]:
    """The names as they are known. Raises EvaluationError for one that is not, or is given twice, MissingExtraError for a
    method that only kvpress has, where that is not installed."""
    plain = [name.strip().lower() for name in names]
    known = (*PLANNED, *RESTATED, *OF_KVPRESS)
    for name in plain:
        if name not in known:
            near = get_close_matches(name, known, n=1, cutoff=0.5)
            hint = f" Did you mean {near[0]}?" if near else ""
            raise EvaluationError(f"No method is called {name!r}.{hint} There are {', '.join(known)}.")
        if name in OF_KVPRESS and (why := missing()):
            raise MissingExtraError(why)
    twice = next((name for name in plain if plain.count(name) > 1), None)
    if twice is not None:
        raise EvaluationError(f"The method {twice} was given twice: name each once.")
    return plain
