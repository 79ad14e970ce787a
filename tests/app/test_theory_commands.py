"""The commands hand the right report, and their options, to the one place that shows."""

import sys
from pathlib import Path
from types import ModuleType

import pytest
import typer
from click.testing import CliRunner

from ropescope.app import theory_commands


@pytest.fixture
def shown(monkeypatch):
    seen = []
    module = ModuleType("ropescope.app.show")
    module.show_report = lambda report, *, json=False, html=None, figures=(): seen.append((report, json, html, figures))
    monkeypatch.setitem(sys.modules, "ropescope.app.show", module)
    return seen


def _run(*words):
    app = typer.Typer()
    for command in (theory_commands.formulas, theory_commands.compute, theory_commands.prove, theory_commands.plot):
        app.command()(command)
    return CliRunner().invoke(app, list(words), catch_exceptions=False)


def test_formulas_without_and_with_a_name(shown):
    _run("formulas")
    _run("formulas", "gamma_pade", "--json")
    assert [report.title.split(":")[0] for report, *_ in shown] == ["Formulas", "gamma_pade"]
    assert [json for _, json, *_ in shown] == [False, True]


def test_compute_takes_arguments_with_an_equals_sign(shown):
    _run("compute", "compression_window", "gamma=-0.5", "n_tokens=2k", "--json")
    assert shown[0][0].data["arguments"] == {"gamma": -0.5, "n_tokens": 2048}


def test_plot_passes_the_files_on(shown):
    assert _run("plot", "window", "--figure", "a.svg", "--figure", "b.png").exit_code == 0
    assert shown[0][3] == (Path("a.svg"), Path("b.png"))
