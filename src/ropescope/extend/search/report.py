"""A search as a Report: whether it found a better plan than its start, by how much, and what the plan does."""

from __future__ import annotations

from collections.abc import Mapping

from ropescope.extend.plan.rope_plan import METHOD_NAMES, RopePlan
from ropescope.extend.search.figures import figures
from ropescope.extend.search.objective import Losses
from ropescope.extend.search.result import SearchResult
from ropescope.network.type_words import number_type_fact
from ropescope.quality.intervals import Interval
from ropescope.report.report import Column, Fact, Report, Step, Table

_SEARCHED = "searched"
_LATE = 1.25
"""How much longer than it was given a search may take without a word."""


def search_report(result: SearchResult, *, kept_in: str | None = None) -> Report:
    """The report of a search; `kept_in` is the file that the plan was saved in."""
    what = "Factors" if result.start.in_config else "ReRoPE ranges"
    return Report(
        title=f"{what} for {result.model} at {result.start.target_length:,} tokens",
        verdict=_verdict(result),
        facts=_facts(result),
        tables=(_losses(result),),
        figures=figures(result),
        caveats=_caveats(result),
        next_steps=_next_steps(result, kept_in),
        data={
            "schema": "ropescope.extend.search/1",
            "plan": result.plan.to_dict(),
            "better": result.better,
            "started": _plain(result.started),
            "found": _plain(result.found),
            "unsure": None
            if result.unsure is None
            else {"plan": result.unsure.plan.to_dict(), **_plain(result.unsure.losses)},
            "unchanged_inside": result.unchanged,
            "tried": [
                {"numbers": list(entry.numbers), **_plain(entry.losses), "cost": entry.cost} for entry in result.tried
            ],
            "texts": list(result.texts),
            "minutes": result.minutes,
            "seconds": round(result.seconds, 1),
            "reading_seconds": round(result.reading, 1),
            "partial": result.partial,
            "provenance": dict(result.provenance),
        },
    )


def _start(result: SearchResult) -> str:
    return METHOD_NAMES[result.start.method]


def _plain(losses: Losses) -> dict[str, float]:
    return {"target": losses.target, "inside": losses.inside}


def _verdict(result: SearchResult) -> str:
    length, tried = result.start.target_length, len(result.tried)
    if not result.better:
        surely, but, more = "", "", "search longer (`minutes`)"
        if result.unsure is not None:
            surely, more = "significantly ", "search on more text (`texts`)"
            less = _interval(result.unsure.losses.less(result.started))
            but = f" The best plan differs by {less} nats per token at the end, which may be chance."
        return (
            f"Nothing {surely}better than {_start(result)} was found for {result.model} at {length:,} tokens among {tried} "
            f"plans.{but} Use {_start(result)}, or {more}."
        )
    gain = result.started.target - result.found.target
    inside = result.found.inside / result.unchanged - 1
    trained = f"inside the trained {result.start.trained_length:,} tokens"
    price = (
        f"its loss differs by {100 * inside:+.2f} % from the unchanged model"
        if result.plan.in_config
        else "it changes nothing"
    )
    return (
        f"The plan's loss is {abs(gain):.4f} nats per token "
        f"{'lower' if gain >= 0 else 'higher'} than {_start(result)}'s at the end "
        f"of {length:,} tokens, on the text of the search ({_interval(result.found.less(result.started))}; "
        f"{result.found.target:.4f} against {result.started.target:.4f}). {trained.capitalize()}, {price}."
    )


def _interval(found: Interval) -> str:
    assert found.high is not None
    return f"{found.value:+.4f} ± {found.high - found.value:.4f}"


