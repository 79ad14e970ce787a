"""From the inputs of the question to finished runs, in one process or as a share of several."""

from __future__ import annotations

import os
import time

from ropescope.errors import MeasurementError
from ropescope.pilot import text
from ropescope.pilot.inputs import PilotInputs
from ropescope.pilot.job import BudgetSpentError, Pilot
from ropescope.pilot.machine import device_of, half_of
from ropescope.pilot.results.result import PilotResult
from ropescope.questions.question import Run
from ropescope.runs.job import Outcome, run_job
from ropescope.runs.journal import Journal


def train(inputs: PilotInputs, run: Run) -> Outcome[PilotResult]:
    """Do the runs that are not finished; `run` hears what is going on.

    Under accelerate's or torch's launcher each process does every n-th run, and keeps what the others have finished. Raises
    RopescopeError subclasses; KeyboardInterrupt only when no run was finished.
    """
    deadline = None if inputs.budget is None else time.monotonic() + inputs.budget
    job = job_of(inputs, run)
    job.deadline, job.progress = deadline, run.progress
    job.shard = int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1"))
    run.say(f"Training {len(job.pieces)} networks of {job.size.parameters / 1e6:.2f}M parameters on {job.device}")
    try:
        return run_job(job, job.journal, resume=inputs.resume, shard=job.shard)
    except BudgetSpentError as spent:
        raise MeasurementError(
            "No run was finished within the `budget`: the same with `resume` goes on where it stopped."
        ) from spent


def job_of(inputs: PilotInputs, run: Run) -> Pilot:
    """The trial that the inputs describe, with its journal."""
    size = inputs.dimensions
    reading = text.read(size, inputs.text, inputs.column, run.say)
    device = device_of(inputs.device)
    job = Pilot(size, inputs.arms, inputs.seeds, reading, device, half_of(inputs.dtype, device))
    job.journal = Journal(job.identity)
    return job
