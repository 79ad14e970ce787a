"""The machine-readable result of a measurement: what `--json` prints. Plain data, None where there is no number."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ropescope.measure.estimates import Estimate, LayerSummary, LegacySummary, Summary
from ropescope.measure.shapes import ShapeComparison
from ropescope.measure.summary import WINDOW_SHARES
from ropescope.theory.decay import gamma_pade as pade_exponent

WINDOW_NAMES = tuple(f"D{round(100 * share)}" for share in WINDOW_SHARES)


def fitted_theta(provenance: Mapping[str, Any], layers: Iterable[int]) -> float | None:
    """The RoPE base of the decoder `layers` that γ is fitted to; None where they have none, or several.

    A profile of a model with several bases names the base of each layer since ropescope 0.1; an older one does not.
    """
    thetas = provenance.get("rope_thetas", [])
    if len(thetas) > 1:
        by_layer = provenance.get("layer_rope_thetas", {})
        thetas = sorted({by_layer.get(str(layer)) for layer in layers}, key=str)
    return thetas[0] if len(thetas) == 1 else None


def summary_theta(summary: Summary) -> float | None:
    """The RoPE base of the layers that the γ of a summary is fitted to, as `fitted_theta`."""
    farthest = max((layer.reach or 0 for layer in summary.layers), default=0)
    return fitted_theta(
        summary.provenance, [layer.index for layer in summary.layers if layer.reach and layer.reach == farthest]
    )


def predicted_exponent(summary: Summary) -> float | None:
    """γ_Padé at the measured length, with the RoPE base of the layers that γ is fitted to; None where there is not one."""
    theta = summary_theta(summary)
    return None if theta is None else pade_exponent(theta, summary.length)


def measurement_data(summary: Summary, control: Summary | None = None, *, legacy_first: bool = False) -> dict[str, Any]:
    """The machine-readable result, which `--json` prints."""
    data = _block(summary, legacy_first)
    data["control"] = None if control is None else _block(control, legacy_first)
    return data


def _block(s: Summary, legacy_first: bool) -> dict[str, Any]:
    fixed = {
        "gamma": s.gamma.value,
        "gamma_se": s.gamma.se,
        "gamma_ci": _pair(s.gamma),
        "gamma_mle": s.gamma_mle.value,
        "gamma_mle_ci": _pair(s.gamma_mle),
        "gamma_median": s.gamma_median,
        "gamma_null": 0.0,
        "r2": s.r2,
    }
    legacy = None if s.legacy is None else _legacy_data(s.legacy)
    first = legacy if legacy_first and legacy is not None else fixed
    headline = {name: first.get(name) for name in fixed}
    return {
        "schema": "ropescope.measurement/1",
        "model": s.provenance.get("model"),
        **headline,
        "gamma_pade": predicted_exponent(s),
        "mean_median_disagree": s.mean_median_disagree,
        "sink_mass": s.sink_mass.value,
        "sink_mass_ci": _pair(s.sink_mass),
        "sink_logit_mass": s.sink_logit_mass,
        "entropy_nats": s.entropy_nats,
        "windows": {
            name: {"tokens": window.value, "ci": _pair(window)}
            for name, window in zip(WINDOW_NAMES, s.windows, strict=True)
        },
        "shape": None if s.shape is None else _shape_data(s.shape),
        "protocol": "legacy" if first is legacy else "fixed",
        "corpus": s.provenance.get("corpus"),
        "length": s.length,
        "prompts": s.n_prompts,
        "partial": s.partial,
        "seconds": s.provenance.get("seconds"),
        "fit": {"d_min": s.d_min, "d_max": s.d_max, "layers": s.fitted_layers},
        "fixed": fixed,
        "legacy": legacy,
        "layers": [_layer_data(layer) for layer in s.layers],
        "curve": {
            "distance": list(s.curve.distance),
            "weight": list(s.curve.weight),
            "low": list(s.curve.low),
            "high": list(s.curve.high),
        },
        "provenance": dict(s.provenance),
    }


def _legacy_data(legacy: LegacySummary) -> dict[str, Any]:
    return {
        "gamma": legacy.gamma.value,
        "gamma_se": legacy.gamma.se,
        "gamma_ci": _pair(legacy.gamma),
        "r2": legacy.r2,
        "gamma_null": legacy.gamma_null,
        "r2_null": legacy.r2_null,
        "distances": list(legacy.distances),
        "weights": list(legacy.weights),
        "layers": [{"gamma": layer.value, "gamma_ci": _pair(layer)} for layer in legacy.layers],
    }


def _shape_data(shape: ShapeComparison) -> dict[str, Any]:
    return {
        "best": shape.best,
        "separable": shape.separable,
        "equals": list(shape.equals),
        "scores": [
            {
                "shape": score.name,
                "held_out_nats": score.held_out_nats,
                "behind_best_nats": score.behind_best_nats,
                "half_width": score.behind_best_half_width,
            }
            for score in shape.scores
        ],
    }


def _layer_data(layer: LayerSummary) -> dict[str, Any]:
    return {
        "index": layer.index,
        "kind": layer.kind,
        "gamma": layer.gamma.value,
        "gamma_ci": _pair(layer.gamma),
        "r2": layer.r2,
        "sink_mass": layer.sink_mass.value,
        "entropy_nats": layer.entropy_nats,
        "windows": dict(zip(WINDOW_NAMES, layer.windows, strict=True)),
        "heads": [
            {
                "index": head.index,
                "gamma": head.gamma.value,
                "gamma_ci": _pair(head.gamma),
                "r2": head.r2,
                "sink_mass": head.sink_mass,
                "entropy_nats": head.entropy_nats,
                "windows": dict(zip(WINDOW_NAMES, head.windows, strict=True)),
            }
            for head in layer.heads
        ],
    }


def _pair(estimate: Estimate) -> list[float] | None:
    return None if estimate.ci is None else list(estimate.ci)
