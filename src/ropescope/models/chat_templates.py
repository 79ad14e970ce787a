"""The chat templates of a source, and what its files say beside them: special tokens, BOS, and what ends a text.

A source is a folder, a GGUF file, a Hub id, a file with a template, or the text of a template itself.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from ropescope.errors import FormatError, InputError, SourceError
from ropescope.local_files import expanded
from ropescope.models.model_files import LocalBeginning, LocalFiles, ModelFiles
from ropescope.models.tokenizer_files import (
    GENERATION,
    MOST_TEMPLATE_BYTES,
    SETTINGS,
    SPECIAL,
    TEMPLATE,
    TEMPLATE_IN_JSON,
    TOKENIZER,
    listed_tokens,
    token_ids,
    token_text,
)
from ropescope.models.vocabulary import added_tokens

MORE_TEMPLATES: Final = "additional_chat_templates"
SPECIAL_TOKENS: Final = ("bos", "eos", "unk", "sep", "pad", "cls", "mask")
"""Those that a template gets by name, as `bos_token`."""

MOST_TEMPLATES: Final = 64
_BEGINNING: Final = 2 << 20
"""Of tokenizer.json: its added tokens and its post-processor stand before the vocabulary."""

_POST_PROCESSOR: Final = re.compile(r'"post_processor"\s*:\s*')
_GGUF_KEY: Final = "tokenizer.chat_template"
_GGUF_TOKENS: Final = "tokenizer.ggml.tokens"
_GO: Final = re.compile(r"\{\{-?\s*(?:(?:if|range|with)\s[^}]*[.$]\w|[.$]\w)")
"""Go's template language, of Ollama: a field begins with a dot, which no expression of Jinja does."""


class GoTemplateError(FormatError):
    """A template is written in Go's language, not in Jinja."""


@dataclass(frozen=True, slots=True)
class ChatTemplate:
    """One template: its name ("default" where it has none), its text, and the file or key that holds it."""

    name: str
    text: str
    where: str


@dataclass(frozen=True, slots=True)
class ChatTemplates:
    """The templates of a source.

    `tokens` maps "bos_token" and the like to their texts. `adds_bos`: whether the tokenizer puts BOS before a text that it
    encodes by default, as `adds_bos_from` says; None where no file tells. `stops` are the texts of the tokens that end
    generation, as `stops_from` says. `notes` are sentences on what a reader should know of the files.
    """

    name: str
    spelled: str
    templates: tuple[ChatTemplate, ...]
    kind: str = "text"
    revision: str | None = None
    tokens: Mapping[str, str] = field(default_factory=dict, hash=False)
    adds_bos: bool | None = None
    adds_bos_from: str = ""
    stops: tuple[str, ...] = ()
    stops_from: str = ""
    notes: tuple[str, ...] = ()

    def chosen(self, name: str | None, *, tools: bool = False) -> ChatTemplate:
        """The template of that name; without one the one that transformers takes. Raises InputError, with the names."""
        named = {template.name: template for template in self.templates}
        if name is None and len(named) == 1:
            return self.templates[0]
        wanted = name or ("tool_use" if tools and "tool_use" in named else "default")
        if wanted not in named:
            raise InputError("name", f"`name`: {self.name} has no template {wanted!r}: it has {', '.join(named)}.")
        return named[wanted]


def read_chat_templates(source: str, field: str, revision: str | None = None) -> ChatTemplates:
    """The chat templates of `source`; of a Hub id, at one commit. `field` is the input that errors name.

    Raises SourceError, FormatError and InputError where there are none, or they cannot be read; GoTemplateError for Ollama's.
    """
    if "\n" in source or "{%" in source or "{{" in source:
        return _of_text(source, "the template", field)
    path = expanded(source)
    try:
        there = path.exists()
    except OSError:
        there = False
    if there and revision is not None:
        raise SourceError(f"a local path has no revision: leave {revision!r} out, or give a Hub id.")
    if there and path.is_dir():
        return _of_folder(path, field)
    if there and path.suffix.lower() != ".gguf":
        with LocalBeginning(path) as file:
            raw = file.read(0, 16 << 20 if file.size <= 16 << 20 else MOST_TEMPLATE_BYTES + 1)
        if raw[:4] != b"GGUF":
            return _of_file(path, raw, field)
    from ropescope.models.source import resolve

    found = resolve(source, revision=revision)
    if found.kind == "gguf" and found.path is not None:
        return _of_gguf(found.path, found.name, found.spelled, field)
    if found.kind == "hub" and found.repo_id is not None and found.revision is not None:
        return _of_hub(found.repo_id, found.revision, found.file, field, found.notes)
    assert found.path is not None
    return _of_folder(found.path, field)


def _of_text(text: str, where: str, field: str) -> ChatTemplates:
    return ChatTemplates(where, where, (ChatTemplate("default", _sound(text, where, field), where),))


