"""Several GGUF models in one place: sizes of whole sets, verdicts as a file alone has them, and no projector advised."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import gguf_models
import pytest

from ropescope.checks.fit_choices import choices_report
from ropescope.checks.serving.fitting.fit import fit
from ropescope.checks.serving.inputs import HeldInputs, read_serving
from ropescope.errors import DomainError
from ropescope.models import open as open_model
from ropescope.models.gguf_names import choices, is_no_model, mix_of, with_mix
from ropescope.models.offered import offered

MIXES = {"F32": ("F32", 0), "F16": ("F16", 1), "Q8_0": ("Q8_0", 7), "Q6_K": ("Q6_K", 18), "Q4_K_M": ("Q4_K", 15)}
TEXT = HeldInputs(source="m", gpu="12GiB", context=8192)


def llama(path: Path, mix: str) -> Path:
    """Llama-3.1-8B with every matrix in one type, as a file of holes."""
    kind, number = MIXES[mix]
    table = {name: (shape, kind if own != "F32" else own) for name, (shape, own) in gguf_models.llama_table().items()}
    path.parent.mkdir(exist_ok=True)
    return gguf_models.write(path, "llama", gguf_models.LLAMA_31_8B, table, {"general.file_type": number})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Five models, a projector, a matrix of importance and a draft."""
    for mix in MIXES:
        llama(tmp_path / f"Llama-3.1-8B-{mix}.gguf", mix)
    for name in ("mmproj-Llama-F16.gguf", "Llama-3.1-8B.imatrix.gguf", "Llama-3.1-8B-draft-Q4_0.gguf"):
        (tmp_path / name).write_bytes(b"GGUF")
    return tmp_path


def test_each_model_of_a_folder_is_judged_as_it_is_alone(folder: Path) -> None:
    _, several = offered(str(folder))
    assert several is not None
    report = choices_report(several, TEXT)
    rows = {row["mix"]: row for row in report.data["choices"]}
    assert set(rows) == set(MIXES)
    for mix, row in rows.items():
        alone = fit(read_serving(open_model(folder / row["file"]), TEXT))
        assert (row["total_bytes"], row["outcome"], row["longest_context"]) == (
            alone.demand.total, alone.outcome, alone.longest_context,
        ), mix  # fmt: skip
        assert row["file_bytes"] == (folder / row["file"]).stat().st_size
    assert report.data["best"] == "Llama-3.1-8B-Q8_0.gguf" and report.verdict.startswith(
        "Q8_0 is the largest of 5 that fits"
    )
    none = choices_report(several, HeldInputs(source="m", gpu="4GiB", context=8192))
    assert none.data["fits"] is False and none.verdict.startswith("None of the 5 models") and "Q4_K_M" in none.verdict
    # 16 bits hold all there is: 32 bits are no better, however much room there is.
    assert (
        choices_report(several, HeldInputs(source="m", gpu="h100-sxm", context=8192)).data["best"]
        == "Llama-3.1-8B-F16.gguf"
    )
    with pytest.raises(DomainError, match="not launched from GGUF"):
        choices_report(several, HeldInputs(source="m", gpu="12GiB", context=8192, engine="vllm"))


def test_a_folder_with_one_model_is_that_model(tmp_path: Path) -> None:
    file = llama(tmp_path / "m" / "Llama-Q8_0.gguf", "Q8_0")
    (tmp_path / "m" / "mmproj-F16.gguf").write_bytes(b"GGUF")
    assert offered(str(tmp_path / "m")) == (str(file), None)
    assert open_model(tmp_path / "m").weights == open_model(file).weights
    # A config beside it changes nothing in what is served; safetensors do.
    (tmp_path / "m" / "config.json").write_text("{}")
    assert offered(str(tmp_path / "m")) == (str(file), None)
    (tmp_path / "m" / "model.safetensors").write_bytes(b"")
    assert offered(str(tmp_path / "m")) == (str(tmp_path / "m"), None)


def test_what_cannot_be_looked_at_is_left_to_the_opening() -> None:
    for text in ("x" * 5000, "~nobody", "m", "a\0b"):
        assert offered(text) == (text, None)


def test_names_tell_the_mix_and_what_is_no_model() -> None:
    mixes = {
        "Llama-3.1-8B-Instruct-Q4_K_M.gguf": "Q4_K_M", "model-UD-Q4_K_XL-00001-of-00003.gguf": "UD-Q4_K_XL",
        "a.IQ2_XXS.gguf": "IQ2_XXS",
        "BF16/x-BF16-00001-of-00002.gguf": "BF16", "gpt-oss-20b-MXFP4.gguf": "MXFP4", "qwen2.5-0.5b-instruct-fp16.gguf": "F16",
        "model.gguf": "", "Qwen3-8B.gguf": "", "tq1_0-model.gguf": "TQ1_0",
    }  # fmt: skip
    assert {name: mix_of(name) for name in mixes} == mixes
    parts = [f"s/x-Q8_0-0000{part}-of-00003.gguf" for part in (1, 2, 3)]
    (found,) = choices([*parts, "mmproj-BF16.gguf", "imatrix_unsloth.gguf", "x.safetensors"])
    assert found.files == tuple(parts) and with_mix([found], "q8_0") == found and with_mix([found], "Q4_0") is None
    assert is_no_model("mmproj-model-f16.gguf") and not is_no_model("Mistral-Small-Q4_K_M.gguf")


