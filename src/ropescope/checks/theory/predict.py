"""Predict: the family of exponents that the formulas give for one config, and what such a prediction is worth."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ropescope.errors import DomainError
from ropescope.models.model import Model
from ropescope.models.opening import open as open_model
from ropescope.questions.inputs import asked
from ropescope.questions.kinds import Tokens
from ropescope.questions.question import Run
from ropescope.questions.shared import OneModel
from ropescope.report.report import Basis, Column, Fact, Figure, Report, Step, Table
from ropescope.report.theme import AMBER, BLUE, INK, SKY
from ropescope.theory.decay import gamma_exponential, gamma_lerch, gamma_linear, gamma_pade, gamma_pade22
from ropescope.theory.formula import FORMULAS
from ropescope.theory.kernel import amplitude_exponent
from ropescope.theory.nulls import uniform_null_exponent
from ropescope.theory.regimes import regime

MEASURED_AMPLITUDE = 0.6728
"""Mean amplitude of a rotary pair in nats, the one public measurement (Pythia-1B, d_h = 256)."""

PUBLISHED_DISTANCES = (30.0, 50.0, 100.0, 200.0, 500.0, 1000.0, 2000.0)
PUBLISHED_OFFSET = 50.0

CAREFUL = (
    "Across models γ_Padé explains none of the variance of the published measurements: r = 0.09, p = 0.55 "
    "(46 measurements of 23 RoPE models, recomputed from the published data)."
)


@dataclass(frozen=True, kw_only=True)
class PredictInputs(OneModel):
    """A model, and the length to predict at."""

    length: int | None = asked(
        Tokens(), "Context length in tokens, as 8192 or 32k (32,768); default: the stated one.", default=None
    )


def answer(inputs: PredictInputs, run: Run) -> Report:
    """The exponents that the formulas give for a model's config."""
    model = open_model(inputs.source, revision=inputs.revision, config_only=True)
    return predict_report(inputs_of(model, inputs.length))


@dataclass(frozen=True, slots=True)
class Basics:
    """What a prediction needs, and where each number comes from. `head_dim` = 0 means that it is not known."""

    name: str
    theta: float
    length: float
    head_dim: int = 0
    scaling_rule: str = "default"
    theta_basis: Basis = "config"
    theta_source: str = "rope_theta"
    length_basis: Basis = "config"
    length_source: str = "max_position_embeddings"
    head_dim_source: str = "head_dim"
    other_thetas: tuple[float, ...] = ()
    rotary_fraction: float = 1.0


def inputs_of(model: Model, length: float | None = None) -> Basics:
    """What a model's files say, at its stated context or at `length`. With several bases, that of its full layers.

    Raises `DomainError` for a model without RoPE, or without a stated context where no length is given.
    """
    layers = [layer for layer in model.attention_layers if layer.rope is not None]
    if not layers:
        raise DomainError(
            f"{model.name} has no rotary positions ({model.position_words}): there is no base θ to predict from. "
            "Measure it instead: `measure`."
        )
    chosen = next((layer for layer in layers if layer.kind == "full"), layers[0])
    rope = chosen.rope
    assert rope is not None
    if length is None and model.context_length is None:
        raise DomainError(f"{model.name} states no context length: give one with `length`.")
    several = len(model.rope_thetas) > 1
    return Basics(
        name=model.name,
        theta=rope.theta,
        length=float(model.context_length if length is None else length),  # type: ignore[arg-type]
        head_dim=chosen.head_dim,
        scaling_rule=str((rope.scaling or {}).get("rope_type", "default")),
        theta_basis="assumed" if "rope_theta" in model.assumed else "config",
        theta_source="rope_theta" + (f" of the {chosen.kind} layers" if several else ""),
        length_basis="config" if length is None else "assumed",
        length_source=model.context_field if length is None else "given",
        other_thetas=tuple(theta for theta in model.rope_thetas if theta != rope.theta),
        rotary_fraction=rope.rotary_fraction,
    )


