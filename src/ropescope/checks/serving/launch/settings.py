"""Settings and the command they make: each flag is one that the engine's version takes, quoted for a shell."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, field

from ropescope.checks.serving.engines.engine import Engine
from ropescope.checks.serving.weights.files import printable


@dataclass(frozen=True, slots=True)
class Setting:
    """One flag (for Ollama a variable or parameter; for transformers a keyword) with its value and its reason."""

    flag: str
    value: str
    why: str


@dataclass(slots=True)
class Settings:
    """Settings as they are gathered for one engine."""

    engine: Engine
    rows: list[Setting] = field(default_factory=list)

    def add(self, flag: str, value: object, why: str) -> None:
        """One more. Raises LookupError for a flag that the engine's version does not take: a fault of this program."""
        if flag not in self.engine.flags:
            raise LookupError(f"{self.engine.name} {self.engine.version} has no {flag}.")
        self.rows.append(Setting(flag, printable(str(value)), why))

    def shell(self, *head: str) -> str:
        """The command line: `head`, then flag and value, one a line, all quoted."""
        first = " ".join(shlex.quote(printable(word)) for word in head)
        rest = (f"{row.flag} {shlex.quote(row.value)}" if row.value else row.flag for row in self.rows)
        return " \\\n  ".join((first, *rest))


@dataclass(frozen=True, slots=True)
class Command:
    """What to run (`text`, for a shell, or Python for transformers), why it is so, and what has to be done before."""

    text: str
    language: str
    settings: tuple[Setting, ...]
    before: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()

    @property
    def script(self) -> str:
        """The text, after the steps that a shell must run first; Python stands alone."""
        return "\n".join((*self.before, self.text)) if self.language == "shell" else self.text
