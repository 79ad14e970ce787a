"""How several devices share a model: tensor, data-parallel attention, expert and pipeline parallelism, over nodes."""

from __future__ import annotations

from dataclasses import dataclass

from ropescope.errors import DomainError


@dataclass(frozen=True, slots=True)
class Parallel:
    """How devices share a model.

    `tensor` devices cut the heads and matrices of one copy of the attention. `data` such copies serve different
    sequences, and each holds its own cache; the experts are shared among all copies. With `experts` a device holds whole
    experts, else a slice of each. `pipeline` stages hold consecutive layers. The devices stand in `nodes` machines.
    """

    tensor: int = 1
    data: int = 1
    pipeline: int = 1
    experts: bool = False
    nodes: int = 1

    def __post_init__(self) -> None:
        for name, value in (
            ("`tp`", self.tensor),
            ("`dp`", self.data),
            ("`pp`", self.pipeline),
            ("`nodes`", self.nodes),
        ):
            if value < 1:
                raise DomainError(f"{name} is {value}: give a whole number above 0.")
        if self.count % self.nodes:
            raise DomainError(
                f"{self.count} devices do not spread evenly over `nodes` {self.nodes}: change one of them."
            )

    @property
    def count(self) -> int:
        """All devices."""
        return self.stage * self.pipeline

    @property
    def stage(self) -> int:
        """The devices of one pipeline stage, among which the experts of its layers are shared."""
        return self.tensor * self.data

    @property
    def plain(self) -> bool:
        """Whether every layer is cut across all devices, and nothing else."""
        return self.tensor == self.count and not self.experts

    def __str__(self) -> str:
        """`tensor 4 × pipeline 2`, `tensor 8, whole experts`."""
        parts = [("tensor", self.tensor), ("data", self.data), ("pipeline", self.pipeline)]
        said = " × ".join(f"{name} {n}" for name, n in parts if n > 1) or "one device"
        return f"{said}{', whole experts' if self.experts else ''}{f', {self.nodes} nodes' if self.nodes > 1 else ''}"

    @property
    def options(self) -> str:
        """The inputs that ask for it, each named in backquotes: `tp` 4 `pp` 2."""
        said = [f"`tp` {self.tensor}"]
        said += [f"{flag} {n}" for flag, n in (("`dp`", self.data), ("`pp`", self.pipeline)) if n > 1]
        return " ".join(
            (*said, *(["`ep`"] if self.experts else []), *([f"`nodes` {self.nodes}"] if self.nodes > 1 else []))
        )

    @property
    def plain_options(self) -> str:
        """The same without quotes, for data: tp 4 pp 2."""
        return self.options.replace("`", "")


@dataclass(frozen=True, slots=True)
class ParallelText:
    """What a user gave of `tp`, `dp`, `pp`, `ep` and `nodes`; None and False where nothing was given."""

    tensor: int | None = None
    data: int | None = None
    pipeline: int | None = None
    experts: bool = False
    nodes: int | None = None

    @property
    def given(self) -> bool:
        """Whether anything was."""
        return self.experts or any(value is not None for value in (self.tensor, self.data, self.pipeline, self.nodes))


def read_parallel(
    text: ParallelText, count: int | None, engine: str, cuts_layers: bool, asked: str = "`count` is"
) -> tuple[int, Parallel | None]:
    """(how many devices, how they share the model; None for the engine's own way). What is not given follows from the
    number of devices: first the tensor split. `asked` says where their number is from. Raises DomainError, naming the
    options, where they do not agree."""
    if not text.given:
        return 1 if count is None else count, None
    if not cuts_layers:
        raise DomainError(
            f"{engine} deals whole layers out and has no such split: `tp`, `dp`, `pp`, `ep` and `nodes` are for vllm and "
            "sglang; give `count` alone."
        )
    nodes, data, pipeline = (1 if given is None else given for given in (text.nodes, text.data, text.pipeline))
    if text.tensor is None and text.pipeline is None and text.data is None and nodes > 1 and engine == "vllm":
        pipeline = nodes  # as its documentation advises: tensors within a machine, stages across machines
    others = max(data * pipeline, 1)
    tensor = max((count or others) // others, 1) if text.tensor is None else text.tensor
    found = Parallel(tensor, data, pipeline, text.experts, nodes)
    if count is not None and found.count != count:
        raise DomainError(
            f"`tp` {tensor} × `dp` {data} × `pp` {pipeline} are {found.count} devices, and {asked} {count}: change one of "
            "them. Here `dp` counts copies of the attention, each over `tp` devices."
        )
    return found.count, found
