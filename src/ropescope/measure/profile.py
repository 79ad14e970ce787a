"""DecayProfile: what a measurement saw, before any fit. Saved as one Parquet file that opens anywhere as a long table."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ropescope.errors import FormatError, MeasurementError, MissingExtraError
from ropescope.local_files import require_file
from ropescope.measure.profile_table import ProfileLayer, long_table, numbers, places
from ropescope.measure.protocol import FixedLength, legacy_distances
from ropescope.report.described import Described
from ropescope.report.files import draft_of
from ropescope.report.report import Column, Fact, Report, Table
from ropescope.report.schemas import newer

if TYPE_CHECKING:
    from ropescope.measure.tally import LayerTally

SCHEMA = "ropescope.profile/1"

_PER_HEAD = ("sink_mass", "sink_logit_mass", "entropy_nats")
_READ = ("prompt", "call", "head", "bin", "cells", "weight", "mass", *_PER_HEAD)
"""The columns that `load` needs; the others are for those who read the table by other means."""

Floats = NDArray[np.float32]
Integers = NDArray[np.int64]


@dataclass(frozen=True, eq=False, repr=False)
class DecayProfile(Described):
    """Attention by distance for every prompt, layer and head. Heads that a layer lacks are NaN.

    mass: [prompts, layers, heads, bins] mean attention of a query row in each distance bin, sink keys left out.
    cells: [prompts, layers, bins] (row, key) pairs that the mask allows in each bin.
    sink_mass: [prompts, layers, heads] share of the first `protocol.sinks` keys. sink_logit_mass: the same for learned sink
    logits. entropy_nats: mean entropy of the rows.
    legacy: [prompts, layers, heads, distances] the cells of the published protocol.
    provenance: model, weights, corpus, seed, dtype, versions, machine, seconds; plain JSON data.
    partial: some of the prompts asked for are missing.
    """

    protocol: FixedLength
    layers: tuple[ProfileLayer, ...]
    mass: Floats
    cells: Integers
    sink_mass: Floats
    sink_logit_mass: Floats
    entropy_nats: Floats
    legacy: Floats
    legacy_distances: tuple[int, ...]
    provenance: Mapping[str, Any] = field(default_factory=dict)
    partial: bool = False
    schema: str = SCHEMA

    @property
    def n_prompts(self) -> int:
        """How many prompts were measured."""
        return int(self.mass.shape[0])

    def described(self) -> Report:
        """What was measured, and the share of the attention by distance; `show-profile` has exponents with intervals."""
        seen, length = self.provenance, self.protocol.length
        model = seen.get("model", "a model")
        edges, shares = self.protocol.edges, np.nanmean(self.mass, axis=(0, 1, 2))
        powers = [0, *(1 << power for power in range(length.bit_length()) if 1 << power < length)]
        rows, so_far = [], 0.0
        for low, high in zip(powers, [*powers[1:], length], strict=True):
            share = float(shares[(edges[:-1] >= low) & (edges[:-1] < high)].sum())
            so_far += share
            rows.append((low, high - 1, share, so_far))
        facts = (
            Fact("prompts", self.n_prompts, source=f"of {length:,} tokens; {self.protocol.rows} queries each"),
            Fact("layers", len(self.layers), basis="config", source=f"of up to {self.mass.shape[2]} heads"),
            Fact(
                "on the first tokens",
                float(np.nanmean(self.sink_mass)),
                source=f"share of the first {self.protocol.sinks}",
            ),
            Fact("text", seen.get("corpus_about") or seen.get("corpus"), basis="config"),
            Fact("number type", seen.get("dtype"), basis="config", source=seen.get("machine", "")),
        )
        columns = (
            Column("from", "tokens"),
            Column("to", "tokens"),
            Column("share", format=".4f"),
            Column("sum", format=".4f"),
        )
        return Report(
            title=f"attention by distance of {model}" + (", with random weights" if seen.get("random_init") else ""),
            verdict=f"{model}: attention by distance on {self.n_prompts} prompt{'s' * (self.n_prompts > 1)} of {length:,} "
            f"tokens in {len(self.layers)} layers.",
            facts=tuple(fact for fact in facts if fact.value is not None),
            tables=(Table("Share of the attention by distance, mean of all heads", columns, tuple(rows)),),
            caveats=("The measurement was interrupted: some prompts are missing.",) if self.partial else (),
        )

    def __eq__(self, other: object) -> bool:
        """Equal in every number, NaN equal to NaN."""
        if not isinstance(other, DecayProfile):
            return NotImplemented
        for item in fields(self):
            ours, theirs = getattr(self, item.name), getattr(other, item.name)
            if isinstance(ours, np.ndarray):
                if ours.dtype != theirs.dtype or not np.array_equal(ours, theirs, equal_nan=ours.dtype.kind == "f"):
                    return False
            elif ours != theirs:
                return False
        return True

    def __hash__(self) -> int:
        return hash((self.schema, self.layers, self.mass.shape, self.mass.tobytes()))

    @classmethod
    def from_tallies(
        cls,
        protocol: FixedLength,
        layers: Sequence[ProfileLayer],
        tallies: Sequence[Sequence[LayerTally]],
        n_tokens: int,
        provenance: Mapping[str, Any],
        *,
        partial: bool = False,
    ) -> DecayProfile:
        """Put the tallies of all prompts (prompt by layer) into arrays. Raises MeasurementError if there is none."""
        if not tallies:
            raise MeasurementError("No prompt was finished, so there is nothing to show.")

        def stack(name: str) -> Floats:
            parts = [[getattr(tally, name) for tally in prompt] for prompt in tallies]
            heads = max(part.shape[0] for part in parts[0])
            full = np.full((len(parts), len(parts[0]), heads, *parts[0][0].shape[1:]), np.nan, dtype=np.float32)
            for i, prompt in enumerate(parts):
                for j, part in enumerate(prompt):
                    full[i, j, : part.shape[0]] = part
            return full

        return cls(
            protocol=protocol,
            layers=tuple(layers),
            mass=stack("mass"),
            cells=np.array([[tally.cells for tally in prompt] for prompt in tallies], dtype=np.int64),
            sink_mass=stack("sink_mass"),
            sink_logit_mass=stack("sink_logit_mass"),
            entropy_nats=stack("entropy_nats"),
            legacy=stack("legacy"),
            legacy_distances=legacy_distances(n_tokens),
            provenance=dict(provenance),
            partial=partial,
        )

    def save(self, path: Path) -> None:
        """Write one Parquet file: a row for every prompt, layer, head and distance bin (or published distance).

        The file appears whole or not at all. Raises MeasurementError when it cannot be written.
        """
        pyarrow, parquet = _pyarrow()
        header = {
            "schema": self.schema,
            "protocol": asdict(self.protocol),
            "layers": [asdict(layer) for layer in self.layers],
            "legacy_distances": list(self.legacy_distances),
            "n_prompts": self.n_prompts,
            "provenance": self.provenance,
            "partial": self.partial,
        }
        table = pyarrow.concat_tables([self._fixed_table(pyarrow), self._legacy_table(pyarrow)])
        table = table.replace_schema_metadata({b"ropescope": json.dumps(header).encode()})
        path = Path(path)
        try:
            with draft_of(path) as draft:
                parquet.write_table(table, draft, compression="zstd", use_dictionary=["protocol", "kind"])
        except OSError as error:
            raise MeasurementError(
                f"The profile cannot be written to {path} ({error.strerror or error}): choose another place with `out`."
            ) from error

    @classmethod
    def load(cls, path: Path) -> DecayProfile:
        """Read what `save` wrote. Raises FormatError for any other file."""
        pyarrow, parquet = _pyarrow()
        path = Path(path)
        require_file(path)
        try:
            # Not `read_table`: it brings in pyarrow.dataset, and with that pandas, for half a second.
            with parquet.ParquetFile(path, read_dictionary=["protocol"]) as file:
                table = file.read(columns=[*_READ, "protocol"])
            header = json.loads(table.schema.metadata[b"ropescope"])
        except FileNotFoundError as error:
            raise FormatError(f"{path} does not exist: `measure` keeps a profile there with `out`.") from error
        except (OSError, pyarrow.ArrowInvalid, KeyError, TypeError, ValueError) as error:
            raise FormatError(f"{path} is no measured profile: `measure` keeps one with `out`.") from error
        found = header.get("schema")
        if found != SCHEMA:
            raise FormatError(f"{path} has the schema {found!r}; this version reads {SCHEMA!r}.{newer(found, SCHEMA)}")
        try:
            return cls._from_table(table, header)
        except (KeyError, ValueError, IndexError, TypeError) as error:
            raise FormatError(f"{path} is damaged: its table does not match its header ({error}).") from error

    @classmethod
    def _from_table(cls, table: Any, header: Mapping[str, Any]) -> DecayProfile:
        protocol = FixedLength(**header["protocol"])
        layers = tuple(ProfileLayer(**layer) for layer in header["layers"])
        distances = tuple(header["legacy_distances"])
        heads, bins = max(layer.n_heads for layer in layers), len(protocol.edges) - 1
        shape = (int(header["n_prompts"]), len(layers), heads)
        table = table.combine_chunks()
        columns = {name: numbers(table[name].chunk(0)) for name in _READ}
        protocols = table["protocol"].chunk(0)
        fixed = numbers(protocols.indices) == protocols.dictionary.to_pylist().index("fixed")
        rows_of_a_bin = shape[0] * sum(layer.n_heads for layer in layers)
        if (int(fixed.sum()), int((~fixed).sum())) != (rows_of_a_bin * bins, rows_of_a_bin * len(distances)):
            raise ValueError(f"it has not one row for each head, distance and one of {shape[0]:,} prompts")
        provenance = header["provenance"]
        if not isinstance(provenance, Mapping) or not set(provenance.get("identity", ())) <= provenance.keys():
            raise ValueError("what it was measured with is incomplete")

        def grid(name: str, rows: NDArray[np.bool_], depth: int) -> Floats:
            full = np.full((*shape, depth), np.nan, dtype=np.float32)
            full[places(columns, rows, depth)] = columns[name][rows]
            return full

        cells = np.zeros((*shape[:2], bins), dtype=np.int64)
        prompt, layer, _, slot = places(columns, fixed, bins)
        cells[prompt, layer, slot] = columns["cells"][fixed]
        return cls(
            protocol=protocol,
            layers=layers,
            mass=grid("mass", fixed, bins),
            cells=cells,
            sink_mass=grid("sink_mass", fixed, bins)[..., 0],
            sink_logit_mass=grid("sink_logit_mass", fixed, bins)[..., 0],
            entropy_nats=grid("entropy_nats", fixed, bins)[..., 0],
            legacy=grid("weight", ~fixed, len(distances)),
            legacy_distances=distances,
            provenance=provenance,
            partial=header["partial"],
        )

    def _fixed_table(self, pyarrow: Any) -> Any:
        edges = self.protocol.edges
        with np.errstate(divide="ignore", invalid="ignore"):
            weight = self.mass * np.float32(self.protocol.rows) / self.cells[:, :, None, :]
        shape = self.mass.shape
        return long_table(
            pyarrow,
            self.layers,
            "fixed",
            shape,
            low=edges[:-1],
            high=edges[1:] - 1,
            cells=np.broadcast_to(self.cells[:, :, None, :], shape),
            weight=np.where(self.cells[:, :, None, :] > 0, weight, np.nan),
            mass=self.mass,
            per_head={name: getattr(self, name)[..., None] for name in _PER_HEAD},
        )

    def _legacy_table(self, pyarrow: Any) -> Any:
        shape, distances = self.legacy.shape, np.array(self.legacy_distances, dtype=np.int64)
        nothing = np.full((*shape[:3], 1), np.nan, dtype=np.float32)
        return long_table(
            pyarrow,
            self.layers,
            "legacy",
            shape,
            low=distances,
            high=distances,
            cells=np.ones(shape, dtype=np.int64),
            weight=self.legacy,
            mass=np.full(shape, np.nan, dtype=np.float32),
            per_head=dict.fromkeys(_PER_HEAD, nothing),
        )


def _pyarrow() -> tuple[Any, Any]:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise MissingExtraError("Profiles are Parquet files: pip install 'ropescope[measure]'.") from error
    return pyarrow, pyarrow.parquet
