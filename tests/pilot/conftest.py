"""A trial so small that it trains in a second."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_trial import SMALL

from ropescope.measure.prompts import embedded_text
from ropescope.pilot import text
from ropescope.pilot.sizes import SIZES


@pytest.fixture(autouse=True)
def _small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROPESCOPE_HOME", str(tmp_path / "home"))
    monkeypatch.setitem(SIZES, "toy", SMALL)


@pytest.fixture(scope="session")
def prose(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("pilot") / "prose.txt"
    path.write_text(embedded_text()[0][:60_000], encoding="utf-8")
    return path


@pytest.fixture
def reading(prose: Path) -> text.Reading:
    return text.read(SMALL, [prose])
