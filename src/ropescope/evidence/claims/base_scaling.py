"""Claims on what the RoPE base does within one model, and on scaling it by α_opt (C6, C6b, C8c)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import isclose
from statistics import fmean
from typing import Any

import numpy as np
from scipy.stats import t as student

from ropescope.evidence.evidence import Evidence
from ropescope.evidence.extensions import Extension, exponents, extensions
from ropescope.evidence.tables import table
from ropescope.evidence.trained import Trained, trained
from ropescope.evidence.verdicts.claim import Baseline, Finding, judged
from ropescope.evidence.verdicts.registry import claim
from ropescope.evidence.verdicts.sample import Array, Sample
from ropescope.evidence.verdicts.statistics import others_mean, regress
from ropescope.quality.intervals import Interval, paired
from ropescope.report.report import Fact, Table
from ropescope.theory.base_design import alpha_opt
from ropescope.theory.decay import gamma_pade

GOOD_FIT = 0.9
PEERS = ("ntk", "dynamic", "yarn")
THETA = 100_000.0
"""The base of SmolLM2, as its config states it."""

PUBLISHED_BASES = (1e4, 1e5, 1e6)
PUBLISHED_ERROR = 0.0507

Changes = tuple[Interval, Interval, Interval]
"""Loss less that of the unscaled model: within the trained length, beyond it, in the last band."""


@claim(
    "C6",
    subject="RoPE base",
    statement="Models trained from scratch at θ = 10⁴, 10⁵ and 10⁶ follow γ_Padé to 5.07 % at most.",
    published_in="Part I, abstract (controlled-θ pilot)",
    data="no file of the public data holds a training run at a chosen θ; so small Llamas that were trained for ropescope at these "
    "bases and two lower ones, on the same data in the same order from the same first weights, over paired seeds",
    filter="γ at one fixed length; the three published bases decide",
    formula="max |γ − γ_Padé| / γ_Padé over the bases, γ the mean over seeds, T the trained length",
    verdict_rule="reproduced if at each of the three bases the interval of γ over seeds meets γ_Padé ± 5.07 %",
    tables=(),
    measured_by="benchmarks/trained_bases.py",
)
def trained_bases(evidence: Evidence) -> Finding:
    """The error at the published bases, beside a constant, and whether γ follows θ at all."""
    arms = {arm.theta: arm for arm in trained() if arm.theta is not None}
    thetas = list(arms)
    length = arms[thetas[0]].length
    pade = {theta: gamma_pade(theta, float(length)) for theta in thetas}
    found = {theta: paired(arms[theta].gamma) for theta in thetas}
    errors = {theta: 100 * abs(found[theta].value / pade[theta] - 1) for theta in thetas}
    published = [theta for theta in thetas if theta in PUBLISHED_BASES]
    worst = max(published, key=errors.__getitem__)
    means = {theta: found[theta].value for theta in thetas}
    others = {theta: fmean(means[other] for other in published if other != theta) for theta in published}
    holds = [
        low <= pade[theta] * (1 + PUBLISHED_ERROR) and high >= pade[theta] * (1 - PUBLISHED_ERROR)
        for theta in published
        for low, high in [_ends(found[theta])]
    ]
    on_theta, on_pade = _slope(arms, np.log), _slope(arms, np.vectorize(pade.__getitem__))
    low, high = _ends(found[worst])
    ends = sorted(100 * abs(end / pade[worst] - 1) for end in (low, high))
    return Finding(
        quantity="largest relative error over the published bases",
        value=errors[worst],
        unit="%",
        interval=(ends[0], ends[1]),
        interval_by=f"Student's t over {found[worst].n} seeds, at θ = {worst:,.0f}",
        published=100 * PUBLISHED_ERROR,
        n=f"{sum(found[theta].n for theta in thetas)} networks of {arms[worst].parameters:,} parameters",
        baselines=(
            Baseline(
                "the mean of the other two bases",
                100 * max(abs(means[theta] / others[theta] - 1) for theta in published),
            ),
        ),
        verdict=judged(all(holds), any(holds)),
        reason=(
            f"At {length} tokens γ is {means[published[0]]:.2f} to {means[published[-1]]:.2f} where γ_Padé says "
            f"{pade[published[0]]:.2f} to {pade[published[-1]]:.2f}; from θ = {thetas[0]:,.0f} to {thetas[-1]:,.0f} it changes by "
            f"{_words(on_theta)} for each factor e, and γ_Padé by {_slope_of(np.log(thetas), [pade[t] for t in thetas]):+.3f}."
        ),
        facts=(
            Fact(
                "slope of γ on ln θ",
                on_theta.value,
                interval=_bounds(on_theta),
                basis="measured",
                note="paired by seed",
            ),
            Fact(
                "slope of γ on γ_Padé",
                on_pade.value,
                interval=_bounds(on_pade),
                basis="measured",
                note="1 by the theory",
            ),
            Fact("largest error over all bases", max(errors.values()), "%", "measured"),
        ),
    ).with_table(
        "Trained bases",
        "positions | θ :,.0f | seeds | γ :.3f | low :.3f | high :.3f | γ_Padé :.3f | error [%] :.1f | γ, published protocol :.3f | "
        "loss [nats] :.3f",
        [_trained_row(arm) for arm in trained()],
        note=f"After {arms[worst].tokens:,} tokens; low and high: 95 % over seeds. `pilot` trains and measures them.",
    )


@claim(
    "C6b",
    subject="RoPE base",
    statement="Within one model γ follows γ_Padé when θ is changed: the slope of one on the other is 1.",
    published_in="what the formula says of the published θ sweep of Pythia-70M",
    data="attention by distance of Pythia-70M at nine bases, set after training at θ = 10,000",
    formula="least squares of γ on γ_Padé(θ, 2000)",
    verdict_rule="reproduced if the slope's interval holds 1 and not 0",
)
def changed_base(evidence: Evidence) -> Finding:
    """The slope over nine bases, beside that of a γ that does not move."""
    sweep = Sample([m for m in evidence.measurements if m.series == "steering"])
    gamma, pade = sweep.gamma, sweep.pade
    fit = regress(gamma, pade=pade)
    low, high = fit.slope_interval
    p_one = float(2 * student.sf(abs(fit.slope - 1) / fit.standard_errors[1], fit.n - 2))
    good = sweep.where(lambda m: m.refit.r2 > GOOD_FIT)
    among_good = regress(good.gamma, pade=good.pade)
    p_zero = f"p = {among_good.slope_p:.2f} against 0, {among_good.n} bases"
    constant = others_mean(gamma, [m.variant for m in sweep])
    return Finding(
        quantity="slope of γ on γ_Padé",
        value=fit.slope,
        interval=(low, high),
        interval_by=f"t interval of least squares, {fit.n} bases",
        published=1.0,
        n=f"{fit.n} bases in one model",
        baselines=(Baseline("γ that does not move with θ", 0.0),),
        verdict=judged(low <= 1 <= high and not low <= 0 <= high),
        reason=(
            f"γ stays between {gamma.min():.2f} and {gamma.max():.2f} while γ_Padé goes from {pade.min():.2f} to {pade.max():.2f}, "
            f"and a slope of 1 is rejected at p = {p_one:.1g}."
        ),
        facts=(
            Fact("p against a slope of 1", p_one),
            Fact("R²", fit.r2),
            Fact("mean error of γ_Padé", float(np.abs(gamma - pade).mean())),
            Fact("mean error of a constant", float(np.abs(gamma - gamma.mean()).mean()), note="the mean of the nine"),
            Fact("mean error of the other bases' mean", float(np.abs(gamma - constant).mean())),
            Fact("largest relative error of γ_Padé", 100 * float(np.abs(gamma / pade - 1).max()), "%"),
            Fact(f"slope where R² > {GOOD_FIT}", among_good.slope, interval=among_good.slope_interval, note=p_zero),
        ),
    ).with_table(
        "Bases",
        "θ :,.0f | γ :.3f | ± :.3f | R² :.3f | γ_Padé :.3f",
        [(m.theta, m.gamma, m.refit.se, m.refit.r2, m.pade()) for m in sweep],
    )


@claim(
    "C8c",
    subject="context extension",
    statement="Scaling the base by α_opt is Pareto-dominant over the unscaled baseline, within the trained length and beyond.",
    published_in="Part I, abstract",
    data="loss of SmolLM2-135M-Instruct by position on held-out prose, code and tables, by way of scaling (weights in bfloat16 "
    "or float32, as extended_losses.csv says); γ at each base",
    filter="α_opt for the γ_Padé of the trained length: α = target / trained length",
    formula="loss at α_opt less that of the unscaled model on the same text, mean over the positions within the trained length",
    verdict_rule="reproduced if at every target the interval within the trained length is not above 0, and beyond lies below",
    tables=(),
    measured_by="benchmarks/extension_tables.py",
)
def dominates_measured(evidence: Evidence) -> Finding:
    """What α_opt costs within the trained length and wins beyond, beside NTK-aware, dynamic and YaRN."""
    found = {target: (methods, _scaled(methods, target)) for target, methods in extensions().items()}
    # The method that multiplies the base by target / trained length keeps γ_Padé; a target without it says nothing.
    kept = {target: (methods, name) for target, (methods, name) in found.items() if name is not None}
    changes = {target: _against_unscaled(methods) for target, (methods, _) in kept.items()}
    dominant = [target for target, (_, name) in kept.items() if _dominates(changes[target][name])]
    main = max(kept, key=lambda target: (len(kept[target][0]["none"].texts), _n_bases(kept[target][0])))
    methods, name = kept[main]
    inside, beyond, _ = changes[main][name]
    measured = {row["alpha"]: row for row in exponents()}
    bases = {m.alpha: m for m in methods.values() if m.alpha is not None and m.alpha in measured}
    best = min(bases, key=lambda alpha: bases[alpha].mean("last"))
    own = measured[1.0]["gamma"]
    asked = alpha_opt(THETA, own, main)
    shrinks = "; below 1: it would shrink the base" if asked < 1 else ""
    yarn = methods[name].less(methods["yarn"], "last")
    texts = [f"{len(methods['none'].texts)} texts at {target:,} tokens" for target, (methods, _) in kept.items()]
    tried = f"of {', '.join(f'{a:g}' for a in bases)}"
    return Finding(
        quantity=f"added loss within the trained length at α = {main / methods['none'].trained:g}",
        value=inside.value,
        unit="nats a token",
        interval=_bounds(inside),
        interval_by="Student's t over texts, paired with the unscaled model",
        n=f"{', '.join(texts)}, one model",
        baselines=tuple(
            Baseline(f"{peer}, the same", changes[main][peer][0].value, _bounds(changes[main][peer][0]))
            for peer in PEERS
        ),
        verdict=judged(len(dominant) == len(kept)),
        reason=(
            f"At {main:,} tokens α_opt wins {-beyond.value:.2f} nats a token beyond the trained length and pays "
            f"{_words(inside)} within it, a trade that its peers offer, too; YaRN loses {_words(yarn)} less in the last band, and "
            f"the α that keeps the measured γ is {asked:.2f}, where of {len(bases)} tried α = {best:g} loses least"
            f"{_alone(methods, name)}."
        ),
        facts=(
            Fact("least loss in the last band", f"α = {best:g}", "", "measured", tried),
            _gamma_fact("γ there", measured[best]),
            _gamma_fact("γ of the unscaled base", measured[1.0]),
            Fact("α_opt that keeps the measured γ", asked, "", "formula", f"θ_design(γ, {main:,})/θ{shrinks}"),
        ),
        tables=(
            *(_losses(target, methods, changes[target]) for target, (methods, _) in kept.items()),
            _by_alpha(measured, bases),
        ),
    )


def _slope(arms: Mapping[float, Trained], scale: Callable[[Array], Array]) -> Interval:
    """The slope of γ on a scale of θ, one for each seed, as a mean over seeds."""
    x = scale(np.array(list(arms)))
    by_seed = np.array([arm.gamma for arm in arms.values()]).T
    return paired([_slope_of(x, values) for values in by_seed])


def _slope_of(x: Array, y: Any) -> float:
    centred = x - x.mean()
    return float(centred @ np.asarray(y) / (centred @ centred))


def _ends(found: Interval) -> tuple[float, float]:
    assert found.low is not None and found.high is not None
    return found.low, found.high


def _trained_row(arm: Trained) -> tuple[Any, ...]:
    gamma = paired(arm.gamma)
    pade = None if arm.theta is None else gamma_pade(arm.theta, float(arm.length))
    error = None if pade is None else 100 * abs(gamma.value / pade - 1)
    name = {"rope": "RoPE", "nope": "none", "alibi": "ALiBi"}[arm.kind]
    return (
        name, arm.theta, gamma.n, gamma.value, gamma.low, gamma.high, pade, error, fmean(arm.legacy_gamma), fmean(arm.loss),
    )  # fmt: skip


def _scaled(methods: dict[str, Extension], target: int) -> str | None:
    """The method that multiplies the base by target / trained length."""
    for name, method in methods.items():
        if method.alpha is not None and name != "ntk" and isclose(method.alpha, target / method.trained):
            return name
    return None


def _against_unscaled(methods: dict[str, Extension]) -> dict[str, Changes]:
    plain = methods["none"]
    return {
        name: (m.less(plain, "inside"), m.less(plain, "beyond"), m.less(plain, "last")) for name, m in methods.items()
    }


def _alone(methods: dict[str, Extension], name: str) -> str:
    """What `name` loses in the last band more than the unscaled model that is shown its last tokens alone."""
    if "truncated" not in methods:
        return ""
    less = methods[name].less(methods["truncated"], "last")
    return (
        f"; the unscaled model that is shown the last {methods[name].trained:,} tokens alone pays nothing within them, and loses "
        f"{_words(less)} less in the last band"
    )


def _n_bases(methods: dict[str, Extension]) -> int:
    return sum(method.alpha is not None for method in methods.values())


def _dominates(changes: Changes) -> bool:
    inside, beyond, _ = changes
    return (inside.low or 0.0) <= 0.0 and beyond.high is not None and beyond.high < 0.0


def _dominance(changes: Changes) -> str:
    if not _dominates(changes):
        return "no"
    # Too few texts to tell a price from none are no dominance.
    return "yes" if changes[0].value <= 0.0 else "not to be told"


def _bounds(interval: Interval) -> tuple[float, float] | None:
    return None if interval.low is None or interval.high is None else (interval.low, interval.high)


def _words(interval: Interval) -> str:
    bounds = _bounds(interval)
    return f"{interval.value:.3f}" + ("" if bounds is None else f" ({bounds[0]:.3f} to {bounds[1]:.3f})")


def _gamma_fact(name: str, row: dict[str, float]) -> Fact:
    return Fact(name, row["gamma"], interval=(row["low"], row["high"]), basis="measured")


def _losses(target: int, methods: dict[str, Extension], changes: dict[str, Changes]) -> Table:
    places = (f"{place} [nats] :+.3f | low :+.3f | high :+.3f" for place in ("inside", "beyond", "last band"))
    rows = []
    for name, method in methods.items():
        if name != "none":
            cells = (cell for found in changes[name] for cell in (found.value, found.low, found.high))
            rows.append((name, method.alpha, *cells, _dominance(changes[name])))
    return table(
        f"Loss at {target:,} tokens, less that of the unscaled model",
        " | ".join(("method | α :.4g", *places, "dominates")),
        rows,
        note=f"{len(methods['none'].texts)} texts, 95 % intervals over them. α: what the base is multiplied by, where no more "
        "than that is done.",
    )


def _by_alpha(measured: dict[float, dict[str, float]], bases: dict[float, Extension]) -> Table:
    rows = []
    for alpha, row in measured.items():
        losses = [bases[alpha].mean(where) if alpha in bases else None for where in ("inside", "last")]
        rows.append((alpha, row["gamma"], row["low"], row["high"], *losses))
    header = "α :g | γ :.3f | low :.3f | high :.3f | inside [nats] :.3f | last band [nats] :.3f"
    return table("γ and loss by base", header, rows)
