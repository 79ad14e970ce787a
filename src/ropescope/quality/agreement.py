"""Two networks on the same texts, token by token: how far apart what they predict is, and how often both would go on alike.

With p what the reference predicts at a position and q what the other one does: KL divergence Σ p·ln(p/q), flips (another
token is likeliest), the loss of both, and the chance that the reference keeps a token which the other one drafts:

- sampled: the draft is drawn from q, the answer from p at temperature 1, by speculative sampling: Σ min(p, q);
- top: the draft is q's likeliest token, the answer is drawn from p: p of that token;
- greedy: both are the likeliest token: 1 where nothing flips, else 0.
"""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from importlib.metadata import version
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor

from ropescope.errors import EvaluationError
from ropescope.measure.bootstrap import bootstrap_interval, resample_weights
from ropescope.network.loading.weights import Weights
from ropescope.quality.intervals import Interval
from ropescope.quality.loss import default_chunk, hidden_states, output_layer, positions_at_once, single_sequence
from ropescope.quality.texts import Text
from ropescope.runs.job import Piece
from ropescope.runs.journal import Journal

MODES: Final = ("sampled", "top", "greedy")
LONGEST_DRAFT: Final = 16
"""Tokens of a draft that are followed."""
RESAMPLES: Final = 4000


@dataclass(frozen=True, slots=True)
class TextAgreement:
    """Means over the `n_tokens` predictions of one text, in nats where they are no shares.

    `kept[mode][j]` is how often all of the first j + 1 tokens of a draft are kept, from any position of the text on.
    """

    kind: str
    name: str
    n_tokens: int
    loss: float
    other_loss: float
    divergence: float
    flips: float
    kept: Mapping[str, tuple[float, ...]]

    @property
    def added_loss(self) -> float:
        """How much more the other network loses."""
        return self.other_loss - self.loss

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> TextAgreement:
        """What `dataclasses.asdict` wrote."""
        return cls(**{**data, "kept": {mode: tuple(shares) for mode, shares in data["kept"].items()}})


@dataclass(frozen=True)
class Agreement:
    """What came of a comparison, text by text."""

    reference: str
    other: str
    texts: tuple[TextAgreement, ...]
    provenance: Mapping[str, Any] = field(default_factory=dict)
    partial: bool = False

    def mean(self, name: str, kind: str | None = None) -> Interval:
        """The mean of a field over the texts (of one kind), with a bootstrap interval over texts; none for a single text."""
        return over_texts([getattr(text, name) for text in self.texts if kind in (None, text.kind)])

    def kept(self, mode: str) -> list[float]:
        """`TextAgreement.kept` of a mode, over all texts."""
        return [float(value) for value in np.mean([text.kept[mode] for text in self.texts], axis=0)]

    def acceptance(self, mode: str) -> Interval:
        """How often a drafted token is kept."""
        return over_texts([text.kept[mode][0] for text in self.texts])


def over_texts(values: Sequence[float]) -> Interval:
    """The mean of one value a text, and its 95 % interval by a bootstrap over texts; None as bounds for a single one."""
    mean = float(np.mean(values))
    if len(values) < 2:
        return Interval(mean, None, None, len(values))
    drawn = resample_weights(len(values), RESAMPLES, 0) @ np.asarray(values, dtype=np.float64)
    low, high = (float(end) for end in bootstrap_interval(drawn, len(values)))
    return Interval(mean, low, high, len(values))


@dataclass(frozen=True)
class Comparison:
    """The job of comparing `other` with `reference` on `texts`, whose tokens are ids of both. A piece is a text."""

    reference: Weights
    other: Weights
    texts: Sequence[Text]

    @property
    def name(self) -> str:
        """What the progress calls it."""
        names = dict.fromkeys(weights.source.name for weights in (self.other, self.reference))
        return " beside ".join(names)

    @cached_property
    def identity(self) -> dict[str, Any]:
        """All that decides the numbers."""
        both = (self.reference, self.other)
        return {
            "comparison": [weights.fingerprint for weights in both],
            "architectures": [weights.architecture for weights in both],
            "dtype": self.reference.dtype,
            "device": self.reference.network.device.type,
            "texts": hashlib.sha256(json.dumps([text.tokens for text in self.texts]).encode()).hexdigest(),
            "versions": {name: version(name) for name in ("torch", "transformers")},
        }

    @property
    def pieces(self) -> list[Piece]:
        """The texts."""
        return [Piece(f"text-{index:04d}", {"text": index}) for index in range(len(self.texts))]

    def do(self, piece: Piece) -> Any:
        """One text, compared."""
        text = self.texts[piece.of["text"]]
        return asdict(compared(self.reference.network, self.other.network, text))

    def result(self, journal: Journal) -> Agreement:
        """What the journal holds so far. Raises EvaluationError if that is nothing."""
        found = [journal.finished(piece.name) for piece in self.pieces]
        texts = tuple(TextAgreement.from_dict(data) for data in found if data is not None)
        if not texts:
            raise EvaluationError("No text was finished: there is nothing to show.")
        about = {
            "dtype_reason": self.reference.dtype_reason,
            "machine": platform.machine(),
            "python": platform.python_version(),
        }
        names = (self.reference.source.name, self.other.source.name)
        return Agreement(*names, texts, {**self.identity, **about}, any(data is None for data in found))


