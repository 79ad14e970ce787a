"""The experiments by name, in the order in which they are told."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

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
from ropescope.questions.names import did_you_mean, shown

if TYPE_CHECKING:
    from ropescope.evidence.experiments.context import ExperimentContext
    from ropescope.evidence.experiments.observations import Observations

_MODULES = (
    random_init,
    length_sweep,
    offset_sweep,
    base_sweep,
    base_scaling,
    corpora,
    shape,
    sinks,
    quantised,
    induction,
    theta_panel,
)
EXPERIMENTS: Mapping[str, Experiment] = {module.EXPERIMENT.name: module.EXPERIMENT for module in _MODULES}
"""Every experiment that `ropescope experiment` runs."""
_OBSERVE: Mapping[str, Callable[[ExperimentContext], Observations]] = {
    module.EXPERIMENT.name: module.observe for module in _MODULES
}


def observe(experiment: Experiment, context: ExperimentContext) -> Observations:
    """Do the work of an experiment. Raises MeasurementError where it cannot be done, or is interrupted."""
    return _OBSERVE[experiment.name](context)


def find(name: str) -> Experiment:
    """The experiment of that name. Raises DomainError with the nearest name for one that does not exist."""
    if name not in EXPERIMENTS:
        raise DomainError(
            f"No experiment is called {shown(name)}.{did_you_mean(name, EXPERIMENTS)} There are {', '.join(EXPERIMENTS)}."
        )
    return EXPERIMENTS[name]
