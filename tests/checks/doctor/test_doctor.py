"""`doctor` tells what is missing from what is too old, broken or asked for, and never what a token is."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from click.testing import CliRunner
from installed_plugins import made

from ropescope import __version__
from ropescope.app.cli import app
from ropescope.checks.doctor.asking import DoctorInputs, answer
from ropescope.checks.doctor.machine import folders
from ropescope.checks.doctor.packages import FOR, installed
from ropescope.errors import InputError
from ropescope.questions.plugins import METHODS, QUESTIONS
from ropescope.questions.question import Run
from ropescope.report.report import Report

NEEDED = """Provides-Extra: measure
Provides-Extra: ray
Provides-Extra: dev
Requires-Dist: click>=8.1
Requires-Dist: tomli>=1; python_version < "3.11"
Requires-Dist: torch>=2.6; extra == "measure"
Requires-Dist: transformers<6,>=5.2; extra == "measure"
Requires-Dist: ropescope[measure]; extra == "ray"
Requires-Dist: ray[client]>=2.50; extra == "ray"
Requires-Dist: ruff>=99; extra == "dev"
"""


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the metadata of ropescope, and none of what is installed."""
    import packaging.requirements
    import packaging.version  # noqa: F401  it stays importable

    monkeypatch.setenv("ROPESCOPE_HOME", str(tmp_path / "home"))
    folder = tmp_path / "site"
    has(folder, "ropescope", __version__, NEEDED)
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.setattr(sys, "path", [str(folder), *(path for path in sys.path if "site-packages" not in path)])
    return folder


def has(site: Path, name: str, version: str, more: str = "") -> None:
    info = site / f"{name}-{version}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{more}")


def states(*there: tuple[str, str]) -> tuple[Report, Mapping[str, str]]:
    report = answer(DoctorInputs(quick=True), Run())
    return report, {name: package["state"] for name, package in report.data["packages"].items()}


def test_what_is_missing_of_an_extra_is_no_fault_until_it_is_needed(site: Path) -> None:
    has(site, "click", "8.5.1")
    has(site, "transformers", "4.57.0")
    report, found = states()
    assert report.holds and report.verdict.startswith(
        "Everything that is installed works. Not installed: measure (everything"
    )
    assert report.verdict.endswith(", ray.")
    assert found == {"click": "ok", "torch": "missing", "transformers": "too old", "ray": "missing"}
    assert "pip install 'ropescope[measure]'" in str(report.next_steps[0])
    report = answer(DoctorInputs(extras=("ray",), quick=True), Run())
    assert report.holds is False and "work shared on Ray cannot work without torch, ray: pip install" in report.verdict


def test_all_there_and_new_enough_is_everything(site: Path) -> None:
    for name, version in (("click", "8.1"), ("torch", "2.6.0+cu124"), ("transformers", "5.2.0"), ("ray", "2.50.0")):
        has(site, name, version)
    report, found = states()
    assert report.verdict == "Everything works." and set(found.values()) == {"ok"}
    assert report.data["extras"] == {"measure": True, "ray": True}


@pytest.mark.parametrize(("version", "state"), [("5.2rc1", "too old"), ("4.57.3", "too old"), ("6.0.1", "too new")])
def test_a_version_that_does_not_do_is_told_with_the_mend(site: Path, version: str, state: str) -> None:
    for name, had in (("click", "8.1"), ("torch", "2.6"), ("transformers", version), ("ray", "2.50.0")):
        has(site, name, had)
    report, _ = states()
    assert report.verdict == (
        f"Not everything works: transformers {version} is {state} for everything that runs weights: "
        "pip install 'transformers<6,>=5.2'."
    )
    assert report.data["extras"] == {"measure": False, "ray": False}


def test_a_missing_core_and_another_version_are_faults(site: Path) -> None:
    (site / f"ropescope-{__version__}.dist-info").rename(site / "ropescope-9.9.dist-info")
    about = site / "ropescope-9.9.dist-info" / "METADATA"
    about.write_text(about.read_text().replace(f"Version: {__version__}", "Version: 9.9"))
    report, _ = states()
    assert report.data["faults"][0].startswith(f"this is ropescope {__version__}, and what pip installed is 9.9")
    assert report.data["faults"][1] == "every command cannot work without click: pip install ropescope."


def test_every_extra_of_this_package_says_what_it_is_for() -> None:
    import tomllib

    project = tomllib.loads((Path(__file__).parents[3] / "pyproject.toml").read_text())["project"]
    assert {*project["optional-dependencies"], "core"} == {*FOR, "dev", "docs"}


def test_an_unknown_extra_is_refused() -> None:
    with pytest.raises(InputError, match="Did you mean measure"):
        answer(DoctorInputs(extras=("mesure",)), Run())


