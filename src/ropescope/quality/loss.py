"""The loss of a causal language model on given tokens, in memory that does not grow with tokens × vocabulary.

The prompt goes through the decoder in chunks that share a cache; the output layer is applied to a block of positions at a
time, by the model's own code, so that whatever it does to its logits (a soft-cap, a scale) is done here too.
"""

from __future__ import annotations

import copy
import inspect
from collections.abc import Iterator, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from ropescope.errors import MeasurementError
from ropescope.network.capture import uses_interface
from ropescope.network.rotary import positions_of_whole
from ropescope.network.softcap import require_softcap
from ropescope.network.states import INSTALL, goes_on

CHUNK = 2048
"""Tokens that go through the decoder at once."""
_OWN_ATTENTION_CHUNK = 512
"""… of a model whose own attention code makes (queries × keys) weights for every head."""
_BLOCK_NUMBERS = 1 << 23
"""Logits that are held at once: 170 positions of a vocabulary of 49,152, in fp32 32 MiB."""


def prefill(network: Any, tokens: Tensor, *, chunk: int | None = None) -> Any:
    """The cache that transformers fills when `tokens` ([N] or [1, N]) go through the decoder. No logits are computed.

    Raises MeasurementError for a model with states that the installed transformers does not carry in its caches.
    """
    filled = None
    with torch.inference_mode():
        for _, _, cache in hidden_states(network, single_sequence(network, tokens), None, chunk):
            filled = cache
    if filled is not None and not goes_on(filled):
        raise MeasurementError(f"{type(network).__name__} keeps states that later tokens cannot go on from: {INSTALL}")
    return filled


def token_losses(network: Any, tokens: Tensor, *, cache: Any = None, skip: int = 0, chunk: int | None = None) -> Tensor:
    """float32 [N − 1 − skip] nats of tokens[skip + 1:], each given all tokens before it.

    tokens: [N] or [1, N] ids. cache: what was before, filled by `prefill`; the tokens are added to it, and its own last
    token is not scored. skip: the first tokens that are not scored. chunk: tokens through the decoder at once.
    Raises MeasurementError where no token is left to score.
    """
    length = single_sequence(network, tokens).shape[1]
    if not 0 <= skip < length - 1:
        raise MeasurementError(f"{length} tokens of which {skip} are skipped leave none to score: give more tokens.")
    return span_losses(network, tokens, [(skip + 1, length)], cache=cache, chunk=chunk)[0]


def span_losses(
    network: Any, tokens: Tensor, spans: Sequence[tuple[int, int]], *, cache: Any = None, chunk: int | None = None
) -> list[Tensor]:
    """float32 nats of the tokens [start, end) of each span, in one pass; the output layer runs for these alone.

    tokens, cache, chunk: as in `token_losses`; positions count from the first of `tokens`, which has no loss. Raises
    MeasurementError for a span that is empty or outside of 1 … N.
    """
    ids = single_sequence(network, tokens)
    if not spans or any(not 1 <= start < end <= ids.shape[1] for start, end in spans):
        raise MeasurementError(
            f"Spans {list(spans)} do not lie within the positions 1 to {ids.shape[1] - 1} that have a loss."
        )
    found: list[list[Tensor]] = [[] for _ in spans]
    with torch.inference_mode():
        for at, output, _ in hidden_states(network, ids, cache, chunk):
            hidden = output.last_hidden_state
            for (start, end), losses in zip(spans, found, strict=True):
                # Token t is told by the hidden state of token t − 1.
                first, last = max(start - 1 - at, 0), min(end - 1 - at, hidden.shape[1])
                if first < last:
                    targets = ids[0, at + first + 1 : at + last + 1]
                    losses.append(_losses_of_states(network, output, hidden[:, first:last], targets))
        return [torch.cat(losses) for losses in found]


