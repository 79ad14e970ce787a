"""A LoRA against its base and the engines: counted and scaled as peft does, and every misfit named."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import released_configs as released
import stored_models as made

from ropescope.checks.finetuning.adapter import AdapterInputs, answer
from ropescope.checks.finetuning.adapters.engines import rules
from ropescope.errors import FormatError, RopescopeError, SourceError
from ropescope.questions.question import Run
from ropescope.report import Report

PAIRS = ("q_proj", "v_proj")
PLACE = "base_model.model.model.layers.3.self_attn"
HEAD = {"base_model.model.lm_head.weight": ("BF16", (128_256, 4096))}


def asked(source: Path, base: Path | None = None, **more: Any) -> Report:
    return answer(AdapterInputs(source=str(source), base=None if base is None else str(base), **more), Run())


def outcomes(report: Report) -> dict[str, str]:
    return {one["engine"]: one["outcome"] for one in report.data["engines"]}


@pytest.fixture
def llama(tmp_path: Path) -> Path:
    (tmp_path / "llama").mkdir()
    (tmp_path / "llama" / "config.json").write_text(json.dumps(released.LLAMA_31_8B))
    return tmp_path / "llama"


@pytest.fixture
def lora(tmp_path: Path) -> Callable[..., Path]:
    """Writes a LoRA of q_proj and v_proj of Llama 3.1 8B, whose config and tensors may differ."""

    def write(rank: int = 16, table: dict[str, Any] | None = None, **config: Any) -> Path:
        folder = tmp_path / "lora"
        folder.mkdir()
        tensors: dict[str, Any] = {}
        for layer in range(32):
            place = f"base_model.model.model.layers.{layer}.self_attn"
            for name, outputs in zip(PAIRS, (4096, 1024), strict=True):
                tensors[f"{place}.{name}.lora_A.weight"] = ("F32", (rank, 4096))
                tensors[f"{place}.{name}.lora_B.weight"] = ("F32", (outputs, rank))
        made.write_safetensors(folder / "adapter_model.safetensors", tensors | (table or {}))
        stated = {"peft_type": "LORA", "base_model_name_or_path": "org/base", "r": rank, "lora_alpha": 16}
        (folder / "adapter_config.json").write_text(json.dumps({**stated, "target_modules": list(PAIRS), **config}))
        return folder

    return write


def test_pairs_are_counted_and_fit(lora: Callable[..., Path], llama: Path) -> None:
    report = asked(lora(), llama)
    assert report.holds and report.data["parameters"] == 6_815_744 and report.data["pairs"] == 64
    assert report.data["shapes"]["model.layers.0.self_attn.v_proj"] == {"A": [16, 4096], "B": [1024, 16]}
    assert set(outcomes(report).values()) == {"loads"}


@pytest.mark.parametrize(("stabilised", "scaling"), [(False, 0.25), (True, 2.0)])
def test_scaling(lora: Callable[..., Path], llama: Path, stabilised: bool, scaling: float) -> None:
    report = asked(lora(rank=64, use_rslora=stabilised), llama)
    assert set(report.data["scaling"].values()) == {scaling}
    assert outcomes(report)["vllm"] == "limit" and "set max_lora_rank to 64" in report.verdict
    assert outcomes(report)["llama.cpp"] == ("wrong" if stabilised else "loads")
    if stabilised:  # α/r with this alpha is what α/√r was
        mend = next(
            rule["mend"] for one in report.data["engines"] if one["engine"] == "llama.cpp" for rule in one["rules"]
        )
        assert "set lora_alpha to 128" in mend and scaling == 128 / 64
    assert outcomes(asked(Path(str(llama.parent / "lora")), llama, max_lora_rank=64))["vllm"] == "loads"


@pytest.mark.parametrize(
    ("table", "config", "told"),
    [
        ({f"{PLACE}.q_proj.lora_A.weight": ("F32", (16, 2048))}, {}, r"A is \[16, 2048\] .* weight is \[4096, 4096\]"),
        ({f"{PLACE}.q_proj.lora_B.weight": ("F32", (4096, 8))}, {}, "their ranks differ"),
        ({"base_model.model.model.layers.99.self_attn.q_proj.lora_A.weight": ("F32", (16, 4096))}, {}, "it has no B"),
        ({}, {"rank_pattern": {"v_proj": 8}}, "its rank is 16, and the config says 8"),
    ],
)  # fmt: skip
def test_each_misfit_is_named(lora: Callable[..., Path], llama: Path, table: Any, config: Any, told: str) -> None:
    report = asked(lora(table=table, **config), llama)
    assert report.holds is False and "does not fit" in report.verdict
    assert re.search(told, report.verdict)


@pytest.mark.parametrize(
    ("config", "table", "expected"),
    [
        ({"use_dora": True}, {}, ("loads", "refused", "refused", "refused")),
        ({"alpha_pattern": {"v_proj": 32}}, {}, ("loads", "loads", "wrong", "wrong")),
        ({"bias": "all"}, {}, ("loads", "refused", "unknown", "refused")),
        ({"init_lora_weights": "pissa"}, {}, ("loads", "refused", "wrong", "wrong")),
        ({"init_lora_weights": "gaussian"}, {}, ("loads", "loads", "loads", "loads")),
        ({"modules_to_save": ["lm_head"]}, HEAD, ("loads", "refused", "wrong", "refused")),
        ({}, {"base_model.model.model.embed_tokens.weight": ("BF16", (128_258, 4096))}, ("limit", "refused", "wrong", "refused")),
    ],
)  # fmt: skip
def test_engines_by_feature(lora: Callable[..., Path], llama: Path, config: Any, table: Any, expected: Any) -> None:
    assert tuple(outcomes(asked(lora(table=table, **config), llama)).values()) == expected


def test_an_engine_that_is_named_is_answered_for(lora: Callable[..., Path], llama: Path) -> None:
    folder = lora(use_dora=True)
    assert asked(folder, llama, engine="peft").holds is True
    assert asked(folder, llama, engine="vllm").holds is False
    assert asked(folder, llama, engine="vllm").verdict.endswith("vLLM refuses it: it does not support DoRA.")


def test_a_base_out_of_reach_leaves_it_undecided(lora: Callable[..., Path], tmp_path: Path) -> None:
    report = asked(lora(base_model_name_or_path=str(tmp_path / "gone")))
    assert (
        report.holds is None and report.verdict.startswith("Not known: whether lora fits") and "gone" in report.verdict
    )
    assert report.data["parameters"] == 6_815_744
    with pytest.raises(SourceError, match="gone"):
        asked(tmp_path / "lora", tmp_path / "gone")


@pytest.mark.parametrize(
    ("config", "told"),
    [
        ({"r": 0}, "r is 0"),
        ({"rank_pattern": {"q": "8"}}, "rank_pattern.q"),
        ({"target_modules": 3}, "target_modules"),
        ({"peft_type": "no word"}, "peft_type"),
    ],
)
def test_a_config_that_cannot_be_is_refused_by_its_field(
    lora: Callable[..., Path], llama: Path, config: Any, told: str
) -> None:
    with pytest.raises(FormatError, match=told):
        asked(lora(**config), llama)


def test_another_kind_is_told(lora: Callable[..., Path], llama: Path) -> None:
    report = asked(lora(peft_type="LOHA"), llama, engine="vllm")
    assert report.holds is False and "LOHA adapter and no LoRA" in report.verdict


def test_no_adapter_is_told(llama: Path) -> None:
    with pytest.raises(RopescopeError, match="peft_type"):
        asked(llama)


def test_rules_are_whole() -> None:
    assert len({(rule.engine, rule.feature) for rule in rules()}) == len(rules())
    assert all(rule.version and rule.source and rule.read and rule.mend for rule in rules())
    assert all(
        len({rule.version for rule in rules() if rule.engine == name}) == 1 for name in ("vllm", "sglang", "llama.cpp")
    )


@pytest.mark.parametrize(
    "settings",
    [
        {"r": 4},
        {"r": 4, "rank_pattern": {"v_proj": 2}, "alpha_pattern": {"layers.0.self_attn.q_proj": 3}},
        {"r": 4, "use_rslora": True, "modules_to_save": ["lm_head"]},
    ],
)
def test_what_peft_saves_fits_and_scales_as_in_peft(settings: Any, tiny_folder: Path, tmp_path: Path) -> None:
    peft = pytest.importorskip("peft")
    from transformers import AutoModelForCausalLM

    network = AutoModelForCausalLM.from_pretrained(tiny_folder)
    config = peft.LoraConfig(target_modules=list(PAIRS), task_type="CAUSAL_LM", **settings)
    wrapped = peft.get_peft_model(network, config)
    wrapped.save_pretrained(tmp_path / "saved")
    trained = sum(value.numel() for value in wrapped.parameters() if value.requires_grad)
    scaling = {
        name.removeprefix("base_model.model."): module.scaling["default"]
        for name, module in wrapped.named_modules()
        if hasattr(module, "lora_A") and hasattr(module, "scaling")
    }
    report = asked(tmp_path / "saved", tiny_folder)
    assert report.holds and report.data["parameters"] == trained
    assert report.data["scaling"] == pytest.approx(scaling)


def test_on_the_hub_the_base_is_read_at_the_revision_that_is_named(
    hub: Any, ask: Any, fake_hub: Any, tmp_path: Path
) -> None:
    small = {**released.LLAMA_31_8B, "num_hidden_layers": 2}
    commit, other = "0123456789abcdef0123456789abcdef01234567", "f" * 40
    place = "base_model.model.model.layers.1.self_attn.q_proj"
    table = {f"{place}.lora_A.weight": ("F32", (8, 4096)), f"{place}.lora_B.weight": ("F32", (4096, 8))}
    weights = made.write_safetensors(tmp_path / "adapter_model.safetensors", table).read_bytes()
    config = {"peft_type": "LORA", "base_model_name_or_path": "org/base", "revision": "v2", "r": 8}
    hub.repos["models/org/base"] = fake_hub.Repo(
        files={"config.json": json.dumps(small).encode()}, revisions={"main": commit, "v2": other}
    )
    hub.repos["models/org/tuned"] = fake_hub.Repo(
        files={"adapter_config.json": json.dumps(config).encode(), "adapter_model.safetensors": weights}
    )
    fits, none = ask(
        ("question", ["adapter", {"source": "org/tuned"}]), ("question", ["adapter", {"source": "org/base"}])
    )
    assert fits["holds"] is True and fits["data"]["pairs"] == 1 and fits["title"] == "org/tuned on org/base"
    assert any(other in request and "config.json" in request for request in hub.requests)
    assert "no adapter_config.json" in none and none.startswith("SourceError")
