"""How a quantisation config says that matrices are stored, and the reading of its values."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from ropescope.models.quantized import formats
from ropescope.models.quantized.formats import Format
from ropescope.models.quantized.matrices import Matrix
from ropescope.models.quantized.names import Names, shown

Stated = Mapping[str, Any]
LAYERS: Final = frozenset({"attention", "mixer", "mlp", "experts"})
WITH_OUTPUT: Final = LAYERS | {"output"}
"""Parts that a method quantises where nothing else is said."""


@dataclass(slots=True)
class Scheme:
    """How the matrices are stored: none that `keep` names is quantised; those that the first of `special` names are as
    it says (None: not at all); all others of `parts` as `default` says. `lacks` says what was not understood."""

    default: Format | None
    keep: Names
    parts: frozenset[str] = LAYERS
    special: list[tuple[Names, Format | None]] = field(default_factory=list)
    lacks: list[str] = field(default_factory=list)

    def split(self, matrix: Matrix) -> tuple[Format | None, int]:
        """(how the modules that `matrix` stands for are stored, how many of them stay as they are all the same)."""
        kept = self.keep.count(matrix)
        for names, form in self.special:
            if names.count(matrix):
                return form, kept
        return (self.default if matrix.part in self.parts else None), kept

    def finish(self, n_layers: int) -> tuple[str, ...]:
        """What was not understood, once every matrix has been asked about."""
        unmet = [
            entry for names in (self.keep, *(names for names, _ in self.special)) for entry in names.unmatched(n_layers)
        ]
        said = [f"modules that were not found by name ({shown(unmet)})"] if unmet else []
        return (*self.lacks, *said)


_BEARS: Final = re.compile(
    r"bit|dtype|type|size|group|block|module|layer|ignore|exclude|skip|target|keep|config|dynamic|list|rank|scheme|algo"
)
ANYWHERE: Final = frozenset(
    {
        "quant_method",
        "kv_cache_scheme",
        "kv_cache_quant_algo",
        "kv_cache_dtype",
        "activation_scheme",
        "exllama_config",
        "_class_name",
    }
)


def bears(key: str, value: object) -> bool:
    """Whether a field names a width, a type or a list, and says something."""
    return value not in (None, {}, [], "", False) and _BEARS.search(str(key).lower()) is not None


def names_in(stated: Stated, *fields: str, manner: Any = "parts") -> Names:
    return Names([entry for name in fields for entry in entries(stated.get(name))], manner)


def entries(value: object) -> list[object]:
    """The entries of a list, or the one word that stands for it."""
    return [value] if isinstance(value, str) else list(value) if isinstance(value, list | tuple) else []


def whole(stated: Stated, *fields: str, least: int = 1, most: int = 1 << 16) -> int | None:
    for name in fields:
        value = stated.get(name)
        if isinstance(value, int) and not isinstance(value, bool) and (least <= value <= most):
            return value
    return None


def lacking(bits: float | None, what: str) -> tuple[Format | None, list[str]]:
    """A width alone: no scales are known, so it is a lower bound; without it, the 16 bits of the model's own type."""
    if bits is None:
        return None, [f"{what}, so the weights are counted in the model's own type"]
    return formats.plain(bits), [f"{what}: {bits:g} bits a weight are counted, without scales"]


def block_of(value: object) -> tuple[int, int] | None:
    if isinstance(value, list | tuple) and len(value) == 2 and all(whole({"n": size}, "n") for size in value):
        return value[0], value[1]
    return None


def digits(word: str) -> int | None:
    found = re.search(r"(?:FP|INT|W)(\d)", word)
    return int(found[1]) if found and found[1] in "23468" else None
