"""Peft: whether training code does what it is meant to. The code is read as a syntax tree, and never run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from ropescope.checks.finetuning.code.configs import (
    Matched,
    arguments,
    matched,
    targets_of,
    trains_embeddings,
    trains_head,
)
from ropescope.checks.finetuning.code.faults import RULES, Fault, Open
from ropescope.checks.finetuning.code.flow import Flow
from ropescope.checks.finetuning.code.script import Script, read_script
from ropescope.checks.finetuning.matching import Targets
from ropescope.checks.finetuning.modules import Modules, modules_of
from ropescope.errors import FormatError, SourceError
from ropescope.models.config.fields import text_part
from ropescope.models.model import Model
from ropescope.models.opening import open as open_model
from ropescope.questions.domains import Flag
from ropescope.questions.inputs import asked
from ropescope.questions.kinds import File, Source
from ropescope.questions.question import Run
from ropescope.report.report import Column, Fact, Report, Step, Table

UNFOLDED: Final = 12


@dataclass(frozen=True, kw_only=True)
class PeftInputs:
    """Training code, and the base that it trains."""

    code: Path = asked(File(), "The training code: a Python file or a notebook.", placed=True, group="code")
    base: str | None = asked(
        Source(), "The base, to match target_modules; default: the one the code names.", default=None, group="model"
    )
    build: bool = asked(
        Flag(),
        "Build the base without weights and match with peft itself, instead of by its rules.",
        default=False,
        group="model",
    )


def answer(inputs: PeftInputs, run: Run) -> Report:
    """The faults of training code, first the one that stands first."""
    script = read_script(inputs.code)
    try:
        flow = Flow(script)
    except RecursionError as error:
        raise FormatError(
            f"{inputs.code} is nested too deeply to be followed: give the training code alone."
        ) from error
    opened: list[Open] = [*flow.open]
    faults = [*flow.faults.values()]
    for config in flow.configs:
        faults += arguments(config)
        opened += [Open(config.line, "arguments of the config")] if config.others else []
    faults += _of_whole(flow, opened)
    base, why_not = _base(flow, inputs.base)
    matches, modules = _matches(flow, base, inputs.build, opened)
    faults += [fault for one in matches for fault in one.faults]
    if base is None and flow.configs:
        opened.append(Open(flow.configs[0].line, f"the match of target_modules, since {why_not}"))
    told = _Told(
        script,
        tuple(sorted(faults, key=lambda one: one.line)),
        tuple(sorted(opened, key=lambda one: one.line)),
        matches,
        base,
        modules,
        flow.peft_calls,
    )
    return told.report(inputs.code)


def _of_whole(flow: Flow, opened: list[Open]) -> list[Fault]:
    """Faults that two places of the script make together."""
    found, place = [], flow.script.place
    if flow.pad_is_eos and flow.masks:
        said = f"pad_token is eos_token, and {place(flow.masks[0])} masks the labels that equal it"
        found.append(Fault(flow.pad_is_eos[0], "masked-eos", said))
    tokens = "tokens are added at {}, and the config trains no embeddings"
    head = "the base of {} has a new head, and the config does not train it"
    for config in flow.configs:
        for lines, trains, rule, said, what in (
            (flow.new_tokens, trains_embeddings(config), "untrained-tokens", tokens, "modules_to_save"),
            (
                [line for line, scope in flow.heads if scope == config.scope],
                trains_head(config),
                "untrained-head",
                head,
                "task_type",
            ),
        ):
            if lines and trains is False:
                found.append(Fault(config.line, rule, said.format(place(lines[0]))))
            elif lines and trains is None:
                opened.append(Open(config.line, what))
    return found


def _base(flow: Flow, given: str | None) -> tuple[Model | None, str]:
    """(the base, why there is none). What the user names has to be readable; what the code names may be out of reach."""
    if given is None and len(flow.bases) != 1:
        return None, "the code computes its base" if flow.computed_base else "the code does not name one base"
    if given is None and flow.computed_base:
        return None, "the code computes another base"
    named = given or next(iter(flow.bases))
    try:
        return open_model(named, config_only=True), ""
    except (SourceError, FormatError):
        if given is not None:
            raise
        return None, f"the base {named[:80]} cannot be read"


def _matches(
    flow: Flow, base: Model | None, build: bool, opened: list[Open]
) -> tuple[tuple[Matched, ...], Modules | None]:
    if base is None or not flow.configs:
        return (), None
    match = None
    if build:
        from ropescope.checks.finetuning.code.built import built

        modules, match = built(base)
    else:
        modules = modules_of(base)
    found = []
    for config in flow.configs:
        targets = targets_of(config, text_part(base.config)[1])
        if isinstance(targets, Targets):
            found.append(matched(config, targets, modules, match))
        else:
            opened.append(targets)
    return tuple(found), modules


@dataclass(frozen=True, slots=True)
class _Told:
    """All that was found, and how it is said."""

    script: Script
    faults: Sequence[Fault]
    open: Sequence[Open]
    matches: Sequence[Matched]
    base: Model | None
    modules: Modules | None
    peft_calls: int

    def report(self, code: Path) -> Report:
        holds = False if self.faults else None if self.open or not self.peft_calls else True
        return Report(
            title=f"{code.name}, {self.script.n_lines:,} lines" + (f" · base {self.base.name}" if self.base else ""),
            verdict=self._verdict(),
            facts=tuple(self._facts()),
            tables=tuple(table for table in (self._faults_table(), self._open_table()) if table.rows),
            caveats=tuple(self._caveats()),
            next_steps=self._steps(code),
            holds=holds,
            data=self._data(),
        )

    def _verdict(self) -> str:
        place = self.script.place
        if self.faults:
            first, more = self.faults[0], len(self.faults) - 1
            beside = f" {more} more {'fault' if more == 1 else 'faults'} below." if more else ""
            rule = RULES[first.rule]
            return f"{_capital(place(first.line))}: {first.found}. {rule.why} {rule.mend}{beside}"
        if not self.peft_calls:
            return "Not known: the code calls nothing of peft that is checked here."
        if self.open:
            first_open = self.open[0]
            return f"Undecided: no fault was found, but {place(first_open.line)} computes {first_open.what}."
        matched = f": target_modules matches {self._share(self.matches[0])}" if self.matches else ""
        return f"None of the {len(RULES)} faults that are looked for was found{matched}."

    def _share(self, one: Matched) -> str:
        linear = len(self.modules.linear) if self.modules else 0
        others = f" and {', '.join(one.others[:3])}" if one.others else ""
        return f"{one.layers} of {linear} linear layers{others}"

    def _facts(self) -> list[Fact]:
        facts = [
            Fact(f"LoRA of {self.script.place(one.line)}", self._share(one), "", "config", self._targets(one))
            for one in self.matches
        ]
        if self.modules is not None:
            facts.append(Fact("modules of the base", self.modules.source, "", "config"))
        return facts

    def _targets(self, one: Matched) -> str:
        said = one.targets if isinstance(one.targets, str) else ", ".join(one.targets)
        return f"target_modules: {said[:120]}"

    def _faults_table(self) -> Table:
        rows = tuple(
            (self.script.place(one.line), f"{one.found}. {RULES[one.rule].why}", RULES[one.rule].mend)
            for one in self.faults
        )
        sources = dict.fromkeys(RULES[one.rule].source for one in self.faults)
        return Table(
            "Faults", tuple(map(Column, ("where", "fault", "mend"))), rows, f"By {'; '.join(sources)}.", UNFOLDED
        )

    def _open_table(self) -> Table:
        rows = tuple((self.script.place(one.line), one.what) for one in self.open)
        note = "The code computes these: print them to learn their values."
        return Table("Not decidable", (Column("where"), Column("what")), rows, note, UNFOLDED)

    def _caveats(self) -> list[str]:
        caveats = ["The code was read and not run: what other files and functions do to a model is not followed."]
        if self.modules is not None and self.modules.lacks:
            caveats.append(
                f"The modules of the base are counted without {self.modules.lacks}; `build` counts them all."
            )
        return caveats

    def _steps(self, code: Path) -> tuple[Step | str, ...]:
        check: Step | str = "Before training: print_trainable_parameters of the model must say more than 0."
        if self.base is not None or not self.matches:
            return (check,)
        return (check, Step("peft", {"code": str(code), "base": "…"}, "What target_modules matches in the base"))

    def _data(self) -> dict[str, Any]:
        linear = len(self.modules.linear) if self.modules else None
        return {
            "lines": self.script.n_lines,
            "faults": [
                {"line": one.line, "rule": one.rule, "found": one.found} | asdict(RULES[one.rule])
                for one in self.faults
            ],
            "not_decidable": [asdict(one) for one in self.open],
            "configs": [
                {"line": one.line, "target_modules": one.targets, "matched": one.layers, "others": list(one.others)}
                for one in self.matches
            ],
            "linear_layers": linear,
            "base": self.base.name if self.base else None,
            "rules": list(RULES),
        }


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
