"""The settings: flags that the engines have, fields that load, and what is said where an engine cannot be told."""

from __future__ import annotations

import json
import math
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import released_configs as released
import torch
from transformers import AutoModelForCausalLM

from ropescope.checks.serving.engines.engine import read_flags
from ropescope.errors import ExtendError
from ropescope.extend import RopePlan, plan_extension
from ropescope.extend.settings import ENGINE_NAMES, all_settings, config_changes, settings_for
from ropescope.extend.settings.config_file import save_config
from ropescope.extend.settings.gguf_file import why_not
from ropescope.models.config.reading import from_config
from ropescope.models.opening import open as open_model

SMOLLM2 = from_config(released.SMOLLM2_135M, name="SmolLM2")
METHODS = ("linear", "ntk", "dynamic", "yarn", "llama3", "alpha", "searched")


def plan(method: str, target: int = 16384) -> RopePlan:
    factors = {"factors": [1.0 + pair / 31 for pair in range(32)], "attention_factor": 1.05}
    return plan_extension(SMOLLM2, target, method, **(factors if method == "searched" else {}))


def flags(text: str) -> dict[str, str]:
    words = shlex.split(text.replace("\\\n", " "))
    return {word: words[index + 1] for index, word in enumerate(words[:-1]) if word.startswith("-")}


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("engine", ["vllm", "sglang", "llama.cpp"])
def test_every_flag_is_one_that_the_engine_has(engine: str, method: str) -> None:
    found = settings_for(plan(method), "org/name", engine)
    known = set(read_flags()[engine]["flags"]) | {"-m"}
    assert found.text or found.remarks, "an engine that cannot be told has to say so"
    if found.text:
        assert {flag for flag in flags(found.text) if len(flag) > 2} <= known
    assert found.read_from


def test_yarn_for_each_engine_by_hand() -> None:
    entry = {"rope_type": "yarn", "rope_theta": 100000.0, "factor": 2.0, "original_max_position_embeddings": 8192}
    yarn = plan("yarn")
    vllm = flags(settings_for(yarn, "org/name", "vllm").text)
    assert json.loads(vllm["--hf-overrides"]) == {"rope_parameters": entry, "max_position_embeddings": 16384}
    assert vllm["--max-model-len"] == "16384"
    sglang = flags(settings_for(yarn, "org/name", "sglang").text)
    assert json.loads(sglang["--json-model-override-args"]) == json.loads(vllm["--hf-overrides"])
    assert sglang["--context-length"] == "16384"
    assert flags(settings_for(yarn, "org/name", "llama.cpp").text) == {
        "-m": "MODEL.gguf",
        "-c": "16384",
        "--rope-scaling": "yarn",
        "--rope-scale": "2",
        "--yarn-orig-ctx": "8192",
    }
    assert settings_for(yarn, "org/name", "ollama").text == "FROM ./MODEL.gguf\nPARAMETER num_ctx 16384"


def test_leaky_rerope_is_put_on_a_loaded_network_and_said_by_no_setting(tmp_path: Path) -> None:
    far = plan("rerope")
    said = {entry.engine: entry for entry in all_settings(far, "org/name")}
    assert set(said) == set(ENGINE_NAMES)
    others = [entry for entry in said.values() if entry.engine != "transformers"]
    assert all(entry.text == "" and "works in transformers only" in entry.remarks[0] for entry in others)
    names: dict[str, Any] = {"model": object(), "applied": []}
    code = said["transformers"].text.replace("RopePlan.load(", "applied.append(").replace(".apply(model)", "")
    exec(code, names)  # the imports are there
    assert names["applied"] == [Path("plan.json")]
    with pytest.raises(ExtendError, match="which no config can state"):
        save_config(far, SMOLLM2, tmp_path / "there")
    assert why_not(far, "llama") == "the method works in transformers only: use `method` yarn"


def test_vllm_by_version() -> None:
    """0.12 has rope_parameters, 0.11.2 rope_scaling in the overrides, 0.11.0 flags of its own."""
    yarn = plan("yarn")
    middle = flags(settings_for(yarn, "m", "vllm@0.11.2").text)
    assert json.loads(middle["--hf-overrides"])["rope_scaling"]["factor"] == 2.0
    assert json.loads(middle["--hf-overrides"])["rope_theta"] == 100000.0
    old = flags(settings_for(yarn, "m", "vllm@v0.10.2").text)
    assert json.loads(old["--rope-scaling"])["rope_type"] == "yarn"
    assert old["--rope-theta"] == "100000.0"
    assert settings_for(yarn, "m", "vllm@0.12.0rc1") == settings_for(yarn, "m", "vllm")
    assert settings_for(plan("dynamic"), "m", "vllm@0.10.2").text == ""


