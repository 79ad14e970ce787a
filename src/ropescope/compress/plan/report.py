"""A plan as a Report: how many bytes are saved, what is expected to be kept, and the windows by layer and head."""

from __future__ import annotations

from ropescope.compress.plan.figures import window_map
from ropescope.compress.plan.kv_plan import KVPlan, LayerPlan
from ropescope.report.numbers import binary_size
from ropescope.report.report import Basis, Column, Fact, Report, Scalar, Step, Table

_BASIS: dict[str, Basis] = {"measured": "measured", "formula": "formula", "assumed": "assumed"}


def plan_report(plan: KVPlan, kept_in: str | None = None, *, source: str = "SOURCE") -> Report:
    """The report of a plan; `kept_in` is the file it was saved in, `source` the model it is for."""
    saved = 1 - plan.bytes_after / plan.bytes_before
    mass = "" if plan.kept_mass is None else f", with {plan.kept_mass:.1%} of the attention outside the sinks"
    return Report(
        title=f"A cache plan for {plan.model} at {plan.length:,} tokens",
        verdict=(
            f"{plan.model} can hold {plan.length:,} tokens in {binary_size(plan.bytes_after)} of cache instead of "
            f"{binary_size(plan.bytes_before)} ({saved:.0%} less){_promise(plan) or mass}."
        ),
        facts=_facts(plan),
        tables=(_table(plan),),
        figures=(window_map(plan),),
        caveats=_caveats(plan),
        next_steps=_next_steps(plan, kept_in, source),
        data=plan.to_dict(),
        holds=True,
    )


def _promise(plan: KVPlan) -> str:
    limit = plan.target.get("max_loss")
    return "" if limit is None else f", which on calibration text adds {100 * limit:.3g} % to the loss"


def _facts(plan: KVPlan) -> tuple[Fact, ...]:
    basis = _BASIS[plan.basis]
    windows = sorted(window for layer in plan.planned_layers for window in layer.windows)
    mass = (
        ()
        if plan.kept_mass is None
        else (
            Fact(
                "attention kept", round(plan.kept_mass, 4), basis=basis, source="outside the sinks, mean over KV heads"
            ),
        )
    )
    return (
        Fact("cache without a plan", plan.bytes_before, "bytes", "config", f"{plan.key_type}, one sequence"),
        Fact(
            "cache with the plan",
            plan.bytes_after,
            "bytes",
            "config",
            "sinks, windows and picks, and layers left as they are" + _quantised(plan),
        ),
        Fact(
            "part of the cache kept",
            round(plan.bytes_after / plan.bytes_before, 4),
            basis=basis,
            source=_asked_for(plan),
        ),
        *mass,
        Fact("windows", f"{windows[0]:,} … {windows[-1]:,}", "tokens", basis, plan.windows_from),
        *_picks(plan),
        Fact("sinks", plan.sinks, "tokens", "assumed", "first tokens, kept in every planned head"),
        Fact("layers planned", f"{len(plan.planned_layers)} of {len(plan.layers)}", basis="config", source=_left(plan)),
    )


def _quantised(plan: KVPlan) -> str:
    if plan.storage is None:
        return ""
    return (
        f"; quantised to {plan.storage.bits} bits but for up to {plan.storage.newest:,} of the newest tokens of a head"
    )


def _picks(plan: KVPlan) -> tuple[Fact, ...]:
    if not plan.looks_at_text:
        return ()
    picks = [
        kept - window for layer in plan.planned_layers for kept, window in zip(layer.kept, layer.windows, strict=True)
    ]
    how = "those that the end of a prompt attends to most, chosen when it has been read"
    return (Fact("picks", f"{min(picks):,} … {max(picks):,}", "tokens", _BASIS[plan.basis], how),)


def _asked_for(plan: KVPlan) -> str:
    words = {
        "keep_mass": "share of the attention to keep: {:.4g}",
        "budget_bytes": "budget: {:,} bytes",
        "budget_share": "budget: {:.4g} of the cache",
        "max_loss": "added loss to allow: {:.4g} of the loss",
    }
    return "; ".join(words[name].format(value) for name, value in plan.target.items() if name in words)


def _left(plan: KVPlan) -> str:
    reasons: dict[str, int] = {}
    for layer in plan.layers:
        if not layer.planned:
            reasons[layer.untouched] = reasons.get(layer.untouched, 0) + 1
    return "; ".join(f"{number}: {reason}" for reason, number in reasons.items()) or "none is left as it is"


def _table(plan: KVPlan) -> Table:
    columns = (
        Column("layer"),
        Column("kind"),
        Column("windows", "tokens"),
        Column("mean window", "tokens", ",.0f"),
        Column("mean picks", "tokens", ",.0f"),
        Column("part kept", "", ".1%"),
        Column("attention kept", "", ".1%"),
    )
    return Table(
        title="Windows by layer",
        columns=columns,
        rows=tuple(_row(plan, layer) for layer in plan.layers),
        note="windows, picks: of the KV heads. part kept: of the layer's tokens. attention kept: outside the sinks.",
        limit=12,
    )


def _row(plan: KVPlan, layer: LayerPlan) -> tuple[Scalar, ...]:
    if not layer.planned:
        return (layer.index, layer.kind, f"as it is: {layer.untouched}", None, None, None, None)
    shown = ", ".join(f"{window:,}" for window in layer.windows)
    if len(layer.windows) > 4:
        shown = f"{min(layer.windows):,} … {max(layer.windows):,}"
    mean = sum(layer.windows) / len(layer.windows)
    mass = sum(layer.kept_mass) / len(layer.kept_mass) if layer.kept_mass else None
    kept = sum(layer.kept) / len(layer.kept)
    part = (plan.sinks + kept) / plan.length
    return (layer.index, layer.kind, shown, mean, kept - mean, part, mass)


def _caveats(plan: KVPlan) -> tuple[str, ...]:
    caveats = [
        "Attention is not use: what a plan costs in quality is not told by the attention it keeps. Score it on your own text."
    ]
    if plan.basis == "formula":
        caveats.append(
            "The closed form knows one power law for all heads, and no sinks: on published data its windows do not predict "
            "the operating points that sweeps find."
        )
    if plan.basis == "measured":
        caveats.append("Windows were measured on one corpus: other text may look farther back.")
    return tuple(caveats)


def _next_steps(plan: KVPlan, kept_in: str | None, source: str) -> tuple[Step | str, ...]:
    steps: list[Step | str] = []
    if kept_in is None:
        steps.append("Keep the plan with `out`, as plan.json: KVPlan.load('plan.json').cache(model) uses it.")
    else:
        steps.append(
            f"model.generate(**inputs, past_key_values=KVPlan.load({kept_in!r}).cache(model)) holds what the plan says."
        )
    if "weights" not in plan.windows_from:
        why = "Below 30 % of the cache, plan from the weights: scored at 15 %, that cost least"
        steps.append(Step("compress plan", {"source": source, "budget": "15%"}, why))
    return tuple(steps)
