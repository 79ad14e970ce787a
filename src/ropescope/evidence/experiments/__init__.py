"""Experiments: each says beforehand what the theory predicts and what the null predicts, measures, and says which stands."""

from typing import TYPE_CHECKING

from ropescope.lazy import attributes

if TYPE_CHECKING:
    from ropescope.evidence.experiments.experiment import Expectation, Experiment, Findings, Prediction, Range, Setting
    from ropescope.evidence.experiments.registry import EXPERIMENTS, find
    from ropescope.evidence.experiments.report import experiment_report
    from ropescope.evidence.experiments.running import Result, run_experiment

_HOMES = {
    "EXPERIMENTS": "registry",
    "Expectation": "experiment",
    "Experiment": "experiment",
    "Findings": "experiment",
    "Prediction": "experiment",
    "Range": "experiment",
    "Result": "running",
    "Setting": "experiment",
    "experiment_report": "report",
    "find": "registry",
    "run_experiment": "running",
}

__all__ = [
    "EXPERIMENTS",
    "Expectation",
    "Experiment",
    "Findings",
    "Prediction",
    "Range",
    "Result",
    "Setting",
    "experiment_report",
    "find",
    "run_experiment",
]

__getattr__ = attributes(__name__, _HOMES)
