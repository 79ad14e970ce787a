"""How long the command line takes to start, in fresh processes with bytecode: the least milliseconds of wall and of CPU,
and the ratio of each to an empty Python. The commands take turns, so that a busy machine is busy for all of them.

python benchmarks/cold_start.py [--runs 15]
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

CONFIG = {
    "model_type": "llama",
    "num_hidden_layers": 30,
    "num_attention_heads": 9,
    "num_key_value_heads": 3,
    "hidden_size": 576,
    "max_position_embeddings": 8192,
    "rope_theta": 100000.0,
    "vocab_size": 49152,
}


def milliseconds(line: list[str]) -> tuple[float, float]:
    """(wall, CPU) of one run."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(line, capture_output=True, env=environment)
    wall, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    return 1000 * wall, 1000 * (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=15)
    given = parser.parse_args()
    program = [sys.executable, "-m", "ropescope"]
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "config.json").write_text(json.dumps(CONFIG))
        # One small tensor: with a header to read, nothing has to be counted from the config.
        header = json.dumps({"model.embed_tokens.weight": {"dtype": "BF16", "shape": [8, 8], "data_offsets": [0, 128]}})
        (Path(folder) / "model.safetensors").write_bytes(struct.pack("<Q", len(header)) + header.encode() + bytes(128))
        lines = {
            "python -c pass": [sys.executable, "-c", "pass"],
            "ropescope --version": [*program, "--version"],
            "ropescope --help": [*program, "--help"],
            "ropescope predict FOLDER": [*program, "predict", folder],
            "ropescope show FOLDER": [*program, "show", folder],
            "ropescope fit FOLDER --gpu 4090": [*program, "fit", folder, "--gpu", "4090"],
            "ropescope predict FOLDER --json": [*program, "predict", folder, "--json"],
            "ropescope extend plan FOLDER --to 16Ki": [*program, "extend", "plan", folder, "--to", "16Ki"],
        }
        rounds = [{name: milliseconds(line) for name, line in lines.items()} for _ in range(given.runs + 1)][1:]
        empty_wall, empty_cpu = (min(one["python -c pass"][part] for one in rounds) for part in (0, 1))
        for name in lines:
            wall, cpu = (min(one[name][part] for one in rounds) for part in (0, 1))
            print(f"{name:<34} {wall:6.0f} ms {wall / empty_wall:5.1f} ×   CPU {cpu:6.0f} ms {cpu / empty_cpu:5.1f} ×")


if __name__ == "__main__":
    main()
