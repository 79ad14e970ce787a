"""How far the shares of a run are, from the notes that they keep."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path


def told(notes: Path) -> tuple[str, int, int]:
    """(what is being done, pieces done, pieces planned), over the shares of the latest round that are under way."""
    found: dict[str, tuple[int, dict[str, object]]] = {}
    with suppress(OSError):
        for path in (notes / "progress").glob("[!.]*"):  # what is being written begins with a dot
            index, round_number, share = path.name.split("-")
            with suppress(OSError, ValueError):
                said = json.loads(path.read_text("utf-8"))
                key, number = f"{index}-{share}", int(round_number)
                if key not in found or number > found[key][0]:
                    found[key] = (number, said)
    said_now = [said for _, said in found.values()]
    planned = [said for said in said_now if said["planned"]]
    line = next((str(said["line"]) for said in (planned or said_now)), "")
    return line, sum(int(str(said["done"])) for said in planned), sum(int(str(said["planned"])) for said in planned)
