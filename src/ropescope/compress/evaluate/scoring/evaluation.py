"""An evaluation from beginning to end: every text is prefilled once, cut by every method to every budget, and scored."""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from importlib.metadata import version
from typing import Any

import torch

from ropescope.compress.cache.planned_cache import begin_alike
from ropescope.compress.evaluate.methods.method import Method, Prefilled
from ropescope.compress.evaluate.methods.planned import Planned
from ropescope.compress.evaluate.results.result import GivenPlan, Retrieval, TextScore, TradeoffResult
from ropescope.compress.evaluate.scoring.budgets import Split
from ropescope.compress.evaluate.scoring.harness import cut, prefill
from ropescope.compress.evaluate.scoring.retrieval import ask, summed
from ropescope.compress.evaluate.scoring.visible import Visible, whole
from ropescope.compress.plan.kv_plan import KVPlan
from ropescope.errors import EvaluationError
from ropescope.network.loading.weights import Weights
from ropescope.network.rotary import positions_of_whole
from ropescope.quality.loss import token_losses
from ropescope.quality.texts import Text
from ropescope.quality.trials import Trial
from ropescope.questions.plugins import origin
from ropescope.runs.job import Piece
from ropescope.runs.journal import Journal


@dataclass(frozen=True)
class Evaluation:
    """Which methods are scored at which budgets, on which texts, and asked which questions, those of one context together.

    Raises EvaluationError for what cannot be swept.
    """

    weights: Weights
    split: Split
    methods: Sequence[Method]
    budgets: tuple[float, ...]
    texts: Sequence[Text]
    questions: Sequence[Sequence[Trial]] = ()
    named: GivenPlan | None = None
    about: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.methods or not self.budgets or not self.texts:
            raise EvaluationError("An evaluation needs at least one method, one budget and one text.")
        if list(self.budgets) != sorted(set(self.budgets)):
            raise EvaluationError("Budgets are given once each, from the smallest to the largest.")
        for budget in self.budgets:
            # What no text can mend is said before the first prefill.
            self.split.kept_share(budget)
            for method in self.methods:
                if isinstance(method, Planned) and method.only in (None, budget):
                    method.plan(budget)
        for text in self.texts:
            if len(text.tokens) != self.split.length:
                raise EvaluationError(
                    f"{text.name} has {len(text.tokens):,} tokens, and {self.split.length:,} are to be scored."
                )

    @property
    def name(self) -> str:
        """What the progress calls it."""
        return self.weights.model.name

    @cached_property
    def identity(self) -> dict[str, Any]:
        """All that decides the numbers, for the journal and the result."""
        plans = [
            method.plan(budget).to_dict()
            for method in self.methods
            if isinstance(method, Planned)
            for budget in self.budgets
            if method.only in (None, budget)
        ]
        return {
            "weights": self.weights.fingerprint,
            "architecture": self.weights.architecture,
            "dtype": self.weights.dtype,
            "device": self.weights.network.device.type,
            "length": self.split.length,
            "new": self.split.new,
            "budgets": list(self.budgets),
            "methods": [method.name for method in self.methods],
            "plans": _hash(plans),
            "texts": _hash([text.tokens for text in self.texts]),
            "questions": _hash([[asdict(trial) for trial in group] for group in self.questions]),
            "versions": {name: version(name) for name in ("torch", "transformers")},
            **({"plugins": plugins} if (plugins := sorted(filter(None, map(origin, self.methods)))) else {}),
        }

    @property
    def pieces(self) -> list[Piece]:
        """The texts, and then the contexts with their questions."""
        texts = [Piece(f"text-{index:04d}", {"text": index}) for index in range(len(self.texts))]
        asked = [Piece(f"questions-{index:04d}", {"context": index}) for index in range(len(self.questions))]
        return texts + asked

    def do(self, piece: Piece) -> Any:
        """The scores of a text, or the answers to the questions of a context."""
        if "text" in piece.of:
            return asdict(self.score(self.texts[piece.of["text"]]))
        group = self.questions[piece.of["context"]]
        return [asdict(cell) for cell in ask(self.weights, group, self.methods, self.budgets, self.split.length)]

    def score(self, text: Text) -> TextScore:
        """The loss of one text under every method and budget."""
        with positions_of_whole(self.weights.network, len(text.tokens)):
            return self._score(text)

    def _score(self, text: Text) -> TextScore:
        network, cut_at = self.weights.network, self.split.prefilled
        ids = torch.tensor(text.tokens, device=network.device)[None]
        wants_hidden = any(getattr(method, "needs_hidden", True) for method in self.methods)
        filled = prefill(network, self.weights.model, ids[:, :cut_at], hidden=wants_hidden)
        loss = _loss(filled, whole(filled.n_layers), ids[:, cut_at:])
        added: dict[str, list[float | None]] = {method.name: [] for method in self.methods}
        held: dict[str, list[float | None]] = {method.name: [] for method in self.methods}
        scored: list[tuple[KVPlan, float]] = []
        for budget in self.budgets:
            for method in self.methods:
                if isinstance(method, Planned) and method.only not in (None, budget):
                    added[method.name].append(None)
                    held[method.name].append(None)
                    continue
                if isinstance(method, Planned) and not method.plan(budget).masks_prefill:
                    plan = method.plan(budget)
                    # Two methods may come to the same plan.
                    found = next((known for other, known in scored if other == plan), None)
                    if found is None:
                        found = _loss_with_cache(filled, plan, ids)
                        scored.append((plan, found))
                    added[method.name].append(found - loss)
                    held[method.name].append(plan.bytes_at(self.split.length) / plan.bytes_before)
                    continue
                with torch.inference_mode():
                    visible, share = self.split.cut(method, filled, budget)
                added[method.name].append(_loss(filled, visible, ids[:, cut_at:]) - loss)
                held[method.name].append(share)
        return TextScore(text.kind, text.name, loss, _frozen(added), _frozen(held))

    def result(self, journal: Journal) -> TradeoffResult:
        """What the journal holds so far. Raises EvaluationError if that is nothing."""
        found = [journal.finished(piece.name) for piece in self.pieces]
        n_texts = len(self.texts)
        scores = tuple(TextScore.from_dict(data) for data in found[:n_texts] if data is not None)
        cells = (Retrieval(**cell) for data in found[n_texts:] if data is not None for cell in data)
        if not scores:
            raise EvaluationError("No text was finished: there is nothing to show.")
        return TradeoffResult(
            model=self.weights.model.name,
            length=self.split.length,
            new=self.split.new,
            budgets=self.budgets,
            methods=tuple(method.name for method in self.methods),
            blind=tuple(method.name for method in self.methods if not method.looks_at_text),
            texts=scores,
            named=self.named,
            retrieval=summed(cells),
            provenance={
                **self.identity,
                **self.about,
                "dtype_reason": self.weights.dtype_reason,
                "machine": platform.machine(),
                "python": platform.python_version(),
            },
            partial=any(data is None for data in found),
        )


def _loss(filled: Prefilled, visible: Visible, new: torch.Tensor) -> float:
    """Mean nats of the new tokens but the first, which no cut can touch: the prefill has already predicted it."""
    with torch.inference_mode():
        return float(token_losses(filled.network, new, cache=cut(filled, visible)).double().mean())


def _loss_with_cache(filled: Prefilled, plan: KVPlan, ids: torch.Tensor) -> float:
    """The same with the planned cache itself, for plans whose keys and values are not those of the common prefill, but for the
    first tokens, from which no window takes any."""
    network, cut_at = filled.network, filled.n_tokens
    cache = plan.cache(network)
    with torch.inference_mode():
        first = begin_alike(cache, filled.cache, cut_at - 1)
        network.base_model(input_ids=ids[:, first:cut_at], past_key_values=cache, use_cache=True)
        return float(token_losses(network, ids[:, cut_at:], cache=cache).double().mean())


def _frozen(lists: dict[str, list[float | None]]) -> dict[str, tuple[float | None, ...]]:
    return {name: tuple(values) for name, values in lists.items()}


def _hash(data: Any) -> str:
    return hashlib.sha256(json.dumps(data, sort_keys=True).encode()).hexdigest()
