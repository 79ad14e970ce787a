"""Muon for the matrices of the layers, AdamW for embeddings and norms.

Muon (Jordan et al. 2024) orthogonalises the momentum of each matrix by five Newton–Schulz steps. They are taken in float32
here: torch's own Muon takes them in bfloat16, which a CPU without such units multiplies some thirty times slower.
"""

from __future__ import annotations

from typing import Any, Final

import torch
from torch import Tensor, nn

MUON_RATE: Final = 0.02
ADAM_RATE: Final = 3e-3
MOMENTUM: Final = 0.95
_COEFFICIENTS: Final = (3.4445, -4.7750, 2.0315)
_STEPS: Final = 5


class Optimiser:
    """Steps the weights of `network`; `state` and `restore` carry it over an interruption."""

    def __init__(self, network: nn.Module) -> None:
        matrices = [p for name, p in network.named_parameters() if p.ndim == 2 and "embed" not in name]
        rest = [p for name, p in network.named_parameters() if p.ndim != 2 or "embed" in name]
        self._by_shape: dict[tuple[int, ...], list[nn.Parameter]] = {}
        for matrix in matrices:
            self._by_shape.setdefault(tuple(matrix.shape), []).append(matrix)
        self._momentum = [torch.zeros_like(torch.stack(list(alike))) for alike in self._by_shape.values()]
        self._adam = torch.optim.AdamW(rest, lr=ADAM_RATE, betas=(0.9, 0.95), weight_decay=0.0)

    @torch.no_grad()
    def step(self, factor: float) -> None:
        """One step with the learning rates times `factor`; the gradients are cleared."""
        for momentum, (shape, alike) in zip(self._momentum, self._by_shape.items(), strict=True):
            gradient = torch.stack([p.grad for p in alike if p.grad is not None])
            momentum.lerp_(gradient, 1 - MOMENTUM)
            update = orthogonalised(gradient.lerp(momentum, MOMENTUM))
            rate = MUON_RATE * factor * max(1.0, shape[0] / shape[1]) ** 0.5
            for matrix, change in zip(alike, update, strict=True):
                matrix.add_(change, alpha=-rate)
                matrix.grad = None
        for group in self._adam.param_groups:
            group["lr"] = ADAM_RATE * factor
        self._adam.step()
        self._adam.zero_grad(set_to_none=True)

    def state(self) -> dict[str, Any]:
        """What the next step depends on, beside the weights."""
        return {"momentum": self._momentum, "adam": self._adam.state_dict()}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from what `state` gave."""
        for mine, kept in zip(self._momentum, state["momentum"], strict=True):
            mine.copy_(kept)
        self._adam.load_state_dict(state["adam"])


def orthogonalised(matrices: Tensor) -> Tensor:
    """[n, rows, columns] with singular values near 1, by Newton–Schulz in the type of `matrices`."""
    a, b, c = _COEFFICIENTS
    tall = matrices.shape[-2] > matrices.shape[-1]
    x: Tensor = matrices.mT if tall else matrices
    x = x / (x.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    for _ in range(_STEPS):
        gram = x @ x.mT
        x = a * x + (b * gram + c * gram @ gram) @ x
    return x.mT if tall else x
