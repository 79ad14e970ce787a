"""Tiny models for experiments: long enough for the published distances, with random weights as transformers makes them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def _own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROPESCOPE_HOME", str(tmp_path / "home"))


@pytest.fixture(scope="session")
def make_folder(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """make_folder(name, theta=…, std=…): a two-layer Llama of 1,024 tokens of context, with a byte tokenizer, as files.

    `std` scales its matrices: 0.02 as transformers initialises them, where attention is all but uniform.
    """
    import torch
    from tiny_tokenizer import byte_tokenizer
    from transformers import LlamaConfig, LlamaForCausalLM

    def make(
        name: str, *, theta: float = 10_000.0, std: float = 0.02, seed: int = 7, kv_heads: int = 2, context: int = 1024
    ) -> Path:
        folder = tmp_path_factory.mktemp("experiments") / name
        torch.manual_seed(seed)
        config = LlamaConfig(
            vocab_size=300,
            hidden_size=64,
            intermediate_size=64,
            num_hidden_layers=2,
            num_attention_heads=4,
            num_key_value_heads=kv_heads,
            max_position_embeddings=context,
            rope_parameters={"rope_type": "default", "rope_theta": theta},
            bos_token_id=1,
            eos_token_id=2,
        )
        model = LlamaForCausalLM(config)
        with torch.no_grad():
            for parameter in model.parameters():
                if parameter.dim() == 2:
                    parameter.normal_(0, std)
        model.save_pretrained(folder)
        byte_tokenizer().save_pretrained(folder)
        return folder

    return make


@pytest.fixture(scope="session")
def flat_folder(make_folder: Callable[..., Path]) -> Path:
    """Attention all but uniform."""
    return make_folder("flat")


@pytest.fixture(scope="session")
def sharp_folder(make_folder: Callable[..., Path]) -> Path:
    """Attention far from uniform."""
    return make_folder("sharp", std=0.15)
