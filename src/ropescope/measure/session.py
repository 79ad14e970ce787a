"""The verb: weights and a corpus in, a DecayProfile out, prompt by prompt."""

from __future__ import annotations

import hashlib
import json
import platform
import time
from collections.abc import Callable
from dataclasses import fields
from typing import Any

import numpy as np
import torch

import ropescope
from ropescope.errors import MeasurementError
from ropescope.measure.journal import Journal
from ropescope.measure.profile import DecayProfile, ProfileLayer
from ropescope.measure.prompts import Corpus
from ropescope.measure.protocol import FixedLength
from ropescope.measure.request import Plan, prompt_tokens
from ropescope.measure.resuming import refuse_other_type
from ropescope.measure.summary import summarise
from ropescope.measure.tally import LayerTally, PromptTally
from ropescope.network import states
from ropescope.network.allocator import keep_freed_memory
from ropescope.network.capture import capture_rows, uses_interface
from ropescope.network.loading.weights import Weights
from ropescope.network.memory import is_out_of_memory, require_memory, too_little_memory
from ropescope.network.prefill import default_chunk_tokens, prefill

Progress = Callable[[int, int, str], None]
"""Called after each prompt with (done, planned, what is being measured)."""

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

    Finished prompts are kept on disk until the measurement is complete (with `keep_journal` until `discard_journal`);
    `resume` takes up those of an interrupted run with the same settings. Interrupted by Ctrl-C after at least one
    prompt, it returns what it has, marked partial. Raises MeasurementError or CaptureError with the cause and what to do.
    """
    plan.protocol.require_distances(plan.d_min)
    keep_freed_memory()
    n_tokens = prompt_tokens(weights.model, plan)
    chunk = plan.chunk_tokens or default_chunk_tokens(weights.network, n_tokens)
    _refuse_chunks_with_states(weights, chunk < n_tokens)
    identity = _identity(weights, corpus, plan, n_tokens, chunk)
    journal = Journal(identity)
    if resume:
        refuse_other_type(journal)
    else:
        journal.discard()
    planned = _planned(corpus, plan, n_tokens)
    what = "random weights" if weights.random_init else weights.source.name
    done: list[list[LayerTally]] = []
    seconds = 0.0
    partial = False
    try:
        while True:
            while len(done) < planned:
                tallies, spent = _one_prompt(weights, corpus, plan.protocol, n_tokens, chunk, len(done), journal)
                done.append(tallies)
                seconds += spent
                if progress is not None:
                    progress(len(done), planned, what)
            profile = _profile(weights, corpus, plan, n_tokens, chunk, done, seconds, partial=False)
            more = _more_prompts(profile, corpus, plan, n_tokens)
            if not more:
                break
            planned = len(done) + more
    except KeyboardInterrupt:
        partial = True
        if not done:
            raise
    if not partial and not keep_journal:
        journal.discard()
    return _profile(weights, corpus, plan, n_tokens, chunk, done, seconds, partial=partial)


def discard_journal(profile: DecayProfile) -> None:
    """Remove the prompts that are still kept on disk for a measured profile."""
    Journal({name: profile.provenance[name] for name in profile.provenance["identity"]}).discard()


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
    se = summarise(profile, d_min=plan.d_min, resamples=_PRECISION_RESAMPLES).gamma.se
    limit = min(plan.max_prompts, 2 * n)
    there_are = corpus.available(n_tokens, limit)
    if there_are is not None:
        limit = min(limit, there_are)
    if se is None or se <= plan.precision or n >= limit:
        return 0
    # Standard errors fall as the root of n; never more than double, since the estimate itself is rough.
    needed = int(np.ceil(n * (se / plan.precision) ** 2))
    return max(1, min(needed - n, n, limit - n))


def _one_prompt(
    weights: Weights, corpus: Corpus, protocol: FixedLength, n_tokens: int, chunk: int, index: int, journal: Journal
) -> tuple[list[LayerTally], float]:
    kept = journal.finished(index)
    if kept is not None:
        return kept
    network = weights.network
    rows = protocol.positions(np.random.default_rng([corpus.seed, index, 1]))
    tally = PromptTally(protocol, rows, n_tokens)
    require_memory(network, n_tokens, chunk, len(tally.wanted))
    tokens = torch.from_numpy(corpus.prompt(index, n_tokens))[None].to(network.device)
    started = time.perf_counter()
    try:
        with capture_rows(network, tally.wanted, tally):
            prefill(network, tokens, chunk)
        tallies = tally.layers()
    except (RuntimeError, MemoryError) as error:
        if is_out_of_memory(error):
            raise too_little_memory(network, n_tokens, len(tally.wanted)) from error
        raise
    seconds = time.perf_counter() - started
    journal.keep(index, tallies, seconds)
    return tallies, seconds


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


def _profile(
    weights: Weights,
    corpus: Corpus,
    plan: Plan,
    n_tokens: int,
    chunk: int,
    done: list[list[LayerTally]],
    seconds: float,
    *,
    partial: bool,
) -> DecayProfile:
    layers = _layers(weights, done[0])
    measured = {layer.index for layer in layers}
    identity = _identity(weights, corpus, plan, n_tokens, chunk)
    provenance = {
        **identity,
        "identity": sorted(identity),
        "model": weights.model.name,
        "model_type": weights.model.model_type,
        "source": {"kind": weights.source.kind, "repo_id": weights.source.repo_id, "revision": weights.source.revision},
        "corpus_about": corpus.about,
        "context_length": weights.model.context_length,
        "rope_thetas": list(weights.model.rope_thetas),
        "notes": [*weights.source.notes, *weights.model.notes],
        "beyond_trained": weights.model.context_length is not None and n_tokens > weights.model.context_length,
        "not_applicable_layers": [
            {"index": layer.index, "kind": layer.kind} for layer in weights.model.layers if layer.index not in measured
        ],
        "dtype_reason": weights.dtype_reason,
        "machine": machine(),
        "seconds": round(seconds, 3),
    }
    return DecayProfile.from_tallies(plan.protocol, layers, done, n_tokens, provenance, partial=partial)


def _identity(weights: Weights, corpus: Corpus, plan: Plan, n_tokens: int, chunk: int) -> dict[str, Any]:
    """Everything that decides the numbers of a prompt."""
    return {
        "weights": weights.fingerprint,
        "random_init": weights.random_init,
        "architecture": _architecture(weights.network.config),
        "dtype": weights.dtype,
        "device": weights.network.device.type,
        "corpus": corpus.name,
        "corpus_sha256": corpus.sha256,
        "prefix": list(corpus.prefix),
        "window_tokens": corpus.window_tokens,
        **({} if corpus.block is None else {"window_block": corpus.block}),
        "seed": corpus.seed,
        "protocol": {item.name: getattr(plan.protocol, item.name) for item in fields(FixedLength)},
        "n_tokens": n_tokens,
        "chunk_tokens": chunk,
        "versions": versions(),
    }


def _architecture(config: Any) -> str:
    """A hash of the config, without the number type that it was loaded with."""
    said = {name: value for name, value in json.loads(config.to_json_string()).items() if "dtype" not in name}
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


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
