"""Leaky ReRoPE against its peers: other ways to read far keys as less far, without training, on unseen text in one run.

    python benchmarks/rerope_peers.py [SOURCE] [--length 16384] [--texts 3] [--dtype float32] [--shard 0/2]
                                      [--folder DIR] [--show]

`rerope` is what `ropescope extend` applies; `as published` is the same for every query, those within the trained length
included. ReRoPE (Su, 2023) reads all far keys at one distance. Self-Extend (Jin et al., 2024) divides their positions without
remainder, by the smallest group that reaches the target, as its authors advise, and a window of 1,024 (or the next multiple of
the group). Dual chunk attention (An et al., 2024) reads chunks of ¾ of the trained length L: keys of the same chunk and, up to
L/4, of the one before at their distance, all others at the last position of L less their place in their chunk.

Before anything is scored, each is held to attention written out over all pairs at the distances of its formula, on a small
network. Finished pieces stay in --folder; any number of processes share them (--shard i/n, one thread each). --show prints what
is there.
"""

from __future__ import annotations

import argparse
import hashlib
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

import torch
from shards import add_shard
from torch import Tensor, nn
from transformers import AttentionInterface, AttentionMaskInterface, AutoModelForCausalLM, LlamaConfig

from ropescope.extend.apply.rerope.attaching import attention_configs
from ropescope.extend.apply.rerope.attention import FarAttention
from ropescope.extend.apply.rerope.kernel import attend_part, put_together
from ropescope.extend.apply.rerope.ranges import BLOCK, Ranges
from ropescope.extend.evaluate.inputs import EvaluateInputs
from ropescope.extend.evaluate.running import prepare
from ropescope.extend.plan.planning import plan_extension
from ropescope.extend.plan.rope_plan import RopePlan
from ropescope.models.config.reading import from_config
from ropescope.network.loading.weights import load
from ropescope.network.rotary import rotary_modules
from ropescope.quality.intervals import paired
from ropescope.quality.loss import token_losses
from ropescope.quality.texts import Text
from ropescope.runs.journal import Journal

INSIDE, BEYOND, LAST = "inside", "beyond", "last band"


@dataclass(frozen=True, slots=True)
class Groups(Ranges):
    """Self-Extend: places divided by `slower` without remainder. `near` is a multiple of it."""

    def turn(self, places: Tensor) -> Tensor:
        """By how many positions what stands at `places` is turned on to be read far."""
        return (places.double() / self.far_divisor).floor() - places.double()


@dataclass(frozen=True, slots=True)
class Chunks(Ranges):
    """Dual chunk attention: chunks of trained − near."""

    @property
    def size(self) -> int:
        """Tokens of a chunk."""
        return self.trained_length - self.near_tokens


class DualChunk(FarAttention):
    """Dual chunk attention in three parts: its own chunk, the one before, and all that are older."""

    def attend(
        self, module: nn.Module, query: Tensor, key: Tensor, value: Tensor, attention_mask: Any, dropout: float = 0.0,
        scaling: float | None = None, **kwargs: Any,
    ) -> tuple[Tensor, Any]:  # fmt: skip
        """Shapes as transformers': query [batch, heads, new, dim]; one text without padding."""
        chunks, first, end = self.ranges, key.shape[2] - query.shape[2], key.shape[2]
        assert isinstance(chunks, Chunks)
        size, last = chunks.size, chunks.trained_length - 1
        scale = query.shape[-1] ** -0.5 if scaling is None else float(scaling)
        places = torch.arange(end)
        cyclic = self.turned(module, key, places % size - places)
        outputs, start = [], first
        while start < end:
            begin = start // size * size
            stop = min(end, start + BLOCK, begin + size)
            rows, where = query[:, :, start - first : stop - first], torch.arange(start, stop)
            own = where[:, None] >= torch.arange(begin, stop)
            whole = attend_part(rows, key[:, :, begin:stop], value[:, :, begin:stop], own, scale)
            before = (slice(max(0, begin - size), begin), (where % size + size).clamp(max=last))
            older = (slice(0, max(0, begin - size)), torch.full_like(where, last))
            for keys, read_at in (before, older):
                if keys.stop > keys.start:
                    moved = self.turned(module, rows, read_at - where)
                    part = attend_part(moved, cyclic[:, :, keys], value[:, :, keys], None, scale)
                    whole = put_together(whole, part)
            outputs.append(whole[0])
            start = stop
        return torch.cat(outputs, dim=2).transpose(1, 2).contiguous(), None