def _sound(text: str, where: str, field: str) -> str:
    """`text` where it is a template of Jinja, and no longer than any. Raises InputError, GoTemplateError."""
    if len(text.encode(errors="replace")) > MOST_TEMPLATE_BYTES:
        raise InputError(field, f"`{field}`: the template in {where} is longer than 1 MiB, as no chat template is.")
    if _GO.search(text):
        raise GoTemplateError(f"{where} is a Go template, as Ollama uses.")
    return text


def _of_file(path: Path, raw: bytes, field: str) -> ChatTemplates:
    """A file on its own: a template, or a JSON file that holds one; tokenizer_config.json stands for its folder."""
    if path.name == SETTINGS:
        return _of_folder(path.parent, field)
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        raise InputError(
            field, f"`{field}`: {path} is no text: give a template, a model folder, a .gguf file or a Hub id."
        ) from None
    if not text.strip():
        raise InputError(
            field, f"`{field}`: {path} is empty: give a template, a model folder, a .gguf file or a Hub id."
        )
    try:
        settings = json.loads(text)
    except (ValueError, RecursionError):
        return _of_text(text, str(path), field)
    if isinstance(settings, dict) and (held := _in_json(settings, path.name, field)):
        return ChatTemplates(path.name, str(path), held, tokens=_tokens(settings))
    raise InputError(
        field, f"`{field}`: {path} is JSON without a chat_template: give the template, or the model's folder."
    )


def _of_folder(path: Path, field: str) -> ChatTemplates:
    from ropescope.models.gguf_names import choices

    files = LocalFiles(path)
    names = files.names()
    ggufs = [choice.first for choice in choices(names)]
    if not names & {SETTINGS, TEMPLATE, TEMPLATE_IN_JSON} and len(ggufs) == 1:
        return _of_gguf(path / ggufs[0], Path(ggufs[0]).stem, str(path / ggufs[0]), field)
    more = path / MORE_TEMPLATES
    extra: dict[str, str] = {}
    if more.is_dir() and more.resolve().is_relative_to(path.resolve()):
        inner = LocalFiles(more)
        for name in sorted(inner.names())[:MOST_TEMPLATES]:
            extra[name] = inner.text(name, MOST_TEMPLATE_BYTES + 1) or ""
    return _of_files(files, extra, path.resolve().name, str(path), field)


def _of_hub(repo_id: str, commit: str, file: str | None, field: str, notes: tuple[str, ...]) -> ChatTemplates:
    from ropescope.models.gguf_names import choices
    from ropescope.models.hub_files import HubFiles

    files = HubFiles(repo_id, commit)
    names = files.names()
    ggufs = [choice.first for choice in choices(names)]
    if file is None and not names & {SETTINGS, TEMPLATE, TEMPLATE_IN_JSON} and ggufs:
        if len(ggufs) > 1:
            raise SourceError(f"{repo_id} holds {len(ggufs)} GGUF models: name one, as in {repo_id}/{ggufs[0]}.")
        file = ggufs[0]
    if file is None:
        inner = [name for name in sorted(names) if name.startswith(f"{MORE_TEMPLATES}/")][:MOST_TEMPLATES]
        extra = {name.partition("/")[2]: files.text(name, MOST_TEMPLATE_BYTES + 1) or "" for name in inner}
        found = _of_files(files, extra, repo_id, repo_id, field)
    elif file not in names:
        raise SourceError(f"{repo_id} has no file {file}: it has {', '.join(ggufs[:8]) or 'no GGUF file'}.")
    else:
        from ropescope.models.gguf.header import parse_header

        with files.beginning(file) as beginning:
            header = parse_header(beginning.read, beginning.size, name=files.label(file), arrays=(_GGUF_TOKENS,))
            beginning.keep(header.data_offset)
        found = _of_metadata(header.metadata, f"{repo_id}/{file}", f"{repo_id}/{file}", field)
    return replace(found, revision=commit, notes=(*notes, *found.notes))


def _of_files(files: ModelFiles, extra: Mapping[str, str], name: str, spelled: str, field: str) -> ChatTemplates:
    """The templates of a folder or repository, as transformers takes them: files go before what tokenizer_config.json holds."""
    settings = files.json(SETTINGS) or {}
    generation, config = files.json(GENERATION), files.json("config.json") or {}
    held = [
        ChatTemplate(Path(one).stem, text, f"{MORE_TEMPLATES}/{one}")
        for one, text in extra.items()
        if one.endswith(".jinja")
    ]
    if (own := files.text(TEMPLATE, MOST_TEMPLATE_BYTES + 1)) is not None:
        held.insert(0, ChatTemplate("default", own, TEMPLATE))
    in_json = _in_json(settings, SETTINGS, field)
    notes = []
    if held and in_json and {one.name: one.text for one in held} != {one.name: one.text for one in in_json}:
        notes.append(f"{SETTINGS} holds another template than {held[0].where}, which transformers uses.")
    found = held or in_json or _in_json(files.json(TEMPLATE_IN_JSON) or {}, TEMPLATE_IN_JSON, field)
    if not found:
        looked = ", ".join((TEMPLATE, f"{MORE_TEMPLATES}/", SETTINGS, TEMPLATE_IN_JSON))
        raise SourceError(
            f"{spelled} has no chat template (looked in {looked}): a base model has none; name its instruct version."
        )
    for one in found:
        _sound(one.text, one.where, field)
    beginning = files.text(TOKENIZER, _BEGINNING) or ""
    texts = {number: text for text, number in (added_tokens(beginning.encode()) | listed_tokens(settings)).items()}
    ids: tuple[int, ...] = ()
    where = ""
    for stated, file in ((generation or {}, GENERATION), (config, "config.json")):
        if not ids and (ids := token_ids(stated.get("eos_token_id"))):
            where = file
    tokens = _tokens({**(files.json(SPECIAL) or {}), **settings})
    stops = tuple(texts[number] for number in ids if number in texts)
    if not ids and "eos_token" in tokens:
        stops, where = (tokens["eos_token"],), f"eos_token of {SETTINGS}"
    adds, adds_from = _adds_bos(beginning, settings)
    return ChatTemplates(
        name, spelled, tuple(found), "files",
        tokens=tokens, adds_bos=adds, adds_bos_from=adds_from, stops=stops, stops_from=where, notes=tuple(notes),
    )  # fmt: skip


