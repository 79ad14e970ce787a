"""A request: its prompt, how its tokens are chosen and when it ends, by transformers' own generation settings."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from numbers import Integral
from typing import Any, Literal

import torch
from torch import Tensor
from transformers import GenerationConfig

from ropescope.errors import PlanError

Finish = Literal["eos", "length", "cancelled", "failed"]
_TOKEN_BY_TOKEN = ("greedy_search", "sample")
_ALONE = ("stop_strings", "max_time", "watermarking_config")
"""Settings that need a tokenizer or a clock, or that answer otherwise in company."""


class Request:
    """One sequence that is being served. `tokens` has what was answered so far; `finish` says why it ended, once it has.

    ids: the prompt's tokens; seed: of its own random numbers, so that its sample does not depend on its neighbours (None: a
    random one). Settings are those of `model.generate`: max_new_tokens, do_sample, temperature, eos_token_id and others.
    """

    def __init__(self, model: Any, ids: Any, seed: int | None, settings: dict[str, Any]) -> None:
        self.prompt = _checked(ids, model)
        given = settings.get("generation_config")
        if given is not None and not isinstance(given, GenerationConfig):
            raise PlanError(f"generation_config is a GenerationConfig of transformers, not a {type(given).__name__}.")
        for name in ("max_new_tokens", "max_length"):
            if settings.get(name) is not None:
                require_whole(name, settings[name], 1)
        if seed is not None:
            require_whole("seed", seed, 0)
        lengths = [settings.get("max_length"), given and given.max_length, model.generation_config.max_length]
        with _told():
            self.config, unknown = model._prepare_generation_config(settings.pop("generation_config", None), **settings)
        if unknown:
            raise PlanError(f"A request has no setting {', '.join(sorted(unknown))}: give those of a GenerationConfig.")
        _check_settings(self.config)
        self.max_new_tokens = _most(self.config, len(self.prompt), any(length is not None for length in lengths))
        self.eos = _eos_of(self.config)
        self.tokens: list[int] = []
        self.finish: Finish | None = None
        self._generator = torch.Generator(model.device)
        if seed is None:
            self._generator.seed()
        else:
            self._generator.manual_seed(seed)
        prepared = copy.deepcopy(self.config)
        prepared.max_length = len(self.prompt) + self.max_new_tokens
        with _told():
            model._prepare_special_tokens(prepared, True, device=model.device)
            self._processors = model._get_logits_processor(
                prepared, input_ids_seq_length=len(self.prompt), device=model.device, logits_processor=[]
            )

    @property
    def is_greedy(self) -> bool:
        """Whether the next token is the one with the highest logit, whatever came before."""
        return not self._processors and not self.config.do_sample

    def choose(self, logits: Tensor) -> int:
        """The next token, by the logits [vocabulary] behind the last one."""
        scores = logits.float()[None]
        if self._processors:
            ids = torch.tensor([[*self.prompt, *self.tokens]], device=logits.device)
            scores = self._processors(ids, scores.clone())
        if self.config.do_sample:
            return int(torch.multinomial(scores.softmax(dim=-1), 1, generator=self._generator))
        return int(scores.argmax(dim=-1))

    def accept(self, token: int) -> int:
        """Answer a token, with which the request may end."""
        self.tokens.append(token)
        if token in self.eos:
            self.finish = self.finish or "eos"
        elif len(self.tokens) >= self.max_new_tokens:
            self.finish = self.finish or "length"
        return token

    def fail(self) -> None:
        """End it where it is, if it has not ended."""
        self.finish = self.finish or "failed"

    def __repr__(self) -> str:
        state = self.finish or f"{len(self.tokens)} tokens answered"
        return f"Request({len(self.prompt)} tokens in the prompt, {state})"


def require_whole(name: str, value: object, least: int) -> None:
    """Raise PlanError where `value` is no whole number of `least` or more that 63 bits hold."""
    if isinstance(value, bool) or not isinstance(value, Integral) or not least <= int(value) < 1 << 63:
        raise PlanError(f"{name} is {value!r:.80}: it must be a whole number, {least} or more.")


@contextmanager
def _told() -> Iterator[None]:
    """What transformers refuses, as the settings of a request."""
    try:
        yield
    except (ValueError, TypeError) as error:
        raise PlanError(f"transformers does not take these settings of a request: {error}") from error


def _checked(ids: Any, model: Any) -> list[int]:
    found = ids.tolist() if hasattr(ids, "tolist") else ids
    found = list(found) if isinstance(found, Iterable) and not isinstance(found, Mapping) else []
    if len(found) == 1 and isinstance(found[0], list):
        found = found[0]
    vocabulary = model.config.get_text_config(decoder=True).vocab_size
    whole = all(isinstance(token, Integral) and not isinstance(token, bool) for token in found)
    if not found or not whole or not all(0 <= token < vocabulary for token in found):
        raise PlanError(
            f"A prompt is a list of token ids, one at least, each from 0 to {vocabulary - 1:,}, as tokenizer(text).input_ids gives."
        )
    return [int(token) for token in found]


def _check_settings(config: Any) -> None:
    asked = [name for name in _ALONE if getattr(config, name, None)]
    asked += [
        name for name in ("num_return_sequences", "guidance_scale") if getattr(config, name, None) not in (None, 1)
    ]
    mode = config.get_generation_mode()
    if mode not in _TOKEN_BY_TOKEN:
        asked.append(f"{mode.value} generation")
    if asked:
        raise PlanError(
            f"Requests that are served together are answered token by token, without {', '.join(asked)}: leave it out, or use "
            "model.generate with plan.cache(model)."
        )


def _most(config: Any, n_prompt: int, length_is_given: bool) -> int:
    most = config.max_new_tokens
    if most is None:  # without any length, generate answers as many tokens as its greatest length has
        most = config.max_length - (n_prompt if length_is_given else 0)
    if most < 1:
        raise PlanError(
            f"The prompt has {n_prompt:,} tokens and `max_length` is {config.max_length:,}, which leaves none to answer: give "
            "`max_new_tokens`."
        )
    return int(most)


def _eos_of(config: Any) -> frozenset[int]:
    eos = config.eos_token_id
    return frozenset(() if eos is None else [eos] if isinstance(eos, int) else eos)
