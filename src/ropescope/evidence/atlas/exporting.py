"""The atlas as a folder that is ready to be a dataset on the Hub: a card and three Parquet tables."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import ropescope
from ropescope.errors import ReportError
from ropescope.evidence.atlas.report import count, ranking_report
from ropescope.evidence.atlas.row import AtlasRow
from ropescope.evidence.atlas.store import SCHEMA
from ropescope.evidence.atlas.table import NESTED, Described, nested_table, parquet_bytes, row_table
from ropescope.evidence.tables import table
from ropescope.report.files import write_whole
from ropescope.report.markdown import escape, to_markdown
from ropescope.report.report import Report

TAG = "ropescope-atlas"
"""The tag by which a folder that was exported before is known again."""

_CONFIGS = {"layers": "layers", "curve": "curves"}
_LICENCE = re.compile(r"[a-z0-9][a-z0-9.+-]{1,39}")


def export_atlas(rows: Sequence[AtlasRow], folder: Path, *, licence: str | None = None) -> Report:
    """Write README.md and data/*.parquet for `rows` into `folder`, and say what was written.

    The folder is made; one that was exported to before, or that holds hidden files only (a fresh clone), is written to.
    `licence` is an identifier as the Hub writes it (apache-2.0, cc-by-4.0); without one the card states none. Raises
    ReportError for an empty atlas, another folder's content, or what is no identifier.
    """
    if not rows:
        raise ReportError("The atlas is empty, so there is nothing to export: `atlas add` adds a profile.")
    identifier = _licence(licence)
    _require_ours(folder)
    tables = {"measurements": row_table(rows, nested=False)}
    tables.update({name: nested_table(rows, column) for column, name in _CONFIGS.items()})
    try:
        (folder / "data").mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ReportError(f"{folder} cannot be made ({error.strerror or error}): name another folder.") from error
    paths = [write_whole(folder / "data" / f"{name}.parquet", parquet_bytes(table)) for name, table in tables.items()]
    # The card comes last: it never describes files that are not there.
    paths.append(write_whole(folder / "README.md", dataset_card(rows, tables, identifier)))
    sizes = [(str(path.relative_to(folder)), path.stat().st_size) for path in paths]
    private = any(row.repo_id is None for row in rows) or any(row.corpus == "files" for row in rows)
    return Report(
        title=f"Export of the atlas to {folder}",
        verdict=f"Wrote {_extent(rows)} to {folder}, ready to be a dataset on the Hub.",
        tables=(table("Files", "file | bytes :,d", sizes),),
        caveats=(
            *(
                ("The card states no licence: choose one with `license` (for example cc-by-4.0).",)
                if identifier is None
                else ()
            ),
            *(
                ("Names of local models and of your own text files are in it; look before you publish.",)
                if private
                else ()
            ),
        ),
        next_steps=(f"Publish: hf upload ORG/NAME {folder} --repo-type dataset.",),
        data={
            "schema": SCHEMA,
            "folder": str(folder),
            "licence": identifier,
            "files": dict(sizes),
            "rows": {name: table.num_rows for name, table in tables.items()},
        },
    )


def dataset_card(rows: Sequence[AtlasRow], tables: dict[str, Any], licence: str | None) -> str:
    """The README.md of the dataset: front matter that `datasets` and the Hub read, and what a person wants to know."""
    from huggingface_hub import DatasetCardData

    data = DatasetCardData(
        license=licence,
        pretty_name="How far language models attend",
        size_categories=[_size(max(table.num_rows for table in tables.values()))],
        tags=[TAG, "attention", "long-context", "rope", "interpretability"],
        configs=[
            {
                "config_name": name,
                "data_files": [{"split": "train", "path": f"data/{name}.parquet"}],
                **({"default": True} if name == "measurements" else {}),
            }
            for name in tables
        ],
    )
    body = _BODY.format(
        count=_extent(rows),
        version=ropescope.__version__,
        licence="" if licence else "\n**No licence is stated.** Whoever exported this dataset has not chosen one.\n",
        files="\n".join(f"- `{name}` ({table.num_rows:,} rows): {_ABOUT[name]}" for name, table in tables.items()),
        measurements=_columns(AtlasRow),
        layers=_columns(NESTED["layers"]),
        curves=_columns(NESTED["curve"]),
        ranking=to_markdown(dataclasses.replace(ranking_report(rows, Path("of this dataset")), next_steps=()), level=3),
    )
    return f"---\n{data.to_yaml()}\n---\n\n{body}"


_ABOUT = {
    "measurements": "one row for each reading of a profile",
    "layers": "one row for each attention layer of each reading",
    "curves": "one row for each point of the mean decay curve of each reading",
}

_BODY = """# How far language models attend

{count}: how the attention of causal language models falls with distance, measured on their weights with
ropescope {version}. Attention weight falls as distance to the power −γ; a smaller γ is a slower decay.
{licence}
## Files

{files}

```python
from datasets import load_dataset

rows = load_dataset("ORG/NAME", "measurements", split="train")
```

## How it was measured

- `protocol = fixed`: query rows from the last quarter of one context length, so that every row has every distance; the first
  `sink_tokens` keys are left out. Uniform attention reads γ = 0 (`gamma_null`), exactly.
- `protocol = legacy`: the published protocol, where every distance has a sequence of its own length, so that uniform
  attention already reads `gamma_null`. Compare with that, not with 0.
- Intervals are of 95 % over prompts. `control_gamma` is the same network with random weights.
- **Compare rows of the same `protocol`, `length` and corpus (`corpus_sha256`) only**; for random tokens `corpus = random`.

## Ranking

{ranking}
## Columns

`measurements`:

{measurements}

`layers` (with `profile_sha256`, `model` and `protocol` of their row):

{layers}

`curves` (with the same three):

{curves}
"""


def _extent(rows: Sequence[AtlasRow]) -> str:
    return f"{count(len(rows), 'reading')} of {count(len({row.profile_sha256 for row in rows}), 'profile')}"


def _columns(of: Described) -> str:
    lines = [
        f"| `{item.name}` | {escape(item.metadata['about'])} |"
        for item in dataclasses.fields(of)
        if item.name not in NESTED
    ]
    return "\n".join(["| column | meaning |", "| --- | --- |", *lines])


def _size(n: int) -> str:
    bounds = [(1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M")]
    return next((name for bound, name in bounds if n < bound), "1M<n<10M")


def _licence(text: str | None) -> str | None:
    if text is None:
        return None
    identifier = text.strip().lower()
    if not _LICENCE.fullmatch(identifier):
        raise ReportError(
            f"{text!r} is no licence identifier: give one as the Hub writes it, such as apache-2.0 or cc-by-4.0."
        )
    return identifier


def _require_ours(folder: Path) -> None:
    """Refuse to write into a folder with content of another origin."""
    if not folder.exists():
        return
    if not folder.is_dir():
        raise ReportError(f"{folder} is a file: name a folder to export to.")
    there = {entry.name for entry in folder.iterdir() if not entry.name.startswith(".")}
    if there and (there - {"README.md", "data"} or not _is_our_card(folder / "README.md")):
        raise ReportError(
            f"{folder} holds other files ({', '.join(sorted(there)[:3])}), which an export might overwrite: name a new folder."
        )


def _is_our_card(path: Path) -> bool:
    from huggingface_hub import DatasetCard

    try:
        card = DatasetCard(path.read_text(encoding="utf-8"), ignore_metadata_errors=True)
        return TAG in (card.data.get("tags") or [])
    except (OSError, ValueError, TypeError):
        return False
