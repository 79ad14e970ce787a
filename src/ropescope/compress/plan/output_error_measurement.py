"""What cutting a head's cache does to the residual stream, measured on prompts: E‖W_O Δo‖² / E x², by tokens kept.

A prompt is cut as a planned cache cuts it: at the end of its context each KV head keeps the sinks, a window of the latest
tokens and some picks, and the tokens that follow see those and a window that moves on with them. For a row with weights a
and values v, that turns the head's output o into the one of the keys it still sees, with their weights made to sum to one
again; W_O Δo is what that changes in the residual stream x. It counts in proportion to x, since the next norm divides by the
size of x, which grows from layer to layer. Where a norm with the gain g stands between attention and the residual stream
(Gemma, OLMo 2), g ⊙ W_O Δo over the size of the whole attention output takes the place of W_O Δo, to first order and without
the part that the norm takes out.

Of the measures tried, dividing a budget by this one costs least on the models at hand (docs/results/compression.md). Which
part of what a head keeps should be picks is measured in the same way: from windows alone to picks alone, by quarters.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn
from transformers import DynamicCache

from ropescope.compress.plan.curves import Array
from ropescope.compress.plan.cuts import Cuts
from ropescope.compress.plan.output_error import OutputErrors
from ropescope.compress.plan.picks import MIN_WINDOW, OBSERVED, SHARES, Sharing, query_weights, shared_scores
from ropescope.compress.plan.plannable import check_states_are_cached, untouched
from ropescope.errors import PlanError
from ropescope.network.attention_norm import gain, norms_behind_attention
from ropescope.network.capture import capture_rows, decoder_layers
from ropescope.network.rows import AttentionRows
from ropescope.runs.job import Progress

if TYPE_CHECKING:
    from ropescope.network.loading.weights import Weights

NEW = 64
"""Tokens behind the cut, in which errors are read."""
ROUNDING = 1e-5
"""How far the weights of a row may sum from one by rounding alone."""
ROWS = 11
"""Rows read of them in each prompt."""
PROJECTIONS = frozenset({"o_proj", "out_proj", "dense", "c_proj", "wo"})
"""Names that transformers gives to the output projection of an attention module."""


def measure_output_errors(
    weights: Weights,
    prompts: Sequence[Sequence[int]],
    *,
    sinks: int,
    about: str,
    together: Sharing = "head",
    picks: bool = True,
    progress: Progress | None = None,
) -> OutputErrors:
    """Run `prompts`, token ids of equal length, and read rows behind the cut of each. `together`: which KV heads pick the
    same tokens; where not each its own, every prompt is run twice. `picks`: whether plans may pick tokens; without, only what
    windows cost is measured. Raises PlanError for a model whose layers cannot be
    planned or whose output projections cannot be found, and for prompts that are too short."""
    reasons = untouched(weights.model)
    planned = [index for index, reason in reasons.items() if not reason]
    if not planned:
        why = "; ".join(sorted(set(reasons.values()))) or "it has no layers"
        raise PlanError(f"No layer of {weights.model.name} has a cache that can be planned: {why}.")
    if not prompts or len({len(prompt) for prompt in prompts}) != 1:
        raise PlanError("Output errors are measured on prompts of one and the same length: give at least one.")
    check_states_are_cached(weights.model.name, weights.model.layers)
    tally = _Tally(weights, len(prompts[0]), sinks, planned, together, picks)
    for index, prompt in enumerate(prompts):
        tally.run(torch.tensor([list(prompt)], device=weights.network.device))
        if progress is not None:
            progress(index + 1, len(prompts), weights.model.name)
    return tally.finished(len(prompts), about)


class _Tally:
    """Sums over rows, layer by layer."""

    def __init__(
        self,
        weights: Weights,
        length: int,
        sinks: int,
        planned: list[int],
        together: Sharing = "head",
        picks: bool = True,
    ) -> None:
        new = min(NEW, length // 4)
        self.cut, self.length, self.sinks = length - new, length, sinks
        if self.cut - sinks < MIN_WINDOW:
            raise PlanError(f"{length:,} tokens are too few to measure a plan on: give a longer sequence.")
        self.shares = SHARES if picks else SHARES[:1]
        self.observed = range(max(0, self.cut - OBSERVED) if picks else self.cut, self.cut)
        self.rows = [self.cut + int(row) for row in np.linspace(0, new - 1, min(ROWS, new))]
        self.cuts = Cuts(self.cut, length, sinks, self.rows)
        self.weights, self.planned, self.together = weights, planned, together
        layers = weights.model.layers
        projections = {index: self._projection(index) for index in planned}
        self.norms = norms_behind_attention(weights.network, projections)
        self.grams = {index: self._gram(index, module) for index, module in projections.items()}
        shape = (len(self.shares), len(self.cuts.kept))
        self.error = {index: np.zeros((layers[index].n_kv_heads, *shape)) for index in planned}
        self.mass = {index: np.zeros((layers[index].n_heads, *shape)) for index in planned}
        self.cache: Any = None
        self.early: dict[tuple[int, int], Tensor] = {}
        self.pending: dict[tuple[int, int], Tensor] = {}
        self.squares: dict[int, Tensor] = {}
        self.stream: dict[int, Tensor] = {}
        self.importance: dict[tuple[int, int], Tensor] = {}
        self.shared: dict[int, Tensor] = {}

    def run(self, tokens: Tensor) -> None:
        """One prompt [1, tokens]."""
        if self.together != "head" and len(self.observed):
            # What heads pick together is known once all of them have been read.
            self._pass(tokens, self.note_importance)
            self.shared = shared_scores(self.importance, self.together)
            self.importance.clear()
        self._pass(tokens, self.read)
        for (index, head), by_row in self.pending.items():
            squares = self.squares.get(index, torch.ones(len(self.rows), device=by_row.device))
            error = (by_row / squares[:, None]).mean(1) / self.stream[index].clamp(min=1e-30)
            self.error[index][head] += error.double().cpu().numpy()
        self.pending.clear()

    def _pass(self, tokens: Tensor, read: Callable[[AttentionRows], None]) -> None:
        network = self.weights.network
        self.cache = DynamicCache(config=network.config.get_text_config(decoder=True))
        _, modules = decoder_layers(network)
        handles = [norm.register_forward_pre_hook(self._note(index)) for index, norm in self.norms.items()]
        handles += [
            modules[index].register_forward_pre_hook(self._note_stream(index), with_kwargs=True)
            for index in self.planned
        ]
        try:
            with torch.inference_mode(), capture_rows(network, [*self.observed, *self.rows], read):
                network.base_model(input_ids=tokens, past_key_values=self.cache, use_cache=True)
        finally:
            for handle in handles:
                handle.remove()
        self.cache = None

    def _note(self, index: int) -> Callable[..., None]:
        """Keep the mean square of the attention output that a norm gets, in the rows that are read."""

        def hook(module: nn.Module, args: Any) -> None:
            self.squares[index] = args[0][0, self.rows].float().pow(2).mean(-1)

        return hook

    def _note_stream(self, index: int) -> Callable[..., None]:
        """Keep the mean square of the residual stream that a layer gets, over the rows that are read."""

        def hook(module: nn.Module, args: Any, given: Mapping[str, Any]) -> None:
            state = args[0] if args else given["hidden_states"]
            self.stream[index] = state[..., self.rows, :].float().pow(2).mean()

        return hook

    def note_importance(self, rows: AttentionRows) -> None:
        """Called by the capture as `read` is: keep what each KV head would pick by."""
        for head, weights in self._by_kv_head(rows):
            self.importance[rows.layer, head] = self._importance(weights)

    def _importance(self, weights: Tensor) -> Tensor:
        """[keys before the cut] of weights [group, rows, keys], the observed rows first."""
        n = len(self.observed)
        return torch.einsum("gqk,q->k", weights[:, :n, : self.cut], query_weights(n, weights.device))

    def read(self, rows: AttentionRows) -> None:
        """Called by the capture for a block of heads of a layer, whose values the cache has taken in just before."""
        for head, weights in self._by_kv_head(rows):
            group = len(weights)
            values = self.cache.layers[rows.layer].values[0, head].float()
            heads = slice(head * group, (head + 1) * group)
            importance = self.shared[rows.layer] if self.shared else self._importance(weights)
            mass, error = self._of_head(weights, importance, values, self.grams[rows.layer][heads])
            self.mass[rows.layer][heads] += mass
            self.pending[rows.layer, head] = error

    def _by_kv_head(self, rows: AttentionRows) -> Iterator[tuple[int, Tensor]]:
        """(KV head, weights [group, observed and other rows, keys]) of each KV head whose rows have all come."""
        if rows.layer not in self.grams:
            return
        layer = self.weights.model.layers[rows.layer]
        group = layer.n_heads // layer.n_kv_heads
        missing = self.length - rows.weights.shape[2]
        first = range(layer.n_heads)[rows.heads][0] // group
        for head, weights in enumerate(rows.weights.view(-1, group, *rows.weights.shape[1:]), first):
            if missing:
                # The capture hands early rows over apart, without the keys that none of them sees.
                self.early[rows.layer, head] = nn.functional.pad(weights, (0, missing))
                continue
            if (early := self.early.pop((rows.layer, head), None)) is not None:
                weights = torch.cat([early, weights], dim=1)
            yield head, weights

    def _of_head(self, weights: Tensor, importance: Tensor, values: Tensor, grams: Tensor) -> tuple[Array, Tensor]:
        """[group, shares, knots] mass, the mean over the rows of a prompt, and [shares, rows, knots] error.

        weights: [group, observed and other rows, keys]; importance: [keys before the cut]; values: [keys, dim]; grams:
        [group, dim, dim].
        """
        rows = weights[:, len(self.observed) :]
        # Two more columns sum the weights in the same product: of all keys, and of those behind the sinks.
        sums = torch.ones(len(values), 2, device=values.device)
        sums[: self.sinks, 1] = 0
        columns = torch.cat([values, sums], dim=1)
        output, total, behind = _apart(rows @ columns)
        # What learned sink logits take (gpt-oss), which are always kept; elsewhere the rounding of a sum of one.
        at_logits = nn.functional.threshold(1 - total, ROUNDING, 0.0)
        outside = behind.sum((-2, -1))[:, None].clamp(min=1e-9)
        mass, error = [], []
        for share in self.shares:
            seen = self.cuts.seen(importance, share)
            inside, total, behind = _apart((rows[:, None] * seen) @ columns)
            change = inside / (total + at_logits[:, None]).clamp(min=1e-30) - output[:, None]
            error.append(torch.einsum("gkrd,gde,gkre->rk", change, grams, change))
            mass.append(behind.sum((-2, -1)) / outside)
        return torch.stack(mass, 1).double().cpu().numpy(), torch.stack(error)

    def _projection(self, index: int) -> nn.Module:
        """The output projection of the attention of a layer. Raises PlanError if it is not found."""
        layer = self.weights.model.layers[index]
        _, modules = decoder_layers(self.weights.network)
        inner: dict[str, nn.Module] = dict(modules[index].named_modules())
        for name, module in inner.items():
            path = name.lower().split(".")
            named = path[-1] in PROJECTIONS and any("att" in part for part in path[:-1])
            if named and _weight(module, layer.n_heads * layer.value_dim) is not None:
                return module
        raise PlanError(
            f"The output projection of layer {index} of {self.weights.model.name} was not found, so the error of its output "
            "cannot be measured: plan from a profile instead."
        )

    def _gram(self, index: int, projection: nn.Module) -> Tensor:
        """[heads, dim, dim] W_Oᵀ W_O of each query head, W_O with the gain of the norm behind it: the squared norm of W_O x is
        xᵀ (W_Oᵀ W_O) x."""
        layer = self.weights.model.layers[index]
        weight = _weight(projection, layer.n_heads * layer.value_dim)
        assert weight is not None  # `_projection` looked
        if index in self.norms:
            weight = weight * gain(self.norms[index], len(weight), weight.device)[:, None]
        by_head = weight.view(weight.shape[0], layer.n_heads, layer.value_dim).permute(1, 0, 2)
        return by_head.transpose(1, 2) @ by_head

    def finished(self, prompts: int, about: str) -> OutputErrors:
        """The means over all prompts."""
        layers = [self.weights.model.layers[index] for index in self.planned]
        shape = (len(self.shares), len(self.cuts.kept))
        mass = np.full((len(layers), max(layer.n_heads for layer in layers), *shape), np.nan)
        error = np.full((len(layers), max(layer.n_kv_heads for layer in layers), *shape), np.nan)
        for row, layer in enumerate(layers):
            mass[row, : layer.n_heads] = self.mass[layer.index] / prompts
            error[row, : layer.n_kv_heads] = self.error[layer.index] / prompts
        return OutputErrors(
            kept=self.cuts.kept,
            error=error,
            mass=mass,
            layers=tuple(self.planned),
            n_heads=tuple(layer.n_heads for layer in layers),
            n_kv_heads=tuple(layer.n_kv_heads for layer in layers),
            length=self.length,
            sinks=self.sinks,
            n_prompts=prompts,
            model=self.weights.model.name,
            about=about,
            together=self.together,
            shares=self.shares,
        )


def _apart(product: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """[…, dim], [… , 1] and [… , 1] of a product whose last two columns are sums of weights."""
    return product[..., :-2], product[..., -2:-1], product[..., -1:]


def _weight(module: nn.Module, width: int) -> Tensor | None:
    """[hidden, width] weight of an output projection, None if the module is something else."""
    weight = getattr(module, "weight", None)
    if not isinstance(weight, Tensor) or weight.dim() != 2 or not weight.is_floating_point():
        return None
    if type(module).__name__ == "Conv1D":  # GPT-2 keeps its weights transposed
        weight = weight.T
    return weight.detach().float() if weight.shape[1] == width else None
