"""What cutting a head's cache does to the output of its layer, measured on prompts: E‖W_O Δo‖² by window.

For a query row with weights a and values v, a window w turns the head's output o into that of the keys it keeps, with
their weights made to sum to one again; W_O Δo is what that changes in the residual stream. Of the measures tried in
`benchmarks/compress_quality.py`, dividing a budget by this one costs least quality at 15 % of the cache; from 30 % on no
measure can be told from one window for all heads (docs/compressing.md).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from transformers import DynamicCache

from ropescope.compress.curves import Array, MassCurves
from ropescope.compress.plannable import check_states_are_cached, untouched
from ropescope.errors import PlanError
from ropescope.measure.capture import capture_rows, decoder_layers
from ropescope.measure.protocol import FixedLength
from ropescope.measure.rows import AttentionRows

if TYPE_CHECKING:
    from ropescope.measure.prompts import Corpus
    from ropescope.measure.weights import Weights

PROMPTS = 4
PROTOCOL = FixedLength(rows=24)
PROJECTIONS = frozenset({"o_proj", "out_proj", "dense", "c_proj", "wo"})
"""Names that transformers gives to the output projection of an attention module."""


@dataclass(frozen=True, eq=False)
class OutputErrors:
    """The mean squared error at the output of each planned layer, by KV head and window.

    error: [layers, KV heads, knots] at `curves.windows`, the sum over the query heads of the KV head; NaN for heads that
    a layer lacks. curves: the attention mass of the same rows. corpus: in words.
    """

    curves: MassCurves
    error: Array
    length: int
    sinks: int
    n_prompts: int
    model: str
    corpus: str

    def gains(self) -> list[Array]:
        """For each layer [KV heads, knots]: how much error a window takes away, against a window of one token."""
        first = int(np.searchsorted(self.curves.windows, 1))
        found = []
        for row, n_kv in enumerate(self.curves.n_kv_heads):
            error = self.error[row, :n_kv]
            found.append(np.where(self.curves.windows < 1, 0.0, error[:, first : first + 1] - error))
        return found


def measure_output_errors(
    weights: Weights, corpus: Corpus, *, protocol: FixedLength = PROTOCOL, prompts: int = PROMPTS,
    progress: Callable[[int, int, str], None] | None = None,
) -> OutputErrors:  # fmt: skip
    """Run `prompts` prompts and read the rows that `protocol` chooses. Raises PlanError for a model whose layers cannot be
    planned or whose output projections cannot be found, MeasurementError if the corpus is too short."""
    reasons = untouched(weights.model)
    planned = [index for index, reason in reasons.items() if not reason]
    if not planned:
        raise PlanError(f"No layer of {weights.model.name} has a cache that can be planned.")
    check_states_are_cached(weights.model.name, weights.model.layers)
    tally = _Tally(weights, protocol, planned)
    for index in range(prompts):
        tokens = torch.from_numpy(corpus.prompt(index, protocol.length))[None].to(weights.network.device)
        tally.run(tokens, protocol.positions(np.random.default_rng([corpus.seed, index, 2])))
        if progress is not None:
            progress(index + 1, prompts, weights.model.name)
    return tally.finished(prompts, corpus.about)


class _Tally:
    """Sums over rows, layer by layer."""

    def __init__(self, weights: Weights, protocol: FixedLength, planned: list[int]) -> None:
        self.weights, self.protocol, self.planned = weights, protocol, planned
        reach = protocol.length - protocol.sinks
        self.knots: NDArray[np.int64] = np.unique(np.minimum(protocol.edges, reach))
        layers = weights.model.layers
        self.grams = {index: self._gram(index) for index in planned}
        self.mass = {index: np.zeros((layers[index].n_heads, len(self.knots))) for index in planned}
        self.error = {index: np.zeros((layers[index].n_heads, len(self.knots))) for index in planned}
        self.rows = dict.fromkeys(planned, 0)
        self.cache: Any = None

    def run(self, tokens: Tensor, positions: NDArray[np.int64]) -> None:
        """One prompt [1, tokens], read at `positions`."""
        network = self.weights.network
        self.cache = DynamicCache(config=network.config.get_text_config(decoder=True))
        with torch.inference_mode(), capture_rows(network, positions.tolist(), self.read):
            network.base_model(input_ids=tokens, past_key_values=self.cache, use_cache=True)
        self.cache = None

    def read(self, rows: AttentionRows) -> None:
        """Called by the capture for a block of heads of a layer, whose values the cache has taken in just before."""
        if rows.layer not in self.grams:
            return
        layer = self.weights.model.layers[rows.layer]
        group = layer.n_heads // layer.n_kv_heads
        heads = range(layer.n_heads)[rows.heads]
        n_keys = rows.weights.shape[2]
        values = self.cache.layers[rows.layer].values[0, :, :n_keys].float()
        values = values[[head // group for head in heads]]
        gram = self.grams[rows.layer][rows.heads]
        for place, position in enumerate(rows.positions.tolist()):
            mass, error = self._row(rows.weights[:, place, : position + 1], values[:, : position + 1], gram)
            self.mass[rows.layer][rows.heads] += mass
            self.error[rows.layer][rows.heads] += error
        if heads[0] == 0:
            self.rows[rows.layer] += len(rows.positions)

    def _row(self, weights: Tensor, values: Tensor, gram: Tensor) -> tuple[Array, Array]:
        """[heads, knots] mass inside each window, and squared error of the output, of one row [heads, keys]."""
        sinks = self.protocol.sinks
        at = torch.as_tensor(np.minimum(self.knots, weights.shape[1] - sinks), device=weights.device)

        def inside(per_key: Tensor) -> Tensor:
            summed = per_key[:, sinks:].flip(1).cumsum(1)
            return torch.cat([torch.zeros_like(summed[:, :1]), summed], 1)[:, at]

        weighted = weights[..., None] * values
        mass, near = inside(weights), inside(weighted)
        output = weighted.sum(1, keepdim=True)
        left = (1 - (mass[:, -1:] - mass)).clamp(min=1e-9)[..., None]
        change = (weighted[:, :sinks].sum(1, keepdim=True) + near) / left - output
        error = torch.einsum("hkd,hde,hke->hk", change, gram, change)
        return mass.double().cpu().numpy(), error.double().cpu().numpy()

    def _gram(self, index: int) -> Tensor:
        """[heads, dim, dim] W_Oᵀ W_O of each query head: the squared norm of W_O x is xᵀ (W_Oᵀ W_O) x."""
        layer = self.weights.model.layers[index]
        _, modules = decoder_layers(self.weights.network)
        width = layer.n_heads * layer.value_dim
        for name, module in modules[index].named_modules():
            path = name.lower().split(".")
            if path[-1] in PROJECTIONS and any("att" in part for part in path[:-1]):
                weight = _weight(module, width)
                if weight is not None:
                    by_head = weight.view(weight.shape[0], layer.n_heads, layer.value_dim).permute(1, 0, 2)
                    return by_head.transpose(1, 2) @ by_head
        raise PlanError(
            f"The output projection of layer {index} of {self.weights.model.name} was not found, so the error of its output "
            "cannot be measured: plan from a profile instead."
        )

    def finished(self, prompts: int, corpus: str) -> OutputErrors:
        """The means over all rows."""
        layers = [self.weights.model.layers[index] for index in self.planned]
        mass = np.full((len(layers), max(layer.n_heads for layer in layers), len(self.knots)), np.nan)
        error = np.full((len(layers), max(layer.n_kv_heads for layer in layers), len(self.knots)), np.nan)
        for row, layer in enumerate(layers):
            mass[row, : layer.n_heads] = self.mass[layer.index] / self.rows[layer.index]
            by_head = self.error[layer.index] / self.rows[layer.index]
            error[row, : layer.n_kv_heads] = by_head.reshape(layer.n_kv_heads, -1, len(self.knots)).sum(axis=1)
        curves = MassCurves(
            windows=self.knots,
            mass=mass,
            layers=tuple(self.planned),
            n_heads=tuple(layer.n_heads for layer in layers),
            n_kv_heads=tuple(layer.n_kv_heads for layer in layers),
        )
        name = self.weights.model.name
        return OutputErrors(curves, error, self.protocol.length, self.protocol.sinks, prompts, name, corpus)


def _weight(module: nn.Module, width: int) -> Tensor | None:
    """[hidden, width] weight of an output projection, None if the module is something else."""
    weight = getattr(module, "weight", None)
    if not isinstance(weight, Tensor) or weight.dim() != 2 or not weight.is_floating_point():
        return None
    if type(module).__name__ == "Conv1D":  # GPT-2 keeps its weights transposed
        weight = weight.T
    return weight.detach().float() if weight.shape[1] == width else None
