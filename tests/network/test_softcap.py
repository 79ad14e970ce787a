"""A model that its user loaded with an attention that drops its soft-cap is refused everywhere, with what mends it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from planned_models import explicit_masks, logits_in_pieces, ragged_plan, tiny
from tiny_models import build, tokens

from ropescope.compress import planned_cache
from ropescope.compress.evaluate.scoring.harness import prefill
from ropescope.compress.serving.server import PlannedServer
from ropescope.errors import RopescopeError
from ropescope.extend import plan_extension
from ropescope.models.opening import open as open_model
from ropescope.network.capture import capture_rows
from ropescope.network.loading.weights import Weights
from ropescope.network.softcap import dropped_softcap
from ropescope.quality.loss import token_losses

N = 72
MEND = "model.set_attn_implementation('eager')"


def loaded(model_type: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The tiny model as transformers 5.19 loads it, whose class says that SDPA does."""
    made = build(tiny(model_type))
    for one in type(made).__mro__:
        if "_supports_sdpa" in vars(one) and one.__module__ == type(made).__module__:
            monkeypatch.setattr(one, "_supports_sdpa", True)
    return build(tiny(model_type), attention="sdpa")


def scaled(network: Any) -> None:
    model = open_model(network.config.to_dict())
    plan_extension(model, 2 * int(model.context_length or 0), "yarn").apply(network)


def entered(context: Any) -> None:
    with context:
        pass


USES: dict[str, Callable[[Any, Any], Any]] = {
    "plan.cache": lambda network, plan: plan.cache(network),
    "planned_cache": lambda network, plan: entered(planned_cache(plan, network)),
    "server": lambda network, plan: PlannedServer(network, plan),
    "server without a plan": lambda network, plan: PlannedServer(network, None),
    "rows": lambda network, plan: entered(capture_rows(network, [3], lambda rows: None)),
    "evaluation": lambda network, plan: prefill(network, open_model(network.config.to_dict()), tokens(8)),
    "measurement": lambda network, plan: Weights(network, None, open_model(network.config.to_dict()), None, ""),  # type: ignore[arg-type]
    "loss": lambda network, plan: token_losses(network, tokens(8)),
    "scaling": lambda network, plan: scaled(network),
}


@pytest.mark.parametrize("use", USES)
def test_a_dropped_softcap_is_refused_until_it_is_mended(use: str, monkeypatch: pytest.MonkeyPatch) -> None:
    network = loaded("gemma2", monkeypatch)
    plan = ragged_plan(network, length=N)
    with pytest.raises(
        RopescopeError, match=r"attn_implementation of Gemma2ForCausalLM is sdpa.*softcapping 5\)"
    ) as said:
        USES[use](network, plan)
    assert MEND in str(said.value)
    eval(MEND, {"model": network})
    USES[use](network, plan)


def test_what_is_mended_computes_what_eager_attention_does(monkeypatch: pytest.MonkeyPatch) -> None:
    network, eager = loaded("gemma2", monkeypatch), build(tiny("gemma2"), attention="eager")
    plan, ids, pieces = ragged_plan(network, length=N), tokens(N), [40, 1, 1, 25, 1, 4]
    network.set_attn_implementation("eager")
    with explicit_masks(eager, plan, pieces), torch.no_grad():
        expected = eager(ids, use_cache=False).logits
    found = logits_in_pieces(network, ids, plan.cache(network), pieces)
    assert (found - expected).abs().max() < 1e-5 * max(1.0, float(expected.abs().max()))
    for layer in eager.model.layers:
        layer.self_attn.attn_logit_softcapping = None  # as an attention without one would have it
    with explicit_masks(eager, plan, pieces), torch.no_grad():
        assert (found - eager(ids, use_cache=False).logits).abs().max() > 0.1


@pytest.mark.parametrize("model_type", ["llama", "gemma3_text"])
def test_sdpa_without_a_softcap_is_not_refused(model_type: str) -> None:
    assert dropped_softcap(build(tiny(model_type), attention="sdpa")) is None
