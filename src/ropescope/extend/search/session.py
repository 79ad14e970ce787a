"""The search: read the texts once under a first guess, try plans by CMA-ES on the turned keys, check the best by whole passes."""

from __future__ import annotations

import hashlib
import json
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from importlib.metadata import version
from statistics import fmean
from typing import Any

import torch

from ropescope.errors import ExtendError, SourceError
from ropescope.extend.plan import RopePlan
from ropescope.extend.planning import plan_extension
from ropescope.extend.search.objective import Calibration, Losses, losses_of, spans, whole
from ropescope.extend.search.result import SearchResult, Tried
from ropescope.extend.search.shape import START, STEPS, Shape, guess
from ropescope.measure.weights import Weights
from ropescope.quality.journal import Journal
from ropescope.quality.texts import Text

Progress = Callable[[int, int, str], None]
POPULATION = 6
_PROBE = (0.3,) * 5 + (0.03,)
"""A plan far enough from the start that a wrong layout shows within a hundred tokens."""


@dataclass
class Search:
    """A search for `minutes` on `texts` (each of the target length). Raises ExtendError for what cannot be searched."""

    weights: Weights
    target: int
    texts: Sequence[Text]
    minutes: float
    trained: int | None = None
    most: int = 400
    seed: int = 0
    _began: float = field(default=0.0, init=False)

    def __post_init__(self) -> None:
        if self.weights.tokenizer is None:
            raise SourceError(f"{self.weights.source.name} comes without a tokenizer, so no text can be read with it.")
        if not self.minutes > 0 or not self.texts:
            raise ExtendError("A search needs at least one text, and more than no minutes.")
        spans(self.start.trained_length, self.target)

    @cached_property
    def start(self) -> RopePlan:
        """YaRN at the target: what the search starts from, and never ends behind."""
        given = {} if self.trained is None else {"trained": self.trained}
        return plan_extension(self.weights.model, self.target, "yarn", **given)

    @cached_property
    def guess(self) -> tuple[float, ...]:
        """The six numbers that the texts are read under, and that CMA-ES starts from."""
        return guess(self.start.factor)

    @property
    def identity(self) -> dict[str, Any]:
        """All that decides what a plan scores."""
        texts = json.dumps([text.tokens for text in self.texts])
        return {
            "search": 4,
            "scored": spans(self.start.trained_length, self.target),
            "guess": self.guess,
            "weights": self.weights.fingerprint,
            "dtype": str(self.weights.network.dtype).removeprefix("torch."),
            "start": self.start.rope_parameters,
            "texts": hashlib.sha256(texts.encode()).hexdigest(),
            "seed": self.seed,
            "versions": {name: version(name) for name in ("torch", "transformers", "cma")},
        }

    def run(
        self, journal: Journal, *, progress: Progress | None = None, say: Callable[[str], None] | None = None
    ) -> SearchResult:
        """Search until the time is over; interrupted, it ends with the best that was found and says so.

        The plans that `journal` holds are not scored again. Raises KeyboardInterrupt only before the texts were read.
        """
        self._began = time.monotonic()
        tell = say or (lambda _: None)
        network = self.weights.network
        tokens = [torch.tensor(text.tokens, device=network.device) for text in self.texts]
        places = spans(self.start.trained_length, self.target)
        shape = Shape(self.weights.model, self.start)
        calibration = Calibration(network, shape.plan(self.guess), tokens, places)
        tell("Finding out how the keys turn")
        calibration.find_layout(shape.plan(_PROBE))
        unchanged = self._unchanged(tokens, places, journal)
        started = self._started(tokens, places, journal, tell)
        began = time.monotonic()
        for index in range(len(tokens)):
            tell(f"Reading text {index + 1} of {len(tokens)}")
            calibration.read_next()
        reading = time.monotonic() - began
        tried: list[Tried] = []
        interrupted = False
        try:
            self._try(shape, calibration, started, unchanged, journal, tried, reading, progress)
        except KeyboardInterrupt:
            interrupted = True
        tell("Checking the best by whole passes")
        plan, found = self.start, started
        try:
            if tried:
                plan, found = self._checked(shape, tried, tokens, places, unchanged, calibration)
        except KeyboardInterrupt:
            interrupted = True
        return SearchResult(
            model=self.weights.model.name,
            start=self.start,
            plan=plan,
            started=started,
            found=found,
            unchanged=unchanged,
            tried=tuple(tried),
            texts=tuple(f"{text.kind}: {text.name}" for text in self.texts),
            seconds=time.monotonic() - self._began,
            better=plan is not self.start,
            exact=calibration.layout is None,
            partial=interrupted,
            provenance=self.identity,
        )

    def _unchanged(self, tokens: Sequence[torch.Tensor], places: Sequence[tuple[int, int]], journal: Journal) -> float:
        """The loss inside without any scaling."""
        kept = journal.finished("unchanged")
        if kept is None:
            plain = plan_extension(self.weights.model, self.start.seen_length, "none")
            rows = [whole(self.weights.network, plain, text, places[:-1]) for text in tokens]
            kept = fmean(fmean(row) for row in rows)
            journal.keep("unchanged", kept)
        return float(kept)

    def _started(
        self,
        tokens: Sequence[torch.Tensor],
        places: Sequence[tuple[int, int]],
        journal: Journal,
        tell: Callable[[str], None],
    ) -> Losses:
        """The losses of the start, by whole passes."""
        rows = []
        for index, text in enumerate(tokens):
            kept = journal.finished(f"start-{index}")
            if kept is None:
                tell(f"Scoring text {index + 1} of {len(tokens)} under YaRN")
                kept = whole(self.weights.network, self.start, text, places)
                journal.keep(f"start-{index}", kept)
            rows.append(kept)
        return losses_of(rows)

    def _try(
        self, shape: Shape, calibration: Calibration, start: Losses, unchanged: float, journal: Journal,
        tried: list[Tried], reading: float, progress: Progress | None,
    ) -> None:  # fmt: skip
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # cma says that it cannot plot
            import cma

        for numbers, losses in ((START, start), (self.guess, calibration.reading)):
            tried.append(Tried(numbers, losses, losses.cost(start, unchanged)))
        strategy = cma.CMAEvolutionStrategy(
            list(self.guess),
            1.0,
            {"seed": self.seed + 1, "popsize": POPULATION, "CMA_stds": list(STEPS), "verbose": -9},
        )
        # The check at the end reads the texts once more.
        until = self._began + 60 * self.minutes - reading
        while len(tried) < self.most and not strategy.stop():
            asked = strategy.ask()
            costs = []
            for numbers in asked:
                if progress is not None:
                    left = (time.monotonic() - self._began) / (60 * self.minutes)
                    progress(min(len(tried), self.most), self._planned(left, len(tried)), self._told(tried))
                losses = self._losses(shape, calibration, journal, tuple(map(float, numbers)))
                tried.append(Tried(tuple(map(float, numbers)), losses, losses.cost(start, unchanged)))
                costs.append(tried[-1].cost)
                if time.monotonic() > until and len(tried) > POPULATION // 2:
                    return
            strategy.tell(asked, costs)

    def _planned(self, share: float, done: int) -> int:
        return min(self.most, max(done + 1, round(done / max(share, 0.01))))

    def _told(self, tried: Sequence[Tried]) -> str:
        best = min(tried, key=lambda entry: entry.cost).losses.target - tried[0].losses.target
        return f"{self.weights.model.name}: {best:+.4f} nats at the target"

    def _losses(self, shape: Shape, calibration: Calibration, journal: Journal, numbers: tuple[float, ...]) -> Losses:
        name = f"plan-{hashlib.sha256(json.dumps(numbers).encode()).hexdigest()[:24]}"
        kept = journal.finished(name)
        if kept is None:
            found = calibration.losses(shape.plan(numbers))
            journal.keep(name, asdict(found))
            return found
        return Losses(**kept)

    def _checked(
        self, shape: Shape, tried: Sequence[Tried], tokens: Sequence[torch.Tensor], places: Sequence[tuple[int, int]],
        unchanged: float, calibration: Calibration,
    ) -> tuple[RopePlan, Losses]:  # fmt: skip
        """The best of what was scored by whole passes: the start, the guess, and the best plan of all, or half of the way to it."""
        start = tried[0].losses
        known = [(self.start, start), (calibration.plan, tried[1].losses)]
        best = min(tried, key=lambda entry: entry.cost)
        for share in () if best in tried[:2] else (1.0, 0.5):
            numbers = [near + share * (far - near) for near, far in zip(self.guess, best.numbers, strict=True)]
            plan = shape.plan(numbers)
            found = (
                best.losses if calibration.layout is None and share == 1.0
                else losses_of([whole(self.weights.network, plan, text, places) for text in tokens])
            )  # fmt: skip
            known.append((plan, found))
            better = found.cost(start, unchanged) < min(entry.cost for entry in tried[:2])
            if better or time.monotonic() > self._began + 60 * self.minutes:
                break
        return min(known, key=lambda entry: entry[1].cost(start, unchanged))
