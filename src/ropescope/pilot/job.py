"""The trial as pieces: one for each arm and seed, trained, measured at its checkpoints, and kept in the journal."""

from __future__ import annotations

import tempfile
import time
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import torch

from ropescope.errors import MeasurementError
from ropescope.measure.profile import DecayProfile
from ropescope.measure.session import machine, versions
from ropescope.pilot import text
from ropescope.pilot.arms import Arm, pieces_of
from ropescope.pilot.networks import weights_of
from ropescope.pilot.optimiser import ADAM_RATE, MOMENTUM, MUON_RATE
from ropescope.pilot.readings import bands, plan_of, read
from ropescope.pilot.results.result import PilotResult, RunResult
from ropescope.pilot.sizes import CHECKPOINTS, Size
from ropescope.pilot.training import CLIP, COOL_DOWN, WARM_UP, Training
from ropescope.runs.job import Piece, Progress
from ropescope.runs.journal import Journal

SAVE_SECONDS: Final = 30.0
"""A run is saved this often, so that an interruption costs no more."""


class BudgetSpentError(KeyboardInterrupt):
    """The time that was given is over; what is finished is kept, as after Ctrl-C."""


@dataclass
class Pilot:
    """The runs of `arms` × `seeds`. half: products in bfloat16. deadline: of time.monotonic(), when to stop.

    journal: beside it unfinished runs are saved. shard: which runs this process does, as in `do_pieces`.
    """

    size: Size
    arms: Sequence[Arm]
    seeds: int
    reading: text.Reading
    device: torch.device
    half: bool = False
    deadline: float | None = None
    progress: Progress | None = None
    journal: Journal | None = None
    shard: tuple[int, int] = (0, 1)
    _finished: int = -1
    _what: str = field(default="")

    @property
    def name(self) -> str:
        """What the progress calls it."""
        return self._what or f"pilot {self.size.name}"

    @property
    def identity(self) -> dict[str, Any]:
        """All that decides the numbers of a run but its arm and seed."""
        of = versions()
        return {
            "pilot": 1,
            "size": {name: getattr(self.size, name) for name in self.size.__slots__},
            "text_sha256": self.reading.sha256,
            "tokenizer_sha256": self.reading.tokenizer_sha256,
            "dtype": "bfloat16" if self.half else "float32",
            "device": self.device.type,
            "training": [WARM_UP, COOL_DOWN, CLIP, MUON_RATE, ADAM_RATE, MOMENTUM, *CHECKPOINTS],
            "rows": plan_of(self.size).protocol.rows,
            "versions": {name: of[name] for name in ("torch", "transformers")},
        }

    @property
    def pieces(self) -> list[Piece]:
        """The runs."""
        return pieces_of(self.arms, self.seeds)

    def run_of(self, piece: Piece) -> Path | None:
        """Where a run is saved, whole or in part; None without a journal."""
        return None if self.journal is None else self.journal.folder / f"{piece.name}.run.pt"

    def do(self, piece: Piece) -> dict[str, Any]:
        """A run: trained to its end from the start or from where it was interrupted. Raises BudgetSpentError."""
        arm, seed = Arm(piece.of["kind"], piece.of["theta"]), piece.of["seed"]
        self._what = f"{arm.words}, seed {seed}"
        self._stop_if_late()
        run = Training.begin(arm, self.size, seed, self.device, half=self.half)
        saved = self.run_of(piece)
        if saved is not None:
            run.resume(saved)
        profile: DecayProfile | None = None
        last_saved = time.monotonic()

        def after_step() -> None:
            nonlocal last_saved
            self._tell(run)
            if saved is not None and time.monotonic() - last_saved > SAVE_SECONDS:
                run.save(saved)
                last_saved = time.monotonic()
            if self._late:
                if saved is not None:
                    run.save(saved)
                raise BudgetSpentError

        for share in CHECKPOINTS[len(run.notes) :]:
            run.advance(self.reading.train, self.size.step_at(share), after_step)
            if not all(torch.isfinite(weight).all() for weight in run.network.parameters()):
                raise MeasurementError(f"{self._what}: the weights are no numbers any more; use another `dtype`.")
            run.network.eval()
            weights = weights_of(run.network, arm, self.size, seed, random_init=share == 0)
            seen = run.step * self.size.batch * self.size.length
            reading, profile = read(weights, self.reading.corpus, self.size, seen)
            run.network.train()
            run.notes.append(reading.to_dict())
            if saved is not None:
                run.save(saved)
                last_saved = time.monotonic()
        if profile is None:  # every checkpoint was read before an interruption
            weights = weights_of(run.network.eval(), arm, self.size, seed)
            _, profile = read(
                weights, self.reading.corpus, self.size, self.size.steps * self.size.batch * self.size.length
            )
        self._finished = -1  # counted anew
        return {
            **piece.of,
            "readings": run.notes,
            "losses": run.kept_losses(),
            "profile": b64encode(_parquet(profile)).decode(),
            "machine": machine(),
        }

    def result(self, journal: Journal) -> PilotResult:
        """What the finished runs say. Raises MeasurementError if there is none."""
        found = [(piece, journal.finished(piece.name)) for piece in self.pieces]
        runs = tuple(RunResult.from_dict(kept) for _, kept in found if kept is not None)
        if not runs:
            raise MeasurementError("No run is finished yet.")
        return PilotResult(
            size=self.size.name,
            length=self.size.length,
            parameters=self.size.parameters,
            tokens=self.size.steps * self.size.batch * self.size.length,
            prompts=self.size.prompts,
            arms=tuple(self.arms),
            seeds=self.seeds,
            bands=bands(self.size.length),
            runs=runs,
            provenance={**self.identity, "text": self.reading.about, "versions": versions(), "machine": machine()},
        )

    @property
    def _late(self) -> bool:
        return self.deadline is not None and time.monotonic() > self.deadline

    def _stop_if_late(self) -> None:
        if self._late:
            raise BudgetSpentError

    def _tell(self, run: Training) -> None:
        if self.progress is None:
            return
        mine = self.pieces[self.shard[0] :: self.shard[1]]
        if self._finished < 0:
            kept = self.journal
            self._finished = 0 if kept is None else sum(kept.finished(piece.name) is not None for piece in mine)
        what = f"{self._what}, loss {run.recent_loss:.2f}"
        self.progress(self._finished * self.size.steps + run.step, len(mine) * self.size.steps, what)


def _parquet(profile: DecayProfile) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "profile.parquet"
        profile.save(path)
        return path.read_bytes()
