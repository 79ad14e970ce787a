"""Question: a name, what it takes, and the function that answers it; both are looked up only when they are needed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib import import_module
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from ropescope.errors import MissingExtraError, PluginError, RopescopeError

if TYPE_CHECKING:
    from pathlib import Path

    from ropescope.report.report import Report

Needs = Literal["files", "data", "weights"]
"""What an answer reads: files alone (and so runs anywhere), measured data with their statistics, or weights."""

Answer = Callable[[Any, "Run"], "Report"]


class Run:
    """What an answer may use while it works. This one is silent and keeps nothing; each face has its own.

    out: where the user wants the result kept, if anywhere.
    """

    out: Path | None = None

    def say(self, line: str) -> None:
        """Begin a stretch of work and say what it is."""

    def progress(self, done: int, planned: int, what: str) -> None:
        """How far the stretch is: `done` of `planned`, the last of them being `what`."""

    @contextmanager
    def working(self) -> Iterator[None]:
        """A stretch of long work, which may be interrupted: what is finished by then is answered with."""
        yield

    def keep(self, what: str, save: Callable[[Path], Sequence[Path]], again: str = "") -> str | None:
        """Keep the result (`what`) with `save`, which writes it and returns its files, where the user wants it kept.

        Returns the name of the file, None if none was asked for or it could not be written; then the face shows the report
        all the same, and says that nothing is lost, `again` being what a resumed run will not do again.
        """
        return None

    def when_shown(self, act: Callable[[], None]) -> None:
        """Do `act` once the answer was shown and kept: what would be needed to resume may go then."""


class Question(NamedTuple):
    """One question. A tuple: a dataclass would cost `ropescope --help` half its time.

        name: one word or two, as "fit" or "compress plan". asks: one line that tells what is answered. inputs and answer: a
        dataclass and a function `answer(inputs, run) -> Report`, each as "package.module:name". extra: the extra to install.
        example: inputs as text, for help and reference. instead: flags of a command line that ask another question. keeps: what
        a kept result is. decides: whether the answer is yes or no (`Report.holds`). copied: what the answer has to copy
        (`Report.lead`), if anything. placed: the inputs that are given by their place, so that a command is spelled without them
    all being imported. words: other words in which users ask it. weights_with: inputs with which it reads weights, where it
    needs less without them. changes: whether it changes what is kept on this machine, besides files that it is asked to write.
    lists: whether it lists all that there is where nothing is given. kept_as: the name that a kept result gets in a folder, where
    one may be named for it; inputs may have a `kept_as` of their own. plugin: the package that adds it, which is set when it is
    found; its targets are then "package.module:name", and those of ropescope's own are without "ropescope.".
    """

    name: str
    asks: str
    inputs: str
    answer: str
    example: Mapping[str, Any]
    needs: Needs = "files"
    extra: str = "measure"
    instead: Mapping[str, str] = MappingProxyType({})
    keeps: str = "the report (JSON)"
    decides: bool = False
    copied: str = ""
    placed: tuple[str, ...] = ("source",)
    words: str = ""
    weights_with: tuple[str, ...] = ()
    changes: bool = False
    lists: bool = False
    kept_as: str = ""
    plugin: str = ""

    @property
    def inputs_type(self) -> type:
        """The dataclass of its inputs. Raises MissingExtraError, and PluginError if a plugin's is not a dataclass."""
        with self.needs_extra():
            found: type = self._target(self.inputs)
        return found

    @property
    def function(self) -> Answer:
        """The function that answers it. Raises as `inputs_type`."""
        with self.needs_extra():
            found: Answer = self._target(self.answer)
        return found

    def ask(self, inputs: Any, run: Run | None = None) -> Report:
        """The answer. Raises MissingExtraError where a package is not installed, and what the answer raises, with its `field`."""
        from ropescope.questions.faults import told_of

        with self.needs_extra(), told_of(inputs):
            return self.function(inputs, run or Run())

    @contextmanager
    def needs_extra(self) -> Iterator[None]:
        """Turn a package that is missing, or that breaks off where it is imported, into a MissingExtraError that says so."""
        try:
            yield
        except ModuleNotFoundError as error:
            package = (error.name or "a package").partition(".")[0]
            if self.plugin:
                raise MissingExtraError(
                    f"{self.name} of the plugin {self.plugin} needs {error.name or package}, which is not installed: install "
                    f"{package}."
                ) from error
            raise MissingExtraError(
                f"{self.name} needs {package}, which is not installed: pip install 'ropescope[{self.extra}]'."
            ) from error
        except Exception as error:
            broken = None if isinstance(error, RopescopeError) else _imported(error)
            if broken is None:
                raise
            why = " ".join(f"{type(error).__name__}: {error}".split())[:200]
            raise MissingExtraError(
                f"{self.name} needs {broken}, which cannot be imported ({why}): install it again; `doctor` tells more."
            ) from error

    def _target(self, spelled: str) -> Any:
        module, _, name = spelled.partition(":")
        if not self.plugin:
            return getattr(import_module(f"ropescope.{module}"), name)
        try:
            found = getattr(import_module(module), name)
            if spelled == self.inputs:
                from ropescope.questions.inputs import fields_of

                fields_of(found)
            elif not callable(found):
                raise TypeError(f"{name} is no function")
        except Exception as error:  # a plugin may do anything when it is imported
            own = module.partition(".")[0]
            if isinstance(error, ModuleNotFoundError) and (error.name or "").partition(".")[0] != own:
                raise
            raise PluginError(
                f"{self.name} cannot be asked: {spelled} of the plugin {self.plugin} is at fault ({type(error).__name__}: {error})."
            ) from error
        return found


def _imported(error: BaseException) -> str | None:
    """The package of others during whose import an error was raised, if it was."""
    trace = error.__traceback__
    while trace is not None:
        package = str(trace.tb_frame.f_globals.get("__name__", "")).partition(".")[0]
        if trace.tb_frame.f_code.co_name == "<module>" and package not in ("ropescope", "__main__"):
            return package
        trace = trace.tb_next
    return None
