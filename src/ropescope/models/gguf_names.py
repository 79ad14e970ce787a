"""What names of GGUF files say: which of them make a model, split ones as one, and the mix of types that it is in."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

_PART: Final = re.compile(r"(.+)-(\d{5})-of-(\d{5})\.gguf", re.DOTALL)
MOST_PARTS: Final = 4096
_TYPE: Final = re.compile(
    r"(?<![A-Za-z0-9])(?P<mix>(?:UD-)?(?:I?Q\d+(?:_[A-Z0-9]+)*|TQ\d_\d|MXFP4(?:_MOE)?|NVFP4|BF16|F16|FP16|F32|FP32))"
    r"(?![A-Za-z0-9])",
    re.IGNORECASE,
)
_NO_MODEL: Final = {
    kind: re.compile(pattern, re.IGNORECASE)
    for kind, pattern in {
        "projector": r"mmproj|projector|(?<![a-z])clip(?![a-z])",
        "imatrix": r"imatrix",
        "adapter": r"(?<![a-z])(?:lora|adapter)(?![a-z])",
        "draft": r"(?<![a-z])(?:draft|mtp|eagle\d?)(?![a-z])",
        "vocabulary": r"(?<![a-z])vocab(?![a-z])",
        "encoder": r"(?<![a-z])(?:vae|encoder|embeddings?)(?![a-z])",
        "control vector": r"(?<![a-z])control[-_]?vector",
    }.items()
}


@dataclass(frozen=True, slots=True)
class Choice:
    """One GGUF model: its files, the first of which is what to name, and its mix ("Q4_K_M", "" where no name states it)."""

    files: tuple[str, ...]
    mix: str

    @property
    def first(self) -> str:
        """The file to name."""
        return self.files[0]


def choices(names: Iterable[str]) -> tuple[Choice, ...]:
    """The models among the files `names`, by name; projectors, matrices of importance, adapters and drafts left out."""
    held = frozenset(names)
    sets = {parts_of(name) for name in held if name.lower().endswith(".gguf") and not is_no_model(name)}
    return tuple(Choice(files, mix_of(files[0])) for files in sorted(sets) if files[0] in held)


def is_no_model(name: str) -> bool:
    """Whether the name of a GGUF file says that it is a projector, a matrix of importance, an adapter or a draft."""
    return kind_by_name(name) != "model"


def kind_by_name(name: str) -> str:
    """What the name of a GGUF file says that it is: "model", or "projector", "imatrix", "adapter", "draft", …"""
    file = name.rpartition("/")[2]
    return next((kind for kind, pattern in _NO_MODEL.items() if pattern.search(file)), "model")


def mix_of(name: str) -> str:
    """The mix of types that a file's name states, in capitals; "" without one."""
    stem = name.rpartition("/")[2].rpartition(".")[0]
    found = [match["mix"].upper() for match in _TYPE.finditer(stem)]
    return {"FP16": "F16", "FP32": "F32"}.get(found[-1], found[-1]) if found else ""


def with_mix(found: Iterable[Choice], mix: str) -> Choice | None:
    """The model of a mix, as llama.cpp takes it after a colon: the same word, else one that only adds to it (UD-Q4_K_XL)."""
    wanted = mix.upper()
    every = tuple(found)
    exact = [choice for choice in every if choice.mix == wanted]
    return next(iter(exact or [choice for choice in every if choice.mix.removeprefix("UD-") == wanted]), None)


def parts_of(name: str) -> tuple[str, ...]:
    """The names of all the files of the split model that `name` is a part of; `name` alone where it is not a part."""
    match = _PART.fullmatch(name)
    if match is None or not 0 < int(match[2]) <= int(match[3]) <= MOST_PARTS:
        return (name,)
    return tuple(f"{match[1]}-{part:05d}-of-{match[3]}.gguf" for part in range(1, int(match[3]) + 1))
