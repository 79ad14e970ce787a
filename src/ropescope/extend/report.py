"""A RopePlan as a Report: the answer, what it rests on, what happens to each pair, and the settings to copy."""

from __future__ import annotations

from collections.abc import Sequence
from math import isclose
from shlex import quote

from ropescope.extend.facts import plan_facts, scaled_layers
from ropescope.extend.figures import distance_figure, wavelength_figure
from ropescope.extend.plan.choosing import ZERO_SHOT_FACTOR
from ropescope.extend.plan.rope_plan import METHOD_NAMES, LayerTypePlan, RopePlan
from ropescope.extend.settings.setting import EngineSettings, printable
from ropescope.report.report import Column, Report, Scalar, Step, Table


def plan_report(
    plan: RopePlan,
    settings: Sequence[EngineSettings],
    *,
    source: str = "SOURCE",
    kept_in: str | None = None,
    config_in: str | None = None,
    gguf_in: str | None = None,
) -> Report:
    """The report of a plan with the settings of some engines; `source` is how the user named the model, `kept_in` the file
    the plan was saved in, `config_in` and `gguf_in` the config.json and the GGUF file that were written."""
    return Report(
        title=_title(plan),
        verdict=_verdict(plan),
        facts=plan_facts(plan),
        tables=(*(_pairs(plan) if plan.in_config else _distances(plan)), *(_snippet(entry) for entry in settings)),
        figures=(wavelength_figure(plan) if plan.in_config else distance_figure(plan),),
        caveats=plan.caveats,
        next_steps=(*_next_steps(plan, source, kept_in, config_in), *_served(plan, gguf_in)),
        data={**plan.to_dict(), "settings": [_plain(entry) for entry in settings]},
    )


def _title(plan: RopePlan) -> str:
    if plan.target_length <= plan.native_length:
        return f"{plan.target_length:,} tokens of context: {plan.model}"
    return f"From {plan.native_length:,} to {plan.target_length:,} tokens: {plan.model}"


def _verdict(plan: RopePlan) -> str:
    if not plan.changes:
        return plan.reasons[0] if plan.reasons else f"{plan.model} needs no change at {plan.target_length:,} tokens."
    name = METHOD_NAMES[plan.method]
    entry = scaled_layers(plan)
    if plan.method == "alpha":
        alpha = entry.theta / entry.theta_before
        name = f"A base of {entry.theta:,.0f} (α = {alpha:.4g})"
        stretch = entry.before[-1] / entry.after[-1] if entry.after[-1] else 1.0
        if stretch < plan.factor * 0.95:
            return (
                f"{name} stretches the slowest pair of {plan.model} {stretch:.3g} times; {plan.target_length:,} tokens need "
                f"{plan.factor:.3g} times."
            )
    elif not plan.in_config:
        name = f"{METHOD_NAMES[plan.method]} with {entry.near_tokens:,} near tokens"
    elif plan.method != "searched":
        name = f"{name} with a factor of {plan.factor:.4g}"
    verb = "extend" if plan.method == "searched" else "extends"
    reach = f"{verb} {plan.model} from {plan.native_length:,} to {plan.target_length:,} tokens"
    if plan.extends_native:
        return f"{_capital(name)}, the model's own scaling with a larger factor, {reach}: score it, or fine-tune."
    if plan.target_length / plan.trained_length > ZERO_SHOT_FACTOR:
        return f"{_capital(name)} {reach}. At this factor fine-tuning is usual; without it, expect a higher loss."
    return f"{_capital(name)} {reach}, without fine-tuning."


def _pairs(plan: RopePlan) -> tuple[Table, ...]:
    columns = (
        Column("pair"),
        Column("wavelength", "", ",.0f"),
        Column("after", "", ",.0f"),
        Column("turns in training", "", ",.3g"),
        Column("turns in target", "", ",.3g"),
        Column("change"),
    )
    tables = []
    for entry in plan.layer_types:
        if plan.changes and not entry.changed:
            continue
        where = f", {entry.layer_type.replace('_', ' ')}" if entry.layer_type else ""
        tables.append(
            Table(
                title=f"Rotary pairs, fastest first{where}",
                columns=columns,
                rows=tuple(_row(plan, entry, pair) for pair in _shown(len(entry.after))),
                note=_WAVELENGTH + (f" {len(entry.after)} pairs; `json` has all." if len(entry.after) > _FEW else ""),
            )
        )
    return tuple(tables)


