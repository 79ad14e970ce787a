"""How far long work is, as a kernel of Jupyter shows it and as a script does."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

WORK = """
import time
from ropescope.app.in_python import InPython

run = InPython(None)
with run.working():
    run.say("Measuring <x>")
    for done in range(3):
        run.progress(done, 3, "prompt")
        time.sleep(0.3)
    run.progress(3, 3, "prompt")
import tqdm.auto  # warns in a kernel without widgets
"""


def test_a_notebook_shows_one_line_in_place_and_none_at_the_end() -> None:
    pytest.importorskip("ipykernel", reason="a notebook runs in a kernel of Jupyter")
    nbformat, nbclient = pytest.importorskip("nbformat"), pytest.importorskip("nbclient")
    seen: list[dict[str, Any]] = []

    class Client(nbclient.NotebookClient):  # type: ignore[misc, name-defined]
        def process_message(self, message: Any, *more: Any) -> Any:
            if message["msg_type"] in ("display_data", "update_display_data", "stream"):
                seen.append(message["content"].get("data", message["content"]))
            return super().process_message(message, *more)

    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(WORK)])
    Client(notebook, kernel_name="python3", timeout=600).execute()
    texts = [data.get("text/plain", data.get("text")) for data in seen]
    assert not any("IProgress" in text for text in texts)
    assert texts[0] == "" and any("Measuring <x>: prompt · 1 of 3, about" in text for text in texts)
    assert any(
        '<progress value="1" max="3"></progress> Measuring &lt;x&gt;' in data.get("text/html", "") for data in seen
    )
    left = notebook.cells[0].outputs
    assert len(left) == 1 and left[0]["data"] == {"text/plain": ""}, "one output, which is empty once the work is done"


def test_a_script_whose_error_stream_is_no_terminal_gets_few_lines() -> None:
    done = subprocess.run([sys.executable, "-c", WORK], capture_output=True, text=True, check=True)
    assert done.stdout == "" and len(done.stderr.splitlines()) == 2
    assert done.stderr.startswith("Measuring <x> …\n")
