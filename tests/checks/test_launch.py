"""Launch: flags that the engines have, names that no shell takes apart, and a snippet that runs."""

from __future__ import annotations

import itertools
import json
import shlex
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import gguf_models
import pytest
import released_configs as released
from hypothesis import given, settings
from hypothesis import strategies as st
from serving_models import gemma_27b, llama_8b, qwen_30b_a3b
from serving_ways import way

from ropescope.checks.fit_caveats import caveats
from ropescope.checks.launch import launch_report
from ropescope.checks.serving.engines.engine import ENGINES, find_engine, read_flags
from ropescope.checks.serving.launch.commands import command
from ropescope.checks.serving.launch.settings import Settings
from ropescope.checks.serving.launch.snippet import transformers_snippet
from ropescope.checks.serving.memory.demand import demand
from ropescope.checks.serving.serving import Serving
from ropescope.errors import DomainError, SourceError
from ropescope.models import count_parameters, from_config
from ropescope.models import open as open_model
from ropescope.models.model import Model
from ropescope.models.parameters import Quantization, Weights
from ropescope.models.source import Source
from ropescope.report.json import to_json
from ropescope.report.text import plain

BASH = shutil.which("bash")
NASTY = [
    "it's",
    "$(touch owned)",
    "`touch owned`",
    "a;touch owned",
    "a b",
    "-rf",
    'a"b',
    "a\\b",
    "a&&b",
    "*",
    "~x",
    "a|b",
]


def at(model: Model, path: str) -> Model:
    """`model` as a folder at `path`, or as a GGUF file if it ends so."""
    kind = "gguf" if path.endswith(".gguf") else "folder"
    return replace(model, name="m", source=Source(kind, "m", path=Path(path)))  # type: ignore[arg-type]


def run(text: str, program: str, folder: Path) -> list[str]:
    """What `program` would get as arguments if a shell ran `text`, with `program` replaced by one that prints them."""
    stub = f"{program}() {{ printf '%s\\0' \"$@\"; }}\n"
    done = subprocess.run([BASH or "bash", "-c", stub + text], capture_output=True, text=True, cwd=folder, timeout=30)
    assert done.returncode == 0, done.stderr
    return done.stdout.split("\0")[:-1]


def text_alone(name: str) -> bool:
    """Whether `name` is printable text on one line, as a terminal would show it."""
    return plain(name) == name


def every_way(engine: str) -> list[Serving]:
    """One serving for each mixture of the options that bear on the command of `engine`."""
    known = find_engine(engine)
    model = at(llama_8b(), "/models/m.gguf") if engine in ("llama.cpp", "ollama") else llama_8b()
    extra = {"llama.cpp": {"cpu_moe_layers": 3, "swa_full": True}, "vllm": {"utilisation": 0.8}}.get(engine, {})
    plain = way(model, "h100-sxm", engine, 8_192, 4)
    return [
        replace(plain, cache_type=cache, precision=precision, count=count, chunk_tokens=chunk, **more)
        for cache, precision, count, chunk, more in itertools.product(
            known.cache_types.values(), known.precisions, (1, 2), (None, 1_024), ({}, extra)
        )
    ]


@pytest.mark.parametrize(
    ("changes", "asked", "engine", "words"),
    [
        ({}, 65_536, "vllm", "vLLM 0.33.0 refuses more than the 32,768 tokens of max_position_embeddings"),
        ({}, 65_536, "sglang", "`extend plan`"),
        ({}, 65_536, "llama.cpp", ""),
        ({}, 32_768, "vllm", ""),
        # YaRN: max_position_embeddings is the scaled length to both engines; under linear scaling the factor comes on top.
        (
            {"rope_scaling": {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 32_768}},
            65_536,
            "vllm",
            "state the scaled length there (131072)",
        ),
        ({"rope_scaling": {"rope_type": "linear", "factor": 2.0}}, 65_536, "vllm", ""),
        (
            {"model_type": "gpt2", "n_positions": 1_024, "max_position_embeddings": None},
            1_025,
            "llama.cpp",
            "learned positions for 1,024 tokens",
        ),
    ],
)
def test_a_context_that_the_engine_refuses_is_said_to_be(
    changes: dict[str, Any], asked: int, engine: str, words: str
) -> None:
    config = {"model_type": "qwen2", "max_position_embeddings": 32_768, **changes}
    model = from_config({name: value for name, value in config.items() if value is not None})
    model = replace(model, parameters=count_parameters(model, build=False))
    report = launch_report(way(model, "h200-sxm", engine, asked))
    assert words in report.data["refused"] and words in report.verdict
    assert report.data["fits"] is (not words) and bool(report.data["refused"]) == bool(words)


