"""Fixtures of the model tests: questions asked of a Hub on localhost by a fresh process."""

import importlib.util
import os
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hub_questions import answers

HERE = Path(__file__).parent


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
    """Ask a fresh process and give its answers."""

    def run(*questions: tuple[str, Any], **env: str) -> list[Any]:
        clean = {key: value for key, value in os.environ.items() if not key.startswith(("HF_", "HUGGING"))}
        settings = {"HF_ENDPOINT": hub.endpoint, "HF_HOME": str(tmp_path / "hf"), "HF_HUB_DISABLE_PROGRESS_BARS": "1",
                    "ROPESCOPE_HOME": str(tmp_path / "home")}  # fmt: skip
        return answers(questions, {**clean, **settings, **env})

    return run
