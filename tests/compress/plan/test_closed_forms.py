"""Plans from the horizon: the window is the horizon or holds the share that fades, by each layer's own base."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ropescope.compress.plan.closed_forms import plan_from_horizon
from ropescope.compress.plan.kv_plan import KVPlan
from ropescope.compress.plan.report import plan_report
from ropescope.errors import DomainError, PlanError
from ropescope.models.model import Model
from ropescope.models.opening import open as open_model

LLAMA = {
    "model_type": "llama", "hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 3, "vocab_size": 100,
    "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 16, "max_position_embeddings": 4096,
    "rope_theta": 10000.0,
}  # fmt: skip


def llama(**changes: object) -> Model:
    return open_model({**LLAMA, **changes})


def test_a_hard_cut_off_keeps_what_is_nearer_than_the_horizon() -> None:
    plan = plan_from_horizon(0.75, llama(), length=4096)
    # θ√2(1−γ)/(1+γ) = 10⁴·√2/7 = 2,020.3: distances 0 … 2,020.
    assert {layer.windows for layer in plan.layers} == {(2021, 2021)}
    distance = np.arange(1, 4097.0)
    assert plan.kept_mass == pytest.approx((distance[:2021] ** -0.75).sum() / (distance**-0.75).sum(), rel=1e-9)
    assert plan.basis == "formula" and "soft decay, though not clearly" in plan.windows_from
    longer = plan_from_horizon(0.2, llama(), length=4096)
    assert longer.layers[0].windows == (4092, 4092), "a horizon beyond the sequence cuts nothing"
    assert "calls for soft decay" in longer.windows_from
    assert KVPlan.from_dict(plan.to_dict()) == plan


@settings(deadline=None)
@given(gamma=st.floats(0.05, 0.99), share=st.floats(0.05, 0.99), length=st.integers(64, 3000))
def test_soft_decay_holds_its_share_of_what_fades(gamma: float, share: float, length: int) -> None:
    plan = plan_from_horizon(gamma, llama(), shape="soft", keep_mass=share, length=length, sinks=0)
    window = plan.layers[0].windows[0]
    reach = 1e4 * np.sqrt(2) * (1 - gamma) / (1 + gamma)
    distance = np.arange(1.0, min(length, int(np.ceil(reach)) - 1) + 1)
    fading = np.cumsum(distance**-gamma * (1 - distance / reach) ** gamma)
    assert fading[window - 1] >= share * fading[-1] * (1 - 1e-9)
    assert window == 1 or fading[window - 2] < share * fading[-1] * (1 + 1e-9)
    assert window <= plan_from_horizon(gamma, llama(), length=length, sinks=0).layers[0].windows[0]


def test_every_layer_has_the_horizon_of_its_own_base() -> None:
    gemma = open_model(
        {**LLAMA, "model_type": "gemma3_text", "sliding_window": 24, "query_pre_attn_scalar": 16, "rope_theta": 20000.0,
         "rope_local_base_freq": 10000.0,
         "layer_types": ["sliding_attention", "full_attention", "sliding_attention"]}
    )  # fmt: skip
    plan = plan_from_horizon(0.75, gemma, length=8192)
    assert [layer.windows for layer in plan.layers] == [(), (4041, 4041), ()]
    nope = llama(model_type="smollm3", no_rope_layers=[1, 0, 1], layer_types=["full_attention"] * 3)
    plan = plan_from_horizon(0.75, nope, length=4096)
    assert [layer.windows[0] for layer in plan.layers] == [2021, 4092, 2021], "without a base there is no horizon"


def test_the_report_says_what_the_horizon_is_worth() -> None:
    report = plan_report(plan_from_horizon(0.75, llama(), shape="soft", keep_mass=0.9, length=4096))
    assert any("claim C16" in caveat for caveat in report.caveats)
    assert any("does not apply the fade" in caveat for caveat in report.caveats)
    hard = plan_report(plan_from_horizon(0.75, llama(), length=4096))
    assert not any("fade." in caveat for caveat in hard.caveats)


@pytest.mark.parametrize(
    ("gamma", "arguments", "error", "words"),
    [
        (0.75, {"shape": "round"}, PlanError, "it is hard or soft"),
        (0.75, {"shape": "soft"}, PlanError, "give `keep_mass`"),
        (0.75, {"shape": "hard", "keep_mass": 0.9}, PlanError, "leave out `keep_mass`"),
        (0.75, {"shape": "soft", "keep_mass": 1.5}, PlanError, "between 0 and 1"),
        (1.0, {}, DomainError, "gamma"),
    ],
)
def test_refusals(gamma: float, arguments: dict[str, Any], error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        plan_from_horizon(gamma, llama(), length=4096, **arguments)


def test_a_model_without_rotary_positions_has_no_horizon() -> None:
    gpt2 = open_model(
        {"model_type": "gpt2", "n_embd": 64, "n_layer": 2, "n_head": 4, "vocab_size": 100, "n_positions": 512}
    )
    with pytest.raises(PlanError, match="no rotary positions"):
        plan_from_horizon(0.75, gpt2, length=512)
