"""`ropescope compress`: `plan` here, `evaluate` beside."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ropescope.app.compress_evaluate_command import evaluate
from ropescope.app.options import (
    Column,
    Device,
    Dtype,
    Figures,
    Html,
    Json,
    Revision,
    TrustRemoteCode,
    read_share,
    require_column_read,
    text_files,
    writable,
)
from ropescope.errors import MissingExtraError, PlanError

if TYPE_CHECKING:
    from ropescope.compress.frame import Target
    from ropescope.compress.plan import KVPlan
    from ropescope.models.model import Model

compress = typer.Typer(
    name="compress",
    help="Plan a smaller KV cache from what a model's heads attend to, and score it.",
    no_args_is_help=True,
)

PROMPTS = 6
_UNITS = {"": 1, "b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "kib": 1 << 10, "mib": 1 << 20, "gib": 1 << 30}


@compress.callback()
def _compress() -> None:
    """Plan a smaller KV cache from what a model's heads attend to."""


@compress.command("plan")
def plan(
    given: Annotated[
        str,
        typer.Argument(
            metavar="PROFILE|SOURCE",
            help="A profile that `ropescope measure --out` has kept, or a model, whose weights are then measured.",
        ),
    ],
    keep_mass: Annotated[
        float | None, typer.Option(metavar="F", help="Keep this share of every head's attention outside the sinks.")
    ] = None,
    max_loss: Annotated[
        str | None,
        typer.Option(
            metavar="P", help="The smallest cache that adds no more than this to the loss, as 1%; by scoring."
        ),
    ] = None,
    budget: Annotated[
        str | None, typer.Option(metavar="B", help="Bytes for the whole cache of a sequence: 30%, 512MiB, 2GB.")
    ] = None,
    model: Annotated[
        str | None, typer.Option(metavar="SOURCE", help="The model of the profile; default: the one it names.")
    ] = None,
    length: Annotated[
        str | None,
        typer.Option(metavar="N", help="Tokens of a sequence, as 8192 or 8k (8,192); default: those of the profile."),
    ] = None,
    gamma: Annotated[
        float | None,
        typer.Option(help="Take one window for all heads from the closed form D_f(γ, N) with this exponent."),
    ] = None,
    shape: Annotated[
        str | None,
        typer.Option(
            help="With --gamma: cut at the horizon θ√2(1−γ)/(1+γ) (hard), or keep a share of what fades towards it (soft)."
        ),
    ] = None,
    allocation: Annotated[
        str | None,
        typer.Option(
            help="Of a plan from a profile: how a budget is divided: share (of each head's attention; default) or gain (of the "
            "next byte)."
        ),
    ] = None,
    uniform: Annotated[
        bool, typer.Option("--uniform", help="One window for all heads: what every plan must beat.")
    ] = False,
    windows_only: Annotated[
        bool,
        typer.Option("--windows-only", help="Keep sinks and latest tokens only, and pick none by their content."),
    ] = False,
    sinks: Annotated[
        int | None, typer.Option(help="First tokens kept in every head; default: those of the profile, else 4.")
    ] = None,
    cache_type: Annotated[
        str | None, typer.Option(help="Type of the cache: bf16, f16, f32, fp8, q8_0, …; default: the model's.")
    ] = None,
    prompts: Annotated[int, typer.Option(min=1, help="Texts to measure on, where weights are measured.")] = PROMPTS,
    text: Annotated[
        list[Path] | None,
        typer.Option(metavar="FILE", callback=text_files, help="Your own text to measure on; may repeat."),
    ] = None,
    column: Column = "text",
    dtype: Dtype = "auto",
    device: Device = None,
    trust_remote_code: TrustRemoteCode = False,
    revision: Revision = None,
    out: Annotated[Path | None, typer.Option(metavar="FILE", callback=writable, help="Keep the plan (JSON).")] = None,
    html: Html = None,
    figure: Figures = None,
    as_json: Json = False,
) -> None:
    """Plan which tokens each KV head keeps, for a share of the attention or a budget of bytes."""
    from ropescope.app.show import Files, show_report
    from ropescope.checks.numbers import read_tokens
    from ropescope.compress.report import plan_report

    Files.checked(out, html, figure)
    tokens = None if length is None else read_tokens("--length", length)
    require_column_read(column, text)
    if shape is not None and (gamma is None or budget is not None or max_loss is not None or uniform):
        raise PlanError(
            "--shape goes with --gamma, and without --budget, --max-loss and --uniform: a horizon sets its own windows."
        )
    wish = _Wish(
        given=given,
        # A horizon sets its own windows, and has no other target.
        target=_target(0.5 if shape is not None and keep_mass is None else keep_mass, budget, max_loss),
        model=model,
        length=tokens,
        allocation=allocation,
        sinks=sinks,
        cache_type=cache_type,
        revision=revision,
        texts=tuple(text or ()),
        column=column,
        dtype=dtype,
        device=device,
        trust_remote_code=trust_remote_code,
        prompts=prompts,
        windows_only=windows_only,
    )
    if shape is not None and gamma is not None:
        _refuse_options_of_weights(wish)
        _refuse_options_of_profiles(wish)
        cut = _from_horizon(given, gamma, shape, keep_mass, revision, tokens, sinks, cache_type)
        report = plan_report(cut, None if out is None else str(cut.save(out)))
        show_report(report, json=as_json, html=html, figures=tuple(figure or ()))
        return
    made = _plan(wish, gamma, uniform)
    report = plan_report(made, None if out is None else str(made.save(out)))
    show_report(report, json=as_json, html=html, figures=tuple(figure or ()))


