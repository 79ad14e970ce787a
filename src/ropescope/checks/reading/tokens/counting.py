"""Tokenizers that count: bytes, tokenizer.json, sentencepiece, a GGUF file's own, tiktoken's encodings, and closed ones."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from ropescope.errors import FormatError, MissingExtraError, SourceError
from ropescope.local_files import exists, expanded
from ropescope.models.source import ALIASES, resolve
from ropescope.models.vocabulary import MOST_FILE_BYTES

BYTES: Final = "bytes"
ENCODINGS: Final = ("gpt2", "r50k_base", "p50k_base", "p50k_edit", "cl100k_base", "o200k_base", "o200k_harmony")
"""The encodings of tiktoken 0.14."""

_OPENAI: Final = re.compile(r"(?:openai/)?((?:gpt-[345]|chatgpt-|o[134](?:-|$)).*)")
_CLOSED: Final = {
    "Anthropic": (re.compile(r"(?:anthropic/)?claude[-\w.]*"), "ask its endpoint count_tokens"),
    "Google": (re.compile(r"(?:google/)?gemini[-\w.]*"), "ask its endpoint countTokens"),
}
"""Vendors whose tokenizers are not published, by the names of their models, with what counts for them."""

Count = Callable[[Sequence[str]], list[int]]


@dataclass(frozen=True, slots=True)
class Tokenizer:
    """A tokenizer by what it counts: `count` gives the tokens of each text without special ones, `unknown` how many of them
    stand for characters that it does not know. `source` says what was read."""

    name: str
    source: str
    vocab_size: int | None
    count: Count
    unknown: Count


@dataclass(frozen=True, slots=True)
class Closed:
    """A tokenizer that is not published; `instead` is what counts its tokens."""

    name: str
    vendor: str
    instead: str


def open_tokenizer(name: str) -> Tokenizer | Closed:
    """The tokenizer that `name` means: bytes, a folder, a file (tokenizer.json, .model, .gguf), a Hub id, smollm2, or an
    encoding or model of OpenAI. Raises SourceError, FormatError, MissingExtraError."""
    if name == BYTES:
        return Tokenizer(BYTES, "UTF-8 bytes", 256, lambda texts: [len(text.encode()) for text in texts], _none)
    path = expanded(name)
    if exists(path):
        named = path.resolve()
        return _of_path(named.parent.name if named.name == "tokenizer.json" else named.name, path)
    for vendor, (pattern, instead) in _CLOSED.items():
        if pattern.fullmatch(name.lower()):
            return Closed(name, vendor, instead)
    encoding = name.removeprefix("tiktoken:")
    if encoding in ENCODINGS or encoding != name or _OPENAI.fullmatch(name):
        return _tiktoken(name, encoding.removeprefix("openai/"))
    if name in ALIASES or name.lower().endswith(".gguf"):
        source = resolve(name)
        if source.path is None:
            raise SourceError(
                f"{name} is on the Hub, and the tokenizer of a GGUF file is read from the file: download it."
            )
        return _gguf(name, source.path)
    return _of_hub(name)


def _none(texts: Sequence[str]) -> list[int]:
    return [0] * len(texts)


def _of_path(name: str, path: Path) -> Tokenizer:
    if path.is_file():
        readers = {".json": _tokenizer_json, ".model": _sentencepiece, ".gguf": _gguf}
        if (read := readers.get(path.suffix.lower())) is not None:
            return read(name, path)
        raise SourceError(f"{path} is no tokenizer that is read: give a tokenizer.json, a .model or a .gguf file.")
    for file, read in (("tokenizer.json", _tokenizer_json), ("tokenizer.model", _sentencepiece)):
        if (path / file).is_file():
            return read(name, path / file)
    ggufs = sorted(path.glob("*.gguf"))
    if len(ggufs) == 1:
        return _gguf(name, ggufs[0])
    raise SourceError(f"{path} holds no tokenizer.json, no tokenizer.model and not one .gguf file: give one of these.")


def _of_hub(name: str) -> Tokenizer:
    source = resolve(name)
    if source.repo_id is None or source.revision is None:
        raise SourceError(f"{name} is no Hub id: give a tokenizer as org/name, a folder, a file, or bytes.")
    from ropescope.models.hub import fetch_file
    from ropescope.models.hub_files import HubFiles

    held = HubFiles(source.repo_id, source.revision).names()
    for file, read in (("tokenizer.json", _tokenizer_json), ("tokenizer.model", _sentencepiece)):
        if file in held:
            return read(name, fetch_file(source.repo_id, source.revision, file))
    raise SourceError(f"{name} holds no tokenizer.json and no tokenizer.model: name the repository it was made from.")


def _tokenizer_json(name: str, path: Path) -> Tokenizer:
    _require_size(path)
    library = _need("tokenizers", "tokenizers")
    made = _made(lambda: library.Tokenizer.from_file(str(path)), path)
    made.no_truncation()
    made.no_padding()
    unknown = getattr(made.model, "unk_token", None)
    unknown_id = made.token_to_id(unknown) if isinstance(unknown, str) else None

    def ids(texts: Sequence[str]) -> list[list[int]]:
        return [one.ids for one in made.encode_batch(list(texts), add_special_tokens=False)]

    return _by_ids(name, str(path), made.get_vocab_size(), ids, unknown_id)


def _sentencepiece(name: str, path: Path) -> Tokenizer:
    _require_size(path)
    library = _need("sentencepiece", "tokenizers")
    made = _made(lambda: library.SentencePieceProcessor(model_file=str(path)), path)
    return _by_ids(name, str(path), made.vocab_size(), lambda texts: made.encode(list(texts)), made.unk_id())


def _tiktoken(name: str, asked: str) -> Tokenizer:
    library = _need("tiktoken", "tokenizers")
    try:
        encoding = asked if asked in ENCODINGS else library.model.encoding_name_for_model(asked)
    except KeyError as error:
        raise SourceError(
            f"{name} is no encoding or model that tiktoken {library.__version__} knows: name one of {', '.join(ENCODINGS)}."
        ) from error
    try:
        made = library.get_encoding(encoding)
    except (OSError, ValueError) as error:  # requests' errors are OSErrors
        raise SourceError(
            f"The ranks of {encoding} are not on this machine and openaipublic.blob.core.windows.net does not give them "
            f"({type(error).__name__}): connect once, or set TIKTOKEN_CACHE_DIR to a folder that holds them."
        ) from error
    where = f"tiktoken {library.__version__}, {encoding}"
    return _by_ids(name, where, made.n_vocab, lambda texts: [made.encode_ordinary(text) for text in texts], None)


def _gguf(name: str, path: Path) -> Tokenizer:
    """The tokenizer of a GGUF file, as llama.cpp runs it: the file is loaded, its weights are not touched."""
    from ropescope.models.gguf.header import GGUFArray, read_header

    tokens = read_header(path).metadata.get("tokenizer.ggml.tokens")
    if not isinstance(tokens, GGUFArray):
        raise FormatError(f"{path} holds no tokenizer (tokenizer.ggml.tokens): name the repository it was made from.")
    library = _need("xllamacpp", "templates")
    given = library.CommonParams()
    given.model.path, given.n_ctx, given.warmup, given.verbosity = str(path), 256, False, -1
    server = _made(lambda: library.Server(given), path)

    def ids(texts: Sequence[str]) -> list[list[int]]:
        return [_asked(f"{server.listening_address}/tokenize", text) for text in texts]

    return _by_ids(name, f"{path}, by llama.cpp", tokens.length, ids, None)


def _asked(address: str, text: str) -> list[int]:
    import json
    from urllib.request import ProxyHandler, Request, build_opener

    body = json.dumps({"content": text, "add_special": False, "parse_special": False}).encode()
    request = Request(address, body, {"Content-Type": "application/json"})
    with build_opener(ProxyHandler({})).open(request) as answer:
        found: list[int] = json.load(answer)["tokens"]
    return found


def _by_ids(
    name: str, source: str, size: int, ids: Callable[[Sequence[str]], list[list[int]]], unknown: int | None
) -> Tokenizer:
    def count(texts: Sequence[str]) -> list[int]:
        return [len(one) for one in ids(texts)]

    def lost(texts: Sequence[str]) -> list[int]:
        return _none(texts) if unknown is None else [one.count(unknown) for one in ids(texts)]

    return Tokenizer(name, source, size, count, lost)


def _require_size(path: Path) -> None:
    if path.stat().st_size > MOST_FILE_BYTES:
        raise FormatError(f"{path} is larger than {MOST_FILE_BYTES >> 20} MiB, which no tokenizer is: check the path.")


def _need(package: str, extra: str) -> Any:
    from importlib import import_module

    try:
        return import_module(package)
    except ModuleNotFoundError as error:
        raise MissingExtraError(
            f"This tokenizer needs {package}, which is not installed: pip install 'ropescope[{extra}]'."
        ) from error


def _made(make: Callable[[], Any], path: Path) -> Any:
    try:
        return make()
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:  # a panic of tokenizers' Rust code is no Exception
        cause = " ".join(str(error).split())[:200] or type(error).__name__
        raise FormatError(
            f"{path} is no tokenizer that can be loaded ({cause}): fetch it again, or name another."
        ) from error
