"""What a file is, by what stands in it, and so which question takes it. The file is looked at and never run."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

from ropescope.errors import SourceError
from ropescope.local_files import open_bytes

MOST_BYTES: Final = 8 << 20
"""A larger file is told by its beginning alone."""

_MOST_HEADING: Final = 100_000
"""Characters of the names of a table's columns; Python's reader takes no longer cell."""


class Recognised(NamedTuple):
    """What a file is, and the question and field that take it."""

    what: str
    question: str
    field: str


_MAGIC: Final = (
    (b"GGUF", Recognised("a GGUF file", "show", "source")),
    (b"PAR1", Recognised("a Parquet file, as profiles are kept", "show-profile", "profile")),
)
_JSON: Final[tuple[tuple[Callable[[Mapping[str, Any]], bool], Recognised], ...]] = (
    (lambda d: d.get("schema") == "ropescope.report/1", Recognised("a kept report", "show-report", "report")),
    (lambda d: "peft_type" in d, Recognised("an adapter's config", "adapter", "source")),
    (lambda d: "weight_map" in d, Recognised("an index of safetensors files", "show", "source")),
    (lambda d: "doc_hash" in d, Recognised("a per-sample log of lm-eval", "drift", "first")),
    (lambda d: "results" in d and "versions" in d, Recognised("the results of lm-eval", "drift", "first")),
    (lambda d: {"model_a", "model_b"} <= d.keys(), Recognised("votes between models", "arena", "votes")),
    (lambda d: "messages" in d or "input" in d, Recognised("a request to an API", "prompt-cache", "request")),
    (lambda d: "chat_template" in d, Recognised("a tokenizer's config with a chat template", "template", "source")),
    (
        lambda d: bool({"$schema", "properties", "$defs", "json_schema", "input_schema", "parameters", "tools"} & d.keys()),
        Recognised("a JSON schema", "tools-schema", "schema"),
    ),
    (
        lambda d: bool({"model_type", "architectures", "num_hidden_layers", "n_layer"} & d.keys()),
        Recognised("a model's config", "show", "source"),
    ),
)  # fmt: skip


def recognise(path: Path) -> Recognised | None:
    """What the file at `path` is; None where nothing tells. A folder is a model unless it holds logs. Raises SourceError where
    nothing is there."""
    if os.path.isdir(path):
        logged = any(path.glob("samples_*.jsonl")) or any(path.glob("*/samples_*.jsonl"))
        return (
            Recognised("an output folder of lm-eval", "drift", "first")
            if logged
            else Recognised("a folder", "show", "source")
        )
    try:
        with open_bytes(path) as file:
            data = file.read(MOST_BYTES)
    except OSError as error:
        raise SourceError(f"{path} cannot be read: {error.strerror}. Name a file that is there.") from error
    for magic, found in _MAGIC:
        if data.startswith(magic):
            return found
    if b"__metadata__" in data[8:4096] or (data[8:9] == b"{" and b"data_offsets" in data[:4096]):
        return Recognised("a safetensors file", "show", "source")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        if len(data) < MOST_BYTES or error.start < len(data) - 4:
            return None
        text = data[: error.start].decode("utf-8-sig")
    return _of_text(text)


def _of_text(text: str) -> Recognised | None:
    stripped = text.strip()
    if stripped[:1] in ("{", "[") and not stripped.startswith("{%") and not stripped.startswith("{{"):
        return _of_json(_first_object(stripped))
    if "{%" in text and ("messages" in text or "content" in text):
        return Recognised("a chat template", "template", "source")
    first = stripped.splitlines()[0] if stripped else ""
    if {"model_a", "model_b"} <= {name.strip().lower() for name in next(csv.reader([first[:_MOST_HEADING]]), [])}:
        return Recognised("votes between models", "arena", "votes")
    return Recognised("training code", "peft", "code") if _is_training_code(text) else None


def _first_object(text: str) -> Any:
    """The whole JSON, or the first line of JSON Lines; None for neither."""
    for part in (text, text.partition("\n")[0]):
        try:
            return json.loads(part)
        except (ValueError, RecursionError):
            continue
    return None


def _of_json(value: Any) -> Recognised | None:
    if isinstance(value, list) and value and isinstance(value[0], dict):
        if {"role", "content"} <= value[0].keys():
            return Recognised("a list of messages", "template", "messages")
        value = value[0]
        if "function" in value or "input_schema" in value:
            return Recognised("a list of tools", "tools-schema", "schema")
    if not isinstance(value, dict):
        return None
    return next((found for holds, found in _JSON if holds(value)), None)


def _is_training_code(text: str) -> bool:
    import ast

    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    roots = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            roots |= {name.name.partition(".")[0] for name in node.names}
        elif isinstance(node, ast.ImportFrom):
            roots.add((node.module or "").partition(".")[0])
    return bool(roots & {"peft", "trl", "transformers", "unsloth"})
