"""One question about the prompt cache, worked out: two prompts, what each writes and reads, and the costs."""

from __future__ import annotations

from dataclasses import dataclass

from ropescope.checks.prompts.caching.blocks import Prompt
from ropescope.checks.prompts.caching.cost import Range, Request, changing_each_time
from ropescope.checks.prompts.caching.prefix import Change, Entry
from ropescope.checks.prompts.caching.rules import Rule
from ropescope.checks.prompts.caching.tokens import Counter


@dataclass(frozen=True, slots=True)
class Case:
    """The prompt before (and after) an edit, with what each costs; without an edit `sent_after` is `sent`.

    `change` is where the edit begins, `read` the longest entry of the first that the edited request still reads.
    """

    before: Prompt
    after: Prompt | None
    rule: Rule
    counter: Counter
    sent: Request
    sent_after: Request
    change: Change | None
    read: Entry | None
    requests: int
    gap_seconds: float

    @property
    def read_tokens(self) -> int:
        """Tokens of the earlier prompt's cache that the edited request reads."""
        return 0 if self.read is None else min(self.read.tokens, self.sent_after.cached_tokens)

    @property
    def written_again(self) -> int:
        """Tokens that the first edited request writes."""
        return self.sent_after.cached_tokens - self.read_tokens

    @property
    def run_before(self) -> Range:
        """All requests as they were."""
        return self.sent.run(self.requests, self.gap_seconds)

    @property
    def run_after(self) -> Range:
        """All requests as they are after the edit."""
        return self.sent_after.run(self.requests, self.gap_seconds)

    @property
    def run_changing(self) -> Range:
        """All requests, if each differs from the one before where the edit begins."""
        return changing_each_time(self.sent_after, self.requests, self.gap_seconds, self.read_tokens)

    @property
    def edit_once(self) -> Range:
        """What the first edited request costs more than those after it."""
        first = self.sent_after.cost(self.gap_seconds, self.read_tokens)
        later = self.sent_after.cost(self.gap_seconds, self.sent_after.cached_tokens)
        return Range(
            max(0.0, min(first.low - later.low, first.high - later.high)),
            max(first.low - later.low, first.high - later.high),
        )

    @property
    def hit(self) -> bool | None:
        """Whether a request finds the entries of the one before; None where the provider leaves it open."""
        found = {entry.lifetime.hit(self.gap_seconds) for entry in self.sent_after.entries}
        return found.pop() if len(found) == 1 else None

    @property
    def marked(self) -> bool:
        """Whether an entry could end anywhere in the prompt."""
        prompt = self.after or self.before
        if self.rule.matching != "breakpoints":
            options = prompt.options.get("prompt_cache_options")
            explicit = isinstance(options, dict) and options.get("mode") == "explicit"
            return not explicit or any(block.marked is not None for block in prompt.blocks)
        return any(block.marked is not None for block in prompt.blocks)

    @property
    def unsure(self) -> bool:
        """Whether the estimated tokens lie too near to the minimum to say whether anything is cached."""
        prompt = self.after or self.before
        ends = self.counter.ends(prompt)
        if self.rule.matching == "breakpoints":
            ends = tuple(end for end, block in zip(ends, prompt.blocks, strict=True) if block.marked is not None)
        return bool(ends) and self.marked and self.counter.unsure(ends[-1], self.rule.minimum_tokens or 0)
