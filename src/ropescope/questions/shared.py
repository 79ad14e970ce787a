"""Inputs that several questions share, so that they read alike everywhere: a model, what loads it, text of one's own."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ropescope.questions.domains import Choice, Flag
from ropescope.questions.inputs import asked
from ropescope.questions.kinds import Cluster, File, ListOf, Source, Text, TorchDevice

NUMBER_TYPES: Final = ("auto", "bfloat16", "float16", "float32")

SOURCE_HELP: Final = "A model folder, a .gguf file, a Hub id (org/name or org/name@revision), or smollm2."

DATA_HELP: Final = "Raw measurement files (a clone of the published repository) to recompute from."


@dataclass(frozen=True, kw_only=True)
class OneModel:
    """A model by its source."""

    source: str = asked(Source(), SOURCE_HELP, placed=True, group="model")
    revision: str | None = asked(Text(), "Branch, tag or commit of a Hub model.", default=None, group="model")


@dataclass(frozen=True, kw_only=True)
class Loading:
    """How weights are loaded."""

    dtype: str = asked(
        Choice(NUMBER_TYPES),
        "Number type of the weights; auto: what suits the machine. Losses and attention rows are always float32.",
        default="auto",
        group="machine",
    )
    device: str | None = asked(
        TorchDevice(), "cpu, cuda, cuda:1, …; default: the GPU if there is one.", default=None, group="machine"
    )
    trust_remote_code: bool = asked(
        Flag(), "Run code from the model's repository. Only if you trust it.", default=False, group="machine"
    )


@dataclass(frozen=True, kw_only=True)
class OwnText:
    """Text of the user's own."""

    text: tuple[Path, ...] = asked(
        ListOf(File(), repeats=True),
        "Your own text: .txt, .md, .json, .jsonl, .csv, .tsv or .parquet, also with .gz; may repeat.",
        default=(),
        group="text",
    )
    column: str = asked(
        Text(),
        "The text column of .jsonl, .json, .csv, .tsv and .parquet.",
        default="text",
        group="text",
        only_with=("text", "dataset"),
    )


@dataclass(frozen=True, kw_only=True)
class Resumable:
    """Long work that can be continued."""

    resume: bool = asked(Flag(), "Continue an interrupted run of the same settings.", default=False, group="run")


@dataclass(frozen=True, kw_only=True)
class OnCluster:
    """Long work that several workers can share."""

    on: str | None = asked(
        Cluster(),
        "Share the work on Ray: ray (the cluster of RAY_ADDRESS, else the cores and GPUs of this machine) or "
        "ray://host:10001; default: one process.",
        default=None,
        group="run",
    )
