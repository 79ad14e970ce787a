"""A few hundred of the spoilt inputs of `run.py`, and what hostile files must never reach."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from random import Random

import pytest
import stored_models as made

from ropescope.errors import RopescopeError
from ropescope.models import open as open_model

HOSTILE = "<img src=x onerror=alert(1)>\"'&"


@pytest.fixture(scope="module")
def run():
    """The module of the long run."""
    spec = importlib.util.spec_from_file_location("fuzz_run", Path(__file__).with_name("run.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("kind", ["config", "safetensors", "gguf"])
def test_spoilt_inputs_are_refused_in_a_sentence_or_read_soundly(run, kind):
    make, target = run.makers()[kind], run.target_of(kind)
    accepted = 0
    for number in range(500):
        try:
            accepted += target(make(Random(number)))
        except Exception as error:
            pytest.fail(f"{kind}, seed {number}: {type(error).__name__}: {error}")
    assert 10 < accepted < 490  # the inputs are neither all rubbish nor all sound


def test_the_seeds_themselves_are_sound(run):
    for data in run.seeds.safetensors_files():
        assert run.targets.safetensors(data)
    for data in run.seeds.gguf_files():
        assert run.targets.gguf(data)
        run.targets.gguf_against_the_package(data)
    fine = [run.targets.config(json.dumps(config).encode()) for config in run.seeds.configs()]
    assert sum(fine) > 0.8 * len(fine)


def test_a_failure_is_found_kept_and_counted(run, tmp_path, capsys):
    def broken(data):
        if data[0] % 5 == 0:
            raise ZeroDivisionError
        while data[0] % 7 == 0:
            pass
        return True

    found = run.fuzz("made", lambda random: bytes([random.randrange(1, 36)]), broken, range(30), tmp_path / "kept")
    assert found == len(list((tmp_path / "kept").iterdir())) > 2
    said = capsys.readouterr().out
    assert "ZeroDivisionError" in said and "Hang" in said and f"{found} failed" in said


def test_hostile_names_reach_no_page_unescaped(tmp_path):
    from ropescope.checks.theory.predict import inputs_of, predict_report
    from ropescope.report.html import page

    config = made.LLAMA_31_8B | {"_name_or_path": HOSTILE, "architectures": [HOSTILE], "torch_dtype": HOSTILE}
    for source in (made.write_folder(tmp_path / HOSTILE, config, {"a.weight": ("F32", (2, 2))}), config):
        text = page(predict_report(inputs_of(open_model(source))))
        assert "<img" not in text and "onerror=alert" in text  # it is there, as text


def test_nothing_in_a_config_is_run(tmp_path):
    config = made.LLAMA_31_8B | {
        "auto_map": {"AutoConfig": "evil.Config"}, "custom_pipelines": {"x": {"impl": "evil.run"}},
        "_name_or_path": "$(touch evil)", "model_type": "llama", "tokenizer_class": "evil.Tokenizer",
    }  # fmt: skip
    folder = made.write_folder(tmp_path / "model", config, {"a.weight": ("F32", (2, 2))})
    (folder / "evil.py").write_text(f"open({str(tmp_path / 'evil')!r}, 'w')")
    (folder / "chat_template.jinja").write_text("{{ cycler.__init__.__globals__.os.popen('touch evil').read() }}")
    assert "popen" in open_model(folder).tokenizer.chat_template
    assert not list(tmp_path.rglob("evil"))


def test_a_bomb_of_brackets_is_refused_before_it_fills_the_memory(tmp_path):
    (tmp_path / "config.json").write_bytes(b'{"a": [' + b"[]," * 3_000_000 + b"[]]}")
    code = (
        "import resource, sys; from ropescope.models.opening import open\n"
        "from ropescope.errors import FormatError\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "try: open(sys.argv[1])\n"
        "except FormatError as error: print(error)\n"
        "print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True)
    sentence, megabytes = done.stdout.splitlines()
    assert "JSON values" in sentence and int(megabytes) < 100


def test_a_hostile_error_is_one_line(tmp_path):
    for key in ("model_type", "num_hidden_layers", "rope_theta", "layer_types"):
        config = made.LLAMA_31_8B | {key: "\x1b[31m\n" * 2000}
        (tmp_path / "config.json").write_text(json.dumps(config))
        with pytest.raises(RopescopeError) as caught:
            open_model(tmp_path)
        assert "\n" not in str(caught.value) and "\x1b" not in str(caught.value) and len(str(caught.value)) < 400