compress.command("evaluate")(evaluate)


@dataclass(frozen=True, slots=True)
class _Wish:
    """The options as they were given, for the three ways to a plan."""

    given: str
    target: Target
    model: str | None
    length: int | None
    allocation: str | None
    sinks: int | None
    cache_type: str | None
    revision: str | None
    texts: tuple[Path, ...]
    column: str
    dtype: str
    device: str | None
    trust_remote_code: bool
    prompts: int
    windows_only: bool


def _plan(wish: _Wish, gamma: float | None, uniform: bool) -> KVPlan:
    if gamma is not None and uniform:
        raise PlanError("Give --gamma or --uniform, not both.")
    path = Path(wish.given)
    kept = gamma is None and not uniform and path.is_file() and path.suffix.lower() not in (".gguf", ".safetensors")
    if kept or gamma is not None or uniform:
        _refuse_options_of_weights(wish)
    if kept:
        return _from_profile(wish, path)
    _refuse_options_of_profiles(wish)
    if gamma is None and not uniform:
        return _from_weights(wish)
    return _from_facts(wish, gamma)


def _refuse_options_of_weights(wish: _Wish) -> None:
    given = {
        "--text": bool(wish.texts),
        "--dtype": wish.dtype != "auto",
        "--device": wish.device is not None,
        "--trust-remote-code": wish.trust_remote_code,
        "--windows-only": wish.windows_only,
        "--prompts": wish.prompts != PROMPTS,
    }
    for option, is_given in given.items():
        if is_given:
            raise PlanError(f"{option} is for plans measured on weights: leave it out, this plan loads none.")


def _refuse_options_of_profiles(wish: _Wish) -> None:
    if wish.model is not None:
        raise PlanError("--model goes with a profile: otherwise give the model in its place.")
    if wish.allocation is not None:
        raise PlanError(
            "--allocation divides the budget of a plan from a profile: leave it out, this plan has one rule."
        )


def _from_profile(wish: _Wish, path: Path) -> KVPlan:
    from ropescope.compress.planning import plan_from_profile
    from ropescope.models.opening import open as open_model

    if wish.allocation is not None and wish.target.keep_mass is not None:
        raise PlanError("--allocation divides a --budget: leave it out with --keep-mass, which sets every window.")
    with _needs_extra():
        from ropescope.measure.profile import DecayProfile
    profile = DecayProfile.load(path)
    facts = open_model(wish.model or str(profile.provenance.get("model", "")), revision=wish.revision)
    if wish.sinks is not None and wish.sinks != profile.protocol.sinks:
        raise PlanError(
            f"The profile left {profile.protocol.sinks} sinks out of its distances: leave out --sinks, or measure with "
            f"--sinks {wish.sinks}."
        )
    return plan_from_profile(
        profile,
        facts,
        wish.target,
        length=wish.length,
        allocation=wish.allocation or "share",  # type: ignore[arg-type]  # checked there, in a sentence that names the choices
        cache_type=wish.cache_type,
    )


