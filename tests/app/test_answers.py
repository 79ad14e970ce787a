"""show, fit, speed, launch and compare answer for the models that people ask about, with figures worked out by hand."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import released_configs as released
import stored_models
from click.testing import CliRunner

from ropescope.app.cli import app
from ropescope.errors import DomainError

pytest.importorskip("transformers")


class Known(NamedTuple):
    """A config, its published parameters, its weights in bytes, and its cache in bytes at 32,768 tokens (16 bits)."""

    config: dict[str, Any]
    parameters: int
    weights: int
    cache: int


K32 = 32_768
KNOWN = {
    "llama-3.1-8b": Known(released.LLAMA_31_8B, 8_030_261_248, 16_060_522_496, 131_072 * K32),
    "qwen3-30b-a3b": Known(released.QWEN3_30B_A3B, 30_532_122_624, 61_064_245_248, 98_304 * K32),
    # 8 bits a weight, and 4 bytes for each block of 128 × 128; but for embedding, output, norms and routers (with their
    # bias). Blocks: of the attention's q_a, q_b, kv_a, kv_b and o; of three dense MLPs; of 58 × 257 experts.
    "deepseek-v3": Known(
        released.DEEPSEEK_V3, 671_026_419_200,
        671_026_419_200 + 2 * 129_280 * 7_168 + 61 * (2 * 7_168 + 1_536 + 512) + 7_168 + 58 * (256 * 7_168 + 256)
        + 4 * (61 * (12 * 56 + 192 * 12 + 5 * 56 + 256 * 4 + 56 * 128) + 9 * 144 * 56 + 58 * 257 * 3 * 16 * 56),
        70_272 * K32,
    ),
    # The `total_size` of its index on the Hub: 24 × 32 experts of 24,883,200 in MXFP4 (4.25 bits), all else in 16.
    "gpt-oss-20b": Known(released.GPT_OSS_20B, 20_914_757_184, 13_761_264_768, 2_048 * (12 * K32 + 12 * 127)),
    "gemma-3-27b": Known(released.GEMMA_3_27B, 27_432_406_640, 54_864_813_280, 8_192 * (10 * K32 + 52 * 1_023)),
    "mistral-7b-v0.1": Known(released.MISTRAL_7B_V01, 7_241_732_096, 14_483_464_192, 131_072 * 4_095),
    "jamba": Known(released.JAMBA_V01, 51_570_323_328, 103_140_646_656, 4 * 4_096 * K32 + 28 * 8_192 * 72),
    # These two are published in 32 bits.
    "mamba-2.8b": Known(released.MAMBA_28B, 2_768_345_600, 11_073_382_400, 64 * 5_120 * 72),
    "rwkv": Known(released.RWKV_4_169M, 169_342_464, 677_369_856, 12 * 768 * 16),
    "bloom": Known(released.BLOOM_7B1, 7_069_016_064, 14_138_032_128, 491_520 * K32),
}  # fmt: skip


def answer(*arguments: str | Path) -> dict[str, Any]:
    """What a command prints with --json."""
    result = CliRunner().invoke(app, [*map(str, arguments), "--json"], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    found: dict[str, Any] = json.loads(result.stdout)
    return found


@pytest.fixture(scope="module", params=list(KNOWN))
def known(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Known]:
    folder = tmp_path_factory.mktemp("known") / request.param
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(KNOWN[request.param].config))
    return folder, KNOWN[request.param]


def test_show(known: tuple[Path, Known]) -> None:
    folder, expected = known
    found = answer("show", folder)
    assert found["cache_bytes"][str(K32)] == expected.cache
    assert found["model"]["parameters"]["total"] == expected.parameters


def test_fit(known: tuple[Path, Known]) -> None:
    folder, expected = known
    found = answer("fit", folder, "--gpu", "h200-sxm", "--context", "2048", "--engine", "transformers")
    assert found["bytes"]["weights"] == pytest.approx(expected.weights, rel=2e-6)
    model = expected.weights + found["bytes"]["cache"]
    assert found["fits"] == (model + found["bytes"]["activations"] + found["bytes"]["overhead"] <= 143_771 * 2**20)


def test_speed(known: tuple[Path, Known]) -> None:
    folder, expected = known
    found = answer("speed", folder, "--gpu", "h200-sxm", "--context", "2048")
    one = found["decode"]
    # 4,800 GB/s read the weights that a token passes through and its cache, and nothing is faster.
    assert (
        one["seconds"] == pytest.approx((one["weight_bytes"] + one["cache_bytes"]) / 4.8e12)
        and one["bound"] == "memory"
    )
    assert one["weight_bytes"] <= expected.weights
    assert one["tokens_per_second"] == pytest.approx(1 / one["seconds"])


@pytest.mark.parametrize("engine", ["vllm", "sglang", "transformers"])
def test_launch(known: tuple[Path, Known], engine: str) -> None:
    folder, _ = known
    if engine != "transformers" and KNOWN["rwkv"].config == json.loads((folder / "config.json").read_text()):
        with pytest.raises(DomainError, match="does not list RwkvForCausalLM"):
            answer("launch", folder, "--gpu", "h200-sxm", "--context", "2048", "--engine", engine)
        return
    found = answer("launch", folder, "--gpu", "h200-sxm", "--count", "8", "--context", "2048", "--engine", engine)
    words = {"vllm": "vllm serve", "sglang": "sglang", "transformers": "from transformers import"}
    assert words[engine] in found["command"] and str(folder) in found["command"]


def test_compare(known: tuple[Path, Known], tmp_path: Path) -> None:
    folder, expected = known
    other = tmp_path / "smollm2"
    other.mkdir()
    (other / "config.json").write_text(json.dumps(released.SMOLLM2_135M))
    found = answer("compare", folder, other)
    assert found["different"]["parameters"] == [f"{expected.parameters:,}", "134,515,008"]


def smollm2_table() -> dict[str, tuple[str, tuple[int, ...]]]:
    """The tensors of SmolLM2-135M: its output is its embedding."""
    config = released.SMOLLM2_135M
    table = stored_models.llama_rest(config)
    del table["lm_head.weight"]
    return table | {f"{name}.weight": ("BF16", shape) for name, shape in stored_models.llama_linears(config).items()}


LINES = (
    ("show",), ("fit", "--gpu", "4GiB"), ("speed", "--gpu", "4090"), ("launch", "--gpu", "4090"), ("compare", "SOURCE"),
)  # fmt: skip


EACH = """
import json, sys
from click.testing import CliRunner
from ropescope.app.cli import app
print(json.dumps([json.loads(CliRunner().invoke(app, line, catch_exceptions=False).stdout) for line in json.load(sys.stdin)]))
"""
"""Answers each command line on its input, in a process that has the Hub of its environment."""


def lines_of(source: str) -> list[list[str]]:
    return [[verb, source, *(source if word == "SOURCE" else word for word in rest), "--json"] for verb, *rest in LINES]


def check_smollm2(answers: list[dict[str, Any]], weights: int) -> None:
    shown, fit, speed, launch, compared = answers
    assert shown["model"]["parameters"]["total"] == 134_515_008
    assert shown["cache_bytes"]["8192"] == 23_040 * 8_192
    assert shown["model"]["weights"]["n_bytes"] == weights
    assert (
        fit["fits"] and speed["decode"]["weight_bytes"] <= weights and launch["command"] and not compared["different"]
    )


def test_smollm2_from_a_folder(tmp_path: Path) -> None:
    folder = stored_models.write_folder(tmp_path / "smollm2", released.SMOLLM2_135M, smollm2_table())
    answers = [answer(*line[:-1]) for line in lines_of(str(folder))]
    check_smollm2(answers, 269_030_016)


def test_smollm2_from_a_hub(hub: Any, fake_hub: Any, tmp_path: Path) -> None:
    start, data = stored_models.header(smollm2_table())
    hub.repos["models/org/smollm2"] = fake_hub.Repo(
        files={
            "config.json": json.dumps(released.SMOLLM2_135M).encode(),
            "model.safetensors": fake_hub.Large(start, len(start) + data),
        }
    )
    environment = {**os.environ, "HF_ENDPOINT": hub.endpoint, "HF_HOME": str(tmp_path / "hf"), "HF_HUB_OFFLINE": "0"}
    done = subprocess.run(
        [sys.executable, "-c", EACH], input=json.dumps(lines_of("org/smollm2")), capture_output=True, text=True,
        env=environment, timeout=600,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    check_smollm2(json.loads(done.stdout), 269_030_016)
    assert sum(hub.sent.values()) < 1_000_000


@pytest.mark.weights
def test_smollm2_from_its_gguf_file() -> None:
    answers = [answer(*line[:-1]) for line in lines_of("smollm2")]
    # 61 norms of 576 in F32, the embedding in Q8_0 (34 bytes for 32), 106,168,320 weights in Q4_1 (20 bytes for 32).
    check_smollm2(answers, 61 * 576 * 4 + 49_152 * 576 * 34 // 32 + 106_168_320 * 20 // 32)
