"""A GGUF file with a plan in it: the same file but for the positions, and refused where it could not say them."""

from __future__ import annotations

from collections import namedtuple
from dataclasses import replace
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import pytest
import tiny_gguf
import torch
from click.testing import CliRunner

from ropescope.app.cli import app
from ropescope.errors import ExtendError, FormatError, ReportError
from ropescope.extend import plan_extension
from ropescope.extend.settings import settings_for
from ropescope.extend.settings.gguf_file import FACTORS, save_gguf
from ropescope.models.opening import open as open_model
from ropescope.network.loading.weights import load

PAIRS = tiny_gguf.HEAD_DIM // 2
SEARCHED = {"factors": [1.0 + 0.3 * pair for pair in range(PAIRS)], "attention_factor": 1.1}


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_gguf.write(tiny_gguf.network(), tmp_path_factory.mktemp("gguf") / "tiny.gguf")


def read(path: Path) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    reader = gguf.GGUFReader(path)
    keys = {name: field.contents() for name, field in reader.fields.items() if not name.startswith("GGUF.")}
    return keys, {tensor.name: np.array(tensor.data) for tensor in reader.tensors}


@pytest.mark.parametrize("method", ["yarn", "linear", "ntk", "llama3", "searched"])
def test_all_but_the_positions_stays(path: Path, tmp_path: Path, method: str) -> None:
    model = open_model(path)
    plan = plan_extension(model, 512, method, **(SEARCHED if method == "searched" else {}))
    (before, tensors), (after, copied) = read(path), read(save_gguf(plan, model, tmp_path / "held.gguf"))
    changed = {name for name in before | after if before.get(name) != after.get(name)}
    assert (
        changed
        == {"llama.context_length"}
        | {
            "yarn": {
                "llama.rope.scaling.type",
                "llama.rope.scaling.factor",
                "llama.rope.scaling.original_context_length",
            },
            "linear": {"llama.rope.scaling.type", "llama.rope.scaling.factor"},
            "ntk": {"llama.rope.freq_base"},
            "llama3": set(),
            "searched": {"llama.rope.scaling.attn_factor"},
        }[method]
    )
    assert after["llama.context_length"] == 512 and after["tests.words"] == ["kept", "as they are"]
    factors = copied.pop(FACTORS, None)
    assert (factors is not None) == (method in ("llama3", "searched"))
    if method == "searched":
        assert factors == pytest.approx(SEARCHED["factors"])
    assert copied.keys() == tensors.keys() and all(np.array_equal(copied[name], tensors[name]) for name in tensors)


def test_what_is_read_back_is_the_plan(path: Path, tmp_path: Path) -> None:
    """Another reader of ours, that of models, finds what was written."""
    model = open_model(path)
    held = open_model(save_gguf(plan_extension(model, 512, "yarn"), model, tmp_path / "held.gguf"))
    assert held.layers[0].rope is not None and held.context.configured == 512
    assert held.layers[0].rope.scaling == {
        "rope_type": "yarn",
        "factor": 4.0,
        "original_max_position_embeddings": 128,
    }
    # A ramp of its own goes along: this is how gpt-oss states YaRN.
    ramp = plan_extension(model, 512, "yarn")
    entry = replace(
        ramp.layer_types[0], parameters={**ramp.layer_types[0].parameters, "beta_fast": 16.0, "beta_slow": 2.0}
    )
    steep = open_model(save_gguf(replace(ramp, layer_types=(entry,)), model, tmp_path / "steep.gguf"))
    assert steep.layers[0].rope is not None and steep.layers[0].rope.scaling is not None
    assert (steep.layers[0].rope.scaling["beta_fast"], steep.layers[0].rope.scaling["beta_slow"]) == (16.0, 2.0)
    # A scaling that is there is replaced, not stacked upon.
    again = save_gguf(plan_extension(held, 1024, "linear"), held, tmp_path / "again.gguf")
    keys, _ = read(again)
    assert {name: value for name, value in keys.items() if ".rope.scaling." in name} == {
        "llama.rope.scaling.type": "linear",
        "llama.rope.scaling.factor": 8.0,
    }
    on_top = save_gguf(plan_extension(model, 512, "llama3"), model, tmp_path / "ramp.gguf")
    with pytest.raises(ExtendError, match="has a scaling factor for each rotary pair"):
        plan_extension(open_model(on_top), 1024)


