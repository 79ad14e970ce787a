"""Which modules an adapter's config names: the rules by which peft matches names, restated. Nothing is imported or built.

Tested to match the same modules as peft's own code (tests/checks/finetuning/test_matching.py).
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from ropescope.checks.finetuning.modules import Modules
from ropescope.errors import FormatError

ALL_LINEAR: Final = "all-linear"

_QV: Final = ("q_proj", "v_proj")
DEFAULTS: Final[Mapping[str, tuple[str, ...]]] = {
    **dict.fromkeys(("llama", "llama4", "mistral", "mixtral", "stablelm", "gemma", "gemma2", "gemma3_text", "qwen2"), _QV),
    **dict.fromkeys(("qwen3", "opt", "gptj", "gpt_neo"), _QV),
    **dict.fromkeys(("bloom", "gpt_neox", "falcon", "chatglm"), ("query_key_value",)),
    **dict.fromkeys(("gpt2", "gpt_bigcode"), ("c_attn",)),
    **dict.fromkeys(("bert", "roberta", "xlm-roberta", "electra"), ("query", "value")),
    "mpt": ("Wqkv",),
    "codegen": ("qkv_proj",),
    "phi": ("q_proj", "v_proj", "fc1", "fc2"),
    "nemotron_h": ("q_proj", "k_proj", "v_proj", "o_proj"),
    "deberta-v2": ("query_proj", "value_proj"),
}  # fmt: skip
"""Model type → what peft 0.21 puts LoRA on where `target_modules` is not stated."""

_MOST_UNBOUNDED: Final = 5
_LONGEST_NAME: Final = 100
_LONGEST_PATTERN: Final = 4096
_PATIENCE_S: Final = 5.0
"""Of the thread's processor time: a busy machine makes no pattern slow."""
_clock: Final = getattr(time, "thread_time", time.process_time)  # a browser has no clock of a thread
_UNBOUNDED: Final = re.compile(r"[*+]|\{\d*,\}")


@dataclass(frozen=True, slots=True)
class Targets:
    """What a LoRA config says of the modules it is put on. A `modules` that is text is a pattern over whole names, or
    "all-linear"; names in a tuple match at the end of a module's name, after a dot."""

    modules: str | tuple[str, ...]
    exclude: str | tuple[str, ...] = ()
    modules_to_save: tuple[str, ...] = ()
    layers: tuple[int, ...] = ()
    layers_pattern: tuple[str, ...] = ()


def targeted(targets: Targets, modules: Modules) -> tuple[str, ...]:
    """The names of the modules that peft puts LoRA on, in order, those it would refuse included (a whole `self_attn`).

    Raises FormatError for a pattern that is not a regular expression, or could take hours to match.
    """
    names = (*modules.linear, *modules.embedding, *modules.output, *sorted(modules.containers))
    left_out = _Matcher(targets.exclude)
    saved = [_pattern(rf"(^|.*\.){name}($|\..*)") for name in targets.modules_to_save]
    everything = isinstance(targets.modules, str) and targets.modules.lower() == ALL_LINEAR
    wanted = _Matcher(tuple(modules.linear) if everything else targets.modules)
    return tuple(
        name
        for name in names
        if not left_out.holds(name)
        and not any(pattern.match(name) for pattern in saved)
        and wanted.holds(name)
        and _in_layers(targets, name, plain=name in wanted.names)
    )


def key_of(patterns: Iterable[str], name: str) -> str | None:
    """The first of the patterns of a `rank_pattern` or `alpha_pattern` that a module's name ends with. Raises FormatError."""
    return next((key for key in patterns if _pattern(rf"(.*\.)?({key})$").match(name)), None)


class _Matcher:
    """Names, or a pattern over whole names; patience is for all of them together."""

    def __init__(self, wanted: str | Sequence[str]) -> None:
        self.pattern = _pattern(wanted) if isinstance(wanted, str) and wanted else None
        self.names = frozenset() if isinstance(wanted, str) else frozenset(wanted)
        self._endings = tuple(f".{name}" for name in self.names)
        self._until = _clock() + _PATIENCE_S

    def holds(self, name: str) -> bool:
        if self.pattern is None:
            return name in self.names or name.endswith(self._endings)
        if _clock() > self._until:
            raise FormatError(f"the pattern {self.pattern.pattern[:80]!r} takes too long to match: list names instead.")
        return len(name) <= _LONGEST_NAME and self.pattern.fullmatch(name) is not None


def _in_layers(targets: Targets, name: str, *, plain: bool) -> bool:
    if not targets.layers or plain or isinstance(targets.modules, str):
        return True
    patterns = [rf"(?:^|.*?\.){pattern}\.(?P<index>\d+)\." for pattern in targets.layers_pattern]
    for pattern in patterns or [r".*?\.[^.]*\.(?P<index>\d+)\."]:
        if (found := _pattern(pattern).match(name)) is not None:
            return int(found["index"]) in targets.layers
    return False


@lru_cache(maxsize=1024)
def _pattern(text: str) -> re.Pattern[str]:
    """`text` compiled. A file nobody vouches for may state one: what can take exponential time is refused."""
    if len(text) > _LONGEST_PATTERN or _is_slow(text):
        raise FormatError(
            f"the pattern {text[:80]!r} repeats what repeats: it is not matched here; list names instead."
        )
    try:
        return re.compile(text)
    except (re.error, RecursionError, OverflowError) as error:
        raise FormatError(f"the pattern {text[:80]!r} is no regular expression ({error}).") from error


def _is_slow(text: str) -> bool:
    """Whether an unbounded repetition stands on a group with a choice or a repetition in it, or many follow one another."""
    bare = re.sub(r"\\.", "x", text, flags=re.DOTALL)  # an escaped character stands for itself
    bare = re.sub(r"\[\^?\]?[^\]]*\]", "x", bare)  # a class is one character
    # For each open group: repetitions in a row of its longest branch and of this one, whether it has a choice.
    open_groups, closed = [[0, 0, 0]], [0, 0, 0]
    at = 0
    while at < len(bare):
        group, found = open_groups[-1], _UNBOUNDED.match(bare, at)
        if found is not None:
            if at and bare[at - 1] == ")" and (closed[0] or closed[2]):
                return True
            group[1] += 1
        elif bare[at] == "(":
            open_groups.append([0, 0, 0])
        elif bare[at] == "|":
            group[:] = [max(group[:2]), 0, 1]
        elif bare[at] == ")" and len(open_groups) > 1:
            best, last, choice = open_groups.pop()
            closed = [max(best, last), 0, choice]
            open_groups[-1][1] += closed[0]
            open_groups[-1][2] |= choice if len(open_groups) > 1 else 0
        at = at + 1 if found is None else found.end()
    return max(open_groups[0][:2]) > _MOST_UNBOUNDED
