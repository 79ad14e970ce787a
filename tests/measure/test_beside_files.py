"""A GGUF file and an adapter have a profile of their own, which serves them as long as file, adapter and base are the same."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import tiny_gguf
import torch
from click.testing import CliRunner

from ropescope.app.cli import app
from ropescope.checks.reading.show import ShowInputs, answer
from ropescope.compress.asking import PlanInputs
from ropescope.compress.asking import answer as plan
from ropescope.errors import InputError, SourceError
from ropescope.evidence.atlas.sources import sources_of
from ropescope.measure.beside import lies_beside, name_beside, profile_beside, theirs
from ropescope.measure.profile import DecayProfile
from ropescope.models.opening import open as open_model
from ropescope.models.source import Source
from ropescope.models.weight_hashes import gguf_sha256, weights_sha256
from ropescope.questions.question import Run


def measured(source: Path, out: Path) -> None:
    """Measure `source`, quickly, by the command."""
    quick = ["--corpus", "random", "--length", "64", "--rows", "8", "--prompts", "1", "--dtype", "float32"]
    done = CliRunner().invoke(app, ["measure", str(source), *quick, "--device", "cpu", "--out", str(out)])
    assert done.exit_code == 0, done.output


def gamma_shown(source: Path) -> tuple[bool, tuple[str, ...]]:
    """Whether `show` gives a measured γ, and what it warns of."""
    report = answer(ShowInputs(source=str(source)), Run())
    return any(fact.name == "γ, measured" for fact in report.facts), report.caveats


def other_byte(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(bytes(data))


@pytest.fixture(scope="module")
def ggufs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of two GGUF files, the first with its profile."""
    folder = tmp_path_factory.mktemp("ggufs")
    network = tiny_gguf.network()
    tiny_gguf.write(network, folder / "tiny-F32.gguf")
    network.lm_head.weight.data[5] += 1
    tiny_gguf.write(network, folder / "tuned-F32.gguf")
    measured(folder / "tiny-F32.gguf", folder)
    return folder


@pytest.fixture
def folder(ggufs: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(ggufs, tmp_path / "ggufs"))


def test_a_profile_is_kept_by_the_name_of_its_gguf_file_and_found_for_it_alone(folder: Path) -> None:
    assert [path.name for path in folder.glob("*.parquet")] == ["tiny-F32.ropescope.parquet"]
    profile = DecayProfile.load(folder / "tiny-F32.ropescope.parquet")
    assert profile.provenance["weights"] == gguf_sha256(folder / "tiny-F32.gguf")
    assert gamma_shown(folder / "tiny-F32.gguf")[0] and not gamma_shown(folder / "tuned-F32.gguf")[0]
    found = profile_beside(open_model(folder / "tiny-F32.gguf"))
    assert found is not None and theirs(found).profile == profile
    planned = plan(PlanInputs(source=str(folder / "tiny-F32.gguf"), keep_mass=0.9, from_profile=True), Run())
    assert any(
        text.startswith("Planned from tiny-F32.ropescope.parquet beside the weights") for text in planned.caveats
    )
    by_path = plan(PlanInputs(source=str(folder / "tiny-F32.ropescope.parquet"), keep_mass=0.9), Run())
    assert by_path.data == planned.data
    with pytest.raises(InputError, match=r"No tuned-F32\.ropescope\.parquet lies beside"):
        plan(PlanInputs(source=str(folder / "tuned-F32.gguf"), keep_mass=0.9, from_profile=True), Run())
    for named in (folder, folder / "tiny-F32.gguf"):
        (source,) = sources_of(str(named))
        assert source.name.endswith("/tiny-F32.ropescope.parquet") and source.rows


@pytest.mark.parametrize(
    "change",
    [
        lambda folder: other_byte(folder / "tiny-F32.gguf"),
        lambda folder: shutil.copy(folder / "tuned-F32.gguf", folder / "tiny-F32.gguf"),
    ],
    ids=["byte", "another file"],
)
def test_a_profile_of_another_gguf_file_yields_no_number(folder: Path, change: Callable[[Path], Any]) -> None:
    change(folder)
    shown, caveats = gamma_shown(folder / "tiny-F32.gguf")
    assert not shown and any("tiny-F32.ropescope.parquet beside" in text and "are others" in text for text in caveats)
    for ask in (
        lambda: plan(PlanInputs(source=str(folder / "tiny-F32.gguf"), keep_mass=0.9, from_profile=True), Run()),
        lambda: sources_of(str(folder)),
    ):
        with pytest.raises(SourceError, match="belongs to another model"):
            ask()


