"""What a trial of the RoPE base is asked: bases, seeds, size and time."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ropescope.errors import InputError
from ropescope.pilot.arms import ABLATIONS, Arm, arms_of
from ropescope.pilot.predictions import predictions
from ropescope.pilot.sizes import SIZES, Size
from ropescope.questions.domains import Choice, Flag, Real, Whole
from ropescope.questions.durations import Duration
from ropescope.questions.inputs import asked
from ropescope.questions.kinds import File, ListOf, Output, TorchDevice
from ropescope.questions.shared import OnCluster, OwnText, Resumable

THETAS = (500.0, 2000.0, 1e4, 1e5, 1e6)


@dataclass(frozen=True, kw_only=True)
class PilotInputs(OwnText, Resumable, OnCluster):
    """What to train, how often, how large, and for how long."""

    theta: tuple[float, ...] = asked(
        ListOf(Real(above=1.0, at_most=1e12), least=2), "RoPE bases to train at, as 500,1e4,1e6.", default=THETAS
    )
    seeds: int = asked(
        Whole(2, 1000), "Runs at each base. Runs of one seed share data, order and first weights.", default=5
    )
    size: str = asked(
        Choice(tuple(SIZES)),
        "Width, depth, length and tokens: toy (seconds, says nothing), tiny (an hour on two cores), small or medium (a GPU).",
        default="tiny",
    )
    ablations: tuple[str, ...] = asked(
        ListOf(Choice((*ABLATIONS, "none")), least=1),
        "Beside the bases: nope (no positions), alibi, or none of them.",
        default=ABLATIONS,
    )
    budget: float | None = asked(
        Duration(), "Stop after this time, as 40min; `resume` goes on. Every run sees the same tokens.", default=None
    )
    predictions: bool = asked(Flag(), "Say what would be expected, and train nothing.", default=False)
    runs: Path | None = asked(File(), "Show runs again that were kept with `out`; nothing is trained.", default=None)
    networks: Path | None = asked(
        Output(metavar="FOLDER"),
        "Write the trained networks here (those with RoPE), and the profile of each.",
        default=None,
    )
    dtype: str = asked(
        Choice(("auto", "float32", "bfloat16")),
        "Number type of products in training; auto: bfloat16 on a GPU that has it. Weights and measurements are float32.",
        default="auto",
        group="machine",
    )
    device: str | None = asked(
        TorchDevice(), "cpu, cuda, cuda:1, …; default: the GPU if there is one.", default=None, group="machine"
    )

    def __post_init__(self) -> None:
        """Raises InputError for inputs that do not go together."""
        if "none" in self.ablations and len(self.ablations) > 1:
            raise InputError("ablations", "`ablations` is none or a list of others, not both.")
        predictions(self.theta, self.dimensions.length)

    @property
    def dimensions(self) -> Size:
        """The size by its name."""
        return SIZES[self.size]

    @property
    def arms(self) -> tuple[Arm, ...]:
        """What is trained."""
        return arms_of(self.theta, self.ablations)
