"""Adapter: whether a LoRA fits its base, tensor by tensor, and which engines load it as it was trained."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import Any, Final

from ropescope.checks.finetuning.adapters.config import LoraSettings, lora_settings
from ropescope.checks.finetuning.adapters.engines import DEFAULT_RANK, ENGINES, Loading, loading
from ropescope.checks.finetuning.adapters.features import features_of
from ropescope.checks.finetuning.adapters.files import AdapterFiles, read_adapter
from ropescope.checks.finetuning.adapters.pairs import Held, Pair, compare, expected, held
from ropescope.checks.finetuning.adapters.tables import by_module, engines_table, forgetting, misfits
from ropescope.checks.finetuning.modules import Modules, modules_of
from ropescope.errors import FormatError, SourceError
from ropescope.models.model import Model
from ropescope.models.opening import open as open_model
from ropescope.questions.domains import Choice, Whole
from ropescope.questions.inputs import asked
from ropescope.questions.kinds import Source, Text
from ropescope.questions.names import listed
from ropescope.questions.question import Run
from ropescope.report.report import Fact, Report, Step, Table

_ONE: Final = {
    "loads": " loads it", "wrong": " loads it, but computes otherwise: ", "unknown": " states no rule", "refused": " refuses it: ",
}  # fmt: skip
_MANY: Final = {
    "loads": " load it", "wrong": " load it, but compute otherwise: ", "unknown": " state no rule", "refused": " refuse it: ",
}  # fmt: skip
_SAID: Final = {"peft": "peft", "vllm": "vLLM", "sglang": "SGLang", "llama.cpp": "llama.cpp"}


@dataclass(frozen=True, kw_only=True)
class AdapterInputs:
    """An adapter, and what it shall be put on."""

    source: str = asked(
        Source(), "An adapter: its folder, its adapter_config.json, or a Hub id.", placed=True, group="model"
    )
    revision: str | None = asked(Text(), "Branch, tag or commit of a Hub adapter.", default=None, group="model")
    base: str | None = asked(
        Source(), "The model it is put on; default: the one its config names.", default=None, group="model"
    )
    engine: str | None = asked(
        Choice(ENGINES), "The engine that shall load it: `check` answers for it alone.", default=None, group="engine"
    )
    max_lora_rank: int = asked(
        Whole(1, 512), "The max_lora_rank that vLLM is started with.", default=DEFAULT_RANK, group="engine"
    )


def answer(inputs: AdapterInputs, run: Run) -> Report:
    """Whether an adapter fits its base, and which engines load it."""
    files_read = read_adapter(inputs.source, inputs.revision)
    if files_read.kind.upper() != "LORA":
        return _other_kind(files_read, inputs.engine)
    settings = lora_settings(files_read.config, files_read.where)
    base, why_not = _base(files_read, inputs.base)
    modules = None if base is None else modules_of(base)
    if files_read.tensors is not None:
        found = held(files_read.tensors)
        if modules is not None:
            compare(found, modules, settings)
    elif modules is None:
        found = Held()
    else:
        found = expected(settings, modules)
    features = features_of(settings, found, modules, files_read.added_tokens, inputs.max_lora_rank)
    engines = tuple(loading(name, features) for name in ENGINES)
    return _Told(files_read, settings, found, base, modules, why_not, engines).report(inputs.engine)


def _base(adapter: AdapterFiles, given: str | None) -> tuple[Model | None, str]:
    """(the base, why there is none). What the user names has to be readable; what a file names may be out of reach."""
    if given is not None:
        return open_model(given), ""
    try:
        return open_model(adapter.base()), ""
    except (SourceError, FormatError) as error:
        return None, str(error).rstrip(".")


def _other_kind(files_read: AdapterFiles, engine: str | None) -> Report:
    engines = tuple(loading(name, {"not-lora": {"kind": files_read.kind}}) for name in ENGINES)
    chosen = next((one for one in engines if one.engine == engine), engines[0])
    return Report(
        title=files_read.name,
        verdict=f"{files_read.name} is a {files_read.kind} adapter and no LoRA: peft loads it, and no other engine here. Merge "
        "it into its base to serve it elsewhere.",
        tables=(engines_table(engines),),
        caveats=("Its tensors were not compared with a base: their shapes are checked for LoRA alone.",),
        holds=chosen.loads,
        data={"kind": files_read.kind, "fits": None, "engines": [_engine_data(one) for one in engines]},
    )


@dataclass(frozen=True, slots=True)
class _Told:
    """All that is known of a LoRA, and how it is said."""

    files: AdapterFiles
    settings: LoraSettings
    found: Held
    base: Model | None
    modules: Modules | None
    why_not: str
    engines: tuple[Loading, ...]

    @property
    def faults(self) -> list[Pair]:
        return [pair for pair in self.found.pairs.values() if pair.fault]

    @property
    def fits(self) -> bool | None:
        if self.modules is None:
            return None
        return bool(self.found.pairs) and not self.faults

    def report(self, engine: str | None) -> Report:
        chosen = next((one for one in self.engines if one.engine == engine), None)
        loads = True if chosen is None else chosen.loads
        return Report(
            title=f"{self.files.name} on {self.base.name if self.base else self.settings.base or 'no base'}",
            verdict=self._verdict(chosen),
            facts=tuple(self._facts()),
            tables=tuple(self._tables()),
            caveats=tuple(self._caveats()),
            next_steps=self._steps(),
            holds=loads if self.fits is None and loads is False else self.fits and loads,
            data=self._data(),
        )

    def _verdict(self, chosen: Loading | None) -> str:
        name, pairs = self.files.name, self.found.pairs
        if self.modules is None or self.base is None:
            text = f"Not known: whether {name} fits its base. {self.why_not}. Give `base`."
        elif not pairs:
            text = f"{name} holds no LoRA pair for {self.base.name}: none of its modules is one of the base's."
        elif self.faults:
            first = self.faults[0]
            text = (
                f"{name} does not fit {self.base.name}: {len(self.faults):,} of {len(pairs):,} pairs differ, first "
                f"{first.module}: {first.fault}."
            )
        else:
            by = "by its config, " if self.files.tensors is None else ""
            ranks = {pair.rank for pair in pairs.values()}
            rank = f"rank {ranks.pop()}" if len(ranks) == 1 else f"{len(ranks)} ranks"
            text = f"{name} fits {self.base.name}: {by}{len(pairs):,} pairs of {rank}, {self.found.parameters:,} parameters."
        engines = self._engines_said((chosen,) if chosen else self.engines)
        return f"{text} By its features alone, {engines}" if self.modules is None else f"{text} {engines}"

    def _engines_said(self, engines: tuple[Loading, ...]) -> str:
        """Engines that say the same share a clause."""
        clauses: dict[tuple[str, str], list[str]] = defaultdict(list)
        for one in engines:
            outcome = "loads" if one.outcome == "limit" else one.outcome
            clauses[outcome, one.rules[0].says if outcome in ("wrong", "refused") else ""].append(_SAID[one.engine])
        said = []
        for (outcome, why), names in clauses.items():
            words = _MANY if len(names) > 1 else _ONE
            said.append(f"{listed(names)}{words[outcome]}{why}")
            said += [
                f"for {_SAID[one.engine]}, {one.rules[0].mend}"
                for one in engines
                if outcome == "loads" and one.outcome == "limit"
            ]
        return "; ".join(said) + "."

    def _facts(self) -> list[Fact]:
        settings, where = self.settings, self.files.where
        how = "α/√r, rank-stabilised" if settings.rank_stabilised else "α/r"
        scaling = settings.alpha / settings.rank ** (0.5 if settings.rank_stabilised else 1)
        facts = [
            Fact("base it names", settings.base or "none", "", "config", where),
            Fact("LoRA rank", settings.rank, "", "config", "r" + (", and rank_pattern" if settings.rank_pattern else "")),
            Fact("alpha", settings.alpha, "", "config", "lora_alpha" + (", and alpha_pattern" if settings.alpha_pattern else "")),
            Fact("scaling", scaling, "", "formula", how),
        ]  # fmt: skip
        if self.found.pairs:
            by = "header of its weights" if self.files.tensors is not None else "its config on the shapes of the base"
            basis: Any = "config" if self.files.tensors is not None else "formula"
            facts.append(Fact("parameters", self.found.parameters, "", basis, by))
            if self.base is not None and self.base.parameters is not None:
                share = 100 * self.found.parameters / self.base.parameters.total
                facts.append(Fact("share of the base", share, "%", "formula", self.base.parameters.source))
        if settings.modules_to_save:
            facts.append(
                Fact("modules saved whole", ", ".join(settings.modules_to_save), "", "config", "modules_to_save")
            )
        if self.modules is not None:
            facts.append(Fact("shapes of the base", self.modules.source, "", "config"))
        return facts

    def _tables(self) -> list[Table]:
        found = [engines_table(self.engines), misfits(self.faults), by_module(self.found, self.settings)]
        named = f"{self.settings.base} {self.base.name if self.base else ''}"
        return [table for table in (*found, forgetting(named)) if table.rows]

    def _caveats(self) -> list[str]:
        caveats = [*self.files.notes]
        if self.files.tensors is None:
            caveats.append(
                "No adapter_model.safetensors was read: pairs and parameters are those that its config would make."
            )
        else:
            caveats.append(
                "Only the header of its weights was read: what the numbers in them are worth is not checked."
            )
        if self.fits:
            caveats.append("Shapes were compared: an adapter of another model of the same shapes fits as well.")
        if self.modules is not None and self.modules.lacks:
            caveats.append(f"The modules of the base are counted without {self.modules.lacks}.")
        if "target-parameters" in self.settings.extras:
            caveats.append("Pairs on target_parameters hold all experts of a layer: their shapes were not compared.")
        caveats.append("What it makes the base forget is not known from its files.")
        return caveats

    def _steps(self) -> tuple[Step | str, ...]:
        steps: list[Step | str] = []
        if any(one.outcome in ("refused", "wrong") for one in self.engines):
            steps.append("For every engine: merge it with merge_and_unload of peft, save the result, and serve that.")
        if self.base is not None:
            steps.append(
                Step("fit", {"source": self.base.source.spelled, "gpu": "…"}, "Whether the base fits a device")
            )
        steps.append(
            "To learn what it forgets: score base and adapter on the same tasks with lm-eval, and compare the logs."
        )
        return tuple(steps)

    def _data(self) -> dict[str, Any]:
        pairs = self.found.pairs.values()
        return {
            "kind": "LORA",
            "base": self.base.name if self.base else self.settings.base,
            "fits": self.fits,
            "pairs": len(self.found.pairs),
            "parameters": self.found.parameters,
            "rank": self.settings.rank,
            "alpha": self.settings.alpha,
            "rank_stabilised": self.settings.rank_stabilised,
            "scaling": {pair.module: self.settings.scaling_of(pair.module) for pair in pairs},
            "shapes": {pair.module: {"A": list(pair.a or ()), "B": list(pair.b or ())} for pair in pairs},
            "saved_whole": {name: list(shape) for name, shape in self.found.whole.items()},
            "faults": [{"module": pair.module, "fault": pair.fault} for pair in self.faults],
            "engines": [_engine_data(one) for one in self.engines],
        }


def _engine_data(one: Loading) -> dict[str, Any]:
    told = [
        {"feature": rule.feature, "outcome": rule.outcome, "says": rule.says, "mend": rule.mend} for rule in one.rules
    ]
    return {"engine": one.engine, "version": one.version, "outcome": one.outcome, "rules": told, "read": one.read}
