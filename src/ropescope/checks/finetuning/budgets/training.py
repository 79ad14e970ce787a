"""Training: its operations, the time they take, and what each device has to hold. Lower bounds, but where an estimate is said."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Final, Literal

from ropescope.checks.finetuning.modules import Modules, modules_of
from ropescope.checks.serving.memory.activations import mlp_width
from ropescope.checks.serving.speed.attended import query_key_pairs
from ropescope.checks.serving.weights.precisions import weight_size
from ropescope.errors import DomainError, FormatError, InputError
from ropescope.models.model import Model

Method = Literal["full", "lora", "qlora"]
METHODS: Final = ("full", "lora", "qlora")

OPTIMIZERS: Final[Mapping[str, int]] = {"adamw": 12, "adamw-8bit": 6, "muon": 8, "adafactor": 4, "sgd": 4}
"""Optimizer → bytes for each trained parameter: a copy in 32 bits, and its moments (AdamW two of 32 bits, of 8 bits the same of
8; Muon one of 32; Adafactor's are a row and a column a matrix, and SGD without momentum has none)."""

WEIGHT: Final = 2
GRADIENT: Final = 2
"""Bytes of a trained parameter and of its gradient, in 16 bits. With AdamW that makes 16 a parameter (ZeRO, arXiv 1910.02054)."""

TOKENS_A_PARAMETER: Final = 20
"""About what is compute-optimal from scratch (Hoffmann et al., arXiv 2203.15556)."""


@dataclass(frozen=True)
class Plan:
    """How a model is trained: by which method, with LoRA of which rank on all linear layers but experts, on sequences of how many
    tokens, `micro_batch` of them at once on a device."""

    model: Model
    method: Method
    rank: int
    optimizer: str
    sequence: int
    micro_batch: int
    count: int

    @property
    def trained(self) -> int:
        """The parameters that are trained, with LoRA none of the experts'. Raises DomainError where they are not known."""
        if self.method == "full":
            return self._parameters("total")
        return self.rank * self._modules.linear_sides

    @property
    def left_out(self) -> int:
        """What a LoRA of this rank on each matrix of each expert would train beside."""
        return 0 if self.method == "full" else self.rank * self._modules.expert_sides

    @cached_property
    def _modules(self) -> Modules:
        try:
            return modules_of(self.model)
        except FormatError as error:
            raise DomainError(
                f"The linear layers of {self.model.name} are not known, so no LoRA is counted: {error}"
            ) from error

    def _parameters(self, which: Literal["total", "active"]) -> int:
        if self.model.parameters is None:
            raise InputError("parameters", f"The parameters of {self.model.name} are not known: give `parameters`.")
        return int(getattr(self.model.parameters, which))

    @property
    def operations_a_token(self) -> float:
        """6 for each active parameter: 2 forward, 2 for the gradient of its inputs, 2 for its own. A frozen one takes 4."""
        active = self._parameters("active")
        return 6.0 * active if self.method == "full" else 4.0 * active + 6.0 * self.trained

    @property
    def attention_a_token(self) -> float:
        """The operations of attention that 6·N·D leaves out, three times those of a forward pass over whole sequences."""
        forward = sum(
            2.0
            * layer.n_heads
            * (layer.head_dim + (layer.value_dim or layer.head_dim))
            * query_key_pairs(layer, self.sequence)
            for layer in self.model.attention_layers
        )
        return 3 * forward / self.sequence

    @property
    def states(self) -> dict[str, int]:
        """Bytes of weights, gradients and optimizer, all devices together."""
        trained = self.trained
        found = {}
        if self.method == "lora":
            found["frozen weights"] = 2 * self._parameters("total")
        elif self.method == "qlora":
            found["frozen weights, 4-bit"] = weight_size(self.model, "nf4").n_bytes
        found["trained weights"] = WEIGHT * trained
        found["gradients"] = GRADIENT * trained
        found[f"optimizer {self.optimizer}"] = OPTIMIZERS[self.optimizer] * trained
        return found

    @property
    def activations(self) -> dict[str, int]:
        """Bytes of activations on each device with checkpointing by layer: an estimate."""
        model, tokens = self.model, self.sequence * self.micro_batch
        hidden = model.hidden_size or 0
        attention = max(
            (
                (layer.n_heads + layer.n_kv_heads) * (layer.head_dim + (layer.value_dim or layer.head_dim))
                for layer in model.attention_layers
            ),
            default=0,
        )
        return {
            "checkpoints, estimated": 2 * tokens * hidden * len(model.layers),
            "one layer, estimated": 2 * tokens * (4 * hidden + attention + mlp_width(model)),
            "logits and their gradient, estimated": 8 * tokens * (model.vocab_size or 0),
        }

    def on_each(self, sharded: bool) -> int:
        """Bytes on each device: states over all devices or a copy of them on each, and its activations."""
        states = sum(self.states.values())
        return (-(-states // self.count) if sharded else states) + sum(self.activations.values())


@dataclass(frozen=True, slots=True)
class Trained:
    """A training run of `tokens` tokens: `seconds` on all devices at once, and its cost (None: no price)."""

    tokens: int
    operations: float
    seconds: float
    cost: float | None


def run_of(plan: Plan, tokens: int, rate: float, price: float | None) -> Trained:
    """Training on `tokens` tokens at `rate` operations a second, all devices together, at a `price` of one for an hour."""
    operations = plan.operations_a_token * tokens
    seconds = operations / rate
    return Trained(tokens, operations, seconds, None if price is None else seconds / 3600 * plan.count * price)


def tokens_for(plan: Plan, money: float, rate: float, price: float) -> int:
    """The tokens that `money` trains. Raises InputError for a price of 0, which buys without end."""
    if price <= 0:
        raise InputError("price", "`price` is 0, at which any training is paid for: give what a device costs an hour.")
    return int(money / (price * plan.count) * 3600 * rate / plan.operations_a_token)
