"""What a type checker knows of the functions of the package, in a script of a user."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

RIGHT = """
import ropescope as rs
import ropescope.measure.profile
from ropescope import KVPlan
from ropescope.measure import DecayProfile

said: str = rs.fit("x", gpu="4090").verdict
holds: bool | None = rs.fit({"model_type": "llama"}, gpu=24, context=32768, ep=True).holds
report: rs.Report = rs.measure("smollm2", "other", length="1k", text=["a.txt"], control="random-init")
same: type[DecayProfile] = rs.measure.DecayProfile
also: type[DecayProfile] = ropescope.measure.profile.DecayProfile
rs.compress_plan("x", budget=0.3, out="plan.json")
rs.compare("a", "b", context=8192)
"""
WRONG = {
    'rs.fit("x", gpus="4090")': 'did you mean "gpu"',
    'rs.fit("x")': 'Missing named argument "gpu"',
    'rs.measure("x", dtype="float12")': "incompatible type",
    'rs.fit("x", "4090", gpu="4090")': "Too many positional arguments",
    "rs.nonesuch()": "has no attribute",
}


def test_a_type_checker_knows_what_the_functions_take(tmp_path: Path) -> None:
    pytest.importorskip("mypy", reason="types are checked by mypy")
    right, wrong = tmp_path / "right.py", tmp_path / "wrong.py"
    right.write_text(RIGHT)
    wrong.write_text("\n".join(["import ropescope as rs", *WRONG]))
    # Other packages are left aside: to read torch takes minutes. Bodies of our own functions (`make lint` checks them) are
    # left out where errors are ignored.
    (tmp_path / "mypy.ini").write_text(
        "[mypy]\nstrict = true\nfollow_imports = skip\n[mypy-ropescope.*]\nfollow_imports = silent\nignore_errors = true\n"
    )
    line = [sys.executable, "-m", "mypy", "--no-incremental", "--config-file", str(tmp_path / "mypy.ini")]
    done = subprocess.run([*line, str(right), str(wrong)], capture_output=True, text=True, cwd=tmp_path)
    errors = [said for said in done.stdout.splitlines() if ": error:" in said]
    assert len(errors) == len(WRONG), done.stdout
    for number, (said, told) in enumerate(zip(errors, WRONG.values(), strict=True), start=2):
        assert said.startswith(f"wrong.py:{number}:") and told in said
