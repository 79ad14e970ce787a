"""llama.cpp's own server, run on what is emitted for it: the flags, and GGUF files that hold a plan.

It has to say what transformers says of the network under the plan. llama.cpp keeps parts of its sums in 16 bits, so its
log-probabilities are some thousandths off; the plans are more than a tenth off from one another and from no scaling.
"""

from __future__ import annotations

import shlex
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import tiny_gguf
import torch
from llama_server import APART, CLOSE, apart, prompt, theirs
from long_matrix import in_brief

from ropescope.extend import RopePlan, plan_extension
from ropescope.extend.settings import settings_for
from ropescope.extend.settings.gguf_file import save_gguf
from ropescope.models.model import Model
from ropescope.models.opening import open as open_model

xllamacpp = pytest.importorskip("xllamacpp", reason="llama.cpp is not installed: pip install xllamacpp")

TARGET = 512
WITHIN, BEYOND = (50, 127), (200, 300, 400)
FACTORS = [1.0 + 0.3 * pair for pair in range(tiny_gguf.HEAD_DIM // 2)]


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Model, Path]:
    network = tiny_gguf.network()
    path = tiny_gguf.write(network, tmp_path_factory.mktemp("gguf") / "tiny.gguf")
    return network, open_model(path), path


def planned(model: Model, method: str) -> RopePlan:
    options = {"factors": FACTORS, "attention_factor": 1.1} if method == "searched" else {}
    return plan_extension(model, TARGET, method, **options)


def ours(network: Any, plan: RopePlan, length: int) -> torch.Tensor:
    """Log-probabilities of what follows the prompt, under the plan."""
    with plan.applied(network), torch.no_grad():
        return torch.log_softmax(network(torch.tensor([prompt(length)])).logits[0, -1].double(), -1)


def as_parameters(text: str) -> dict[str, Any]:
    """What llama-server's flags set, read from the command that is shown."""
    words = shlex.split(text.replace("\\\n", " "))
    flags = dict(zip(words[1::2], words[2::2], strict=True))
    kinds = {
        "linear": xllamacpp.llama_rope_scaling_type.LLAMA_ROPE_SCALING_TYPE_LINEAR,
        "yarn": xllamacpp.llama_rope_scaling_type.LLAMA_ROPE_SCALING_TYPE_YARN,
    }
    read = {
        "-c": ("n_ctx", int),
        "--rope-scaling": ("rope_scaling_type", kinds.__getitem__),
        "--rope-scale": ("rope_freq_scale", lambda word: 1 / float(word)),
        "--rope-freq-base": ("rope_freq_base", float),
        "--yarn-orig-ctx": ("yarn_orig_ctx", int),
    }
    return {read[flag][0]: read[flag][1](word) for flag, word in flags.items() if flag in read}


@pytest.mark.parametrize("method", in_brief(["yarn", "linear", "ntk", "alpha"], ("yarn", "linear")))
def test_the_flags_do_what_the_plan_does(tiny: tuple[Any, Model, Path], method: str) -> None:
    network, model, path = tiny
    plan = planned(model, method)
    text = settings_for(plan, str(path), "llama.cpp").text
    # --override-kv, which the bindings cannot set, lifts the limit for all but YaRN: see the next test, and the files below.
    lengths = WITHIN + BEYOND if method == "yarn" else WITHIN
    plain = plan_extension(model, TARGET, "none")
    assert ("--override-kv" in text) == (method != "yarn")
    for length, found in zip(lengths, theirs(path, lengths, **as_parameters(text)), strict=True):
        assert apart(ours(network, plan, length), found) < CLOSE
        assert apart(ours(network, plain, length), found) > APART


def test_a_slot_is_cut_to_the_trained_length_unless_the_scaling_is_yarn(tiny: tuple[Any, Model, Path]) -> None:
    _, model, path = tiny
    linear = as_parameters(settings_for(planned(model, "linear"), str(path), "llama.cpp").text)
    with pytest.raises(ValueError, match=r"exceeds the available context size \(128 tokens\)"):
        theirs(path, (200,), **linear)


@pytest.mark.parametrize("method", in_brief(["yarn", "linear", "ntk", "alpha", "llama3", "searched"], ("searched",)))
def test_a_file_that_holds_the_plan_needs_no_flag(tiny: tuple[Any, Model, Path], method: str, tmp_path: Path) -> None:
    network, model, _ = tiny
    plan = planned(model, method)
    held = save_gguf(plan, model, tmp_path / "held.gguf")
    plain = plan_extension(model, TARGET, "none")
    lengths = WITHIN + BEYOND
    for length, found in zip(lengths, theirs(held, lengths, n_ctx=TARGET), strict=True):
        assert apart(ours(network, plan, length), found) < CLOSE
        assert apart(ours(network, plain, length), found) > APART


def test_an_attention_factor_of_its_own_is_held_by_a_file(tiny: tuple[Any, Model, Path], tmp_path: Path) -> None:
    """llama.cpp multiplies its own 0.1 ln s + 1 by what the file says: 1.0 has to come out, and is read back as that."""
    network, model, _ = tiny
    by_rule = planned(model, "yarn")
    entry = by_rule.layer_types[0]
    one = replace(entry, attention_factor=1.0, parameters={**entry.parameters, "attention_factor": 1.0})
    plan = replace(by_rule, layer_types=(one,))
    held = save_gguf(plan, model, tmp_path / "one.gguf")
    (found,) = theirs(held, (300,), n_ctx=TARGET)
    assert apart(ours(network, plan, 300), found) < CLOSE
    assert apart(ours(network, by_rule, 300), found) > APART / 2
    longer = plan_extension(open_model(held), 2 * TARGET)
    assert longer.layer_types[0].attention_factor == pytest.approx(1.0, rel=1e-6)
