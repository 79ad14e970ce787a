"""Whether a draft can serve a target, and how much faster that is: from files, or with the acceptance measured on text."""

from __future__ import annotations

from dataclasses import dataclass, replace

from ropescope.checks.speculating.costs import CONTEXT, CostRatio, cost_ratio
from ropescope.checks.speculating.engines import rules_for, with_states
from ropescope.checks.speculating.findings import Acceptance, Findings, Pair
from ropescope.checks.speculating.heads import head_kind
from ropescope.checks.speculating.report import speculative_report
from ropescope.checks.speculating.speedup import MOST_DRAFTED
from ropescope.checks.speculating.vocabularies import difference, words_of
from ropescope.errors import EvaluationError, InputError
from ropescope.models.model import Model
from ropescope.models.opening import open as open_model
from ropescope.questions.domains import Flag, Real, Whole
from ropescope.questions.inputs import asked, to_values
from ropescope.questions.kinds import Device, ListOf, Source, Text, Tokens
from ropescope.questions.question import Run
from ropescope.questions.shared import Loading, OwnText, Resumable
from ropescope.report.report import Report

MEASURED = ("length", "texts", "text", "column", "dtype", "device", "trust_remote_code", "resume")
"""Inputs that are read with `measure` alone."""


@dataclass(frozen=True, kw_only=True)
class SpeculativeInputs(OwnText, Loading, Resumable):
    """A target, a draft, and what is known of their speed and agreement."""

    target: str | None = asked(
        Source(),
        "The model whose text is wanted: a folder, a .gguf file, a Hub id or smollm2; left out: the formula alone.",
        default=None,
        placed=True,
        group="model",
    )
    draft: str | None = asked(
        Source(),
        "The model that drafts; left out: which draft heads the target brings itself.",
        default=None,
        placed=True,
        group="model",
    )
    engine: str | None = asked(
        Text(), "vllm, sglang, llama.cpp or transformers, also as vllm@0.33.0; default: all of them.", default=None
    )
    k: int = asked(Whole(1, MOST_DRAFTED), "Tokens drafted in a step.", default=5)
    acceptance: tuple[float, ...] = asked(
        ListOf(Real(at_least=0.0, at_most=1.0)),
        "α, the share of drafted tokens that are kept, as 0.8; two for a range: 0.6,0.8.",
        default=(),
    )
    cost: float | None = asked(
        Real(above=0.0, at_most=100.0),
        "c, a step of the draft over one of the target; default: from `gpu`, else from the bytes that a step reads.",
        default=None,
    )
    gpu: str | None = asked(Device(), "The device that both run on, as 4090 or h100-sxm.", default=None)
    context: int = asked(Tokens(), "Tokens in each cache.", default=CONTEXT)
    measure: bool = asked(Flag(), "Measure α: run both on held-out text.", default=False)
    length: int = asked(Tokens(least=32), "Tokens of a text.", default=512, group="text", only_with=("measure",))
    texts: int = asked(
        Whole(1, 10_000),
        "Texts of each kind (prose, code, tables); of your own text, its second half.",
        default=4,
        group="text",
        only_with=("measure",),
    )

    def __post_init__(self) -> None:
        """Raises InputError for inputs that are missing, or would not be read."""
        if len(self.acceptance) > 2:
            raise InputError("acceptance", "`acceptance` takes one α, or two for a range.")
        object.__setattr__(self, "acceptance", tuple(sorted(self.acceptance)))
        rules_for(self.engine)
        if self.target is None and self.draft is not None:
            raise InputError("target", "`target` is missing: name the model that `draft` drafts for.")
        if self.target is None and self.cost is None:
            raise InputError("target", "`target` is missing: name a model, or give `cost` for the formula alone.")
        if self.measure and (self.draft is None or self.acceptance):
            raise InputError("measure", "`measure` needs `target` and `draft`, and goes without `acceptance`.")
        for name in to_values(self) if not self.measure else ():
            if name in MEASURED:
                raise InputError(name, f"`{name}` is given and not read: it goes with `measure`.")
        if self.gpu is not None and (self.cost is not None or self.draft is None):
            raise InputError("gpu", "`gpu` is there to compute `cost` for a target and a draft: leave one of them out.")

    @property
    def source(self) -> str:
        """The target, as questions with one model call it."""
        return self.target or ""

    @property
    def revision(self) -> None:
        """That of the target: with @ in its name."""
        return None


