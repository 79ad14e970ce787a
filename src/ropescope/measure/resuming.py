"""What a run may go on with: pieces of the very same settings, and none that were made in another number type.

Every folder of kept pieces holds the identity of its run: all that decides the numbers. Standard library only.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, Protocol

from ropescope.errors import MeasurementError
from ropescope.report.files import draft_of

_FILE: Final = "identity"
_FOLLOWS: Final = frozenset({"dtype", "plans", "chunk_tokens"})
"""What another number type may change in the identity of a run: itself, and what is computed with it."""


class Kept(Protocol):
    """A journal: the folder of a run's pieces, and what decides their numbers."""

    @property
    def folder(self) -> Path: ...

    @property
    def identity(self) -> Mapping[str, Any]: ...


def note_identity(journal: Kept) -> None:
    """Write the identity of a run beside its pieces, once. Raises OSError."""
    path = journal.folder / _FILE
    if not path.exists():
        with draft_of(path) as draft:
            draft.write_text(json.dumps(dict(journal.identity)), "utf-8")


def refuse_other_type(journal: Kept) -> None:
    """Raise MeasurementError where what `journal` is to go on with was begun in another number type: the two are not
    mixed, and what is there is not passed over in silence."""
    if journal.folder.exists():
        return
    mine = json.loads(json.dumps(dict(journal.identity)))
    for path in journal.folder.parent.glob(f"*/{_FILE}"):
        with suppress(OSError, ValueError, AttributeError):
            theirs = json.loads(path.read_text("utf-8"))
            if theirs.get("dtype") != mine["dtype"] and _settings(theirs) == _settings(mine):
                raise MeasurementError(
                    f"The interrupted run of these settings was in {theirs['dtype']}, and this one would be in {mine['dtype']}: "
                    f"give `dtype` {theirs['dtype']} to go on with it, or leave out `resume`."
                )


def _settings(identity: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in identity.items() if name not in _FOLLOWS}
