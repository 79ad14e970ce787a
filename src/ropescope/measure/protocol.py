"""The two ways to read decay from attention rows: at one fixed length (ours), and the published way.

Both are read from the same forward passes, because in a causal model the row at position q is the last row of the sequence
that is cut after q.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ropescope.errors import MeasurementError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

LEGACY_DISTANCES = (10, 20, 30, 50, 100, 200, 500, 1000, 2000)
LEGACY_KEY = 49
"""The one key position that the published protocol reads: a sequence of d + 50 tokens, its last query, key 49."""
LEGACY_OFFSET = LEGACY_KEY + 1
"""It reads distance d in a sequence of d + 50 tokens."""
LEGACY_LENGTH = LEGACY_DISTANCES[-1] + LEGACY_OFFSET
LEGACY_FIT_FROM = 30
"""Its fit leaves out the distances below this."""


@dataclass(frozen=True, slots=True)
class FixedLength:
    """Query rows from the last quarter of one context length, so that every row has every distance up to D.

    length: context length L in tokens. rows: query rows a prompt. sinks: first keys that are left out of the distance
    bins and reported apart. bins_per_octave: resolution of the logarithmic distance bins.
    """

    length: int = 2048
    rows: int = 64
    sinks: int = 4
    bins_per_octave: int = 6

    def __post_init__(self) -> None:
        for name, least in (("length", 64), ("rows", 1), ("sinks", 0), ("bins_per_octave", 1)):
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or value < least:
                raise MeasurementError(f"`{name}` must be a whole number of at least {least}, not {value!r}.")
        if self.rows > self.length - self.first_row:
            raise MeasurementError(
                f"{self.rows} rows do not fit in the last quarter of {self.length} tokens: "
                f"ask for at most {self.length - self.first_row} rows or a longer context."
            )
        if self.sinks > self.first_row - 16:
            raise MeasurementError(f"{self.sinks} sink tokens leave no distances to measure in {self.length} tokens.")

    @property
    def first_row(self) -> int:
        """The first position of the last quarter."""
        return 3 * self.length // 4

    @property
    def max_distance(self) -> int:
        """D: the largest distance that every row has, sinks left out."""
        return self.first_row - self.sinks

    @property
    def edges(self) -> NDArray[np.int64]:
        """[bins + 1] distance bin edges: 0 alone, then logarithmic; bin b holds the distances edges[b] … edges[b+1]−1."""
        import numpy as np

        octaves = np.arange(0, np.log2(self.length) + 1, 1 / self.bins_per_octave)
        edges = np.unique(np.round(2.0**octaves).astype(np.int64))
        edges = edges[edges < self.length]
        return np.unique(np.concatenate([[0], edges, [self.max_distance + 1, self.length]]))

    def require_distances(self, d_min: int) -> None:
        """Raise MeasurementError where distances from `d_min` on are too few to fit."""
        if d_min < 1 or 4 * d_min > self.max_distance:
            raise MeasurementError(
                f"`d_min` must lie between 1 and a quarter of the largest distance ({self.max_distance // 4} tokens here), "
                f"not {d_min}."
            )

    def positions(self, rng: np.random.Generator) -> NDArray[np.int64]:
        """[rows] query positions, drawn from the last quarter without replacement, sorted."""
        import numpy as np

        return self.first_row + np.sort(rng.choice(self.length - self.first_row, size=self.rows, replace=False))


def legacy_distances(n_tokens: int) -> tuple[int, ...]:
    """The published distances that a prompt of `n_tokens` can hold: d needs d + 50 tokens."""
    return tuple(d for d in LEGACY_DISTANCES if d + LEGACY_OFFSET <= n_tokens)
