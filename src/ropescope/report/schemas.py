"""Files state their schema, as `ropescope.kvplan/1`: a version that is not known is refused and never guessed at."""

from __future__ import annotations


def newer(found: object, known: str) -> str:
    """What an error about the schema `found` says beside it: the mend, where a later ropescope wrote the file, else nothing."""
    name, _, number = known.rpartition("/")
    if not isinstance(found, str) or not found.startswith(f"{name}/"):
        return ""
    version = found.removeprefix(f"{name}/")
    if not (version.isascii() and version.isdigit() and int(version[:9]) > int(number)):
        return ""
    return " A newer ropescope wrote it: upgrade to read it."
