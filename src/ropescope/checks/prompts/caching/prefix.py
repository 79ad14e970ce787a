"""Which part of a prompt a cache holds: where entries end, where two prompts part, and how much of the first the second reads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from ropescope.checks.prompts.caching.blocks import Block, Prompt
from ropescope.checks.prompts.caching.rules import TOKEN_STEP, Lifetime, Rule
from ropescope.checks.prompts.caching.tokens import Counter
from ropescope.errors import FormatError

MOST_MARKERS: Final = 4
LOOKBACK: Final = 20
"""Positions that Anthropic checks back from a marker, itself included; runs of tool calls, or of their results, are one."""
EARLIER_ENDS: Final = 20
AHEAD: Final = 12
FIRST_MARKERS, LAST_MARKERS = 2, 50
"""What OpenAI looks up: message endings, and markers from both ends."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A cached prefix: it ends with the block at index `end` (None: inside of one), after `tokens`."""

    end: int | None
    tokens: int
    lifetime: Lifetime


@dataclass(frozen=True, slots=True)
class Change:
    """Where an edit begins: block `index` of the edited prompt, `character` in it; `before` and `after` are the texts from there.

    kind: changed, added, removed; or setting, of a parameter that the prefix depends on. ahead: the text right before it.
    """

    index: int
    place: str
    character: int
    kind: str
    ahead: str
    before: str
    after: str


def entries(prompt: Prompt, rule: Rule, counter: Counter, lifetime: str | None = None) -> tuple[Entry, ...]:
    """The prefixes that a request writes, shortest first, those below the minimum left out. `lifetime` stands for that of each
    marker. Raises FormatError for markers that the API refuses."""
    ends = counter.ends(prompt)
    total = ends[-1] if ends else 0
    minimum = rule.minimum_tokens or 0
    if rule.matching == "tokens":
        asked = lifetime or str(prompt.options.get("prompt_cache_retention") or "")
        whole = total // TOKEN_STEP * TOKEN_STEP
        found = [Entry(None, whole, rule.lifetime(asked, "lifetime" if lifetime else "request"))]
    else:
        found = [
            Entry(at, ends[at], rule.lifetime(lifetime or asked, "lifetime" if lifetime else "request"))
            for at, asked in sorted(_writes(prompt, rule).items())
        ]
        _require_order(found)
    return tuple(entry for entry in found if entry.tokens and entry.tokens >= minimum)


def _writes(prompt: Prompt, rule: Rule) -> dict[int, str]:
    """The blocks at whose ends a request writes an entry, with the lifetime that each asks for."""
    marked = {at: block.marked for at, block in enumerate(prompt.blocks) if block.marked is not None}
    if rule.matching == "breakpoints":
        if len(marked) > MOST_MARKERS:
            raise FormatError(f"The request has {len(marked)} cache_control markers, and the API takes {MOST_MARKERS}.")
        return marked
    ttl, explicit = _cache_options(prompt)
    ends = [] if explicit else _message_ends(prompt)
    kept = sorted(marked)[-(MOST_MARKERS - (not explicit)) :]
    return dict.fromkeys([*kept, *ends[-1:]], ttl)


def _require_order(found: Sequence[Entry]) -> None:
    for first, second in pairwise(found):
        if second.lifetime.least_seconds > first.lifetime.least_seconds:
            raise FormatError(
                f"A marker of {second.lifetime.name} comes after one of {first.lifetime.name}: the API takes the longer one first."
            )


def _cache_options(prompt: Prompt) -> tuple[str, bool]:
    options = prompt.options.get("prompt_cache_options")
    options = options if isinstance(options, dict) else {}
    return str(options.get("ttl") or ""), options.get("mode") == "explicit"


