"""What the page is told: forms from the registry, answers as the library gives them, and errors by field."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import released_configs as released

from ropescope.app.web.backend import MOST_TEXT, answer, problems
from ropescope.app.web.forms import catalogue, form
from ropescope.questions.registry import find, known
from ropescope.report.report import Report

CONTROLS = {"flag", "choice", "source", "file", "device", "text"}


@pytest.fixture
def llama(tmp_path: Path) -> str:
    (tmp_path / "config.json").write_text(json.dumps(released.LLAMA_31_8B))
    return str(tmp_path)


def test_every_question_is_listed_and_has_a_form() -> None:
    listed = [one["name"] for each in catalogue()["situations"] for one in each["questions"]]
    assert listed == list(known())
    for name, question in known().items():
        made = json.loads(json.dumps(form(question)))
        assert {field["control"] for field in made["fields"]} <= CONTROLS
        assert set(made["example"]) <= {field["name"] for field in made["fields"]}, name


def test_an_answer_is_the_librarys_and_the_report_comes_whole(llama: str) -> None:
    given = {"source": llama, "gpu": "4090", "context": "32k"}
    made = answer("fit", given)
    question = find("fit")
    from ropescope.questions.carrying import carried
    from ropescope.questions.inputs import from_text

    inputs = from_text(question.inputs_type, given)
    report = carried(question.ask(inputs), inputs)
    assert made["report"]["verdict"] == report.verdict
    assert Report.from_dict(made["report"]["whole"]) == Report.from_dict(report.to_dict())
    assert made["command"] == f"ropescope fit {llama} --gpu 4090 --context 32k"
    scope: dict[str, object] = {}
    exec(made["python"], scope)
    assert scope["report"].verdict == report.verdict  # type: ignore[attr-defined]
    assert all(step["question"] in known() for step in made["report"]["steps"] if step["question"])


def test_a_files_path_is_not_shown(llama: str) -> None:
    made = answer("show", {"source": llama}, names={llama: "config.json"})
    assert llama not in json.dumps(made) and "config.json" in made["command"]
    assert llama not in json.dumps(answer("show", {"source": f"{llama}/none"}, names={llama: "here"}))


@pytest.mark.parametrize(
    ("name", "given", "field"),
    [
        ("fit", {"source": "x", "gpu": "4090", "context": "8x"}, "context"),
        ("fit", {"source": "x"}, "gpu"),
        ("fit", {"source": "x", "gpu": "4090", "nothing": "1"}, "nothing"),
        ("fit", {"source": "x", "gpu": 4090}, "gpu"),
        ("fit", {"source": ["x", "y"], "gpu": "4090"}, "source"),
        ("show", {"source": "x" * (MOST_TEXT + 1)}, "source"),
        ("no such", {}, "question"),
    ],
)
def test_a_bad_input_is_told_by_its_field(name: str, given: dict[str, object], field: str) -> None:
    error = answer(name, given)["error"]  # type: ignore[arg-type]
    assert error["field"] == field and "\n" not in error["message"]


def test_problems_are_told_as_one_types_and_what_is_missing_only_later() -> None:
    assert problems("fit", {}) == {}
    assert set(problems("fit", {"context": "8x", "batch": "0", "gpu": ""})) == {"context", "batch"}
    assert problems("fit", {"source": "smollm2", "context": "32k"}) == {}


def test_it_is_light() -> None:
    script = (
        "import sys\nfrom ropescope.app.web.backend import answer\nfrom ropescope.app.web.forms import catalogue\n"
        "catalogue(); answer('devices', {})\n"
        "print(sorted({'torch', 'numpy', 'click', 'rich', 'huggingface_hub', 'pydantic'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=600)
    assert done.stdout.strip() == "[]", done.stderr