def test_engines_that_multiply_the_stated_length_are_not_given_a_longer_one() -> None:
    """vLLM and SGLang take stated length × factor for linear scaling: with the target stated they would take it squared."""
    linear = plan("linear")
    assert "max_position_embeddings" not in settings_for(linear, "m", "vllm").overrides
    assert "max_position_embeddings" not in settings_for(linear, "m", "sglang").overrides
    assert settings_for(plan("ntk"), "m", "vllm").overrides["max_position_embeddings"] == 16384


def test_linear_scaling_that_is_written_as_factors_states_the_target() -> None:
    """No engine multiplies the length by the factor of `longrope`: vLLM 0.32 refused Phi-3's --max-model-len."""
    phi = plan_extension(from_config({**released.PHI_3_MINI_4K, "sliding_window": None}), 8192, "linear")
    for engine in ("vllm", "vllm@0.11.2", "vllm@0.10.2", "sglang", "sglang@0.5.9"):
        told = settings_for(phi, "m", engine).overrides
        assert told.get("rope_parameters", told.get("rope_scaling"))["rope_type"] == "longrope"
        assert told["max_position_embeddings"] == 8192, engine


def test_a_longer_context_leaves_longrope_as_the_model_has_it() -> None:
    """vLLM and SGLang take LongRoPE's attention factor from the stated length: 1.22 at 262,144 tokens, and 1.19 is in use."""
    own = {"rope_type": "longrope", "short_factor": [1.0] * 48, "long_factor": [2.0] * 48}
    config = {**released.PHI_3_MINI_4K, "sliding_window": None, "rope_scaling": own, "max_position_embeddings": 131072}
    phi = plan_extension(from_config({**config, "original_max_position_embeddings": 4096}), 262144, "none")
    for engine in ("vllm", "vllm@0.11.2", "vllm@0.10.2", "sglang", "sglang@0.5.9"):
        told = settings_for(phi, "m", engine).overrides
        entry = told.get("rope_parameters", told.get("rope_scaling"))
        assert entry["long_mscale"] == pytest.approx(math.sqrt(1 + math.log(32) / math.log(4096)))
        assert entry["long_factor"] == own["long_factor"] and told["max_position_embeddings"] == 262144
    assert "--rope-scaling" in settings_for(phi, "m", "vllm@0.10.2").text
    assert settings_for(plan("none"), "m", "vllm").overrides == {"max_position_embeddings": 16384}


def test_vllm_takes_the_long_factors_for_every_prompt_and_that_is_said() -> None:
    own = {"rope_type": "longrope", "short_factor": [1.0] * 48, "long_factor": [2.0] * 48}
    config = {**released.PHI_3_MINI_4K, "sliding_window": None, "max_position_embeddings": 131072}

    def remarks(entry: dict[str, Any], to: int, engine: str = "vllm") -> str:
        model = from_config({**config, "rope_scaling": entry, "original_max_position_embeddings": 4096})
        return " ".join(settings_for(plan_extension(model, to, "none"), "m", engine).remarks)

    assert "beyond 4,096 tokens vLLM uses LongRoPE's long factors for every prompt" in remarks(own, 8192)
    assert "set --max-model-len 4096." in remarks(own, 131072)
    assert "LongRoPE" not in remarks(own, 4096)
    assert "LongRoPE" not in remarks({**own, "short_factor": own["long_factor"]}, 8192)
    assert "every prompt" not in remarks(own, 8192, "sglang")


def test_vllm_is_not_sent_past_the_table_of_a_models_own_yarn() -> None:
    """vLLM 0.32 gave NaN there: its table has original length × factor positions, whatever the config states."""
    own = {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 8192}
    model = from_config({**released.SMOLLM2_135M, "rope_scaling": own, "max_position_embeddings": 32768})
    for version in ("vllm", "vllm@0.11.2", "vllm@0.10.2"):
        beyond = settings_for(plan_extension(model, 65536, "none"), "m", version)
        assert beyond.text == "" and "NaN" in beyond.remarks[0]
        assert settings_for(plan_extension(model, 32768, "none"), "m", version).text
        assert settings_for(plan_extension(model, 65536, "yarn"), "m", version).text