def answer(inputs: SpeculativeInputs, run: Run) -> Report:
    """Whether the draft can serve, and how much faster it is."""
    rules = rules_for(inputs.engine)
    given = tuple(Acceptance("given", alpha) for alpha in inputs.acceptance)
    found = Findings(
        inputs.k, rules, inputs.engine is not None, CostRatio(inputs.cost, "assumed", "given"), given, inputs.context
    )
    if inputs.target is None:
        return speculative_report(found)
    target = _generating("target", open_model(inputs.target))
    if inputs.draft is None:
        return speculative_report(replace(found, target=target))
    draft = _generating("draft", open_model(inputs.draft))
    cost = found.cost if inputs.cost is not None else cost_ratio(target, draft, inputs.gpu, inputs.context)
    found = replace(found, target=target, cost=cost, pair=_pair(target, draft, inputs))
    if inputs.measure:
        found = replace(found, measured=_measured(inputs, found, run))
    return speculative_report(found)


def _generating(name: str, model: Model) -> Model:
    if not model.causal:
        raise InputError(name, f"`{name}` {model.name} is an encoder, which generates no tokens: name a causal model.")
    return model


def _pair(target: Model, draft: Model, inputs: SpeculativeInputs) -> Pair:
    spelled = inputs.target or "", inputs.draft or ""
    head = head_kind(draft.config)
    if head:
        return Pair(draft, spelled, head=head)
    words = words_of(target), words_of(draft)
    apart = difference(*words)
    why = "; ".join(filter(None, dict.fromkeys(one.why for one in words)))
    rulings = tuple(
        (rules, with_states(rules, rules.judge(*words, apart), target)) for rules in rules_for(inputs.engine)
    )
    return Pair(draft, spelled, apart, rulings, why)


def _measured(inputs: SpeculativeInputs, found: Findings, run: Run) -> tuple[Acceptance, ...]:
    """The acceptance in each way of drafting. Raises EvaluationError for vocabularies that differ, before weights are read."""
    from ropescope.models.loadable import loadable
    from ropescope.models.text_files import check_texts

    assert found.pair is not None and found.target is not None
    apart = found.pair.apart
    if found.pair.head or (apart is not None and apart.conflicts):
        told = (
            f"is an {found.pair.head} head"
            if found.pair.head
            else f"has other tokens ({apart.example})"
            if apart
            else ""
        )
        raise EvaluationError(
            f"{found.pair.draft.name} {told}, so no acceptance can be measured: give a draft model that fits."
        )
    check_texts(inputs.text, inputs.column, least_bytes=2 * (inputs.length - 2))
    for source in found.pair.spelled:
        model = loadable(source, reads_text=not inputs.trust_remote_code)
        if model.context_length is not None and inputs.length > model.context_length:
            raise InputError(
                "length",
                f"`length` is {inputs.length:,}, beyond the context of {model.name} ({model.context_length:,}): ask for fewer.",
            )
    from ropescope.quality.agreement import MODES
    from ropescope.quality.comparing import compare

    with run.working():
        outcome = compare(inputs, *found.pair.spelled, run, padding=True)
    run.when_shown(outcome.discard_journal)
    result = outcome.result
    means = {mode: result.acceptance(mode) for mode in MODES}
    return tuple(
        Acceptance(
            mode,
            mean.value,
            mean.low,
            mean.high,
            tuple(result.kept(mode)),
            f"{len(result.texts)} texts, {sum(text.n_tokens for text in result.texts):,} tokens, {result.provenance['dtype']}; "
            "interval: bootstrap over texts",
            result.partial,
        )
        for mode, mean in means.items()
    )
