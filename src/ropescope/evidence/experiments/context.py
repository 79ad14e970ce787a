"""ExperimentContext: the loaded model, its prompts and the instrument, as an experiment uses them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, TypeVar, cast

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

from ropescope.errors import MeasurementError
from ropescope.evidence.experiments.experiment import Setting
from ropescope.evidence.experiments.statistics import slope_of_gammas
from ropescope.measure.bootstrap import resample_weights
from ropescope.measure.curve import Decay, combination, fitted_curve, published_decay
from ropescope.measure.estimates import Estimate
from ropescope.measure.instrument import make_corpus
from ropescope.measure.intervals import Draws, normal_draws
from ropescope.measure.profile import DecayProfile
from ropescope.measure.prompts import Corpus, Tokens
from ropescope.measure.protocol import FixedLength
from ropescope.measure.request import CorpusName, Plan, Request, prompt_tokens
from ropescope.measure.session import journal_of, machine, measure, versions
from ropescope.network.capture import capture_rows
from ropescope.network.loading.weights import Weights, load
from ropescope.network.memory import require_memory
from ropescope.network.prefill import default_chunk_tokens, prefill
from ropescope.network.rows import Consumer
from ropescope.runs.job import Job, Progress, do_pieces
from ropescope.runs.journal import Journal

_ROWS = 64
_LOSS_PROMPTS = 2

Reader = TypeVar("Reader", bound=Consumer)


@dataclass
class ExperimentContext:
    """One run of an experiment on `sources`, which puts all prompts through a network `parts` times.

    `log` hears what is going on; `progress` is called after each prompt with (done, planned, what), of the whole
    experiment. Profiles that are measured here keep their finished prompts on disk (`journals`).
    """

    sources: tuple[str, ...]
    setting: Setting
    parts: int = 1
    progress: Progress | None = None
    log: Callable[[str], None] = lambda _: None
    _part: int = 0
    _measured: list[DecayProfile] = field(default_factory=list)
    _journals: list[Journal] = field(default_factory=list)

    @cached_property
    def weights(self) -> Weights:
        """The weights of the (first) source, loaded when they are first asked for."""
        return self.load(self.sources[0])

    @property
    def draws(self) -> Draws:
        """What intervals of exponents and their combinations are made with, see `measure.intervals`."""
        return normal_draws(self.setting.prompts, self.setting.resamples, self.setting.seed)

    @property
    def resamples(self) -> NDArray[np.float64]:
        """[resamples, prompts] the weight of each prompt in each resample, for what is no combination of exponents; the same
        for every paired measurement."""
        return resample_weights(self.setting.prompts, self.setting.resamples, self.setting.seed)

    def load(self, source: str, *, dtype: str | None = None) -> Weights:
        """The weights of `source`. Raises SourceError."""
        self.log(f"Loading {source}")
        return load(
            source,
            revision=self.setting.revision,
            dtype=dtype or self.setting.dtype,
            device=self.setting.device,
            trust_remote_code=self.setting.trust_remote_code,
        )

    def corpus(self, name: str | None = None, *, weights: Weights | None = None, window: int | None = None) -> Corpus:
        """The corpus `name` (text, random or shuffled; default: the setting's), its prompts cut from windows of `window`."""
        weights = weights or self.weights
        name = name or self.setting.corpus
        request = Request(
            weights.source.name,
            corpus=cast(CorpusName, name),
            texts=() if name == "random" else self.setting.texts,
            column=self.setting.column,
            seed=self.setting.seed,
        )
        return replace(make_corpus(request, weights), window_tokens=window)

    def measure(
        self,
        label: str,
        *,
        weights: Weights | None = None,
        corpus: Corpus | None = None,
        length: int | None = None,
        sinks: int = 4,
    ) -> DecayProfile:
        """Measure `weights` (default: the source's) on the setting's prompts. Raises MeasurementError when interrupted."""
        weights = weights or self.weights
        length = length or self.setting.length
        plan = self._plan(length, sinks)
        self._begin(label, weights)
        profile = measure(
            weights,
            corpus or self.corpus(weights=weights),
            plan,
            resume=self.setting.resume,
            progress=self._progress(label),
            keep_journal=True,
        )
        if profile.partial:
            raise interrupted()
        self._part += 1
        self._measured.append(profile)
        return profile

    def tokens(self, length: int) -> int:
        """Tokens in a prompt of the instrument at `length`: two more where that lets a published distance in."""
        return prompt_tokens(self.weights.model, self._plan(length, 4))

    def decay(self, profile: DecayProfile, d_max: int | None = None) -> Decay:
        """The decay that γ is fitted to. Raises MeasurementError where no layer reaches enough distances."""
        curve = fitted_curve(profile, self.setting.d_min, d_max)
        if not curve.group:
            raise MeasurementError(
                f"No layer of {profile.provenance.get('model')} has enough distances from {self.setting.d_min} tokens on "
                f"at a length of {profile.protocol.length:,}: use a longer `length`."
            )
        return curve.decay

    def published(self, profile: DecayProfile) -> Decay:
        """The cells of the published protocol. Raises MeasurementError where the prompts hold fewer than four of them."""
        decay = published_decay(profile)
        if decay is None:
            raise MeasurementError(
                f"Prompts of {profile.protocol.length:,} tokens hold fewer than four of the published distances: use a "
                "`length` of 250 or more."
            )
        return decay

    def gamma(self, decay: Decay) -> Estimate:
        """The exponent with its interval over prompts."""
        return decay.gamma(self.draws)

    def change(self, decay: Decay, reference: Decay, scale: Callable[[Any], Any] = lambda x: x) -> Estimate:
        """The exponent less that of a reference measured on the same prompts, on a monotone scale."""
        return combination([decay, reference], [1, -1], self.draws, scale)

    def slope(self, x: Any, decays: Iterable[Decay]) -> Estimate:
        """The slope on x [points] of the exponents of `decays`, one a point, measured on the same prompts."""
        return slope_of_gammas(x, list(decays), self.draws)

    def loss(self, weights: Weights, corpus: Corpus) -> float:
        """Mean loss of `weights` in nats a token at the setting's length."""
        return mean_loss(weights, corpus, self.setting.length)

    def read(
        self,
        label: str,
        prompts: Iterable[Tokens],
        positions: Sequence[int],
        reader: Callable[[], Reader],
        *,
        weights: Weights | None = None,
    ) -> list[Reader]:
        """Run each of `prompts` through the model and hand its attention rows at `positions` to a `reader` of its own.

        For what the instrument does not tally. Returns the readers. Raises as `measure` does for a prompt too long.
        """
        weights = weights or self.weights
        network = weights.network
        self._begin(label, weights)
        readers = []
        for index, tokens in enumerate(prompts):
            prompt_tokens(weights.model, self._plan(len(tokens), 4))
            chunk = default_chunk_tokens(network, len(tokens))
            require_memory(network, len(tokens), chunk, len(positions))
            one = reader()
            with capture_rows(network, positions, one):
                prefill(network, torch.from_numpy(tokens)[None].to(network.device), chunk)
            readers.append(one)
            self._step(label, index + 1)
        self._part += 1
        return readers

    def do(self, label: str, job: Job[Any], journal: Journal, shard: tuple[int, int]) -> None:
        """Do a shard of a job, a piece for each of the setting's prompts: one part of the experiment."""
        self._begin(label)
        do_pieces(job, journal, progress=self._progress(label), shard=shard)
        self._part += 1

    def clear_also(self, journal: Journal) -> None:
        """Discard `journal` too, once the result is safe."""
        self._journals.append(journal)

    def provenance(self, corpus: Corpus) -> dict[str, Any]:
        """What and where was measured, for readings that leave no profile."""
        return {
            "model": self.weights.model.name,
            "weights": self.weights.fingerprint,
            "dtype": self.weights.dtype,
            "dtype_reason": self.weights.dtype_reason,
            "corpus": corpus.name,
            "corpus_about": corpus.about,
            "corpus_sha256": corpus.sha256,
            "seed": corpus.seed,
            "versions": versions(),
            "machine": machine(),
            "notes": [*self.weights.source.notes, *self.weights.model.notes],
        }

    @property
    def journals(self) -> tuple[Journal, ...]:
        """What is kept on disk for resuming, to be discarded once the result is safe."""
        return (*map(journal_of, self._measured), *self._journals)

    def _plan(self, length: int, sinks: int) -> Plan:
        return Plan(
            FixedLength(length=length, rows=min(_ROWS, length // 4), sinks=sinks),
            prompts=self.setting.prompts,
            d_min=self.setting.d_min,
            beyond_trained=self.setting.beyond_trained,
        )

    def _begin(self, label: str, weights: Weights | None = None) -> None:
        if not self._part:  # later parts are told by the progress, whose estimate of what is left goes on
            self.log(label if weights is None else f"Measuring {weights.on_what}")

    def _step(self, label: str, done: int) -> None:
        if self.progress is not None:
            n = self.setting.prompts
            self.progress(self._part * n + done, self.parts * n, label)

    def _progress(self, label: str) -> Progress:
        def tell(done: int, planned: int, what: str) -> None:
            if done:  # a part begins where the one before it ended
                self._step(label, done)

        return tell


def mean_loss(weights: Weights, corpus: Corpus, n_tokens: int) -> float:
    """Mean cross-entropy of the next token in nats, over the first two prompts of `n_tokens`."""
    losses = []
    with torch.inference_mode():
        for index in range(_LOSS_PROMPTS):
            tokens = torch.from_numpy(corpus.prompt(index, n_tokens))[None].to(weights.network.device)
            logits = weights.network(input_ids=tokens, use_cache=False).logits[0, :-1]
            losses.append(float(F.cross_entropy(logits.float(), tokens[0, 1:])))
    return sum(losses) / len(losses)


def interrupted() -> MeasurementError:
    """What is said when the run was interrupted."""
    return MeasurementError(
        "Interrupted. The prompts that were finished are kept: the same command with `resume` goes on from there."
    )
