"""The rotary modules of a network, and positions whose frequencies depend on how long a sequence is: read in parts, as one
pass over the whole of it has them.

LongRoPE (Phi-3) has one set of frequencies up to the original length and another beyond it, dynamic NTK a base that grows
with the length. transformers chooses anew in every pass by the last position of that pass, so the first parts of a long text
get the frequencies of a short one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from typing import Any

import torch
from torch import Tensor, nn

_whole: ContextVar[int] = ContextVar("ropescope_whole_length", default=0)


def rotary_modules(network: nn.Module) -> list[tuple[nn.Module, str]]:
    """The parent and the name of each module that keeps inverse frequencies computed from a config."""
    return [
        (parent, name)
        for parent in network.modules()
        for name, child in parent.named_children()
        if any(buffer.endswith("inv_freq") for buffer, _ in child.named_buffers(recurse=False))
        and getattr(getattr(child, "config", None), "rope_parameters", None)
    ]


@contextmanager
def positions_of_whole(network: nn.Module, n_tokens: int) -> Iterator[None]:
    """Within the context, passes of `network` turn their keys as a pass over `n_tokens` tokens from the start does.

    It changes nothing for positions that do not depend on the length, nor for passes of other threads. Contexts may be nested:
    the longest decides.
    """
    with ExitStack() as stack:
        for module in network.modules():
            if _kinds(module) & {"dynamic", "longrope"}:
                last = _LastPosition(n_tokens)
                stack.callback(module.register_forward_pre_hook(last.add, with_kwargs=True).remove)
                stack.callback(module.register_forward_hook(last.drop).remove)
        token = _whole.set(max(n_tokens, _whole.get()))
        try:
            yield
        finally:
            _whole.reset(token)


def whole_length() -> int:
    """The tokens of the context of `positions_of_whole` that is entered; 0 without one."""
    return _whole.get()


def switching_length(network: nn.Module) -> int | None:
    """The tokens beyond which a network with LongRoPE turns all keys by other frequencies; None for others."""
    found = [
        int(length)
        for module in network.modules()
        if "longrope" in _kinds(module)
        for length in _original_lengths(module.config)
    ]
    return min(found, default=None)


def length_dependent_beyond(network: nn.Module) -> int | None:
    """The tokens beyond which the longest sequence of a batch decides how all of them turn their keys (LongRoPE, dynamic NTK);
    None where it never does."""
    found = [
        int(vars(module)["original_max_seq_len"])
        for module in network.modules()
        if "dynamic" in _kinds(module) and "original_max_seq_len" in vars(module)
    ]
    switch = switching_length(network)
    return min([*found, *([] if switch is None else [switch])], default=None)


def _kinds(module: nn.Module) -> set[str]:
    """The kinds of scaling of a rotary module; some have one for each type of layer. Empty for other modules."""
    kind = vars(module).get("rope_type")
    kinds = kind.values() if isinstance(kind, Mapping) else [kind]
    return {"dynamic" if "dynamic" in each else each for each in kinds if isinstance(each, str)}


def _original_lengths(config: Any) -> Iterator[int]:
    stated = getattr(config, "rope_parameters", None) or {}
    for parameters in (stated, *(each for each in stated.values() if isinstance(each, Mapping))):
        if "original_max_position_embeddings" in parameters:
            yield parameters["original_max_position_embeddings"]


class _LastPosition:
    """Hooks of a rotary module: it is asked for the last position of the whole too, and that answer is left out."""

    def __init__(self, n_tokens: int) -> None:
        self.n_tokens = n_tokens

    @property
    def _is_here(self) -> bool:
        """Whether a pass is one of the thread that entered the context: hooks run in every thread."""
        return whole_length() >= self.n_tokens

    def add(self, _: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any] | None = None) -> Any:
        """`position_ids` [..., tokens] with one more."""
        if kwargs is None:
            return None  # of a context of another thread that has just ended
        given = kwargs.get("position_ids", args[1] if len(args) > 1 else None)
        if not isinstance(given, Tensor) or not self._is_here:
            return None
        more = torch.cat([given, torch.full_like(given[..., :1], self.n_tokens - 1)], dim=-1)
        if "position_ids" in kwargs:
            return args, {**kwargs, "position_ids": more}
        return (args[0], more, *args[2:]), kwargs

    def drop(self, _: nn.Module, __: Any, output: Any) -> Any:
        """The cosines and sines [..., tokens, dim] without the last."""
        if not self._is_here:
            return None
        return tuple(part[..., :-1, :] for part in output) if isinstance(output, tuple) else output[..., :-1, :]
