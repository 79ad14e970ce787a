"""Every question is a function of the package, with the registry's names, types and help, however the package is imported."""

from __future__ import annotations

import inspect
import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from released_configs import LLAMA_31_8B

import ropescope as rs
from ropescope.app.functions import WAYS, functions
from ropescope.app.in_python import InPython
from ropescope.errors import InputError, ReportError
from ropescope.questions.inputs import fields_of
from ropescope.questions.registry import known


@pytest.fixture
def config(tmp_path: Path) -> Path:
    folder = tmp_path / "config"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(LLAMA_31_8B))
    return folder


def test_every_question_is_a_function_that_says_what_it_takes() -> None:
    assert len(functions()) == len(known())
    for name, question in functions().items():
        one = getattr(rs, name)
        taken = inspect.signature(one).parameters
        fields = fields_of(question.inputs_type)
        assert {*taken} == {*WAYS, *(field.name for field in fields)}, name
        assert [each for each, part in taken.items() if part.kind is not part.KEYWORD_ONLY] == [
            field.name for field in fields if field.placed
        ]
        for field in fields:
            assert field.help in (inspect.getdoc(one) or "")
            assert (taken[field.name].default is inspect.Parameter.empty) == (
                field.required or taken[field.name].kind is inspect.Parameter.VAR_POSITIONAL
            )
    assert {*functions(), "Report", "DecayProfile", "KVPlan", "RopePlan", "Model", "Figure"} <= {*dir(rs)}
    assert rs.fit is rs.fit and (rs.fit.__module__, rs.fit.__name__) == ("ropescope", "fit")
    assert inspect.signature(rs.measure).return_annotation is rs.Report


@pytest.mark.parametrize(
    ("context", "gpu", "utilisation"), [("32k", "4090", "0.9"), (32768, 4090, 0.9), (32768.0, "RTX 4090", "9e-1")]
)
def test_text_and_values_ask_the_same(config: Path, context: Any, gpu: Any, utilisation: Any) -> None:
    report = rs.fit(config, gpu=gpu, context=context, utilisation=utilisation, engine="vllm")
    assert report.data == rs.fit(str(config), gpu="4090", context="32Ki", utilisation=0.9, engine="vllm").data
    assert report.holds is True and "32,768 tokens" in report.verdict


def test_numbers_of_numpy_and_one_value_for_a_list_are_taken(config: Path) -> None:
    numpy = pytest.importorskip("numpy")
    assert rs.fit(config, gpu="4090", context=numpy.int64(4096)).data == rs.fit(config, gpu="4090", context="4k").data
    typed = rs.saturation(scores=[67.2, 65.1], n=numpy.int32(500)).data
    assert typed == rs.saturation(scores="67.2,65.1", n="500").data
    many = rs.hardware(config, context="8k", price="4090=0.40").data
    assert many == rs.hardware(config, context="8k", price=["4090=0.40"]).data


def test_what_is_wrong_is_told_with_the_name_of_the_input(config: Path, tmp_path: Path) -> None:
    def told(field: str, sentence: str, *placed: Any, **named: Any) -> None:
        with pytest.raises(InputError, match=sentence) as caught:
            rs.fit(*placed, **named)
        assert caught.value.field == field

    told("contxt", "Did you mean `context`", config, gpu="4090", contxt="32k")
    told("context", "`context` = '12 parsecs' is not a number", config, gpu="4090", context="12 parsecs")
    told("batch", "`batch` must be a whole number", config, gpu="4090", batch=1.5)
    told("overhead", "`overhead` must be a size", config, gpu="4090", overhead=0.5)
    told("source", "`source` is missing")
    told("source", "given twice", config, source=config, gpu="4090")
    told("source", "by position only `source`: give '4090' by the name", config, "4090")
    told("ep", "`ep` must be true", config, gpu="4090", ep="perhaps")
    told("out", "`out` must be a path, not 3", config, gpu="4090", out=3)
    told("figure", "`figure` must be a path, not ''", config, gpu="4090", figure=["fit.json", ""])
    with pytest.raises(InputError, match="`out` must be a path, not 3"):  # in a folder, it would get a name of its own
        rs.measure(config, out=3)
    told("gpu", "must be a device.*not a number of thousands of digits", config, gpu=10**5000)
    with pytest.raises(InputError, match=r"devices takes nothing by position: give 'x+… by the name"):
        rs.devices("x" * 1000)
    with pytest.raises(ReportError, match="nowhere is no folder"):
        rs.fit(config, gpu="4090", out=tmp_path / "nowhere" / "report.json")
    with pytest.raises(InputError) as caught:
        rs.fit(config)
    assert len(caught.traceback) == 2, (
        "this line, and the function: what is inside of it says no more than the sentence"
    )
    with pytest.raises(AttributeError, match=r"no attribute 'compres_plan'\. Did you mean compress_plan\?"):
        _ = rs.compres_plan


