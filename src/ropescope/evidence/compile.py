"""Compile: write the shipped tables from the raw measurement files.

    python -m ropescope.evidence.compile DIR

DIR is a clone of the public repository, or its folder `data/`. The tables go where the package keeps them; a test compares
them with the raw files wherever those are at hand. A table whose raw files DIR lacks stays as it is shipped.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

from ropescope.errors import RopescopeError
from ropescope.evidence.cells import write_csv
from ropescope.evidence.extract import extracts
from ropescope.evidence.raw import MANIFEST_COLUMNS, PUBLISHED_AT, RawFiles, manifest

HERE = Path(__file__).parent / "data"
ORIGIN = (
    f"Figures from the measurements that C. Marín published with Predicting How Transformers Attend (2026), {PUBLISHED_AT},\n"
    "folder data/. Copyright 2026 Carles Marin, licensed under the Apache License 2.0; selected and arranged here, values as\n"
    "published. Written by `python -m ropescope.evidence.compile DIR`: change that, not this file."
)


def compiled(raw: RawFiles) -> Mapping[str, str]:
    """The text of each table that `raw` holds the files of, by its name, and of the list of all raw files.

    Raises SourceError or FormatError for a raw file that cannot be read.
    """
    texts = {
        f"{name}.csv": write_csv(entry.columns, entry.from_raw(raw), f"{entry.says}\n{ORIGIN}")
        for name, entry in extracts().items()
        if not raw.missing(entry.files)
    }
    known = {row["file"]: row for row in manifest()}
    names = {file for entry in extracts().values() for file in entry.files}
    rows = [
        {"file": name, "bytes": raw.size(name), "sha256": raw.digest(name)} if raw.has(name) else known[name]
        for name in sorted(names)
        if raw.has(name) or name in known
    ]
    texts["raw_files.csv"] = write_csv(
        MANIFEST_COLUMNS, rows, f"The raw files behind the other tables, as of their compilation.\n{PUBLISHED_AT}"
    )
    return texts


def main(arguments: list[str]) -> int:
    """Write the tables; 0 if all went well."""
    if len(arguments) != 1:
        print("usage: python -m ropescope.evidence.compile DIR", file=sys.stderr)
        return 2
    try:
        raw = RawFiles(arguments[0])
        texts = compiled(raw)
    except RopescopeError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    for name, text in texts.items():
        (HERE / name).write_text(text, encoding="utf-8")
        print(f"{len(text.encode()):8,d} bytes  {name}")
    for name, entry in extracts().items():
        if missing := raw.missing(entry.files):
            print(f"    left as it is  {name}.csv: {raw.folder} lacks {', '.join(missing)}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