def predict_report(inputs: Basics) -> Report:
    """Every predicted exponent with its standing, beside the null of the published protocol.

    Raises `DomainError` for θ ≤ 0 or T < 0.
    """
    theta, length = inputs.theta, inputs.length
    functions = (gamma_pade, gamma_linear, gamma_exponential, gamma_pade22, gamma_lerch)
    values = {f.__name__: f(theta, length) for f in functions}
    pade = values["gamma_pade"]
    if inputs.head_dim:
        values["amplitude_exponent"] = amplitude_exponent(theta, inputs.head_dim, MEASURED_AMPLITUDE)
    rows = tuple((name, FORMULAS[name].symbol, value, FORMULAS[name].standing) for name, value in values.items())
    null = uniform_null_exponent(PUBLISHED_DISTANCES, PUBLISHED_OFFSET)
    return Report(
        title=f"Predicted exponents of {inputs.name}",
        verdict=(
            f"γ_Padé = {pade:.4f} at θ = {theta:g} and T = {length:g} tokens; it is arithmetic on these two numbers. "
            f"{CAREFUL}"
        ),
        facts=(
            Fact("theta", theta, basis=inputs.theta_basis, source=inputs.theta_source),
            Fact("length", length, "tokens", basis=inputs.length_basis, source=inputs.length_source),
            *(
                (Fact("head_dim", inputs.head_dim, basis="config", source=inputs.head_dim_source),)
                if inputs.head_dim
                else ()
            ),
            Fact("T/θ", length / theta, basis="formula", source="the only variable of every form below but γ_amp"),
            Fact("phase of γ_Padé", regime(pade).phase, basis="formula", source=FORMULAS["regime"].source),
            Fact(
                "exponent of uniform attention under the published protocol",
                null.gamma,
                basis="formula",
                source="uniform_null_exponent, distances 30 … 2000, offset 50",
                note=f"R² = {null.r_squared:.4f} without any decay",
            ),
        ),
        tables=(
            Table(
                "Family of predicted exponents",
                (
                    Column("formula"),
                    Column("symbol"),
                    Column("gamma", format=".4f"),
                    Column("standing"),
                ),
                rows,
                note="A smaller γ is a slower decay. What each is worth: `formulas`."
                + (f" γ_amp assumes Ā = {MEASURED_AMPLITUDE}, measured on one model." if inputs.head_dim else ""),
            ),
        ),
        figures=(_figure(inputs),),
        caveats=_caveats(inputs),
        next_steps=(
            Step(
                "measure",
                {"source": "MODEL"},
                "The exponent of the weights themselves, with its error bar and its null",
            ),
        ),
        data={
            "name": inputs.name,
            "theta": theta,
            "theta_source": inputs.theta_source,
            "length": length,
            "length_source": inputs.length_source,
            "gamma": values,
            "standing": {name: FORMULAS[name].standing for name in values},
            "null": null._asdict(),
            "note": CAREFUL,
        },
    )


def _caveats(inputs: Basics) -> tuple[str, ...]:
    caveats = [
        "A constant predicts the published exponents as well, and their spread at one and the same (θ, T) is 0.28.",
        "The forms disagree in sign on θ: γ_Padé rises with the base, γ_amp falls with it.",
    ]
    if inputs.scaling_rule != "default":
        caveats.append(
            f"The config scales its positions ({inputs.scaling_rule}); every form but γ_amp sees T/θ alone, so "
            "a stretched position and a raised base look the same to it."
        )
    if inputs.other_thetas:
        others = ", ".join(f"{theta:g}" for theta in inputs.other_thetas)
        caveats.append(f"Other layers have another base (θ = {others}); the formulas know one base only.")
    if inputs.rotary_fraction < 1:
        caveats.append(f"Only {inputs.rotary_fraction:.0%} of each head's dimensions turn; the formulas do not see it.")
    return tuple(caveats)


def _figure(inputs: Basics) -> Figure:
    functions = {"Padé": gamma_pade, "exponential": gamma_exponential, "Padé[2,2]": gamma_pade22, "Lerch": gamma_lerch}
    top = max(inputs.length * 8.0, inputs.theta)
    lengths = (
        [256.0 * (top / 256.0) ** (k / 60) for k in range(61)] if top > 256.0 else [top * k / 60 for k in range(1, 61)]
    )
    values: list[dict[str, Any]] = [
        {"T": t, "gamma": f(inputs.theta, t), "form": name} for name, f in functions.items() for t in lengths
    ]
    spec = {
        "width": 560,
        "height": 300,
        "layer": [
            {
                "data": {"values": values},
                "mark": {"type": "line", "strokeWidth": 2.2},
                "encoding": {
                    "x": {
                        "field": "T",
                        "type": "quantitative",
                        "scale": {"type": "log", "nice": False},
                        "title": "context length T (tokens)",
                        "axis": {"format": "~s", "tickCount": 6, "grid": False},
                    },
                    "y": {"field": "gamma", "type": "quantitative", "title": "predicted exponent γ"},
                    "color": {
                        "field": "form",
                        "type": "nominal",
                        "title": "form",
                        "sort": list(functions),
                        "scale": {"range": [BLUE, SKY, INK, AMBER]},
                    },
                    # The exponential and its second Padé form coincide; the dashes let both be seen.
                    "strokeDash": {
                        "condition": {"test": "datum.form == 'Padé[2,2]'", "value": [2, 6]},
                        "value": [1, 0],
                    },
                },
            },
            {
                "data": {"values": [{"T": max(inputs.length, lengths[0]), "label": f"T = {inputs.length:g}"}]},
                "layer": [
                    {
                        "mark": {"type": "rule", "strokeDash": [4, 4]},
                        "encoding": {"x": {"field": "T", "type": "quantitative"}},
                    },
                    {
                        "mark": {"type": "text", "align": "left", "dx": 5, "baseline": "top", "y": 4},
                        "encoding": {"x": {"field": "T", "type": "quantitative"}, "text": {"field": "label"}},
                    },
                ],
            },
        ],
    }
    return Figure(
        "predicted-exponents",
        f"Predicted exponents at θ = {inputs.theta:g}",
        spec,
        "The forms part only where T nears θ, and their distance there is smaller than the scatter of measurements.",
    )
