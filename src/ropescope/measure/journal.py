"""Finished prompts on disk, so that an interrupted measurement goes on where it stopped, bit for bit.

One small file a prompt, written whole or not at all, in a folder named by everything that decides the numbers: weights,
corpus, protocol, seed, dtype, chunking and versions. A run with any of these changed never meets the files of another.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np

from ropescope.errors import MeasurementError
from ropescope.measure.resuming import note_identity
from ropescope.measure.tally import LayerTally
from ropescope.models.embedded import cache_folder
from ropescope.report.files import draft_of

_ARRAYS = [item.name for item in fields(LayerTally) if item.name != "layer"]


class Journal:
    """The finished prompts of one measurement."""

    def __init__(self, identity: Mapping[str, Any], folder: Path | None = None) -> None:
        self.identity = dict(identity)
        key = hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:32]
        self.folder = (folder or cache_folder().parent / "runs") / key

    def finished(self, index: int) -> tuple[list[LayerTally], float] | None:
        """The tallies of prompt `index` and the seconds they took, or None if it was not finished."""
        path = self._path(index)
        if not path.exists():
            return None
        try:
            with np.load(path, allow_pickle=False) as data:
                layers = data["layers"].tolist()
                tallies = [
                    LayerTally(layer=layer, **{name: data[f"{name}_{i}"] for name in _ARRAYS})
                    for i, layer in enumerate(layers)
                ]
                return tallies, float(data["seconds"])
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
            path.unlink(missing_ok=True)  # a damaged file is as good as none: the prompt is measured again
            return None

    def keep(self, index: int, tallies: Sequence[LayerTally], seconds: float) -> None:
        """Write the tallies of a finished prompt. Raises MeasurementError when the disk refuses."""
        arrays: dict[str, Any] = {"layers": np.array([tally.layer for tally in tallies]), "seconds": np.array(seconds)}
        for i, tally in enumerate(tallies):
            arrays.update({f"{name}_{i}": getattr(tally, name) for name in _ARRAYS})
        path = self._path(index)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            note_identity(self)
            with draft_of(path) as draft, draft.open("wb") as file:
                np.savez(file, **arrays)
        except OSError as error:
            raise MeasurementError(
                f"Finished prompts cannot be kept in {self.folder} ({error.strerror or error}): free some space, or set "
                "ROPESCOPE_HOME to a folder that has room."
            ) from error

    def discard(self) -> None:
        """Remove the files, once the result is complete."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _path(self, index: int) -> Path:
        return self.folder / f"prompt-{index:06d}.npz"
