"""Workers, machines and the command itself are killed in the middle of the work: nothing finished is lost, the rest is done."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from shared_sums import SumInputs, sums

from ropescope.measure.answering import answer, measured
from ropescope.measure.asking import MeasureInputs
from ropescope.measure.profile import DecayProfile
from ropescope.questions.question import Run
from ropescope.runs.done import Done
from ropescope.runs.where import carry_out_each

pytestmark = pytest.mark.long
SUPPORT = Path(__file__).parents[1] / "support"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ROPESCOPE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(SUPPORT), os.environ.get("PYTHONPATH", "")]))
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    return tmp_path


@pytest.fixture
def cluster(home: Path) -> Iterator[Any]:
    """A cluster whose head does no work, connected to."""
    ray = pytest.importorskip("ray")
    from ray.cluster_utils import Cluster

    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
    ray.init(address=made.address, log_to_driver=False, logging_level="ERROR")
    try:
        yield made
    finally:
        ray.shutdown()
        made.shutdown()


def in_background(asked: list[SumInputs]) -> tuple[threading.Thread, dict[int, Any]]:
    found: dict[int, Any] = {}

    def work() -> None:
        names = [one.name for one in asked]
        found.update(carry_out_each(sums, asked, Run(), names=names, pieces=100))

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    return thread, found


def wait_for(condition: Callable[[], Any], seconds: float = 240) -> Any:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := condition():
            return found
        time.sleep(0.05)
    raise AssertionError("it did not happen")


def done_by(log: Path) -> dict[str, list[int]]:
    """The processes that began each piece."""
    return {path.name: [int(line) for line in path.read_text().split()] for path in log.iterdir()}


def pids(log: Path) -> set[int]:
    return {pid for each in done_by(log).values() for pid in each}


def test_a_worker_and_then_a_machine_are_killed(cluster: Any, home: Path) -> None:
    asked = SumInputs(n=24, milliseconds=250, log=home / "log", on="ray")
    (home / "log").mkdir()
    nodes = [cluster.add_node(num_cpus=1) for _ in range(2)]
    thread, found = in_background([asked])
    wait_for(lambda: len(pids(home / "log")) == 2)
    os.kill(min(pids(home / "log")), signal.SIGKILL)
    wait_for(lambda: len(pids(home / "log")) == 3)  # another process went on
    cluster.remove_node(nodes[0], allow_graceful=False)
    thread.join(timeout=600)
    assert not thread.is_alive()
    assert found == {0: Done(sums(SumInputs(n=24), Run()))}
    begun = done_by(home / "log")
    assert len(begun) == 48  # squares and cubes
    # Only what was under way when something was killed was begun again.
    assert sum(len(each) - 1 for each in begun.values()) <= 3


def test_a_machine_joins_late_and_one_leaves(cluster: Any, home: Path) -> None:
    asked = [SumInputs(name=f"m{i}", n=6, milliseconds=150, log=home / f"m{i}", on="ray") for i in range(6)]
    for one in asked:
        assert one.log is not None
        one.log.mkdir()
    thread, found = in_background(asked)  # no machine is there yet
    first = cluster.add_node(num_cpus=1)
    wait_for(lambda: done_by(home / "m0"))
    cluster.add_node(num_cpus=1)
    wait_for(lambda: len({pid for i in range(6) for pid in pids(home / f"m{i}")}) >= 2)
    cluster.remove_node(first, allow_graceful=True)
    thread.join(timeout=600)
    assert not thread.is_alive()
    whole = sums(SumInputs(n=6), Run())
    assert {index: done.value for index, done in found.items()} == dict.fromkeys(range(6), whole)


SCRIPT = """
import sys
from pathlib import Path
from shared_sums import SumInputs, sums
from ropescope.questions.question import Run
from ropescope.runs.where import carry_out
inputs = SumInputs(n=40, milliseconds=250, log=Path(sys.argv[1]), on="ray", resume=sys.argv[2] == "resume")
try:
    print(carry_out(sums, inputs, Run(), pieces=100).value)
except Exception as error:
    print(error)
"""


def test_an_interrupted_command_keeps_what_is_finished(home: Path) -> None:
    pytest.importorskip("ray")
    log = home / "log"
    log.mkdir()
    command = [sys.executable, "-c", SCRIPT, str(log)]
    first = subprocess.Popen([*command, "anew"], stdout=subprocess.PIPE, text=True, start_new_session=True)
    wait_for(lambda: len(done_by(log)) >= 6)
    os.killpg(first.pid, signal.SIGINT)  # as a terminal does: all that belongs to the command hears it
    said, _ = first.communicate(timeout=600)
    assert said.startswith("Interrupted. The pieces that were finished are kept")
    before = done_by(log)
    wait_for(lambda: not any(_runs(pid) for pid in pids(log)))
    kept = [*(home / "home" / "runs").glob("*/power-*.json")]
    assert len(kept) >= len(before) - 4
    second = subprocess.run([*command, "resume"], stdout=subprocess.PIPE, text=True, timeout=600, check=True)
    assert second.stdout.strip() == str(sums(SumInputs(n=40), Run()))
    again = [name for name, each in done_by(log).items() if len(each) > 1]
    assert len(again) <= len(before) - len(kept)


def _runs(pid: int) -> bool:
    """Whether a process does; a zombie does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_models_on_two_machines_are_measured_as_here(cluster: Any, home: Path, tiny_folder: Path) -> None:
    """To the last bit; a model that cannot be loaded is named."""
    broken = home / "broken"
    broken.mkdir()
    (broken / "config.json").write_bytes((tiny_folder / "config.json").read_bytes())
    (broken / "model.safetensors").write_bytes((tiny_folder / "model.safetensors").read_bytes()[:5000])
    for _ in range(2):
        cluster.add_node(num_cpus=1)
    inputs = MeasureInputs(
        source=str(tiny_folder), length=128, rows=8, prompts=4, corpus="random", dtype="float32", control="random-init"
    )
    alone = measured(inputs, Run())
    shared = carry_out_each(measured, [replace(inputs, on="ray")], Run(), names=["tiny"], pieces=4)
    value = next(shared)[1].value  # type: ignore[union-attr]
    shared.close()  # type: ignore[attr-defined]
    for mine, theirs in ((value.profile, alone.profile), (value.control_profile, alone.control_profile)):
        np.testing.assert_array_equal(mine.mass, theirs.mass)
        np.testing.assert_array_equal(mine.entropy_nats, theirs.entropy_nats)
    folder = home / "profiles"
    report = answer(replace(inputs, more=(str(broken),), folder=folder, on="ray"), Run())
    first, second = (str(row[-1]) for row in report.tables[0].rows)
    assert first == "measured" and "broken are damaged or cut short" in second
    kept = DecayProfile.load(next(path for path in folder.iterdir() if "control" not in path.name))
    np.testing.assert_array_equal(kept.mass, alone.profile.mass)
