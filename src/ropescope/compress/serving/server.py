"""The loop: it admits requests as they come, decodes one token for all of them at a time, and lets go of those that end.

Once a prompt is cut, its planned cache holds the same number of tokens a head as any other's. So requests share a batch
whatever their lengths, and each has the tokens that it would have alone.
"""

from __future__ import annotations

import inspect
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Any
from warnings import warn

import torch

from ropescope.compress.cache.rows import Rows, empty_cache
from ropescope.compress.plan.kv_plan import KVPlan
from ropescope.compress.serving.prefixes import PrefixCache
from ropescope.compress.serving.reading import Reading, check_parts, next_logits
from ropescope.compress.serving.request import Request, require_whole
from ropescope.errors import PlanError
from ropescope.network.capture import decoder_layers
from ropescope.network.rotary import length_dependent_beyond
from ropescope.network.softcap import require_softcap


class PlannedServer:
    """Serves requests on `model`, up to `max_batch` of them at once, each with the cache that `plan` says.

    plan: None serves with transformers' whole cache, to compare. prefill_chunk: tokens of a prompt that are read between two
    decode steps (None: all); a prompt that is read in parts is held whole until its last one. prefix_bytes: bytes for what
    prompts begin with, so that others with the same beginning need not read it again (0: none).

    Any thread may submit, cancel, step and stream: one steps at a time. Raises PlanError for a plan of another model, and for a
    model whose requests cannot share a batch.
    """

    def __init__(
        self,
        model: Any,
        plan: KVPlan | None,
        *,
        max_batch: int = 8,
        prefill_chunk: int | None = None,
        prefix_bytes: int = 0,
    ) -> None:
        require_whole("max_batch", max_batch, 1)
        require_whole("prefix_bytes", prefix_bytes, 0)
        if prefill_chunk is not None:
            require_whole("prefill_chunk", prefill_chunk, 1)
        if not hasattr(model, "generate"):
            raise PlanError(
                f"A loaded model of transformers is served, not a {type(model).__name__}: load it with "
                "AutoModelForCausalLM.from_pretrained."
            )
        if "position_ids" not in inspect.signature(decoder_layers(model)[0].forward).parameters:
            raise PlanError(
                f"{type(model).__name__} takes no position_ids, so requests of different lengths cannot share a batch on it: use "
                "model.generate with plan.cache(model)."
            )
        require_softcap(model, PlanError)
        empty_cache(plan, model)  # what does not fit is said now
        if prefill_chunk is not None or prefix_bytes:
            check_parts(plan, model, bool(prefix_bytes))
        self.model, self.plan, self.max_batch, self.prefill_chunk = model, plan, max_batch, prefill_chunk
        self.prefixes = PrefixCache(prefix_bytes) if prefix_bytes else None
        self.waiting: deque[Request] = deque()
        self.running: list[Request] = []
        self._rows: Rows | None = None
        self._reading: tuple[Request, Reading] | None = None
        self._beyond = length_dependent_beyond(model)
        self._stepping = Lock()

    def submit(self, ids: Any, *, seed: int | None = None, **settings: Any) -> Request:
        """Let a prompt (token ids) wait for its turn. seed and settings are as in Request, `max_new_tokens=64` for one.

        Raises PlanError for a prompt longer than the plan, and for settings that do not go token by token.
        """
        request = Request(self.model, ids, seed, settings)
        if self.plan is not None and len(request.prompt) > self.plan.length:
            raise PlanError(
                f"The plan is one for {self.plan.length:,} tokens and the prompt has {len(request.prompt):,}: plan for a longer "
                "sequence."
            )
        whole = len(request.prompt) + request.max_new_tokens
        if self._beyond is not None and whole > self._beyond:
            raise PlanError(
                f"Beyond {self._beyond:,} tokens {type(self.model).__name__} turns keys by the longest sequence of a batch, and "
                f"this request may come to {whole:,}: serve it alone, by model.generate with plan.cache(model)."
            )
        context = getattr(self.model.config.get_text_config(decoder=True), "max_position_embeddings", None)
        if context is not None and whole > context:
            warn(
                f"This request may come to {whole:,} tokens, and {type(self.model).__name__} has a context of {context:,}: beyond "
                "it answers degrade.",
                stacklevel=2,
            )
        self.waiting.append(request)
        return request

    def cancel(self, request: Request) -> None:
        """End a request, whether it waits or runs; its bytes are given back in the next step."""
        request.finish = request.finish or "cancelled"

    @property
    def is_idle(self) -> bool:
        """Whether nothing waits and nothing runs."""
        return not (self.waiting or self._reading or self.running)

    @torch.no_grad()
    def step(self) -> list[tuple[Request, int]]:
        """Read on in one prompt, if there is room, and decode a token for all that run. Each new token, with its request.

        Raises what breaks off. A request that breaks off alone ends as "failed", and with a pass all that are in it do.
        """
        with self._stepping:
            self._let_go()
            return [*self._read(), *self._decode()]

    def run(self) -> None:
        """Step until nothing is left to do."""
        while not self.is_idle:
            self.step()

    def stream(self, request: Request) -> Iterator[int]:
        """The tokens of a request as they come; the others go on with it. Raises PlanError for a request of another server."""
        with self._stepping:
            reading = () if self._reading is None else self._reading[:1]
            if request.finish is None and request not in (*reading, *self.running, *self.waiting):
                raise PlanError("The request was submitted to another server: stream it there.")
        given = 0
        while True:
            yield from request.tokens[given:]
            given = len(request.tokens)
            if request.finish:
                return
            self.step()

    def held_bytes(self) -> int:
        """The bytes of the caches of all that run, without what prefixes hold."""
        return 0 if self._rows is None else self._rows.held_bytes()

    @contextmanager
    def _all_fail(self) -> Iterator[None]:
        """Where this breaks off, some layers hold a token and others do not: all that run end as failed."""
        try:
            yield
        except BaseException:
            for request in self.running:
                request.fail()
            self.running, self._rows = [], None
            raise

    def _let_go(self) -> None:
        going = [row for row, request in enumerate(self.running) if request.finish is None]
        if len(going) == len(self.running):
            return
        with self._all_fail():
            self.running = [self.running[row] for row in going]
            if not going:
                self._rows = None
            elif self._rows is not None:
                self._rows.keep(going)

    def _read(self) -> list[tuple[Request, int]]:
        """Read on in the prompt whose turn it is; the first token of its answer once it is read."""
        if self._reading is not None and self._reading[0].finish:
            self._reading = None
        while self._reading is None and self.waiting and len(self.running) < self.max_batch:
            request = self.waiting.popleft()
            if request.finish is None:
                self._reading = (
                    request,
                    Reading(self.model, self.plan, request.prompt, self.prefill_chunk, self.prefixes),
                )
        if self._reading is None:
            return []
        request, reading = self._reading
        try:
            logits = reading.go_on()
            if logits is None:
                return []
            token = request.accept(request.choose(logits))
            if request.finish is None and reading.rows is not None:
                self._join(request, reading.rows)
        except BaseException:
            request.fail()
            self._reading = None
            raise
        self._reading = None
        return [(request, token)]

    def _join(self, request: Request, rows: Rows) -> None:
        with self._all_fail():
            self.running.append(request)
            if self._rows is None:
                self._rows = rows
            else:
                self._rows.join(rows)

    def _decode(self) -> list[tuple[Request, int]]:
        if self._rows is None:
            return []
        device, rows = self.model.device, self._rows
        ids = torch.tensor([[request.tokens[-1]] for request in self.running], device=device)
        given: list[tuple[Request, int]] = []
        faults: list[Exception] = []
        with self._all_fail():
            logits = next_logits(self.model, ids, rows.positions(device), rows.cache, rows.mask(device))
            rows.went_on()
            best = logits.argmax(dim=-1).tolist()
            for row, request in enumerate(self.running):
                try:
                    token = best[row] if request.is_greedy else request.choose(logits[row])
                except Exception as error:  # of this row alone: the others have their tokens
                    request.fail()
                    faults.append(error)
                else:
                    given.append((request, request.accept(token)))
        if faults:
            raise faults[0]
        return given


def serve(
    model: Any,
    plan: KVPlan | None,
    prompts: Iterable[Any],
    *,
    max_batch: int = 8,
    prefill_chunk: int | None = None,
    prefix_bytes: int = 0,
    **settings: Any,
) -> list[list[int]]:
    """The answers to prompts (token ids), each as model.generate with plan.cache(model) gives it; arguments as PlannedServer's
    and, for all requests alike, those of `model.generate`."""
    server = PlannedServer(model, plan, max_batch=max_batch, prefill_chunk=prefill_chunk, prefix_bytes=prefix_bytes)
    requests = [server.submit(ids, **settings) for ids in prompts]
    server.run()
    return [request.tokens for request in requests]
