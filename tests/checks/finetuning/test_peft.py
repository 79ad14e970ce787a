"""Faults of training code: each is found at its line, and code without it is left alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import released_configs as released

from ropescope.checks.finetuning.code.faults import RULES
from ropescope.checks.finetuning.peft import PeftInputs, answer
from ropescope.errors import FormatError, SourceError
from ropescope.questions.question import Run
from ropescope.report import Report

START = """from peft import LoraConfig, PeftModel, get_peft_model, prepare_model_for_kbit_training
from transformers import AutoModelForCausalLM, AutoTokenizer, DataCollatorForLanguageModeling, Trainer
from trl import SFTTrainer
model = AutoModelForCausalLM.from_pretrained(NAME)
tok = AutoTokenizer.from_pretrained(NAME)
"""
CONFIG = 'LoraConfig(r=8, target_modules=["q_proj", "v_proj"])'


def asked(tmp_path: Path, code: str, **more: Any) -> Report:
    base, path = tmp_path / "llama", tmp_path / "train.py"
    base.mkdir(exist_ok=True)
    (base / "config.json").write_text(json.dumps(released.LLAMA_31_8B))
    path.write_text(START + code)
    return answer(PeftInputs(**{"code": path, "base": str(base), **more}), Run())


def rules_of(report: Report) -> list[tuple[int, str]]:
    return [(one["line"], one["rule"]) for one in report.data["faults"]]


FAULTY = {
    "frozen-adapter": (6, 'model = PeftModel.from_pretrained(model, "out")\nTrainer(model=model).train()'),
    "prepared-after": (7, f"model = get_peft_model(model, {CONFIG})\nmodel = prepare_model_for_kbit_training(model)"),
    "no-match": (6, 'model = get_peft_model(model, LoraConfig(target_modules=["query_key_value"]))'),
    "part-unmatched": (6, 'model = get_peft_model(model, LoraConfig(target_modules=["q_proj", "gate"]))'),
    "not-a-layer": (6, 'model = get_peft_model(model, LoraConfig(target_modules=["self_attn"]))'),
    "untrained-tokens": (7, f'tok.add_tokens(["<a>"])\nmodel = get_peft_model(model, {CONFIG})'),
    "masked-eos": (6, "tok.pad_token = tok.eos_token\nDataCollatorForLanguageModeling(tok, mlm=False)\nget_peft_model"),
    "adapter-twice": (7, f"wrapped = get_peft_model(model, {CONFIG})\nSFTTrainer(wrapped, peft_config={CONFIG})"),
    "adapter-on-adapter": (7, f'model = get_peft_model(model, {CONFIG})\nmodel = PeftModel.from_pretrained(model, "out")'),
    "early-optimizer": (6, f"optimizer = torch.optim.AdamW(model.parameters())\nmodel = get_peft_model(model, {CONFIG})"),
    "inference-mode": (6, 'c = LoraConfig(target_modules=["q_proj"], inference_mode=True)'),
    "unknown-argument": (6, 'c = LoraConfig(rank=8, target_modules=["q_proj"])'),
    "untrained-head": (7, f'm = AutoModelForSequenceClassification.from_pretrained("a/b")\nm = get_peft_model(m, {CONFIG})'),
    "emptied-model": (7, f'm = get_peft_model(model, {CONFIG})\nm.merge_and_unload()\nm.save_pretrained("out")'),
}  # fmt: skip


@pytest.mark.parametrize("rule", RULES)
def test_each_fault_is_found_at_its_line(tmp_path: Path, rule: str) -> None:
    line, code = FAULTY[rule]
    report = asked(tmp_path, code)
    assert rules_of(report) == [(line, rule)] and report.holds is False
    assert report.verdict.startswith(f"Line {line}: ")


SOUND = {
    "trainable": 'm = PeftModel.from_pretrained(model, "out", is_trainable=True)\nTrainer(model=m).train()',
    "for inference": 'm = PeftModel.from_pretrained(model, "out")\nm.eval()\nm.generate(x)',
    "evaluated": 'm = PeftModel.from_pretrained(model, "out")\nTrainer(model=m).evaluate()',
    "set to train": 'm = PeftModel.from_pretrained(model, "out")\nm.set_adapter("default")\nTrainer(model=m).train()',
    "thawed": 'm = PeftModel.from_pretrained(model, "out")\nfor n, p in m.named_parameters():\n    p.requires_grad = True\n'
    "Trainer(model=m).train()",
    "merged, and another": f'm = PeftModel.from_pretrained(model, "out").merge_and_unload()\nm = get_peft_model(m, {CONFIG})\n'
    "Trainer(m).train()",
    "another model": f"a = get_peft_model(model, {CONFIG})\nb = prepare_model_for_kbit_training(other)",
    "prepared before": f"model = prepare_model_for_kbit_training(model)\nmodel = get_peft_model(model, {CONFIG})",
    "tokens saved": 'tok.add_tokens(["<a>"])\nc = LoraConfig(target_modules=["q_proj"], modules_to_save=["embed_tokens"])',
    "tokens trained": 'tok.add_tokens(["<a>"])\nc = LoraConfig(target_modules=["q_proj"], trainable_token_indices=[5])',
    "a pad token": f'tok.add_special_tokens({{"pad_token": "<pad>"}})\nc = {CONFIG}',
    "collator of trl": "from trl.trainer.sft_trainer import DataCollatorForLanguageModeling as D\ntok.pad_token = tok.eos_token\n"
    "D(tok)\nget_peft_model(model, None)",
    "merged and kept": f'm = get_peft_model(model, {CONFIG})\nm = m.merge_and_unload()\nm.save_pretrained("out")',
    "optimizer after": f"model = get_peft_model(model, {CONFIG})\no = AdamW(model.parameters())",
    "on two branches": f'if a:\n    m = PeftModel.from_pretrained(model, "o", is_trainable=True)\nelse:\n    m = '
    f"get_peft_model(model, {CONFIG})\n"
    "Trainer(m).train()",
}  # fmt: skip


@pytest.mark.parametrize("code", SOUND.values(), ids=SOUND)
def test_sound_code_is_left_alone(tmp_path: Path, code: str) -> None:
    report = asked(tmp_path, code)
    assert rules_of(report) == [] and report.holds is True


@pytest.mark.parametrize(
    ("targets", "matched"),
    [
        ('["query_key_value"]', 0),
        ('["q_proj", "v_proj"]', 64),
        ('"all-linear"', 224),
        (r'r".*mlp\.(up|down)_proj"', 64),
        ("NAMES", 32),
    ],
)
@pytest.mark.parametrize("build", [False, True])
def test_modules_are_matched_in_the_base(tmp_path: Path, targets: str, matched: int, build: bool) -> None:
    if build:
        pytest.importorskip("peft")
    code = f'NAMES = ["o_proj"]\nmodel = get_peft_model(model, LoraConfig(target_modules={targets}))'
    report = asked(tmp_path, code, build=build)
    assert (report.data["configs"][0]["matched"], report.data["linear_layers"]) == (matched, 224)
    assert f"{matched} of 224 linear layers" in report.facts[0].value


def test_a_fault_on_one_branch_is_found(tmp_path: Path) -> None:
    branches = (
        f'if resume:\n    m = PeftModel.from_pretrained(model, "out")\nelse:\n    m = get_peft_model(model, {CONFIG})\n'
    )
    assert rules_of(asked(tmp_path, branches + "t = Trainer(model=m)\nt.train()")) == [(7, "frozen-adapter")]


def test_computed_values_are_not_decided(tmp_path: Path) -> None:
    report = asked(tmp_path, "model = get_peft_model(model, LoraConfig(r=args.r, target_modules=args.targets))")
    assert (
        report.holds is None and report.verdict == "Undecided: no fault was found, but line 6 computes target_modules."
    )
    report = asked(tmp_path, 'm = PeftModel.from_pretrained(model, "o", is_trainable=resume)\nTrainer(m).train()')
    assert report.holds is None and "line 6 computes is_trainable" in report.verdict


def test_the_base_that_the_code_names_may_be_out_of_reach(tmp_path: Path) -> None:
    report = asked(
        tmp_path, f'model = AutoModelForCausalLM.from_pretrained("{tmp_path}/gone")\nc = {CONFIG}', base=None
    )
    assert report.holds is None and "line 7 computes the match of target_modules" in report.verdict
    with pytest.raises(SourceError, match="gone"):
        asked(tmp_path, f"c = {CONFIG}", base=str(tmp_path / "gone"))


def test_a_notebook_is_read_by_cells(tmp_path: Path) -> None:
    cells = ["!pip install peft\nimport peft\n", "c = peft.LoraConfig(\n    inference_mode=True)"]
    data = {"cells": [{"cell_type": "code", "source": cell} for cell in cells]}
    (tmp_path / "a.ipynb").write_text(json.dumps(data))
    report = answer(PeftInputs(code=tmp_path / "a.ipynb"), Run())
    assert report.verdict.startswith("Cell 2, line 1: the config has inference_mode=True.")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("def f(:\n", "line 1, is no Python"),
        ("x = '\0'", "null"),
        ("(" * 10_000, "no Python|nested"),
        ("x" + "+x" * 200_000, "nested"),
    ],
)
def test_what_is_no_code_is_refused_in_a_sentence(tmp_path: Path, text: str, told: str) -> None:
    (tmp_path / "a.py").write_text(text)
    with pytest.raises(FormatError, match=told):
        answer(PeftInputs(code=tmp_path / "a.py"), Run())
