"""Finished pieces on disk, so that an interrupted evaluation goes on where it stopped, and several processes can share one.

One small file a piece, written whole or not at all, in a folder named by everything that decides the numbers.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ropescope.errors import EvaluationError
from ropescope.measure.resuming import note_identity
from ropescope.models.embedded import cache_folder
from ropescope.report.files import draft_of


class Journal:
    """The finished pieces of one evaluation (scored texts, answered questions), named by all that decides their numbers."""

    def __init__(self, identity: Mapping[str, Any], folder: Path | None = None) -> None:
        self.identity = dict(identity)
        key = hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:32]
        self.folder = (folder or cache_folder().parent / "runs") / key

    def finished(self, piece: str) -> Any | None:
        """What was kept of a piece, or None if it was not finished."""
        path = self._path(piece)
        try:
            return json.loads(path.read_text("utf-8"))
        except FileNotFoundError:
            return None
        except (OSError, ValueError):
            path.unlink(missing_ok=True)  # a damaged file is as good as none: the piece is scored again
            return None

    def keep(self, piece: str, data: Any) -> None:
        """Write a finished piece. Raises EvaluationError when the disk refuses."""
        path = self._path(piece)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            note_identity(self)
            with draft_of(path) as draft:
                draft.write_text(json.dumps(data), "utf-8")
        except OSError as error:
            raise EvaluationError(
                f"Finished pieces cannot be kept in {self.folder} ({error.strerror or error}): free some space, or set "
                "ROPESCOPE_HOME to a folder that has room."
            ) from error

    def discard(self) -> None:
        """Remove the files, once the result is safe or when a run begins anew."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _path(self, piece: str) -> Path:
        return self.folder / f"{piece}.json"