@pytest.mark.parametrize("engine", ["llama.cpp", "ollama", "vllm", "sglang"])
def test_every_flag_is_one_that_the_engine_has(engine: str) -> None:
    flags = set(read_flags()[engine]["flags"])
    written: set[str] = set()
    for serving in every_way(engine):
        made = command(serving)
        written |= {row.flag for row in made.settings}
        if engine != "ollama":  # the text itself, not only what is said of it
            words = shlex.split(made.text)
            assert {word for word in words[1:] if word.startswith("-") and word != "-m"} <= flags
    assert len(written) >= 4 and written <= flags


def test_the_lists_are_those_of_stated_versions() -> None:
    for name in ("llama.cpp", "vllm", "sglang"):
        entry = read_flags()[name]
        assert entry["version"] and entry["source"] and len(entry["flags"]) > 200
    # What the published tool got wrong, and what is new since: -fa takes a word, experts and fitting have flags.
    assert {"-fa", "--n-cpu-moe", "--fit", "--fit-ctx"} <= set(read_flags()["llama.cpp"]["flags"])
    assert "--max-model-len" in read_flags()["vllm"]["flags"] and "--context-length" in read_flags()["sglang"]["flags"]
    assert not {"bitsandbytes", "gguf"} & set(read_flags()["vllm"]["quantization"])


def test_a_flag_that_an_engine_has_not_cannot_be_written() -> None:
    with pytest.raises(LookupError, match="--flash-attention"):
        Settings(find_engine("llama.cpp")).add("--flash-attention", "1", "no such flag")


def test_llama_cpp_places_layers_itself(tmp_path: Path) -> None:
    model = at(llama_8b(), "/models/llama.gguf")
    made = command(way(model, "4090", "llama.cpp", 8_192, 4, "q8_0"))
    assert run(made.text, "llama-server", tmp_path) == [
        "-m",
        "/models/llama.gguf",
        "-c",
        "32768",
        "-np",
        "4",
        "-ctk",
        "q8_0",
        "-ctv",
        "q8_0",
        "-fa",
        "on",
    ]
    assert any("-ngl is left out" in text and "1,024 MiB" in text for text in made.remarks)
    plain = command(way(model, "4090", "llama.cpp", 8_192))
    assert "-fa" not in plain.text and "-ctk" not in plain.text
    experts = command(way(at(qwen_30b_a3b(), "/m.gguf"), "4090", "llama.cpp", 8_192, cpu_moe_layers=20))
    assert "--n-cpu-moe 20" in experts.text and not any("-ngl is left out" in text for text in experts.remarks)


