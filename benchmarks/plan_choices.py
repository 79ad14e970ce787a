"""What each choice behind a planned cache is worth: planned caches with one choice at a time taken away, on held-out texts.

    python benchmarks/plan_choices.py [SOURCE …] [--length 2112] [--texts 8] [--shares 0.15,0.3] [--folder choices] [--shard 0/2]

A plan measures two things on a model: how many tokens each KV head keeps (allocation), and which part of them are picks
(mix). The rows take these away: the same number of tokens in every layer, or in every head; one mix for all heads; neither.
Three leave every head a part of an even share. One divides by the absolute error of attention outputs, as ropescope did at
first: not over the size of the residual stream, and not behind the norm that some models have there. SnapKV and one window for
all stand beside them. Shares are of the cache of the layers that can be planned, so that models with sliding layers compare
with models without. Each model's texts are scored in pieces that are kept in --folder, as compress_tradeoff.py keeps them;
--show prints what is finished, by model and pooled over all SOURCEs, paired by text.
"""

from __future__ import annotations

import argparse
import functools
import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from pickled import once
from scipy.stats import t
from shards import add_shard

from ropescope.compress.evaluate.methods.method import Method
from ropescope.compress.evaluate.methods.planned import Planned, planned, uniform
from ropescope.compress.evaluate.methods.restated import PyramidKV, SnapKV
from ropescope.compress.evaluate.scoring.budgets import Split
from ropescope.compress.evaluate.scoring.evaluation import Evaluation
from ropescope.compress.plan import output_error_measurement as measurement
from ropescope.compress.plan.allocation import windows_for_budget
from ropescope.compress.plan.builder import PlanBuilder
from ropescope.compress.plan.calibration import measured_for
from ropescope.compress.plan.kv_plan import KVPlan
from ropescope.compress.plan.output_error import OutputErrors
from ropescope.compress.plan.picks import SHARES, split
from ropescope.compress.plan.planning import layers_of_heads
from ropescope.compress.plan.target import Target
from ropescope.models.model import Model
from ropescope.network.loading.weights import Weights, load
from ropescope.quality.texts import held_out_texts
from ropescope.runs.job import do_pieces
from ropescope.runs.journal import Journal

MIX = 0.75
"""The mix of all heads where it is not measured."""
FLOORS = (0.25, 0.5, 0.75)
"""Shares of an even share that every head keeps, whatever is measured; the rest goes where the error is."""


def choices(errors: OutputErrors, absolute: OutputErrors, model: Model, length: int) -> list[Method]:
    """Planned caches whole, with one choice taken away, and their peers."""
    make = functools.partial(plan_with, errors, model)
    rows: list[Method] = [planned(errors, model)]
    for name, allocation, mix in (
        ("same tokens in every layer", "layers", None),
        ("same tokens in every head", "none", None),
        ("one mix for all heads", "heads", MIX),
        ("neither measured", "none", MIX),
    ):
        rows.append(Planned(name, functools.partial(make, allocation=allocation, mix=mix), looks_at_text=True))
    rows += [
        Planned(
            f"at least {share:.0%} of an even share",
            functools.partial(make, allocation="heads", mix=None, floor=share),
            looks_at_text=True,
        )
        for share in FLOORS
    ]
    first = planned(absolute, model, name="by the absolute error")
    alone = planned(errors, model, name="windows alone", picks=False)
    return [*rows, first, alone, uniform(model, length), SnapKV(), PyramidKV()]


def absolute_errors(weights: Weights, length: int) -> OutputErrors:
    """The squared errors of attention outputs as they are, whatever norm stands behind them and whatever they are added to."""
    found, stream = measurement.norms_behind_attention, measurement._Tally._note_stream
    measurement.norms_behind_attention = lambda *_: {}
    measurement._Tally._note_stream = lambda tally, index: lambda *_: tally.stream.update({index: torch.ones(())})
    try:
        return measured_for(weights, length)
    finally:
        measurement.norms_behind_attention, measurement._Tally._note_stream = found, stream


def both_errors(weights: Weights, length: int) -> tuple[OutputErrors, OutputErrors]:
    """The errors that plans use, and the absolute ones."""
    return measured_for(weights, length), absolute_errors(weights, length)


