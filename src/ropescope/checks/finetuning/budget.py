"""Budget: what training, hosting and buying cost, and what a sum of money trains."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from ropescope.checks.finetuning.budgets.buying import api_of
from ropescope.checks.finetuning.budgets.counted import Counted
from ropescope.checks.finetuning.budgets.facts import caveats, facts, tables
from ropescope.checks.finetuning.budgets.figure import cost_figures
from ropescope.checks.finetuning.budgets.hosting import Hosting, Use, hosting_of
from ropescope.checks.finetuning.budgets.sentences import verdict
from ropescope.checks.finetuning.budgets.training import METHODS, OPTIMIZERS, Method, Plan, Trained, run_of, tokens_for
from ropescope.checks.serving.fitting.fit import fit
from ropescope.checks.serving.fitting.on_devices import on_devices
from ropescope.checks.serving.inputs import read_serving
from ropescope.checks.serving.opening import open_one
from ropescope.checks.serving.serving import MOST_SEQUENCES, Serving
from ropescope.checks.speed import MOST_BY_DEFAULT, SpeedInputs, require_bandwidth
from ropescope.errors import DomainError, InputError
from ropescope.questions.carrying import OPEN
from ropescope.questions.domains import Choice, Real, Whole
from ropescope.questions.inputs import asked
from ropescope.questions.kinds import Count, Share, Text, Tokens
from ropescope.questions.question import Run
from ropescope.report.report import Report, Step

UNBOUNDED: Final = 1024
"""Sequences at once where nothing bounds them."""


@dataclass(frozen=True, kw_only=True)
class BudgetInputs(SpeedInputs):
    """A model on devices, what it is trained on, and how much it is used."""

    batch: int = asked(Whole(0, MOST_SEQUENCES), "Sequences at once; 0: the most that fit.", default=0, group="load")
    train_tokens: int | None = asked(
        Count(), "Tokens that it is trained on: 50M, 160B, …", default=None, group="training"
    )
    tokens_per_parameter: float | None = asked(
        Real(above=0.0), "Or so many for each parameter.", default=None, group="training"
    )
    money: float | None = asked(
        Real(above=0.0), "Or what training may cost, in the currency of `price`.", default=None, group="training"
    )
    method: str = asked(Choice(METHODS), "How it is trained.", default="full", group="training")
    rank: int = asked(
        Whole(1, 65_536), "Rank of a LoRA on all linear layers but experts.", default=16, group="training"
    )
    optimizer: str = asked(
        Choice(tuple(OPTIMIZERS)), "The optimizer, whose states take memory.", default="adamw", group="training"
    )
    sequence: int = asked(Tokens(), "Tokens of a training sequence.", default=2048, group="training")
    micro_batch: int = asked(Whole(1, 65_536), "Sequences at once on a device.", default=1, group="training")
    mfu: float = asked(
        Share(), "Model FLOPs utilisation: the share of the peak that training reaches.", default=0.4, group="training"
    )
    requests: int | None = asked(Count(), "Requests a month, as 300k.", default=None, group="use")
    input_tokens: int | None = asked(Count(), "Prompt tokens of a request.", default=None, group="use")
    output_tokens: int | None = asked(Count(), "Answer tokens of a request.", default=None, group="use")
    busy: float = asked(Share(), "Share of its hours in which hosting has work: 10%, …", default=1.0, group="use")
    api: str | None = asked(
        Text(), "An API's model, priced by genai-prices: gpt-4o, openai:gpt-4o, …", default=None, group="cost"
    )
    input_price: float | None = asked(
        Real(at_least=0.0), "Price of an API for a million prompt tokens.", default=None, group="cost"
    )
    output_price: float | None = asked(
        Real(at_least=0.0), "Price of an API for a million answer tokens.", default=None, group="cost"
    )

    @property
    def trains(self) -> bool:
        """Whether training is asked about."""
        return any(one is not None for one in (self.train_tokens, self.tokens_per_parameter, self.money))

    @property
    def hosts(self) -> bool:
        """Whether use is asked about; where nothing is, it is."""
        asked_for = (self.requests, self.api, self.input_price, self.output_price)
        return not self.trains or any(one is not None for one in asked_for)


def answer(inputs: BudgetInputs, run: Run) -> Report:
    """What training, hosting and buying cost."""
    use, most = _use(inputs), not inputs.batch
    api = api_of(inputs.api, inputs.input_price, inputs.output_price, use)
    _refuse_two_sizes(inputs)
    if inputs.hosts:
        require_bandwidth(inputs.gpu, inputs.bandwidth)
    model, inputs = open_one(replace(inputs, batch=inputs.batch or 1))
    serving = read_serving(model, inputs, most_by_default=MOST_BY_DEFAULT, needs_bandwidth=inputs.hosts)
    plan = _plan(inputs, serving) if inputs.trains else None
    trained = None if plan is None else _trained(inputs, plan, serving)
    serving, hosting, fits = _hosting(inputs, serving, most) if inputs.hosts else (serving, None, None)
    counted = Counted(*(serving, plan, trained, hosting, fits, api, use), inputs.mfu, inputs.efficiency, inputs.money)
    return Report(
        title=f"{serving.model.name} · {on_devices(serving)}",
        verdict=verdict(counted),
        facts=facts(counted),
        tables=tables(counted),
        figures=cost_figures(counted),
        caveats=caveats(counted),
        next_steps=_steps(inputs, serving.model.source.spelled),
        data=counted.to_dict(),
    )


def _steps(inputs: BudgetInputs, source: str) -> tuple[Step, ...]:
    """What was not asked about: training, buying; and what hosting rests on."""
    steps = []
    if not inputs.trains:
        steps.append(Step("budget", {"source": source, "gpu": OPEN, "train_tokens": OPEN}, "What training costs"))
    if inputs.hosts and (inputs.input_tokens is None or (inputs.api is None and inputs.input_price is None)):
        use = {"api": OPEN, "input_tokens": OPEN, "output_tokens": OPEN}
        steps.append(Step("budget", {"source": source, "gpu": OPEN, **use}, "Whether an API is cheaper"))
    if inputs.hosts:
        steps.append(Step("speed", {"source": source, "gpu": OPEN}, "The ceilings of hosting, by batch"))
    else:
        steps.append(Step("fit", {"source": source, "gpu": OPEN}, "Whether the device serves the trained model"))
    return tuple(steps)


def _plan(inputs: BudgetInputs, serving: Serving) -> Plan:
    method: Method = "full" if inputs.method == "full" else "lora" if inputs.method == "lora" else "qlora"
    return Plan(
        serving.model, method, inputs.rank, inputs.optimizer, inputs.sequence, inputs.micro_batch, serving.count
    )


def _use(inputs: BudgetInputs) -> Use | None:
    if inputs.input_tokens is None and inputs.output_tokens is None:
        if inputs.requests is not None:
            raise InputError("input_tokens", "`requests` needs `input_tokens` and `output_tokens` of one request.")
        return None
    if inputs.input_tokens is None or inputs.output_tokens is None:
        missing = "input_tokens" if inputs.input_tokens is None else "output_tokens"
        raise InputError(missing, f"`{missing}` is missing: give the tokens of a request's prompt and of its answer.")
    return Use(inputs.input_tokens, inputs.output_tokens, inputs.requests)


def _refuse_two_sizes(inputs: BudgetInputs) -> None:
    sizes = ("train_tokens", "tokens_per_parameter", "money")
    given = [name for name in sizes if getattr(inputs, name) is not None]
    if len(given) > 1:
        raise InputError(given[1], f"`{given[0]}` and `{given[1]}` both say how much is trained: give one of them.")
    if inputs.money is not None and inputs.price is None:
        raise InputError("price", "`money` needs `price`: what a device costs an hour.")


def _trained(inputs: BudgetInputs, plan: Plan, serving: Serving) -> Trained:
    rate = _rate(serving, inputs.mfu)
    if inputs.money is not None and inputs.price is not None:
        tokens = tokens_for(plan, inputs.money, rate, inputs.price)
    elif inputs.train_tokens is not None:
        tokens = inputs.train_tokens
    else:
        parameters = serving.model.parameters
        if parameters is None:
            raise InputError("parameters", f"The parameters of {serving.model.name} are not known: give `parameters`.")
        tokens = round((inputs.tokens_per_parameter or 0.0) * parameters.total)
    return run_of(plan, tokens, rate, inputs.price)


def _rate(serving: Serving, mfu: float) -> float:
    """Operations a second of all devices, each as fast as the slowest. Raises InputError where no peak is known."""
    peaks = [device.peak("bf16") for device in serving.unequal or (serving.device,)]
    known = [peak for peak in peaks if peak is not None]
    if len(known) < len(peaks):
        raise InputError(
            "tflops", f"The compute of {serving.device.name} is not known: give `tflops`, dense and 16-bit."
        )
    return serving.count * min(known) * mfu


def _hosting(inputs: BudgetInputs, serving: Serving, most: bool) -> tuple[Serving, Hosting, bool | None]:
    """(the serving, with the most sequences that fit where `most`; its hosting; whether it fits)."""
    if not serving.model.causal:
        raise DomainError(
            f"{serving.model.name} is an encoder, which generates no tokens: hosting it has no price here."
        )
    found = fit(serving)
    if found.problem:
        raise DomainError(f"{serving.model.name} {found.outcome_in_words} {on_devices(serving)}: {found.problem}")
    if most:
        serving = replace(
            serving,
            batch=max(1, min(UNBOUNDED if found.largest_batch is None else found.largest_batch, MOST_SEQUENCES)),
        )
    return serving, hosting_of(serving, inputs.efficiency, inputs.busy, inputs.price), found.answer
