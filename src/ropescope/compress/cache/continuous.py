"""transformers' continuous batching cannot carry a plan, and would leave it out without a word: it is refused.

`generate_batch` runs the model in a thread of its own, on a paged cache of its own (PagedAttentionCache), and leaves out what else
it is given, such as past_key_values. Its allocators keep whole layers, or one window for all sliding ones: no sinks, no windows
by layer or head, no picks.
"""

from __future__ import annotations

from contextvars import ContextVar
from functools import wraps
from typing import Any

from transformers import GenerationMixin

from ropescope.errors import PlanError
from ropescope.network.capture import decoder_layers

applied_here: ContextVar[dict[int, object]] = ContextVar("ropescope_plan_applied", default={})  # noqa: B039 never changed
"""Decoder → the mark of the last context of a plan that was entered for it in this thread."""

_REFUSES = "_ropescope_refuses_plans"
_SENTENCE = (
    "transformers' continuous batching keeps a paged cache of its own, whole, and would leave the plan out: serve several requests "
    "by ropescope.compress.serve(model, plan, prompts), or leave the context of the plan."
)


def refuse_continuous_batching() -> None:
    """Let continuous batching refuse a model with a plan applied, and a planned cache; doing so again changes nothing."""
    for name in ("init_continuous_batching", "generate_batch"):
        own = getattr(GenerationMixin, name, None)  # transformers before 5.0 has none
        if own is not None and not hasattr(own, _REFUSES):
            setattr(GenerationMixin, name, _refusing(own))


def _refusing(own: Any) -> Any:
    @wraps(own)
    def asked(self: Any, *args: Any, **kwargs: Any) -> Any:
        given = kwargs.get("past_key_values")
        if getattr(given, "plan", None) is not None or _is_applied(self):
            raise PlanError(_SENTENCE)
        return own(self, *args, **kwargs)

    setattr(asked, _REFUSES, True)
    return asked


def _is_applied(model: Any) -> bool:
    decoders = applied_here.get()
    return bool(decoders) and id(decoder_layers(model)[0]) in decoders
