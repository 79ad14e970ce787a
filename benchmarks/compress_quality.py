"""What cache plans cost in quality: added loss over the next tokens, by allocation and budget, beside other methods.

    python benchmarks/compress_quality.py [SOURCE] [--texts 8] [--calibration 6] [--budgets 0.15,0.3,0.45,0.6] [--keep FILE]

Each text has 2,048 tokens of context, prefilled in full; then the cache is cut to the budget (the first 4 tokens are always
kept) and the 64 next tokens are scored. Added loss is paired with the uncut cache. Windows come from other prose than is
scored. A calibration row is a query in the last quarter of its text; for each
KV head and window it gives the cost of cutting there, by these measures, which are then allocated alike (equal gain of the
next byte over the concave hulls):

    mass          attention that is cut
    value norm    the same, each key weighted by ‖v‖
    projection    … by ‖W_O v‖
    output error  E‖W_O Δo‖², the squared error of the head's output after its output projection
    first order   E|g·Δo|, g the gradient of the loss
    Fisher        E(g·Δo)²

`share` gives every query head the same share of its mass; `uniform` is one window for all (StreamingLLM). SnapKV, Knorm and
KeyDiff are restated here from their papers (window 64, kernel 5 for SnapKV; all heads alike); `random` keeps random tokens.
Runs in bfloat16 with the loss in float32 by default.
"""

from __future__ import annotations

import argparse
import pickle
import statistics
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from transformers import AttentionInterface, AttentionMaskInterface, DynamicCache

from ropescope.compress.allocation import share_for_budget, windows_for_budget
from ropescope.measure.protocol import FixedLength
from ropescope.measure.weights import load
from ropescope.quality.texts import calibration_texts, held_out_texts

CONTEXT, NEW, SINKS, ROWS, LAST = 2048, 64, 4, 24, 64
MEASURES = ("mass", "value norm", "projection", "output error", "first order", "Fisher")


class Bench:
    """A network whose attention is ours: plain and remembered, or under explicit masks of the kept prompt tokens."""

    def __init__(self, network: Any) -> None:
        self.network, config = network, network.config
        self.layers, self.heads = config.num_hidden_layers, config.num_attention_heads
        self.kv = config.num_key_value_heads
        self.group = self.heads // self.kv
        self.kept: Tensor | None = None  # [layers, KV heads, prompt] bool
        self.remember = False
        self.states: dict[int, dict[str, Tensor]] = {}
        self.unembedding = network.get_output_embeddings().weight.detach().float()
        edges = FixedLength(length=CONTEXT, sinks=SINKS).edges
        self.knots = np.unique(np.minimum(edges, CONTEXT - SINKS))
        AttentionInterface.register("bench", self.attention)
        AttentionMaskInterface.register("bench", lambda *_, **__: None)
        network.set_attn_implementation("bench")

    def attention(self, module: Any, query: Tensor, key: Tensor, value: Tensor, mask: Any, **given: Any) -> Any:
        wide_key, wide_value = key.repeat_interleave(self.group, 1), value.repeat_interleave(self.group, 1)
        n, total = query.shape[2], key.shape[2]
        if self.kept is not None:
            new = torch.ones(n, n, dtype=torch.bool).tril().expand(self.kv, n, n)
            allowed = torch.cat([self.kept[module.layer_idx][:, None].expand(-1, n, -1), new], dim=2)
            assert allowed.shape[2] == total
            allowed = allowed.repeat_interleave(self.group, 0)[None]
            output = F.scaled_dot_product_attention(
                query, wide_key, wide_value, attn_mask=allowed, scale=given["scaling"]
            )
        else:
            output = F.scaled_dot_product_attention(query, wide_key, wide_value, is_causal=True, scale=given["scaling"])
            if output.requires_grad:
                output.retain_grad()
            if self.remember:
                self.states[module.layer_idx] = {"q": query, "k": key, "v": value, "o": output}
            else:
                self.states[module.layer_idx] = {"q": query[:, :, -LAST:].clone()}
        return output.transpose(1, 2).contiguous(), None

    def weights(self, query: Tensor, key: Tensor, positions: Tensor) -> Tensor:
        """[heads, rows, keys] attention of the rows at `positions`; query: [heads, rows, dim], key: [KV heads, keys, dim]."""
        logits = query.float() @ key.float().repeat_interleave(self.group, 0).transpose(1, 2) * query.shape[-1] ** -0.5
        return logits.masked_fill(torch.arange(key.shape[1]) > positions[:, None], float("-inf")).softmax(-1)


