"""Another RoPE base at inference: equal to a model that was built with it, and gone on exit."""

from __future__ import annotations

import copy
import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_models import TINY, Tiny, build, tokens

from ropescope.errors import DomainError, MeasurementError
from ropescope.measure.instrument import Request, make_corpus
from ropescope.measure.protocol import FixedLength
from ropescope.measure.session import Plan, measure
from ropescope.models.config.reading import from_config
from ropescope.models.source import Source
from ropescope.network.loading.weights import Weights, load
from ropescope.network.rope_base import at_rope_base

_WITHOUT_ROPE = {"gpt_bigcode", "gpt2", "opt", "bloom", "mpt", "gpt_neo", "jamba"}
_SEVERAL, _OWN_CODE = {"gemma3_text"}, {"gptj", "codegen"}
_REFUSED = _WITHOUT_ROPE | _SEVERAL | _OWN_CODE
ROTARY = [t for t in TINY if t.model_type not in _REFUSED and not t.settings.get("alibi") and t.attention == "eager"]


def tiny_weights(tiny: Tiny) -> Weights:
    network = build(tiny)
    return Weights(network, None, from_config(network.config.to_dict()), Source("dict", tiny.id), "made")


@pytest.mark.parametrize("tiny", ROTARY, ids=lambda tiny: tiny.id)
def test_equals_a_model_built_with_that_base(tiny: Tiny) -> None:
    from transformers import AutoModelForCausalLM

    weights, ids = tiny_weights(tiny), tokens(48)
    config = weights.network.config
    other = copy.deepcopy(config)
    if "rope_theta" in other.rope_parameters:
        other.rope_parameters["rope_theta"] = 500.0
    else:  # a set for each kind of layer
        for kind in set(other.layer_types):
            other.rope_parameters[kind]["rope_theta"] = 500.0
    built = AutoModelForCausalLM.from_config(other, attn_implementation="eager", dtype=torch.float32).eval()
    built.load_state_dict(weights.network.state_dict())
    with torch.inference_mode():
        before = weights.network(ids).logits
        with at_rope_base(weights, 500.0) as changed:
            within = changed.network(ids).logits
        after = weights.network(ids).logits
        expected = built(ids).logits
    torch.testing.assert_close(within, expected, rtol=0, atol=0)
    torch.testing.assert_close(after, before, rtol=0, atol=0)
    # With one rotary pair (two of eight dimensions) the only frequency is 1, whatever the base.
    one_pair = config.rope_parameters.get("partial_rotary_factor") == 0.25
    assert torch.equal(within, before) == one_pair


def test_equals_the_files_loaded_with_that_base(
    tiny_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ROPESCOPE_HOME", str(tmp_path / "home"))
    folder = tmp_path / "other"
    shutil.copytree(tiny_folder, folder)
    config = json.loads((folder / "config.json").read_text())
    config["rope_parameters"]["rope_theta"] = 300.0
    (folder / "config.json").write_text(json.dumps(config))
    plan = Plan(FixedLength(length=128, rows=8), prompts=3)
    weights = load(tiny_folder, dtype="float32")
    corpus = make_corpus(Request(tiny_folder, corpus="random"), weights)
    own = measure(weights, corpus, plan)
    with at_rope_base(weights, 300.0) as changed:
        found = measure(changed, corpus, plan)
    reloaded = measure(load(folder, dtype="float32"), corpus, plan)
    np.testing.assert_array_equal(found.mass, reloaded.mass)
    assert not np.allclose(found.mass, own.mass, rtol=1e-3)
    assert found.provenance["rope_thetas"] == [300.0] and own.provenance["rope_thetas"] == [10000.0]
    # Finished prompts are kept under the identity of the weights: the two must never be taken for each other.
    assert found.provenance["weights"] != own.provenance["weights"]


def test_an_exception_inside_leaves_the_model_as_it_was() -> None:
    weights, ids = tiny_weights(TINY[0]), tokens(32)
    with torch.inference_mode():
        before = weights.network(ids).logits
        with pytest.raises(RuntimeError, match="inside"), at_rope_base(weights, 77.0):
            raise RuntimeError("inside")
        torch.testing.assert_close(weights.network(ids).logits, before, rtol=0, atol=0)


@pytest.mark.parametrize(
    ("model_type", "sentence"),
    [
        ("gpt2", "learned positions and no RoPE base"),
        ("bloom", "ALiBi's biases by distance and no RoPE base"),
        ("gemma3_text", r"RoPE bases 1e\+06, 10000"),
        ("gptj", "does not take its rotary positions from its config"),
    ],
)
def test_models_without_one_base_are_refused(model_type: str, sentence: str) -> None:
    weights = tiny_weights(next(tiny for tiny in TINY if tiny.model_type == model_type))
    with pytest.raises(MeasurementError, match=sentence), at_rope_base(weights, 500.0):
        pass


@pytest.mark.parametrize("theta", [1.0, 0.0, -5.0, float("nan")])
def test_a_base_is_above_one(theta: float) -> None:
    weights = replace(tiny_weights(TINY[0]))
    with pytest.raises(DomainError, match="no RoPE base"), at_rope_base(weights, theta):
        pass
