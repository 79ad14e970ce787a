"""What an answer about speculative decoding rests on, before it is put into words."""

from __future__ import annotations

from dataclasses import dataclass

from ropescope.checks.speculating.costs import CostRatio
from ropescope.checks.speculating.engines import Rules, Ruling
from ropescope.checks.speculating.speedup import speedup
from ropescope.checks.speculating.vocabularies import Difference
from ropescope.models.model import Model


@dataclass(frozen=True, slots=True)
class Acceptance:
    """α: given, or measured in a mode of `quality.agreement`, with its interval over texts. `kept[j]` is how often the first
    j + 1 tokens of a draft were all kept."""

    mode: str
    value: float
    low: float | None = None
    high: float | None = None
    kept: tuple[float, ...] = ()
    protocol: str = ""
    partial: bool = False


@dataclass(frozen=True, slots=True)
class Pair:
    """A draft beside its target. `spelled`: the sources of both, as they were given. `head`: the kind of head that the draft
    is, which has no vocabulary of its own to compare."""

    draft: Model
    spelled: tuple[str, str]
    apart: Difference | None = None
    rulings: tuple[tuple[Rules, Ruling], ...] = ()
    why: str = ""
    head: str = ""


@dataclass(frozen=True, slots=True)
class Findings:
    """Everything that was found."""

    k: int
    rules: tuple[Rules, ...]
    engine_asked: bool
    cost: CostRatio
    given: tuple[Acceptance, ...]
    context: int
    target: Model | None = None
    pair: Pair | None = None
    measured: tuple[Acceptance, ...] = ()

    @property
    def headline(self) -> tuple[Acceptance, ...]:
        """The acceptance that the verdict tells: as given (two for a range), else measured in the way of the asked engine."""
        if self.given or not self.measured:
            return self.given
        wanted = self.rules[0].mode if self.engine_asked else "sampled"
        return tuple(one for one in self.measured if one.mode == (wanted or "sampled"))

    @property
    def speeds(self) -> tuple[float, ...]:
        """The speed-ups at the least and the most acceptance that the headline allows; empty where one is not known."""
        if self.cost.value is None or not self.headline:
            return ()
        ends = [end for one in self.headline for end in (one.value, one.low, one.high) if end is not None]
        return tuple(dict.fromkeys(speedup(end, self.k, self.cost.value) for end in (min(ends), max(ends))))

    @property
    def serves(self) -> bool | None:
        """Whether the asked engine, or any, takes the pair; None where that is not known or there is no pair."""
        if self.pair is None or self.pair.head:
            return None
        takes = [ruling.takes for _, ruling in self.pair.rulings]
        if self.pair.apart is not None and self.pair.apart.conflicts and True in takes:
            return not self.useless
        return True if True in takes else None if None in takes else False

    @property
    def useless(self) -> bool:
        """Whether most ids that both have are other tokens, so that no engine that compares sizes alone gains by the draft."""
        apart = None if self.pair is None else self.pair.apart
        return bool(apart and apart.conflicts and len(apart.conflicts) > (apart.shared or 0) and self.same_rows)

    @property
    def same_rows(self) -> bool:
        """Whether both outputs have so many rows: then no engine translates."""
        return bool(self.pair and self.pair.apart and self.pair.apart.same_rows)

    @property
    def pays(self) -> bool | None:
        """Whether it is faster; None where that is not known or not decided."""
        if self.cost.value is not None and self.cost.value >= 1:
            return False
        if not self.speeds:
            return None
        return True if min(self.speeds) > 1 else False if max(self.speeds) < 1 else None

    @property
    def holds(self) -> bool | None:
        """Whether the draft can serve and, as far as that is known, is faster."""
        if self.pair is None:
            return self.pays
        if self.serves is False or self.pays is False:
            return False
        if self.headline and self.cost.value is not None and self.pays is None:
            return None
        return self.serves
