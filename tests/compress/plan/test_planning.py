"""From profiles, exponents and budgets to plans: what windows follow, in what bytes, and what is refused."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from made_profiles import made_profile
from safetensors.numpy import save_file

from ropescope.compress.plan.curves import measured_curves, share_inside, windows_of_share
from ropescope.compress.plan.kv_plan import KVPlan
from ropescope.compress.plan.planning import plan_from_gamma, plan_from_profile, plan_uniform
from ropescope.compress.plan.target import Target
from ropescope.errors import DomainError, FormatError, PlanError
from ropescope.measure.profile import DecayProfile
from ropescope.models.model import Model
from ropescope.models.opening import open as open_model

LLAMA = {
    "model_type": "llama", "hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 3, "vocab_size": 100,
    "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 16, "max_position_embeddings": 4096,
    "torch_dtype": "bfloat16",
}  # fmt: skip
TOKEN = 2 * 16 * 2  # bytes of one token in one KV head: keys and values of 16 numbers in two bytes


def llama(**changes: object) -> Model:
    return open_model({**LLAMA, **changes})


def profile(gamma: float = 0.8, kv_heads: int = 2, **settings: object) -> DecayProfile:
    made = made_profile(gamma, heads=(4, 4, 4), **settings)  # type: ignore[arg-type]
    return replace(made, layers=tuple(replace(layer, n_kv_heads=kv_heads) for layer in made.layers))


def scaled(made: DecayProfile, layer: int, head: int, factor: float) -> DecayProfile:
    """The profile with `factor` times the attention of one head, its shape unchanged."""
    mass = made.mass.copy()
    mass[:, layer, head] *= factor
    return replace(made, mass=mass)


def test_the_curve_of_a_power_law_is_its_sum() -> None:
    made = profile(0.8, noise=0.0, length=1024, sink=0.25)
    curves = measured_curves(made, 1024, 4)
    law = np.maximum(np.arange(1020), 1) ** -0.8
    knots = curves.windows[1:]
    expected = law.cumsum()[knots - 1] / law.sum()
    found = curves.mass[0, 0, 1:] / curves.mass[0, 0, -1]
    # Rows of the last quarter end before the last distances, which some bins therefore see in part.
    assert np.abs(found - expected)[knots <= 764].max() < 0.01
    assert curves.mass[0, 0, -1] == pytest.approx(0.75, rel=0.05)


def test_windows_of_a_share_are_the_smallest() -> None:
    windows = np.array([0, 1, 4, 10])
    curves = np.array([[0.0, 0.2, 0.5, 1.0], [0.0, 0.9, 0.9, 0.9]])
    assert windows_of_share(curves, windows, 0.5).tolist() == [4, 1]
    assert windows_of_share(curves, windows, 0.75).tolist() == [7, 1]
    assert windows_of_share(curves, windows, 0.76).tolist() == [8, 1]
    assert share_inside(curves, windows, [7, 1]).tolist() == pytest.approx([0.75, 1.0])


def test_every_query_head_keeps_the_share_it_was_promised() -> None:
    made = profile(noise=0.4)
    plan = plan_from_profile(made, llama(), Target(keep_mass=0.9))
    curves = measured_curves(made, 1024, 4)
    for row, layer in enumerate(plan.layers):
        groups = curves.of_layer(row)
        for head, window in enumerate(layer.windows):
            inside = share_inside(groups[head], curves.windows, [window] * 2)
            fewer = share_inside(groups[head], curves.windows, [window - 1] * 2)
            assert inside.min() >= 0.9 - 1e-9
            assert fewer.min() < 0.9
            assert layer.kept_mass[head] == pytest.approx(inside.mean())


def test_a_budget_is_kept_and_spent() -> None:
    model = llama()
    for share in (0.1, 0.3, 0.77):
        plan = plan_from_profile(profile(noise=0.3), model, Target(budget_share=share))
        assert plan.bytes_before == model.cache_bytes(1024) == 6 * TOKEN * 1024
        assert share * plan.bytes_before - 6 * TOKEN < plan.bytes_after <= share * plan.bytes_before
        assert plan.bytes_after == sum(TOKEN * (4 + window) for layer in plan.layers for window in layer.windows)
        bytes_wanted = Target(budget_bytes=int(share * plan.bytes_before))
        same = plan_from_profile(profile(noise=0.3), model, bytes_wanted)
        assert same.layers == plan.layers


def test_a_budget_keeps_more_in_the_worst_head_than_one_window_for_all() -> None:
    near, far, model = profile(1.4), profile(0.4), llama()
    mass = near.mass.copy()
    mass[:, 1] = far.mass[:, 1]
    made = replace(near, mass=mass)
    curves = measured_curves(made, 1024, 4)

    def kept(plan: KVPlan) -> float:
        return min(
            float(share_inside(curves.mass[row, [head]], curves.windows, [layer.windows[head // 2]])[0])
            for row, layer in enumerate(plan.layers)
            for head in range(4)
        )

    ours = plan_from_profile(made, model, Target(budget_share=0.2))
    even = plan_uniform(model, Target(budget_share=0.2), length=1024)
    assert max(even.bytes_after, ours.bytes_after) <= 0.2 * ours.bytes_before
    assert kept(ours) > 1.02 * kept(even)


def test_a_budget_by_share_is_the_plan_that_keeps_the_share() -> None:
    made, model = profile(noise=0.5, seed=4), llama()
    by_share = plan_from_profile(made, model, Target(keep_mass=0.8))
    by_bytes = plan_from_profile(made, model, Target(budget_bytes=by_share.bytes_after))
    assert [layer.windows for layer in by_bytes.layers] == [layer.windows for layer in by_share.layers]


def test_a_head_that_gives_its_attention_to_the_sinks_gets_no_less() -> None:
    made = profile(noise=0.0)
    for head in (2, 3):
        made = scaled(made, 1, head, 0.1)
    # A share of its own mass asks for the same window, however little the mass is.
    by_share = plan_from_profile(made, llama(), Target(keep_mass=0.9))
    assert by_share.layers[1].windows[1] == by_share.layers[1].windows[0]


def test_a_shorter_sequence_is_planned_from_the_same_profile() -> None:
    made = profile(noise=0.0, length=2048)
    short = plan_from_profile(made, llama(), Target(keep_mass=0.9), length=1024)
    direct = plan_from_profile(profile(noise=0.0, length=1024), llama(), Target(keep_mass=0.9))
    assert short.length == 1024
    assert short.layers[0].windows[0] == pytest.approx(direct.layers[0].windows[0], rel=0.03)


def test_the_closed_form_gives_all_heads_its_window() -> None:
    plan = plan_from_gamma(0.75, llama(), Target(keep_mass=0.9), length=2000)
    assert {layer.windows for layer in plan.layers} == {(1389, 1389)}  # theory.md, table of D_f
    assert plan.kept_mass == pytest.approx(0.9, abs=1e-3)
    assert plan.basis == "formula"
    budget = plan_from_gamma(0.75, llama(), Target(budget_share=0.25), length=2000)
    assert budget.layers[0].windows == (496, 496)
    with pytest.raises(DomainError):
        plan_from_gamma(float("nan"), llama(), Target(keep_mass=0.9), length=2000)


def test_layers_that_plans_leave_alone_are_paid_first() -> None:
    model = open_model(
        {**LLAMA, "model_type": "gemma3_text", "sliding_window": 24, "query_pre_attn_scalar": 16,
         "layer_types": ["sliding_attention", "full_attention", "sliding_attention"]}
    )  # fmt: skip
    plan = plan_uniform(model, Target(budget_share=0.25), length=1000)
    assert [layer.planned for layer in plan.layers] == [False, True, False]
    assert plan.layers[0].untouched == "has a window of its own (sliding)"
    sliding = 2 * 2 * 23 * TOKEN
    assert plan.bytes_before == sliding + 2 * 1000 * TOKEN
    assert plan.bytes_after == sliding + 2 * TOKEN * (4 + plan.layers[1].windows[0]) <= plan.bytes_before // 4
    with pytest.raises(PlanError, match=r"6,528 bytes: 4 sinks and one token in each of 2 KV heads and 5,888 bytes in"):
        plan_uniform(model, Target(budget_bytes=6527), length=1000)


@pytest.mark.parametrize(
    ("wish", "sentence"),
    [
        ({"keep_mass": 1.0}, "`keep_mass` is 1.0: it lies between 0 and 1"),
        ({"keep_mass": 0.0}, "`keep_mass` is 0.0"),
        ({"keep_mass": float("nan")}, "`keep_mass` is nan"),
        ({}, "Give one of"),
        ({"keep_mass": 0.5, "budget_share": 0.5}, "Give one of"),
        ({"budget_share": 1.5}, "A budget of 150%"),
        ({"budget_share": float("nan")}, "A budget of nan%"),
        ({"budget_bytes": 0}, "A budget of 0 bytes"),
    ],
)
def test_wishes_that_cannot_be(wish: dict[str, float], sentence: str) -> None:
    with pytest.raises(PlanError, match=sentence):
        Target(**wish)  # type: ignore[arg-type]


def test_a_budget_below_the_sinks() -> None:
    least = 6 * TOKEN * 5
    assert plan_from_profile(profile(), llama(), Target(budget_bytes=least)).layers[0].windows == (1, 1)
    with pytest.raises(
        PlanError, match=f"below the least that a plan can hold, {least:,} bytes: 4 sinks and one token"
    ):
        plan_from_profile(profile(), llama(), Target(budget_bytes=least - 1))


def test_a_profile_of_another_model_names_the_difference() -> None:
    for changes, sentence in (
        ({"num_hidden_layers": 5}, "made-up, with 3 attention layers, and llama has 5"),
        ({"num_key_value_heads": 4}, "whose layer 0 has 2 KV heads, and llama has 4 there"),
        ({"num_attention_heads": 8}, "whose layer 0 has 4 query heads, and llama has 8 there"),
        ({"model_type": "mistral", "sliding_window": 64}, "layer 0 has no tokens of window, and mistral has 64"),
    ):
        with pytest.raises(PlanError, match=sentence):
            plan_from_profile(profile(), llama(**changes), Target(keep_mass=0.9))


def test_what_a_profile_does_not_tell() -> None:
    with pytest.raises(PlanError, match="measured at 1,024 tokens and does not tell how attention falls at 8,192"):
        plan_from_profile(profile(), llama(), Target(keep_mass=0.9), length=8192)
    with pytest.raises(PlanError, match="left 4 sink tokens out"):
        measured_curves(profile(), 1024, 8)
    with pytest.raises(PlanError, match="leave nothing of 4 tokens"):
        plan_from_profile(profile(), llama(), Target(keep_mass=0.9), length=4)


def test_a_plan_comes_back_from_its_file(tmp_path: Path) -> None:
    plan = plan_from_profile(profile(noise=0.2), llama(head_dim=32), Target(keep_mass=0.8), cache_type="q8_0")
    path = plan.save(tmp_path / "plan.json")
    assert KVPlan.load(path) == plan
    data = json.loads(path.read_text())
    assert data["schema"] == "ropescope.kvplan/1"
    assert data["bytes_after"] == plan.bytes_after
    assert plan.bytes_before == 6 * 1024 * 2 * 34  # 34 bytes hold 32 numbers in q8_0


def test_files_that_are_no_plans(tmp_path: Path) -> None:
    data = plan_uniform(llama(), Target(budget_share=0.5), length=100).to_dict()
    broken = json.loads(json.dumps(data))
    broken["layers"][0]["windows"] = [1, 2000]
    with pytest.raises(FormatError, match="a window of 2,000 tokens"):
        KVPlan.from_dict(broken)
    broken["layers"][0]["windows"] = [1, 2]
    with pytest.raises(FormatError, match="its bytes do not follow from its windows"):
        KVPlan.from_dict(broken)
    with pytest.raises(FormatError, match=r"schema is 'ropescope\.profile/1'"):
        KVPlan.from_dict({**data, "schema": "ropescope.profile/1"})
    with pytest.raises(FormatError, match="does not fit"):
        KVPlan.from_dict({**data, "windows": 3})
    (tmp_path / "x.json").write_text("{")
    with pytest.raises(FormatError, match="is not a cache plan"):
        KVPlan.load(tmp_path / "x.json")


def test_planning_from_a_kept_profile_needs_neither_torch_nor_pandas(tmp_path: Path) -> None:
    """They take seconds to import, and a plan milliseconds."""
    kept, folder = tmp_path / "p.parquet", tmp_path / "llama"
    profile().save(kept)
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(LLAMA))
    # With weights to read the header of, nothing has to be counted by building the network.
    save_file({"model.embed_tokens.weight": np.zeros((100, 64), np.float32)}, folder / "model.safetensors")
    script = (
        "import sys\n"
        "from pathlib import Path\n"
        "from ropescope import models\n"
        "from ropescope.compress import Target, plan_from_profile\n"
        "from ropescope.measure import DecayProfile\n"
        f"plan = plan_from_profile(DecayProfile.load(Path({str(kept)!r})), models.open({str(folder)!r}), "
        "Target(budget_share=0.3))\n"
        "slow = {'torch', 'transformers', 'pandas', 'scipy', 'pyarrow.dataset'} & set(sys.modules)\n"
        "print(plan.bytes_after, sorted(slow))\n"
    )
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=600)
    planned = plan_from_profile(profile(), llama(), Target(budget_share=0.3))
    assert result.stdout.strip() == f"{planned.bytes_after} []", result.stderr
