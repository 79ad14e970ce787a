"""Two vocabularies beside each other: ids that are other tokens, added and special tokens, and rows of the output."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from ropescope.errors import RopescopeError
from ropescope.models.model import Model
from ropescope.models.token_table import TokenTable, token_table

SPECIAL: Final = ("bos", "eos", "pad", "unk")


@dataclass(frozen=True, slots=True)
class Words:
    """What the files of one model say of its tokens. `rows` are those of its output, padding included; `table` is None where
    its files name no tokens, `why` then says so."""

    name: str
    rows: int | None
    table: TokenTable | None
    special: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    why: str = ""


def words_of(model: Model) -> Words:
    """The words of a model; what cannot be read is a reason, not an error, for engines may ask for no more than the rows."""
    special = {} if model.tokenizer is None else model.tokenizer.special_ids
    try:
        table = token_table(model.source)
        why = "" if table is not None else f"{model.name} has no tokenizer.json"
    except RopescopeError as error:
        table, why = None, str(error)
    return Words(model.name, model.vocab_size, table, special, why)


@dataclass(frozen=True, slots=True)
class Difference:
    """How the vocabularies of a target and a draft differ. `conflicts` are ids that are other tokens, `target_only` and
    `draft_only` ids that one alone has, `added` tokens that are added in one alone, `special` names whose ids differ.

    All but `rows` are None where a table is not known.
    """

    rows: tuple[int | None, int | None]
    shared: int | None = None
    conflicts: tuple[int, ...] | None = None
    target_only: int | None = None
    draft_only: int | None = None
    added: int | None = None
    special: tuple[str, ...] | None = None
    kinds: tuple[str, str] | None = None
    example: str = ""

    @property
    def same_tokens(self) -> bool | None:
        """Whether each id is the same token in both."""
        return None if self.conflicts is None else not (self.conflicts or self.target_only or self.draft_only)

    @property
    def same_rows(self) -> bool | None:
        """Whether both outputs have so many rows."""
        return None if None in self.rows else self.rows[0] == self.rows[1]


def difference(target: Words, draft: Words) -> Difference:
    """Where the vocabularies of `target` and `draft` differ."""
    rows = (target.rows, draft.rows)
    if target.table is None or draft.table is None:
        return Difference(rows)
    ours, theirs = target.table.tokens, draft.table.tokens
    both = ours.keys() & theirs.keys()
    conflicts = tuple(sorted(index for index in both if ours[index] != theirs[index]))
    first = conflicts[0] if conflicts else None
    added = {ours[i] for i in target.table.added if i in ours} ^ {theirs[i] for i in draft.table.added if i in theirs}
    return Difference(
        rows,
        shared=len(both) - len(conflicts),
        conflicts=conflicts,
        target_only=len(ours.keys() - both),
        draft_only=len(theirs.keys() - both),
        added=len(added),
        special=tuple(
            name for name in SPECIAL if set(target.special.get(name, ())) != set(draft.special.get(name, ()))
        ),
        kinds=(target.table.kind, draft.table.kind),
        example="" if first is None else f"id {first:,} is {_shown(ours[first])} and {_shown(theirs[first])}",
    )


def _shown(token: str) -> str:
    return repr(token if len(token) <= 24 else f"{token[:20]}…")
