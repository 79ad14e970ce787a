"""What is left of a plan where a program carries out less of it: plans under each restriction, on held-out texts.

    python benchmarks/plan_restrictions.py [SOURCE …] [--length 2112] [--texts 8] [--shares 0.15,0.3] [--folder restrictions] \
        [--shard 0/2]

`ropescope.compress.plan.restricted` makes each plan, the best of its kind by the measured error. Those without sinks are scored
twice: cut behind a full prefill, as transformers does it, and with windows from the first token on, as engines apply them.
"the model's window" gives full layers the window that the other layers of the model have. "all tokens in 4 bits" drops
nothing and quantises keys and values. Shares are of the cache of the layers that can be planned. Pieces are kept in
--folder; --show prints what is finished. Kept gain: (one window and sinks − it) / (one window and sinks − full plan), the
means over texts, with a 95 % interval by 10,000 resamples of the texts.
"""

from __future__ import annotations

import argparse
import functools
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
from pickled import once
from plan_choices import budgets_of, said
from shards import add_shard

from ropescope.compress.evaluate.methods.planned import Planned
from ropescope.compress.evaluate.scoring.budgets import Split
from ropescope.compress.evaluate.scoring.evaluation import Evaluation
from ropescope.compress.plan.calibration import measured_for
from ropescope.compress.plan.kv_plan import KVPlan, Prefill
from ropescope.compress.plan.output_error import OutputErrors
from ropescope.compress.plan.planning import plan_uniform
from ropescope.compress.plan.restricted import RESTRICTIONS, Restriction, plan_restricted
from ropescope.compress.plan.target import Target
from ropescope.errors import PlanError
from ropescope.models.model import Model
from ropescope.network.loading.weights import Weights, load
from ropescope.quality.texts import held_out_texts
from ropescope.runs.job import do_pieces
from ropescope.runs.journal import Journal

FULL, BASELINE = "full plan", "one window and sinks"
WINDOWED = ", also in the prompt"
MODELS_WINDOW = "full layers and the model's window"
QUANTISED = "all tokens in 4 bits"
Errors = Mapping[str, OutputErrors]


def measured(weights: Weights, length: int) -> Errors:
    """The errors that restrictions are planned by: heads that pick alone, by layer and for all, and windows without sinks."""
    return {
        "head": measured_for(weights, length),
        "layer": measured_for(weights, length, together="layer"),
        "model": measured_for(weights, length, together="model"),
        "no sinks": measured_for(weights, length, sinks=0),
    }


def errors_of(errors: Errors, restriction: Restriction) -> OutputErrors:
    """Those that a restriction is planned by."""
    if not restriction.sinks:
        return errors["no sinks"]
    return errors[restriction.together if restriction.picks else "head"]


def rows(errors: Errors, model: Model, budgets: Sequence[float]) -> list[Planned]:
    """The plans under every restriction, and what they are compared with."""
    found: list[Planned] = []
    for name, restriction in RESTRICTIONS.items():
        make = functools.partial(plan, errors_of(errors, restriction), model, restriction)
        found.append(Planned(name, make, looks_at_text=restriction.picks, together=restriction.together))
        if not restriction.sinks:
            found.append(Planned(name + WINDOWED, functools.partial(make, prefill="windowed")))
    own = [layer.window_tokens for layer in model.layers if layer.kind == "sliding"]
    if own:
        two = RESTRICTIONS["full layers and one window"]
        make = functools.partial(plan, errors_of(errors, two), model, two, prefill="windowed", window=own[0])
        found += [Planned(MODELS_WINDOW, make, only=budget) for budget in budgets if _fits(make, budget)][-1:]
    length = errors["head"].length
    found.append(Planned(QUANTISED, lambda _: in_four_bits(model, length), only=budgets[-1]))
    return found


def plan(
    errors: OutputErrors,
    model: Model,
    restriction: Restriction,
    budget: float,
    prefill: Prefill = "full",
    window: int | None = None,
) -> KVPlan:
    """The plan under a restriction for a budget."""
    return plan_restricted(errors, model, Target(budget_share=budget), restriction, prefill=prefill, window=window)


