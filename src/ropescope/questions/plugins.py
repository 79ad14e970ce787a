"""Plugins: what other packages add by their entry points, and why one of them is left out.

A package whose entry points name nothing of ropescope is never imported. `importlib.metadata` takes longer to import than
`ropescope --help` takes to run, so it is imported only where some package has such an entry point.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from typing import Any, Final, NamedTuple, get_args

from ropescope.questions.question import Needs, Question

QUESTIONS: Final = "ropescope.questions"
"""The group of entry points that are a Question or a tuple of them. One that is called as a situation is, as `serving`, puts them
there."""
METHODS: Final = "ropescope.compression_methods"
"""The group of entry points that are methods of `compress evaluate`, each called as users write it."""

_MARK: Final = b"[ropescope."
_NAME: Final = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*( [a-z][a-z0-9]*(-[a-z0-9]+)*)?")
_TARGET: Final = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*")
_MOST: Final = 200
_AS_FUNCTION: Final = str.maketrans(" -", "__")


class Entry(NamedTuple):
    """One entry point. package: the distribution that has it. load: imports what it names, and raises whatever that raises."""

    group: str
    package: str
    version: str
    name: str
    value: str
    load: Callable[[], Any]


class LeftOut(NamedTuple):
    """What a plugin adds and cannot be used. what: the entry point, or the question. why: one clause."""

    package: str
    what: str
    why: str

    @property
    def sentence(self) -> str:
        """It in one line."""
        return f"Left out: {self.what} of the plugin {self.package}, which {self.why}."


class Added(NamedTuple):
    """The questions of plugins, each with the name of its entry point, and what is left out."""

    questions: tuple[tuple[str, Question], ...]
    left_out: tuple[LeftOut, ...]


@cache
def entries(group: str) -> tuple[Entry, ...]:
    """The entry points of `group`, by package and name."""
    if not any(_has_entries(folder) for folder in dict.fromkeys(sys.path)):
        return ()
    from importlib.metadata import entry_points

    found = []
    for one in entry_points(group=group):
        package, version = (one.dist.name, one.dist.version) if one.dist is not None else ("an unknown package", "")
        found.append(Entry(group, package, version, one.name, one.value, one.load))
    return tuple(sorted(found, key=lambda entry: (entry.package.lower(), entry.name)))


def _has_entries(folder: str) -> bool:
    """Whether a distribution in this folder has an entry point of ropescope."""
    try:
        with os.scandir(folder or os.curdir) as listed:
            infos = [one.path for one in listed if one.name.endswith((".dist-info", ".egg-info"))]
    except OSError:  # a zip file, or a folder that is not there
        return False
    for info in infos:
        try:
            with open(os.path.join(info, "entry_points.txt"), "rb") as file:
                if _MARK in file.read():
                    return True
        except OSError:
            continue
    return False


def loaded(entry: Entry) -> tuple[Any, str]:
    """(what an entry point names, why it cannot be loaded, if it cannot)."""
    try:
        return entry.load(), ""
    except (Exception, SystemExit) as error:  # a plugin may do anything when it is imported
        return None, f"cannot be imported ({told(error)})"


def origin(made: Any) -> str:
    """The package and version that a method of a plugin is from; "" for ropescope's own."""
    top = type(made).__module__.partition(".")[0]
    return next(
        (f"{one.package} {one.version}" for one in entries(METHODS) if re.split("[.:]", one.value)[0] == top),
        "",
    )


def told(error: BaseException) -> str:
    """An error of a plugin in one line."""
    return " ".join(f"{type(error).__name__}: {error}".split())[:_MOST]


def added(own: Mapping[str, Question], faces: Iterable[str]) -> Added:
    """The questions of plugins beside ropescope's `own`. faces: commands that ask no question.

    The first word of a question belongs to one package: ropescope's words stay its own, and then the package first in the
    alphabet has it. So no plugin changes what a command means.
    """
    questions: list[tuple[str, Question]] = []
    left_out: list[LeftOut] = []
    owner = {name.partition(" ")[0]: "" for name in (*own, *faces)}
    names: set[str] = set()
    for entry in entries(QUESTIONS):
        made, why = loaded(entry)
        if why:
            left_out.append(LeftOut(entry.package, f"the entry point {entry.name!r}", why))
            continue
        for one in _each(made):
            why = _fault(one) or _clash(one, entry.package, owner, names)
            if why:
                what = f"the question {one.name!r}" if _named(one) else f"what {entry.name!r} names"
                left_out.append(LeftOut(entry.package, what, why))
                continue
            names.add(one.name)
            owner[one.name.partition(" ")[0]] = entry.package
            questions.append((entry.name, one._replace(plugin=entry.package)))
    return Added(tuple(questions), tuple(left_out))


def _each(made: Any) -> Iterator[Any]:
    """The questions that an entry point names; a Question is a tuple itself."""
    if isinstance(made, tuple | list) and not isinstance(made, Question):
        yield from made
    else:
        yield made


def _named(one: Any) -> bool:
    return isinstance(one, Question) and isinstance(one.name, str)


def _clash(one: Question, package: str, owner: Mapping[str, str], names: set[str]) -> str:
    from importlib.util import find_spec

    first = one.name.partition(" ")[0]
    if owner.get(first, package) != package:
        return f"has the first word of a command of {owner[first] or 'ropescope'}: give it another name"
    if find_spec(f"ropescope.{one.name.translate(_AS_FUNCTION)}") is not None:
        return (
            "has the name of a package of ropescope, whose functions are called as questions are: give it another name"
        )
    return "is there already: the plugin has it twice" if one.name in names else ""


def _fault(one: Any) -> str:
    """What is wrong with a question of a plugin, as far as it tells without what it names; "" for nothing."""
    if not isinstance(one, Question):
        return f"is of type {type(one).__name__}, not a Question or a tuple of them"
    if not isinstance(one.name, str) or not _NAME.fullmatch(one.name):
        return f"has the name {one.name!r:.60}: write one word or two, of a-z, digits and hyphens"
    for field in ("inputs", "answer"):
        if not isinstance(target := getattr(one, field), str) or not _TARGET.fullmatch(target):
            return f"has {field}={target!r:.60}: write package.module:name"
    texts = (one.asks, one.extra, one.keeps, one.copied, one.words)
    if not one.asks or not all(isinstance(text, str) and "\n" not in text for text in texts):
        return "must say in one line what it asks"
    if one.needs not in get_args(Needs):
        return f"has needs={one.needs!r:.60}: write {', '.join(get_args(Needs))}"
    if not isinstance(one.example, Mapping) or not isinstance(one.instead, Mapping):
        return "must have an example that maps inputs to text"
    if one.instead or not _texts(one.placed) or not _texts(one.weights_with):
        return "must name its inputs in tuples, and nothing in `instead`"
    return ""


def _texts(value: Any) -> bool:
    return isinstance(value, tuple) and all(isinstance(part, str) for part in value)
