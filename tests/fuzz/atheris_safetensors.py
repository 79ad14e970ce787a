"""Coverage-guided fuzzing of the safetensors header. atheris is an optional tool: `pip install atheris`.

    PYTHONPATH=src python tests/fuzz/atheris_safetensors.py -max_total_time=600 [CORPUS]

The options are libFuzzer's. Without a corpus it begins with the seeds of `run.py`.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import atheris

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1] / "support")]

with atheris.instrument_imports(include=["ropescope"]):
    import seeds
    import targets


def main() -> None:
    """Fuzz until told to stop."""
    with tempfile.TemporaryDirectory() as corpus:
        for number, data in enumerate(seeds.safetensors_files()):
            (Path(corpus) / str(number)).write_bytes(data)
        options = ["-rss_limit_mb=512", "-timeout=2", "-max_len=8192", *sys.argv[1:]]
        given = [option for option in options if not option.startswith("-")]
        atheris.Setup([sys.argv[0], *options, *([] if given else [corpus])], targets.safetensors)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
