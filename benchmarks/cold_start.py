"""How long the command line takes to start, in fresh processes: median milliseconds, and the ratio to an empty Python.

python benchmarks/cold_start.py [--runs 15]
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
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


def milliseconds(line: list[str], runs: int) -> float:
    times = []
    for _ in range(runs + 1):
        started = time.perf_counter()
        subprocess.run(line, check=True, capture_output=True)
        times.append(1000 * (time.perf_counter() - started))
    return statistics.median(times[1:])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=15)
    given = parser.parse_args()
    program = shutil.which("ropescope", path=str(Path(sys.executable).parent)) or "ropescope"
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "config.json").write_text(json.dumps(CONFIG))
        # One small tensor: with a header to read, nothing has to be counted from the config.
        header = json.dumps({"model.embed_tokens.weight": {"dtype": "BF16", "shape": [8, 8], "data_offsets": [0, 128]}})
        (Path(folder) / "model.safetensors").write_bytes(struct.pack("<Q", len(header)) + header.encode() + bytes(128))
        lines = {
            "python -c pass": [sys.executable, "-c", "pass"],
            "ropescope --version": [program, "--version"],
            "ropescope --help": [program, "--help"],
            "ropescope predict FOLDER": [program, "predict", folder],
            "ropescope show FOLDER": [program, "show", folder],
            "ropescope predict FOLDER --json": [program, "predict", folder, "--json"],
            "ropescope extend plan FOLDER --to 16Ki": [program, "extend", "plan", folder, "--to", "16Ki"],
        }
        empty = None
        for name, line in lines.items():
            found = milliseconds(line, given.runs)
            empty = empty or found
            print(f"{name:<34} {found:6.0f} ms  {found / empty:5.1f} × an empty Python")


if __name__ == "__main__":
    main()
