"""What a worker does: carry out a function on inputs, of whose pieces it has a share. An order is plain data, since a network
cannot be sent."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Literal

import ropescope
from ropescope.errors import MeasurementError, RopescopeError
from ropescope.questions.inputs import from_values
from ropescope.questions.question import Run
from ropescope.runs.share import Share, Unfinished, sharing

MARKER = "here"


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be carried out, as plain data.

    function and inputs: dotted names, "package.module:name". values: the inputs as JSON holds them. home: where all workers
    keep their files. notes: the folder of the run's notes in it. task, index, of: see `Share`. folder: where relative paths
    begin. threads: of torch. version: of ropescope.
    """

    function: str
    inputs: str
    values: dict[str, Any]
    name: str
    home: str
    notes: str
    task: str
    index: int
    of: int
    folder: str
    threads: int
    version: str


@dataclass(frozen=True, slots=True)
class Reply:
    """What came of an order: a value, an error that the user is told, or nothing yet, since others have pieces left."""

    kind: Literal["value", "error", "unfinished"]
    value: Any = None
    done: int = 0
    lost: tuple[str, ...] = ()


class _Noted(Run):
    """A run that notes how far it is."""

    def __init__(self, share: Share) -> None:
        self._share, self._line = share, ""

    def say(self, line: str) -> None:
        self._line = line
        self._share.tell(line)

    def progress(self, done: int, planned: int, what: str) -> None:
        self._share.tell(self._line, done, planned)


def carry_out(order: Order) -> Reply:
    """Carry an order out, as far as it goes without the shares of others."""
    share = Share(Path(order.notes), order.task, order.index, order.of)
    try:
        _prepare(order)
        share.start(order.name)
        with sharing(share):
            function: Callable[[Any, Run], Any] = _named(order.function)
            value = function(from_values(_named(order.inputs), order.values), _Noted(share))
        return Reply("value", value, share.done, tuple(share.lost))
    except Unfinished:
        return Reply("unfinished", None, share.done, tuple(share.lost))
    except RopescopeError as error:
        return Reply("error", error, share.done, tuple(share.lost))


def _prepare(order: Order) -> None:
    """Raises MeasurementError on a machine that does not see the shared folder, or has another version."""
    machine = socket.gethostname()
    if not (Path(order.notes) / MARKER).exists():
        raise MeasurementError(
            f"{machine} does not see {order.home}, where finished pieces are kept: set ROPESCOPE_HOME to a folder that all "
            "machines of the cluster share."
        )
    if order.version != ropescope.__version__:
        raise MeasurementError(
            f"{machine} has ropescope {ropescope.__version__}, and {order.version} was asked: install one version everywhere."
        )
    os.environ["ROPESCOPE_HOME"] = order.home
    with suppress(OSError):  # a machine without that folder may still fetch models from the Hub
        os.chdir(order.folder)
    os.environ["OMP_NUM_THREADS"] = str(order.threads)
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(order.threads)


def dotted(of: Any) -> str:
    """The name under which a worker finds a function or a class."""
    return f"{of.__module__}:{of.__qualname__}"


def _named(name: str) -> Any:
    module, _, inner = name.partition(":")
    return getattr(import_module(module), inner)