def test_the_hash_of_a_split_file_is_that_of_all_its_parts(tmp_path: Path) -> None:
    first, second = (tmp_path / f"m-0000{part}-of-00002.gguf" for part in (1, 2))
    first.write_bytes(b"GGUF one")
    second.write_bytes(b"GGUF two")
    before = gguf_sha256(first)
    assert before == gguf_sha256(second)
    assert gguf_sha256(first, most_bytes=15) is None
    other_byte(second)
    assert gguf_sha256(first) != before
    alone = tmp_path / "m.gguf"
    alone.write_bytes(b"GGUF one")
    assert gguf_sha256(alone) != weights_sha256({"m.gguf": gguf_sha256(alone) or ""})  # the hash that listings have
    assert name_beside(Source("gguf", "m", path=second)) == "m-00001-of-00002.ropescope.parquet"
    assert lies_beside(tmp_path / "m-00001-of-00002.ropescope.parquet") == first


@pytest.fixture(scope="module")
def adapted(tiny_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a base, and an adapter that names it from its own place and holds its profile."""
    peft = pytest.importorskip("peft", reason="peft is not installed: pip install 'ropescope[peft]'")
    from transformers import AutoModelForCausalLM

    both = tmp_path_factory.mktemp("adapted")
    shutil.copytree(tiny_folder, both / "adapted-base")
    torch.manual_seed(3)
    config = peft.LoraConfig(r=4, target_modules=["q_proj", "v_proj"], task_type="CAUSAL_LM")
    wrapped = peft.get_peft_model(AutoModelForCausalLM.from_pretrained(both / "adapted-base", dtype="float32"), config)
    wrapped.save_pretrained(both / "adapter")
    edit(both / "adapter", base_model_name_or_path="../adapted-base")
    measured(both / "adapter", both / "adapter")
    return both


def edit(folder: Path, **changes: Any) -> None:
    path = folder / "adapter_config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def test_an_adapter_has_its_profile_in_its_folder(adapted: Path) -> None:
    assert (adapted / "adapter" / "ropescope.parquet").is_file()
    assert gamma_shown(adapted / "adapter")[0] and not gamma_shown(adapted / "adapted-base")[0]
    planned = plan(PlanInputs(source=str(adapted / "adapter"), keep_mass=0.9, from_profile=True), Run())
    by_path = plan(PlanInputs(source=str(adapted / "adapter" / "ropescope.parquet"), keep_mass=0.9), Run())
    assert by_path.data == planned.data
    (source,) = sources_of(str(adapted / "adapter"))
    assert source.name == "adapter/ropescope.parquet" and source.rows


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda both: other_byte(both / "adapter" / "adapter_model.safetensors"), "its adapter is another"),
        (lambda both: edit(both / "adapter", lora_alpha=64), "its adapter is another"),
        (lambda both: other_byte(both / "adapted-base" / "model.safetensors"), "its base has other weights"),
        (lambda both: shutil.copy(both / "adapter" / "ropescope.parquet", both / "adapted-base"), "with an adapter on"),
    ],
    ids=["weights", "alpha", "base", "on the base"],
)
def test_a_profile_of_another_adapter_or_base_yields_no_number(
    adapted: Path, tmp_path: Path, change: Callable[[Path], Any], why: str
) -> None:
    both = Path(shutil.copytree(adapted, tmp_path / "both"))
    change(both)
    asked = both / ("adapted-base" if "with an adapter" in why else "adapter")
    shown, caveats = gamma_shown(asked)
    assert not shown and any(why in text and "belongs to another model" in text for text in caveats)
    with pytest.raises(SourceError, match=why):
        plan(PlanInputs(source=str(asked), keep_mass=0.9, from_profile=True), Run())
    with pytest.raises(SourceError, match=why):
        sources_of(str(asked))
