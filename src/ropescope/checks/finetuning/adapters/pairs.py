"""The pairs of a LoRA against the modules of its base: which fit, which do not and why, and how many parameters they are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from ropescope.checks.finetuning.adapters.config import LoraSettings
from ropescope.checks.finetuning.matching import targeted
from ropescope.checks.finetuning.modules import Modules
from ropescope.models.safetensors.header import StoredTensor

PREFIX: Final = "base_model.model."
_PARTS: Final[tuple[tuple[str, str], ...]] = (
    (".lora_A.weight", "A"),
    (".lora_B.weight", "B"),
    (".lora_embedding_A", "embedding A"),
    (".lora_embedding_B", "embedding B"),
    (".lora_B.bias", "bias of B"),
    (".lora_magnitude_vector.weight", "magnitude"),
    (".lora_magnitude_vector", "magnitude"),
    (".token_adapter.trainable_tokens_delta", "tokens"),
    (".trainable_tokens_delta", "tokens"),
)
"""(how a tensor's name ends, what it is)."""


@dataclass(slots=True)
class Pair:
    """The tensors of one module: shapes of A [r, inputs] and B [outputs, r], of an embedding [r, rows] and [width, r].
    `fault` is why it does not fit; "" where it does."""

    module: str
    a: tuple[int, ...] | None = None
    b: tuple[int, ...] | None = None
    embedding: bool = False
    fault: str = ""

    @property
    def rank(self) -> int | None:
        """The rank that its tensors have."""
        return self.a[0] if self.a else None


@dataclass(slots=True)
class Held:
    """What an adapter holds: `pairs` by module, `whole` modules (trained whole) and biases with their shapes, `features` that
    its tensors show, and the parameters of all."""

    pairs: dict[str, Pair] = field(default_factory=dict)
    whole: dict[str, tuple[int, ...]] = field(default_factory=dict)
    features: set[str] = field(default_factory=set)
    parameters: int = 0
    of_pairs: int = 0


def held(tensors: Iterable[StoredTensor]) -> Held:
    """What the tensors of an adapter's file are."""
    found = Held()
    for tensor in tensors:
        size = 1
        for each in tensor.shape:
            size *= each
        found.parameters += size
        name = tensor.name.removeprefix(PREFIX)
        module, part = next(
            ((name.removesuffix(ending), part) for ending, part in _PARTS if name.endswith(ending)), (name, "")
        )
        if part in ("A", "B", "embedding A", "embedding B"):
            pair = found.pairs.setdefault(module, Pair(module))
            pair.embedding = part.startswith("embedding")
            setattr(pair, part[-1].lower(), tensor.shape)
            found.of_pairs += size
        elif part:
            found.features.add({"bias of B": "lora-bias", "magnitude": "dora", "tokens": "trained-tokens"}[part])
        elif ".base_layer." not in name:
            found.whole[name] = tensor.shape
    return found


def expected(settings: LoraSettings, modules: Modules) -> Held:
    """What an adapter of this config would hold on this base. Raises FormatError for a pattern that is not matched here."""
    found, shapes = Held(), modules.shapes
    for name in targeted(settings.targets, modules):
        if name not in shapes:
            continue
        rank, (outputs, inputs) = settings.rank_of(name), shapes[name]
        embedding = name in modules.embedding
        a, b = ((rank, outputs), (inputs, rank)) if embedding else ((rank, inputs), (outputs, rank))
        found.pairs[name] = Pair(name, a, b, embedding)
        found.of_pairs += rank * (inputs + outputs)
    found.parameters = found.of_pairs
    return found


def compare(found: Held, modules: Modules, settings: LoraSettings) -> None:
    """Set the fault of each pair that does not fit the modules of the base, or the ranks of its config."""
    shapes = modules.shapes
    tails = _tails(shapes)
    for pair in found.pairs.values():
        pair.fault = _fault(pair, shapes.get(pair.module) or tails.get(_tail(pair.module)), settings)


def _fault(pair: Pair, shape: tuple[int, int] | None, settings: LoraSettings) -> str:
    if pair.a is None or pair.b is None:
        return f"it has no {'A' if pair.a is None else 'B'}"
    if len(pair.a) != 2 or len(pair.b) != 2:
        return f"A is {list(pair.a)} and B {list(pair.b)}, which are no matrices"
    if pair.a[0] != pair.b[1]:
        return f"A is {list(pair.a)} and B {list(pair.b)}: their ranks differ"
    if "target-parameters" in settings.extras:
        return ""  # as many pairs in one as there are experts
    if shape is None:
        return "the base has no such module"
    wanted = shape[::-1] if pair.embedding else shape
    if (pair.b[0], pair.a[1]) != wanted:
        have = f"A is {list(pair.a)} and B {list(pair.b)}"
        return f"{have}, and the base's weight is {list(shape)}"
    if pair.a[0] != (rank := settings.rank_of(pair.module)):
        return f"its rank is {pair.a[0]}, and the config says {rank}"
    return ""


def _tail(name: str) -> str:
    """`layers.3.self_attn.q_proj` of a whole name: what files of different versions of transformers have in common."""
    parts = name.split(".")
    at = next((i for i, part in enumerate(parts) if part.isdecimal()), 0)
    return ".".join(parts[at - 1 :]) if at else parts[-1]


def _tails(shapes: Mapping[str, tuple[int, int]]) -> Mapping[str, tuple[int, int] | None]:
    """The shape by the end of a name; None where modules of different shapes end so."""
    found: dict[str, tuple[int, int] | None] = {}
    for name, shape in shapes.items():
        tail = _tail(name)
        found[tail] = shape if found.get(tail, shape) == shape else None
    return found
