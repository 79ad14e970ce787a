"""One run: a decoder, its optimiser, the step it has reached. The same seed gives every arm the same start and batches."""

from __future__ import annotations

import io
import pickle
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from ropescope.errors import MeasurementError
from ropescope.pilot.arms import Arm
from ropescope.pilot.networks import fresh_network
from ropescope.pilot.optimiser import Optimiser
from ropescope.pilot.sizes import Size
from ropescope.report.files import draft_of

WARM_UP: Final = 0.03
"""The share of the steps over which the learning rates rise to their full size …"""
COOL_DOWN: Final = 0.4
"""… and the last share of them, over which they fall to zero."""
CLIP: Final = 1.0
LOSSES_KEPT: Final = 64

Tokens = NDArray[np.uint16]


def batch_of(tokens: Tokens, size: Size, seed: int, step: int) -> Tensor:
    """[batch, length + 1] ids of a step: windows of the text, whose places depend on seed and step alone."""
    rng = np.random.default_rng([seed, step])
    starts = rng.integers(0, len(tokens) - size.length, size.batch)
    windows = np.stack([tokens[start : start + size.length + 1] for start in starts])
    return torch.from_numpy(windows.astype(np.int64))


def rate_factor(step: int, steps: int) -> float:
    """What the learning rates are multiplied by: a rise, a level stretch, and a fall to zero."""
    return min(1.0, (step + 1) / max(1.0, WARM_UP * steps), (steps - step) / max(1.0, COOL_DOWN * steps))


@dataclass
class Training:
    """A run under way. step: steps taken. losses: the loss of each step in nats. notes: what the caller keeps with it."""

    arm: Arm
    size: Size
    seed: int
    network: Any
    optimiser: Optimiser
    half: bool = False
    step: int = 0
    losses: list[float] = field(default_factory=list)
    notes: list[Any] = field(default_factory=list)

    @classmethod
    def begin(cls, arm: Arm, size: Size, seed: int, device: torch.device, *, half: bool = False) -> Training:
        """At step 0. half: products in bfloat16, with weights and sums in float32."""
        network = fresh_network(arm, size, seed, device).train()
        return cls(arm, size, seed, network, Optimiser(network), half)

    def advance(self, tokens: Tokens, until: int, after_step: Callable[[], None] = lambda: None) -> None:
        """Train up to step `until`; `after_step` is called between steps, and may raise to stop there."""
        while self.step < until:
            self._one(batch_of(tokens, self.size, self.seed, self.step))
            after_step()

    def _one(self, batch: Tensor) -> None:
        batch = batch.to(self.network.device)
        with torch.autocast(self.network.device.type, torch.bfloat16, enabled=self.half):
            logits = self.network(input_ids=batch[:, :-1], use_cache=False).logits
        loss = F.cross_entropy(logits.float().flatten(0, 1), batch[:, 1:].flatten())
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), CLIP)
        self.optimiser.step(rate_factor(self.step, self.size.steps))
        self.losses.append(float(loss.detach()))
        self.step += 1

    def save(self, path: Path) -> None:
        """Keep the run at `path`, from where `resume` goes on to the same numbers, bit for bit."""
        kept = {
            "network": self.network.state_dict(),
            "optimiser": self.optimiser.state(),
            "step": self.step,
            "losses": self.losses,
            "notes": self.notes,
        }
        held = io.BytesIO()
        torch.save(kept, held)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with draft_of(path) as draft:
                draft.write_bytes(held.getvalue())
        except OSError as error:
            raise MeasurementError(
                f"The run cannot be kept in {path.parent} ({error.strerror or error}): free some space, or set "
                "ROPESCOPE_HOME to a folder that has room."
            ) from error

    def resume(self, path: Path) -> bool:
        """Go on from what `save` kept at `path`; False where nothing readable is there, and the run begins anew."""
        try:
            kept = torch.load(path, map_location=self.network.device, weights_only=True)
            self.network.load_state_dict(kept["network"])
        except (OSError, RuntimeError, EOFError, KeyError, ValueError, pickle.UnpicklingError):
            return False
        self.optimiser.restore(kept["optimiser"])
        self.step, self.losses, self.notes = kept["step"], kept["losses"], kept["notes"]
        return True

    @property
    def recent_loss(self) -> float:
        """Mean loss of the last steps, in nats a token."""
        return float(np.mean(self.losses[-16:])) if self.losses else float("nan")

    def kept_losses(self) -> list[tuple[int, float]]:
        """(tokens seen, mean loss) over up to 64 stretches of the run."""
        each = max(1, -(-len(self.losses) // LOSSES_KEPT))
        a_step = self.size.batch * self.size.length
        return [
            (min(start + each, len(self.losses)) * a_step, float(np.mean(self.losses[start : start + each])))
            for start in range(0, len(self.losses), each)
        ]
