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
from ropescope.extend.plan.planning import plan_extension
from ropescope.extend.plan.rope_plan import RopePlan
from ropescope.extend.search.objective import Calibration, Losses, inside_of, losses_of, whole
from ropescope.extend.search.result import Checked, SearchResult, Tried
from ropescope.extend.search.shape import Shape, shape_of
from ropescope.extend.search.spans import spans
from ropescope.network.loading.weights import Weights
from ropescope.quality.texts import Text
from ropescope.runs.job import Progress
from ropescope.runs.journal import Journal

POPULATION = 6


@dataclass
class Search:
    """A search for `minutes` on `texts` (each of the target length), from `method`: yarn or rerope.

    Raises ExtendError for what cannot be searched.
    """

    weights: Weights
    target: int
    texts: Sequence[Text]
    minutes: float
    method: str = "yarn"
    trained: int | None = None
    most: int = 400
    seed: int = 0
    _began: float = field(default=0.0, init=False)

    def __post_init__(self) -> None:
        if self.weights.tokenizer is None:
            raise SourceError(
                f"{self.weights.source.name} has no tokenizer, so no text can be read: name a source that has one."
            )
        if not self.minutes > 0 or not self.texts:
            raise ExtendError("A search needs at least one text, and `minutes` above 0.")
        spans(self.start.trained_length, self.target)

    @cached_property
    def shape(self) -> Shape:
        """What is varied, around the start."""
        return shape_of(self.weights.model, self.target, self.method, self.trained)

    @property
    def start(self) -> RopePlan:
        """YaRN or Leaky ReRoPE at the target: what the search starts from, and never ends behind."""
        return self.shape.start

    @property
    def identity(self) -> dict[str, Any]:
        """All that decides what a plan scores."""
        texts = json.dumps([text.tokens for text in self.texts])
        return {
            "search": 6,
            "scored": spans(self.start.trained_length, self.target),
            "guess": self.shape.guess,
            "weights": self.weights.fingerprint,
            "architecture": self.weights.architecture,
            "dtype": self.weights.dtype,
            "device": self.weights.network.device.type,
            "start": [self.start.rope_parameters, [entry.near_tokens for entry in self.start.layer_types]],
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
        shape, probe = self.shape, self.shape.probe
        calibration = Calibration(network, shape.plan(shape.guess), tokens, places)
        tell("Finding the rotary layout of the keys")
        calibration.find_layout(None if probe is None else shape.plan(probe))
        unchanged = self._unchanged(tokens, places, journal)
        started = None if self._reads_the_start else self._started(tokens, places, journal, tell)
        began = time.monotonic()
        for index in range(len(tokens)):
            tell(f"Reading text {index + 1} of {len(tokens)}")
            calibration.read_next()
        reading = time.monotonic() - began
        started = started or calibration.reading
        known = {self._zeros: started, shape.guess: calibration.reading}  # by whole passes
        tried = [Tried(numbers, losses, losses.cost(started, unchanged)) for numbers, losses in known.items()]
        interrupted = False
        try:
            self._try(calibration, unchanged, journal, tried, reading, progress)
        except KeyboardInterrupt:
            interrupted = True
        tell("Checking the best plan by full passes")
        plan, found, unsure = self.start, started, None
        try:
            plan, found, unsure = self._checked(tried, len(known), tokens, places, unchanged, calibration)
        except KeyboardInterrupt:
            interrupted = True
        return SearchResult(
            model=self.weights.model.name,
            start=self.start,
            plan=plan,
            started=started,
            found=found,
            unchanged=unchanged,
            unsure=unsure,
            tried=tuple(tried),
            texts=tuple(f"{text.kind}: {text.name}" for text in self.texts),
            minutes=self.minutes,
            seconds=time.monotonic() - self._began,
            reading=reading,
            better=plan is not self.start,
            exact=calibration.layout is None,
            partial=interrupted,
            provenance={**self.identity, "dtype_reason": self.weights.dtype_reason},
        )

    def _unchanged(self, tokens: Sequence[torch.Tensor], places: Sequence[tuple[int, int]], journal: Journal) -> float:
        """The loss inside without any scaling."""
        kept = journal.finished("unchanged")
        if kept is None:
            plain = plan_extension(self.weights.model, self.start.seen_length, "none")
            rows = [whole(self.weights.network, plain, text, places[:-1]) for text in tokens]
            kept = fmean(map(inside_of, rows))
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

    @property
    def _zeros(self) -> tuple[float, ...]:
        return (0.0,) * len(self.shape.guess)

    @property
    def _reads_the_start(self) -> bool:
        """Whether the texts are read under the start itself: its losses are known from there."""
        return self.shape.guess == self._zeros

    def _try(
        self,
        calibration: Calibration,
        unchanged: float,
        journal: Journal,
        tried: list[Tried],
        reading: float,
        progress: Progress | None,
    ) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # cma says that it cannot plot
            import cma

        start = tried[0].losses
        strategy = cma.CMAEvolutionStrategy(
            list(self.shape.guess),
            1.0,
            {"seed": self.seed + 1, "popsize": POPULATION, "CMA_stds": list(self.shape.steps), "verbose": -9},
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
                losses = self._losses(calibration, journal, tuple(map(float, numbers)))
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

    def _losses(self, calibration: Calibration, journal: Journal, numbers: tuple[float, ...]) -> Losses:
        name = f"plan-{hashlib.sha256(json.dumps(numbers).encode()).hexdigest()[:24]}"
        kept = journal.finished(name)
        if kept is None:
            found = calibration.losses(self.shape.plan(numbers))
            journal.keep(name, asdict(found))
            return found
        return Losses(kept["target"], kept["inside"], tuple(kept["parts"]))

    def _checked(
        self,
        tried: Sequence[Tried],
        n_known: int,
        tokens: Sequence[torch.Tensor],
        places: Sequence[tuple[int, int]],
        unchanged: float,
        calibration: Calibration,
    ) -> tuple[RopePlan, Losses, Checked | None]:
        """The best of what was scored by whole passes, if it is surely better than the start: the guess, and the best plan of
        all, or half of the way to it. Else the start, and the best beside it.

        The first `n_known` of what was tried are the start and the guess.
        """
        start = tried[0].losses
        known = [(self.start, start), (calibration.plan, tried[n_known - 1].losses)][:n_known]
        best = min(tried, key=lambda entry: entry.cost)
        for share in () if best in tried[:n_known] else (1.0, 0.5):
            numbers = [near + share * (far - near) for near, far in zip(self.shape.guess, best.numbers, strict=True)]
            plan = self.shape.plan(numbers)
            found = (
                best.losses
                if calibration.layout is None and share == 1.0
                else losses_of([whole(self.weights.network, plan, text, places) for text in tokens])
            )
            known.append((plan, found))
            better = found.cost(start, unchanged) < min(entry.cost for entry in tried[:n_known])
            if better or time.monotonic() > self._began + 60 * self.minutes:
                break
        plan, found = min(known, key=lambda entry: entry[1].cost(start, unchanged))
        if plan is self.start or found.surely_costs_less(start, unchanged):
            return plan, found, None
        return self.start, start, Checked(plan, found)
