"""Several models, measured one after the other or on a cluster: a profile of each, and one table.

A profile is written as soon as its model is measured, and is then no longer held. A model that fails is named with the reason,
and the others go on.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ropescope.errors import InputError, RopescopeError
from ropescope.measure.instrument import run as measure
from ropescope.measure.outcome import Outcome, control_path, show
from ropescope.measure.request import check_first
from ropescope.measure.results.result import measurement_data
from ropescope.models.kept_files import sha256_file
from ropescope.models.text_files import check_texts
from ropescope.questions.inputs import to_values
from ropescope.questions.question import Run
from ropescope.report.report import Column, Report, Step, Table
from ropescope.runs.done import Done
from ropescope.runs.journal import Journal
from ropescope.runs.where import carry_out_each

if TYPE_CHECKING:
    from ropescope.measure.asking import MeasureInputs


_IN_PROFILE: Final = ("layers", "curve", "control")
"""What is left out of the data of several models: the profiles have it."""


@dataclass(frozen=True, slots=True)
class _Row:
    """What became of one model. gamma: (value, low, high)."""

    source: str
    state: str
    gamma: tuple[float | None, float | None, float | None] = (None, None, None)
    control: float | None = None
    sinks: float | None = None
    profile: str | None = None
    data: dict[str, Any] | None = None


def several(inputs: MeasureInputs, run: Run) -> Report:
    """Measure `inputs.source` and `inputs.more`. Raises InputError for what can be given for one model only, and the error of the
    first where all failed."""
    sources = [inputs.source, *inputs.more]
    if twice := {source for source in sources if sources.count(source) > 1}:
        raise InputError("more", f"`more`: {sorted(twice)[0]} is given twice; name each model once.")
    if inputs.revision is not None:
        raise InputError("revision", "`revision` is of one model: write org/name@revision for each.")
    check_texts(inputs.text, inputs.column)
    folder = _made(inputs.folder)
    files = _file_names(sources)
    rows: dict[str, _Row] = {}
    each = {source: replace(inputs, source=source, more=(), folder=None) for source in sources}
    notes = {} if folder is None else {source: _Note(each[source], folder / files[source]) for source in sources}
    for source, note in notes.items():
        if not inputs.resume:
            note.discard()
        elif kept := note.outcome():
            rows[source] = _row(source, kept, "measured before", note.path)
    left = [source for source in sources if source not in rows]
    errors: list[RopescopeError] = []
    with run.working():
        asked = [each[source] for source in left]
        for index, found in carry_out_each(checked, asked, run, names=left, pieces=inputs.prompts) if left else ():
            source = left[index]
            if isinstance(found, RopescopeError):
                errors.append(found)
                rows[source] = _Row(source, str(found))
            else:
                rows[source] = _finished(source, found, notes.get(source), run)
                if inputs.on is None and found.value.interrupted:
                    break  # by Ctrl-C: the others are not begun
    if errors and len(errors) == len(sources):
        raise errors[0]
    states = [rows.get(source, _Row(source, "interrupted: `resume` goes on")) for source in sources]
    return _report(states, inputs, folder)


def checked(inputs: MeasureInputs, run: Run) -> Outcome:
    """The measurement of one of several models, checked first as a single one is."""
    request = inputs.request()
    check_first(request)
    return measure(request, progress=run.progress, say=run.say, keep_journal=True)


def _made(folder: Path | None) -> Path | None:
    try:
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError("folder", f"`folder` {folder} cannot be made ({error.strerror}): name another.") from error
    return folder


def _file_names(sources: Sequence[str]) -> dict[str, str]:
    """A file for each source: org--name.parquet, or the name of a folder or file; numbered where two are alike."""
    names: dict[str, str] = {}
    taken: set[str] = set()
    for source in sources:
        local = Path(source).expanduser()
        text = local.resolve().name if local.exists() else source.replace("/", "--")
        stem = name = re.sub(r"[^\w.@+-]+", "-", text.removesuffix(".gguf"))
        number = 1
        while name.lower() in taken:
            number += 1
            name = f"{stem}-{number}"
        taken.add(name.lower())
        names[source] = f"{name}.parquet"
    return names


def _finished(source: str, done: Done[Outcome], note: _Note | None, run: Run) -> _Row:
    found = done.value
    state = "measured"
    if found.interrupted:
        lost = ", ".join(piece.rpartition("/")[2] for piece in done.lost)
        state = f"partial: {found.profile.n_prompts} prompts" + (f"; given up: {lost}" if lost else "")
    if note is not None:
        found.save(note.path)
        if not found.interrupted:
            note.write()
        found.discard_journal()  # the profile is safe, and of many models the pieces would fill a disk
    else:
        for journal in found.journals:
            run.when_shown(journal.discard)
    return _row(source, found, state, None if note is None else note.path)


def _row(source: str, found: Outcome, state: str, path: Path | None) -> _Row:
    gamma, data = found.summary.gamma, measurement_data(found.summary, found.control, legacy_first=found.legacy_first)
    low, high = gamma.ci or (None, None)
    return _Row(
        source,
        state,
        (gamma.value, low, high),
        None if found.control is None else found.control.gamma.value,
        found.summary.sink_mass.value,
        None if path is None else str(path),
        {name: value for name, value in data.items() if name not in _IN_PROFILE},
    )


class _Note:
    """That a model was measured as asked: kept apart from its profile, with what tells whether either has changed since."""

    def __init__(self, inputs: MeasureInputs, path: Path) -> None:
        values = to_values(replace(inputs, on=None, resume=False))
        self.journal = Journal(
            {"measured": values, "versions": {name: version(name) for name in ("torch", "transformers")}}
        )
        self.inputs, self.path = inputs, path

    def write(self) -> None:
        self.journal.keep("profile", self._facts())

    def discard(self) -> None:
        self.journal.discard()

    def outcome(self) -> Outcome | None:
        """What was measured, where nothing has changed since; else None."""
        try:
            if self.path.exists() and self.journal.finished("profile") == self._facts():
                return show(self.path, d_min=self.inputs.d_min, legacy_first=self.inputs.protocol == "legacy")
        except RopescopeError:
            pass
        return None

    def _facts(self) -> dict[str, Any]:
        control = control_path(self.path)
        kept = [self.path, *([control] if self.inputs.control else [])]
        read = [Path(self.inputs.source).expanduser(), *self.inputs.text]
        files = [
            file for path in read if path.exists() for file in ([path] if path.is_file() else sorted(path.iterdir()))
        ]
        return {
            "profiles": [sha256_file(path) for path in kept],
            "files": [[str(file.resolve()), file.stat().st_size, file.stat().st_mtime_ns] for file in files],
        }


def _report(rows: Sequence[_Row], inputs: MeasureInputs, folder: Path | None) -> Report:
    measured = [row for row in rows if row.data is not None]
    failed = len(rows) - len(measured)
    control = any(row.control is not None for row in rows)
    numbers = ("γ", "from", "to", *(("random weights",) if control else ()))
    columns = (
        Column("model"),
        *(Column(name, format=".3f") for name in numbers),
        Column("on sinks", format=".0%"),
        Column(""),
    )
    said = [f"{len(measured)} of {len(rows)} models measured at {inputs.length:,} tokens"]
    if failed:
        said.append(f"{failed} not, the table says why")
    return Report(
        title=f"{len(rows)} models · {inputs.prompts} prompts of {inputs.length:,} tokens · {inputs.corpus}",
        verdict=f"{'; '.join(said)}.",
        tables=(
            Table(
                "Models",
                columns,
                tuple(
                    (row.source, *row.gamma, *((row.control,) if control else ()), row.sinks, row.state) for row in rows
                ),
                note="γ at a fixed length; from and to: its 95 % interval over prompts. Uniform attention: 0.",
            ),
        ),
        next_steps=(Step("atlas add", {"folder": str(folder)}, "Add them to the atlas"),)
        if folder and measured
        else (),
        data={
            "schema": "ropescope.measurements/1",
            "models": [
                {
                    "source": row.source,
                    "state": row.state,
                    "profile": row.profile,
                    "control_gamma": row.control,
                    "measurement": row.data,
                }
                for row in rows
            ],
        },
    )
