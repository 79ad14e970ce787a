"""Paths and files that a user names: whether they are there, and their bytes up to a bound."""

from __future__ import annotations

from pathlib import Path

from ropescope.errors import FormatError, SourceError


def expanded(text: str) -> Path:
    """The path that `text` names, `~` being the user's home."""
    try:
        return Path(text).expanduser()
    except RuntimeError:  # a ~name that no user has
        return Path(text)


def exists(path: Path) -> bool:
    """Whether something is there; never raises."""
    try:
        return path.exists()
    except (OSError, ValueError):  # a name too long or with a null, or a folder that may not be entered
        return False


def read_bounded(path: Path, most: int, *, missing: str, long: str) -> bytes:
    """The bytes of `path`. Raises SourceError, with `missing` as the mend, where it cannot be read, and FormatError, with `long`
    as the mend, where it has more than `most` bytes."""
    try:
        with path.open("rb") as file:
            raw = file.read(most + 1)
    except OSError as error:
        raise SourceError(f"{path} cannot be read ({error.strerror or error}): {missing}.") from error
    if len(raw) > most:
        raise FormatError(f"{path} is longer than {most >> 20} MiB: {long}.")
    return raw