def test_a_token_is_told_by_where_it_is_from_and_never_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    monkeypatch.delenv("HF_TOKEN", raising=False)
    monkeypatch.delenv("HF_TOKEN_PATH", raising=False)
    monkeypatch.setenv("HF_ENDPOINT", "https://me:hf_secret@mirror.example")

    def said() -> str:
        done = CliRunner().invoke(app, ["doctor", "--quick", "--json"], catch_exceptions=False)
        assert "hf_secret" not in done.output and "@mirror.example" in done.output
        facts = {fact["name"]: fact for fact in json.loads(done.stdout)["answer"]["facts"]}
        return f"{facts['token of the Hub']['value']}: {facts['token of the Hub']['source']}"

    assert said() == "none: no variable, no file"
    (tmp_path / "hf").mkdir()
    (tmp_path / "hf" / "token").write_text("hf_secret")
    assert said() == f"present: {tmp_path / 'hf' / 'token'}"
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    assert said() == "present: HF_TOKEN"


@pytest.mark.parametrize(
    "variables", [{}, {"HF_HOME": "/a"}, {"HF_HUB_CACHE": "/b"}, {"XDG_CACHE_HOME": "/c"}, {"HF_TOKEN_PATH": "/d"}]
)
def test_the_hubs_places_are_those_of_huggingface_hub(variables: Mapping[str, str]) -> None:
    code = (
        "from huggingface_hub import constants; from ropescope.checks.doctor import machine\n"
        "print(constants.HF_HUB_CACHE == str(machine.hub_cache()), constants.HF_TOKEN_PATH == str(machine.token_path()))"
    )
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("HF_", "XDG_"))}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env={**clean, **variables}, check=True
    )
    assert done.stdout.split() == ["True", "True"]


def test_a_cache_counts_a_file_once_however_many_names_it_has(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    blobs = tmp_path / "hub" / "blobs"
    blobs.mkdir(parents=True)
    (blobs / "a").write_bytes(bytes(70_000))
    os.link(blobs / "a", blobs / "b")
    (tmp_path / "hub" / "link").symlink_to(blobs / "a")
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    hub = folders()[1]
    assert hub.whole and 70_000 <= hub.n_bytes < 70_400 and hub.writable and hub.free_bytes


@pytest.mark.parametrize(
    ("body", "told"),
    [("raise ImportError('no libcudart')", "ImportError: no libcudart"), ("import os; os._exit(9)", "status 9")],
)
def test_a_broken_torch_is_told_even_if_it_ends_the_process(
    site: Path, body: str, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    has(site, "click", "8.1")
    has(site, "torch", "2.9")
    (site / "torch.py").write_text(body)
    report = answer(DoctorInputs(), Run())
    assert report.holds is False and told in report.verdict


def test_a_python_that_cannot_be_run_is_told(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    has(site, "click", "8.1")
    monkeypatch.setattr(sys, "executable", str(site / "gone"))
    fault = answer(DoctorInputs(), Run()).data["faults"][0]
    assert "gone, which cannot be run (No such file or directory): install Python again." in fault


@pytest.mark.parametrize("named", ["f", "n" * 300])
def test_a_cache_that_no_folder_can_be_is_told(tmp_path: Path, named: str, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "f").touch()
    monkeypatch.setenv("HF_HOME", str(tmp_path / named))
    monkeypatch.delenv("HF_HUB_CACHE", raising=False)
    monkeypatch.delenv("HUGGINGFACE_HUB_CACHE", raising=False)
    report = answer(DoctorInputs(quick=True), Run())
    assert any("cannot be written: set HF_HOME to another folder." in fault for fault in report.data["faults"])


def test_plugins_are_listed_and_a_broken_one_is_a_no(site: Path) -> None:
    has(site, "click", "8.1")
    one = "from ropescope.questions.question import Question\nQ = Question('{0}', 'Something.', '{1}', 'json:loads', {{}})"
    made(site, "whole", one.format("whole", "ropescope.questions.shared:OneModel"), {QUESTIONS: {"q": "whole:Q"}})
    made(site, "late", one.format("late", "late_inputs:Inputs"), {QUESTIONS: {"q": "late:Q"}})
    made(site, "bad", "1 / 0", {QUESTIONS: {"q": "bad:Q"}})
    report = answer(DoctorInputs(quick=True), Run())
    told = {row[0]: row[2] for table in report.tables if table.title == "Plugins" for row in table.rows}
    assert told["whole"] == "ok" and "late needs" not in told["whole"]
    assert "late_inputs:Inputs of the plugin late is at fault" in told["late"] and "ZeroDivisionError" in told["bad"]
    assert report.holds is False and len(report.data["faults"]) == 2


def test_a_method_that_is_never_meant_is_a_fault(site: Path) -> None:
    has(site, "click", "8.1")
    body = "class M:\n    name, looks_at_text = 'm', False\n    def keep(self, filled, budget): ...\n"
    for package, name in (("aa", "Snapkv"), ("bb", "mine"), ("cc", "mine")):
        made(site, package, body, {METHODS: {name: f"{package}:M"}})
    faults = answer(DoctorInputs(quick=True), Run()).data["faults"]
    assert len(faults) == 2
    assert "aa: the method Snapkv has the name of a method of ropescope" in faults[0]
    assert "cc: the method mine has the name of a method of bb" in faults[1]


def test_this_environment_is_told_as_it_is() -> None:
    found = installed()
    assert found.version and {package.name for package in found.packages} >= {"click", "torch", "transformers"}
    done = CliRunner().invoke(app, ["doctor", "--quick", "--check", "--extras", "nonsense"])
    assert isinstance(done.exception, InputError) and "There are measure, evidence" in str(done.exception)