def _from_weights(wish: _Wish) -> KVPlan:
    """Measure what cutting each head costs its layer's output, and plan by that."""
    from ropescope.app.working import progress_bar, terminate_as_interrupt
    from ropescope.compress.frame import DEFAULT_SINKS
    from ropescope.compress.planning import planned_length, require_plannable
    from ropescope.models.loadable import loadable
    from ropescope.models.text_files import check_texts

    sinks = DEFAULT_SINKS if wish.sinks is None else wish.sinks
    model = loadable(wish.given, wish.revision, reads_text=not wish.trust_remote_code)
    require_plannable(model, wish.target, length=wish.length, sinks=sinks, cache_type=wish.cache_type)
    # The first half of the text is measured on; no tokenizer makes more tokens than bytes.
    check_texts(wish.texts, wish.column, least_bytes=2 * (planned_length(model, wish.length) - 2))
    with _needs_extra():
        from ropescope.compress.from_weights import plan_from_weights
        from ropescope.measure.weights import load
    with terminate_as_interrupt(), progress_bar() as (progress, say):
        say(f"Loading {wish.given}")
        weights = load(
            wish.given, revision=wish.revision, dtype=wish.dtype, device=wish.device,
            trust_remote_code=wish.trust_remote_code,
        )  # fmt: skip
        say(f"Measuring {weights.on_what}")
        return plan_from_weights(
            weights,
            wish.target,
            length=wish.length,
            sinks=sinks,
            picks=not wish.windows_only,
            prompts=wish.prompts,
            files=wish.texts,
            column=wish.column,
            cache_type=wish.cache_type,
            progress=progress,
        )


def _from_facts(wish: _Wish, gamma: float | None) -> KVPlan:
    from ropescope.compress.planning import plan_from_gamma, plan_uniform

    facts, options = _facts(wish.given, wish.revision, wish.length, wish.sinks, wish.cache_type)
    if gamma is not None:
        return plan_from_gamma(gamma, facts, wish.target, **options)
    return plan_uniform(facts, wish.target, **options)


def _from_horizon(
    given: str, gamma: float, shape: str, keep_mass: float | None, revision: str | None, length: int | None,
    sinks: int | None, cache_type: str | None,
) -> KVPlan:  # fmt: skip
    from ropescope.compress.closed_forms import plan_from_horizon

    facts, options = _facts(given, revision, length, sinks, cache_type)
    return plan_from_horizon(gamma, facts, shape=shape, keep_mass=keep_mass, **options)  # type: ignore[arg-type]  # checked there


def _facts(
    given: str, revision: str | None, length: int | None, sinks: int | None, cache_type: str | None
) -> tuple[Model, dict[str, Any]]:
    """A model by its files, and what plans from a formula take besides."""
    from ropescope.compress.frame import DEFAULT_SINKS
    from ropescope.models.opening import open as open_model

    facts = open_model(given, revision=revision)
    tokens = length or facts.context_length
    if tokens is None:
        raise PlanError(f"{facts.name} states no context length: give --length.")
    return facts, {
        "length": tokens, "sinks": DEFAULT_SINKS if sinks is None else sinks, "cache_type": cache_type
    }  # fmt: skip


@contextmanager
def _needs_extra() -> Iterator[None]:
    try:
        yield
    except ModuleNotFoundError as error:
        raise MissingExtraError(
            f"Planning from a profile or from weights needs {error.name}, which is not installed: "
            "pip install 'ropescope[measure]'."
        ) from error


def _target(keep_mass: float | None, budget: str | None, max_loss: str | None) -> Target:
    from ropescope.compress.frame import Target

    allowed = None if max_loss is None else read_share("--max-loss", max_loss)
    if budget is None:
        return Target(keep_mass=keep_mass, max_loss=allowed)
    match = re.fullmatch(r"\s*([0-9]+(?:\.[0-9]+)?)\s*(%|[kmg]?i?b|)\s*", budget.lower())
    if match is None or (match[2] not in _UNITS and match[2] != "%"):
        raise PlanError(f"--budget {budget!r} is no budget: write 30%, 500000000, 512MiB or 2GB.")
    number = float(match[1])
    if match[2] == "%":
        return Target(keep_mass=keep_mass, max_loss=allowed, budget_share=number / 100)
    return Target(keep_mass=keep_mass, max_loss=allowed, budget_bytes=int(number * _UNITS[match[2]]))