def _distances(plan: RopePlan) -> tuple[Table, ...]:
    """How far keys are read, at the near border and by doublings of it."""
    entry = plan.layer_types[0]
    assert entry.near_tokens is not None
    shown, distance = [], entry.near_tokens // 2
    while 0 < distance < plan.target_length:
        shown.append(distance)
        distance *= 2
    rows = tuple((tokens, entry.effective_distance(tokens)) for tokens in (*shown, plan.target_length))
    return (
        Table(
            title="Distance of a key, and its effective distance",
            columns=(Column("tokens back", "", ",.0f"), Column("effective distance", "", ",.0f")),
            rows=rows,
            note=f"For queries from position {plan.trained_length:,} on. Earlier queries use the true distance of every key.",
        ),
    )


_FEW = 16
_WAVELENGTH = "wavelength: tokens for a full turn; turns: how many fit in the trained length and in the target."


def _shown(pairs: int) -> list[int]:
    """All pairs of a small head, else sixteen that span it, the first and the last among them."""
    if pairs <= _FEW:
        return list(range(pairs))
    return sorted({round(step * (pairs - 1) / (_FEW - 1)) for step in range(_FEW)})


def _row(plan: RopePlan, entry: LayerTypePlan, pair: int) -> tuple[Scalar, ...]:
    before, after = entry.wavelengths(after=False)[pair], entry.wavelengths()[pair]
    if before is None or after is None:
        return (pair, before, after, None, None, "does not turn")
    stretch = after / before
    if isclose(stretch, 1.0, rel_tol=1e-6):
        done = "kept"
    else:
        done = f"{stretch:.4g} times slower" if stretch > 1 else f"{1 / stretch:.4g} times faster"
    return (pair, before, after, plan.seen_length / before, plan.target_length / after, done)


def _snippet(entry: EngineSettings) -> Table:
    lines = entry.text.splitlines() or ["no settings; see the note"]
    return Table(
        title=f"{entry.engine} ({entry.versions})",
        columns=(Column(entry.language if entry.text else "settings"),),
        rows=tuple((line,) for line in lines),
        note=" ".join((*entry.remarks, f"Source: {entry.read_from}.")),
    )


def _next_steps(plan: RopePlan, source: str, kept_in: str | None, config_in: str | None) -> tuple[Step | str, ...]:
    if not plan.changes:
        return ()
    methods = f"none,truncated,{kept_in or plan.method}"
    given = {"source": printable(source), "to": str(plan.target_length)}
    steps: list[Step | str] = [
        Step("extend evaluate", {**given, "methods": printable(methods)}, "Score the plan before you serve it")
    ]
    if plan.method == "yarn" and not plan.extends_native:
        steps.append(
            Step("extend search", {**given, "out": "searched.json"}, "Search for factors that fit these weights better")
        )
        if plan.extras.get("rerope"):
            why = "In transformers, Leaky ReRoPE has a lower loss, and changes nothing within the trained length"
            steps.append(Step("extend plan", {**given, "method": "rerope", "out": "rerope.json"}, why))
    if kept_in is None:
        steps.append(
            "Keep the plan with `out`, as plan.json. RopePlan.load('plan.json').apply(model) applies it to a loaded "
            "model."
        )
    else:
        steps.append(
            f"RopePlan.load({kept_in!r}).apply(model) applies it to a loaded transformers model"
            + (
                ". `with plan.applied(model, n_tokens=N)` applies it only where N is above the trained length."
                if plan.in_config
                else "."
            )
        )
    if not plan.in_config:
        return tuple(steps)
    if config_in is None:
        steps.append("`save_config` writes the model's config.json with these RoPE settings; all other fields stay.")
    else:
        steps.append(f"{config_in} has these RoPE settings: copy the weights and the tokenizer into its folder.")
    return tuple(steps)


def _served(plan: RopePlan, gguf_in: str | None) -> tuple[str, ...]:
    if gguf_in is None:
        return ()
    name = quote(printable(gguf_in))
    return (
        f"{gguf_in} has these RoPE settings. Run llama-server -m {name} -c {plan.target_length}, or for Ollama a "
        f"Modelfile with FROM {gguf_in} and PARAMETER num_ctx {plan.target_length}.",
    )


def _plain(entry: EngineSettings) -> dict[str, object]:
    return {
        "engine": entry.engine,
        "versions": entry.versions,
        "read_from": entry.read_from,
        "language": entry.language,
        "text": entry.text,
        "remarks": list(entry.remarks),
        "overrides": dict(entry.overrides),
    }


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
