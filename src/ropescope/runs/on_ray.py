"""Orders to workers of a Ray cluster, and their replies.

Ray places tasks, starts workers and retries what was killed. Finished pieces are files that all workers see, so a retried
task, or the same command on another number of workers, goes on from them; here nothing is held but which orders are open.
"""

from __future__ import annotations

import logging
import os
import secrets
import shutil
import signal
import sys
import tempfile
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import ropescope
from ropescope.cache_home import cache_home
from ropescope.errors import MeasurementError, MissingExtraError, RopescopeError
from ropescope.questions.inputs import to_values
from ropescope.questions.question import Run
from ropescope.runs.done import Done
from ropescope.runs.progress import told
from ropescope.runs.sizes import Needs, needs_of, slots
from ropescope.runs.worker import MARKER, Order, Reply, carry_out, dotted

RETRIES: Final = 3
"""How often Ray starts a task again whose worker or machine was lost."""
ROUNDS_WITHOUT: Final = 2
"""Rounds in which workers were lost and no piece was finished, after which work is given up."""
WAITING: Final = 2
"""Orders a worker that are given to Ray at one time."""
POLL_SECONDS: Final = 0.5
_STORE_BYTES: Final = 512 * 2**20
"""Room for replies of this machine's workers."""


@contextmanager
def connected(on: str) -> Iterator[Any]:
    """Ray, connected to the cluster `on`: ray (that of RAY_ADDRESS, else workers of this machine) or ray://host:port.

    Raises MissingExtraError without Ray, MeasurementError where the cluster does not answer.
    """
    for name, value in _QUIET.items():
        os.environ.setdefault(name, value)
    try:
        import ray
    except ModuleNotFoundError as error:
        raise MissingExtraError("`on` needs ray, which is not installed: pip install 'ropescope[ray]'.") from error
    if ray.is_initialized():
        yield ray
        return
    address = on if "://" in on else os.environ.get("RAY_ADDRESS") or "local"
    with _own_folder(address) as folder:
        own: dict[str, Any] = {}
        if address == "local":
            own = {
                "include_dashboard": False,
                "_temp_dir": folder,
                "_node_ip_address": "127.0.0.1",
                "object_store_memory": _STORE_BYTES,
            }
        try:
            with (
                _polite_kill_kept(),
                warnings.catch_warnings(action="ignore"),
            ):  # what it warns of comes as an error, too
                ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR, **own)
        except Exception as error:  # of many kinds: no such address, another version, no token
            ray.shutdown()
            cause = (str(error).strip().splitlines() or [type(error).__name__])[0]
            raise MeasurementError(
                f"Ray cannot be reached at {address} ({cause}): check the address and, where the cluster asks for a token, set "
                "RAY_AUTH_MODE to token and RAY_AUTH_TOKEN_PATH to its file."
            ) from error
        try:
            yield ray
        finally:
            ray.shutdown()


_QUIET: Final = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_DEDUP_LOGS": "0"}


@contextmanager
def _own_folder(address: str) -> Iterator[str | None]:
    """A short folder for the sockets of this machine's workers, whose paths may have 107 characters."""
    if address != "local" or sys.platform == "win32":
        yield None
        return
    folder = tempfile.mkdtemp(prefix="rs-", dir="/tmp")
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _polite_kill_kept() -> Iterator[None]:
    """Ray takes SIGTERM for itself as it starts; here what stood before stands again."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@dataclass
class _Work:
    """One input, and the orders that are open for it. alone: it was given out in one share."""

    index: int
    name: str
    values: dict[str, Any]
    needs: Needs
    shares: int
    round: int = 0
    open: int = 0
    done: int = 0
    lost: set[str] = field(default_factory=set)
    deaths: str = ""
    without: int = 0
    found: Done[Any] | RopescopeError | None = None


def carried_out_on_ray(
    on: str,
    function: Callable[[Any, Run], Any],
    inputs: Sequence[Any],
    run: Run,
    names: Sequence[str],
    pieces: int,
) -> Iterator[tuple[int, Done[Any] | RopescopeError]]:
    """See `where.carry_out_each`."""
    run.say(f"Starting Ray ({on})")
    with connected(on) as ray, _notes() as notes:
        fleet = _Fleet(ray, function, inputs, run, names, pieces, notes)
        try:
            yield from fleet.work()
        except KeyboardInterrupt:
            fleet.cancel()
        except GeneratorExit:
            fleet.cancel()
            raise


@contextmanager
def _notes() -> Iterator[Path]:
    """The folder of a run's notes, with the marker that tells a worker that it sees it."""
    folder = cache_home().absolute() / "runs" / f"ray-{secrets.token_hex(6)}"
    try:
        folder.mkdir(parents=True)
        (folder / MARKER).touch()
    except OSError as error:
        raise MeasurementError(
            f"Nothing can be kept in {folder.parent} ({error.strerror or error}): set ROPESCOPE_HOME to a folder with room, "
            "which all machines share."
        ) from error
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


