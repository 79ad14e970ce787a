"""Arguments and options that several commands share, so that they read alike everywhere."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Source = Annotated[
    str, typer.Argument(help="A model folder, a .gguf file, a Hub id (org/name or org/name@revision), or smollm2.")
]
Revision = Annotated[str | None, typer.Option(help="Branch, tag or commit of a Hub model.")]
Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON, and nothing else.")]
Html = Annotated[Path | None, typer.Option("--html", metavar="FILE", help="Write a self-contained page.")]
Figures = Annotated[
    list[Path] | None,
    typer.Option("--figure", metavar="FILE", help="Write the figures: .svg, .png or .html (several: F-NAME.svg)."),
]
