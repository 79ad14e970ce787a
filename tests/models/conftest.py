"""Fixtures of the model tests: questions asked of a Hub on localhost by a fresh process."""

import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

HERE = Path(__file__).parent
ASK = """
import json, sys
from ropescope.errors import RopescopeError
from ropescope.models import Source, open, resolve
from ropescope.models.datasets import fetch_dataset
from huggingface_hub import hf_hub_download
verbs = {
    "open": lambda s: open(s).to_dict(),
    "config": lambda s: open(s, config_only=True).to_dict(),
    "resolve": lambda s: resolve(s).to_dict(),
    "source": lambda s: open(Source.from_dict(s)).to_dict(),
    "download": lambda s: hf_hub_download("/".join(s.split("/")[:2]), "/".join(s.split("/")[2:])),
    "dataset": lambda s: (str(fetch_dataset(s)[0][0]), fetch_dataset(s)[1]),
}
for verb, source in json.load(sys.stdin):
    try:
        answer = verbs[verb](source)
    except RopescopeError as error:
        answer = f"{type(error).__name__}: {error}"
    print(json.dumps(answer), flush=True)
"""


def load(name: str) -> ModuleType:
    """A module beside the tests, which are no package."""
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, HERE / f"{name}.py")
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        spec.loader.exec_module(module)
    return sys.modules[name]


@pytest.fixture(scope="session")
def families_script() -> ModuleType:
    return load("config/families_from_transformers")


@pytest.fixture
def ask(hub: Any, tmp_path: Path) -> Callable[..., list[Any]]:
    """Ask a fresh process (huggingface_hub reads its settings at import) and give its answers."""

    def run(*questions: tuple[str, str], **env: str) -> list[Any]:
        clean = {key: value for key, value in os.environ.items() if not key.startswith(("HF_", "HUGGING"))}
        settings = {"HF_ENDPOINT": hub.endpoint, "HF_HOME": str(tmp_path / "hf"), "HF_HUB_DISABLE_PROGRESS_BARS": "1",
                    "ROPESCOPE_HOME": str(tmp_path / "home")}  # fmt: skip
        done = subprocess.run(
            [sys.executable, "-c", ASK],
            input=json.dumps(questions),
            env={**clean, **settings, **env},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]

    return run
