"""A measurement as a Report: the answer in words first, then the numbers, each with its basis and its null."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import hypot
from typing import Any

from ropescope.measure.estimates import Estimate, LayerSummary, Summary
from ropescope.measure.protocol import LEGACY_DISTANCES
from ropescope.measure.results.figures import figures
from ropescope.measure.results.result import WINDOW_NAMES, measurement_data, predicted_exponent, summary_theta
from ropescope.measure.shapes import ShapeComparison
from ropescope.measure.summary import WINDOW_SHARES
from ropescope.network.type_words import number_type_fact, types_compared
from ropescope.report.report import Column, Fact, Report, Step, Table
from ropescope.theory.formula import FORMULAS


def measurement_report(
    summary: Summary, control: Summary | None = None, *, legacy_first: bool = False, kept_in: str | None = None
) -> Report:
    """The report of a measurement and its random-weights control. `kept_in` is where the profile was
    saved; "" if it is shown from where it was saved, None if it was not."""
    pade = predicted_exponent(summary)
    return Report(
        title=_title(summary),
        verdict=_legacy_verdict(summary, control) if legacy_first else _verdict(summary, control),
        facts=tuple(_facts(summary, control, pade)),
        tables=tuple(_tables(summary)),
        figures=figures(summary, control, pade),
        caveats=tuple(_caveats(summary, control, legacy_first)),
        next_steps=tuple(_next_steps(summary, control, kept_in)),
        data=measurement_data(summary, control, legacy_first=legacy_first),
    )


def _title(s: Summary) -> str:
    about = s.provenance.get("corpus_about", s.provenance.get("corpus"))
    kind = " (random weights)" if s.provenance.get("random_init") else ""
    return f"{s.provenance.get('model')}{kind} · {s.n_prompts} prompts of {s.length:,} tokens · {about}"


def _verdict(s: Summary, control: Summary | None) -> str:
    name = s.provenance.get("model")
    partial = "Partial result: " if s.partial else ""
    if s.gamma.value is None:
        return f"{partial}{name}: no exponent, because no layer reaches enough distances at {s.length:,} tokens."
    sentence = f"{partial}{name} attends with γ = {_with_interval(s.gamma)}: {_in_words(s.gamma)}"
    if control is not None and control.gamma.value is not None:
        spread = f" ± {control.gamma.se:.3f}" if control.gamma.se is not None else ""
        sentence += (
            f"; the same network with random weights gives {control.gamma.value:.3f}{spread}, so the decay is learned"
        )
        if not _beyond(s, control):
            sentence = sentence.removesuffix(", so the decay is learned") + ", which is not told apart from it"
    return sentence + "."


def _in_words(gamma: Estimate) -> str:
    """What an exponent says, as far as its interval lets it say so."""
    value = gamma.value or 0.0
    if gamma.ci is not None and gamma.ci[0] <= 0.0 <= gamma.ci[1]:
        return "the interval includes 0, so no change of attention with distance is shown"
    if value < 0:
        return f"it puts more weight on distant tokens: ten times the distance gets {10**-value:.3g} times the weight"
    nearly = "it attends nearly alike at all distances: " if value < 0.05 else ""
    return f"{nearly}ten times the distance gets {10**-value:.2g} of the weight"


def _beyond(s: Summary, control: Summary) -> bool:
    if s.gamma.value is None or control.gamma.value is None:
        return False
    se = hypot(s.gamma.se or 0.0, control.gamma.se or 0.0)
    # For few prompts three standard errors are less than the interval.
    reach = hypot(
        *(max(abs(end - e.value) for end in e.ci) for e in (s.gamma, control.gamma) if e.ci and e.value is not None)
    )
    return abs(s.gamma.value - control.gamma.value) > max(0.05, 3 * se, reach)


def _legacy_verdict(s: Summary, control: Summary | None) -> str:
    name = s.provenance.get("model")
    if s.legacy is None or s.legacy.gamma.value is None:
        return f"{name}: the published protocol needs at least four of its distances; use a longer `length`."
    sentence = (
        f"{name} reads γ = {_with_interval(s.legacy.gamma)} in the published protocol, where uniform attention already reads "
        f"{s.legacy.gamma_null:.4f} (R² {s.legacy.r2_null:.4f})"
    )
    if control is not None and control.legacy is not None and control.legacy.gamma.value is not None:
        sentence += f" and the same network with random weights {control.legacy.gamma.value:.3f}"
    if s.gamma.value is not None:
        sentence += f"; at one fixed length it is {_with_interval(s.gamma)}"
    return sentence + "."


def _with_interval(estimate: Estimate) -> str:
    if estimate.value is None:
        return "–"
    if estimate.ci is None:
        return f"{estimate.value:.3f} (one prompt: no error can be given)"
    return f"{estimate.value:.3f} ± {estimate.se:.3f} (95 % {estimate.ci[0]:.3f} to {estimate.ci[1]:.3f})"


def _facts(s: Summary, control: Summary | None, pade: float | None) -> list[Fact]:
    protocol = s.provenance.get("protocol", {})
    fixed = f"fixed length {s.length:,}, d from {s.d_min} to {s.d_max or '–'}, {s.fitted_layers} layers"
    found = [
        Fact(
            "γ", _round(s.gamma.value), basis="measured", source=f"weighted least squares, {fixed}", interval=s.gamma.ci
        ),
        Fact("γ, maximum likelihood", _round(s.gamma_mle.value), source="bounded support", interval=s.gamma_mle.ci),
        Fact("γ of uniform attention", 0.0, basis="formula", source="exact for this protocol: its null"),
    ]
    if control is not None:
        found.append(
            Fact("γ with random weights", _round(control.gamma.value), source="same prompts", interval=control.gamma.ci)
        )
    found += [
        Fact("R² of the power law", _round(s.r2), source="log–log, weighted by ln d"),
        Fact("shape", _shape_words(s.shape), source="held-out likelihood over prompts"),
        Fact(
            "attention on sinks",
            _round(s.sink_mass.value),
            source=f"first {protocol.get('sinks')} tokens",
            interval=s.sink_mass.ci,
        ),
    ]
    if s.sink_logit_mass:
        found.append(Fact("attention on sink logits", _round(s.sink_logit_mass), source="learned, no token"))
    for share, name, window in zip(WINDOW_SHARES, WINDOW_NAMES, s.windows, strict=True):
        source = f"last tokens that hold {share:.0%} of the attention, sinks aside"
        found.append(Fact(name, _whole(window.value), unit="tokens", source=source, interval=window.ci))
    if s.legacy is not None:
        null = f"published protocol; its null: uniform attention reads {s.legacy.gamma_null:.4f}, R² {s.legacy.r2_null:.4f}"
        found.append(
            Fact("γ, published protocol", _round(s.legacy.gamma.value), source=null, interval=s.legacy.gamma.ci)
        )
    if control is not None and control.legacy is not None:
        found.append(
            Fact(
                "γ, published, random",
                _round(control.legacy.gamma.value),
                source="what the protocol makes of no decay",
                interval=control.legacy.gamma.ci,
            )
        )
    if pade is not None:
        found.append(
            Fact(
                "γ_Padé",
                _round(pade),
                basis="formula",
                source=f"{FORMULAS['gamma_pade'].standing}; θ = {summary_theta(s):g}, T = {s.length}",
            )
        )
    found.append(number_type_fact(s.provenance, "attention rows in float32"))
    found.append(Fact("time", s.provenance.get("seconds"), unit="s", source="forward passes"))
    return found


def _shape_words(shape: ShapeComparison | None) -> str:
    if shape is None:
        return "not compared (needs four prompts)"
    if shape.separable:
        return f"{shape.best}, ahead of all others"
    return f"{shape.best}; not separable from {', '.join(name for name in shape.equals if name != shape.best)}"


def _tables(s: Summary) -> list[Table]:
    tables = [
        Table(
            title="Layers",
            columns=(
                Column("layer"),
                Column("kind"),
                Column("γ", format=".3f"),
                Column("±", format=".3f"),
                Column("R²", format=".3f"),
                Column("heads γ", ""),
                Column("sinks", format=".3f"),
                Column("D50", format=",.0f"),
                Column("D90", format=",.0f"),
                Column("entropy", format=".2f"),
            ),
            rows=tuple(
                (
                    layer.index,
                    layer.kind if layer.window_tokens is None else f"{layer.kind} {layer.window_tokens:,}",
                    layer.gamma.value,
                    layer.gamma.se,
                    layer.r2,
                    _head_range(layer),
                    layer.sink_mass.value,
                    layer.windows[0],
                    layer.windows[1],
                    layer.entropy_nats,
                )
                for layer in s.layers
            ),
            note="±: standard error over prompts. heads γ: least to largest over the heads. D50, D90: tokens. entropy: nats.",
            limit=40,
        )
    ]
    if s.shape is not None:
        tables.append(
            Table(
                title="Which law",
                columns=(
                    Column("shape"),
                    Column("law"),
                    Column("behind the best", "nats", ".4f"),
                    Column("±", "nats", ".4f"),
                ),
                rows=tuple(
                    (score.name, score.formula, score.behind_best_nats, score.behind_best_half_width)
                    for score in s.shape.scores
                ),
                note="Held-out log-likelihood by prompt; a shape within its ± of the best cannot be told from it.",
            )
        )
    not_applicable: Sequence[Mapping[str, Any]] = s.provenance.get("not_applicable_layers", [])
    if not_applicable:
        tables.append(
            Table(
                title="Layers without softmax attention",
                columns=(Column("layer"), Column("kind")),
                rows=tuple((layer["index"], layer["kind"]) for layer in not_applicable),
                note="Not applicable: there is no attention by distance to measure.",
                limit=8,
            )
        )
    return tables


def _head_range(layer: LayerSummary) -> str:
    values = [head.gamma.value for head in layer.heads if head.gamma.value is not None]
    return f"{min(values):.2f} … {max(values):.2f}" if values else "–"


def _caveats(s: Summary, control: Summary | None, legacy_first: bool) -> list[str]:
    found = list(s.provenance.get("notes", []))
    if s.partial or (control is not None and control.partial):
        found.append("The measurement was interrupted: the numbers are of the prompts that were finished.")
    if control is not None:
        sides = (("this profile", s), ("its control", control))
        found += types_compared((name, side.provenance.get("dtype")) for name, side in sides)
    if s.n_prompts == 1:
        found.append("One prompt gives no error: intervals are over prompts.")
    elif legacy_first:
        found.append(
            "The published protocol reads single cells, and a few prompts can carry their mean: in a test on real prompts its "
            "95 % interval held the truth in two of three cases."
        )
    if s.mean_median_disagree:
        found.append(
            f"Mean and median over prompts disagree (γ {s.gamma.value:.3f} and {s.gamma_median:.3f}): some prompt is an outlier."
        )
    if s.r2 is not None and s.r2 < 0.9:
        found.append(f"A power law explains only {s.r2:.0%} of the curve, so γ says little of its shape.")
    if s.shape is not None and "power" not in s.shape.equals:
        found.append(f"A pure power law is not the best description: {_shape_words(s.shape)}.")
    if 0 < s.fitted_layers < len(s.layers):
        found.append(
            f"γ is of the {s.fitted_layers} layers that reach {s.d_max or 0:,} tokens; the other "
            f"{len(s.layers) - s.fitted_layers} see a shorter window and are fitted within it."
        )
    if s.provenance.get("beyond_trained"):
        found.append(
            f"{s.provenance['n_tokens']:,} tokens is beyond the trained context ({s.provenance['context_length']:,}): "
            "this is extrapolation."
        )
    if s.legacy is not None and len(s.legacy.distances) < len(LEGACY_DISTANCES):
        found.append(
            f"The published protocol is cut at d = {s.legacy.distances[-1]:,}: its largest distances need 2,050 tokens."
        )
    return found


def _next_steps(s: Summary, control: Summary | None, kept_in: str | None) -> list[Step | str]:
    steps: list[Step | str] = []
    if s.partial or (control is not None and control.partial):
        steps.append("Continue where it stopped: the same again with `resume`.")
    if control is None and not s.provenance.get("random_init"):
        steps.append("See what this network gives with random weights: add `control` random-init.")
    if kept_in:
        steps.append(Step("show-profile", {"profile": kept_in}, "Show it again"))
    elif kept_in is None:
        steps.append("Keep the profile: add `out` profile.parquet (opens in pandas, polars and DuckDB).")
    return steps


def _round(value: float | None) -> float | None:
    return None if value is None else round(value, 4)


def _whole(value: float | None) -> int | None:
    return None if value is None else round(value)
