"""The atlas as the files of a dataset: one Parquet file a config, each with a schema that never changes, and a card."""

from __future__ import annotations

import dataclasses
import hashlib
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import ropescope
from ropescope.errors import ReportError
from ropescope.evidence.atlas.report import count, ranking_report
from ropescope.evidence.atlas.row import AtlasRow
from ropescope.evidence.atlas.table import (
    KEYS,
    NESTED,
    Described,
    kind_of,
    nested_table,
    parquet_bytes,
    row_table,
)
from ropescope.models.licence import FRONT_MATTER
from ropescope.questions.names import few
from ropescope.report.markdown import escape, to_markdown

TAG: Final = "ropescope-atlas"
"""The tag by which a dataset that was made here is known again."""

SCHEMA: Final = "ropescope.atlas-dataset/1"

CARD: Final = "README.md"
CONFIGS: Final[Mapping[str, str]] = {"layers": "layers", "heads": "heads", "curves": "curve"}
"""Configs beside `measurements`, and the field of a row that each is made of."""

LICENCES: Final = "cc-by-4.0, cc0-1.0, odc-by, mit or apache-2.0"
_LICENCE: Final = re.compile(r"[a-z0-9][a-z0-9.+-]{1,39}")

_ABOUT: Final = {
    "measurements": "one row for each reading of a profile",
    "layers": "one row for each attention layer of each reading",
    "heads": "one row for each query head of each reading at fixed length",
    "curves": "one row for each point of the mean decay curve of each reading",
}


@dataclasses.dataclass(frozen=True, slots=True)
class Dataset:
    """The files of a dataset by their paths in it, the card last, and the rows of each file of data."""

    files: Mapping[str, bytes]
    n_rows: Mapping[str, int]


def dataset_of(rows: Sequence[AtlasRow], licence: str | None, repo_id: str = "ORG/NAME") -> Dataset:
    """The dataset of `rows`, whose card tells how to load `repo_id`. The same rows give the same bytes in any order.

    Raises ReportError for an empty atlas.
    """
    if not rows:
        raise ReportError("The atlas is empty, so there is nothing to export: `atlas add` adds a profile.")
    rows = sorted(rows, key=lambda row: (row.model, row.protocol, row.length, row.profile_sha256))
    tables = {"measurements": row_table(rows, nested=False)}
    tables.update({name: nested_table(rows, of) for name, of in CONFIGS.items()})
    stamp = {b"ropescope": SCHEMA.encode()}
    files = {data_path(name): parquet_bytes(table.replace_schema_metadata(stamp)) for name, table in tables.items()}
    sha256 = {path: hashlib.sha256(data).hexdigest() for path, data in files.items()}
    card = _card(rows, tables, licence, sha256).replace("ORG/NAME", repo_id)
    # The card comes last: it never describes files that are not there.
    return Dataset({**files, CARD: card.encode()}, {name: table.num_rows for name, table in tables.items()})


def data_path(config: str) -> str:
    """Where the file of a config lies in the dataset."""
    return f"data/{config}.parquet"


def licence_id(text: str | None) -> str | None:
    """`text` as a licence identifier of the Hub. Raises ReportError if it is not one."""
    if text is None:
        return None
    identifier = text.strip().lower()
    if not _LICENCE.fullmatch(identifier):
        raise ReportError(
            f"{text!r} is no licence identifier: give one as the Hub writes it, such as apache-2.0 or cc-by-4.0."
        )
    return identifier


def card_data(text: str) -> Mapping[str, Any]:
    """The front matter of a card; empty where it has none, or none that is YAML."""
    import yaml  # type: ignore[import-untyped]  # comes with huggingface-hub

    front = FRONT_MATTER.match(text.lstrip())
    try:
        found = yaml.safe_load(front[1]) if front is not None else None
    except (yaml.YAMLError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, Mapping) else {}


def is_ours(data: Mapping[str, Any]) -> bool:
    """Whether a card's front matter has our tag."""
    tags = data.get("tags")
    return isinstance(tags, list) and TAG in tags


def local_names(rows: Sequence[AtlasRow]) -> tuple[str, ...]:
    """Names in `rows` that nobody outside may know: of models that are no Hub id, and of the user's own text files."""
    models = {row.model for row in rows if row.repo_id is None and row.basis == "measured"}
    texts = {row.corpus_about for row in rows if row.corpus.endswith("files") and row.corpus_about}
    return tuple(sorted(models) + sorted(texts))


