"""`ropescope atlas` from a measured model to a dataset folder, as a person goes through it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from lazily import lazily
from made_rows import save_profile

from ropescope.app.cli import app
from ropescope.errors import RopescopeError

pandas = lazily("pandas")

QUICK = ["--length", "128", "--rows", "8", "--corpus", "random", "--dtype", "float32", "--prompts", "3"]


@pytest.fixture(autouse=True)
def _own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROPESCOPE_HOME", str(tmp_path / "home"))


def invoke(*arguments: str | Path) -> Any:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result


def test_from_a_measurement_to_a_dataset(tiny_folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "tiny.parquet"
    measured = json.loads(
        invoke("measure", tiny_folder, *QUICK, "--control", "random-init", "--out", out, "--json").stdout
    )
    assert invoke("atlas").stdout.startswith("The atlas is empty.")
    assert "Added 1 profile; the atlas now holds 1 profile." in invoke("atlas", "add", out).stdout
    assert "1 profile was there already" in invoke("atlas", "add", out).stdout
    row = json.loads(invoke("atlas", "--json").stdout)["groups"][0]["ranking"][0]
    assert row["gamma"] == pytest.approx(measured["gamma"]) and row["gamma_null"] == 0
    assert [row["gamma_low"], row["gamma_high"]] == pytest.approx(measured["gamma_ci"])
    assert row["control_gamma"] == pytest.approx(measured["control"]["gamma"])
    assert row["d90"] == measured["windows"]["D90"]["tokens"] and row["weights"] == measured["provenance"]["weights"]
    assert row["torch_version"] and row["added"].startswith("20")
    shown = invoke("atlas", "show", measured["model"], "--figure", tmp_path / "curves.svg")
    assert shown.stdout.startswith(measured["model"]) and (tmp_path / "curves.svg").exists()
    invoke("atlas", "export", tmp_path / "dataset", "--license", "cc-by-4.0")
    table = pandas.read_parquet(tmp_path / "dataset" / "data" / "measurements.parquet")
    assert table["gamma"][0] == pytest.approx(measured["gamma"])
    assert "Removed" in invoke("atlas", "remove", row["profile_sha256"][:10]).stdout
    assert invoke("atlas").stdout.startswith("The atlas is empty.")


def test_a_store_of_ones_own_before_and_after_the_verb(tmp_path: Path) -> None:
    profile, store = save_profile(tmp_path / "p.parquet", n_prompts=2, model="org/m"), tmp_path / "own.parquet"
    invoke("atlas", "--store", store, "add", profile)
    assert store.exists() and not (tmp_path / "home").exists()
    assert (
        json.loads(invoke("atlas", "show", "org/m", "--store", store, "--json").stdout)["rows"][0]["model"] == "org/m"
    )
    assert json.loads(invoke("atlas", "--store", store, "show", "org/m", "--json").stdout)["store"] == str(store)
    figure, page = tmp_path / "rank.png", tmp_path / "rank.html"
    assert "org/m" in invoke("atlas", "--store", store, "--figure", figure, "--html", page).stdout
    assert {path.name for path in tmp_path.glob("rank*")} == {
        "rank.html", "rank-fixed-1024-random.png", "rank-legacy-1024-random.png",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["atlas", "--store", "{tmp}/absent.parquet"], "does not exist: .ropescope atlas add. makes one"),
        (["atlas", "show", "org/m", "--store", "{tmp}/absent.parquet"], "does not exist"),
        (["atlas", "show", "org/m"], "The atlas holds no 'org/m'; it holds nothing"),
        (["atlas", "add", "{tmp}/absent.parquet"], "does not exist"),
        (["atlas", "add", "{tmp}/text.parquet"], "no measured profile"),
        (["atlas", "--store", "{tmp}/text.parquet"], "cannot be read as an atlas"),
        (["atlas", "--store", "{tmp}"], "is a folder"),
        (["atlas", "export", "{tmp}/out"], "nothing to export"),
        (["atlas", "remove", "abcdef"], "No profile has a hash"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(tmp_path: Path, arguments: list[str], sentence: str) -> None:
    (tmp_path / "text.parquet").write_text("no parquet")
    with pytest.raises(RopescopeError, match=sentence) as caught:
        invoke(*(argument.replace("{tmp}", str(tmp_path)) for argument in arguments))
    assert "\n" not in str(caught.value)


def test_what_is_kept_is_ranked_added_and_shown_without_torch(tmp_path: Path) -> None:
    """The ranking, which reads the store alone, has no need of scipy either."""
    profile = save_profile(tmp_path / "p.parquet", n_prompts=2)
    invoke("atlas", "add", profile)
    other = save_profile(tmp_path / "q.parquet", n_prompts=2, model="org/other")
    script = (
        "import sys\n"
        "from ropescope.app.cli import app\n"
        "def light(line, *heavy):\n"
        "    try: app(line)\n"
        "    except SystemExit as ended: assert not ended.code\n"
        "    assert not (found := set(heavy) & set(sys.modules)), f'{line} imported {found}'\n"
        "light(['atlas', '--json'], 'torch', 'transformers', 'scipy')\n"
        f"light(['atlas', 'add', {str(other)!r}, '--json'], 'torch', 'transformers')\n"
        f"light(['show-profile', {str(profile)!r}, '--json'], 'torch', 'transformers')\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=600, env={**os.environ}
    )
    assert result.returncode == 0, result.stderr
    assert '"groups"' in result.stdout and "the atlas now holds 2 profiles" in result.stdout


def test_without_pyarrow_it_says_what_to_install(tmp_path: Path) -> None:
    script = "import sys\nsys.modules['pyarrow'] = None\nfrom ropescope.app.start import main\nmain()\n"
    result = subprocess.run([sys.executable, "-c", script, "atlas"], capture_output=True, text=True, timeout=600)
    assert result.returncode == 2 and "pip install 'ropescope[measure]'" in result.stderr


def test_what_stands_before_the_last_word_and_after_it_is_refused(tmp_path: Path) -> None:
    store = ["--store", str(tmp_path / "a")]
    result = CliRunner().invoke(app, ["atlas", *store, "export", str(tmp_path / "b"), "--store", str(tmp_path / "c")])
    assert result.exit_code == 2 and "--store is given before export and after it" in result.output
    missing = CliRunner().invoke(app, ["atlas", *store, "export", str(tmp_path / "b")])
    assert str(missing.exception).startswith(f"{tmp_path / 'a'} does not exist")