Distance = Callable[[Tensor, Tensor], Tensor]
"""The distances at which queries read keys, from the places of both (shapes that broadcast)."""


@dataclass(frozen=True, slots=True)
class Peer:
    """What it reads far and how, beside the distances of its formula."""

    ranges: Ranges
    distance: Distance
    kind: type[FarAttention] = FarAttention

    def on(self, network: Any) -> FarAttention:
        """Its attention for a network with one plain RoPE."""
        (parent, name), *_ = rotary_modules(network)
        rotary = getattr(parent, name)
        return self.kind(self.ranges, type(rotary)(rotary.config), network.config._attn_implementation)


def peers(plan: RopePlan) -> dict[str, Peer]:
    """By name, Leaky ReRoPE as `plan` has it first."""
    entry, trained, target = plan.layer_types[0], plan.trained_length, plan.target_length
    assert entry.near_tokens is not None
    near, slower = entry.near_tokens, entry.before[0] / entry.after[0]
    window = min(1024, trained // 8)
    group = math.ceil((target - window) / (trained - window))
    window = math.ceil(window / group) * group
    size = trained - near

    def leaky(queries: Tensor, keys: Tensor, slower: float = slower) -> Tensor:
        distance = (queries - keys).double()
        return torch.where(distance < near, distance, near + (distance - near) / slower)

    def beyond(queries: Tensor, keys: Tensor) -> Tensor:
        return torch.where(queries < trained, (queries - keys).double(), leaky(queries, keys))

    def grouped(queries: Tensor, keys: Tensor) -> Tensor:
        far = queries // group - keys // group + window - window // group
        return torch.where(queries - keys < window, queries - keys, far).double()

    def chunked(queries: Tensor, keys: Tensor) -> Tensor:
        apart = queries // size - keys // size
        before = (queries % size + size).clamp(max=trained - 1) - keys % size
        older = trained - 1 - keys % size
        return torch.where(apart == 0, queries - keys, torch.where(apart == 1, before, older)).double()

    return {
        "rerope": Peer(Ranges(near, trained, slower), beyond),
        "rerope as published": Peer(Ranges(near, near, slower), leaky),
        "ReRoPE": Peer(Ranges(near, near, math.inf), lambda q, k: leaky(q, k, math.inf)),
        f"Self-Extend, {window} near, groups of {group}": Peer(Groups(window, window, group), grouped),
        "dual chunk attention": Peer(Chunks(near, trained, 1.0), chunked, DualChunk),
    }


def check() -> None:
    """Raise AssertionError where a peer does not read at the distances of its formula: a network of two layers."""
    torch.manual_seed(0)
    trained, target = 64, 200
    config = LlamaConfig(
        hidden_size=64, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2,
        vocab_size=99, max_position_embeddings=trained,
    )  # fmt: skip
    network, ids = AutoModelForCausalLM.from_config(config).eval(), torch.randint(0, 99, (1, target))
    configs = attention_configs(network)
    plan = plan_extension(from_config(config.to_dict(), name="two layers"), target, "rerope")
    for name, peer in peers(plan).items():
        far = peer.on(network)
        AttentionInterface.register("written_out", _written_out(far, peer.distance))
        AttentionMaskInterface.register("written_out", lambda **_: None)
        with torch.inference_mode():
            with attending_by(configs, "written_out"):
                expected = network(ids).logits
            with attending_by(configs, far.register()):
                cache, found = None, []
                for part in torch.split(ids, 37, dim=1):
                    output = network(part, past_key_values=cache, use_cache=True)
                    cache = output.past_key_values
                    found.append(output.logits)
            plain = network(ids).logits
        scale = float(expected.abs().max())
        assert float((torch.cat(found, dim=1) - expected).abs().max()) < 2e-5 * scale, name
        assert float((plain - expected)[:, trained:].abs().max()) > 1e-3 * scale, name


def _written_out(far: FarAttention, distance: Distance) -> Callable[..., Any]:
    def attention(module: nn.Module, query: Tensor, key: Tensor, value: Tensor, *_: Any, **__: Any) -> Any:
        places = torch.arange(query.shape[2])
        shared = query.shape[1] // key.shape[1]
        query, key = (far.turned(module, states, -places) for states in (query, key))
        key, value = (states.repeat_interleave(shared, dim=1) for states in (key, value))
        logits = torch.stack([
            (far.turned(module, query[:, :, at : at + 1].expand_as(key), distance(places[at], places)) * key).sum(-1)
            for at in places
        ], dim=2)  # fmt: skip
        logits = (logits * query.shape[-1] ** -0.5).masked_fill(places[:, None] < places, -math.inf)
        return (logits.softmax(-1) @ value).transpose(1, 2).contiguous(), None

    return attention


def main() -> None:
    """Score what is missing, and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("source", nargs="?", default="smollm2")
    parser.add_argument("--length", type=int, default=16384)
    parser.add_argument("--texts", type=int, default=3, help="of each kind")
    parser.add_argument("--dtype", default="float32")
    add_shard(parser)
    parser.add_argument("--folder", type=Path, default=Path("rerope-peers"))
    parser.add_argument("--show", action="store_true")
    given = parser.parse_args()
    if given.shard[1] > 1:
        torch.set_num_threads(1)
    check()
    weights = load(given.source, dtype=given.dtype)
    evaluation = prepare(
        EvaluateInputs(source=given.source, to=given.length, methods=("rerope",), texts=given.texts), weights
    )
    plan = evaluation.candidates[0].plan
    journal = Journal(evaluation.identity, given.folder)
    pieces = [(name, peer, text) for text in evaluation.texts for name, peer in peers(plan).items()]
    for name, peer, text in () if given.show else pieces[given.shard[0] :: given.shard[1]]:
        if journal.finished(_piece(peer, text)) is None:
            journal.keep(_piece(peer, text), losses(weights.network, peer, text, plan.trained_length))
            print(f"{name}, {text.name}", flush=True)
    table(pieces, journal)


@contextmanager
def attending_by(configs: Sequence[Any], name: str) -> Iterator[None]:
    """Within the context the attention of these configs is the implementation registered as `name`, in every thread."""
    before = [config._attn_implementation for config in configs]
    try:
        for config in configs:
            # Not `set_attn_implementation`: it refuses names for models that it believes support eager only.
            config._attn_implementation_internal = name
        yield
    finally:
        for config, implementation in zip(configs, before, strict=True):
            config._attn_implementation_internal = implementation


def losses(network: Any, peer: Peer, text: Text, trained: int) -> dict[str, float]:
    """Nats a token of each part of a text."""
    with attending_by(attention_configs(network), peer.on(network).register()):
        each = token_losses(network, torch.tensor(text.tokens), chunk=2048).double()
    parts = {INSIDE: each[: trained - 1], BEYOND: each[trained - 1 :], LAST: each[-2048:]}
    return {where: float(part.mean()) for where, part in parts.items()}


def _piece(peer: Peer, text: Text) -> str:
    return hashlib.sha256(f"{peer.ranges} {list(text.tokens)}".encode()).hexdigest()[:24]


def table(pieces: list[tuple[str, Peer, Text]], journal: Journal) -> None:
    """Print the mean losses, and each peer less the first on the same texts, of the texts that all have read."""
    kept = {(name, text.name): journal.finished(_piece(peer, text)) for name, peer, text in pieces}
    found = {key: parts for key, parts in kept.items() if parts is not None}
    names = list(dict.fromkeys(name for name, _, _ in pieces))
    texts = [text for text in dict.fromkeys(text for _, text in found) if all((name, text) in found for name in names)]
    print(f"{len(texts)} texts")
    for name in names if texts else ():
        for where in (INSIDE, BEYOND, LAST):
            values = [found[name, text][where] for text in texts]
            gap = paired([value - found[names[0], text][where] for value, text in zip(values, texts, strict=True)])
            half = "" if gap.high is None else f" ± {gap.high - gap.value:.4f}"
            print(f"{name}, {where}: {fmean(values):.4f}, less {names[0]} {gap.value:+.4f}{half}")


if __name__ == "__main__":
    main()