def plan_with(
    errors: OutputErrors, model: Model, budget: float, *, allocation: str, mix: float | None, floor: float = 0.0
) -> KVPlan:
    """The plan for `budget`. allocation: heads (by gain over all heads), layers (by gain within a layer) or none (even).
    mix: the share of picks of every head; None: the best of each head. floor: of an even share, what every head keeps at least."""
    builder = PlanBuilder.of(model, errors.length, errors.sinks, None)
    target = Target(budget_share=budget)
    bytes_left = builder.window_bytes(target)
    heads = layers_of_heads(errors)
    costs = np.array([builder.token_bytes(index) for index in heads], dtype=np.int64)
    of_mix = [errors.error[row, :n] for row, n in enumerate(errors.n_kv_heads)]
    curves = np.concatenate(of_mix)
    least = errors.least(picks=True) if mix is None else curves[:, SHARES.index(mix)]
    gains = np.concatenate([np.zeros((len(heads), 1)), least[:, :1] - least], axis=1)
    knots = np.concatenate([[0], errors.kept])
    even = int(bytes_left // costs.sum())
    if allocation == "none":
        kept = [min(even, errors.length - errors.sinks)] * len(heads)
    elif allocation == "layers":
        places = {layer: [place for place, index in enumerate(heads) if index == layer] for layer in errors.layers}
        found = {}
        for own in places.values():
            chosen = windows_for_budget(gains[own], knots, costs[own], even * int(costs[own].sum()))
            found |= dict(zip(own, chosen.tolist(), strict=True))
        kept = [found[place] for place in range(len(heads))]
    else:
        least_kept = max(1, int(floor * even))
        at = np.union1d(knots, [least_kept])
        first = np.minimum(at, least_kept) * (1e6 * gains.max())  # what is kept at least is bought before all else
        raised = np.stack([np.interp(at, knots, curve) for curve in gains]) + (first if floor else 0)
        kept = windows_for_budget(raised, at, costs, bytes_left).tolist()
    shares = errors.best_share(kept) if mix is None else [mix] * len(kept)
    parts = [split(n, share) for n, share in zip(kept, shares, strict=True)]
    windows: dict[int, list[int]] = {}
    picks: dict[int, list[int]] = {}
    for index, (window, count) in zip(heads, parts, strict=True):
        windows.setdefault(index, []).append(window)
        picks.setdefault(index, []).append(count)
    return builder.plan(windows, {}, target, f"allocation {allocation}, mix {mix}", "measured", picks=picks)


def budgets_of(model: Model, length: int, shares: list[float]) -> tuple[float, ...]:
    """Budgets of the whole cache that leave `shares` of the layers that can be planned."""
    builder = PlanBuilder.of(model, length, 0, None)
    whole = model.cache_bytes(length, key_type=builder.cache_type)
    own = length * sum(builder.token_bytes(index) * builder.heads(index) for index in builder.planned)
    return tuple(1 - own / whole * (1 - share) for share in shares)


def show(scored: Mapping[str, list[Mapping[str, np.ndarray]]], shares: list[float]) -> None:
    """Added loss by method and share, and planned less each method: by model, and pooled with models weighted alike."""
    for name, texts in scored.items():
        print(f"\n{name}, {len(texts)} texts: added nats a token; planned less it")
        for method in texts[0]:
            own = np.array([text[method] for text in texts])
            less = np.array([text["planned"] - text[method] for text in texts])
            print(f"  {method:<28}" + "".join(f"  {said(own[:, k])}; {said(less[:, k])}" for k in range(len(shares))))
    if len(scored) > 1:
        print("\nall models, each weighing as much: planned less it")
        for method in next(iter(scored.values()))[0]:
            cells = []
            for k in range(len(shares)):
                each = [np.array([text["planned"][k] - text[method][k] for text in texts]) for texts in scored.values()]
                mean = float(np.mean([one.mean() for one in each]))
                variances = np.array([one.var(ddof=1) / len(one) for one in each])
                freedom = variances.sum() ** 2 / max(
                    1e-30, sum(v * v / (len(one) - 1) for v, one in zip(variances, each, strict=True))
                )
                half = float(t.ppf(0.975, freedom) * np.sqrt(variances.sum()) / len(each)) if variances.sum() else 0.0
                cells.append(f"  {mean:+.4f} ± {half:.4f}")
            print(f"  {method:<28}" + "".join(cells))


def said(values: np.ndarray) -> str:
    """Mean ± half of a 95 % interval (Student's t over texts)."""
    half = t.ppf(0.975, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values)) if len(values) > 1 else np.nan
    return f"{values.mean():+.4f} ± {half:.4f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sources", nargs="*", default=["smollm2"])
    parser.add_argument("--length", type=int, default=2112, help="tokens of a text, the 64 scored ones included")
    parser.add_argument("--texts", type=int, default=8, help="texts of each of three kinds")
    parser.add_argument("--shares", default="0.15,0.3", help="of the cache of the layers that can be planned")
    parser.add_argument(
        "--folder", type=Path, default=Path("choices"), help="finished pieces and what plans are made from"
    )
    parser.add_argument("--show", action="store_true", help="print what is finished, and run nothing")
    parser.add_argument("--dtype", default="auto")
    add_shard(parser)
    given = parser.parse_args()
    shares = [float(share) for share in given.shares.split(",")]
    scored: dict[str, list[Mapping[str, np.ndarray]]] = {}
    for source in given.sources:
        weights = load(source, dtype=given.dtype)
        model = weights.model
        kept = given.folder / f"errors-{model.name}-{weights.dtype}-{given.length}.pickle"
        measured = once(kept, functools.partial(both_errors, weights, given.length))
        sweep = Evaluation(
            weights,
            Split(model, given.length, 64),
            choices(*measured, model, given.length),
            budgets_of(model, given.length, shares),
            held_out_texts(weights.tokenizer, given.length, given.texts),
            about={"source": source},
        )
        journal = Journal(sweep.identity, given.folder)
        if not given.show:
            do_pieces(sweep, journal, progress=_progress, shard=given.shard)
        texts = sweep.result(journal).texts
        scored[model.name] = [{name: np.array(added) for name, added in text.added.items()} for text in texts]
    show(scored, shares)


def _progress(done: int, planned: int, what: str) -> None:
    print(f"{what}: {done} of {planned}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
