"""Workers that come one after the other in this process, each with its share of the work."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import ropescope
from ropescope.questions.inputs import to_values
from ropescope.runs.worker import MARKER, Order, Reply, carry_out, dotted


def prepared(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home with the notes of a run."""
    home = folder / "home"
    (home / "runs" / "notes").mkdir(parents=True)
    (home / "runs" / "notes" / MARKER).touch()
    monkeypatch.setenv("ROPESCOPE_HOME", str(home))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.chdir(folder)
    return home


def shares(home: Path, function: Any, inputs: Any, of: int, round_number: int = 0) -> list[Reply]:
    """The replies of a round of `of` workers."""
    order = Order(
        function=dotted(function), inputs=dotted(type(inputs)), values=to_values(inputs), name="sums", home=str(home),
        notes=str(home / "runs" / "notes"), task="", index=0, of=of, folder=str(home), threads=1, version=ropescope.__version__,
    )  # fmt: skip
    return [carry_out(replace(order, task=f"0-{round_number}-{index}", index=index)) for index in range(of)]


def answered(home: Path, function: Any, inputs: Any, of: int) -> tuple[Reply, int]:
    """(the reply that has a value, in how many rounds)"""
    for round_number in range(20):
        for reply in shares(home, function, inputs, of, round_number):
            if reply.kind == "error":
                raise reply.value
            if reply.kind == "value":
                return reply, round_number + 1
    raise AssertionError("no worker had all pieces")
