"""The trained networks of a trial as model folders, which `measure` and every other question reads, and their profiles."""

from __future__ import annotations

import json
from base64 import b64decode
from pathlib import Path

from ropescope.errors import ReportError
from ropescope.network.loading.transformers_messages import quiet_transformers
from ropescope.pilot.arms import Arm
from ropescope.pilot.job import Pilot
from ropescope.pilot.training import Training
from ropescope.report.files import write_whole


def write_networks(job: Pilot, folder: Path) -> list[Path]:
    """Write what is finished: NAME.parquet, the last profile of each run, and NAME/, its network where it has RoPE.

    transformers' Llama knows neither NoPE nor ALiBi, so of these only the profiles are written. Returns the paths. Raises
    ReportError where the folder cannot be written.
    """
    written: list[Path] = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for piece in job.pieces:
            kept = None if job.journal is None else job.journal.finished(piece.name)
            if kept is None:
                continue
            written.append(write_whole(folder / f"{piece.name}.parquet", b64decode(kept["profile"])))
            arm, saved = Arm(piece.of["kind"], piece.of["theta"]), job.run_of(piece)
            run = Training.begin(arm, job.size, piece.of["seed"], job.device)
            if arm.kind == "rope" and saved is not None and run.resume(saved):
                with quiet_transformers():
                    run.network.save_pretrained(folder / piece.name)
                (folder / piece.name / "tokenizer.json").write_text(job.reading.tokenizer, "utf-8")
                kind = {"tokenizer_class": "PreTrainedTokenizerFast", "model_max_length": job.size.length}
                (folder / piece.name / "tokenizer_config.json").write_text(json.dumps(kind), "utf-8")
                written.append(folder / piece.name)
    except OSError as error:
        raise ReportError(
            f"The networks cannot be written to {folder} ({error.strerror or error}): name another folder."
        ) from error
    return written