def costs_of_text(bench: Bench, ids: list[int], seed: int) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """measure → [layers, KV heads, knots] what a window of each length would cost; and mass [layers, heads, knots]."""
    tokens, quarter = torch.tensor(ids)[None], 3 * CONTEXT // 4
    network, rng = bench.network, np.random.default_rng(seed)
    positions = torch.tensor(np.sort(rng.choice(np.arange(quarter, CONTEXT - 1), ROWS, replace=False)))
    bench.remember = True
    embedded = network.get_input_embeddings()(tokens).detach().requires_grad_(True)
    hidden = network.base_model(inputs_embeds=embedded, use_cache=False).last_hidden_state[0]
    F.cross_entropy(
        hidden[quarter:-1].float() @ bench.unembedding.T, tokens[0, quarter + 1 :], reduction="sum"
    ).backward()
    bench.remember = False
    shape = (bench.layers, bench.kv, len(bench.knots))
    costs, mass = {name: np.zeros(shape) for name in MEASURES}, np.zeros((bench.layers, bench.heads, len(bench.knots)))
    for index in range(bench.layers):
        found, mass[index] = _costs_of_layer(bench, index, positions)
        for name, values in found.items():
            costs[name][index] = values.view(bench.kv, bench.group, -1).sum(1).numpy()
    bench.states.clear()
    return costs, mass


def _costs_of_layer(bench: Bench, index: int, positions: Tensor) -> tuple[dict[str, Tensor], np.ndarray]:
    states = {name: value.detach()[0].float() for name, value in bench.states[index].items()}
    gradient = bench.states[index]["o"].grad[0][:, positions].float()  # type: ignore[index]
    value, output = states["v"].repeat_interleave(bench.group, 0), states["o"][:, positions]
    weights = bench.weights(states["q"][:, positions], states["k"], positions)
    projection = bench.network.base_model.layers[index].self_attn.o_proj.weight.detach().float()
    projection = projection.view(projection.shape[0], bench.heads, -1).permute(1, 0, 2)  # [heads, hidden, dim]
    value_norm, projected_norm = value.norm(dim=-1), (value @ projection.transpose(1, 2)).norm(dim=-1)
    sink = torch.arange(value.shape[1]) < SINKS
    outside = weights * ~sink
    totals = {name: [] for name in ("mass", "value norm", "projection")}
    sums: list[Tensor] = []
    for row, position in enumerate(positions.tolist()):
        # Cumulative over distance, nearest first; knot w holds the distances 0 … w − 1.
        def up_to_knots(per_key: Tensor, position: int = position) -> Tensor:
            near = per_key[:, : position + 1].flip(1).cumsum(1)
            zero = torch.zeros_like(near[:, :1])
            return torch.cat([zero, near], 1)[:, np.minimum(bench.knots, near.shape[1])]

        a = outside[:, row]
        totals["mass"].append(up_to_knots(a))
        totals["value norm"].append(up_to_knots(a * value_norm))
        totals["projection"].append(up_to_knots(a * projected_norm))
        sums.append(up_to_knots(a[..., None] * value))
    inside = {name: torch.stack(parts, 1) for name, parts in totals.items()}  # [heads, rows, knots]
    at_sinks = (weights * sink).sum(-1)[..., None]
    sink_values = (weights * sink) @ value
    cut = (sink_values[:, :, None] + torch.stack(sums, 1)) / (at_sinks + inside["mass"])[..., None].clamp(min=1e-9)
    error = cut - output[:, :, None]
    pulled = torch.einsum("hrd,hrkd->hrk", gradient, error)
    costs = {name: (curve[..., -1:] - curve).mean(1) for name, curve in inside.items()}
    costs["output error"] = (error @ projection[:, None].transpose(2, 3)).pow(2).sum(-1).mean(1)
    costs["first order"], costs["Fisher"] = pulled.abs().mean(1), pulled.pow(2).mean(1)
    return costs, inside["mass"].mean(1).numpy()


def keep_windows(bench: Bench, chosen: np.ndarray) -> Tensor:
    """[layers, KV heads, prompt] the sinks and the latest tokens."""
    position = torch.arange(CONTEXT)
    latest = position >= CONTEXT - torch.tensor(chosen).view(bench.layers, bench.kv, 1)
    return latest | (position < SINKS)


