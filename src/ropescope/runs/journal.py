"""Finished pieces on disk, so that interrupted work continues where it stopped, and several processes can share it.

One small JSON file a piece, written whole or not at all and kept with its hash, in a folder named by everything that decides
the numbers, the version of ropescope included. Work with any of that changed never meets the files of another. The folder
holds its identity too, so that a run in another number type is noticed and the two are not mixed.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import ropescope
from ropescope.errors import MeasurementError
from ropescope.models.kept_files import cache_folder
from ropescope.report.files import draft_of
from ropescope.runs.share import share

_IDENTITY: Final = "identity"
_FOLLOWS: Final = frozenset({"dtype", "plans", "chunk_tokens"})
"""What another number type may change in an identity: itself, and what is computed with it."""


class Journal:
    """The finished pieces of one job (measured prompts, scored texts, answered questions), as plain data.

    identity: all that decides their numbers, but the version of ropescope, which is added here: another one may measure
    otherwise, or give a piece another shape.
    """

    def __init__(self, identity: Mapping[str, Any], folder: Path | None = None) -> None:
        self.identity = {"ropescope": ropescope.__version__, **identity}
        key = _hash(json.dumps(self.identity, sort_keys=True))[:32]
        self.folder = (folder or cache_folder().parent / "runs") / key

    def begin(self, resume: bool) -> None:
        """Keep what an interrupted run left, with `resume`, or else discard it: of several processes that share the work, the
        first one does.

        Raises MeasurementError where the run to resume was begun in another number type.
        """
        if resume:
            self._refuse_other_type()
        elif (shared := share()) is not None:
            shared.once(f"discard {self.folder.name}", self.discard)
        else:
            self.discard()

    def holds(self, piece: str) -> bool:
        """Whether a file of a piece is there."""
        return self._path(piece).exists()

    def finished(self, piece: str) -> Any | None:
        """What was kept of a piece, or None if it was not finished."""
        path = self._path(piece)
        try:
            kept = json.loads(path.read_text("utf-8"))
            if kept["sha256"] == _hash(json.dumps(kept["data"])):
                return kept["data"]
        except FileNotFoundError:
            return None
        except (OSError, ValueError, TypeError, KeyError):
            pass
        path.unlink(missing_ok=True)  # a damaged file is as good as none: the piece is done again
        return None

    def keep(self, piece: str, data: Any) -> None:
        """Write a finished piece. Raises MeasurementError when the disk refuses."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            if not (note := self.folder / _IDENTITY).exists():
                _write(note, self.identity)
            _write(self._path(piece), {"sha256": _hash(json.dumps(data)), "data": data})
        except OSError as error:
            raise MeasurementError(
                f"Finished pieces cannot be kept in {self.folder} ({error.strerror or error}): free some space, or set "
                "ROPESCOPE_HOME to a folder that has room."
            ) from error

    def discard(self) -> None:
        """Remove the files, once the result is safe or when a run begins anew."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _path(self, piece: str) -> Path:
        return self.folder / f"{piece}.json"

    def _refuse_other_type(self) -> None:
        if self.folder.exists():
            return
        mine = json.loads(json.dumps(self.identity))
        for path in self.folder.parent.glob(f"*/{_IDENTITY}"):
            with suppress(OSError, ValueError, AttributeError):
                theirs = json.loads(path.read_text("utf-8"))
                types = theirs.get("dtype"), mine.get("dtype")
                if None not in types and types[0] != types[1] and _settings(theirs) == _settings(mine):
                    raise MeasurementError(
                        f"The interrupted run of these settings was in {types[0]}, and this one would be in "
                        f"{types[1]}: give `dtype` {types[0]} to go on with it, or leave out `resume`."
                    )


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _write(path: Path, data: Any) -> None:
    with draft_of(path) as draft:
        draft.write_text(json.dumps(data), "utf-8")


def _settings(identity: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in identity.items() if name not in _FOLLOWS}
