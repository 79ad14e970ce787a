"""Ask: which question answers what a user says or has at hand, with its inputs filled in. It is shown and never run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from ropescope.checks.asking.index import best, scores, stems
from ropescope.checks.asking.recognise import Recognised, recognise
from ropescope.checks.asking.slots import Slots, filled, slots_of
from ropescope.errors import InputError, MissingExtraError, PluginError
from ropescope.local_files import exists, expanded
from ropescope.questions.inputs import asked
from ropescope.questions.kinds import File, ListOf, Text
from ropescope.questions.names import listed
from ropescope.questions.question import Question, Run
from ropescope.questions.registry import known, questions
from ropescope.report.report import Fact, Report, Step

MOST_CHARACTERS: Final = 4_000
SLOT: Final = 2.5
"""What a slot that a question takes counts for it: about a rare word of its line."""
NEAR: Final = 0.85
"""A question with this part of the best one's score may as well be meant."""
CANDIDATES: Final = 12
_ON_A_DEVICE: Final = "fit device memory"
_TWO_SCORES: Final = "score gap noise significant"
_OF_A_MODEL: Final = ("show", "fit")


@dataclass(frozen=True, kw_only=True)
class AskInputs:
    """A question in words, a file, or both."""

    words: tuple[str, ...] = asked(
        ListOf(Text()),
        "Your question in words, as: llama 8b 32k on a 4090; or the name of a file.",
        default=(),
        placed=True,
    )
    file: Path | None = asked(
        File(), "A file that you have: a config, weights, a chat template, a log, votes, a schema, code.", default=None
    )


def answer(inputs: AskInputs, run: Run) -> Report:
    """The question that is meant, or up to three, each as a step with what is known filled in. Raises InputError for nothing,
    for too much, and for words that no question has."""
    text = " ".join(inputs.words)
    if len(text) > MOST_CHARACTERS:
        raise InputError(
            "words", f"`words` has {len(text):,} characters: ask in {MOST_CHARACTERS:,} or fewer, or give a `file`."
        )
    paths = (inputs.file,) if inputs.file else _only_files(inputs.words)
    if len(paths) == 1:
        return _of_file(paths[0])
    if paths:
        return _of_files(paths)
    if not text.strip():
        raise InputError(
            "words", "Say what you want to know, as: does llama 8b fit on a 4090 with 32k. Or give a `file`."
        )
    return _of_words(text)


def _only_files(words: Sequence[str]) -> tuple[Path, ...]:
    """The files that the words name, where they name nothing else; one name may have spaces."""
    for names in ((" ".join(words),), words):
        paths = tuple(expanded(name.strip()) for name in names)
        if all(name.strip() for name in names) and all(map(exists, paths)):
            return paths
    return ()


def _recognised(path: Path) -> Recognised:
    found = recognise(path)
    if found is None:
        kinds = "a config, a GGUF or safetensors file, a chat template, an lm-eval log, votes, a JSON schema or training code"
        raise InputError("file", f"Nothing in {path.name} tells what it is. ask knows {kinds}.")
    return found


def _of_file(path: Path) -> Report:
    found = _recognised(path)
    also = [found, *_ALSO.get((found.question, found.field), ())]
    steps = tuple(_step(known()[one.question], {one.field: str(path)}) for one in also)
    return Report(
        title=path.name,
        verdict=f"{path.name} is {found.what}: `{found.question}` reads it.",
        facts=(Fact("recognised as", found.what, basis="config", source=path.name),),
        next_steps=steps,
        data={
            "recognised": found.what,
            "questions": [{"question": step.question, "inputs": dict(step.inputs)} for step in steps],
        },
    )


_ALSO: Final = {
    ("show", "source"): (Recognised("", "fit", "source"), Recognised("", "measure", "source")),
}
_TOGETHER: Final[Mapping[tuple[str, str], Callable[[Sequence[str]], tuple[str, dict[str, Any]]]]] = {
    ("drift", "first"): lambda paths: ("drift", dict(zip(("first", "second"), paths, strict=False))),
    ("show", "source"): lambda paths: ("compare", {"sources": list(paths)}),
}
"""What reads several files that each go to the same field: two runs, or models side by side."""


