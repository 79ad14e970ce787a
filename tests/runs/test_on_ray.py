"""The same work on Ray: equal to the local one, errors by name, a killed worker started again."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from shared_sums import SumInputs, sums

from ropescope.errors import InputError, MeasurementError
from ropescope.questions.kinds import Cluster
from ropescope.questions.question import Run
from ropescope.runs.done import Done
from ropescope.runs.where import carry_out_each

SUPPORT = Path(__file__).parents[1] / "support"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ROPESCOPE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(SUPPORT), os.environ.get("PYTHONPATH", "")]))
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    return tmp_path


def test_several_on_ray_as_here(home: Path) -> None:
    """One is whole, one fails, one kills its worker once, and one kills every worker in a piece."""
    pytest.importorskip("ray")
    changes = ({}, {"breaks": "2-power-1"}, {"kills": "2-power-2"}, {"kills": "2-power-2", "deaths": 99})
    asked = [SumInputs(name=f"s{i}", n=4, on="ray", log=home / f"s{i}", **more) for i, more in enumerate(changes)]
    for one in asked:
        assert one.log is not None
        one.log.mkdir()
    names = [one.name for one in asked]
    found = dict(carry_out_each(sums, asked, Run(), names=names, pieces=4))
    assert found[0] == Done(sums(SumInputs(n=4), Run())) == found[2]
    assert isinstance(found[1], MeasurementError) and str(found[1]) == "2-power-1 cannot be done."
    given_up = found[3]
    assert isinstance(given_up, Done) and given_up.value == (0 + 1 + 9, None)
    assert [piece.rpartition("/")[2] for piece in given_up.lost] == ["power-2"]
    assert len((home / "s2" / "2-power-2").read_text().split()) == 2
    assert len((home / "s3" / "2-power-2").read_text().split()) == 3
    assert not [*(home / "home" / "runs").glob("ray-*")]


@pytest.mark.parametrize(
    "text", ["ray:/x", "ray://", "ray://host", "ray://host:x", "ray://a b:1", "dask", "http://h:1", ""]
)
def test_what_is_no_cluster_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="ray://host:10001"):
        Cluster().read("on", text)
    assert Cluster().read("on", "ray://head.example:10001") == "ray://head.example:10001"