def in_four_bits(model: Model, length: int) -> KVPlan:
    """Every token kept, in 4 bits."""
    return plan_uniform(model, Target(budget_share=1.0), length=length).quantized(4)


def _fits(make: Callable[[float], KVPlan], budget: float) -> bool:
    try:
        make(budget)
    except PlanError:
        return False
    return True


def show(scored: Mapping[str, list[Mapping[str, np.ndarray]]], plans: Mapping[str, list[Planned]]) -> None:
    """Added loss, its difference from the full plan and the share of the gain that is kept, by model and share."""
    for name, texts in scored.items():
        print(f"\n{name}, {len(texts)} texts: added nats a token; it less the full plan; kept gain (95 %)")
        for method in texts[0]:
            cells = []
            for k in range(len(texts[0][FULL])):
                own, full, base = (np.array([text[which][k] for text in texts]) for which in (method, FULL, BASELINE))
                if np.isnan(own).any():
                    cells.append("—")
                    continue
                kept, low, high = kept_gain(own, full, base)
                cells.append(f"{said(own)}; {said(own - full)}; {kept:.0%} ({low:.0%} to {high:.0%})")
            print(f"  {method:<48}" + " | ".join(cells))
        for method in plans[name]:
            print(f"  {method.name}: " + "; ".join(shape(made) for _, made in sorted(method._made.items())))


def kept_gain(own: np.ndarray, full: np.ndarray, base: np.ndarray) -> tuple[float, float, float]:
    """(share, low, high) of the gain of the full plan over the baseline that is kept, by resampled texts."""
    chosen = np.random.default_rng(0).integers(0, len(own), size=(10_000, len(own)))
    ratios = (base - own)[chosen].mean(1) / (base - full)[chosen].mean(1)
    low, high = np.quantile(ratios, [0.025, 0.975])
    return float((base - own).mean() / (base - full).mean()), float(low), float(high)


def shape(made: KVPlan) -> str:
    """How a plan divides its tokens."""
    tokens = [window for layer in made.planned_layers for window in layer.windows]
    return f"{made.bytes_after / made.bytes_before:.3f} of the bytes, windows {min(tokens)} … {max(tokens)}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sources", nargs="*", default=["smollm2"])
    parser.add_argument("--length", type=int, default=2112, help="tokens of a text, the 64 scored ones included")
    parser.add_argument("--texts", type=int, default=8, help="texts of each of three kinds")
    parser.add_argument("--shares", default="0.15,0.3", help="of the cache of the layers that can be planned")
    parser.add_argument("--folder", type=Path, default=Path("restrictions"), help="finished pieces and measured errors")
    parser.add_argument("--show", action="store_true", help="print what is finished, and run nothing")
    parser.add_argument("--dtype", default="auto")
    add_shard(parser)
    given = parser.parse_args()
    shares = [float(share) for share in given.shares.split(",")]
    scored: dict[str, list[Mapping[str, np.ndarray]]] = {}
    plans: dict[str, list[Planned]] = {}
    for source in given.sources:
        weights = load(source, dtype=given.dtype)
        model = weights.model
        kept = given.folder / f"errors-{model.name}-{weights.dtype}-{given.length}.pickle"
        errors = once(kept, functools.partial(measured, weights, given.length))
        budgets = budgets_of(model, given.length, shares)
        methods = rows(errors, model, budgets)
        sweep = Evaluation(
            weights,
            Split(model, given.length, 64),
            methods,
            budgets,
            held_out_texts(weights.tokenizer, given.length, given.texts),
            about={"source": source},
        )
        journal = Journal(sweep.identity, given.folder)
        if not given.show:
            do_pieces(sweep, journal, progress=_progress, shard=given.shard)
        texts = sweep.result(journal).texts
        scored[model.name] = [
            {name: np.array(added, dtype=float) for name, added in text.added.items()} for text in texts
        ]
        plans[model.name] = methods
    show(scored, plans)


def _progress(done: int, planned: int, what: str) -> None:
    print(f"{what}: {done} of {planned}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
