"""The method `strided` of `compress evaluate`: tokens at even distances, the last one among them."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from ropescope.compress.evaluate.methods.method import Prefilled


class Strided:
    """Keeps tokens at even distances in every head."""

    name: ClassVar[str] = "strided"
    looks_at_text: ClassVar[bool] = False
    needs_hidden: ClassVar[bool] = False

    def keep(self, filled: Prefilled, budget: float) -> list[Tensor | None]:
        """Bool [KV heads, tokens] for each planned layer; None leaves a layer whole."""
        count = max(1, int(budget * filled.n_tokens))
        places = torch.linspace(0, filled.n_tokens - 1, count).round().long()
        kept: list[Tensor | None] = [None] * filled.n_layers
        for layer in filled.planned:
            mask = torch.zeros(filled.keys(layer).shape[:2], dtype=torch.bool, device=filled.keys(layer).device)
            mask[:, places.to(mask.device)] = True
            kept[layer] = mask
        return kept