def windowed_losses(network: Any, tokens: Tensor, window: int, *, kept: int = 0, chunk: int | None = None) -> Tensor:
    """float32 [N − 1] nats of tokens[1:], each given the last tokens before it alone: all of the first `window`, and after
    them between three quarters of `window` and all of it.

    A sliding window with recomputation (Xiao et al., 2023): nothing of what is farther back reaches a token through what
    was computed from it. kept: how many of the first tokens begin every window (the mark of a beginning, where a model has
    one). tokens, chunk: as in `token_losses`. Raises MeasurementError for fewer than 2 tokens.
    """
    ids = single_sequence(network, tokens)
    length, step = ids.shape[1], max(1, window // 4)
    found = [token_losses(network, ids[:, :window], chunk=chunk)]
    for start in range(window, length, step):
        stop = min(start + step, length)
        shown = torch.cat([ids[:, :kept], ids[:, stop - window + kept : stop]], dim=1)
        found.append(token_losses(network, shown, skip=window - (stop - start) - 1, chunk=chunk))
    return torch.cat(found)


def losses_by_band(losses: Tensor, bands: Sequence[tuple[int, int]], *, first: int = 1) -> list[float]:
    """The mean loss in each band of positions [start, end); `first` is the position of losses[0]. Sums are in fp64.

    Raises MeasurementError for a band that the losses do not cover.
    """
    means = []
    for start, end in bands:
        # Position 0 has nothing before it, so no loss: a band from 0 starts at the first token that has one.
        low = max(start, 1) - first
        if low < 0 or end <= max(start, 1) or end - first > len(losses):
            raise MeasurementError(
                f"The losses cover positions {first} to {first + len(losses) - 1}, not the band {start} to {end - 1}."
            )
        means.append(float(losses[low : end - first].double().mean()))
    return means


def bands_of(length: int, width: int) -> list[tuple[int, int]]:
    """[start, end) of the bands of `width` positions up to `length`; the last one may be shorter."""
    return [(start, min(start + width, length)) for start in range(0, length, width)]


def single_sequence(network: Any, tokens: Tensor) -> Tensor:
    """`tokens` ([N] or [1, N] ids) as [1, N], on the device of `network`. Raises MeasurementError for another shape."""
    ids = tokens if tokens.dim() == 2 else tokens[None]
    if ids.dim() != 2 or ids.shape[0] != 1 or ids.shape[1] == 0:
        raise MeasurementError(f"Tokens of shape {list(tokens.shape)} are no single sequence: give [N] or [1, N] ids.")
    return ids.to(network.device)


def default_chunk(network: Any) -> int:
    """Tokens that go through the decoder of `network` at once where nothing else is asked for."""
    return CHUNK if uses_interface(network) else _OWN_ATTENTION_CHUNK


def positions_at_once(network: Any) -> int:
    """Positions whose logits are held at once."""
    return max(1, _BLOCK_NUMBERS // int(network.config.get_text_config().vocab_size))


def hidden_states(network: Any, ids: Tensor, cache: Any, chunk: int | None) -> Iterator[tuple[int, Any, Any]]:
    """(first position, the decoder's output, the cache) of each chunk. Raises MeasurementError for a dropped soft-cap."""
    require_softcap(network, MeasurementError)
    step = chunk or default_chunk(network)
    decoder, before = decoder_of(network), _seen(cache)
    for start in range(0, ids.shape[1], step):
        given = {} if cache is None else {"past_key_values": cache}
        with positions_of_whole(network, before + ids.shape[1]):
            output = decoder(input_ids=ids[:, start : start + step], use_cache=True, **given)
        cache = output.get("past_key_values")
        if start + step < ids.shape[1] and not goes_on(cache):
            raise MeasurementError(
                f"{type(network).__name__} keeps no cache from one part of a text to the next: let it through whole "
                f"(chunk={ids.shape[1]})."
            )
        yield start, output, cache


def _seen(cache: Any) -> int:
    """How many tokens a cache holds; 0 for one that keeps states alone and does not know."""
    try:
        return 0 if cache is None else int(cache.get_seq_length())
    except (AttributeError, ValueError):
        return 0


def decoder_of(network: Any) -> Any:
    """The module that turns ids into final hidden states; the model's own names for it differ."""
    for found in (network.get_decoder(), network.base_model, getattr(network, "model", None)):
        if found is not None and found is not network and "input_ids" in inspect.signature(found.forward).parameters:
            return found
    raise MeasurementError(f"{type(network).__name__} has no decoder that takes token ids: its loss cannot be taken.")


def _losses_of_states(network: Any, output: Any, hidden: Tensor, targets: Tensor) -> Tensor:
    """float32 [positions] nats, from the final hidden states [1, positions, hidden]."""
    block = positions_at_once(network)
    losses = []
    for start in range(0, hidden.shape[1], block):
        logits = output_layer(network, output, hidden[:, start : start + block])
        losses.append(F.cross_entropy(logits[0].float(), targets[start : start + block], reduction="none"))
    return torch.cat(losses)


def output_layer(network: Any, output: Any, hidden: Tensor) -> Tensor:
    """Logits [1, positions, vocabulary] that the model makes of final hidden states, by its own code.

    `network` is run with a decoder that answers `hidden` in place of computing anything. output: some output of that
    decoder, for its type.
    """
    answer = copy.copy(output)
    answer["last_hidden_state"] = hidden
    decoder = decoder_of(network)
    own, asked = vars(decoder).get("forward"), []

    def forward(*_: Any, **__: Any) -> Any:
        asked.append(True)
        return answer

    decoder.forward = forward
    try:
        placeholder = torch.zeros(hidden.shape[:2], dtype=torch.long, device=hidden.device)
        logits: Tensor = network(input_ids=placeholder, use_cache=False).logits
    finally:
        if own is None:
            del decoder.forward
        else:
            decoder.forward = own
    if not asked:
        raise MeasurementError(f"{type(network).__name__} makes its logits in a way that ropescope does not know.")
    return logits