def test_data_stands_in_the_place_of_a_file(config: Path) -> None:
    by_file, by_data = rs.fit(config, gpu="4090"), rs.fit(LLAMA_31_8B, gpu="4090")
    assert by_data.verdict == by_file.verdict and by_data.title == by_file.title
    assert by_data.next_steps[0].inputs["source"] == "<config>", "no path of a file that is gone"
    assert "config-2" in rs.compare(config, LLAMA_31_8B).verdict
    schema = {"type": "object", "properties": {"answer": {"type": "string"}, "reasoning": {"type": "string"}}}
    assert "“answer” is written before “reasoning”" in rs.tools_schema(schema).verdict
    messages = [{"role": "user", "content": "Hello"}]
    assert rs.template("{{ messages[0]['content'] }}", messages=messages).verdict
    with pytest.raises(InputError, match="`source` must be data that JSON can hold"):
        rs.fit({"hidden_size": object()}, gpu="4090")


def test_an_answer_is_kept_and_written_where_it_is_named(
    config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, html, md = (tmp_path / f"fit.{suffix}" for suffix in ("json", "html", "md"))
    report = rs.fit(config, gpu="4090", out=out, html=str(html), md=md, figure=tmp_path / "fit.json.json")
    assert rs.Report.from_dict(json.loads(out.read_text())) == rs.Report.from_dict(report.to_dict())
    assert report.verdict in md.read_text() and "<!doctype html>" in html.read_text()
    said = capsys.readouterr()
    assert said.out == said.err == "", "who calls a function named the files"


@pytest.mark.parametrize("seen", [1, 3])
def test_an_interruption_keeps_what_is_finished(
    tiny_folder_with_tokenizer: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seen: int
) -> None:
    monkeypatch.setenv("ROPESCOPE_HOME", str(tmp_path))
    own = InPython.progress

    def progress(self: InPython, done: int, planned: int, what: str) -> None:
        own(self, done, planned, what)
        if done == seen and planned == 4:
            raise KeyboardInterrupt

    few = {"length": 128, "rows": 8, "prompts": 4, "corpus": "random", "dtype": "float32"}
    monkeypatch.setattr(InPython, "progress", progress)
    kept = tmp_path / "ropescope.parquet"
    part = rs.measure(tiny_folder_with_tokenizer, **few, out=tmp_path)  # in a folder, under a name of its own
    assert rs.DecayProfile.load(kept).n_prompts == seen and any("nterrupted" in line for line in part.caveats)
    monkeypatch.setattr(InPython, "progress", own)
    rs.measure(tiny_folder_with_tokenizer, **few, out=kept, resume=True)
    assert rs.DecayProfile.load(kept).n_prompts == 4


ORDERS: Mapping[str, str] = {
    "the package alone": "",
    "a name of a room first": "from ropescope.measure import DecayProfile",
    "a module of a room first": "import ropescope.measure.profile, ropescope.evidence.cells, ropescope.pilot.inputs",
    "the room as a module": "import ropescope.measure as room; assert room.DecayProfile",
    "the room from the package": "from ropescope import measure, evidence, pilot",
    "the room by importlib": "import importlib; importlib.import_module('ropescope.measure')",
    "the question by the registry": "from ropescope.questions.registry import find; find('measure').inputs_type",
}

EVERY_USE = """
import inspect, sys
import ropescope as rs
for room in ("measure", "evidence", "pilot"):
    function = getattr(rs, room)
    assert callable(function) and function is sys.modules[f"ropescope.{room}"], room
    assert "out" in inspect.signature(function).parameters
    try:
        function(nonesuch=1)
    except rs._function(room).__globals__["InputError"] as error:
        assert error.field == "nonesuch"
    else:
        raise SystemExit("no error")
import ropescope.measure.profile
from ropescope.measure import DecayProfile, FixedLength
assert rs.measure.DecayProfile is DecayProfile is rs.DecayProfile is ropescope.measure.profile.DecayProfile
assert "DecayProfile" in dir(rs.measure) and rs.evidence.Evidence
assert not hasattr(rs.measure, "nonesuch")
assert rs.measure.__doc__.startswith("A network in, a DecayProfile out.") and "length: " in inspect.getdoc(rs.measure)
"""


@pytest.mark.parametrize("first", ORDERS.values(), ids=ORDERS)
def test_a_room_with_the_name_of_a_question_is_both(first: str) -> None:
    subprocess.run([sys.executable, "-c", f"{first}\n{EVERY_USE}"], check=True)


def test_only_rooms_that_are_known_share_a_name_with_a_question() -> None:
    import pkgutil

    rooms = {found.name for found in pkgutil.iter_modules(rs.__path__)}
    assert rooms & {*functions()} == {*rs._ROOMS}, "add it to _ROOMS of ropescope/__init__.py"
    assert not {*rs._NOUNS} & {*functions()}


def test_the_import_alone_costs_nothing() -> None:
    code = (
        "import sys; before = set(sys.modules); import ropescope; print(*(set(sys.modules) - before - {'ropescope'}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() in ([], ["types"])
