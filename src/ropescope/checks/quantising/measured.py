"""The report on two weights of one model: divergence, flips and loss, each with its interval over texts."""

from __future__ import annotations

from math import exp
from typing import TYPE_CHECKING

from ropescope.checks.quantising.figure import Own, cost_figure
from ropescope.checks.quantising.published import costs
from ropescope.models.model import Model
from ropescope.report.report import Column, Fact, Report, Scalar, Step, Table

if TYPE_CHECKING:
    from ropescope.quality.agreement import Agreement
    from ropescope.quality.intervals import Interval

MEASURES = (
    ("divergence", "KL divergence", "nats a token", "Σ p·ln(p/q), p of the original; 0 where both predict the same"),
    ("flips", "other top token", "of positions", "where the likeliest next token is another one"),
    ("added_loss", "added loss", "nats a token", "loss of the quantised weights less that of the original"),
)
HALF = "Both were computed in {dtype}, whose rounding is measured as a difference: SmolLM2 in Q8_0 diverges by 0.0041 nats so, and "
HALF += "by 0.0017 in float32."


def measured_report(found: Agreement, quantised: Model, original: Model, *, rounded: str | None) -> Report:
    """What the quantised weights predict beside the original ones."""
    means = {name: found.mean(name) for name, *_ in MEASURES}
    name = f"{quantised.name} rounded to {rounded}" if rounded else quantised.name
    n_tokens = sum(text.n_tokens for text in found.texts)
    protocol = f"{len(found.texts)} texts, {n_tokens:,} tokens; interval: bootstrap over texts"
    facts = [
        Fact(label, means[key].value, unit, "measured", protocol, _ends(means[key]), note)
        for key, label, unit, note in MEASURES
    ]
    facts.append(Fact("loss of the original", found.mean("loss").value, "nats a token", "measured", protocol))
    facts.append(Fact("perplexity ratio", exp(means["added_loss"].value), "", "measured", "e to the added loss"))
    bits = [_bits(quantised, rounded), _bits(original, None)]
    all_bytes = "bytes of all tensors over all parameters"
    for label, value, source in (
        ("bits a weight", bits[0], "of the rounded layers" if rounded else all_bytes),
        ("bits of the original", bits[1], all_bytes),
    ):
        if value is not None:
            facts.append(Fact(label, value, "", "formula" if rounded and value == bits[0] else "config", source))
    facts.append(Fact("number type", found.provenance["dtype"], "", "measured", str(found.provenance["dtype_reason"])))
    own = None if bits[0] is None else Own(name, bits[0], means["divergence"].value, *_pair(means["divergence"]))
    return Report(
        title=f"{name} beside {original.name}",
        verdict=_verdict(name, means, partial=found.partial),
        facts=tuple(facts),
        tables=(_by_kind(found), _scale()),
        figures=(cost_figure(own=own),),
        caveats=_caveats(found, bits, rounded),
        next_steps=(Step("quantisation", {}, "What is published of other models"),),
        data={
            "reference": found.reference,
            "other": found.other,
            "rounded": rounded,
            "partial": found.partial,
            **{key: {"value": mean.value, "low": mean.low, "high": mean.high} for key, mean in means.items()},
            "texts": [{field: getattr(text, field) for field in text.__slots__} for text in found.texts],
            "provenance": dict(found.provenance),
        },
    )


def _verdict(name: str, means: dict[str, Interval], *, partial: bool) -> str:
    divergence, flips, added = (means[key] for key, *_ in MEASURES)
    if divergence.value == 0 and flips.value == 0:
        text = f"{name} predicts exactly what the original does: divergence 0, no token flips."
    else:
        text = (
            f"{name}: KL divergence {divergence.value:.4f}{_shown(divergence, '.4f')}, another top token at "
            f"{flips.value:.1%}{_shown(flips, '.1%')} of positions, loss {added.value:+.4f}{_shown(added, '+.4f')} nats."
        )
    return f"{text} The run was interrupted: a part of the texts." if partial else text


def _caveats(found: Agreement, bits: list[float | None], rounded: str | None) -> tuple[str, ...]:
    told = ["Loss and divergence on held-out text do not tell what a benchmark or a long answer loses."]
    if found.mean("divergence").low is None:
        told.append("One text has no interval: ask for more `texts`.")
    if found.provenance["dtype"] != "float32":
        told.append(HALF.format(dtype=found.provenance["dtype"]))
    if rounded:
        told.append(
            "Linear layers are rounded to the nearest value, without calibration; embeddings, norms and output stay."
        )
    elif None not in bits and bits[0] > bits[1]:  # type: ignore[operator]
        told.append("The weights of `source` have more bits than those of `against`: are the two swapped?")
    return tuple(told)


def _by_kind(found: Agreement) -> Table:
    columns = (
        Column("text"), Column("texts", "", ",d"), Column("KL", "nats", ".4f"), Column("other top", "", ".1%"),
        Column("loss", "nats", ".3f"), Column("added loss", "nats", "+.4f"),
    )  # fmt: skip
    names = ("divergence", "flips", "loss", "added_loss")
    rows: list[tuple[Scalar, ...]] = []
    for kind in dict.fromkeys(text.kind for text in found.texts):
        n_texts = sum(text.kind == kind for text in found.texts)
        rows.append((kind, n_texts, *(found.mean(name, kind).value for name in names)))
    return Table("By kind of text", columns, tuple(rows))


def _scale() -> Table:
    """A few published rows to hold a measured divergence against."""
    columns = (
        Column("model"),
        Column("format"),
        Column("KL divergence", "nats", ".4f"),
        Column("other top token", "", ".1%"),
    )
    chosen = [row for row in costs() if row.format in ("Q8_0", "Q6_K", "Q4_K_M", "Q2_K") and row.same_top is not None]
    rows = tuple((row.model, row.format, row.kld, 1 - (row.same_top or 0) / 100) for row in chosen)
    note = f"On Wikitext-2, by {chosen[0].cited}; other text gives other numbers."
    return Table("For scale: what is published of other models", columns, rows, note)


def _bits(model: Model, rounded: str | None) -> float | None:
    if rounded is not None:
        from ropescope.network.rounding import ROUNDINGS

        return ROUNDINGS[rounded].bits
    if model.parameters is None or model.weights is None:
        return None
    return 8 * model.weights.n_bytes / model.parameters.total


def _pair(mean: Interval) -> tuple[float | None, float | None]:
    return mean.low, mean.high


def _ends(mean: Interval) -> tuple[float, float] | None:
    return None if mean.low is None or mean.high is None else (mean.low, mean.high)


def _shown(mean: Interval, spec: str) -> str:
    return "" if mean.low is None or mean.high is None else f" ({mean.low:{spec}} to {mean.high:{spec}})"
