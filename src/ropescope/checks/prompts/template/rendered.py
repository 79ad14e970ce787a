"""What a template makes of its prompts: rendered once, as transformers and as llama.cpp do."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from ropescope.checks.prompts.template.isolated import outcomes
from ropescope.checks.prompts.template.messages import Given
from ropescope.checks.prompts.template.prompts import PROMPTS, QUESTION, Prompt, in_parts
from ropescope.checks.prompts.template.rendering import SECONDS
from ropescope.errors import FormatError, SourceError
from ropescope.models.chat_templates import SPECIAL_TOKENS, ChatTemplate, ChatTemplates
from ropescope.report.text import plain

YOURS: Final = "your messages"
LLAMA_CPP_SECONDS: Final = 20.0
"""Of processor time, for llama.cpp to start and for each prompt: it has no bound of its own."""

NOT_OF_LLAMA_CPP: Final = ("tomorrow", "tool call, text arguments")
"""Prompts that are not compared: its clock cannot be set, and it always parses arguments that are text."""


@dataclass(frozen=True, slots=True)
class Rendering:
    """The text of a prompt, with the marked parts of it; or why there is none."""

    text: str | None
    why: str = ""
    marks: tuple[tuple[int, int], ...] = ()

    @classmethod
    def of(cls, outcome: Mapping[str, Any]) -> Rendering:
        """From an outcome of `render_each`."""
        if "text" in outcome:
            return cls(outcome["text"], marks=tuple((start, end) for start, end in outcome.get("marks", ())))
        return cls(None, plain(str(outcome.get("refused", outcome.get("failed", "")))) or "without a reason")


def render(
    found: ChatTemplates,
    template: ChatTemplate,
    prompts: Iterable[Prompt],
    now: datetime,
    stands_in: Mapping[str, str] | None = None,
) -> tuple[Rendering, ...]:
    """`template` with each of `prompts`; `stands_in` are special tokens that the source does not name.

    Raises FormatError for a template that cannot be read, or that breaks a bound, and SourceError where a machine is too busy.
    """
    job = {
        "template": template.text,
        "tokens": {**(stands_in or {}), **found.tokens},
        "now": now.isoformat(),
        "requests": [prompt.request(now) for prompt in prompts],
        "seconds": SECONDS,
    }
    made = outcomes("rendering:render_each", job, seconds=SECONDS + 1)
    if made and "fatal" in made[-1]:
        kind = made[-1]["fatal"]
        error = SourceError if kind == "waits" else FormatError  # a busy machine tells nothing of a template
        raise error(f"{_called_in_errors(found, template)} {_FATAL[kind]}{_because(made[-1])}.")
    return tuple(map(Rendering.of, made))


def _called_in_errors(found: ChatTemplates, template: ChatTemplate) -> str:
    """How an error calls a template: by its source, and by where it lies in that."""
    return found.spelled if template.where == found.spelled else f"{found.spelled}: {template.where}"


_FATAL: Final[Mapping[str, str]] = {
    "time": "works for more than 30 seconds on one prompt: it may loop without an end, or need fewer messages",
    "waits": "was not rendered within 15 minutes, since the machine is busy: close other programs and ask again",
    "text": "writes more than 4 MiB for one prompt, as no chat template does",
    "memory": "asks for more than 1 GiB of memory, as no chat template does",
    "crash": "ends the process that renders it, as no chat template does",
    "recursion": "calls itself without an end, or is nested too deeply",
    "unsafe": "reaches for what the sandbox forbids",
    "syntax": "is no valid Jinja",
}


def _because(outcome: Mapping[str, Any]) -> str:
    why = plain(str(outcome.get("why", ""))).rstrip(".")
    return f" ({why})" if why and outcome["fatal"] in ("unsafe", "syntax") else ""


class Work:
    """One template with all its prompts: rendered once, in the form of content that it reads."""

    def __init__(
        self,
        found: ChatTemplates,
        template: ChatTemplate,
        given: Given | None,
        other: ChatTemplates | None,
        now: datetime,
    ) -> None:
        self.found, self.template, self.now, self.given = found, template, now, given
        self.prompts: dict[str, Prompt] = dict(PROMPTS)
        if given is not None:  # what is set for one's own messages holds for all
            self.prompts = {name: replace(one, more=given.prompt.more) for name, one in PROMPTS.items()}
            self.prompts[YOURS] = given.prompt
        self.notes: list[str] = []
        missing = [f"{name}_token" for name in SPECIAL_TOKENS if f"{name}_token" in template.text]
        missing = [name for name in missing if name not in found.tokens] if found.kind == "text" else []
        known = {} if other is None else other.tokens
        self.stands_in = {name: known.get(name, f"<{name}>") for name in missing}
        if missing:
            shown = ", ".join(f"{name} as {text}" for name, text in self.stands_in.items())
            self.notes.append(f"A template alone names no tokens. They are written so: {shown}.")
        if given is not None and given.unread:
            self.notes.append(f"Not read of the messages' file: {', '.join(given.unread[:12])}.")
        self.parts = False
        self.seen = self.rendered(found, template)

    def rendered(self, found: ChatTemplates, template: ChatTemplate) -> dict[str, Rendering]:
        """Every prompt by name. Own messages stay as they were given; the others are in parts where only that is read."""
        own = template is self.template
        stands_in = self.stands_in if own or found.kind != "text" else {**self.stands_in, **self.found.tokens}
        probes = [prompt for name, prompt in self.prompts.items() if name != YOURS]
        earlier = [] if self.given is None or not own else list(self.given.earlier)
        every = [*self.prompts.values(), *map(in_parts, probes), *earlier]
        made = render(found, template, every, self.now, stands_in)
        texts = dict(zip(self.prompts, made, strict=False))
        parts = dict(zip(PROMPTS, made[len(self.prompts) :], strict=False))
        if own:
            self.earlier = made[len(self.prompts) + len(PROMPTS) :]
            self.parts = _reads(parts) and not _reads(texts)
            if self.parts:
                self.notes.append(
                    "The template reads content as a list of parts, not as text: give [{type: text, text: …}]."
                )
        return texts | (parts if self.parts else {})

    def prompt(self, name: str) -> Prompt:
        """The prompt of that name, in the form of content that is read."""
        return in_parts(self.prompts[name]) if self.parts and name != YOURS else self.prompts[name]

    def thinking(self, names: Sequence[str]) -> dict[str, Rendering]:
        """The prompts by name with enable_thinking true, where they do not say otherwise."""
        asked = [replace(one, more={"enable_thinking": True, **one.more}) for one in map(self.prompt, names)]
        return dict(zip(names, render(self.found, self.template, asked, self.now, self.stands_in), strict=True))

    def by_llama_cpp(self, names: Sequence[str]) -> tuple[dict[str, Rendering] | None, str]:
        """(the prompts by name as llama.cpp renders them, ""), or (None, why it does not)."""
        job = {
            "template": self.template.text,
            "tokens": {**self.stands_in, **self.found.tokens},
            "requests": [self.prompt(name).request(self.now) for name in names],
        }
        made = outcomes("llama_cpp:apply_each", job, seconds=LLAMA_CPP_SECONDS, memory=False)
        if made and "fatal" in made[-1]:
            kinds = {"time": f"it takes more than {LLAMA_CPP_SECONDS:g} s", "crash": "its process ends"}
            kinds["waits"] = "it gives no answer within 15 minutes"
            return None, f" ({plain(str(made[-1]['why'])) or kinds[made[-1]['fatal']]})"
        return dict(zip(names, map(Rendering.of, made), strict=True)), ""


def _reads(seen: Mapping[str, Rendering]) -> bool:
    return QUESTION in (seen["question"].text or "")
