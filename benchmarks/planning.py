"""What planning from a kept profile costs: in a process that runs, in one that has just started, and by the command line.

    ropescope measure smollm2 --out profile.parquet
    python benchmarks/planning.py profile.parquet smollm2 [--runs 11]

Every run is a process of its own, which takes its own times. The ratios are to a process that imports numpy and
pyarrow.parquet and ends: what nobody who reads a Parquet file into arrays can do without. Runs of the kinds alternate, so
that a drift of the machine's speed falls on all alike.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from pathlib import Path

CHILD = """
import json, sys, time
from pathlib import Path
path, source = Path(sys.argv[1]), sys.argv[2]
started = time.perf_counter()
import numpy, pyarrow.parquet
imported = time.perf_counter()
from ropescope import models
model = models.open(source)
opened = time.perf_counter()
from ropescope.compress import Target, plan_from_profile
from ropescope.measure import DecayProfile
def plan():
    began = time.perf_counter()
    profile = DecayProfile.load(path)
    loaded = time.perf_counter()
    plan_from_profile(profile, model, Target(budget_share=0.3))
    return 1000 * (loaded - began), 1000 * (time.perf_counter() - loaded)
whole = time.perf_counter()
first = plan()
again = [plan() for _ in range(3)][-1]
print(json.dumps({"numpy and pyarrow.parquet imported": 1000 * (imported - started),
    "model's files opened": 1000 * (opened - imported),
    "profile loaded, first time": first[0], "planned, first time": first[1],
    "load and plan, first time (with the imports of ropescope)": 1000 * (whole - opened) + sum(first),
    "load and plan, again": sum(again)}))
"""


def timed(line: list[str]) -> tuple[float, str]:
    """Milliseconds of a process, and what it printed."""
    started = time.perf_counter()
    done = subprocess.run(line, check=True, capture_output=True, text=True)
    return 1000 * (time.perf_counter() - started), done.stdout


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("profile", type=Path)
    parser.add_argument("source")
    parser.add_argument("--runs", type=int, default=11)
    given = parser.parse_args()
    command = ["-m", "ropescope", "compress", "plan", str(given.profile), "--model", given.source, "--budget", "30%"]
    lines = {
        "an empty Python": [sys.executable, "-c", "pass"],
        "numpy and pyarrow.parquet imported": [sys.executable, "-c", "import numpy, pyarrow.parquet"],
        "a plan in Python": [sys.executable, "-c", CHILD, str(given.profile), given.source],
        "ropescope compress plan": [sys.executable, *command],
    }
    whole: dict[str, list[float]] = {name: [] for name in lines}
    inside: dict[str, list[float]] = {}
    for _ in range(given.runs + 1):
        for name, line in lines.items():
            milliseconds, printed = timed(line)
            whole[name].append(milliseconds)
            if name == "a plan in Python":
                for part, value in json.loads(printed).items():
                    inside.setdefault(part, []).append(value)
    base = statistics.median(whole["numpy and pyarrow.parquet imported"][1:])
    for title, times in (("In a process", inside), ("Fresh processes, from start to end", whole)):
        print(title)
        for name, values in times.items():
            found = statistics.median(values[1:])
            print(f"  {name:<58} {found:7.1f} ms   {found / base:5.2f} × the baseline process")


if __name__ == "__main__":
    main()