def _of_files(paths: Sequence[Path]) -> Report:
    """The question that reads them all, if one does, then what reads each."""
    names = ", ".join(path.name for path in paths)
    each = [_recognised(path) for path in paths]
    places = {(one.question, one.field) for one in each}
    together = _TOGETHER.get(next(iter(places))) if len(places) == 1 else None
    if together is not None:
        name, given = together([str(path) for path in paths])
        read = [part for value in given.values() for part in (value if isinstance(value, list) else [value])]
        steps: tuple[Step, ...] = (_step(known()[name], given),)
        verdict = f"`{name}` reads them together: {names}."
        left = ", ".join(path.name for path in paths[len(read) :])
        caveats = (f"Only two are read at a time; left out: {left}.",) if left else ()
    else:
        steps = tuple(
            _step(known()[one.question], {one.field: str(path)}) for one, path in zip(each, paths, strict=True)
        )
        verdict, caveats = f"No question reads these together: {names}.", ()
    return Report(
        title=names,
        verdict=verdict,
        facts=tuple(
            Fact(path.name, one.what, basis="config", source=path.name) for path, one in zip(paths, each, strict=True)
        ),
        caveats=caveats,
        next_steps=steps,
        data={
            "recognised": [one.what for one in each],
            "questions": [{"question": step.question, "inputs": dict(step.inputs)} for step in steps],
        },
    )


def _step(question: Question, given: dict[str, Any]) -> Step:
    """The question with `given`, and the kind's own word for what it needs beside."""
    inputs, _ = filled(question, Slots(), ())
    return Step(question.name, {**inputs, **given}, question.asks.rstrip("."))


def _of_words(text: str) -> Report:
    slots = slots_of(text)
    words = stems(slots.left)
    if slots.scores:
        words += stems(_TWO_SCORES)
    found = scores(words) or scores(stems(_ON_A_DEVICE) if slots.device else ())
    if not found and slots.source:  # a model and nothing else
        found.update(_OF_A_MODEL)
    meant: list[tuple[float, Question, dict[str, Any]]] = []
    for question in best(found, questions())[:CANDIDATES]:
        try:
            inputs, taken = filled(question, slots, text.split())
        except (MissingExtraError, PluginError):  # it cannot be asked here
            continue
        meant.append((found[question.name] + SLOT * taken + (question.needs == "files"), question, inputs))
    if not meant:
        raise InputError(
            "words",
            f"No question has these words: {text[:80]!r}. `ask` reads words such as fit, cache, template, score.",
        )
    meant.sort(key=lambda one: -one[0])
    chosen = [one for one in meant if one[0] >= NEAR * meant[0][0]][:3]
    alone = len(chosen) == 1
    steps = tuple(
        Step(question.name, inputs, "Ask" if alone else question.asks.rstrip(".")) for _, question, inputs in chosen
    )
    first = chosen[0][1]
    if alone:
        verdict = f"`{first.name}` answers this: {_lower(first.asks)}"
    else:
        names = listed([f"`{question.name}`" for _, question, _ in chosen])
        verdict = f"Undecided between {names}: the commands below say what each answers."
    return Report(
        title=text if len(text) <= 100 else f"{text[:97]}…",
        verdict=verdict,
        facts=tuple(Fact(name, value, basis="config", source="your words") for name, value in slots.found.items()),
        caveats=_caveats(slots, steps),
        next_steps=steps,
        data={
            "questions": [{"question": step.question, "inputs": dict(step.inputs)} for step in steps],
            "slots": slots.found,
            "scores": dict(Counter({question.name: round(score, 3) for score, question, _ in meant}).most_common(5)),
        },
    )


def _caveats(slots: Slots, steps: tuple[Step, ...]) -> tuple[str, ...]:
    missing = {
        str(part)
        for step in steps
        for value in step.inputs.values()
        for part in (value if isinstance(value, list) else [value])
    }
    if "MODEL" not in missing:
        return ()
    called = f", for {slots.model!r}" if slots.model else ""
    return (f"MODEL stands for a Hub id (org/name), a folder or a GGUF file{called}. Nothing was run.",)


def _lower(sentence: str) -> str:
    return sentence[:1].lower() + sentence[1:] if sentence[1:2].islower() else sentence
