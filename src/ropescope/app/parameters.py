"""Arguments and options of the command line, from the fields of a question's inputs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click
from click.shell_completion import CompletionItem

from ropescope.app.words import option, spelled
from ropescope.questions.domains import Flag
from ropescope.questions.inputs import Asked
from ropescope.questions.kind import Kind
from ropescope.questions.kinds import File, ListOf, Source


class KindType(click.ParamType[str]):
    """Text that a kind will read later, so that it can name the field; completed from the words or files it may be."""

    def __init__(self, kind: Kind) -> None:
        self.kind = kind
        self.name = kind.metavar

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str:
        """What stands for a value in help."""
        return self.kind.metavar

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """The words that begin so, or files."""
        member = self.kind.of if isinstance(self.kind, ListOf) else self.kind
        if isinstance(member, File | Source):
            return [CompletionItem(incomplete, type="file")]
        return [CompletionItem(word) for word in self.kind.options if word.startswith(incomplete)]


def parameter_of(one: Asked, fields: Sequence[Asked]) -> click.Parameter:
    """The argument or option for a field, one of `fields`. What is not given does not reach the question, which has the default."""
    said = spelled(one.help, fields)
    many = isinstance(one.kind, ListOf) and (one.placed or one.kind.repeats)
    if one.placed:
        least = one.kind.least if isinstance(one.kind, ListOf) else 0
        return Placed(
            [one.name],
            required=one.required or least > 0,
            nargs=-1 if many else 1,
            type=KindType(one.kind),
            metavar=one.name.upper() + ("…" if many else ""),
            told=said,
        )
    names = [*dict.fromkeys([option(one.name), *(option(name) for name in one.also)])]
    if isinstance(one.kind, Flag):
        return click.Option([*names, one.name], is_flag=True, default=None, help=said)
    told = said if one.default in (None, ()) or one.required else f"{said} [default: {one.kind.write(one.default)}]"
    return click.Option([*names, one.name], required=one.required, multiple=many, type=KindType(one.kind), help=told)


class Placed(click.Argument):
    """An argument that help explains."""

    def __init__(self, *arguments: Any, told: str, **more: Any) -> None:
        super().__init__(*arguments, **more)
        self.told = told

    def get_help_record(self, ctx: click.Context) -> tuple[str, str]:
        """Its name and what it means."""
        return self.make_metavar(ctx), self.told
