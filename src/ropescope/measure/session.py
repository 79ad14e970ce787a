"""The verb: weights and a corpus in, a DecayProfile out, prompt by prompt."""

from __future__ import annotations

import platform
import time
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime
from functools import cached_property
from itertools import takewhile
from typing import Any

import numpy as np
import torch

import ropescope
from ropescope.errors import MeasurementError
from ropescope.measure.beside import rope_scaling
from ropescope.measure.curve import fitted_curve
from ropescope.measure.intervals import normal_draws
from ropescope.measure.profile import DecayProfile
from ropescope.measure.profile_table import ProfileLayer
from ropescope.measure.prompts import Corpus
from ropescope.measure.protocol import FixedLength
from ropescope.measure.request import Plan, prompt_tokens
from ropescope.measure.tally import LayerTally, PromptTally
from ropescope.network import states
from ropescope.network.capture import capture_rows, uses_interface
from ropescope.network.loading.weights import Weights
from ropescope.network.memory import is_out_of_memory, keep_freed_memory, require_memory, too_little_memory
from ropescope.network.prefill import default_chunk_tokens, prefill
from ropescope.runs.job import Piece, Progress, run_job
from ropescope.runs.journal import Journal

_PRECISION_START = 8
_PRECISION_RESAMPLES = 1000


def measure(
    weights: Weights,
    corpus: Corpus,
    plan: Plan,
    *,
    resume: bool = False,
    progress: Progress | None = None,
    keep_journal: bool = False,
) -> DecayProfile:
    """Measure `weights` on prompts of `corpus`.

    Finished prompts are kept on disk until the measurement is complete (with `keep_journal` until `journal_of` it is discarded);
    `resume` takes up those of an interrupted run with the same settings. Interrupted by Ctrl-C after at least one
    prompt, it returns what it has, marked partial. Raises MeasurementError or CaptureError with the cause and what to do.
    """
    plan.protocol.require_distances(plan.d_min)
    keep_freed_memory()
    n_tokens = prompt_tokens(weights.model, plan)
    chunk = plan.chunk_tokens or default_chunk_tokens(weights.network, n_tokens)
    _refuse_chunks_with_states(weights, chunk < n_tokens)
    job = Measurement(weights, corpus, plan, n_tokens, chunk, _planned(corpus, plan, n_tokens))
    outcome = run_job(job, resume=resume, progress=progress)
    interrupted = outcome.interrupted
    try:
        while not outcome.interrupted and (more := _more_prompts(outcome.result, corpus, plan, n_tokens)):
            job = replace(job, prompts=job.prompts + more)
            outcome = run_job(job, outcome.journal, resume=True, progress=progress)
        interrupted = outcome.interrupted
    except KeyboardInterrupt:
        interrupted = True
    if interrupted:
        return replace(outcome.result, partial=True)
    if not keep_journal:
        outcome.discard_journal()
    return outcome.result


@dataclass(frozen=True)
class Measurement:
    """The first `prompts` prompts of a corpus, measured one by one. n_tokens: in a prompt. chunk: tokens in a pass."""

    weights: Weights
    corpus: Corpus
    plan: Plan
    n_tokens: int
    chunk: int
    prompts: int

    @property
    def name(self) -> str:
        """What the progress calls it."""
        return "random weights" if self.weights.random_init else self.weights.source.name

    @cached_property
    def identity(self) -> dict[str, Any]:
        """Everything that decides the numbers of a prompt."""
        weights, corpus = self.weights, self.corpus
        return {
            "weights": weights.fingerprint,
            "random_init": weights.random_init,
            "architecture": weights.architecture,
            "dtype": weights.dtype,
            "device": weights.network.device.type,
            "corpus": corpus.name,
            "corpus_sha256": corpus.sha256,
            "prefix": list(corpus.prefix),
            "window_tokens": corpus.window_tokens,
            **({} if corpus.block is None else {"window_block": corpus.block}),
            "seed": corpus.seed,
            "protocol": {item.name: getattr(self.plan.protocol, item.name) for item in fields(FixedLength)},
            "n_tokens": self.n_tokens,
            "chunk_tokens": self.chunk,
            "versions": versions(),
        }

    @property
    def pieces(self) -> list[Piece]:
        """The prompts."""
        return [Piece(f"prompt-{index:06d}", {"prompt": index}) for index in range(self.prompts)]

    def do(self, piece: Piece) -> dict[str, Any]:
        """The tallies of a prompt's layers, and the seconds that they took."""
        network, protocol, index = self.weights.network, self.plan.protocol, piece.of["prompt"]
        rows = protocol.positions(np.random.default_rng([self.corpus.seed, index, 1]))
        tally = PromptTally(protocol, rows, self.n_tokens)
        require_memory(network, self.n_tokens, self.chunk, len(tally.wanted))
        tokens = torch.from_numpy(self.corpus.prompt(index, self.n_tokens))[None].to(network.device)
        started = time.perf_counter()
        try:
            with capture_rows(network, tally.wanted, tally):
                prefill(network, tokens, self.chunk)
            tallies = tally.layers()
        except (RuntimeError, MemoryError) as error:
            if is_out_of_memory(error):
                raise too_little_memory(network, self.n_tokens, len(tally.wanted)) from error
            raise
        return {"layers": [layer.to_dict() for layer in tallies], "seconds": time.perf_counter() - started}

    def result(self, journal: Journal) -> DecayProfile:
        """The profile of the finished prompts, up to the first that is not. Raises MeasurementError if there is none."""
        finished = (journal.finished(piece.name) for piece in self.pieces)
        kept: list[Any] = list(takewhile(bool, finished))
        done = [[LayerTally.from_dict(layer) for layer in prompt["layers"]] for prompt in kept]
        layers = _layers(self.weights, done[0]) if done else []
        provenance = self._provenance({layer.index for layer in layers}, sum(prompt["seconds"] for prompt in kept))
        return DecayProfile.from_tallies(
            self.plan.protocol, layers, done, self.n_tokens, provenance, partial=len(done) < self.prompts
        )

    def _provenance(self, measured: set[int], seconds: float) -> dict[str, Any]:
        weights, model = self.weights, self.weights.model
        source = weights.source
        return {
            **self.identity,
            "identity": sorted(self.identity),
            "model": model.name,
            "model_type": model.model_type,
            "source": {
                "kind": source.kind,
                "repo_id": source.repo_id,
                "revision": source.revision,
                **({} if source.adapter is None else {"adapter": source.adapter.repo_id}),
            },
            "corpus_about": self.corpus.about,
            "context_length": model.context_length,
            "rope_scaling": rope_scaling(model),
            "rope_thetas": list(model.rope_thetas),
            "layer_rope_thetas": {str(one.index): one.rope.theta for one in model.layers if one.rope is not None},
            "notes": [*source.notes, *model.notes],
            "beyond_trained": model.context_length is not None and self.n_tokens > model.context_length,
            "not_applicable_layers": [
                {"index": layer.index, "kind": layer.kind} for layer in model.layers if layer.index not in measured
            ],
            "dtype_reason": weights.dtype_reason,
            "machine": machine(),
            "seconds": round(seconds, 3),
            "date": datetime.now(UTC).date().isoformat(),
        }


