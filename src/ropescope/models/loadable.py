"""Whether the weights of a source can be loaded, as far as the names of its files and its config tell."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from ropescope.errors import MissingExtraError, SourceError
from ropescope.models.adapter import WEIGHTS, Adapter
from ropescope.models.model import Model
from ropescope.models.model_files import LocalFiles, ModelFiles
from ropescope.models.opening import open as open_model
from ropescope.models.source import Source, resolve

_OF_TOKENIZERS: Final = re.compile(
    r"tokenizer|vocab|merges\.txt$|sentencepiece|spiece|spm|tiktoken|tekken|special_tokens"
)
"""What the files of a tokenizer are called, one or another."""
_MOST_TOKENIZER_BYTES: Final = 256 << 20


def loadable(source: str | Path | Mapping[str, Any], revision: str | None = None, *, reads_text: bool = False) -> Model:
    """What the config of a model says whose weights are to be loaded; no weight is read or fetched.

    Raises SourceError where the source has no weights that are read here, or not all of them, or no tokenizer while it
    `reads_text`, and as `open` does.
    """
    found = resolve(source, revision=revision)
    if found.kind == "dict":
        raise SourceError("A config alone has no weights to measure: give a folder, a .gguf file or a Hub id.")
    model = open_model(found, config_only=True)
    require_weights(model.source, reads_text=reads_text)
    return model


def require_weights(source: Source, *, reads_text: bool = False) -> None:
    """Raise SourceError where the files of a source, by their names, are not all that its weights need, or hold no
    tokenizer while it `reads_text`, and MissingExtraError for an adapter where peft is not installed."""
    if source.adapter is not None:
        require_adapter(source.adapter)
    files = _files_of(source)
    if files is None:
        return  # a GGUF file, whose header was read
    from ropescope.models.safetensors.files import why_incomplete

    if why := why_incomplete(files):
        raise SourceError(f"{source.name} has no safetensors weights that can be read: {why}")
    # An adapter may bring a tokenizer of its own.
    if reads_text and source.adapter is None and not any(_OF_TOKENIZERS.search(name) for name in files.names()):
        raise SourceError(
            f"{source.name} comes without a tokenizer, so no text can be read with it: put its tokenizer.json beside the "
            "weights (`measure` reads random tokens without one: `corpus` random)."
        )


def require_adapter(adapter: Adapter) -> None:
    """Raise MissingExtraError without peft, and SourceError where a folder lacks the adapter's weights as safetensors."""
    if find_spec("peft") is None:
        raise MissingExtraError("An adapter is merged by peft: pip install 'ropescope[peft]'.")
    if adapter.path is not None and not (adapter.path / WEIGHTS).is_file():
        raise SourceError(
            f"The adapter {adapter.name} has no {WEIGHTS}: ropescope reads safetensors only. Save it again with a current peft."
        )


def encoder_of(source: Source) -> Callable[[str], tuple[int, ...]] | None:
    """The tokens of a text by a model's tokenizer.json; None for a model without one, and without `tokenizers`."""
    files = _files_of(source)
    if files is None or find_spec("tokenizers") is None or (source.adapter is not None):
        return None
    written = files.text("tokenizer.json", _MOST_TOKENIZER_BYTES) if "tokenizer.json" in files.names() else None
    if written is None:
        return None
    from tokenizers import Tokenizer

    try:
        tokenizer = Tokenizer.from_str(written)
    except Exception:  # the one class it raises; transformers will say what is wrong with it
        return None
    return lambda text: tuple(tokenizer.encode(text, add_special_tokens=False).ids)


def _files_of(source: Source) -> ModelFiles | None:
    """The files beside a model's config; None for a GGUF file."""
    if source.kind == "folder" and source.path is not None:
        return LocalFiles(source.path)
    if source.kind == "hub" and source.repo_id and source.revision and source.file is None:
        from ropescope.models.hub_files import HubFiles

        return HubFiles(source.repo_id, source.revision)
    return None
