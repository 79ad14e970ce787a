"""`ropescope compress plan`."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ropescope.app.options import Figures, Html, Json, Revision
from ropescope.errors import MissingExtraError, PlanError

if TYPE_CHECKING:
    from ropescope.compress.plan import KVPlan
    from ropescope.compress.planning import Target

compress = typer.Typer(
    name="compress", help="Plan a smaller KV cache from what a model's heads attend to.", no_args_is_help=True
)

_UNITS = {"": 1, "b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "kib": 1 << 10, "mib": 1 << 20, "gib": 1 << 30}


@compress.callback()
def _compress() -> None:
    """Plan a smaller KV cache from what a model's heads attend to."""


@compress.command("plan")
def plan(
    profile: Annotated[
        str,
        typer.Argument(
            metavar="PROFILE|SOURCE",
            help="A profile that `ropescope measure --out` has kept; with --gamma or --uniform, a model.",
        ),
    ],
    keep_mass: Annotated[
        float | None, typer.Option(metavar="F", help="Keep this share of every head's attention outside the sinks.")
    ] = None,
    budget: Annotated[
        str | None, typer.Option(metavar="B", help="Bytes for the whole cache of a sequence: 30%, 512MiB, 2GB.")
    ] = None,
    model: Annotated[
        str | None, typer.Option(metavar="SOURCE", help="The model of the profile; default: the one it names.")
    ] = None,
    length: Annotated[
        str | None,
        typer.Option(metavar="N", help="Tokens of a sequence, as 8192 or 8k; default: those of the profile."),
    ] = None,
    gamma: Annotated[
        float | None,
        typer.Option(help="Take one window for all heads from the closed form D_f(γ, N) with this exponent."),
    ] = None,
    allocation: Annotated[
        str, typer.Option(help="How a budget is divided: share (of each head's attention) or gain (of the next byte).")
    ] = "share",
    uniform: Annotated[
        bool, typer.Option("--uniform", help="One window for all heads: what every plan must beat.")
    ] = False,
    sinks: Annotated[
        int | None, typer.Option(help="First tokens kept in every head; default: those of the profile, else 4.")
    ] = None,
    cache_type: Annotated[
        str | None, typer.Option(help="Type of the cache: bf16, f16, f32, fp8, q8_0, …; default: the model's.")
    ] = None,
    revision: Revision = None,
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="Keep the plan (JSON).")] = None,
    html: Html = None,
    figure: Figures = None,
    as_json: Json = False,
) -> None:
    """Plan which tokens each KV head keeps, for a share of the attention or a budget of bytes."""
    from ropescope.app.show import show_report
    from ropescope.compress.report import plan_report
    from ropescope.report.figure import check_suffix

    for path in figure or ():
        check_suffix(path)
    made = _plan(
        profile,
        _target(keep_mass, budget),
        model,
        _tokens(length),
        allocation,
        gamma,
        uniform,
        sinks,
        cache_type,
        revision,
    )
    report = plan_report(made, None if out is None else str(made.save(out)))
    show_report(report, json=as_json, html=html, figures=tuple(figure or ()))


def _plan(
    given: str, target: Target, model: str | None, length: int | None, allocation: str, gamma: float | None,
    uniform: bool, sinks: int | None, cache_type: str | None, revision: str | None,
) -> KVPlan:  # fmt: skip
    from ropescope.compress.planning import DEFAULT_SINKS, plan_from_gamma, plan_from_profile, plan_uniform
    from ropescope.models.opening import open as open_model

    if gamma is None and not uniform:
        profile = _profile(given)
        facts = open_model(model or str(profile.provenance.get("model", "")), revision=revision)
        if sinks is not None and sinks != profile.protocol.sinks:
            raise PlanError(
                f"The profile left {profile.protocol.sinks} sinks out of its distances: leave out --sinks, or measure with "
                f"--sinks {sinks}."
            )
        return plan_from_profile(
            profile,
            facts,
            target,
            length=length,
            allocation=allocation,  # type: ignore[arg-type]  # checked there, in a sentence that names the choices
            cache_type=cache_type,
        )
    if gamma is not None and uniform:
        raise PlanError("Give --gamma or --uniform, not both.")
    if model is not None:
        raise PlanError("--model goes with a profile: with --gamma or --uniform, give the model in its place.")
    facts = open_model(given, revision=revision)
    tokens = length or facts.context_length
    if tokens is None:
        raise PlanError(f"{facts.name} states no context length: give --length.")
    options: dict[str, Any] = {
        "length": tokens, "sinks": DEFAULT_SINKS if sinks is None else sinks, "cache_type": cache_type
    }  # fmt: skip
    if gamma is not None:
        return plan_from_gamma(gamma, facts, target, **options)
    return plan_uniform(facts, target, **options)


def _profile(given: str) -> Any:
    path = Path(given)
    if not path.is_file() or path.suffix.lower() == ".gguf":
        raise PlanError(
            f"{given} is no profile: measure one with `ropescope measure {given} --out profile.parquet` and give that, or "
            "plan without measuring with --gamma or --uniform."
        )
    try:
        from ropescope.measure.profile import DecayProfile
    except ModuleNotFoundError as error:
        raise MissingExtraError(
            f"Reading a profile needs {error.name}, which is not installed: pip install 'ropescope[measure]'."
        ) from error
    return DecayProfile.load(path)


def _target(keep_mass: float | None, budget: str | None) -> Target:
    from ropescope.compress.planning import Target

    if budget is None:
        return Target(keep_mass=keep_mass)
    match = re.fullmatch(r"\s*([0-9]+(?:\.[0-9]+)?)\s*(%|[kmg]?i?b|)\s*", budget.lower())
    if match is None or (match[2] not in _UNITS and match[2] != "%"):
        raise PlanError(f"--budget {budget!r} is no budget: write 30%, 500000000, 512MiB or 2GB.")
    number = float(match[1])
    if match[2] == "%":
        return Target(keep_mass=keep_mass, budget_share=number / 100)
    return Target(keep_mass=keep_mass, budget_bytes=int(number * _UNITS[match[2]]))


def _tokens(length: str | None) -> int | None:
    if length is None:
        return None
    from ropescope.checks.compute import read_number

    tokens = read_number("length", length)
    if not isinstance(tokens, int) or tokens < 1:
        raise PlanError(f"--length {length} is no number of tokens: give a whole number of at least 1.")
    return tokens
