"""A run of lm-eval on disk: the logs of its tasks, and the results file that says how it was made."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from ropescope.checks.judging.drift.logs import Log, read_log, task_and_date
from ropescope.errors import FormatError, InputError, RopescopeError
from ropescope.local_files import open_bytes
from ropescope.models.json_file import read_json, unreadable
from ropescope.questions.names import few

MOST_FILES: Final = 2_000
_HEAD: Final = 1 << 16


@dataclass(frozen=True, slots=True)
class LoggedRun:
    """Logs by task ("" for one log whose name does not tell it), and what the results files say of each task."""

    name: str
    logs: Mapping[str, Log]
    results: Mapping[str, Mapping[str, Any]] = field(repr=False)
    notes: tuple[str, ...] = ()

    def n_documents(self, task: str) -> int:
        """Documents that the task has, whatever limit it was run with; 0 where no results file tells."""
        counts = self.results.get(task, {}).get("n-samples")
        own = counts.get(task) if isinstance(counts, Mapping) else None
        there = own.get("original") if isinstance(own, Mapping) else None
        return there if isinstance(there, int) else 0


def open_run(which: str, path: Path) -> LoggedRun:
    """The run at `path`: a log, a results file with logs beside it, or an output folder. `which` names the input.

    Of a task that was logged more than once, the newest log is taken, and a note says so. Raises InputError for what holds no
    log, or the logs of several models; SourceError and FormatError for files that cannot be read.
    """
    try:
        files, notes = _found(which, path)
    except OSError as error:
        raise unreadable(path, error) from error
    logs = [read_log(file) for file in files]
    known: dict[Path, Mapping[str, Any]] = {}
    results = {log.task: _results(log, known) for log in logs}
    return LoggedRun(path.name or str(path), {log.task: log for log in logs}, results, notes)


def common_tasks(first: LoggedRun, second: LoggedRun) -> tuple[list[tuple[str, Log, Log]], tuple[str, ...]]:
    """((task, its log in each run) of the tasks of both runs, notes on the tasks of one alone). Raises InputError for none."""
    if len(first.logs) == len(second.logs) == 1:
        (a,), (b,) = first.logs, second.logs
        if a == b or not a or not b:
            return [(a or b or "the task", first.logs[a], second.logs[b])], ()
    both = [task for task in first.logs if task in second.logs]
    if not both:
        raise InputError(
            "second",
            f"`second` holds {_tasks(second.logs)} and `first` holds {_tasks(first.logs)}: only the same task can be compared.",
        )
    notes = tuple(
        f"Only the {word} run has {_tasks(alone)}."
        for word, alone in (
            ("first", [task for task in first.logs if task not in second.logs]),
            ("second", [task for task in second.logs if task not in first.logs]),
        )
        if alone
    )
    return [(task, first.logs[task], second.logs[task]) for task in both], notes


def _found(which: str, path: Path) -> tuple[list[Path], tuple[str, ...]]:
    """The logs of the run, and notes on those that are left out."""
    if path.is_dir():
        return _of_folder(which, path)
    if path.is_file():
        return (_of_results(which, path) if _is_results(path) else [path]), ()
    hint = ""
    if path.name.replace(".", "", 1).rstrip("%").isdigit():
        hint = " Scores alone go in `scores`, and how many items they rest on in `n`."
    raise InputError(
        which, f"`{which}` {path} is not there: give a samples_*.jsonl of lm-eval or its output folder.{hint}"
    )


def _of_folder(which: str, folder: Path) -> tuple[list[Path], tuple[str, ...]]:
    found = _samples(folder)
    if not found:
        below = {inner: _samples(inner) for inner in sorted(folder.iterdir()) if inner.is_dir()}
        holding = {inner: files for inner, files in below.items() if files}
        if len(holding) > 1:
            raise InputError(
                which,
                f"`{which}` {folder} holds the logs of {_tasks(inner.name for inner in holding)}: give one of these folders.",
            )
        found = next(iter(holding.values()), [])
    if not found:
        raise InputError(
            which, f"`{which}` {folder} holds no samples_*.jsonl: run lm-eval with log_samples and an output path."
        )
    newest: dict[str, Path] = {}
    older: set[str] = set()
    for file in sorted(found, key=lambda one: task_and_date(one)[1]):
        task = task_and_date(file)[0] or file.stem
        if task in newest:
            older.add(task)
        newest[task] = file
    notes = (f"`{which}` holds several logs of {_tasks(sorted(older))}: the newest of each is read.",) if older else ()
    return sorted(newest.values()), notes


def _of_results(which: str, path: Path) -> list[Path]:
    date = path.stem.rpartition("_")[2]
    found = [file for file in _samples(path.parent) if task_and_date(file)[1] == date]
    if not found:
        raise InputError(
            which,
            f"`{which}` {path.name} holds results, and no samples_*_{date}.jsonl is beside it: run lm-eval with log_samples, or "
            "give `scores` and `n`.",
        )
    return found


def _samples(folder: Path) -> list[Path]:
    found = [file for file in sorted(folder.iterdir()) if file.name.startswith("samples_") and file.suffix == ".jsonl"]
    if len(found) > MOST_FILES:
        raise FormatError(f"{folder} holds more than {MOST_FILES:,} logs: give a folder of one run.")
    return found


def _is_results(path: Path) -> bool:
    """Whether a file is one JSON object over many lines, as results files are, and no log with one object a line."""
    if path.suffix != ".json":
        return False
    with open_bytes(path) as file:
        head = file.readline(_HEAD).strip()
    try:
        return not isinstance(json.loads(head), dict)
    except (ValueError, RecursionError):
        return head == b"{"


def _results(log: Log, known: dict[Path, Mapping[str, Any]]) -> Mapping[str, Any]:
    """What the results file of the same date says; nothing where there is none that can be read."""
    if not log.date:
        return {}
    path = next(iter(sorted(log.path.parent.glob(f"*_{log.date}.json"))), None)
    if path is None:
        return {}
    if path not in known:
        try:
            known[path] = read_json(path)
        except RopescopeError:
            known[path] = {}
    return known[path]


def _tasks(names: Iterable[str]) -> str:
    return few([name or "one task" for name in names], 6)
