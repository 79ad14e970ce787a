"""What the files of a tokenizer say, without loading it: its special tokens, its chat template, how many tokens it has."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar

from ropescope.errors import FormatError
from ropescope.models.model_files import ModelFiles, OutsideError
from ropescope.models.tokenizer import Tokenizer
from ropescope.models.vocabulary import MOST_FILE_BYTES, Vocabulary, read_vocabulary

SETTINGS: Final = "tokenizer_config.json"
SPECIAL: Final = "special_tokens_map.json"
GENERATION: Final = "generation_config.json"
TEMPLATE: Final = "chat_template.jinja"
TEMPLATE_IN_JSON: Final = "chat_template.json"
TOKENIZER: Final = "tokenizer.json"
TOKENIZER_FILES: Final = (SETTINGS, SPECIAL, GENERATION, TEMPLATE, TEMPLATE_IN_JSON)
"""The small ones, which are fetched; of a repository on the Hub tokenizer.json is read only where it is at hand."""

MOST_TEMPLATE_BYTES: Final = 1 << 20
T = TypeVar("T")


def read_tokenizer(files: ModelFiles, config: Mapping[str, Any]) -> tuple[Tokenizer | None, tuple[str, ...]]:
    """(the tokenizer, notes); None where the model has no such files. A damaged file is a note, not an error: what the
    weights and the config say does not hang on it."""
    here = files.names() & {*TOKENIZER_FILES, TOKENIZER}
    if not here - {GENERATION}:
        return None, ()
    notes: list[str] = []

    def take(name: str, how: Callable[[str], T], otherwise: T) -> T:
        try:
            return how(name) if name in here else otherwise
        except (FormatError, OutsideError) as error:
            notes.append(f"{error} Nothing of it was read.")
            return otherwise

    def read(name: str) -> Mapping[str, Any]:
        return take(name, files.json, None) or {}

    settings, special, generation = read(SETTINGS), read(SPECIAL), read(GENERATION)
    vocabulary = take(TOKENIZER, lambda name: _vocabulary(files), Vocabulary())
    template = take(TEMPLATE, lambda name: files.text(name, MOST_TEMPLATE_BYTES), None)
    if template is None:
        template = _named(settings.get("chat_template")) or _named(read(TEMPLATE_IN_JSON).get("chat_template"))
    ids = {
        name: found
        for name in ("bos", "eos", "pad", "unk")
        if (
            found := _ids(
                name, {**special, **settings}, listed_tokens(settings) | dict(vocabulary.added), generation, config
            )
        )
    }
    kind = vocabulary.kind or str(settings.get("tokenizer_class") or "")[:100]
    source = next(name for name in (TOKENIZER, SETTINGS, SPECIAL, TEMPLATE, TEMPLATE_IN_JSON) if name in here)
    return Tokenizer(vocabulary.size, ids, template or None, kind, source), tuple(notes)


def _vocabulary(files: ModelFiles) -> Vocabulary:
    file = files.at_hand(TOKENIZER)
    if file is None:
        return Vocabulary()
    with file:
        return read_vocabulary(file.read(0, file.size)) if file.size <= MOST_FILE_BYTES else Vocabulary()


def _named(template: object) -> str | None:
    """The text of a chat template; of several, the one called default, else the first."""
    if isinstance(template, str):
        return template
    if not isinstance(template, list):
        return None
    named = {
        entry.get("name"): entry["template"]
        for entry in template
        if isinstance(entry, Mapping) and isinstance(entry.get("template"), str) and isinstance(entry.get("name"), str)
    }
    return named.get("default", next(iter(named.values()), None))


def listed_tokens(settings: Mapping[str, Any]) -> dict[str, int]:
    """Text → id of the tokens that tokenizer_config.json lists."""
    listed = settings.get("added_tokens_decoder")
    return {
        content: int(number)
        for number, entry in (listed.items() if isinstance(listed, Mapping) else ())
        if number.isdecimal() and len(number) < 10 and (content := token_text(entry)) is not None
    }


def token_text(token: object) -> str | None:
    """The text of a token, which may stand alone or in an object."""
    if isinstance(token, Mapping):
        token = token.get("content")
    return token if isinstance(token, str) else None


def _ids(
    name: str,
    tokens: Mapping[str, Any],
    added: Mapping[str, int],
    generation: Mapping[str, Any],
    config: Mapping[str, Any],
) -> tuple[int, ...]:
    """The ids of a special token: those that end a text as generation has them, else the tokenizer's, else the config's."""
    text = token_text(tokens.get(f"{name}_token"))
    own = () if text is None or text not in added else (added[text],)
    stated = token_ids(generation.get(f"{name}_token_id"))
    if name == "eos" and stated:
        return stated
    return own or stated or token_ids(config.get(f"{name}_token_id")) or token_ids(_of_text_part(config, name))


def _of_text_part(config: Mapping[str, Any], name: str) -> object:
    part = config.get("text_config")
    return part.get(f"{name}_token_id") if isinstance(part, Mapping) else None


def token_ids(value: object) -> tuple[int, ...]:
    """The ids that a field holds: one, or a list of them; what is no id is left out."""
    values = value if isinstance(value, list) else [value]
    return tuple(entry for entry in values if type(entry) is int and 0 <= entry < 1 << 32)
