"""An evaluation from beginning to end, in pieces that are kept: one text, one context or one sample under one method."""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from importlib.metadata import version
from itertools import groupby
from typing import Any

import torch

from ropescope.errors import ExtendError
from ropescope.extend.evaluate.answering import recall
from ropescope.extend.evaluate.candidates import Candidate
from ropescope.extend.evaluate.result import ExtensionResult, Found, Recall, TextLosses
from ropescope.extend.evaluate.tasks import Sample
from ropescope.network.loading.weights import Weights
from ropescope.network.rotary import positions_of_whole
from ropescope.quality.loss import bands_of, losses_by_band, prefill, token_losses, windowed_losses
from ropescope.quality.retrieval import scores
from ropescope.quality.texts import Text
from ropescope.quality.trials import Trial
from ropescope.runs.job import Piece
from ropescope.runs.journal import Journal


@dataclass(frozen=True)
class Evaluation:
    """Which ways of scaling are scored, and on what. Raises ExtendError where there is nothing to score, or texts are not
    of the target length."""

    weights: Weights
    candidates: Sequence[Candidate]
    target: int
    texts: Sequence[Text]
    band: int = 2048
    trials: Sequence[Trial] = ()
    samples: Sequence[Sample] = ()
    about: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.candidates or not (self.texts or self.trials or self.samples):
            raise ExtendError("An evaluation needs at least one method, and a text, question or task.")
        if self.band < 2 or any(len(text.tokens) != self.target for text in self.texts):
            raise ExtendError(f"Every text needs {self.target:,} tokens, and `band` at least 2.")

    @cached_property
    def contexts(self) -> list[list[Trial]]:
        """The trials that share a context, together."""
        return [list(group) for _, group in groupby(self.trials, key=lambda trial: (trial.task, trial.context))]

    @cached_property
    def identity(self) -> dict[str, Any]:
        """All that decides the number of any piece but its method and its text, which its name says."""
        return {
            "weights": self.weights.fingerprint,
            "architecture": self.weights.architecture,
            "dtype": self.weights.dtype,
            "device": self.weights.network.device.type,
            "band": self.band,
            "versions": {name: version(name) for name in ("torch", "transformers")},
        }

    @property
    def trained(self) -> int:
        """The length that training met."""
        return self.candidates[0].plan.seen_length

    @property
    def by_length(self) -> list[Candidate]:
        """The methods under which a text within the trained length is read otherwise than the same tokens of a longer one."""
        beyond = self.band <= self.trained < self.target
        return [candidate for candidate in self.candidates if candidate.plan.by_length] if beyond else []

    @property
    def name(self) -> str:
        """What the progress calls it."""
        return self.weights.model.name

    @cached_property
    def pieces(self) -> list[Piece]:
        """Text by text, each under all methods and then short under those that read it otherwise, so that what is finished
        can be compared; then contexts, then samples.

        A name is a hash of what the piece is of, so that other texts or methods find what was already scored.
        """

        def piece(kind: str, index: int, of: Any, candidate: Candidate, n_tokens: int) -> Piece:
            about = {"kind": kind, "index": index, "method": candidate.name, "tokens": n_tokens}
            return Piece(self._name(kind, of, candidate, n_tokens), about)

        made = []
        for index, text in enumerate(self.texts):
            short = text.tokens[: self.trained]
            made += [piece("text", index, text.tokens, each, len(text.tokens)) for each in self.candidates]
            made += [piece("text", index, short, each, len(short)) for each in self.by_length]
        for index, group in enumerate(self.contexts):
            key = [asdict(trial) for trial in group]
            made += [piece("context", index, key, each, group[0].length) for each in self.candidates]
        for index, sample in enumerate(self.samples):
            made += [piece("sample", index, asdict(sample), each, sample.length) for each in self.candidates]
        return made

    def do(self, piece: Piece) -> Any:
        """The losses of a text by band, the answers to the questions of a context, or the share that a sample found."""
        kind, index = piece.of["kind"], piece.of["index"]
        candidate = next(each for each in self.candidates if each.name == piece.of["method"])
        if kind == "text":
            return self._text(self.texts[index].tokens[: piece.of["tokens"]], candidate)
        return (
            self._asked(self.contexts[index], candidate)
            if kind == "context"
            else self._recall(self.samples[index], candidate)
        )

    def _name(self, kind: str, of: Any, candidate: Candidate, n_tokens: int) -> str:
        plan = candidate.plan
        more: list[Any] = [] if plan.in_config else [(entry.near_tokens, entry.after) for entry in plan.layer_types]
        if candidate.cuts(n_tokens):
            more.append(candidate.shown)
        made = json.dumps([of, plan.rope_parameters, *more], sort_keys=True)
        return f"{kind}-{hashlib.sha256(made.encode()).hexdigest()[:24]}"

    def _text(self, tokens: Sequence[int], candidate: Candidate) -> list[float]:
        with candidate.plan.applied(self.weights.network) as network:
            if candidate.shown is None:
                losses = token_losses(network, torch.tensor(tokens), chunk=candidate.chunk(len(tokens)))
            else:
                kept, chunk = self._begins(tokens), candidate.chunk(candidate.shown)
                losses = windowed_losses(network, torch.tensor(tokens), candidate.shown, kept=kept, chunk=chunk)
        return losses_by_band(losses.cpu(), bands_of(len(tokens), self.band))

    def _begins(self, tokens: Sequence[int]) -> int:
        """How many tokens mark the beginning of a text (0 or 1): models want it wherever they begin to read."""
        assert self.weights.tokenizer is not None
        return int(tokens[0] == self.weights.tokenizer.bos_token_id)

    def _asked(self, group: Sequence[Trial], candidate: Candidate) -> list[list[bool]]:
        """[right, exact] of every trial of a context."""
        with candidate.plan.applied(self.weights.network) as network:
            told = group[0].context
            to_come = group[0].length - len(told)
            context = torch.tensor(candidate.seen(told, to_come, self._begins(told)))
            with positions_of_whole(network, len(context) + to_come):
                cache = prefill(network, context, chunk=candidate.chunk(len(context)))
                return [[found.right, found.exact] for found in scores(network, cache, group)]

    def _recall(self, sample: Sample, candidate: Candidate) -> float:
        seen = candidate.seen(sample.prompt, sample.answer_tokens, self._begins(sample.prompt))
        sample = replace(sample, prompt=tuple(seen))
        with candidate.plan.applied(self.weights.network) as network:
            return recall(network, self.weights.tokenizer, sample, chunk=candidate.chunk(len(sample.prompt)))

    def result(self, journal: Journal) -> ExtensionResult:
        """What the journal holds so far, of each text, context and sample that all methods were scored on. Raises
        ExtendError if that is nothing."""
        names = iter([piece.name for piece in self.pieces])

        def made(of: Sequence[Candidate] = self.candidates) -> list[Any] | None:
            each = [journal.finished(next(names)) for _ in of]
            return None if any(value is None for value in each) else each

        methods = [candidate.name for candidate in self.candidates]
        by_length = [candidate.name for candidate in self.by_length]
        texts = []
        for text in self.texts:
            rows, short = made(), made(self.by_length)
            if rows is not None and short is not None:
                losses = {name: tuple(row) for name, row in zip(methods, rows, strict=True)}
                within = {name: tuple(row) for name, row in zip(by_length, short, strict=True)}
                texts.append(TextLosses(text.kind, text.name, losses, within))
        answered = [(group, rows) for group in self.contexts if (rows := made()) is not None]
        recalled = [(sample, rows) for sample in self.samples if (rows := made()) is not None]
        whole = len(texts) + len(answered) + len(recalled)
        if not whole:
            raise ExtendError(
                "No text or question was scored under every method, so there is nothing to show: run it again with `resume`."
            )
        return ExtensionResult(
            model=self.weights.model.name,
            trained_length=self.trained,
            target_length=self.target,
            bands=tuple(bands_of(self.target, self.band)),
            methods=tuple(methods),
            plans={candidate.name: candidate.plan.to_dict() for candidate in self.candidates},
            texts=tuple(texts),
            found=_cells(methods, answered),
            recalls=_recalls(methods, recalled),
            shown={candidate.name: candidate.shown for candidate in self.candidates if candidate.shown is not None},
            provenance={
                **self.identity,
                **self.about,
                "dtype_reason": self.weights.dtype_reason,
                "machine": platform.machine(),
                "python": platform.python_version(),
            },
            partial=whole < len(self.texts) + len(self.contexts) + len(self.samples),
        )


def _cells(methods: Sequence[str], answered: Sequence[tuple[Sequence[Trial], list[Any]]]) -> tuple[Found, ...]:
    counts: dict[tuple[str, str, int, float], list[int]] = {}
    for group, by_method in answered:
        for method, rows in zip(methods, by_method, strict=True):
            for trial, (right, exact) in zip(group, rows, strict=True):
                cell = counts.setdefault((trial.task, method, trial.length, trial.depth), [0, 0, 0])
                for place, value in enumerate((1, right, exact)):
                    cell[place] += value
    return tuple(Found(*key, *values) for key, values in counts.items())


def _recalls(methods: Sequence[str], recalled: Sequence[tuple[Sample, list[Any]]]) -> tuple[Recall, ...]:
    shares: dict[tuple[str, str, int], list[float]] = {}
    for sample, by_method in recalled:
        for method, share in zip(methods, by_method, strict=True):
            shares.setdefault((sample.task, method, sample.length), []).append(share)
    return tuple(Recall(*key, tuple(values)) for key, values in shares.items())
