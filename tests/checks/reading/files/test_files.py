"""What a folder or repository holds: bytes and types as the gguf library reads them, kinds by content, parts, templates, fit."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import gguf_models
import pytest
import stored_models

from ropescope.checks.reading.files.asking import FilesInputs, answer
from ropescope.errors import RopescopeError, SourceError
from ropescope.models.embedded import embedded_model_path
from ropescope.questions.question import Run
from ropescope.report import Report

KEYS = {
    "block_count": 1, "embedding_length": 64, "attention.head_count": 4, "attention.head_count_kv": 2, "context_length": 512,
}  # fmt: skip


def files(source: object, **more: Any) -> Report:
    return answer(FilesInputs(source=str(source), **more), Run())


def rows(report: Report) -> dict[str, dict[str, Any]]:
    return {row["file"]: row for row in report.data["files"]}


def gguf(path: Path, more: dict[str, Any] | None = None, *, kind: str = "Q8_0", architecture: str = "llama") -> Path:
    path.parent.mkdir(exist_ok=True)
    return gguf_models.write(path, architecture, KEYS, gguf_models.ends(64, 320, kind=kind), more)


@pytest.mark.weights
def test_the_bytes_of_each_type_in_a_real_file_are_those_of_the_gguf_library() -> None:
    from gguf import GGUFReader

    path = embedded_model_path()
    report = files(path.parent)
    found = rows(report)[path.name]
    theirs: Counter[str] = Counter()
    for tensor in GGUFReader(path).tensors:
        theirs[tensor.tensor_type.name] += int(tensor.n_bytes)
    assert found["bytes_by_type"] == dict(theirs) and found["file_bytes"] == path.stat().st_size == 98_362_432
    assert "Q4_1 63.3 MiB, Q8_0 28.7 MiB" in report.verdict
    # 134.5 million weights: 96,6 MB of tensors are 5.74 bits each.
    assert found["bits_per_weight"] == pytest.approx(5.74, abs=0.005)


def test_kinds_parts_and_templates_are_told_apart(tmp_path: Path) -> None:
    imatrix = {"quantize.imatrix.dataset": "/home/me/calibration.txt", "quantize.imatrix.chunks_count": 125}
    gguf(tmp_path / "a-Q8_0.gguf", {"general.file_type": 7, "tokenizer.chat_template": "A"} | imatrix)
    gguf(tmp_path / "a-Q4_0.gguf", {"general.file_type": 3, "tokenizer.chat_template": "B"}, kind="Q4_1")
    for part in (0, 1):
        split = {"split.no": part, "split.count": 2, "split.tensors.count": 2}
        table = {f"blk.{part}.x": ((32, 32), "F32")}
        (tmp_path / "split").mkdir(exist_ok=True)
        gguf_models.write(tmp_path / f"split/b-0000{part + 1}-of-00002.gguf", "llama", KEYS, table, split)
    gguf(tmp_path / "looks-like-a-model.gguf", {"general.type": "mmproj"}, architecture="clip")
    gguf(tmp_path / "a-draft-Q8_0.gguf")
    stored_models.write_safetensors(tmp_path / "adapter_model.safetensors", {"x": ("F32", (4, 4))})
    (tmp_path / "pytorch_model.bin").write_bytes(b"x" * 10)
    (tmp_path / "out").symlink_to("/etc/hostname")
    report = files(tmp_path)
    found = rows(report)
    kinds = {name: row["kind"] for name, row in found.items() if row["kind"] != "model"}
    assert kinds == {
        "looks-like-a-model.gguf": "projector", "a-draft-Q8_0.gguf": "draft", "adapter_model.safetensors": "adapter",
    }  # fmt: skip
    joined = found["split/b-00001-of-00002.gguf"]
    assert joined["bytes_by_type"] == {"F32": 2 * 32 * 32 * 4} and len(joined["files"]) == 2
    assert joined["file_bytes"] == sum((tmp_path / name).stat().st_size for name in joined["files"])
    assert found["a-Q8_0.gguf"]["imatrix"] == "calibration.txt, 125 chunks"
    assert found["a-Q4_0.gguf"]["imatrix"] is None
    # 32 weights a block of 20 bytes; the norm is in 32 bits.
    assert found["a-Q4_0.gguf"]["bits_per_weight"] == pytest.approx(5.0, abs=0.1)
    assert len(report.data["templates"]) == 2 and "2 different chat templates" in report.verdict
    assert any("named Q4_0, and its header says Q4_1" in text for text in report.caveats)
    assert report.data["other_formats"] == {"pickled weights": ["pytorch_model.bin"]}
    assert any("out" in text and "lead out" in text for text in report.caveats)


def test_a_missing_part_is_an_error_and_beside_other_models_a_word(tmp_path: Path) -> None:
    for part in (1, 3):
        gguf(tmp_path / f"m-0000{part}-of-00003.gguf")
    with pytest.raises(SourceError, match=r"one of 3 files, .*put m-00002-of-00003.gguf beside it"):
        files(tmp_path)
    gguf(tmp_path / "whole.gguf")
    report = files(tmp_path)
    assert "1 of them cannot be read" in report.verdict and any("m-00002-of-00003" in text for text in report.caveats)
    for part in ("00001", "00003"):
        name = f"model-{part}-of-000163.safetensors"  # DeepSeek-V3 writes the number of parts with six digits
        stored_models.write_safetensors(tmp_path / name, {f"{part}.weight": ("BF16", (8, 8))})
    assert sum("163 files" in text for text in files(tmp_path).caveats) == 1


def test_safetensors_count_weights_and_not_packed_words(tmp_path: Path) -> None:
    stored_models.write_folder(
        tmp_path, stored_models.LLAMA_31_8B, stored_models.llama_rest() | {
            f"{name}.weight": ("BF16", shape) for name, shape in stored_models.llama_linears().items()
        },
    )  # fmt: skip
    (tmp_path / "chat_template.jinja").write_text("{{ messages }}")
    stored_models.write_safetensors(tmp_path / "consolidated.safetensors", {"x": ("BF16", (4, 4))})
    report = files(tmp_path, gpu="24GiB", context=8192)
    main = rows(report)["model.safetensors"]
    assert main["bytes_by_type"] == {"BF16": 2 * stored_models.LLAMA_31_8B_PARAMETERS} and main["bits_per_weight"] == 16
    assert main["template"] and rows(report)["consolidated.safetensors"]["kind"] == "weights"
    from ropescope.checks.fit import FitInputs
    from ropescope.checks.fit import answer as fit

    alone = fit(FitInputs(source=str(tmp_path), gpu="24GiB", context=8192), Run())
    assert main["total_bytes"] == alone.data["total_bytes"] and main["fits"] == alone.data["fits"]


def test_a_place_without_models_says_what_there_is(tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(b"12345")
    assert "no GGUF or safetensors model, but ONNX export (1)" in files(tmp_path).verdict
    (tmp_path / "model.onnx").unlink()
    assert files(tmp_path).verdict.endswith("holds no GGUF or safetensors model.")


@pytest.mark.parametrize(
    ("source", "more", "told"),
    [
        ("/nowhere/at/all", {}, "/nowhere/at/all"),
        (".", {"revision": "main"}, "no revision"),
        (".", {"gpu": "4091"}, "4091"),
    ],
)
def test_what_cannot_be_read_is_told_in_a_sentence(source: str, more: dict[str, Any], told: str) -> None:
    with pytest.raises(RopescopeError) as caught:
        files(source, **more)
    assert told in str(caught.value)


def test_of_a_repository_headers_alone_are_fetched(hub: Any, ask: Any, fake_hub: Any, tmp_path: Path) -> None:
    held: dict[str, Any] = {"README.md": b"hello"}
    for mix, kind, vocabulary in (("Q8_0", "Q8_0", 10**6), ("Q4_1", "Q4_1", 10**6)):
        table = gguf_models.ends(64, vocabulary, kind=kind)
        path = gguf_models.write(tmp_path / f"m-{mix}.gguf", "llama", KEYS, table, {"tokenizer.chat_template": "T"})
        with path.open("rb") as file:
            held[f"{mix}/m-{mix}.gguf"] = fake_hub.Large(file.read(1 << 16).rstrip(b"\0"), path.stat().st_size)
    hub.repos["models/org/m"] = fake_hub.Repo(files=held)
    whole, one, none, torn = ask(
        ("question", ("files", {"source": "org/m", "gpu": "24GiB"})),
        ("question", ("files", {"source": "org/m/Q4_1/m-Q4_1.gguf"})),
        ("question", ("files", {"source": "org/none"})),
        ("question", ("files", {"source": "org/m/x.gguf"})),
    )
    by_file = {row["file"]: row for row in whole["data"]["files"]}
    # Embedding and output of 64 million weights: 34 bytes for 32 of them in Q8_0, 20 in Q4_1.
    assert by_file["Q8_0/m-Q8_0.gguf"]["bytes_by_type"] == {"Q8_0": 2 * 64 * 10**6 // 32 * 34, "F32": 256}
    assert by_file["Q4_1/m-Q4_1.gguf"]["bytes_by_type"]["Q4_1"] == 2 * 64 * 10**6 // 32 * 20
    assert (
        by_file["Q8_0/m-Q8_0.gguf"]["file_bytes"] == held["Q8_0/m-Q8_0.gguf"].size
        and by_file["Q8_0/m-Q8_0.gguf"]["fits"]
    )
    assert whole["title"].startswith("org/m at 01234567 · 3 files") and whole["data"]["best"] == "Q8_0/m-Q8_0.gguf"
    assert [row["file"] for row in one["data"]["files"]] == ["Q4_1/m-Q4_1.gguf"]
    assert "no repository org/none" in none and "has no file x.gguf" in torn
    assert sum(hub.sent.values()) < 3 << 20, json.dumps(hub.sent)
