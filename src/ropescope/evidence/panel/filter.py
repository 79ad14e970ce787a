"""Filter: which measurements of the panel are shown, with the names that exist when one is asked for that does not."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from ropescope.errors import EvidenceError
from ropescope.evidence.evidence import MAIN_SERIES, Evidence
from ropescope.evidence.measurement import Measurement
from ropescope.questions.names import did_you_mean, shown


@dataclass(frozen=True, slots=True)
class Filter:
    """Conditions that all hold; None is no condition. `model` is a part of a name; case does not matter anywhere."""

    model: str | None = None
    corpus: str | None = None
    positions: str | None = None
    family: str | None = None
    everything: bool = False

    def of(self, evidence: Evidence) -> tuple[Measurement, ...]:
        """The measurements that pass. Raises EvidenceError, naming what exists, where nothing does."""
        kept = tuple(m for m in evidence.measurements if self.everything or m.series in MAIN_SERIES)
        for option, asked, value in self._exact():
            if asked is not None:
                _known(option, asked, {value(m) for m in evidence.measurements})
                kept = tuple(m for m in kept if value(m).lower() == asked.lower())
        if self.model is not None:
            wanted = self.model.lower()
            if not any(wanted in m.model.lower() for m in evidence.measurements):
                _refuse("`model`", self.model, sorted({m.short_name for m in evidence.measurements}))
            kept = tuple(m for m in kept if wanted in m.model.lower())
        if not kept:
            raise EvidenceError(
                f"No measurement has {self.words} at once. {'' if self.everything else 'Try `all`.'}".strip()
            )
        return kept

    def _exact(self) -> tuple[tuple[str, str | None, Callable[[Measurement], str]], ...]:
        """The options whose value must be met whole, and where a measurement has it."""
        return (
            ("`corpus`", self.corpus, lambda m: m.corpus),
            ("`positions`", self.positions, lambda m: m.facts.positions),
            ("`family`", self.family, lambda m: m.facts.family),
        )

    @property
    def words(self) -> str:
        """The conditions in words, empty if there is none."""
        named = {"model": self.model, "corpus": self.corpus, "positions": self.positions, "family": self.family}
        return ", ".join(f"{name} {value}" for name, value in named.items() if value is not None)


def _known(option: str, asked: str, values: Iterable[str]) -> None:
    if asked.lower() not in {value.lower() for value in values}:
        _refuse(option, asked, sorted(values))


def _refuse(option: str, asked: str, values: list[str]) -> None:
    raise EvidenceError(
        f"No measurement has {option} {shown(asked)}.{did_you_mean(asked, values)} There are {', '.join(values)}."
    )
