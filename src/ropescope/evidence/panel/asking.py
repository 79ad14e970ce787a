"""The published measurements, as a question."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ropescope.questions.domains import Flag
from ropescope.questions.inputs import asked
from ropescope.questions.kinds import File, Text
from ropescope.questions.question import Run
from ropescope.questions.shared import DATA_HELP
from ropescope.report.report import Report


@dataclass(frozen=True, kw_only=True)
class PanelInputs:
    """Which measurements."""

    model: str | None = asked(Text(), "Models whose name contains this.", default=None)
    corpus: str | None = asked(Text(), "text, random or unstated.", default=None)
    positions: str | None = asked(Text(), "rope, learned or alibi.", default=None)
    family: str | None = asked(Text(metavar="NAME"), "Pythia, Qwen2.5, Llama, …", default=None)
    all: bool = asked(
        Flag(), "Repeats, training steps and changed bases too, not the paper's measurements alone.", default=False
    )
    data: Path | None = asked(File(metavar="FOLDER"), DATA_HELP, default=None)


def answer(inputs: PanelInputs, run: Run) -> Report:
    """The published measurements, refitted: γ with its interval, the prediction, the null of the protocol."""
    from ropescope.evidence.evidence import Evidence
    from ropescope.evidence.panel.filter import Filter
    from ropescope.evidence.panel.report import panel_report

    chosen = Filter(inputs.model, inputs.corpus, inputs.positions, inputs.family, inputs.all)
    return panel_report(Evidence(inputs.data), chosen)
