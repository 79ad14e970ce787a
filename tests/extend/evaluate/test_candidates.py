"""What may be named among the methods, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from ropescope.errors import ExtendError, FormatError
from ropescope.extend.evaluate.candidates import candidates
from ropescope.extend.plan.planning import plan_extension
from ropescope.models.model import Model
from ropescope.models.opening import open as open_model

CONFIG = {
    "model_type": "llama", "hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 2, "vocab_size": 300,
    "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 16, "max_position_embeddings": 256,
    "rope_theta": 10000.0,
}  # fmt: skip


@pytest.fixture(scope="module")
def model() -> Model:
    return open_model(CONFIG)


def test_methods_options_and_saved_plans(model: Model, tmp_path: Path) -> None:
    path = plan_extension(model, 1024, "ntk").save(tmp_path / "mine.json")
    found = candidates(model, 1024, ["none", "yarn@factor=8", "alpha@alpha=3", "auto", str(path)])
    assert [candidate.name for candidate in found] == ["none", "yarn@factor=8", "alpha@alpha=3", "auto (yarn)", "mine"]
    assert [candidate.plan.method for candidate in found] == ["none", "yarn", "alpha", "yarn", "ntk"]
    assert found[1].plan.factor == 8
    assert found[2].plan.layer_types[0].theta == pytest.approx(30000.0)


def test_rerope_with_other_ranges_and_truncated(model: Model) -> None:
    near, cut = candidates(model, 1024, ["rerope@near=32+slower=5", "truncated"])
    (entry,) = near.plan.layer_types
    assert entry.near_tokens == 32 and entry.effective_distance(532) == pytest.approx(132)
    assert (cut.plan.method, cut.shown) == ("none", 256)
    assert [cut.cuts(n) for n in (256, 257)] == [False, True] and not near.cuts(1024)
    # 250 and 6 to come fit; of 300 the last 250 are shown, or the first and the last 249.
    assert cut.seen(range(250), 6) == range(250) and list(near.seen(range(300), 6)) == list(range(300))
    assert cut.seen(range(300), 6) == list(range(50, 300)) and cut.seen(range(300), 6, 1) == [0, *range(51, 300)]


def test_only_positions_that_depend_on_the_length_take_a_text_whole(model: Model) -> None:
    found = candidates(model, 512, ["dynamic", "yarn", "ntk", "none"])
    assert [candidate.chunk(512) for candidate in found] == [512, None, None, None]
    factors = {"factors": [1.0 + pair for pair in range(8)]}
    assert candidates(model, 512, ["none"])[0].chunk(9) is None
    searched = plan_extension(model, 512, "searched", **factors)
    assert searched.rope_parameters["rope_type"] == "longrope"
    from ropescope.extend.evaluate.candidates import Candidate

    assert Candidate("searched", searched).chunk(512) is None


@pytest.mark.parametrize(
    ("named", "message"),
    [
        (["yarn", "yarn"], "named twice"),
        ([], "at least one method"),
        (["yran"], "Did you mean yarn"),
        (["yarn@factor"], "METHOD@OPTION=NUMBER"),
        (["yarn@theta=3"], "METHOD@OPTION=NUMBER"),
        (["yarn@alpha=3"], "is an option of the method alpha"),
        (["yarn@near=64"], "options of the method rerope"),
        (["rerope@near=6.4"], "METHOD@OPTION=NUMBER"),
        (["rerope@near=512"], "between 1 and the trained 256"),
        (["rerope@slower=0.5"], "at least 1"),
        (["rerope@slower=nan"], "at least 1"),
        (["truncated@near=3"], "has no options"),
    ],
)
def test_what_is_refused(model: Model, named: list[str], message: str) -> None:
    with pytest.raises(ExtendError, match=message):
        candidates(model, 512, named)


def test_a_plan_for_less_or_for_another_model_is_refused(model: Model, tmp_path: Path) -> None:
    path = plan_extension(model, 512, "yarn").save(tmp_path / "short.json")
    with pytest.raises(ExtendError, match="does not fit"):
        candidates(model, 1024, [str(path)])
    with pytest.raises(ExtendError, match="does not fit"):
        candidates(open_model({**CONFIG, "model_type": "mistral"}), 512, [str(path)])
    (tmp_path / "other.json").write_text("{}")
    with pytest.raises(FormatError, match="Not a RoPE plan"):
        candidates(model, 512, [str(tmp_path / "other.json")])