def _facts(result: SearchResult) -> tuple[Fact, ...]:
    how = "full passes of every text" if result.exact else "keys of one pass, rotated anew; the best by full passes"
    if not result.start.in_config:
        how = "the end of the target, over the keys of one pass; the best by full passes"
    return (
        Fact("plans tried", len(result.tried), basis="measured", source=how),
        Fact("texts", len(result.texts), basis="measured", source="; ".join(result.texts)),
        Fact("time", round(result.seconds), "seconds", "measured", f"{result.reading:.0f} to read the texts once"),
        number_type_fact(result.provenance, "loss in float32"),
        *_plan_facts(result),
    )


def _plan_facts(result: SearchResult) -> tuple[Fact, ...]:
    entry = next(entry for entry in result.plan.layer_types if entry.changed)
    if entry.near_tokens is None:
        source = "multiplies cosines and sines"
        return (Fact("attention factor", round(entry.attention_factor, 4), "", "measured", source),)
    rule = result.start.layer_types[0]
    return (
        Fact("near", entry.near_tokens, "tokens back", "measured", f"default {rule.near_tokens:,}"),
        Fact(
            "distance growth beyond it",
            f"{entry.before[0] / entry.after[0]:.4g} times slower",
            "",
            "measured",
            f"default {rule.before[0] / rule.after[0]:.4g}",
        ),
    )


def _losses(result: SearchResult) -> Table:
    rows = [("no scaling", "", f"{result.unchanged:.4f}", "")]
    for name, losses in ((_start(result), result.started), (_SEARCHED, result.found)):
        if name == _SEARCHED and not result.better:
            continue
        share = f"{100 * (losses.inside / result.unchanged - 1):+.2f} %"
        rows.append((name, f"{losses.target:.4f}", f"{losses.inside:.4f}", share))
    return Table(
        title="Loss on the text of the search, nats per token",
        columns=(
            Column("positions"),
            Column("end of the target"),
            Column("inside"),
            Column("inside, against no scaling"),
        ),
        rows=tuple(rows),
        note="By full passes of every text under each plan.",
    )


def _caveats(result: SearchResult) -> tuple[str, ...]:
    found = ["These losses are measured on the text of the search: score the plan on other text before you use it."]
    if result.partial:
        found.append("The search was interrupted, and this is the best plan checked so far. Continue with `resume`.")
    if result.seconds > 60 * result.minutes * _LATE:
        found.append(
            f"The search took longer than {result.minutes:g} minutes: it reads the texts once before it tries a plan, and "
            "again to check the best. Give more `minutes`, or fewer `texts`."
        )
    factor = result.start.factor
    if factor > 4 and result.start.in_config:
        found.append(f"At {factor:.3g} times the trained length, any scaling needs fine-tuning.")
    return tuple(found)


def _next_steps(result: SearchResult, kept_in: str | None) -> tuple[Step | str, ...]:
    of = {"source": result.provenance.get("source", "SOURCE"), "to": str(result.start.target_length)}
    if not result.better:
        return () if result.unsure is None else _unsure(result.unsure.plan, of)
    if kept_in is None:
        return ("Give `out` to keep the plan; with `resume`, nothing is searched again.",)
    methods = f"none,truncated,{result.start.method},{kept_in}"
    shown = "Get its settings for engines, or a config.json" if result.plan.in_config else "See what it does"
    return (
        Step("extend evaluate", {**of, "methods": methods, "texts": "4"}, "Score the plan on held-out text"),
        Step("extend plan", {**of, "method": kept_in}, shown),
        f'In Python: RopePlan.load(Path("{kept_in}")).apply(model)',
    )


def _unsure(plan: RopePlan, of: Mapping[str, str]) -> tuple[Step, ...]:
    """How to score a plan that may be better: what reads near and far can be spelled out, factors of pairs cannot."""
    entry = plan.layer_types[0]
    if entry.near_tokens is None:
        return ()
    spelled = f"rerope@near={entry.near_tokens}+slower={entry.before[0] / entry.after[0]:.4g}"
    return (
        Step(
            "extend evaluate",
            {**of, "methods": f"truncated,rerope,{spelled}", "texts": "4"},
            "Score the best plan beside the default",
        ),
    )