def test_a_gguf_repository_goes_to_hf_and_safetensors_must_be_converted() -> None:
    repo = replace(llama_8b(), source=Source("hub", "u/L-GGUF", repo_id="u/L-GGUF", revision="0" * 40))
    assert "-hf u/L-GGUF:Q4_K_M" in command(way(repo, "4090", "llama.cpp", 4_096, precision="Q4_K_M")).text
    told = replace(repo, source=replace(repo.source, repo_id="u/other"), quantization=Quantization("gguf"))
    assert "-hf u/other" in command(way(told, "4090", "llama.cpp", 4_096)).text
    made = command(way(llama_8b(), "4090", "llama.cpp", 4_096, precision="Q4_K_M"))
    assert made.before == (
        "python convert_hf_to_gguf.py meta-llama/Llama-3.1-8B --remote --outtype bf16 --outfile Llama-3.1-8B-bf16.gguf",
        "llama-quantize Llama-3.1-8B-bf16.gguf Llama-3.1-8B-Q4_K_M.gguf Q4_K_M",
    )
    assert "-m Llama-3.1-8B-Q4_K_M.gguf" in made.text
    converted = {word for word in shlex.split(made.before[0]) if word.startswith("--")}
    assert converted <= set(read_flags()["llama.cpp"]["convert_flags"])
    given_one = command(way(llama_8b(), "4090", "llama.cpp", 4_096), "someone/Llama-3.1-8B-GGUF:Q5_K_M")
    assert "-hf someone/Llama-3.1-8B-GGUF:Q5_K_M" in given_one.text and given_one.before == ()
    with pytest.raises(DomainError, match=r"`gguf` .* is no \.gguf file"):
        command(way(llama_8b(), "4090", "llama.cpp", 4_096), "$(rm -rf x)")


def test_vllm_and_sglang_by_their_own_names(tmp_path: Path) -> None:
    serving = way(llama_8b(), "h100-sxm", "vllm", 8_192, 64, "fp8", count=2, precision="fp8", utilisation=0.85)
    assert run(command(serving).text, "vllm", tmp_path) == [
        "serve",
        "meta-llama/Llama-3.1-8B",
        "--revision",
        "0" * 40,
        "--max-model-len",
        "8192",
        "--max-num-seqs",
        "64",
        "--tensor-parallel-size",
        "2",
        "--kv-cache-dtype",
        "fp8",
        "--gpu-memory-utilization",
        "0.85",
        "--quantization",
        "fp8_per_tensor",
    ]
    serving = way(llama_8b(), "h100-sxm", "sglang", 8_192, 64, "fp8", count=2, precision="bf16")
    assert run(command(serving).text, "python", tmp_path) == [
        "-m",
        "sglang.launch_server",
        "--model-path",
        "meta-llama/Llama-3.1-8B",
        "--revision",
        "0" * 40,
        "--context-length",
        "8192",
        "--max-running-requests",
        "64",
        "--tp-size",
        "2",
        "--kv-cache-dtype",
        "fp8_e4m3",
        "--dtype",
        "bfloat16",
    ]


