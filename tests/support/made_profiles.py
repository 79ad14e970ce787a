"""Made-up profiles with a known decay, for tests of what is done with profiles."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ropescope.measure.profile import DecayProfile
from ropescope.measure.profile_table import ProfileLayer
from ropescope.measure.protocol import LEGACY_KEY, FixedLength, legacy_distances
from ropescope.measure.tally import LayerTally


def made_profile(
    gamma: float = 0.8,
    *,
    n_prompts: int = 8,
    heads: Sequence[int] = (4, 4, 2),
    windows: Sequence[int | None] = (None, None, None),
    length: int = 1024,
    sink: float = 0.3,
    noise: float = 0.05,
    seed: int = 0,
    partial: bool = False,
) -> DecayProfile:
    """Every head of every layer falls as d^−gamma within its window; each prompt and bin has its own noise."""
    protocol = FixedLength(length=length, rows=16)
    rng = np.random.default_rng(seed)
    edges = protocol.edges
    distance = np.maximum(np.arange(length), 1).astype(float)
    prompts = []
    for _ in range(n_prompts):
        rows = protocol.positions(rng)
        beyond_sinks = (rows[:, None] - np.arange(length) >= protocol.sinks).sum(axis=0)
        tallies = []
        for index, (n_heads, window) in enumerate(zip(heads, windows, strict=True)):
            reached = beyond_sinks if window is None else np.where(np.arange(length) < window, beyond_sinks, 0)
            law = distance**-gamma * reached
            mass = np.add.reduceat(law, edges[:-1]) / law.sum() * (1 - sink)
            noisy = mass * rng.lognormal(0, noise, (n_heads, len(mass)))
            legacy = np.array(legacy_distances(length), dtype=float) + LEGACY_KEY + 1
            tallies.append(
                LayerTally(
                    layer=index,
                    mass=noisy.astype(np.float32),
                    cells=np.add.reduceat(reached, edges[:-1]),
                    sink_mass=np.full(n_heads, sink, dtype=np.float32),
                    sink_logit_mass=np.zeros(n_heads, dtype=np.float32),
                    entropy_nats=rng.uniform(2, 4, n_heads).astype(np.float32),
                    legacy=np.tile(1 / legacy, (n_heads, 1)).astype(np.float32),
                )
            )
        prompts.append(tallies)
    layers = [
        ProfileLayer(index, "full" if window is None else "sliding", n_heads, n_heads, window)
        for index, (n_heads, window) in enumerate(zip(heads, windows, strict=True))
    ]
    provenance = {
        "model": "made-up",
        "corpus": "random",
        "rope_thetas": [10000.0],
        "seconds": 1.5,
        "protocol": {"sinks": 4},
    }
    return DecayProfile.from_tallies(protocol, layers, prompts, length, provenance, partial=partial)
