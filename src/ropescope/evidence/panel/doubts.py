"""Doubts: why a measurement is to be read with care, each by a rule that is stated and applied to all alike."""

from __future__ import annotations

import numpy as np

from ropescope.evidence.measurement import Measurement

SEED_FACTOR = 5.0
"""A seed whose mean is this many times the median seed's has been carried by a few prompts."""
SEED_FROM = 100
FEW_POINTS = 5
EFFECT = 0.05
"""A change of γ that is reported: the median standard error of the published fits."""


def doubts(m: Measurement) -> tuple[str, ...]:
    """Every doubt about a measurement, in a few words each."""
    found = [m.remark] if m.remark else []
    if m.refit.points < FEW_POINTS:
        found.append(f"fitted to {m.refit.points} distances")
    found += _seeds(m)
    if m.total > 1:
        found.append(f"A(d) sums to {m.total:.2f}")
    if m.theta_in_file is not None and m.theta_set is None and m.facts.theta not in (None, m.theta_in_file):
        found.append(f"the file says θ = {m.theta_in_file:g}, the config {m.facts.theta:g}")
    if m.variant == "4-bit":
        found.append("4-bit weights")
    return tuple(found)


def _seeds(m: Measurement) -> list[str]:
    if not len(m.by_seed):
        return []
    ratio = (m.by_seed / np.median(m.by_seed, axis=0)).max(axis=0)
    ratio = np.where(m.distances >= SEED_FROM, ratio, 0.0)
    worst = int(np.argmax(ratio))
    found = []
    if ratio[worst] > SEED_FACTOR:
        found.append(f"one seed reads {ratio[worst]:.0f} times the median seed at d = {m.distances[worst]:.0f}")
    median = m.gamma_median_of_seeds
    if median is not None and abs(median - m.gamma) > EFFECT:
        found.append(f"γ = {median:.2f} by the median of the seeds")
    return found