def test_a_checkpoint_that_the_engine_does_not_make_is_made_first(tmp_path: Path) -> None:
    for engine, precision in (("vllm", "awq"), ("vllm", "mxfp4"), ("sglang", "nvfp4"), ("sglang", "int8")):
        made = command(way(llama_8b(), "h100-sxm", engine, 8_192, precision=precision))
        assert "--quantization" not in made.text and f"Llama-3.1-8B-{precision}" in made.text
        assert "meta-llama/Llama-3.1-8B" not in made.text and made.script.index("oneshot(") < made.script.index(
            made.text
        )
        # The step is Python that writes the folder which is served.
        script = made.before[1].removeprefix("python - <<'QUANTISE'\n").removesuffix("\nQUANTISE")
        compile(script, "step", "exec")
        assert f"output_dir='Llama-3.1-8B-{precision}'" in script and "model_revision='000" in script
    text = command(way(llama_8b(), "h100-sxm", "transformers", 8_192, precision="gptq")).text
    compile(text, "snippet", "exec")
    assert "source = 'Llama-3.1-8B-gptq'" in text and text.index("oneshot(") < text.index("from_pretrained")
    nasty = at(llama_8b(), "/models/it's $(touch owned)")
    for step in command(way(nasty, "h100-sxm", "vllm", 4_096, precision="awq")).before[1:]:
        run(step, "python", tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_weights_that_are_quantised_are_not_quantised_otherwise() -> None:
    stored = replace(llama_8b(), quantization=Quantization("awq", 4))
    for engine in ("vllm", "sglang", "transformers"):
        with pytest.raises(DomainError, match="stored in awq"):
            command(way(stored, "h100-sxm", engine, 8_192, precision="gptq"))
        assert command(way(stored, "h100-sxm", engine, 8_192, precision="awq")).before == ()  # as it is stored


def llama_gguf(path: Path) -> Path:
    """Llama-3.1-8B in Q8_0, as a file of holes."""
    more = {"general.file_type": 7, "general.name": "Llama 3.1 8B"}
    return gguf_models.write(path, "llama", gguf_models.LLAMA_31_8B, gguf_models.llama_table(), more)


def test_a_gguf_file_in_another_mix_is_made_first(tmp_path: Path) -> None:
    file = llama_gguf(tmp_path / "tiny-Q8_0.gguf")
    model = open_model(file)
    made = command(way(model, "4090", "llama.cpp", 8_192, precision="Q4_K_M"))
    assert made.before == (f"llama-quantize --allow-requantize {file} tiny-Q4_K_M.gguf Q4_K_M",)
    assert "-m tiny-Q4_K_M.gguf" in made.text and made.script.startswith("llama-quantize")
    # As it is stored there is nothing to make, and the bytes are those of the file.
    stored = way(model, "4090", "llama.cpp", 8_192, precision="Q8_0")
    assert command(stored).before == () and f"-m {file}" in command(stored).text
    assert demand(stored).weights == demand(way(model, "4090", "llama.cpp", 8_192)).weights
    report = launch_report(way(model, "4090", "ollama", 8_192, precision="Q4_K_M"))
    assert report.data["command"].startswith("llama-quantize") and "FROM tiny-Q4_K_M.gguf" in report.data["command"]
    # A way out is launched as it was counted.
    saved = launch_report(way(model, "8GiB", "llama.cpp", 4_096), rescue=True)
    assert saved.data["precision"] in saved.data["command"].splitlines()[0] and saved.data["fits"] is True


def test_llama_cpp_counts_what_its_converter_writes() -> None:
    eight = replace(
        llama_8b(), quantization=Quantization("fp8", 8), weights=Weights(9_000_000_000, {"F8_E4M3": 9_000_000_000})
    )
    held = demand(way(eight, "h100-sxm", "llama.cpp", 8_192)).weights
    assert held.n_bytes == 2 * (8_030_261_248 - 525_336_576)  # the embedding stays in system memory
    made = command(way(eight, "h100-sxm", "llama.cpp", 8_192))
    assert (
        "--outtype bf16" in made.before[0]
        and demand(way(eight, "h100-sxm", "vllm", 8_192)).weights.n_bytes == 9_000_000_000
    )
    assert any("as its converter writes them" in text for text in caveats(way(eight, "h100-sxm", "llama.cpp", 8_192)))
    half = command(way(eight, "h100-sxm", "llama.cpp", 8_192, precision="f16"))
    assert "--outtype f16" in half.before[0] and "-f16.gguf" in half.text
    for method in ("awq", "bitsandbytes", "quark", "hqq"):
        refused = replace(eight, quantization=Quantization(method, 4))
        for precision in ("stored", "Q4_K_M"):
            # vLLM 0.33 has no loader for bitsandbytes: the hint is an engine that runs it.
            reads = "transformers" if method == "bitsandbytes" else "vllm"
            words = f"{method}, which llama.cpp's converter does not read.*`engine` {reads}"
            with pytest.raises(DomainError, match=words):
                launch_report(way(refused, "h100-sxm", "llama.cpp", 8_192, precision=precision))


def test_the_gguf_that_is_named_is_what_is_counted(tmp_path: Path) -> None:
    file = llama_gguf(tmp_path / "other.gguf")
    report = launch_report(way(llama_8b(), "4090", "llama.cpp", 8_192), gguf=str(file))
    alone = launch_report(way(open_model(file), "4090", "llama.cpp", 8_192))
    assert report.data["total_bytes"] == alone.data["total_bytes"] and f"-m {file}" in report.data["command"]
    with pytest.raises(DomainError, match="names another model"):
        launch_report(way(gemma_27b(), "4090", "llama.cpp", 128), gguf=str(file))
    with pytest.raises(DomainError, match=r"is for llama\.cpp"):
        launch_report(way(llama_8b(), "4090", "vllm", 128), gguf=str(file))
    with pytest.raises(SourceError, match="does not exist"):
        launch_report(way(llama_8b(), "4090", "llama.cpp", 128), gguf="gone/missing-Q4_K_M.gguf")


def test_ollama_writes_its_modelfile(tmp_path: Path) -> None:
    made = command(way(at(llama_8b(), "/models/it's here.gguf"), "4090", "ollama", 16_384, 2, "q8_0"))
    calls = run(made.text.replace(" &\n", "\n"), "ollama", tmp_path)
    assert calls == ["serve", "create", "m", "-f", "Modelfile", "run", "m"]
    assert (tmp_path / "Modelfile").read_text() == "FROM /models/it's here.gguf\nPARAMETER num_ctx 16384\n"
    assert "OLLAMA_KV_CACHE_TYPE=q8_0" in made.text and "OLLAMA_FLASH_ATTENTION=1" in made.text
    assert "OLLAMA_NUM_PARALLEL=2" in made.text
    hub = command(way(llama_8b(), "4090", "ollama", 4_096), "org/name:Q4_K_M")
    assert "FROM hf.co/org/name:Q4_K_M" in hub.text and "FLASH" not in hub.text


@pytest.mark.parametrize("engine", ["vllm", "sglang", "transformers"])
def test_what_reads_no_gguf_says_so(engine: str) -> None:
    with pytest.raises(DomainError, match=r"`engine` llama\.cpp"):
        command(way(at(llama_8b(), "/m.gguf"), "h100-sxm", engine, 4_096))


@pytest.mark.parametrize("name", NASTY)
@pytest.mark.parametrize(
    ("engine", "program", "place"), [("llama.cpp", "llama-server", 1), ("vllm", "vllm", 1), ("sglang", "python", 3)]
)
def test_no_name_reaches_a_shell_unquoted(name: str, engine: str, program: str, place: int, tmp_path: Path) -> None:
    path = f"/models/{name}" + (".gguf" if engine == "llama.cpp" else "")
    made = command(way(at(llama_8b(), path), "h100-sxm", engine, 4_096))
    assert run(made.text, program, tmp_path)[place] == path
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", NASTY)
def test_steps_before_are_quoted_too(name: str, tmp_path: Path) -> None:
    model = at(llama_8b(), f"/models/{name}")
    model = replace(model, name=f"org/{name}")
    for step in command(way(model, "4090", "llama.cpp", 4_096, precision="Q8_0")).before:
        run(step, "python" if step.startswith("python") else "llama-quantize", tmp_path)
    assert list(tmp_path.iterdir()) == []


@settings(deadline=None, max_examples=200)
@given(st.text(min_size=1, max_size=40).filter(lambda text: "\0" not in text and not text.endswith(".gguf")))
def test_any_name_is_one_word_or_is_refused(name: str) -> None:
    serving = way(at(llama_8b(), f"/models/{name}"), "h100-sxm", "vllm", 4_096)
    if not text_alone(name):
        with pytest.raises(DomainError, match="cannot stand in a command") as caught:
            command(serving)
        assert "\n" not in str(caught.value)
        return
    words = shlex.split(command(serving).text)
    assert words[:3] == ["vllm", "serve", str(Path(f"/models/{name}"))]
    compile(command(replace(serving, engine=find_engine("transformers"))).text, "snippet", "exec")


def test_a_folder_whose_name_begins_with_a_hyphen_is_no_flag(tmp_path: Path) -> None:
    made = command(way(at(llama_8b(), "--trust-remote-code"), "h100-sxm", "vllm", 4_096))
    assert run(made.text, "vllm", tmp_path)[1] == "./--trust-remote-code"


def test_names_with_control_characters_are_refused() -> None:
    for name in ("a\nb", "a\x1b[31m", "a\tb", "a\rb"):
        with pytest.raises(DomainError, match="rename it"):
            command(way(at(llama_8b(), f"/models/{name}"), "h100-sxm", "vllm", 4_096))


@pytest.mark.parametrize("precision", ENGINES["transformers"].precisions)
def test_the_snippet_compiles(precision: str) -> None:
    text = transformers_snippet("org/o'name", "main", precision, 4_096, 2)
    compile(text, "snippet", "exec")
    assert ("BitsAndBytesConfig" in text) == (precision in ("nf4", "int8"))


def test_the_snippet_runs(tiny_folder_with_tokenizer: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = transformers_snippet(str(tiny_folder_with_tokenizer), None, "f32", 40, 2)
    names: dict[str, object] = {}
    exec(text, names)
    assert tuple(names["answers"].shape) == (2, 40)  # type: ignore[attr-defined]
    assert str(names["model"].dtype) == "torch.float32"  # type: ignore[attr-defined]
    assert capsys.readouterr().out.startswith("The capital of France is")


def test_the_report_tells_whether_it_fits_and_why_each_flag() -> None:
    report = launch_report(way(llama_8b(), "h100-sxm", "vllm", 8_192, 16))
    assert report.verdict.startswith("meta-llama/Llama-3.1-8B at 8,192 tokens × 16 fits one H100 SXM: ")
    data = json.loads(to_json(report))
    assert data["command"].startswith("vllm serve meta-llama/Llama-3.1-8B \\\n  --revision")
    assert data["fits"] and data["engine_version"] == read_flags()["vllm"]["version"]
    assert report.lead == data["command"] and report.holds
    assert all(row["why"] for row in data["settings"])


def test_rescue_takes_the_cheapest_way_out() -> None:
    crowded = way(llama_8b(), "h100-sxm", "vllm", 8_192, 100)
    assert "expect this command to fail" in launch_report(crowded).verdict
    saved = launch_report(crowded, rescue=True)
    assert (
        saved.data["fits"]
        and saved.data["changed"] == "cache in fp8"
        and "--kv-cache-dtype fp8" in saved.data["command"]
    )
    with pytest.raises(DomainError, match="no way out"):
        launch_report(way(gemma_27b(), "t4", "transformers", 131_072, 64), rescue=True)
    fitting = launch_report(way(llama_8b(), "h100-sxm", "vllm", 8_192), rescue=True)
    assert fitting.data["changed"] == ""


def test_keys_and_values_of_two_types() -> None:
    made = command(way(at(llama_8b(), "/models/m.gguf"), "4090", "llama.cpp", 8_192, cache="q8_0,q4_0"))
    assert "-ctk q8_0" in made.text and "-ctv q4_0" in made.text and "-fa on" in made.text
    assert any("-DGGML_CUDA_FA_QUANTS=q8_0-q4_0" in remark for remark in made.remarks)
    # Quantised keys beside values in 16 bits ask for no flash attention, and values alone do.
    keys = command(way(at(llama_8b(), "/models/m.gguf"), "4090", "llama.cpp", 8_192, cache="q8_0,f16"))
    assert "-ctk q8_0" in keys.text and "-ctv" not in keys.text and "-fa" not in keys.text
    values = command(way(at(llama_8b(), "/models/m.gguf"), "4090", "llama.cpp", 8_192, cache="f16,q8_0"))
    assert "-ctv q8_0" in values.text and "-ctk" not in values.text and "-fa on" in values.text


@pytest.mark.parametrize(("context", "said"), [(4_096, False), (8_192, True)])
def test_vllm_with_longrope_uses_the_long_factors_for_every_prompt_and_that_is_said(context: int, said: bool) -> None:
    scaling = {"rope_type": "longrope", "short_factor": [1.0] * 48, "long_factor": [2.0] * 48}
    config = {**released.PHI_3_MINI_4K, "sliding_window": None, "max_position_embeddings": 131_072}
    model = at(
        from_config({**config, "rope_scaling": scaling, "original_max_position_embeddings": 4_096}), "/models/phi"
    )
    found = {name: command(way(model, "h100-sxm", name, context)).remarks for name in ("vllm", "transformers")}
    assert any("vLLM uses LongRoPE's long factors for every prompt" in one for one in found["vllm"]) == said
    assert not any("LongRoPE" in one for one in found["transformers"])
