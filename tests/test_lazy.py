"""Packages that list their names once: what a type checker reads there is what Python gives, on first use."""

import subprocess
import sys
from importlib import import_module

import pytest

import ropescope.lazy
from ropescope.lazy import attributes

PACKAGES = ("theory", "models", "measure", "network", "quality", "extend", "compress", "evidence")


@pytest.mark.parametrize("package", PACKAGES)
def test_every_listed_name_is_there_and_is_completed(package):
    room = import_module(f"ropescope.{package}")
    assert room.__all__ == sorted(room.__all__) and "TYPE_CHECKING" not in room.__all__
    for name in room.__all__:
        if name != "PlannedPress":  # needs kvpress
            assert getattr(room, name) is not None, name
    assert {*room.__all__, "__doc__"} <= set(dir(room))
    with pytest.raises(AttributeError, match=f"module 'ropescope.{package}' has no attribute 'nonesuch'"):
        _ = room.nonesuch


def test_a_name_costs_its_own_home_only():
    code = (
        "import sys; from ropescope.theory import gamma_pade; "
        "assert gamma_pade.__module__ == 'ropescope.theory.decay'; assert 'ropescope.theory.window' not in sys.modules; "
        "from ropescope.theory import *; assert susceptibility.__module__ == 'ropescope.theory.thermodynamics'"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_package_without_its_source_says_so_when_a_name_is_asked_for(monkeypatch):
    monkeypatch.setattr(ropescope.lazy, "find_spec", lambda package: None)
    find, _ = attributes("ropescope.theory")
    with pytest.raises(ImportError, match=r"ropescope\.theory was installed without its source"):
        find("gamma_pade")


@pytest.mark.parametrize(
    ("asked", "package", "extra"),
    [
        ("from ropescope.measure import DecayProfile", "numpy", "measure"),
        ("import ropescope; ropescope.DecayProfile", "numpy", "measure"),
        ("from ropescope.compress import serve", "torch", "measure"),
        ("from ropescope.evidence import Evidence", "numpy", "evidence"),
    ],
)
def test_a_name_whose_package_is_not_installed_says_what_to_install(asked, package, extra):
    code = f"""
import sys
sys.modules[{package!r}] = None
from ropescope.errors import MissingExtraError
try:
    {asked}
except MissingExtraError as error:
    print(error)
"""
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert f"needs {package}, which is not installed: pip install 'ropescope[{extra}]'." in told
