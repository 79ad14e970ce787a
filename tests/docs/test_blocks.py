"""Every block of code on every page runs, is read, or is the output of one that does. (Commands of ropescope: test_words.py.)

Blocks of Python run in the order of their page, as a reader pastes them, on a tiny network under the names that the page uses.
"""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
PAGES = {
    path.relative_to(ROOT).as_posix(): re.findall(
        r"^```(\w*)\n(.*?)^```$", path.read_text(encoding="utf-8"), re.M | re.S
    )
    for path in (*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"))
}
PYTHON = {page: [text for kind, text in blocks if kind == "python"] for page, blocks in PAGES.items()}
LINES = [(page, line) for page, blocks in PAGES.items() for _, text in blocks for line in text.splitlines()]
MODEL = re.compile(r'"(?:smollm2|Qwen/[\w.-]+)"')
AFTER = {
    "docs/compressing.md": "plan.bytes_after <= 0.5 * plan.bytes_before and run.skipped('prefill') >= 0",
    "docs/extending.md": "plan.method == 'rerope' and model.config._attn_implementation == 'sdpa'",
    "docs/hub.md": "heads.num_rows == 2 and heads.features['gamma'].dtype == 'float64'",
    "docs/measuring.md": "outcome.profile.mass.shape[:3] == (4, 2, 4) and len(table) > 0",
    "docs/notebooks.md": "report.holds and profile.mass.shape[1:3] == (2, 4)",
    "docs/reading.md": "model.cache_bytes(8192) > model.cache_bytes(8192, key_type='q8_0')",
    "docs/serving-plans.md": "second.tokens == answers[1] and server.held_bytes() == 0",
    "docs/results/experiments.md": "stretched is not weights and four_bits is not weights",
}
"""What holds once the blocks of a page have run."""


@pytest.fixture
def names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What pages speak of without making it: inputs and texts of a model, and files that commands above have written."""
    torch, transformers = pytest.importorskip("torch"), pytest.importorskip("transformers")
    from made_rows import made_row, save_profile
    from tiny_tokenizer import byte_tokenizer

    from ropescope.compress import Target, plan_uniform
    from ropescope.evidence.atlas.exporting import export_atlas
    from ropescope.extend import plan_extension
    from ropescope.models import open as open_model

    monkeypatch.chdir(tmp_path)
    shape = {"hidden_size": 64, "intermediate_size": 64, "num_hidden_layers": 2, "head_dim": 32, "vocab_size": 300}
    heads = {"num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 2048}
    config = transformers.LlamaConfig(**shape, **heads, initializer_range=0.5, eos_token_id=2)
    torch.manual_seed(0)
    transformers.LlamaForCausalLM(config).save_pretrained("my-model")
    byte_tokenizer().save_pretrained("my-model")
    opened = open_model("my-model", config_only=True)
    plan_uniform(opened, Target(budget_share=0.5), length=128).save(Path("plan.json"))
    plan_extension(opened, 32768, "rerope").save(Path("rerope.json"))
    save_profile(Path("profile.parquet"), n_prompts=3)
    export_atlas([made_row()], Path("exported"))
    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path / "datasets"))
    return {
        "input_ids": torch.randint(3, 100, (1, 1024)),
        "inputs": {"input_ids": torch.arange(3, 43)[None], "max_new_tokens": 2, "do_sample": False},
        "prompts": [list(range(3, 43)), list(range(50, 60))],
        "texts": [
            torch.randint(3, 100, (length // 128,)).repeat_interleave(128) for length in (640, 896)
        ],  # some blocks matter
    }


@pytest.mark.parametrize("page", [page for page, blocks in PYTHON.items() if blocks])
def test_python_runs_in_order(page: str, names: dict[str, Any]) -> None:
    from transformers import AutoModelForCausalLM

    if any("from datasets " in block for block in PYTHON[page]):
        pytest.importorskip("datasets", reason="the page loads a dataset")
    for block in PYTHON[page]:
        code = compile(MODEL.sub('"my-model"', block), page, "exec")
        names["model"] = AutoModelForCausalLM.from_pretrained("my-model").eval()
        if (
            "PlannedPress" not in block
        ):  # kvpress has an environment of its own, where tests/compress/kvpress run this line
            exec(code, names)
    assert eval(AFTER.get(page, "True"), names)


@pytest.mark.parametrize(
    ("page", "text"), [(page, text) for page in PAGES for kind, text in PAGES[page] if kind == "json"]
)
def test_json_is_json(page: str, text: str) -> None:
    assert json.loads(text)


def test_extras_and_targets_that_pages_install_and_make_exist() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    text = "\n".join(line for _, line in LINES)
    extras = {name for found in re.findall(r"ropescope\[([\w,-]+)\]", text) for name in found.split(",")}
    assert {"measure", "peers", "ray"} <= extras <= {*project["optional-dependencies"]}
    targets = re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.M)
    assert {"demo", "test"} <= {*re.findall(r"^(?:\$ )?make ([\w-]+)", text, re.M)} <= {*targets}


def test_benchmarks_take_the_options_that_pages_give_them() -> None:
    text = "\n".join(line for _, line in LINES).replace("\\\n", " ")
    calls = re.findall(r"python (benchmarks/\S+\.py)(.*)", text)
    assert len(calls) > 4
    for script, words in calls:
        code = (ROOT / script).read_text(encoding="utf-8")
        assert [
            option for option in re.findall(r"(--[\w-]+)", words.partition(" #")[0]) if f'"{option}"' not in code
        ] == [], script


def test_what_starts_a_line_of_a_shell_is_a_program_that_this_file_knows() -> None:
    """A new kind of example is met here first: let a test run it, or name it."""
    shell = {
        line
        for page, blocks in PAGES.items()
        for kind, text in blocks
        if kind in ("sh", "console")
        for line in text.splitlines()
    }
    known = ("ropescope", "pip", "uv", "uvx", "pipx", "make", "python", "claude")
    assert [line for line in shell if line.startswith("$ ") and not line[2:].startswith(known)] == []
