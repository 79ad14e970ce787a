"""The experiments by name, in the order in which they are told."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches

from ropescope.errors import DomainError
from ropescope.evidence.experiments import (
    base_scaling,
    base_sweep,
    corpora,
    induction,
    length_sweep,
    offset_sweep,
    quantised,
    random_init,
    shape,
    sinks,
    theta_panel,
)
from ropescope.evidence.experiments.experiment import Experiment

EXPERIMENTS: Mapping[str, Experiment] = {
    experiment.name: experiment
    for experiment in (
        random_init.EXPERIMENT,
        length_sweep.EXPERIMENT,
        offset_sweep.EXPERIMENT,
        base_sweep.EXPERIMENT,
        base_scaling.EXPERIMENT,
        corpora.EXPERIMENT,
        shape.EXPERIMENT,
        sinks.EXPERIMENT,
        quantised.EXPERIMENT,
        induction.EXPERIMENT,
        theta_panel.EXPERIMENT,
    )
}
"""Every experiment that `ropescope experiment` runs."""


def find(name: str) -> Experiment:
    """The experiment of that name. Raises DomainError with the nearest name for one that does not exist."""
    if name not in EXPERIMENTS:
        near = get_close_matches(name, EXPERIMENTS, n=1, cutoff=0.4)
        hint = f" Did you mean {near[0]}?" if near else ""
        raise DomainError(f"No experiment is called {name!r}.{hint} There are {', '.join(EXPERIMENTS)}.")
    return EXPERIMENTS[name]
