"""transformers' continuous batching refuses a plan, which it would leave out without a word."""

from __future__ import annotations

import threading
from typing import Any

import pytest
import transformers
from planned_models import ragged_plan, tiny
from tiny_models import build, tokens
from transformers import GenerationConfig

from ropescope.errors import PlanError

ContinuousBatchingConfig = getattr(transformers, "ContinuousBatchingConfig", None)


@pytest.mark.skipif(ContinuousBatchingConfig is None, reason="this transformers sets continuous batching otherwise")
def test_plans_are_refused_and_other_models_are_served() -> None:
    network, other = build(tiny("llama"), attention="sdpa"), build(tiny("llama"), seed=1, attention="sdpa")
    plan, ids = ragged_plan(network, length=72, seed=2), tokens(40)[0].tolist()
    settings = {
        "generation_config": GenerationConfig(max_new_tokens=4, do_sample=False, eos_token_id=-1, pad_token_id=0),
        "continuous_batching_config": ContinuousBatchingConfig(num_blocks=16, page_size=16, max_batch_tokens=128),
    }

    def answer(model: Any) -> list[int]:
        (found,) = model.generate_batch([ids], **settings).values()
        return list(found.generated_tokens)

    own = answer(network)
    elsewhere: list[list[int]] = []
    with pytest.raises(PlanError, match=r"ropescope\.compress\.serve"):
        network.generate_batch([ids], past_key_values=plan.cache(network), **settings)
    with plan.applied(network):
        for refused in (network.generate_batch, network.init_continuous_batching):
            with pytest.raises(PlanError, match="leave the plan out"):
                refused(**({"inputs": [ids]} if refused == network.generate_batch else {}), **settings)
        assert len(answer(other)) == 4
        thread = threading.Thread(target=lambda: elsewhere.append(answer(network)))
        thread.start()
        thread.join()
    assert elsewhere == [own] == [answer(network)]
