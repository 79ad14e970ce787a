"""Evidence: the figures that claims are recomputed from, as shipped or taken afresh from raw files."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

from ropescope.errors import SourceError
from ropescope.evidence.cells import Kind, shipped_rows
from ropescope.evidence.extract import Extract, Rows, extracts
from ropescope.evidence.measurement import Measurement, ModelFacts, measurement_of
from ropescope.evidence.raw import PUBLISHED_AT, RawFiles
from ropescope.questions.names import few

_MODELS: dict[str, Kind] = {
    "model": "text",
    "family": "text",
    "positions": "text",
    "theta": "number",
    "context_length": "whole",
    "parameters_millions": "whole",
    "layers": "whole",
    "heads": "whole",
    "kv_heads": "whole",
    "head_dim": "whole",
    "rotary_dim": "whole",
    "sliding_window": "whole",
    "instruct": "whole",
}

MAIN_SERIES = ("e4", "e4-partial")
"""The measurements of the paper itself; the other series repeat, train, tune or disturb some of its models."""


class Evidence:
    """The tables behind the claims. With `folder`, each is taken from the raw files there instead of the package.

    A table is read when it is first asked for, so raw files that nothing asks for need not be there. Raises SourceError
    for a folder without measurements.
    """

    def __init__(self, folder: str | Path | None = None) -> None:
        self.raw = None if folder is None else RawFiles(folder)
        self._tables: dict[str, Rows] = {}

    @property
    def origin(self) -> str:
        """Where the figures come from, in a few words."""
        return "the figures shipped with ropescope" if self.raw is None else f"the raw files in {self.raw.folder}"

    def table(self, name: str) -> Rows:
        """The rows of a table by its name. Raises SourceError naming the raw files that are missing."""
        if name not in self._tables:
            entry = extracts()[name]
            if self.raw is None:
                self._tables[name] = entry.shipped()
            else:
                if missing := self.missing(entry):
                    raise SourceError(
                        f"The table {name} needs raw files that {self.raw.folder} does not have: {few(missing, 5)}. "
                        f"Get them from {PUBLISHED_AT}, or leave `data` out to use the shipped figures."
                    )
                self._tables[name] = entry.from_raw(self.raw)
        return self._tables[name]

    def missing(self, entry: Extract) -> tuple[str, ...]:
        """The raw files that a table needs and the folder has not; none when the shipped figures are used."""
        return () if self.raw is None else self.raw.missing(entry.files)

    def changed(self, names: tuple[str, ...]) -> tuple[str, ...]:
        """The raw files behind the tables `names` whose content is not the one that the shipped figures come from."""
        if self.raw is None:
            return ()
        return tuple(dict.fromkeys(file for name in names for file in self.raw.changed(extracts()[name].files)))

    @cached_property
    def measurements(self) -> tuple[Measurement, ...]:
        """Every published curve of attention against distance."""
        known = model_facts()
        return tuple(measurement_of(row, known[row["model"]]) for row in self.table("panel"))

    def panel(self, *, rope: bool = True, corpus: str | None = None, partial: bool = False) -> tuple[Measurement, ...]:
        """The measurements of the paper: by default the 46 of RoPE models that their author fitted.

        With `partial`, the six curves that he left unfitted as well; with `rope=False`, learned positions and ALiBi too.
        `corpus` is `text` or `random`.
        """
        series = MAIN_SERIES if partial else MAIN_SERIES[:1]
        return tuple(
            m
            for m in self.measurements
            if m.series in series
            and (not rope or m.facts.positions == "rope")
            and (corpus is None or m.corpus == corpus)
        )


def model_facts() -> dict[str, ModelFacts]:
    """What is known of each measured model, by its Hub id."""
    return {row["model"]: ModelFacts(**row) for row in shipped_rows(_MODELS, "models")}