def require_same_vocabulary(reference: Weights, other: Weights, *, padding: bool = False) -> None:
    """Raise EvaluationError where an id is another token in the two models, and where one has more of them; `padding` allows
    rows of the output that no token belongs to. Both have a tokenizer."""
    tokenizers: list[Any] = [reference.tokenizer, other.tokenizer]
    ours, theirs = (tokenizer.get_vocab() for tokenizer in tokenizers)
    why = ""
    if ours != theirs:
        texts, other_texts = ({index: token for token, index in vocabulary.items()} for vocabulary in (ours, theirs))
        index = min(index for index in texts.keys() | other_texts.keys() if texts.get(index) != other_texts.get(index))
        why = f"id {index:,} is {texts.get(index)!r} in one and {other_texts.get(index)!r} in the other"
    else:
        rows = [_rows(weights) for weights in (reference, other)]
        if rows[0] != rows[1] and not padding:
            why = f"they predict {rows[0]:,} and {rows[1]:,} tokens"
    if why:
        raise EvaluationError(
            f"{reference.source.name} and {other.source.name} have different vocabularies ({why}), so their predictions cannot "
            "be compared: give two copies of one model."
        )


def _rows(weights: Weights) -> int:
    return int(weights.network.config.get_text_config().vocab_size)


def compared(reference: Any, other: Any, text: Text) -> TextAgreement:
    """Both networks on one text: every token but the first, given those before it. Sums are in fp64.

    Where one predicts more ids than the other, only those of both count. Raises MeasurementError as `token_losses` does.
    """
    ids = torch.tensor(text.tokens)
    chunk = min(default_chunk(reference), default_chunk(other))
    block = min(positions_at_once(reference), positions_at_once(other))
    found: list[Tensor] = []
    with torch.inference_mode():
        ours, theirs = (hidden_states(one, single_sequence(one, ids), None, chunk) for one in (reference, other))
        for (at, output, _), (_, other_output, _) in zip(ours, theirs, strict=True):
            hidden, other_hidden = output.last_hidden_state, other_output.last_hidden_state
            last = min(hidden.shape[1], len(ids) - 1 - at)
            for start in range(0, last, block):
                end = min(start + block, last)
                p = output_layer(reference, output, hidden[:, start:end])[0].float()
                q = output_layer(other, other_output, other_hidden[:, start:end])[0].float()
                found.append(_by_position(p, q, ids[at + start + 1 : at + end + 1].to(p.device)).cpu())
    by_position = torch.cat(found).double()
    loss, other_loss, divergence, flips = by_position[:, :4].mean(dim=0).tolist()
    kept = {mode: _kept(by_position[:, 4 + index]) for index, mode in enumerate(MODES)}
    return TextAgreement(text.kind, text.name, len(by_position), loss, other_loss, divergence, flips, kept)


def _by_position(p: Tensor, q: Tensor, targets: Tensor) -> Tensor:
    """[positions, 7]: both losses, KL divergence, whether the top token flips, and the chance of being kept in each mode;
    from logits [positions, ids]."""
    width = min(p.shape[1], q.shape[1])
    p, q = (torch.log_softmax(logits[:, :width], dim=-1) for logits in (p, q))
    shares, other_shares = p.exp(), q.exp()
    divergence = torch.where(shares > 0, shares * (p - q), 0.0).sum(dim=-1)
    # 1 − Σ|p − q|/2 is Σ min(p, q), and exactly 1 where nothing differs.
    sampled = 1 - (shares - other_shares).abs().sum(dim=-1) / 2
    drafted = q.argmax(dim=-1)
    flips = (p.argmax(dim=-1) != drafted).float()
    top = shares.gather(1, drafted[:, None])[:, 0]
    losses = (-one.gather(1, targets[:, None])[:, 0] for one in (p, q))
    return torch.stack((*losses, divergence, flips, sampled, top, 1 - flips), dim=1)


def _kept(chance: Tensor) -> tuple[float, ...]:
    """How often the first 1, 2, … tokens of a draft are all kept: the mean over positions of the product of what follows."""
    found, product = [], torch.ones_like(chance)
    for step in range(min(LONGEST_DRAFT, len(chance))):
        product = product[: len(chance) - step] * chance[step:]
        found.append(float(product.mean()))
    return tuple(found)
