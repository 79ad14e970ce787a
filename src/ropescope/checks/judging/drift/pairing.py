"""The rows of two logs of one task side by side: joined by document, refused where the gold answers differ."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from ropescope.checks.judging.drift.logs import Log, Row
from ropescope.checks.judging.paired import Document, Paired, compare
from ropescope.checks.judging.scores import holm
from ropescope.errors import FormatError

ALL: Final = "all tasks"

Pair = tuple[Row, Row]


@dataclass(frozen=True, slots=True)
class TaskPair:
    """A task in both runs. documents: by filter, for each document that both have, its rows in each."""

    task: str
    first: Log
    second: Log
    documents: Mapping[str, Sequence[Sequence[Pair]]]
    notes: tuple[str, ...]

    @property
    def pairs(self) -> list[Pair]:
        """All rows under the first filter: prompts and documents are the same under every one."""
        return [pair for rows in next(iter(self.documents.values())) for pair in rows]

    @property
    def other_prompts(self) -> list[Pair]:
        """The pairs of `pairs` whose prompts differ."""
        return [pair for pair in self.pairs if pair[0].prompt != pair[1].prompt]


@dataclass(frozen=True, slots=True)
class Comparison:
    """One metric of one task, or of all tasks together. adjusted: p after Holm over all comparisons of the answer."""

    task: str
    metric: str
    filter: str
    paired: Paired
    adjusted: float = 1.0

    @property
    def label(self) -> str:
        """As gsm8k, exact_match (strict-match)."""
        return f"{self.task}, {self.metric}" + (f" ({self.filter})" if self.filter not in ("", "none") else "")


def pair(task: str, first: Log, second: Log) -> TaskPair:
    """The documents that both logs have. Raises FormatError where they have none, or other gold answers."""
    documents: dict[str, Sequence[Sequence[Pair]]] = {}
    notes: list[str] = []
    for name, a, b in _filters(first, second):
        rows = (_by_document(first.filters[a]), _by_document(second.filters[b]))
        both = [doc for doc in rows[0] if doc in rows[1]]
        if not both:
            raise FormatError(
                f"No document of {first.path} is in {second.path}: they hold other data. Compare logs of the same task, split "
                "and data version."
            )
        documents[name] = [list(zip(rows[0][doc], rows[1][doc], strict=False)) for doc in both]
        _require_same_gold(documents[name], first, second)
        alone = [len(each) - len(both) for each in rows]
        if any(alone) and not notes:
            notes.append(
                f"{task}: {alone[0]:,} documents are in the first log alone and {alone[1]:,} in the second alone."
            )
        repeated = sum(len(rows) > 1 for rows in documents[name])
        if repeated and len(documents) == 1:
            notes.append(
                f"{task}: {repeated:,} documents are in the data more than once; each is one unit of the test."
            )
    for word, log, other in (("first", first, second), ("second", second, first)):
        lost = [name for name in log.filters if name not in documents and name not in other.filters]
        if lost and len(documents) < len(log.filters):
            notes.append(f"{task}: only the {word} log has the filters {', '.join(lost)}.")
    if left := first.left_out | second.left_out:
        notes.append(f"{task}: not compared, since they are no score of a document: {', '.join(sorted(left))}.")
    return TaskPair(task, first, second, documents, tuple(notes))


def comparisons(tasks: Sequence[TaskPair], only: Sequence[str] = ()) -> list[Comparison]:
    """Every metric under every filter, of all tasks together and then of each; `only` keeps metrics of those names."""
    kept: list[tuple[str, str, str, list[Document]]] = []
    pooled: dict[tuple[str, str], list[list[Document]]] = {}
    for one in tasks:
        for name, documents in one.documents.items():
            metrics = dict.fromkeys(
                metric for rows in documents for a, b in rows for metric in a.scores if metric in b.scores
            )
            for metric in metrics:
                if only and metric not in only and f"{metric},{name}" not in only:
                    continue
                each_of = (_scored(rows, metric, one) for rows in documents)
                scored = [document for document in each_of if document is not None]
                kept.append((one.task, metric, name, scored))
                pooled.setdefault((metric, name), []).append(scored)
    together = [
        (ALL, metric, name, [document for scored in each for document in scored])
        for (metric, name), each in pooled.items()
        if len(each) > 1
    ]
    found = [Comparison(task, metric, name, compare(documents)) for task, metric, name, documents in (*together, *kept)]
    adjusted = holm(one.paired.p for one in found)
    return [replace(one, adjusted=p) for one, p in zip(found, adjusted, strict=True)]


def _scored(rows: Sequence[Pair], metric: str, task: TaskPair) -> Document | None:
    first = second = 0.0
    parts = 0
    for a, b in rows:
        if metric not in a.scores or metric not in b.scores:
            continue
        if len(a.scores[metric]) != len(b.scores[metric]):
            raise FormatError(
                f"{task.first.path}:{a.line} and {task.second.path}:{b.line} hold {len(a.scores[metric])} and "
                f"{len(b.scores[metric])} values of {metric} for one document: the tasks are of different versions."
            )
        first, second, parts = (
            first + sum(a.scores[metric]),
            second + sum(b.scores[metric]),
            parts + len(a.scores[metric]),
        )
    return Document(first, second, parts) if parts else None


def _filters(first: Log, second: Log) -> list[tuple[str, str, str]]:
    """(name, as the first log has it, as the second has it) of each filter of both; unnamed ones match in their order."""
    both = [name for name in first.filters if name in second.filters]
    if both:
        return [(name, name, name) for name in both]
    unnamed = [all(name == "" or name.startswith("filter ") for name in log.filters) for log in (first, second)]
    if any(unnamed) and len(first.filters) == len(second.filters):
        names = second.filters if unnamed[0] else first.filters
        return list(zip(names, first.filters, second.filters, strict=True))
    raise FormatError(
        f"{first.path} has the filters {', '.join(first.filters)} and {second.path} has {', '.join(second.filters)}: score both "
        "with the same filters."
    )


def _by_document(rows: Sequence[Row]) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = {}
    for row in sorted(rows, key=lambda one: one.doc_id):
        found.setdefault(row.doc, []).append(row)
    return found


def _require_same_gold(documents: Sequence[Sequence[Pair]], first: Log, second: Log) -> None:
    pairs = [pair for rows in documents for pair in rows]
    other = [(a, b) for a, b in pairs if a.target != b.target]
    if other:
        a, b = other[0]
        raise FormatError(
            f"The gold answers differ in {len(other):,} of {len(pairs):,} documents, first at {first.path}:{a.line} and "
            f"{second.path}:{b.line}: the scores count other things. Run both with one version of the task."
        )
