"""`show` and `compare` on the command line: folders, configs, GGUF, hostile text, and what they refuse."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import released_configs as released
from click.testing import CliRunner

from ropescope.app.cli import app
from ropescope.errors import RopescopeError


def invoke(*arguments: str | Path) -> Any:
    """Run the command line in this process; an error meant for the user is raised."""
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def folder_of(path: Path, config: dict[str, Any]) -> Path:
    path.mkdir(exist_ok=True)
    (path / "config.json").write_text(json.dumps(config))
    return path


def test_show_counts_the_weights_of_a_folder(tiny_folder: Path) -> None:
    result = invoke("show", tiny_folder)
    assert result.stdout.startswith("tiny-llama")
    data = json.loads(invoke("show", tiny_folder, "--json").stdout)
    # 2 × 300 × 32 for embedding and output; in a layer 32 × (32 + 2 × 16 + 32) + 3 × 32 × 64 + 2 × 32; 32 at the end
    expected = 2 * 300 * 32 + 2 * (32 * 96 + 3 * 32 * 64 + 64) + 32
    assert data["model"]["parameters"]["total"] == expected
    assert data["model"]["parameters"]["count"] == "exact"
    assert data["model"]["weights"]["n_bytes"] == 4 * expected
    assert data["cache_bytes"]["4096"] == 2 * 2 * 2 * 8 * 2 * 4096


def test_show_writes_a_page_and_its_figures(tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "gemma", released.GEMMA_3_27B)
    page, figure = tmp_path / "p.html", tmp_path / "f.svg"
    result = invoke("show", folder, "--html", page, "--figure", figure)
    assert "10 full and 52 sliding (1,024 tokens) layers" in " ".join(result.stdout.split())
    assert page.stat().st_size > 10_000
    assert {path.name for path in tmp_path.glob("f-*")} == {"f-layers.svg", "f-memory.svg"}


def test_nothing_of_a_config_reaches_the_page_or_the_terminal_unescaped(tmp_path: Path) -> None:
    hostile = "<script>alert(1)</script>\x1b[2J"
    config = released.LLAMA_31_8B | {
        "torch_dtype": hostile,
        hostile: 1,
        "rope_scaling": {"rope_type": hostile, "factor": 2},
    }
    folder = folder_of(tmp_path / "m", config)
    page = tmp_path / "p.html"
    result = invoke("show", folder, "--html", page)
    text = page.read_text()
    assert "alert(1)" in text and "<script>alert" not in text
    assert "\x1b" not in result.stdout and "\x1b" not in text


def test_compare_lays_two_models_side_by_side(tmp_path: Path) -> None:
    first = folder_of(tmp_path / "llama", released.LLAMA_31_8B)
    second = folder_of(tmp_path / "qwen", released.QWEN3_8B)
    data = json.loads(invoke("compare", first, second, "--json").stdout)
    assert data["different"]["cache a token"] == ["131,072 bytes", "147,456 bytes"]
    assert data["same"]["head dimension"] == "128"
    assert invoke("compare", first, second).stdout.startswith("llama against qwen")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"num_attention_heads": 0}, "num_attention_heads is 0"),
        ({"num_key_value_heads": 5}, "divide evenly among the KV heads"),
        ({"sliding_window": -4, "layer_types": ["sliding_attention"] * 32}, "sliding_window is -4"),
        ({"head_dim": "128; rm -rf /"}, "head_dim is '128; rm -rf /'"),
        ({"num_kv_shared_layers": 32}, "num_kv_shared_layers"),
        ({"per_layer_config": {"99": {"head_dim": 4}}}, "per_layer_config.99"),
    ],
)
def test_numbers_that_cannot_be_are_refused_by_name(tmp_path: Path, change: dict[str, Any], words: str) -> None:
    folder = folder_of(tmp_path / "m", released.LLAMA_31_8B | change)
    for line in (("show", folder), ("compare", folder, folder)):
        with pytest.raises(RopescopeError, match=words):
            invoke(*line)


def test_compare_wants_two(tmp_path: Path) -> None:
    with pytest.raises(RopescopeError, match="2 to 8"):
        invoke("compare", folder_of(tmp_path / "m", released.LLAMA_31_8B))