def plans(bench: Bench, costs: dict[str, np.ndarray], mass: np.ndarray, budgets: list[float]) -> dict[Any, Tensor]:
    """(allocation, budget) → kept tokens, for all allocations that do not look at the text."""
    heads = bench.layers * bench.kv
    one, found = np.ones(heads, dtype=np.int64), {}
    groups = list(mass.reshape(heads, bench.group, -1))
    for budget in budgets:
        tokens = int(budget * CONTEXT * heads) - SINKS * heads
        for name, cost in costs.items():
            gains = (cost[..., :1] - cost).reshape(heads, -1)
            found[name, budget] = keep_windows(bench, windows_for_budget(gains, bench.knots, one, tokens))
        found["share", budget] = keep_windows(bench, share_for_budget(groups, bench.knots, one, tokens))
        found["uniform", budget] = keep_windows(bench, np.full(heads, tokens // heads))
    return found


def by_content(bench: Bench, cache: Any, budgets: list[float], generator: torch.Generator) -> dict[Any, Tensor]:
    """(method, budget) → kept tokens, for methods that look at the text."""
    scores: dict[str, list[Tensor]] = {"SnapKV": [], "Knorm": [], "KeyDiff": [], "random": []}
    last = torch.arange(CONTEXT - LAST, CONTEXT)
    for index in range(bench.layers):
        key = cache.layers[index].keys[0].float()
        seen = bench.weights(bench.states[index]["q"][0], key, last).mean(1).view(bench.kv, bench.group, -1)
        snap = F.avg_pool1d(seen, 5, 1, 2).mean(1)
        snap[:, -LAST:] = 2.0
        scores["SnapKV"].append(snap)
        scores["Knorm"].append(-key.norm(dim=-1))
        mean = F.normalize(key, dim=-1).mean(1, keepdim=True)
        scores["KeyDiff"].append(-F.cosine_similarity(key, mean, dim=-1))
        scores["random"].append(torch.rand(bench.kv, CONTEXT, generator=generator))
    found = {}
    for name, parts in scores.items():
        for budget in budgets:
            best = torch.stack(parts).topk(int(budget * CONTEXT), dim=-1).indices
            found[name, budget] = torch.zeros(bench.layers, bench.kv, CONTEXT, dtype=torch.bool).scatter_(2, best, True)
    return found


def score(bench: Bench, ids: list[int], fixed: dict[Any, Tensor], budgets: list[float], seed: int) -> dict[Any, float]:
    """(method, budget) → added loss in nats a token; "full" → the loss with the whole cache."""
    tokens, cache = torch.tensor(ids)[None], DynamicCache(config=bench.network.config)
    found: dict[Any, float] = {}
    with torch.inference_mode():
        bench.kept = None
        bench.network.base_model(input_ids=tokens[:, :CONTEXT], past_key_values=cache)
        others = by_content(bench, cache, budgets, torch.Generator().manual_seed(seed))
        everything = torch.ones(bench.layers, bench.kv, CONTEXT, dtype=torch.bool)
        for name, kept in {"full": everything, **fixed, **others}.items():
            bench.kept = kept
            hidden = bench.network.base_model(input_ids=tokens[:, CONTEXT:], past_key_values=cache).last_hidden_state[0]
            cache.crop(-NEW)
            found[name] = F.cross_entropy(hidden[:-1].float() @ bench.unembedding.T, tokens[0, CONTEXT + 1 :]).item()
            if name != "full":
                found[name] -= found["full"]
    return found


def show(results: list[tuple[str, dict[Any, float]]], budgets: list[float]) -> None:
    """Mean added loss ± standard error over texts, for all and by kind; and the paired difference from `uniform`."""
    names = list(dict.fromkeys(name for name, _ in (key for key in results[0][1] if key != "full")))

    def line(name: str, values: list[list[float]]) -> str:
        cells = (f"{statistics.mean(v):7.3f} ± {statistics.stdev(v) / len(v) ** 0.5:.3f}" for v in values)
        return f"{name:13s}" + "  ".join(cells)

    for kind in ("all", *dict.fromkeys(kind for kind, _ in results)):
        rows = [found for of, found in results if kind in ("all", of)]
        if len(rows) < 2:
            continue
        print(
            f"\n{kind}: {len(rows)} texts, loss {statistics.mean(row['full'] for row in rows):.3f} with the whole cache"
        )
        print(" " * 13 + "  ".join(f"{budget:^15.0%}" for budget in budgets))
        for name in names:
            print(line(name, [[row[name, budget] for row in rows] for budget in budgets]))
    print("\ndifference from uniform, paired over all texts")
    rows = [found for _, found in results]
    for name in names:
        print(line(name, [[row[name, b] - row["uniform", b] for row in rows] for b in budgets]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", nargs="?", default="smollm2")
    parser.add_argument("--texts", type=int, default=8, help="texts of each kind")
    parser.add_argument("--calibration", type=int, default=6, help="texts to calibrate on")
    parser.add_argument("--budgets", default="0.15,0.3,0.45,0.6")
    parser.add_argument("--dtype", default="bfloat16")
    parser.add_argument("--keep", type=Path, help="keep costs and results here (pickle)")
    given = parser.parse_args()
    budgets = [float(budget) for budget in given.budgets.split(",")]
    weights = load(given.source, dtype=given.dtype, device="cpu")
    for parameter in weights.network.parameters():
        parameter.requires_grad_(False)
    bench, started = Bench(weights.network), time.perf_counter()
    texts = calibration_texts(weights.tokenizer, CONTEXT, 3 * given.calibration)
    texts = [text for text in texts if text.kind == "prose"]
    parts = [costs_of_text(bench, list(text.tokens), seed) for seed, text in enumerate(texts)]
    costs = {name: np.mean([part[0][name] for part in parts], axis=0) for name in MEASURES}
    fixed = plans(bench, costs, np.mean([part[1] for part in parts], axis=0), budgets)
    print(f"calibrated on {len(texts)} texts in {time.perf_counter() - started:.0f} s", flush=True)
    results = []
    for index, text in enumerate(held_out_texts(weights.tokenizer, CONTEXT + NEW, given.texts)):
        results.append((text.kind, score(bench, list(text.tokens), fixed, budgets, index)))
        print(f"{index + 1}: {text.kind}, {time.perf_counter() - started:.0f} s", flush=True)
        if given.keep:
            given.keep.write_bytes(pickle.dumps((costs, results)))
    show(results, budgets)


if __name__ == "__main__":
    main()
