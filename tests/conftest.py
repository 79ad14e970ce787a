"""Fixtures that several rooms share: a tiny model on disk, with and without a tokenizer, and a Hub on localhost."""

from __future__ import annotations

import atexit
import gc
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import settings

BEGAN = pytest.StashKey[float]()

# The same examples every time; the long run draws new ones.
settings.register_profile("brief", max_examples=150, deadline=None, derandomize=True)
settings.register_profile("long", max_examples=1500, deadline=None)
settings.load_profile("brief")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--within", type=float, metavar="SECONDS", help="Skip the tests that have not begun by then.")


def pytest_configure(config: pytest.Config) -> None:
    config.stash[BEGAN] = time.monotonic()
    # What is imported and collected stays to the end: to look through it again and again finds nothing.
    gc.disable()
    atexit.register(gc.unfreeze)


def pytest_collection_finish() -> None:
    gc.freeze()
    gc.enable()


def pytest_runtest_setup(item: pytest.Item) -> None:
    within = item.config.getoption("--within")
    if within is not None and time.monotonic() - item.config.stash[BEGAN] > within:
        pytest.skip(f"not begun within {within:g} s")


@pytest.fixture(scope="session")
def fake_hub() -> ModuleType:
    """The module with a Hub that runs on localhost."""
    import fake_hub

    return fake_hub


@pytest.fixture
def hub(fake_hub: ModuleType) -> Iterator[Any]:
    """A running Hub, empty."""
    with fake_hub.running_hub() as running:
        yield running


@pytest.fixture
def ask(hub: Any, tmp_path: Path) -> Callable[..., list[Any]]:
    """Ask a fresh process and give its answers."""
    from hub_questions import answers

    def run(*questions: tuple[str, Any], **env: str) -> list[Any]:
        clean = {key: value for key, value in os.environ.items() if not key.startswith(("HF_", "HUGGING"))}
        settings = {"HF_ENDPOINT": hub.endpoint, "HF_HOME": str(tmp_path / "hf"), "HF_HUB_DISABLE_PROGRESS_BARS": "1",
                    "ROPESCOPE_HOME": str(tmp_path / "home")}  # fmt: skip
        return answers(questions, {**clean, **settings, **env})

    return run


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A two-layer Llama with 256 tokens of context, as safetensors, without a tokenizer."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    folder = tmp_path_factory.mktemp("tiny-llama")
    torch.manual_seed(7)
    config = LlamaConfig(
        vocab_size=300,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=256,
        bos_token_id=1,
        eos_token_id=2,
    )
    model = LlamaForCausalLM(config)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() == 2:
                parameter.normal_(0, 0.12)
    model.save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def tiny_folder_with_tokenizer(tiny_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same with a byte-level tokenizer that begins a text with BOS."""
    import shutil

    from tiny_tokenizer import byte_tokenizer

    folder = tmp_path_factory.mktemp("tiny-llama-text") / "model"
    shutil.copytree(tiny_folder, folder)
    byte_tokenizer().save_pretrained(folder)
    return folder
