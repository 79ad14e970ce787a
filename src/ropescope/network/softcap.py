"""Whether a network's attention function carries out the soft-cap of its scores; SDPA has none.

transformers 5.19, for one, gives Gemma 2 and VaultGemma `sdpa`, which drops the soft-cap without a word. 5.23 gives them `eager`,
and its `sdpa` refuses a soft-cap in the first pass.
"""

from __future__ import annotations

from typing import Any

from ropescope.errors import RopescopeError


def dropped_softcap(network: Any) -> float | None:
    """The soft-cap of attention scores that the network states and its implementation drops; None where all are kept."""
    for module in network.modules():
        config = getattr(module, "config", None)
        softcap = getattr(config, "attn_logit_softcapping", None)
        if softcap is not None and "sdpa" in str(getattr(config, "_attn_implementation", None)):
            return float(softcap)
    return None


def require_softcap(network: Any, error: type[RopescopeError]) -> None:
    """Raise `error` for a network, as its user loaded it, whose attention drops its soft-cap: all it computes would be wrong."""
    softcap = dropped_softcap(network)
    if softcap is not None:
        raise error(
            f"The attn_implementation of {type(network).__name__} is sdpa, which drops the soft-cap of its scores "
            f"(attn_logit_softcapping {softcap:g}): call model.set_attn_implementation('eager') first."
        )
