"""A run in Python: in a notebook one line shows how far it is, in place; elsewhere it is shown as in a terminal."""

from __future__ import annotations

import sys
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from html import escape
from pathlib import Path
from typing import Any, Final

from ropescope.app.terminal import Terminal
from ropescope.app.working import Told, Work, how_far, progress_bar

_SECONDS: Final = 0.25
"""A notebook gets a new line no more often."""


class InPython(Terminal):
    """A run that a function of the package began. It keeps the result as the command line does, and says nothing of it."""

    resume = "resume=True"

    def __init__(self, out: Path | None) -> None:
        super().__init__(out)
        if _notebook() is not None:  # tqdm misses widgets when transformers imports it; what is shown here needs none
            warnings.filterwarnings("ignore", message="IProgress not found")

    @contextmanager
    def shown(self) -> Iterator[Told]:
        """What shows progress. Signals are left to who runs Python."""
        display = _notebook()
        with progress_bar() if display is None else _line(display) as told:
            yield told

    def tell(self, line: str) -> None:
        """Nothing: who calls a function named the file."""


def _notebook() -> Any:
    """IPython's `display` where a notebook shows what it is given; None elsewhere."""
    interactive = sys.modules.get("IPython")
    shell = None if interactive is None else interactive.get_ipython()
    if shell is None or not hasattr(shell, "kernel"):
        return None
    from IPython.display import display

    return display


@contextmanager
def _line(display: Any) -> Iterator[Told]:
    """One output of the cell that is updated in place, and empty once the work is done. It needs no widgets."""
    work, last = Work(), 0.0
    handle = display({"text/plain": ""}, raw=True, display_id=True)

    def show() -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= _SECONDS:
            last = now
            handle.update(_bundle(work), raw=True)

    work.changed = show
    try:
        yield work.progress, work.say
    finally:
        handle.update({"text/plain": ""}, raw=True)


def _bundle(work: Work) -> dict[str, str]:
    line = f"{work.words}{how_far(work)}"
    value = f' value="{work.done}" max="{work.planned}"' if work.planned else ""
    return {"text/plain": line, "text/html": f"<progress{value}></progress> {escape(line)}"}