def _message_ends(prompt: Prompt) -> list[int]:
    """The last blocks of the messages at which OpenAI ends an entry by itself: user messages, the last tool result of a run, and
    the last of the developer messages that begin the prompt."""
    found, leading = [], True
    blocks = prompt.blocks
    for at, block in enumerate(blocks):
        role = block.kind.partition(" ")[0]
        after = blocks[at + 1] if at + 1 < len(blocks) else None
        if block.setting or block.kind in ("tool", "schema"):
            continue
        ends_message = after is None or after.place.partition("].")[0] != block.place.partition("].")[0]
        next_role = "" if after is None else after.kind.partition(" ")[0]
        if role in ("system", "developer"):
            if leading and next_role not in ("system", "developer"):
                found.append(at)
        else:
            leading = False
            if ends_message and (role == "user" or (role in _RESULTS and next_role != role)):
                found.append(at)
    return found


_RESULTS: Final = ("tool", "function_call_output", "custom_tool_call_output")


def first_change(before: Prompt, after: Prompt) -> Change | None:
    """Where `after` first differs from `before`; None where the cache sees no difference."""
    for index, (old, new) in enumerate(zip(before.blocks, after.blocks, strict=False)):
        if (old.kind, old.text) != (new.kind, new.text):
            same = _common(old.text, new.text) if old.kind == new.kind else 0
            kind = "setting" if new.setting and old.place == new.place else "changed"
            return Change(
                index, new.place, same, kind, new.text[max(0, same - AHEAD) : same], old.text[same:], new.text[same:]
            )
    index = min(len(before.blocks), len(after.blocks))
    if len(after.blocks) > index:
        return Change(index, after.blocks[index].place, 0, "added", "", "", after.blocks[index].text)
    if len(before.blocks) > index:
        return Change(index, before.blocks[index].place, 0, "removed", "", before.blocks[index].text, "")
    return None


def _common(one: str, other: str) -> int:
    """How many characters two texts begin with in common."""
    return next((at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))


def still_read(
    written: Sequence[Entry], after: Prompt, change: Change | None, rule: Rule, counter: Counter
) -> Entry | None:
    """The longest of the entries `written` by an earlier request that `after` reads; None where it reads none."""
    if rule.matching == "tokens":
        return _common_tokens(written, after, change, rule, counter)
    intact = [entry for entry in written if entry.end is not None and (change is None or entry.end < change.index)]
    if rule.matching == "breakpoints":
        marks = [at for at, block in enumerate(after.blocks) if block.marked is not None]
        place = _positions(after.blocks)
        found = [entry for entry in intact if any(_near(place, entry.end, mark) for mark in marks)]
    else:
        _, explicit = _cache_options(after)
        marked = [at for at, block in enumerate(after.blocks) if block.marked is not None]
        looked_up = {*marked[:FIRST_MARKERS], *marked[-LAST_MARKERS:]}
        looked_up |= set() if explicit else set(_message_ends(after)[-(EARLIER_ENDS + 1) :])
        found = [entry for entry in intact if entry.end in looked_up]
    return found[-1] if found else None


def _near(place: Sequence[int], end: int | None, mark: int) -> bool:
    return end is not None and 0 <= place[mark] - place[end] < LOOKBACK


def _positions(blocks: Sequence[Block]) -> list[int]:
    found, last, position = [], "", -1
    for block in blocks:
        kind = block.kind.rpartition(" ")[2]
        if not block.setting and not (kind in ("tool_use", "tool_result") and kind == last):
            position += 1
        last = kind
        found.append(max(position, 0))
    return found


def _common_tokens(
    written: Sequence[Entry], after: Prompt, change: Change | None, rule: Rule, counter: Counter
) -> Entry | None:
    if not written:
        return None
    if change is None:
        return written[-1]
    ends = counter.ends(after)
    same: float = ends[change.index - 1] if change.index else 0
    if change.kind == "changed" and after.blocks[change.index].counted:
        same += counter.count(after.blocks[change.index].text[: change.character])
    whole = min(int(same), written[-1].tokens) // TOKEN_STEP * TOKEN_STEP
    return Entry(None, whole, written[-1].lifetime) if whole and whole >= (rule.minimum_tokens or 0) else None
