"""Which layers should keep everything where windows have no first tokens, and how many: rankings of layers, on held-out texts.

    python benchmarks/full_layers.py [SOURCE] [--length 384] [--texts 2] [--shares 0.3,0.6] [--full 4,8]

A plan for an engine keeps some layers in full and gives the others one window, and ranks layers by the error of their output
(`plan_restricted`). It is compared, for as many full layers, with the layers whose cut alone adds most to the loss of two
calibration texts, and with the first and the last layers; 0 full layers are one window for all. Windows hold from the first
token on. The loss is that of the second half of a text. --full: numbers of full layers, the one for each share, or with
--numbers all of them and the planner's own for every share, by the error alone.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch

from ropescope.compress.plan.builder import PlanBuilder
from ropescope.compress.plan.calibration import measured_for
from ropescope.compress.plan.kv_plan import KVPlan
from ropescope.compress.plan.output_error import OutputErrors
from ropescope.compress.plan.planning import groups_of_heads
from ropescope.compress.plan.restricted import RESTRICTIONS, plan_restricted
from ropescope.compress.plan.target import Target
from ropescope.network.loading.weights import Weights, load
from ropescope.quality.loss import token_losses
from ropescope.quality.texts import Text, calibration_texts, held_out_texts


class Trial:
    """A network, and what its plans of `length` tokens add to the loss."""

    def __init__(self, source: str, length: int) -> None:
        self.weights: Weights = load(source)
        self.length = length
        self.builder = PlanBuilder.of(self.weights.model, length, 0, None)
        self.layers = sorted(self.builder.planned)

    def plan(self, full: Sequence[int], window: int) -> KVPlan:
        """All but the `full` layers have a window, from the first token on."""
        windows = {
            index: [self.length if index in full else window] * self.builder.heads(index) for index in self.layers
        }
        made = self.builder.plan(windows, {}, Target(budget_share=1.0), "by layer", "assumed")
        return replace(made, prefill="windowed")

    def window(self, n_full: int, share: float) -> int:
        """What a budget leaves for the layers that are not full, which all cost the same."""
        n = len(self.layers)
        return max(1, int((share * n - n_full) * self.length / (n - n_full)))

    def loss(self, text: Text, full: Sequence[int], window: int) -> float:
        """Mean nats of the second half of a text."""
        ids, half = torch.tensor([text.tokens]), self.length // 2
        network = self.weights.network
        cache = self.plan(full, window).cache(network)
        with torch.inference_mode():
            network.base_model(input_ids=ids[:, : -half - 1], past_key_values=cache, use_cache=True)
            return float(token_losses(network, ids[:, -half - 1 :], cache=cache).double().mean())

    def by_error(self, errors: OutputErrors, n_full: int, share: float) -> list[int]:
        """The layers whose measured error is greatest with the window that the others get."""
        curves = errors.least(picks=False, groups=groups_of_heads(errors, "layer"))
        at = {
            index: float(np.interp(self.window(n_full, share), errors.kept, curve))
            for index, curve in zip(errors.layers, curves, strict=True)
        }
        return sorted(self.layers, key=lambda index: -at[index])[:n_full]

    def own(self, errors: OutputErrors, share: float) -> int:
        """How many full layers the planner takes."""
        two = RESTRICTIONS["full layers and one window"]
        made = plan_restricted(errors, self.weights.model, Target(budget_share=share), two)
        return sum(min(layer.windows) >= self.length for layer in made.planned_layers)

    def by_cut(self, texts: Sequence[Text], share: float) -> list[int]:
        """The layers in the order of what a window in one alone adds."""
        added = {}
        for one in self.layers:
            others = [index for index in self.layers if index != one]
            added[one] = np.mean([self.loss(text, others, self.window(0, share)) for text in texts])
            print(f"layer {one}: {added[one]:.3f} with a window in it alone", flush=True)
        return sorted(self.layers, key=lambda index: -added[index])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", nargs="?", default="smollm2")
    parser.add_argument("--length", type=int, default=384)
    parser.add_argument("--texts", type=int, default=2, help="of each of three kinds")
    parser.add_argument("--shares", default="0.3,0.6")
    parser.add_argument("--full", default="4,8")
    parser.add_argument("--numbers", action="store_true", help="how many full layers, and not which")
    given = parser.parse_args()
    shares = [float(share) for share in given.shares.split(",")]
    numbers = [int(number) for number in given.full.split(",")]
    trial = Trial(given.source, given.length)
    errors = measured_for(trial.weights, given.length, prompts=2, sinks=0)
    own = {share: trial.own(errors, share) for share in shares}
    print("the planner's own numbers of full layers:", own, flush=True)
    rankings: dict[str, list[int]] = {}
    if not given.numbers:
        calibration = calibration_texts(trial.weights.tokenizer, given.length, 2)
        rankings = {
            "cut": trial.by_cut(calibration, shares[0]), "first": trial.layers, "last": trial.layers[::-1],
        }  # fmt: skip
    for text in held_out_texts(trial.weights.tokenizer, given.length, given.texts):
        whole = trial.loss(text, trial.layers, given.length)
        for share, number in zip(shares, numbers, strict=not given.numbers):
            asked = [number]
            if given.numbers:
                most = share * len(trial.layers)
                asked = sorted({own[share], *(n for n in numbers if 0 < n < most)} - {0})
            found = {"none": trial.loss(text, [], trial.window(0, share)) - whole}
            for n in asked:
                sets = {"error": trial.by_error(errors, n, share)}
                sets |= {name: order[:n] for name, order in rankings.items()}
                for name, full in sets.items():
                    found[f"{name} {n}"] = trial.loss(text, full, trial.window(n, share)) - whole
            cells = "; ".join(f"{name} {added:.3f}" for name, added in found.items())
            print(f"{text.kind}, {share:.0%}: {cells}", flush=True)


if __name__ == "__main__":
    main()
