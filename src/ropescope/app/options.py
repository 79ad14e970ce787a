"""Arguments and options that several commands share, so that they read alike everywhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

import typer

from ropescope.errors import DomainError


def writable(path: Path | None) -> Path | None:
    """`path`, if a file can be written there. Raises ReportError while the command line is read: before any work."""
    if path is not None:
        from ropescope.report.files import require_writable

        require_writable([path])
    return path


def drawable(paths: list[Path] | None) -> list[Path] | None:
    """`paths`, if figures can be drawn and written there. Raises ReportError or MissingExtraError before any work."""
    if paths:
        from ropescope.report.figure import require_drawable
        from ropescope.report.files import require_writable

        require_drawable(paths)
        require_writable(paths)
    return paths


NUMBER_TYPES = ("auto", "bfloat16", "float16", "float32")
DEVICES = ("cpu", "cuda", "mps", "xpu", "hpu", "npu", "mtia", "xla")
"""Kinds of device that torch can run on, by its names."""


def number_type(name: str) -> str:
    """`name`, if it is a number type. Raises DomainError while the command line is read."""
    if name not in NUMBER_TYPES:
        raise DomainError(f"--dtype must be one of {', '.join(NUMBER_TYPES)}, not {name!r}.")
    return name


def device_name(name: str | None) -> str | None:
    """`name`, if it is spelled as a device is. Raises DomainError while the command line is read."""
    if name is None:
        return None
    kind, colon, number = name.partition(":")
    if kind not in DEVICES or (colon and not number.isdecimal()):
        raise DomainError(
            f"--device {name!r} is no device: write cpu, cuda, cuda:1 or another kind ({', '.join(DEVICES)})."
        )
    return name


def text_files(paths: list[Path] | None) -> list[Path] | None:
    """`paths`, if they are there and of a kind that is read. Raises SourceError while the command line is read."""
    if paths:
        from ropescope.models.text_files import require_texts

        require_texts(paths)
    return paths


def require_used(given: Mapping[str, bool], needs: str) -> None:
    """Raise DomainError for the first option that is given and that nothing reads: `needs` says what would."""
    for option, is_given in given.items():
        if is_given:
            raise DomainError(f"{option} is given and not read: it goes with {needs}. Leave it out, or give that too.")


def require_column_read(column: str, texts: Sequence[Path] | None, *, other: bool = False) -> None:
    """Raise DomainError for a --column that no --text file (or `other` text) has."""
    require_used({"--column": column != "text" and not texts and not other}, "a --text file whose rows have fields")


Source = Annotated[
    str, typer.Argument(help="A model folder, a .gguf file, a Hub id (org/name or org/name@revision), or smollm2.")
]
Revision = Annotated[str | None, typer.Option(help="Branch, tag or commit of a Hub model.")]
Dtype = Annotated[
    str,
    typer.Option(
        callback=number_type,
        help="Number type of the weights: auto (what suits the machine), bfloat16, float16 or float32. "
        "Losses and attention rows are always float32.",
    ),
]
Device = Annotated[
    str | None, typer.Option(callback=device_name, help="cpu, cuda, cuda:1, …; default: the GPU if there is one.")
]
TrustRemoteCode = Annotated[
    bool, typer.Option("--trust-remote-code", help="Run code from the model's repository. Only if you trust it.")
]
Column = Annotated[str, typer.Option(help="The text column of .jsonl, .json, .csv, .tsv and .parquet.")]
Resume = Annotated[bool, typer.Option("--resume", help="Continue an interrupted run of the same settings.")]
Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON, and nothing else.")]
Html = Annotated[
    Path | None,
    typer.Option("--html", metavar="FILE", callback=writable, help="Write a self-contained page."),
]
Figures = Annotated[
    list[Path] | None,
    typer.Option(
        "--figure",
        metavar="FILE",
        callback=drawable,
        help="Write the figures: .svg, .png or .html (several: F-NAME.svg).",
    ),
]


def read_share(option: str, given: str) -> float:
    """The share that a user wrote, as 15% or 0.15. Raises DomainError for what is none, or not above 0 and at most 1."""
    text = given.strip()
    try:
        share = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
    except ValueError:
        share = float("nan")
    if not 0 < share <= 1:
        raise DomainError(f"{option} {text!r} is no share: write 15% or 0.15, more than 0 and at most 100%.")
    return share
