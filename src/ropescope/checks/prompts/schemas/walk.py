"""Every object of a schema and its fields, through $ref, items, prefixItems, anyOf, oneOf, allOf and additionalProperties."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from ropescope.checks.prompts.schemas.documents import Path, as_dict, as_list, pointer, steps_of
from ropescope.checks.prompts.schemas.names import Kind, kind_of
from ropescope.errors import FormatError

TEXTLESS: Final = frozenset({"boolean", "integer", "number", "null"})
_BRANCHES: Final = ("anyOf", "oneOf")
_NOTHING: Final[frozenset[Kind]] = frozenset()


@dataclass(frozen=True, slots=True)
class Property:
    """A field of an object: its own kind or that of what is in it; `holds` is empty where what is in it has both, or neither."""

    name: str
    required: bool
    holds: frozenset[Kind]


@dataclass(frozen=True, slots=True)
class SchemaObject:
    """An object: `path` is where its definition stands, `place` the first way to it in the output, as $.steps[]."""

    path: Path
    place: str
    properties: tuple[Property, ...]


@dataclass(slots=True)
class Walk:
    """A walk over one schema; `where` is how errors call the file, `answers` and `reasonings` names that the user called so."""

    schema: Any
    where: str
    answers: frozenset[str] = frozenset()
    reasonings: frozenset[str] = frozenset()
    cycles: set[str] = field(default_factory=set)
    _known: dict[Path, frozenset[Kind]] = field(default_factory=dict)
    _open: set[Path] = field(default_factory=set)

    def objects(self) -> tuple[SchemaObject, ...]:
        """Every object, each definition once, outer ones first. Raises FormatError for a $ref that leads nowhere or to itself."""
        seen: set[Path] = set()
        found: list[SchemaObject] = []
        waiting: list[tuple[Path, str]] = [((), "$")]
        while waiting:
            path, place = waiting.pop(0)
            path, node = self.resolved(path)
            if path in seen or not isinstance(node, dict):
                continue
            seen.add(path)
            fields = tuple(self._fields(path, node))
            if fields:
                properties = tuple(
                    Property(name, required, self._of_property(name, inner)) for name, inner, required in fields
                )
                found.append(SchemaObject(path, place, properties))
            waiting += [(inner, f"{place}.{name}") for name, inner, _ in fields]
            waiting += [(inner, f"{place}{suffix}") for inner, suffix in self._children(path, node)]
        return tuple(found)

    def resolved(self, path: Path) -> tuple[Path, Any]:
        """(where the schema at `path` stands once its $ref is followed, the schema). Raises FormatError."""
        node, passed = self._at(path), [path]
        while isinstance(node, dict) and isinstance(node.get("$ref"), str):
            ref = node["$ref"]
            try:
                path = steps_of(ref)
                node = self._at(path)
                path = self._real(path)
            except (ValueError, KeyError, IndexError, TypeError):
                why = (
                    "only references inside the document (#/…) are followed"
                    if not ref.startswith("#")
                    else "there is nothing there"
                )
                raise FormatError(
                    f"{self.where}: the $ref {ref[:100]!r} at {pointer(passed[-1])} leads nowhere: {why}."
                ) from None
            if path in passed:
                raise FormatError(f"{self.where}: the $ref {ref[:100]!r} at {pointer(passed[-1])} refers to itself.")
            passed.append(path)
        return path, node

    def _at(self, path: Path) -> Any:
        node = self.schema
        for step in path:
            node = node[int(step)] if isinstance(node, list) else node[step]
        return node

    def _real(self, path: Path) -> Path:
        """The path with a whole number for each place in a list."""
        node, real = self.schema, []
        for step in path:
            real.append(int(step) if isinstance(node, list) else step)
            node = node[real[-1]]
        return tuple(real)

    def _fields(
        self, path: Path, node: dict[str, Any], merged: frozenset[Path] = frozenset()
    ) -> Iterator[tuple[str, Path, bool]]:
        """(name, path of its schema, required) of each field, those of allOf behind the object's own."""
        required = {name for name in as_list(node.get("required")) if isinstance(name, str)}
        names = set()
        for name in as_dict(node.get("properties")):
            names.add(name)
            yield name, (*path, "properties", name), name in required
        for at in range(len(as_list(node.get("allOf")))):
            inner_path, inner = self.resolved((*path, "allOf", at))
            if isinstance(inner, dict) and inner_path not in merged | {path}:
                for name, at_path, needed in self._fields(inner_path, inner, merged | {path}):
                    if name not in names:
                        names.add(name)
                        yield name, at_path, needed or name in required

    def _children(
        self, path: Path, node: dict[str, Any], merged: frozenset[Path] = frozenset()
    ) -> Iterator[tuple[Path, str]]:
        """(path, how the output leads there) of each schema in this one that is not a field."""
        items = node.get("items")
        if isinstance(items, dict):
            yield (*path, "items"), "[]"
        for key in ("prefixItems", "items"):
            for at in range(len(as_list(node.get(key)))):
                yield (*path, key, at), f"[{at}]"
        for key in _BRANCHES:
            for at in range(len(as_list(node.get(key)))):
                yield (*path, key, at), ""
        if isinstance(node.get("additionalProperties"), dict):
            yield (*path, "additionalProperties"), ".*"
        for at in range(
            len(as_list(node.get("allOf")))
        ):  # their fields are this object's; what else is in them is walked
            inner_path, inner = self.resolved((*path, "allOf", at))
            if isinstance(inner, dict) and inner_path not in merged | {path}:
                yield from self._children(inner_path, inner, merged | {path})

    def _of_property(self, name: str, path: Path) -> frozenset[Kind]:
        """What a field holds: its own kind by its name, else what is in it."""
        own = kind_of(name, self.answers, self.reasonings)
        _, node = self.resolved(path)
        inner = self._kinds(path)
        if own == "answer" and self._mentions_reasoning(path):
            return _NOTHING  # it reasons inside before it answers, or is reported itself
        if own == "reasoning" and not _may_be_text(node):
            return inner
        return frozenset({own}) if own is not None else inner

    def _mentions_reasoning(self, path: Path) -> bool:
        path, node = self.resolved(path)
        fields = list(self._fields(path, node)) if isinstance(node, dict) else []
        return any(kind_of(name, self.answers, self.reasonings) == "reasoning" for name, _, _ in fields)

    def _kinds(self, path: Path) -> frozenset[Kind]:
        """What is in a schema without its counterpart: an object that has both stands for itself."""
        path, node = self.resolved(path)
        if path in self._open:
            self.cycles.add(pointer(path))
            return _NOTHING
        if path not in self._known and isinstance(node, dict):
            self._open.add(path)
            of_fields = [self._of_property(name, inner) for name, inner, _ in self._fields(path, node)]
            inside = frozenset[Kind]().union(*of_fields)
            of_children = (self._kinds(inner) for inner, _ in self._children(path, node))
            self._known[path] = (_NOTHING if len(inside) == 2 else inside).union(*of_children)
            self._open.discard(path)
        return self._known.get(path, _NOTHING)


def _may_be_text(node: Any) -> bool:
    """Whether a value may hold words: text, or a list or an object of something."""
    if not isinstance(node, dict):
        return True
    kinds = node.get("type")
    named = {one for one in [kinds, *as_list(kinds)] if isinstance(one, str)}
    return not named or not named <= TEXTLESS
