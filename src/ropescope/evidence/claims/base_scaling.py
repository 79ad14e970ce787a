"""The claim that scaling by α_opt is Pareto-dominant (C8c), on losses measured for ropescope beside the peers of the method."""

from __future__ import annotations

from math import isclose

from ropescope.evidence.evidence import Evidence
from ropescope.evidence.extensions import Extension, exponents, extensions
from ropescope.evidence.verdicts.claim import Baseline, Finding
from ropescope.evidence.verdicts.registry import claim
from ropescope.quality.intervals import Interval
from ropescope.report.report import Column, Fact, Table
from ropescope.theory.base_design import alpha_opt

PEERS = ("ntk", "dynamic", "yarn")
THETA = 100_000.0
"""The base of SmolLM2, as its config states it."""


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
    by_target = {target: methods for target, methods in extensions().items() if _kept(methods, target) is not None}
    changes = {target: _against_unscaled(methods) for target, methods in by_target.items()}
    kept = {target: _named(methods, target) for target, methods in by_target.items()}
    dominant = [target for target in by_target if _dominates(changes[target][kept[target]])]
    main = max(by_target, key=lambda target: (len(by_target[target]["none"].texts), _n_bases(by_target[target])))
    inside, beyond, _ = changes[main][kept[main]]
    rows = exponents()
    measured = {row["alpha"]: row for row in rows}
    bases = {m.alpha: m for m in by_target[main].values() if m.alpha is not None and m.alpha in measured}
    best = min(bases, key=lambda alpha: bases[alpha].mean("last"))
    own = measured[1.0]["gamma"]
    asked = alpha_opt(THETA, own, main)
    yarn = by_target[main][kept[main]].less(by_target[main]["yarn"], "last")
    return Finding(
        quantity=f"added loss within the trained length at α = {main / by_target[main]['none'].trained:g}",
        value=inside.value,
        unit="nats a token",
        interval=_bounds(inside),
        interval_by="Student's t over texts, paired with the unscaled model",
        n=", ".join(f"{len(methods['none'].texts)} texts at {target:,} tokens" for target, methods in by_target.items())
        + ", one model",
        baselines=tuple(
            Baseline(f"{name}, the same", changes[main][name][0].value, _bounds(changes[main][name][0]))
            for name in PEERS
        ),
        verdict="reproduced" if len(dominant) == len(by_target) else "not reproduced",
        reason=(
            f"At {main:,} tokens α_opt wins {-beyond.value:.2f} nats a token beyond the trained length and pays "
            f"{_words(inside)} within it, a trade that its peers offer, too; YaRN loses {_words(yarn)} less in the last band, and "
            f"the α that keeps the measured γ is {asked:.2f}, where of {len(bases)} tried α = {best:g} loses least"
            f"{_alone(by_target[main], kept[main])}."
        ),
        facts=(
            Fact("least loss in the last band", f"α = {best:g}", "", "measured", f"of {', '.join(f'{a:g}' for a in bases)}"),
            Fact("γ there", measured[best]["gamma"], interval=(measured[best]["low"], measured[best]["high"]), basis="measured"),
            Fact("γ of the unscaled base", own, interval=(measured[1.0]["low"], measured[1.0]["high"]), basis="measured"),
            Fact(
                "α_opt that keeps the measured γ", asked, "", "formula",
                f"θ_design(γ, {main:,})/θ{'; below 1: it would shrink the base' if asked < 1 else ''}",
            ),
        ),
        tables=(*(_table(target, methods, changes[target]) for target, methods in by_target.items()), _by_alpha(measured, bases)),
    )  # fmt: skip


Changes = tuple[Interval, Interval, Interval]
"""Loss less that of the unscaled model: within the trained length, beyond it, in the last band."""


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


def _named(methods: dict[str, Extension], target: int) -> str:
    name = _kept(methods, target)
    assert name is not None
    return name


def _kept(methods: dict[str, Extension], target: int) -> str | None:
    """The method that multiplies the base by target / trained length, which keeps γ_Padé."""
    for name, method in methods.items():
        if method.alpha is not None and name != "ntk" and isclose(method.alpha, target / method.trained):
            return name
    return None


def _n_bases(methods: dict[str, Extension]) -> int:
    return sum(method.alpha is not None for method in methods.values())


def _dominates(changes: Changes) -> bool:
    inside, beyond, _ = changes
    return (inside.low or 0.0) <= 0.0 and beyond.high is not None and beyond.high < 0.0


def _dominance(changes: Changes) -> str:
    inside = changes[0]
    if not _dominates(changes):
        return "no"
    # Too few texts to tell a price from none are no dominance.
    return "yes" if inside.value <= 0.0 else "not to be told"


def _bounds(interval: Interval) -> tuple[float, float] | None:
    return None if interval.low is None or interval.high is None else (interval.low, interval.high)


def _words(interval: Interval) -> str:
    bounds = _bounds(interval)
    return f"{interval.value:.3f}" + ("" if bounds is None else f" ({bounds[0]:.3f} to {bounds[1]:.3f})")


def _table(target: int, methods: dict[str, Extension], changes: dict[str, Changes]) -> Table:
    places = ("inside", "beyond", "last band")
    columns = [Column("method"), Column("α", "", ".4g")]
    for place in places:
        columns += [Column(place, "nats", "+.3f"), Column("low", "", "+.3f"), Column("high", "", "+.3f")]
    return Table(
        f"Loss at {target:,} tokens, less that of the unscaled model",
        (*columns, Column("dominates")),
        tuple(
            (
                name, method.alpha, *(cell for found in changes[name] for cell in (found.value, found.low, found.high)),
                _dominance(changes[name]),
            )
            for name, method in methods.items() if name != "none"
        ),
        note=f"{len(methods['none'].texts)} texts, 95 % intervals over them. α: what the base is multiplied by, where no more "
        "than that is done.",
    )  # fmt: skip


def _by_alpha(measured: dict[float, dict[str, float]], bases: dict[float, Extension]) -> Table:
    return Table(
        "γ and loss by base",
        (
            Column("α", "", "g"), Column("γ", "", ".3f"), Column("low", "", ".3f"), Column("high", "", ".3f"),
            Column("inside", "nats", ".3f"), Column("last band", "nats", ".3f"),
        ),
        tuple(
            (
                alpha, row["gamma"], row["low"], row["high"],
                *((bases[alpha].mean("inside"), bases[alpha].mean("last")) if alpha in bases else (None, None)),
            )
            for alpha, row in measured.items()
        ),
    )  # fmt: skip
