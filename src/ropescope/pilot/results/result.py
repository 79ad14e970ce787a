"""What came of the trial, and how it is kept: one Parquet file, one row for each run and checkpoint."""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Final

from ropescope.errors import FormatError, MissingExtraError
from ropescope.local_files import require_file
from ropescope.pilot.arms import Arm
from ropescope.report.files import draft_of
from ropescope.report.schemas import newer

SCHEMA: Final = "ropescope.pilot/1"
_KEY: Final = b"ropescope"


@dataclass(frozen=True, slots=True)
class Reading:
    """A decoder after `tokens` tokens. gamma: fixed length. legacy_gamma, legacy_r2: the published protocol on the same
    passes. layers: γ of each layer. loss: nats a token of held-out text; by_position: in each of `bands`. sink_mass: share of
    the first four tokens. entropy: of a row, in nats."""

    tokens: int
    gamma: float
    legacy_gamma: float | None
    legacy_r2: float | None
    layers: tuple[float, ...]
    loss: float
    by_position: tuple[float, ...]
    sink_mass: float
    entropy: float

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Reading:
        """What `to_dict` made."""
        given = {one.name: data[one.name] for one in fields(cls)}
        return cls(**{**given, "layers": tuple(given["layers"]), "by_position": tuple(given["by_position"])})

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()}


@dataclass(frozen=True, slots=True)
class RunResult:
    """One run. losses: (tokens, nats) of stretches of the training. profile: the Parquet bytes of its last profile, if kept."""

    arm: Arm
    seed: int
    readings: tuple[Reading, ...]
    losses: tuple[tuple[int, float], ...]
    profile: bytes = field(default=b"", repr=False, compare=False)

    @property
    def last(self) -> Reading:
        """After the last token."""
        return self.readings[-1]

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> RunResult:
        """What the job keeps of a run."""
        return cls(
            arm=Arm(data["kind"], data["theta"]),
            seed=data["seed"],
            readings=tuple(Reading.from_dict(each) for each in data["readings"]),
            losses=tuple((int(tokens), float(loss)) for tokens, loss in data["losses"]),
            profile=b64decode(data.get("profile", "")),
        )


@dataclass(frozen=True, slots=True)
class PilotResult:
    """The finished runs of a trial. tokens: seen in each run. bands: positions whose losses are told together."""

    size: str
    length: int
    parameters: int
    tokens: int
    prompts: int
    arms: tuple[Arm, ...]
    seeds: int
    bands: tuple[tuple[int, int], ...]
    runs: tuple[RunResult, ...]
    provenance: Mapping[str, Any] = field(default_factory=dict)

    @property
    def partial(self) -> bool:
        """Whether runs that were asked for are missing."""
        return len(self.runs) < len(self.arms) * self.seeds

    @property
    def rope(self) -> tuple[Arm, ...]:
        """The arms with a RoPE base, rising."""
        return tuple(arm for arm in self.arms if arm.theta is not None)

    @property
    def finished_arms(self) -> tuple[Arm, ...]:
        """The arms with a finished run."""
        return tuple(arm for arm in self.arms if self.of(arm))

    def of(self, arm: Arm) -> dict[int, RunResult]:
        """The runs of an arm, by seed."""
        return {run.seed: run for run in self.runs if run.arm == arm}

    def paired_seeds(self, *arms: Arm) -> list[int]:
        """The seeds with a finished run in each of `arms`."""
        return sorted(set.intersection(*(set(self.of(arm)) for arm in arms))) if arms else []

    def save(self, path: Path) -> Path:
        """Write it as Parquet: the numbers as columns, the rest in the metadata of the schema."""
        arrow, parquet = _pyarrow()
        about = {
            "schema": SCHEMA,
            **{name: getattr(self, name) for name in ("size", "length", "parameters", "tokens", "prompts", "seeds")},
            "bands": [list(band) for band in self.bands],
            "arms": [[arm.kind, arm.theta] for arm in self.arms],
            "provenance": dict(self.provenance),
        }
        table = arrow.Table.from_pylist(
            [
                {
                    "kind": run.arm.kind,
                    "theta": run.arm.theta,
                    "seed": run.seed,
                    **reading.to_dict(),
                    **_losses(run, reading),
                }
                for run in self.runs
                for reading in run.readings
            ],
            schema=_columns(arrow).with_metadata({_KEY: json.dumps(about).encode()}),
        )
        with draft_of(path) as draft:
            parquet.write_table(table, draft, compression="zstd")
        return path

    @classmethod
    def load(cls, path: Path) -> PilotResult:
        """What `save` wrote. Raises FormatError for another file."""
        arrow, parquet = _pyarrow()
        require_file(path)
        try:
            table = parquet.read_table(path, partitioning=None)
        except (OSError, arrow.ArrowException) as error:
            raise FormatError(
                f"{path} cannot be read as the runs of a trial ({error}): `pilot` keeps them with `out`."
            ) from error
        try:
            about = json.loads((table.schema.metadata or {}).get(_KEY, b"null"))
            if (found := about["schema"]) != SCHEMA:
                raise FormatError(
                    f"{path} has the schema {found!r}; this version reads {SCHEMA!r}.{newer(found, SCHEMA)}"
                )
            rows: dict[tuple[str, float | None, int], list[dict[str, Any]]] = {}
            for row in table.to_pylist():
                rows.setdefault((row["kind"], row["theta"], row["seed"]), []).append(row)
            runs = tuple(
                RunResult(
                    Arm(kind, theta),
                    seed,
                    tuple(Reading.from_dict(row) for row in each),
                    tuple(zip(each[-1]["train_tokens"], each[-1]["train_loss"], strict=True)),
                )
                for (kind, theta, seed), each in rows.items()
            )
            return cls(
                **{name: about[name] for name in ("size", "length", "parameters", "tokens", "prompts", "seeds")},
                bands=tuple((start, end) for start, end in about["bands"]),
                arms=tuple(Arm(kind, theta) for kind, theta in about["arms"]),
                runs=runs,
                provenance=about["provenance"],
            )
        except FormatError:
            raise
        except (KeyError, TypeError, ValueError) as error:
            raise FormatError(
                f"{path} does not hold the runs of a trial ({error}): `pilot` keeps them with `out`."
            ) from error


def _losses(run: RunResult, reading: Reading) -> dict[str, Any]:
    """The losses in training, in the last row of a run."""
    losses = run.losses if reading is run.last else ()
    return {"train_tokens": [tokens for tokens, _ in losses], "train_loss": [loss for _, loss in losses]}


def _columns(arrow: Any) -> Any:
    number, whole, numbers = arrow.float64(), arrow.int64(), arrow.list_(arrow.float64())
    return arrow.schema(
        [
            ("kind", arrow.string()),
            ("theta", number),
            ("seed", whole),
            ("tokens", whole),
            ("gamma", number),
            ("legacy_gamma", number),
            ("legacy_r2", number),
            ("layers", numbers),
            ("loss", number),
            ("by_position", numbers),
            ("sink_mass", number),
            ("entropy", number),
            ("train_tokens", arrow.list_(whole)),
            ("train_loss", numbers),
        ]
    )


def _pyarrow() -> tuple[Any, Any]:
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError as error:
        raise MissingExtraError(
            "Runs are kept as Parquet, which needs pyarrow: pip install 'ropescope[measure]'."
        ) from error
    return pyarrow, parquet
