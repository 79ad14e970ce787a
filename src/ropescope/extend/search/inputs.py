"""What can be asked of a search for a plan."""

from __future__ import annotations

from dataclasses import dataclass

from ropescope.questions.domains import Real, Whole
from ropescope.questions.inputs import asked
from ropescope.questions.kinds import Text, Tokens
from ropescope.questions.shared import Loading, OneModel, OwnText, Resumable


@dataclass(frozen=True, kw_only=True)
class SearchInputs(OneModel, OwnText, Loading, Resumable):
    """What to search for, and for how long."""

    to: int = asked(Tokens(least=2), "Target length in tokens, as 16384 or 16k (16,384).")
    minutes: float = asked(
        Real(above=0.0, at_most=1e6),
        "Time limit. For a long target, half of it or more goes into reading the texts.",
        default=10.0,
    )
    method: str = asked(
        Text(),
        "What to vary: yarn, a factor for every pair; rerope, the near tokens and the growth of distance beyond.",
        default="yarn",
    )
    texts: int = asked(Whole(1, 10_000), "Texts to search on (prose, code and tables in turn).", default=3)
    trained: int | None = asked(
        Tokens(least=2), "Trained length in tokens, if the files do not state it.", default=None
    )
    seed: int = asked(Whole(0, 2**31), "Random seed of the search.", default=0)