def test_a_repository_in_one_table(hub: Any, fake_hub: Any, tmp_path: Path) -> None:
    files = {}
    for mix in ("Q8_0", "Q6_K", "Q4_K_M"):
        path = llama(tmp_path / f"{mix}.gguf", mix)
        with path.open("rb") as file:
            start = file.read(1 << 20).rstrip(b"\0")
        files[f"Llama-{mix}.gguf"] = fake_hub.Large(start, path.stat().st_size)
    files |= {"mmproj-F16.gguf": b"GGUF", "README.md": b"# x", "config.json": b"{}"}
    hub.repos["models/org/name-GGUF"] = fake_hub.Repo(files=files)

    def run(*arguments: str) -> Any:
        env = {key: value for key, value in os.environ.items() if not key.startswith(("HF_", "HUGGING"))}
        env |= {"HF_ENDPOINT": hub.endpoint, "HF_HOME": str(tmp_path / "hf"), "ROPESCOPE_HOME": str(tmp_path / "home")}
        return subprocess.run(
            [sys.executable, "-m", "ropescope", *arguments], env=env, capture_output=True, text=True, timeout=120
        )

    done = run("fit", "org/name-GGUF", "--gpu", "12GiB", "--context", "8k", "--json")
    data = json.loads(done.stdout)
    assert data["best"] == "Llama-Q8_0.gguf" and [row["mix"] for row in data["choices"]] == ["Q8_0", "Q6_K", "Q4_K_M"]
    assert [row["exact"] for row in data["choices"]] == [True, False, True]
    local = {mix: fit(read_serving(open_model(tmp_path / f"{mix}.gguf"), TEXT)) for mix in ("Q8_0", "Q6_K", "Q4_K_M")}
    for row in data["choices"]:
        exact = local[row["mix"]].demand.total
        assert row["total_bytes"] == exact if row["exact"] else abs(row["total_bytes"] / exact - 1) < 1e-4
    # Of the files themselves no more than their headers came over the line.
    assert all(sent < 4 << 20 for name, sent in hub.sent.items() if name.endswith(".gguf"))
    launched = run("launch", "org/name-GGUF", "--gpu", "12GiB", "--context", "8k", "--precision", "Q6_K", "--bare")
    assert "-hf org/name-GGUF" in launched.stdout and "-hff Llama-Q6_K.gguf" in launched.stdout
    unnamed = run("launch", "org/name-GGUF", "--gpu", "12GiB")
    assert unnamed.returncode == 2 and "holds 3 GGUF models" in unnamed.stderr
    # What --gguf names is read and counted, and a mix that the repository has is fetched, not made.
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({"model_type": "llama", "num_hidden_layers": 32, "hidden_size": 4096,
        "num_attention_heads": 32, "num_key_value_heads": 8, "intermediate_size": 14336, "vocab_size": 128256,
        "max_position_embeddings": 131072}))  # fmt: skip
    ask = ("launch", str(folder), "--engine", "llama.cpp", "--gpu", "12GiB", "--context", "8k", "--json")
    given = json.loads(run(*ask, "--gguf", "org/name-GGUF:Q6_K").stdout)
    assert given["total_bytes"] == local["Q6_K"].demand.total and "-hff Llama-Q6_K.gguf" in given["command"]
    absent = run(*ask, "--gguf", "org/name-GGUF:Q2_K")
    assert absent.returncode == 2 and "holds no Q2_K" in absent.stderr
    other = (
        "launch",
        "org/name-GGUF/Llama-Q8_0.gguf",
        "--gpu",
        "12GiB",
        "--context",
        "8k",
        "--precision",
        "Q4_K_M",
        "--json",
    )
    fetched = json.loads(run(*other).stdout)
    assert fetched["before"] == [] and "-hff Llama-Q4_K_M.gguf" in fetched["command"]
    assert fetched["total_bytes"] == local["Q4_K_M"].demand.total
    made = json.loads(run(*other[:-2], "Q5_K_M", "--json").stdout)
    assert (
        made["before"][0].startswith("hf download org/name-GGUF Llama-Q8_0.gguf")
        and "llama-quantize" in made["before"][1]
    )
