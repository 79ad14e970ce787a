"""Which token each id of a model is, from tokenizer.json or a GGUF header, without loading the tokenizer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from ropescope.errors import FormatError
from ropescope.models.gguf.header import GGUFArray, parse_header
from ropescope.models.gguf_names import parts_of
from ropescope.models.model_files import Beginning, LocalBeginning, LocalFiles, ModelFiles
from ropescope.models.source import Source
from ropescope.models.tokenizer_files import SETTINGS, TOKENIZER
from ropescope.models.vocabulary import MOST_FILE_BYTES, falls_back_to_bytes, read_tokens, read_vocabulary

_TOKENS: Final = "tokenizer.ggml.tokens"
_TYPES: Final = "tokenizer.ggml.token_type"
_ADDED_TYPES: Final = (3, 4)
"""Types of tokens in GGUF that no merge makes: control, and defined by users."""
_GGUF_KINDS: Final = {"gpt2": "BPE", "llama": "SentencePiece", "t5": "Unigram", "bert": "WordPiece"}


@dataclass(frozen=True, slots=True)
class TokenTable:
    """`tokens` maps ids to texts; of them `added` stand beside the algorithm's own. `kind` is the algorithm, as llama.cpp tells
    them apart ("BPE", "SentencePiece", "Unigram", "WordPiece"; "" where that is not known). `adds` says whether "bos" and
    "eos" are put around a text, where the files say so. `source` is the file."""

    tokens: Mapping[int, str] = field(repr=False)
    added: frozenset[int] = field(repr=False)
    kind: str
    adds: Mapping[str, bool]
    source: str


def token_table(source: Source) -> TokenTable | None:
    """The table of a model's files; None where no file of theirs holds one that is read here.

    A tokenizer.json on the Hub is fetched. Raises SourceError and FormatError for files that cannot be read.
    """
    if source.kind == "gguf" and source.path is not None:
        first = source.path.parent / parts_of(source.path.name)[0]
        with LocalBeginning(first) as file:
            return _of_gguf(file, str(first))
    files = _files(source)
    if files is None:
        return None
    if source.file is not None and source.file.lower().endswith(".gguf"):
        name = parts_of(source.file)[0]
        with files.beginning(name) as file:
            return _of_gguf(file, files.label(name))
    if TOKENIZER not in files.names():
        return None
    with files.beginning(TOKENIZER) as file:
        if file.size > MOST_FILE_BYTES:
            raise FormatError(
                f"{files.label(TOKENIZER)} has {file.size >> 20} MiB: one of a model has {MOST_FILE_BYTES >> 20} at most."
            )
        raw = _whole(file)
    settings = files.json(SETTINGS) or {}
    return _of_json(raw, settings, files.label(TOKENIZER))


def _files(source: Source) -> ModelFiles | None:
    if source.kind == "folder" and source.path is not None:
        return LocalFiles(source.path)
    if source.kind == "hub" and source.repo_id and source.revision:
        from ropescope.models.hub_files import HubFiles

        return HubFiles(source.repo_id, source.revision)
    return None


def _whole(file: Beginning) -> bytes:
    parts, at = [], 0
    while at < file.size and (part := file.read(at, file.size - at)):
        parts.append(part)
        at += len(part)
    return b"".join(parts)


def _of_json(raw: bytes, settings: Mapping[str, object], label: str) -> TokenTable:
    tokens = read_tokens(raw)
    if not tokens:
        raise FormatError(f"{label} holds no vocabulary that is read here: save the tokenizer again.")
    read = read_vocabulary(raw)
    kind = "SentencePiece" if read.kind == "BPE" and falls_back_to_bytes(raw) else read.kind
    stated = {name: settings.get(f"add_{name}_token") for name in ("bos", "eos")}
    adds = {name: value for name, value in stated.items() if isinstance(value, bool)}
    return TokenTable(tokens, frozenset(read.added.values()), kind, adds, label)


def _of_gguf(file: Beginning, label: str) -> TokenTable | None:
    metadata = parse_header(file.read, file.size, name=label, arrays={_TOKENS, _TYPES}).metadata
    tokens, types = (_values(metadata.get(name)) for name in (_TOKENS, _TYPES))
    if not tokens:
        return None
    kind = _GGUF_KINDS.get(str(metadata.get("tokenizer.ggml.model")), "")
    stated = {name: metadata.get(f"tokenizer.ggml.add_{name}_token") for name in ("bos", "eos")}
    adds = {name: value for name, value in stated.items() if isinstance(value, bool)}
    added = frozenset(index for index, one in enumerate(types) if one in _ADDED_TYPES)
    return TokenTable(dict(enumerate(map(str, tokens))), added, kind, adds, label)


def _values(array: object) -> tuple[object, ...]:
    return array.values or () if isinstance(array, GGUFArray) else ()