def test_the_attention_factor_of_searched_factors_reaches_vllm_and_sglang() -> None:
    """Neither reads attention_factor for longrope; both read short_mscale and long_mscale."""
    for engine in ("vllm", "sglang"):
        entry = settings_for(plan("searched"), "m", engine).overrides["rope_parameters"]
        assert entry["short_mscale"] == entry["long_mscale"] == 1.05
    # What is written for one engine does not leak into the plan.
    assert "short_mscale" not in plan("searched").rope_parameters


def test_llama_server_is_told_the_length_unless_the_scaling_is_yarn() -> None:
    assert "--override-kv" in flags(settings_for(plan("ntk"), "m", "llama.cpp").text)
    assert "--override-kv" not in flags(settings_for(plan("yarn"), "m", "llama.cpp").text)


@pytest.mark.parametrize(
    ("method", "why"),
    [
        ("dynamic", "no dynamic scaling"),
        ("searched", "no flag for a factor of each pair"),
        ("llama3", "no flag for Llama 3.1"),
    ],
)
def test_what_llama_cpp_cannot_be_told(method: str, why: str) -> None:
    found = settings_for(plan(method), "m", "llama.cpp")
    assert found.text == ""
    assert why in found.remarks[0]


def test_flags_never_scale_on_top_of_factors_in_the_file() -> None:
    """The GGUF of a Llama 3.1 holds its ramp as a tensor, which flags would not replace."""
    on_top = plan_extension(from_config(released.LLAMA_31_8B), 262144, "yarn")
    found = settings_for(on_top, "m", "llama.cpp")
    assert found.text == ""
    assert "flags would scale on top of them" in found.remarks[0]


def test_a_gguf_source_is_named_where_it_can_be_served() -> None:
    yarn = plan("yarn")
    assert flags(settings_for(yarn, "a b/model.Q4.gguf", "llama.cpp").text)["-m"] == "a b/model.Q4.gguf"
    assert settings_for(yarn, "x.gguf", "vllm").text == ""
    assert "gguf_file='x.gguf'" in settings_for(yarn, "x.gguf", "transformers").text


@pytest.mark.parametrize(
    ("engine", "why"),
    [
        ("vlm", "Did you mean vllm"),
        ("tgi", "Engines: transformers"),
        ("vllm@0.2", "is too old"),
        ("vllm@new", "is not a version of vllm"),
        ("llama.cpp@b9000", "same for all versions"),
        ("transformers@4.30", "is too old"),
    ],
)
def test_unknown_engines_and_versions(engine: str, why: str) -> None:
    with pytest.raises(ExtendError, match=why):
        settings_for(plan("yarn"), "m", engine)


def test_names_are_quoted_and_control_characters_refused() -> None:
    text = settings_for(plan("yarn"), "a; rm -rf ~", "vllm").text
    assert shlex.split(text.replace("\\\n", " "))[2] == "a; rm -rf ~"
    with pytest.raises(ExtendError, match="a command cannot contain"):
        settings_for(plan("yarn"), "a\nb", "vllm")


def test_positions_by_type_of_layer() -> None:
    gemma = plan_extension(from_config(released.GEMMA_3_27B), 262144)
    new = config_changes(gemma, "rope_parameters")["text_config"]["rope_parameters"]
    assert new["full_attention"]["factor"] == 16.0
    assert new["sliding_attention"] == {"rope_type": "default", "rope_theta": 10000.0}
    # Gemma 3's older form has room for the full layers' scaling: its own config is written so.
    old = config_changes(gemma, "rope_scaling")["text_config"]
    assert old["rope_scaling"] == {"rope_type": "linear", "factor": 16.0}
    assert old["rope_theta"] == 1000000.0
    assert (
        json.loads(flags(settings_for(gemma, "m", "vllm").text)["--hf-overrides"])["text_config"]["rope_parameters"]
        == new
    )


def test_fields_that_no_scaling_touches_go_along() -> None:
    vl = plan_extension(from_config(released.QWEN25_VL_7B), 256000)
    assert settings_for(vl, "m", "vllm").overrides["rope_parameters"]["mrope_section"] == [16, 24, 24]
    glm = plan_extension(from_config(released.GLM_4_9B_0414), 65536)
    assert settings_for(glm, "m", "vllm").overrides["rope_parameters"]["partial_rotary_factor"] == 0.5


def test_every_engine_is_written_for_every_method() -> None:
    for method in METHODS:
        engines = [found.engine for found in all_settings(plan(method), "org/name")]
        assert set(engines) == set(ENGINE_NAMES)
        assert engines.count("transformers") == 2