def others_in(rows: Sequence[AtlasRow]) -> str:
    """A sentence where some of `rows` come from elsewhere, whose licence is not the user's to choose; "" where none does."""
    origins = sorted({row.origin.partition("@")[0] for row in rows if row.origin is not None})
    if not origins:
        return ""
    return f"Readings from elsewhere are in it ({few(origins, 5)}): see that their licence allows yours."


def extent(rows: Sequence[AtlasRow]) -> str:
    """ "3 readings of 2 profiles"."""
    return f"{count(len(rows), 'reading')} of {count(len({row.profile_sha256 for row in rows}), 'profile')}"


def _card(rows: Sequence[AtlasRow], tables: Mapping[str, Any], licence: str | None, sha256: Mapping[str, str]) -> str:
    """The README.md: front matter that `datasets` and the Hub read, and what a person wants to know."""
    from huggingface_hub import DatasetCardData

    # `datasets` reads no split without rows, so an empty file is not offered as a config; DuckDB and Arrow read it.
    offered = {name: table for name, table in tables.items() if table.num_rows}
    data = DatasetCardData(
        license=licence,
        pretty_name="How far language models attend",
        size_categories=[_size(max(table.num_rows for table in tables.values()))],
        tags=[TAG, "attention", "long-context", "rope", "interpretability"],
        configs=[
            {
                "config_name": name,
                "data_files": [{"split": "train", "path": data_path(name)}],
                **({"default": True} if name == "measurements" else {}),
            }
            for name in offered
        ],
        # With the types stated, a column whose values are all null has one in the viewer, too.
        dataset_info=[{"config_name": name, "features": _features(table)} for name, table in offered.items()],
        ropescope={"schema": SCHEMA, "sha256": dict(sha256)},
    )
    body = _BODY.format(
        count=extent(rows),
        version=ropescope.__version__,
        licence="" if licence else "\n**No licence is stated.** Whoever exported this dataset has not chosen one.\n",
        files="\n".join(f"- `{name}` ({table.num_rows:,} rows): {_ABOUT[name]}" for name, table in tables.items()),
        measurements=_columns(AtlasRow),
        keys=", ".join(f"`{key}`" for key in KEYS),
        **{name: _columns(NESTED[of]) for name, of in CONFIGS.items()},
        ranking=to_markdown(dataclasses.replace(ranking_report(rows, Path("of this dataset")), next_steps=()), level=3),
    )
    return f"---\n{data.to_yaml()}\n---\n\n{body}"


_BODY: Final = """# How far language models attend

{count}: how the attention of causal language models falls with distance, measured on their weights with
ropescope {version}. Attention weight falls as distance to the power −γ; a smaller γ is a slower decay.
{licence}
## Files

{files}

```python
from datasets import load_dataset

rows = load_dataset("ORG/NAME", "measurements", split="train")
```

```sql
SELECT model, layer, head, gamma FROM 'hf://datasets/ORG/NAME/data/heads.parquet';
```

Every dataset of this schema (`{schema}`) has the same columns and types, so that several can be concatenated.
ropescope adds the rows to an atlas of your own: `atlas add`, with ORG/NAME.

## How it was measured

- `protocol = fixed`: query rows from the last quarter of one context length, so that every row has every distance; the first
  `sink_tokens` keys are left out. Uniform attention reads γ = 0 (`gamma_null`), exactly.
- `protocol = legacy`: the published protocol, where every distance has a sequence of its own length, so that uniform
  attention already reads `gamma_null`. Compare with that, not with 0.
- Intervals are of 95 % over prompts. `control_gamma` is the same network with random weights.
- `basis = published`: the figure is from another tool's files (`origin`), read as they are.
- **Compare rows of the same `protocol`, `length` and corpus (`corpus_sha256`) only**; for random tokens `corpus = random`.

## Ranking

{ranking}
## Columns

`measurements`:

{measurements}

`layers` (with {keys} of their row):

{layers}

`heads` (with the same three):

{heads}

`curves` (with the same three):

{curves}
""".replace("{schema}", SCHEMA)


def _features(table: Any) -> list[dict[str, str]]:
    return [
        {"name": item.name, "dtype": "float64" if str(item.type) == "double" else str(item.type)}
        for item in table.schema
    ]


def _columns(of: Described) -> str:
    lines = [
        f"| `{item.name}` | {kind_of(item)} | {item.metadata['unit']} | {escape(item.metadata['about'])} |"
        for item in dataclasses.fields(of)
        if item.name not in NESTED
    ]
    return "\n".join(["| column | type | unit | meaning |", "| --- | --- | --- | --- |", *lines])


def _size(n: int) -> str:
    bounds = [(1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M")]
    return next((name for bound, name in bounds if n < bound), "1M<n<10M")