class _Fleet:
    """The orders of a run that are open, and what came of those that are not."""

    def __init__(
        self,
        ray: Any,
        function: Callable[[Any, Run], Any],
        inputs: Sequence[Any],
        run: Run,
        names: Sequence[str],
        pieces: int,
        notes: Path,
    ) -> None:
        self.ray, self.run, self.notes, self.inputs, self.names, self.pieces = ray, run, notes, inputs, names, pieces
        self.threads = int(os.environ.get("OMP_NUM_THREADS") or 1)
        self.order = Order(
            dotted(function), dotted(type(inputs[0])), {}, "", str(cache_home().absolute()), str(notes), "", 0, 1,
            os.getcwd(), self.threads, ropescope.__version__,
        )  # fmt: skip
        self.open: dict[Any, _Work] = {}
        self.waiting = list(reversed(range(len(inputs))))
        self.finished, self.slots = 0, 1
        # A process that used a GPU ends with its task, and so gives all of its memory back; others keep the last network.
        self.tasks = {
            on_gpu: ray.remote(max_retries=RETRIES, scheduling_strategy="SPREAD", max_calls=int(on_gpu))(carry_out)
            for on_gpu in (True, False)
        }

    def work(self) -> Iterator[tuple[int, Done[Any] | RopescopeError]]:
        """Give orders, and take what comes of each input."""
        many = len(self.inputs) > 1
        self._begin()
        while self.open:
            ready, _ = self.ray.wait(list(self.open), num_returns=1, timeout=POLL_SECONDS)
            for one in ready:
                work = self.open.pop(one)
                self._take(work, one)
                if work.found is not None and not work.open:
                    self.finished += 1
                    found, work.found = work.found, None
                    yield work.index, found
                self._begin()
            if many:
                self.run.progress(self.finished, len(self.inputs), "models")
            else:
                self._tell()

    def cancel(self) -> None:
        """End the tasks that are open. What they have finished is kept."""
        for one in self.open:
            with suppress(Exception):
                self.ray.cancel(one, force=False)
        if self.open:
            with suppress(Exception):
                self.ray.wait(list(self.open), num_returns=len(self.open), timeout=5.0)

    def _begin(self) -> None:
        """Give orders for further inputs, as long as there are workers for them."""
        while self.waiting and (not self.open or len(self.open) < WAITING * self.slots):
            index = self.waiting.pop()
            inputs = self.inputs[index]
            needs = needs_of(self.ray, inputs, self.threads)
            self.slots = slots(self.ray, needs)
            shares = max(1, min(self.pieces, self.slots // len(self.inputs)))
            values = to_values(replace(inputs, on=None))
            self._give(_Work(index, self.names[index], values, needs, shares))

    def _give(self, work: _Work) -> None:
        work.open, work.done, work.deaths = work.shares, 0, ""
        for share in range(work.shares):
            task = f"{work.index}-{work.round}-{share}"
            order = replace(self.order, values=work.values, name=work.name, task=task, index=share, of=work.shares)
            remote = self.tasks[work.needs.gpus > 0].options(**work.needs.options)
            self.open[remote.remote(order)] = work

    def _take(self, work: _Work, ready: Any) -> None:
        """A reply; when all of a round are there and there is no result yet, the next round begins."""
        work.open -= 1
        try:
            reply: Reply = self.ray.get(ready)
        except self.ray.exceptions.RayTaskError as error:
            work.found = work.found or _fault(work.name, error)
            return
        except self.ray.exceptions.RayError as error:
            work.deaths = type(error).__name__
            reply = Reply("unfinished")
        work.done += reply.done
        work.lost |= set(reply.lost)
        if reply.kind == "value" and not isinstance(work.found, Done):
            work.found = Done(reply.value, tuple(sorted(work.lost)))
        elif reply.kind == "error":
            work.found = work.found or _with_lost(reply.value, work.lost)
        if work.open or work.found is not None:
            return
        work.without = 0 if work.done else work.without + 1
        if work.without > (ROUNDS_WITHOUT if work.deaths else 0):
            work.found = _stuck(work)
            return
        work.round += 1
        self._give(work)

    def _tell(self) -> None:
        """The progress of all shares of the one input."""
        line, done, planned = told(self.notes)
        if line:
            self.run.say(line)
        if planned:
            self.run.progress(done, planned, "")


def _fault(name: str, error: Exception) -> RopescopeError:
    cause = getattr(error, "cause", None) or error
    text = (str(cause).strip().splitlines() or [""])[-1]
    return MeasurementError(f"{name} ended with an error that was not foreseen: {type(cause).__name__}: {text}")


def _with_lost(error: RopescopeError, lost: set[str]) -> RopescopeError:
    if not lost:
        return error
    names = ", ".join(sorted(piece.rpartition("/")[2] for piece in lost))
    return MeasurementError(f"Given up, since every worker that began them was killed: {names}. {error}")


def _stuck(work: _Work) -> RopescopeError:
    if work.deaths:
        return MeasurementError(
            f"Workers of {work.name} were killed again and again ({work.deaths}), most likely for lack of memory. What was "
            "finished is kept: `resume` goes on from there, on fewer workers or larger machines."
        )
    return MeasurementError(
        f"Workers of {work.name} do not find each other's pieces: their machines differ in number type or versions. Use "
        "machines of one kind, or give `dtype` and `device`."
    )
