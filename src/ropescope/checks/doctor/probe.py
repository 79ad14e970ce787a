"""What must be started to be known, in a process of its own: torch, what it takes by default, and the modules of plugins.

A library that ends the process when it is imported then ends this one. `python -m ropescope.checks.doctor.probe` prints JSON.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from ropescope.questions.plugins import Entry

SECONDS: Final = 180
_MEND: Final = "install torch again, or remove the plugin"


def probed(*, torch: bool) -> dict[str, Any]:
    """What the process found: {"torch": …, "plugins": […]}, or {"fatal": why, with the mend} where it gave no answer."""
    if sys.platform == "emscripten" or not sys.executable:
        return {"torch": None, "plugins": []}
    line = [sys.executable, "-P", "-m", "ropescope.checks.doctor.probe", *(["torch"] if torch else [])]
    paths = os.pathsep.join(path for path in sys.path if path)
    try:
        done = subprocess.run(
            line,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=SECONDS,
            env={**os.environ, "PYTHONPATH": paths},
            check=False,
        )
    except subprocess.TimeoutExpired:
        return {"fatal": f"did not end within {SECONDS} seconds: close other programs and ask again, or {_MEND}"}
    except OSError as error:
        return {
            "fatal": f"needs {sys.executable}, which cannot be run ({error.strerror or error}): install Python again"
        }
    try:
        found: dict[str, Any] = json.loads(done.stdout)
    except ValueError:
        last = done.stderr.decode(errors="replace").strip().splitlines()[-1:] or [f"status {done.returncode}"]
        return {"fatal": f"ended the process ({last[0][:200]}): {_MEND}"}
    return found


def main() -> None:
    """Print what there is as JSON; what libraries print goes to standard error."""
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    found = {"torch": _torch() if "torch" in sys.argv[1:] else None, "plugins": _plugins()}
    json.dump(found, out)
    out.flush()


def _torch() -> dict[str, Any]:
    began = time.perf_counter()
    try:
        import torch

        seconds = time.perf_counter() - began
        from ropescope.network.loading.number_type import AUTO, number_type

        device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        chosen = number_type(AUTO, device)
    except Exception as error:  # whatever a broken installation raises
        return {"error": " ".join(f"{type(error).__name__}: {error}".split())[:300]}
    return {
        "seconds": seconds,
        "device": str(device),
        "dtype": chosen.name,
        "reason": chosen.reason,
        "threads": torch.get_num_threads(),
    }


def _plugins() -> list[dict[str, str]]:
    """Every question and method of a plugin, with what is wrong with it when all that it names is imported."""
    from ropescope.questions import plugins, registry

    found = [
        {"package": one.package, "adds": one.what, "fault": f"{one.package}: {one.what} {one.why}"}
        for one in registry.left_out()
    ]
    for question in (one for one in registry.questions() if one.plugin):
        fault = ""
        try:
            _ = question.inputs_type, question.function
        except Exception as error:
            fault = str(error).rstrip(".")
        found.append({"package": question.plugin, "adds": f"the question {question.name}", "fault": fault})
    methods = plugins.entries(plugins.METHODS)
    return found + [
        {"package": one.package, "adds": f"the method {one.name}", "fault": _method(one)} for one in methods
    ]


def _method(entry: Entry) -> str:
    """What is wrong with a method, as far as it tells before it is made."""
    from ropescope.questions.plugins import loaded

    found, why = loaded(entry)
    if "No module named 'torch'" in why:
        return ""  # where no weights run, no method does
    lacking = [name for name in ("name", "looks_at_text", "keep") if not hasattr(found, name)]
    if why or lacking:
        return f"the method {entry.name} of {entry.package}: {entry.value} {why or f'has no {lacking[0]}'}"
    # By its name: it lies in a higher room.
    meant = import_module("ropescope.compress.evaluate.methods.names").of_plugins().get(entry.name.lower())
    if meant is None or meant.package != entry.package:
        owner = "ropescope" if meant is None else meant.package
        return f"{entry.package}: the method {entry.name} has the name of a method of {owner}: give it another name"
    return ""


if __name__ == "__main__":
    main()
