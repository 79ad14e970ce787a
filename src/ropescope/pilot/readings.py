"""What is read off a decoder at a checkpoint: its decay by `measure`'s own code, and its loss by position."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import torch

from ropescope.measure.curve import fitted_bins, fitted_curve, published_decay
from ropescope.measure.exponent import DistanceBins, fit_power_law
from ropescope.measure.profile import DecayProfile
from ropescope.measure.prompts import Corpus
from ropescope.measure.protocol import FixedLength
from ropescope.measure.request import DEFAULT_D_MIN, Plan, prompt_tokens
from ropescope.measure.session import Measurement
from ropescope.network.loading.weights import Weights
from ropescope.pilot.results.result import Reading
from ropescope.pilot.sizes import Size
from ropescope.quality.loss import losses_by_band, token_losses
from ropescope.runs.journal import Journal

ROWS: Final = 64


class _InMemory(Journal):
    """Finished pieces that are not kept."""

    def __init__(self, pieces: Mapping[str, Any]) -> None:
        self._pieces = pieces

    def finished(self, piece: str) -> Any | None:
        return self._pieces.get(piece)


def bands(length: int) -> tuple[tuple[int, int], ...]:
    """[start, end) of the positions whose losses are told together, each twice as long as the one before: 1, 2–3, 4–7, …"""
    edges = [2**power for power in range(length.bit_length()) if 2**power < length]
    return tuple(zip(edges, [*edges[1:], length], strict=True))


def plan_of(size: Size) -> Plan:
    """How every checkpoint is measured."""
    return Plan(FixedLength(size.length, rows=min(ROWS, size.length // 4)), prompts=size.prompts, d_min=DEFAULT_D_MIN)


def read(weights: Weights, corpus: Corpus, size: Size, tokens: int) -> tuple[Reading, DecayProfile]:
    """The reading of a decoder that has seen `tokens` tokens, and the profile behind it."""
    profile = profile_of(weights, corpus, size)
    curve, published = fitted_curve(profile, DEFAULT_D_MIN), published_decay(profile)
    legacy = None if published is None else published.fit()
    losses = mean_losses(weights.network, corpus, size)
    return (
        Reading(
            tokens=tokens,
            gamma=float(curve.decay.fit().gamma),
            legacy_gamma=None if legacy is None else float(legacy.gamma),
            legacy_r2=None if legacy is None else float(legacy.r2),
            layers=tuple(_layer_gamma(profile, layer) for layer in range(len(profile.layers))),
            loss=float(losses.double().mean()),
            by_position=tuple(losses_by_band(losses, bands(size.length))),
            sink_mass=float(np.nanmean(profile.sink_mass)),
            entropy=float(np.nanmean(profile.entropy_nats)),
        ),
        profile,
    )


def profile_of(weights: Weights, corpus: Corpus, size: Size) -> DecayProfile:
    """What `measure` gives. Its prompts are no pieces here: a run is one, whoever does it."""
    plan = plan_of(size)
    n_tokens = prompt_tokens(weights.model, plan)
    job = Measurement(weights, corpus, plan, n_tokens, n_tokens, plan.prompts)
    return job.result(_InMemory({piece.name: job.do(piece) for piece in job.pieces}))


def mean_losses(network: Any, corpus: Corpus, size: Size) -> torch.Tensor:
    """float32 [length − 1] nats at each position, the mean over the prompts that are measured."""
    rows = [token_losses(network, torch.from_numpy(corpus.prompt(index, size.length))) for index in range(size.prompts)]
    return torch.stack(rows).mean(dim=0).cpu()


def _layer_gamma(profile: DecayProfile, layer: int) -> float:
    selected, edges = fitted_bins(profile, layer, DEFAULT_D_MIN), profile.protocol.edges
    bins = DistanceBins.between(edges[selected], edges[selected + 1] - 1)
    mass = np.nanmean(profile.mass[:, layer].astype(np.float64), axis=(0, 1))[selected]
    return float(fit_power_law(bins.log_distance, mass / bins.count, bins.log_width).gamma)
