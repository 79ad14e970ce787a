"""The version stands in one place and heads the changelog; files of a later version are refused with the mend."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from packaging.version import Version

from ropescope import __version__
from ropescope.checks.reading.kept_report import ShowReportInputs, answer
from ropescope.compress.evaluate.results.result import TradeoffResult
from ropescope.compress.plan.kv_plan import KVPlan
from ropescope.errors import FormatError
from ropescope.extend.evaluate.result import ExtensionResult
from ropescope.extend.plan.rope_plan import RopePlan
from ropescope.models.model import Model
from ropescope.models.source import Source
from ropescope.questions.question import Run
from ropescope.report.report import Report
from ropescope.report.schemas import newer

ROOT = Path(__file__).parents[1]
HEADS = re.findall(r"^## (\S+) \((.+)\)$", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.M)


def test_the_changelog_begins_with_this_version() -> None:
    """The top section is of this version: unreleased, or with the day of its release. Versions fall, and days with them."""
    version, day = HEADS[0]
    assert version == __version__ and re.fullmatch(r"unreleased|\d{4}-\d\d-\d\d", day)
    assert len(Version(version).release) == 3, "major, minor and patch"
    versions = [Version(version) for version, _ in HEADS]
    assert versions == sorted(versions, reverse=True) and len({*versions}) == len(versions)
    days = [day for _, day in HEADS[1:]]
    assert "unreleased" not in days and days == sorted(days, reverse=True)


def test_the_version_is_written_once() -> None:
    project = (ROOT / "pyproject.toml").read_text()
    assert 'dynamic = ["version"]' in project and 'path = "src/ropescope/__init__.py"' in project


@pytest.mark.parametrize(
    ("found", "known", "told"),
    [
        ("ropescope.plan/2", "ropescope.plan/1", True),
        ("ropescope.plan/10", "ropescope.plan/9", True),
        ("ropescope.plan/1", "ropescope.plan/2", False),
        ("ropescope.planet/2", "ropescope.plan/1", False),
        ("ropescope.plan/x", "ropescope.plan/1", False),
        (None, "ropescope.plan/1", False),
        (7, "ropescope.plan/1", False),
    ],
)
def test_only_a_later_number_of_the_same_schema_is_newer(found: object, known: str, told: bool) -> None:
    assert bool(newer(found, known)) is told


def load_report(data: dict[str, Any], folder: Path) -> object:
    (folder / "kept.json").write_text(json.dumps(data))
    return answer(ShowReportInputs(report=folder / "kept.json"), Run())


READERS: dict[str, Callable[[dict[str, Any], Path], object]] = {
    "ropescope.kvplan/1": lambda data, _: KVPlan.from_dict(data),
    "ropescope.ropeplan/1": lambda data, _: RopePlan.from_dict(data),
    "ropescope.compress.tradeoff/1": lambda data, _: TradeoffResult.from_dict(data),
    "ropescope.extend.evaluation/1": lambda data, _: ExtensionResult.from_dict(data),
    "ropescope.report/1": lambda data, _: Report.from_dict(data),
    "ropescope.report/1 ": load_report,
    "ropescope.model/2": lambda data, _: Model.from_dict(data),
    "ropescope.source/1": lambda data, _: Source.from_dict(data),
}


@pytest.mark.parametrize("schema", READERS)
def test_a_file_of_a_later_version_is_refused_with_the_mend(schema: str, tmp_path: Path) -> None:
    name, _, number = schema.strip().partition("/")
    later = f"{name}/{int(number) + 1}"
    with pytest.raises(FormatError, match=rf"'{later}'.* A newer ropescope wrote it: upgrade to read it\.$"):
        READERS[schema]({"schema": later}, tmp_path)
    with pytest.raises(FormatError) as caught:
        READERS[schema]({"schema": "ropescope.other/9"}, tmp_path)
    assert "newer" not in str(caught.value)


@pytest.mark.parametrize("kind", ["profile", "atlas", "pilot"])
def test_so_is_a_table(kind: str, tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow", reason="tables need the extra measure")
    import pyarrow.parquet as parquet

    from ropescope.evidence.atlas.store import read_atlas
    from ropescope.measure.profile import _READ, DecayProfile
    from ropescope.pilot.results.result import PilotResult

    path, later = tmp_path / "later.parquet", f"ropescope.{kind}/99"
    header = later if kind == "atlas" else json.dumps({"schema": later})
    columns = {name: ["1"] for name in (*_READ, "protocol")}
    parquet.write_table(pyarrow.table(columns).replace_schema_metadata({b"ropescope": header.encode()}), path)
    read = {"profile": DecayProfile.load, "atlas": read_atlas, "pilot": PilotResult.load}[kind]
    with pytest.raises(FormatError, match=rf"'{later}'.* A newer ropescope wrote it: upgrade to read it\.$"):
        read(path)
