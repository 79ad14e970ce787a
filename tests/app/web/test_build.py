"""The page as files: the same bytes each time, all that it needs, and nothing that it must not hold."""

from __future__ import annotations

import hashlib
import io
import json
import re
import tarfile
from pathlib import Path

import pytest
from in_pyodide import runtime

from ropescope.app.web.build import build, contents
from ropescope.app.web.forms import form
from ropescope.app.web.runtime import pyodide
from ropescope.errors import FormatError, ReportError
from ropescope.questions.registry import known


@pytest.fixture(scope="module")
def made() -> dict[str, bytes]:
    pytest.importorskip("vl_convert", reason="figures need vl-convert-python")
    runtime()
    return contents()


def test_the_same_files_give_the_same_bytes(made: dict[str, bytes]) -> None:
    assert contents() == made


def test_every_form_is_there_and_every_address_of_the_page(made: dict[str, bytes]) -> None:
    for name, question in known().items():
        assert json.loads(made[f"forms/{name.replace(' ', '_')}.json"]) == json.loads(json.dumps(form(question)))
    for name, data in made.items():
        if name.endswith((".js", ".html")) and "/" not in name and name != "vega.js":
            asked = re.findall(r'(?:from|import\(|href=|src=) ?"\./([\w./-]+\.\w+)"', data.decode())
            assert {one for one in asked if not one.endswith(".d.ts")} <= made.keys(), name
    assert 'content="static"' in made["index.html"].decode() and "server.js" not in made


def test_the_archive_holds_three_packages_and_their_texts(made: dict[str, bytes]) -> None:
    with tarfile.open(fileobj=io.BytesIO(made["python.tgz"])) as archive:
        names = set(archive.getnames())
    assert {name.split("/")[0] for name in names} == {"ropescope", "jinja2", "markupsafe"}
    assert {"ropescope/models/config/families.json", "markupsafe/_native.py"} <= names
    assert not any(name.endswith((".pyc", ".so")) or "/web/page/" in name for name in names)


def test_the_service_worker_knows_every_file_by_its_hash(made: dict[str, bytes]) -> None:
    told = json.loads(made["sw.js"].split(b"self.BUILT = ", 1)[1].split(b";\n", 1)[0])
    addresses = {"./" if name == "index.html" else f"./{name}": name for name in made if name != "sw.js"}
    served = {address: name for address, name in addresses.items() if name not in ("NOTICE.txt", ".nojekyll")}
    assert told["files"] == {address: hashlib.sha256(made[name]).hexdigest() for address, name in served.items()}
    # What is kept at once draws the page; Python comes later.
    assert "./main.js" in told["first"] and sum(len(made[addresses[one]]) for one in told["first"]) < 400_000


def test_nothing_is_fetched_from_elsewhere_but_the_hub_on_a_click(made: dict[str, bytes]) -> None:
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]+)"', made["index.html"].decode())
    assert policy is not None
    rules = dict(rule.strip().partition(" ")[::2] for rule in policy[1].split(";"))
    assert rules["default-src"] == "'none'"
    assert rules["connect-src"] == "'self' https://huggingface.co https://*.hf.co"
    assert rules["script-src"] == "'self' 'wasm-unsafe-eval'"


def test_a_build_takes_the_place_of_an_earlier_one_and_of_nothing_else(
    made: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ropescope.app.web.build.contents", lambda package: made)
    folder = tmp_path / "page"
    built = build(folder)
    assert built.sizes == {name: len(data) for name, data in made.items()}
    (folder / "old.js").write_text("")
    build(folder)
    assert {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()} == set(made)
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "mine.txt").write_text("mine")
    with pytest.raises(ReportError, match="holds other files"):
        build(tmp_path / "notes")
    assert (tmp_path / "notes" / "mine.txt").read_text() == "mine"


def test_another_package_is_refused(tmp_path: Path) -> None:
    (tmp_path / "pyodide-0.1.tgz").write_bytes(b"another")
    with pytest.raises(FormatError, match="SHA-512 differs"):
        pyodide(tmp_path / "pyodide-0.1.tgz")