def _in_json(settings: Mapping[str, Any], where: str, field: str) -> tuple[ChatTemplate, ...]:
    """The templates under `chat_template`: one text, or a list of named ones."""
    held = settings.get("chat_template")
    if isinstance(held, str):
        return (ChatTemplate("default", _sound(held, where, field), where),)
    entries = [one for one in held if isinstance(one, Mapping)] if isinstance(held, list) else []
    pairs = [(one.get("name"), one.get("template")) for one in entries[:MOST_TEMPLATES]]
    return tuple(
        ChatTemplate(name, _sound(text, where, field), where)
        for name, text in pairs
        if isinstance(name, str) and isinstance(text, str)
    )


def _tokens(settings: Mapping[str, Any]) -> dict[str, str]:
    names = (f"{name}_token" for name in SPECIAL_TOKENS)
    return {name: text for name in names if (text := token_text(settings.get(name))) is not None}


def _adds_bos(beginning: str, settings: Mapping[str, Any]) -> tuple[bool | None, str]:
    """Whether encoding adds a token in front, and what says so: with a tokenizer.json, its post-processor does."""
    found = _POST_PROCESSOR.search(beginning)
    if found is not None:
        try:
            processor = json.JSONDecoder().raw_decode(beginning, found.end())[0]
        except (ValueError, RecursionError):
            return None, ""
        return _begins_with_token(processor), f"post_processor of {TOKENIZER}"
    stated = settings.get("add_bos_token")
    return (stated, f"add_bos_token of {SETTINGS}") if isinstance(stated, bool) else (None, "")


def _begins_with_token(processor: Any) -> bool:
    if not isinstance(processor, Mapping):
        return False
    if processor.get("type") == "Sequence":
        inner = processor.get("processors")
        return any(map(_begins_with_token, inner)) if isinstance(inner, list) else False
    single = processor.get("single")
    if processor.get("type") == "TemplateProcessing" and isinstance(single, list) and single:
        return isinstance(single[0], Mapping) and "SpecialToken" in single[0]
    return processor.get("type") in ("BertProcessing", "RobertaProcessing")


def _of_gguf(path: Path, name: str, spelled: str, field: str) -> ChatTemplates:
    from ropescope.models.gguf.header import read_header

    return _of_metadata(read_header(path, arrays=(_GGUF_TOKENS,)).metadata, name, spelled, field)


def _of_metadata(metadata: Mapping[str, Any], name: str, spelled: str, field: str) -> ChatTemplates:
    found = []
    for key, text in metadata.items():
        if isinstance(text, str) and (key == _GGUF_KEY or key.startswith(f"{_GGUF_KEY}.")):
            own = key.removeprefix(_GGUF_KEY).removeprefix(".") or "default"
            found.append(ChatTemplate(own, _sound(text, key, field), key))
    if not found:
        raise SourceError(f"{spelled} has no chat template (no key {_GGUF_KEY}): name a file of an instruct version.")
    listed: Sequence[str] = getattr(metadata.get(_GGUF_TOKENS), "values", None) or ()

    def text_of(key: str) -> str | None:
        number = metadata.get(f"tokenizer.ggml.{key}_token_id")
        return listed[number] if type(number) is int and 0 <= number < len(listed) else None

    kinds = {"bos": "bos", "eos": "eos", "unk": "unknown", "pad": "padding"}
    adds = metadata.get("tokenizer.ggml.add_bos_token")
    stops = tuple(dict.fromkeys(text for key in ("eos", "eot") if (text := text_of(key)) is not None))
    return ChatTemplates(
        name, spelled, tuple(sorted(found[:MOST_TEMPLATES], key=lambda one: one.name != "default")), "gguf",
        tokens={f"{name}_token": text for name, key in kinds.items() if (text := text_of(key)) is not None},
        adds_bos=adds if isinstance(adds, bool) else None, adds_bos_from="tokenizer.ggml.add_bos_token",
        stops=stops, stops_from="tokenizer.ggml.eos_token_id",
    )  # fmt: skip
