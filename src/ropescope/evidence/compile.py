"""Compile: write the shipped tables from the raw measurement files.

    python -m ropescope.evidence.compile DIR

DIR is a clone of the public repository, or its folder `data/`. The tables go where the package keeps them; a test compares
them with the raw files wherever those are at hand.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

from ropescope.errors import RopescopeError
from ropescope.evidence.cells import write_csv
from ropescope.evidence.extract import extracts
from ropescope.evidence.raw import MANIFEST_COLUMNS, PUBLISHED_AT, RawFiles

HERE = Path(__file__).parent / "data"
ORIGIN = (
    f"Figures from the measurements that C. Marín published with Predicting How Transformers Attend (2026), {PUBLISHED_AT},\n"
    "folder data/. Copyright 2026 Carles Marin, licensed under the Apache License 2.0; selected and arranged here, values as\n"
    "published. Written by `python -m ropescope.evidence.compile DIR`: change that, not this file."
)


def compiled(raw: RawFiles) -> Mapping[str, str]:
    """The text of every shipped file by its name. Raises SourceError or FormatError for a raw file that cannot be read."""
    texts = {}
    names: set[str] = set()
    for name, entry in extracts().items():
        texts[f"{name}.csv"] = write_csv(entry.columns, entry.from_raw(raw), f"{entry.says}\n{ORIGIN}")
        names.update(entry.files)
    manifest = [{"file": name, "bytes": raw.size(name), "sha256": raw.digest(name)} for name in sorted(names)]
    texts["raw_files.csv"] = write_csv(
        MANIFEST_COLUMNS, manifest, f"The raw files behind the other tables, as of their compilation.\n{PUBLISHED_AT}"
    )
    return texts


def main(arguments: list[str]) -> int:
    """Write the tables; 0 if all went well."""
    if len(arguments) != 1:
        print("usage: python -m ropescope.evidence.compile DIR", file=sys.stderr)
        return 2
    try:
        texts = compiled(RawFiles(arguments[0]))
    except RopescopeError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    for name, text in texts.items():
        (HERE / name).write_text(text, encoding="utf-8")
        print(f"{len(text.encode()):8,d} bytes  {name}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