@pytest.mark.parametrize("method", METHODS)
def test_the_python_that_is_shown_runs_and_loads_what_apply_makes(method: str, tiny_folder: Path) -> None:
    model = open_model(tiny_folder, config_only=True)
    factors = {"factors": [1.0 + pair for pair in range(4)], "attention_factor": 1.05}
    made = plan_extension(model, 1024, method, **(factors if method == "searched" else {}))
    space: dict[str, Any] = {}
    exec(settings_for(made, str(tiny_folder), "transformers").text, space)
    ids = torch.arange(3, 290)[None] % 290
    network = AutoModelForCausalLM.from_pretrained(tiny_folder)
    with made.applied(network), torch.no_grad():
        ours = network(ids).logits
        theirs = space["model"](ids).logits
    assert torch.equal(ours, theirs)


def test_the_older_form_says_the_same_to_the_newer_transformers(tiny_folder: Path) -> None:
    made = plan_extension(open_model(tiny_folder, config_only=True), 1024, "yarn")
    text = settings_for(made, str(tiny_folder), "transformers@4.57").text
    assert "rope_scaling={'rope_type': 'yarn'" in text
    assert re.search(r"rope_theta=10000\.0", text)


STATES_ONE = {
    **released.QWEN25_7B, "max_position_embeddings": 262144,
    "rope_scaling": {
        "rope_type": "yarn", "factor": 64.0, "attention_factor": 1.0, "original_max_position_embeddings": 4096,
        "beta_fast": 24.0, "truncate": False,
    },
}  # fmt: skip


def test_the_attention_factor_that_a_config_states_reaches_every_engine(tmp_path: Path) -> None:
    """YaRN's rule would make it 0.1 ln 128 + 1 = 1.485. Engines that do not read the field get what turns their rule into it."""
    model = from_config(STATES_ONE, name="states one")
    longer = plan_extension(model, 524288)
    (entry,) = longer.layer_types
    assert entry.attention_factor == entry.attention_factor_before == 1.0
    assert any("stays at 1" in caveat and "1.485" in caveat for caveat in longer.caveats)
    rule = 0.1 * math.log(128) + 1
    for older in ("transformers", "transformers@4.57.3"):
        text = settings_for(longer, "org/name", older).text
        assert "'attention_factor': 1.0" in text and "'truncate': False" in text and "'beta_fast': 24.0" in text
    for engine, flag in (("vllm", "--hf-overrides"), ("sglang", "--json-model-override-args")):
        told = json.loads(flags(settings_for(longer, "org/name", engine).text)[flag])["rope_parameters"]
        assert told["attention_factor"] == 1.0
        assert told["attn_factor"] * rule == pytest.approx(1.0)
    served = settings_for(longer, "org/name", "llama.cpp")
    name, value = flags(served.text)["--override-kv"].split("=float:")
    assert name == "ARCH.rope.scaling.attn_factor" and float(value) * rule == pytest.approx(1.0)
    assert any("rounds the ends" in remark for remark in served.remarks)
    assert "drops this model's attention factor" in settings_for(longer, "org/name", "ollama").remarks[0]
    (tmp_path / "config.json").write_text(json.dumps(STATES_ONE))
    saved = json.loads(save_config(longer, open_model(tmp_path), tmp_path / "longer").read_text())
    assert saved["rope_scaling"] | {"factor": 64.0} == STATES_ONE["rope_scaling"]


def test_no_factor_is_told_where_the_rule_gives_it() -> None:
    for engine in ("vllm", "sglang", "llama.cpp"):
        assert "attn_factor" not in settings_for(plan("yarn"), "org/name", engine).text
    assert any("b10754" in remark for remark in settings_for(plan("yarn"), "org/name", "llama.cpp").remarks)


@pytest.mark.parametrize("broken", [0, -1.0, "1.0", True, float("nan")])
def test_an_attention_factor_that_cannot_be_is_refused(broken: Any) -> None:
    config = {**STATES_ONE, "rope_scaling": {**STATES_ONE["rope_scaling"], "attention_factor": broken}}
    with pytest.raises(ExtendError, match="attention_factor"):
        plan_extension(from_config(config, name="broken"), 524288)


def test_a_factor_below_one_is_refused() -> None:
    config = {**STATES_ONE, "rope_scaling": {**STATES_ONE["rope_scaling"], "factor": 0.5}}
    with pytest.raises(ExtendError, match="factor of this model"):
        plan_extension(from_config(config, name="broken"), 524288, trained=4096)
