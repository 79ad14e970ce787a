"""formulas, compute and plot on the command line: arguments, names that do not exist, and pictures in every form."""

import json

import pytest
from click.testing import CliRunner

from ropescope.app.cli import app
from ropescope.errors import DomainError


def _run(*words):
    return CliRunner().invoke(app, list(words))


def test_formulas_without_and_with_a_name():
    assert len(json.loads(_run("formulas", "--json").stdout)["formulas"]) > 50
    assert json.loads(_run("formulas", "gamma_pade", "--json").stdout)["name"] == "gamma_pade"


def test_compute_takes_arguments_with_an_equals_sign():
    found = json.loads(_run("compute", "compression_window", "gamma=-0.5", "n_tokens=2k", "--json").stdout)
    assert found["arguments"] == {"gamma": -0.5, "n_tokens": 2048}


def test_plot_writes_a_picture_in_every_form_that_is_asked_for(tmp_path):
    pytest.importorskip("vl_convert")
    assert (
        _run("plot", "window", "--figure", str(tmp_path / "a.svg"), "--figure", str(tmp_path / "b.png")).exit_code == 0
    )
    assert {path.name for path in tmp_path.iterdir()} == {"a.svg", "b.png"}


def test_a_picture_that_does_not_exist_is_told_with_those_that_do():
    error = _run("plot", "regime").exception
    assert isinstance(error, DomainError) and "regimes, thermodynamics, window or scaling" in str(error)
