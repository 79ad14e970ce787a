"""Whether a GGUF file holds one matrix twice: as the embedding of its tokens and, under another name, as its output.

The model then has the parameters of one. No metadata say so: on a disk the bytes themselves are compared, and where the two
are in different types, or the file is far, the released shapes whose config ties the two are known.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from ropescope.models.gguf.header import GGUFHeader, GGUFTensor
from ropescope.models.model_files import Beginning

EMBEDDING, OUTPUT = "token_embd.weight", "output.weight"

TIED: Final = frozenset(
    {
        ("qwen2", 896, 24),
        ("qwen2", 1536, 28),
        ("qwen2", 2048, 36),
        ("qwen3", 1024, 28),
        ("qwen3", 2048, 28),
        ("qwen3", 2560, 36),
        ("llama", 2048, 16),
        ("llama", 3072, 28),
        ("llama", 576, 30),
        ("llama", 960, 32),
    }
)
"""(architecture, width, layers) of Qwen2.5 0.5B to 3B, Qwen3 0.6B to 4B, Llama 3.2 1B and 3B, SmolLM2 135M and 360M, whose
config.json has tie_word_embeddings true."""

_PIECE: Final = 16 << 10
_PLACES: Final = 8


def stored_twice(
    tensors: Sequence[GGUFTensor], shape: tuple[str, int | None, int], same: bool | None
) -> GGUFTensor | None:
    """The output matrix, where it is the embedding over again; else None. `shape` is (architecture, width, layers); `same` is
    what a look at the bytes said (None: there was none, or it told nothing)."""
    named = {tensor.name: tensor for tensor in tensors if tensor.name in (EMBEDDING, OUTPUT)}
    if len(named) < 2 or named[EMBEDDING].shape != named[OUTPUT].shape:
        return None
    return named[OUTPUT] if (shape in TIED if same is None else same) else None


def same_bytes(header: GGUFHeader, file: Beginning) -> bool | None:
    """Whether embedding and output hold the same bytes, by pieces all over them; None where their types differ, or where
    there is nothing but zeros to compare. Raises SourceError."""
    named = {tensor.name: tensor for tensor in header.tensors if tensor.name in (EMBEDDING, OUTPUT)}
    if len(named) < 2:
        return None
    one, two = named[EMBEDDING], named[OUTPUT]
    if one.type_name != two.type_name or one.shape != two.shape or not one.n_bytes:
        return None
    told = False
    for place in range(_PLACES):
        start = (one.n_bytes - min(one.n_bytes, _PIECE)) * place // (_PLACES - 1)
        pieces = [file.read(header.data_offset + tensor.offset + start, _PIECE) for tensor in (one, two)]
        shortest = min(map(len, pieces))
        if pieces[0][:shortest] != pieces[1][:shortest]:
            return False
        told = told or any(pieces[0][:shortest])
    return True if told else None
