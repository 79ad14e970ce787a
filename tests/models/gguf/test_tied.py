"""One matrix stored twice: by its bytes, else by the released shapes; and what it costs in parameters and memory."""

from __future__ import annotations

from pathlib import Path

import gguf_models
import pytest
from serving_ways import way

from ropescope.checks.reading.show import show_model
from ropescope.checks.serving.memory.demand import demand
from ropescope.models import open as open_model
from ropescope.models.gguf.header import read_header

QWEN25_05B = {"block_count": 24, "context_length": 32768, "embedding_length": 896, "feed_forward_length": 4864,
              "attention.head_count": 14, "attention.head_count_kv": 2, "rope.freq_base": 1e6}  # fmt: skip
EMBEDDING = 151_936 * 896


def qwen(path: Path, *, head: bool = True, output: str = "Q8_0") -> Path:
    """Qwen2.5-0.5B-Instruct as its makers publish it in Q8_0, as a file of holes."""
    table = dict(gguf_models.ends(896, 151_936, head=head))
    if head:
        table["output.weight"] = ((151_936, 896), output)
    for index in range(24):
        own = gguf_models.attention(896, 14, 2, 64) | gguf_models.mlp(896, 4864)
        own |= {f"attn_{name}.bias": ((width,), "F32") for name, width in (("q", 896), ("k", 128), ("v", 128))}
        table |= gguf_models.layer(index, own)
    return gguf_models.write(path, "qwen2", QWEN25_05B, table)


def test_half_a_billion_parameters_are_not_630_million(tmp_path: Path) -> None:
    twice, once = open_model(qwen(tmp_path / "twice.gguf")), open_model(qwen(tmp_path / "once.gguf", head=False))
    assert twice.parameters.total == once.parameters.total == 494_032_768  # as the model's page on the Hub gives it
    assert "494M parameters" in show_model(twice).verdict
    assert any("stored twice" in note and f"{EMBEDDING:,} numbers" in note for note in twice.notes)
    assert not any("stored twice" in note for note in once.notes)
    # The file holds both all the same; llama.cpp leaves the embedding in system memory, and runs the output on the device.
    assert twice.weights.n_bytes - once.weights.n_bytes == EMBEDDING * 34 // 32
    held = [demand(way(model, "4090", "llama.cpp", 4_096)).weights.n_bytes for model in (twice, once)]
    assert held[0] == held[1]
    mixed = open_model(qwen(tmp_path / "mixed.gguf", output="F16"))  # of two types: the shape is known
    assert mixed.parameters.total == 494_032_768


@pytest.mark.parametrize("alike", [True, False])
def test_the_bytes_decide_where_there_are_any(tmp_path: Path, alike: bool) -> None:
    for shape in (
        QWEN25_05B,
        {**QWEN25_05B, "embedding_length": 64, "attention.head_count": 1, "attention.head_count_kv": 1},
    ):
        width = shape["embedding_length"]
        table = gguf_models.ends(width, 500) | gguf_models.layer(0, gguf_models.attention(width, 1, 1, 64))
        path = gguf_models.write(tmp_path / f"{width}{alike}.gguf", "qwen2", {**shape, "block_count": 1}, table)
        header = read_header(path)
        with path.open("r+b") as file:
            for tensor in header.tensors:
                if tensor.name in ("token_embd.weight", "output.weight"):
                    file.seek(header.data_offset + tensor.offset)
                    file.write(bytes(1 + index % 251 for index in range(tensor.n_bytes - 1)))
                    file.write(b"x" if alike or tensor.name[0] == "o" else b"y")
        assert any("stored twice" in note for note in open_model(path).notes) == alike