def journal_of(profile: DecayProfile) -> Journal:
    """Where the prompts of a measured profile were kept."""
    return Journal({name: profile.provenance[name] for name in profile.provenance["identity"]})


def _planned(corpus: Corpus, plan: Plan, n_tokens: int) -> int:
    planned = plan.prompts if plan.precision is None else min(max(_PRECISION_START, plan.prompts), plan.max_prompts)
    there_are = corpus.available(n_tokens, planned)
    if there_are is not None and there_are < planned:
        if there_are < 1 or plan.precision is None:
            corpus.prompt(planned - 1, n_tokens)  # raises, saying how many prompts the text holds
        planned = there_are
    return planned


def _more_prompts(profile: DecayProfile, corpus: Corpus, plan: Plan, n_tokens: int) -> int:
    """How many prompts to add for the precision asked; 0 when it is reached or there are no more."""
    if plan.precision is None:
        return 0
    n = profile.n_prompts
    se = fitted_curve(profile, plan.d_min).decay.gamma(normal_draws(n, _PRECISION_RESAMPLES, seed=0)).se
    limit = min(plan.max_prompts, 2 * n)
    there_are = corpus.available(n_tokens, limit)
    if there_are is not None:
        limit = min(limit, there_are)
    if se is None or se <= plan.precision or n >= limit:
        return 0
    # Standard errors fall as the root of n; never more than double, since the estimate itself is rough.
    needed = int(np.ceil(n * (se / plan.precision) ** 2))
    return max(1, min(needed - n, n, limit - n))


def _refuse_chunks_with_states(weights: Weights, chunked: bool) -> None:
    if not chunked or not uses_interface(weights.network):
        return
    inexact = {"state-space", "recurrent"} if states.KEPT_IN_CACHES else states.KINDS
    found = inexact & {kind for layer in weights.model.layers for kind in (layer.kind, *layer.beside)}
    if found:
        raise MeasurementError(
            f"{weights.model.name} has {' and '.join(sorted(found))} layers, whose state transformers does not carry exactly "
            "from chunk to chunk: leave `chunk` out."
        )


def _layers(weights: Weights, tallies: list[LayerTally]) -> list[ProfileLayer]:
    facts = {layer.index: layer for layer in weights.model.layers}
    layers = []
    for tally in tallies:
        layer = facts.get(tally.layer)
        n_heads = int(tally.mass.shape[0])
        layers.append(
            ProfileLayer(
                index=tally.layer,
                kind=layer.kind if layer is not None and layer.has_attention else "full",
                n_heads=n_heads,
                n_kv_heads=layer.n_kv_heads if layer is not None and layer.n_kv_heads else n_heads,
                window_tokens=None if layer is None else layer.window_tokens,
            )
        )
    return layers


def versions() -> dict[str, str]:
    """The versions that decide numbers."""
    import transformers

    return {
        "ropescope": ropescope.__version__,
        "torch": torch.__version__,
        "transformers": transformers.__version__,
        "python": platform.python_version(),
    }


def machine() -> str:
    """What was computed on."""
    return f"{platform.machine()}, {platform.system()}, {torch.get_num_threads()} threads"
