import io
import json
import math
import sys

import pytest

from ropescope.app.show import Ways, show_report
from ropescope.errors import MissingExtraError, ReportError
from ropescope.report import Fact, Figure, Report


def report(figures: int = 2, value: float = 0.89) -> Report:
    specs = [Figure(f"fig{i}", "t", {"data": {"values": [{"a": i}]}, "mark": "point"}) for i in range(figures)]
    return Report("Decay of [red]x", "γ is 0.89.", (Fact("γ", value),), figures=tuple(specs), data={"gamma": value})


def test_the_terminal_gets_the_answer_first(capsys):
    show_report(report(), Ways())
    out, err = capsys.readouterr()
    assert out.startswith("γ is 0.89.\nDecay of [red]x\n") and err == ""


def test_json_is_all_that_standard_output_holds(capsys, tmp_path):
    show_report(report(), Ways(json=True, html=tmp_path / "p.html", figures=(tmp_path / "f.json",)))
    out, err = capsys.readouterr()
    told = json.loads(out)
    assert told.pop("answer")["verdict"] == "γ is 0.89." and told == {"gamma": 0.89}
    assert err.splitlines() == [f"Wrote {tmp_path / name}" for name in ("p.html", "f-fig0.json", "f-fig1.json")]


def test_every_path_gets_every_figure(capsys, tmp_path):
    show_report(report(1), Ways(figures=(tmp_path / "one.svg", tmp_path / "one.json")))
    assert {path.name for path in tmp_path.iterdir()} == {"one.svg", "one.json"}
    assert capsys.readouterr().out.count("Wrote") == 2


def test_a_wrong_suffix_is_refused_before_anything_is_shown(capsys, tmp_path):
    with pytest.raises(ReportError, match=r"\.svg"):
        show_report(report(), Ways(html=tmp_path / "p.html", figures=(tmp_path / "f.pdf",)))
    assert capsys.readouterr().out == "" and list(tmp_path.iterdir()) == []


def test_a_file_that_cannot_be_written_does_not_cost_the_answer(capsys, tmp_path):
    with pytest.raises(ReportError, match="does not exist"):
        show_report(report(), Ways(html=tmp_path / "missing" / "p.html"))
    assert capsys.readouterr().out.startswith("γ is 0.89.")


def test_a_figure_without_the_extra_is_a_sentence(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "vl_convert", None)
    with pytest.raises(MissingExtraError, match="pip install"):
        show_report(report(), Ways(figures=(tmp_path / "f.svg",)))
    show_report(report(), Ways(html=tmp_path / "p.html"))
    assert (tmp_path / "p.html").exists()


def test_files_are_there_before_the_first_line_is_printed(monkeypatch, tmp_path):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("ropescope.app.show._print", full)
    with pytest.raises(OSError):
        show_report(report(1), Ways(html=tmp_path / "p.html", figures=(tmp_path / "f.json",)))
    assert {path.name for path in tmp_path.iterdir()} == {"p.html", "f.json"}


@pytest.mark.parametrize("as_json", [True, False])
def test_nan_shows_nothing(capsys, as_json):
    with pytest.raises(ReportError):
        show_report(report(value=math.nan), Ways(json=as_json))
    assert capsys.readouterr().out == ""


def test_an_old_code_page_is_no_traceback(monkeypatch):
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="cp1252", write_through=True))
    show_report(report(), Ways())
    assert raw.getvalue().startswith(b"? is 0.89.")
