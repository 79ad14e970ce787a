"""lm-eval on an extended network: a task of our own on local data, against losses taken here."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F

from ropescope.errors import ExtendError
from ropescope.extend.evaluate.candidates import candidates
from ropescope.extend.evaluate.lm_eval_tasks import run_tasks
from ropescope.network.loading.weights import Weights, load

pytest.importorskip("lm_eval", reason="lm-eval is not installed (pip install 'ropescope[lm-eval]')")

CHOICES = (" red", " blue", " green")
TASK = """
task: far_colour
dataset_path: json
dataset_kwargs:
  data_files:
    test: {data}
test_split: test
output_type: multiple_choice
doc_to_text: "{{{{text}}}}"
doc_to_choice: {choices}
doc_to_target: label
target_delimiter: ""
metric_list:
  - metric: acc
"""


@pytest.fixture(scope="module")
def weights(tiny_folder_with_tokenizer: Path) -> Weights:
    return load(tiny_folder_with_tokenizer, dtype="float32")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Twelve questions of 400 tokens, beyond the 256 that the network was made for."""
    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path / "cache"))
    data = tmp_path / "far.jsonl"
    rows = [{"text": f"{i} " + "The sky above the sea was ".ljust(20) * 15 + str(i), "label": i % 3} for i in range(12)]
    data.write_text("\n".join(map(json.dumps, rows)))
    place = tmp_path / "tasks"
    place.mkdir()
    (place / "far.yaml").write_text(TASK.format(data=data, choices=json.dumps(CHOICES)))
    return place


def accuracy(weights: Weights, method: str, rows: list[dict[str, object]]) -> float:
    plan = candidates(weights.model, 512, [method])[0].plan
    right = 0
    with plan.applied(weights.network) as network, torch.inference_mode():
        for row in rows:
            scores = []
            for choice in CHOICES:
                start = weights.tokenizer(row["text"])["input_ids"]
                rest = weights.tokenizer(choice, add_special_tokens=False)["input_ids"]
                ids = torch.tensor([[*start, *rest]])
                rows_of = network(ids).logits[0, len(start) - 1 : -1]
                scores.append(-float(F.cross_entropy(rows_of, torch.tensor(rest), reduction="sum")))
            right += max(range(3), key=scores.__getitem__) == row["label"]
    return right / len(rows)


def test_what_lm_eval_reports_is_what_the_extended_network_answers(weights: Weights, folder: Path) -> None:
    made = candidates(weights.model, 512, ["none", "linear"])
    found = run_tasks(weights, made, ["far_colour"], folder=folder)
    rows = [json.loads(line) for line in (folder.parent / "far.jsonl").read_text().splitlines()]
    assert {(m.task, m.name, m.method): m.value for m in found} == {
        ("far_colour", "acc", method): pytest.approx(accuracy(weights, method, rows)) for method in ("none", "linear")
    }
    assert all(m.standard_error is not None and m.standard_error >= 0 for m in found)


def test_an_unknown_task_is_one_sentence(weights: Weights) -> None:
    with pytest.raises(ExtendError, match="lm-eval failed on no_such_task"):
        run_tasks(weights, candidates(weights.model, 512, ["yarn"]), ["no_such_task"])