@pytest.mark.parametrize("method", ["yarn", "linear", "ntk", "llama3", "searched"])
def test_a_network_read_from_the_file_has_the_plan(path: Path, tmp_path: Path, method: str) -> None:
    """transformers reads the base of a GGUF file alone; what is measured has to be what llama.cpp serves."""
    model = open_model(path)
    plan = plan_extension(model, 512, method, **(SEARCHED if method == "searched" else {}))
    held = load(save_gguf(plan, model, tmp_path / "held.gguf"), dtype="float32").network
    plain = load(path, dtype="float32").network
    ids = torch.randint(3, 259, (1, 400), generator=torch.Generator().manual_seed(4))
    with torch.no_grad():
        unscaled = plain(ids).logits
        with plan.applied(plain):
            planned = plain(ids).logits
        torch.testing.assert_close(held(ids).logits, planned, atol=2e-4, rtol=1e-4)
    assert (planned - unscaled).abs().max() > 0.1


@pytest.mark.parametrize("broken", [[0.0] * PAIRS, [float("nan")] * PAIRS])
def test_factors_that_cannot_be_are_refused(path: Path, tmp_path: Path, broken: list[float]) -> None:
    """What a file says is not trusted: these would divide by nothing."""
    model = open_model(path)
    plan = plan_extension(model, 512, "searched", **SEARCHED)
    held = save_gguf(plan, model, tmp_path / "held.gguf")
    whole, good = held.read_bytes(), np.array(SEARCHED["factors"], dtype=np.float32).tobytes()
    assert whole.count(good) == 1
    held.write_bytes(whole.replace(good, np.array(broken, dtype=np.float32).tobytes()))
    with pytest.raises(FormatError, match="no number above 0"):
        load(held, dtype="float32")


def test_factors_for_another_head_are_refused(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = open_model(path)
    held = save_gguf(plan_extension(model, 512, "searched", **SEARCHED), model, tmp_path / "held.gguf")
    monkeypatch.setattr("ropescope.network.loading.gguf_positions._factors", lambda _: [1.0] * (PAIRS - 1))
    with pytest.raises(FormatError, match="7 factors for 8 rotary pairs"):
        load(held, dtype="float32")


def test_what_a_file_cannot_hold_is_refused(path: Path, tmp_path: Path, tiny_folder: Path) -> None:
    model = open_model(path)
    target = tmp_path / "held.gguf"
    with pytest.raises(ExtendError, match="one set of frequencies for all lengths"):
        save_gguf(plan_extension(model, 512, "dynamic"), model, target)
    with pytest.raises(ExtendError, match="the plan changes nothing"):
        save_gguf(plan_extension(model, 100), model, target)
    with pytest.raises(ExtendError, match="states the length in 32 bits"):
        save_gguf(replace(plan_extension(model, 512), target_length=1 << 32), model, target)
    folder = open_model(tiny_folder, config_only=True)
    with pytest.raises(ExtendError, match="is not a GGUF file on this machine"):
        save_gguf(plan_extension(folder, 1024, "yarn"), folder, target)
    with pytest.raises(ExtendError, match=r"tiny\.gguf exists"):
        save_gguf(plan_extension(model, 512), model, path)
    with pytest.raises(ReportError, match="does not exist"):
        save_gguf(plan_extension(model, 512), model, tmp_path / "nowhere" / "held.gguf")
    assert not target.exists()


def test_a_full_disk_leaves_nothing(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model, usage = open_model(path), namedtuple("usage", "total used free")
    monkeypatch.setattr("shutil.disk_usage", lambda _: usage(100, 99, 1))
    with pytest.raises(ReportError, match="choose another folder"):
        save_gguf(plan_extension(model, 512), model, tmp_path / "held.gguf")
    monkeypatch.undo()

    def full(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(gguf.GGUFWriter, "write_tensor_data", full)
    with pytest.raises(ReportError, match="No space left"):
        save_gguf(plan_extension(model, 512), model, tmp_path / "held.gguf")
    assert list(tmp_path.iterdir()) == []


def test_the_command_and_its_settings(path: Path, tmp_path: Path) -> None:
    held = tmp_path / "held.gguf"
    command = ["extend", "plan", str(path), "--to", "512", "--method", "llama3", "--save-gguf", str(held)]
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 0, result.output
    assert "has these RoPE settings. Run llama-server -m" in " ".join(result.output.split())
    assert FACTORS in read(held)[1]
    again = CliRunner().invoke(app, command)
    assert "exists: name another" in str(again.exception)
    plan = plan_extension(open_model(path), 512, "searched", **SEARCHED)
    told = settings_for(plan, str(path), "llama.cpp")
    assert told.text == "" and "`save_gguf`" in told.remarks[0]
    assert "`save_gguf`" in settings_for(plan, str(path), "ollama").remarks[0]
