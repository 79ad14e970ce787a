"""The command line, made from the registry: one command for each question, all with the same ways to show an answer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Any

import click

from ropescope import __version__
from ropescope.app.asking import ask
from ropescope.app.face import face
from ropescope.app.overview import HELP, overview
from ropescope.app.parameters import parameter_of
from ropescope.app.streams import fail
from ropescope.app.words import command_line
from ropescope.questions.inputs import fields_of
from ropescope.questions.question import Question
from ropescope.questions.registry import FACES, GROUPS, built_in, find, known, near, questions

_SETTINGS = {"help_option_names": ["-h", "--help"]}


class Group(click.Group):
    """Commands that are looked up in the registry when they are asked for. `path` is the word they share, "" for all.

    A group whose name is a question of its own, as `atlas`, answers it where no further word is given.
    """

    def __init__(self, path: str, **more: Any) -> None:
        self.path = path
        self._own = _below(path, built_in().values())
        own = built_in().get(path) or (None if self._own else known().get(path))
        super().__init__(
            path or "ropescope",
            help=GROUPS.get(path) or (f"Questions of a plugin that begin with {path}." if path else HELP),
            params=[] if own is None else _parameters(own),
            callback=None if own is None else click.pass_context(_answer_alone(own)),
            invoke_without_command=own is not None,
            no_args_is_help=own is None,
            context_settings=_SETTINGS,
            **more,
        )

    @cached_property
    def under(self) -> Mapping[str, Question]:
        """The questions whose names begin so, by what follows. No plugin adds to a group of ropescope's own."""
        return self._own if self.path and self._own else _below(self.path, questions())

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The next words, in the registry's order; at the top, other faces after them."""
        words = list(dict.fromkeys(name.partition(" ")[0] for name in self.under))
        return words if self.path else [*words, *FACES]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name; None where there is none. Plugins are looked for where ropescope has none itself."""
        if not self.path and cmd_name == "web":
            from ropescope.app.web.command import command

            return command
        if not self.path and cmd_name == "mcp":
            from ropescope.app.mcp.command import command

            return command
        return self._among(self._own, cmd_name) or self._among(self.under, cmd_name)

    def _among(self, under: Mapping[str, Question], cmd_name: str) -> click.Command | None:
        if any(name.startswith(f"{cmd_name} ") for name in under):
            return Group(f"{self.path} {cmd_name}".strip())
        question = under.get(cmd_name)
        return None if question is None else command_of(question)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; an interruption that leaves nothing to answer with ends with status 130."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:  # click would end with status 1
            fail("Interrupted before anything was finished.", 130)

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        """The command that the arguments name; an unknown name is told with the nearest one."""
        if args and self.get_command(ctx, args[0]) is None and not args[0].startswith("-"):
            ctx.fail(f"There is no command {args[0]!r}.{near(args[0], self.list_commands(ctx))}")
        return super().resolve_command(ctx, args)

    def get_help(self, ctx: click.Context) -> str:
        """The overview; of a group, click's help with its commands."""
        return super().get_help(ctx) if self.path else overview(ctx.command_path)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The commands of a group."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, question.asks) for name, question in self.under.items()])


class Command(click.Command):
    """A command whose help explains its arguments, too, and whose flags in `question.instead` ask another question."""

    def __init__(self, question: Question, **more: Any) -> None:
        super().__init__(question.name.rpartition(" ")[2], **more)
        self.shown = face(question)
        self.instead = {f"--{flag}": find(other) for flag, other in question.instead.items()}

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """The arguments; where one asks another question, that is answered at once."""
        for flag in (word for word in args if word in self.instead):
            given = {word.partition("=")[0] for word in args}
            for unread in (part.opts[0] for part in self.shown if part.name != "as_json" and part.opts[0] in given):
                ctx.fail(
                    f"{flag} goes with --json alone, not with {unread}: see {command_line(self.instead[flag].name, {})} -h."
                )
            ask(self.instead[flag], {"as_json": "--json" in args})
            ctx.exit()
        return super().parse_args(ctx, args)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Arguments first, then options."""
        records = [part.get_help_record(ctx) for part in self.params if isinstance(part, click.Argument)]
        told = [record for record in records if record is not None]
        if told:
            with formatter.section("Arguments"):
                formatter.write_dl(told)
        super().format_options(ctx, formatter)


def command_of(question: Question) -> click.Command:
    """The command that asks `question`."""

    @click.pass_context
    def answer(ctx: click.Context, /, **given: Any) -> None:
        ask(question, given | _before(ctx, given))

    return Command(
        question,
        params=_parameters(question),
        callback=answer,
        help=question.asks,
        epilog=f"Example: {command_line(question.name, question.example)}",
        context_settings=_SETTINGS,
    )


def _below(path: str, among: Iterable[Question]) -> dict[str, Question]:
    """The questions whose names begin with `path`, by what follows it."""
    return {
        question.name.removeprefix(path).strip(): question
        for question in among
        if question.name.startswith(f"{path} " if path else "")
    }


def _before(ctx: click.Context, given: Mapping[str, Any]) -> dict[str, Any]:
    """What stood before the last word of the command: the command has to take it, and only once."""
    parent = ctx.parent
    before = {name: value for name, value in ((parent and parent.obj) or {}).items() if value not in (None, (), False)}
    if parent is not None and before:
        spelled = {part.name: part.opts[0] for part in parent.command.params}
        for name in before:
            if name not in given:
                ctx.fail(f"{spelled[name]} stands before {ctx.info_name}, which does not take it: leave it out.")
            if given[name] not in (None, (), False):
                ctx.fail(f"{spelled[name]} is given before {ctx.info_name} and after it: give it once.")
    return before


def _parameters(question: Question) -> list[click.Parameter]:
    fields = fields_of(question.inputs_type)
    made = [parameter_of(one, fields) for one in fields]
    return [*made, *face(question)]


def _answer_alone(question: Question) -> Any:
    def answer(ctx: click.Context, **given: Any) -> None:
        if ctx.invoked_subcommand is None:
            ask(question, given)
        else:  # what was given before the further word goes to its command
            ctx.obj = given

    return answer


def _version(ctx: click.Context, parameter: click.Parameter, asked: bool) -> None:
    if asked:
        print(f"ropescope {__version__}")
        ctx.exit()


app = Group("")
app.params.append(
    click.Option(
        ["--version"], is_flag=True, is_eager=True, expose_value=False, callback=_version, help="Show the version."
    )
)
