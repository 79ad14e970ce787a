"""A profile in, numbers out: exponents with intervals, windows, sinks, shapes, and the published protocol beside its null."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ropescope.errors import MeasurementError
from ropescope.measure.bootstrap import bootstrap_interval, resample_weights, resampled
from ropescope.measure.curve import Decay, FittedCurve, fitted_curve, published_decay
from ropescope.measure.estimates import Curve, Estimate, HeadSummary, LayerSummary, LegacySummary, Summary
from ropescope.measure.exponent import DistanceBins, fit_power_law, maximum_likelihood_exponent, windows_tokens
from ropescope.measure.profile import DecayProfile
from ropescope.measure.protocol import LEGACY_FIT_FROM, LEGACY_KEY
from ropescope.measure.shapes import compare_shapes
from ropescope.theory.nulls import uniform_null_exponent

Array = NDArray[np.float64]

DEFAULT_D_MIN = 10
DEFAULT_RESAMPLES = 2000
WINDOW_SHARES = (0.5, 0.9, 0.99)


def summarise(
    profile: DecayProfile, *, d_min: int = DEFAULT_D_MIN, resamples: int = DEFAULT_RESAMPLES, seed: int = 0
) -> Summary:
    """All numbers of a profile. Distances from `d_min` on are fitted; intervals are 95 % cluster bootstraps over prompts.

    Raises MeasurementError when d_min leaves no distances to fit.
    """
    if d_min < 1 or 4 * d_min > profile.protocol.max_distance:
        raise MeasurementError(
            f"d_min must lie between 1 and a quarter of the largest distance ({profile.protocol.max_distance // 4} "
            f"tokens here), not {d_min}."
        )
    weights = resample_weights(profile.n_prompts, max(1, resamples), seed)
    return _summary(profile, d_min, weights, fitted_curve(profile, d_min))


def _summary(profile: DecayProfile, d_min: int, weights: Array, fitted: FittedCurve) -> Summary:
    n = profile.n_prompts
    edges = profile.protocol.edges
    mass = profile.mass.astype(np.float64)
    ranges, reach, group, bins, curve_mass = fitted.ranges, fitted.reach, fitted.group, fitted.bins, fitted.mass

    def gamma_of(values: Array) -> Array:
        return fit_power_law(bins.log_distance, values / bins.count, bins.log_width).gamma

    def mle_of(values: Array) -> Array:
        return maximum_likelihood_exponent(values, bins)

    fit = fitted.decay.fit()
    gamma = fitted.decay.gamma(weights)
    median = float(gamma_of(np.median(curve_mass, axis=0))) if group else np.nan
    all_mass = np.nanmean(mass, axis=(1, 2))
    windows = windows_tokens(all_mass.mean(axis=0), edges, WINDOW_SHARES)
    window_resamples = resampled(all_mass, weights, lambda values: windows_tokens(values, edges, WINDOW_SHARES))
    sink = np.nanmean(profile.sink_mass.astype(np.float64), axis=(1, 2))
    layers = tuple(
        _layer_summary(profile, layer, ranges[layer], reach[layer], weights) for layer in range(len(profile.layers))
    )
    return Summary(
        gamma=gamma,
        r2=_number(fit.r2),
        gamma_mle=Estimate.of(mle_of(curve_mass.mean(axis=0)), resampled(curve_mass, weights, mle_of), n),
        gamma_median=_number(median),
        mean_median_disagree=_disagree(gamma, median, gamma_of(curve_mass)),
        d_min=d_min,
        d_max=max(reach) or None,
        fitted_layers=len(group),
        sink_mass=Estimate.of(sink.mean(), weights @ sink, n),
        sink_logit_mass=float(np.nanmean(profile.sink_logit_mass)),
        entropy_nats=float(np.nanmean(profile.entropy_nats)),
        windows=tuple(Estimate.of(windows[i], window_resamples[:, i], n) for i in range(len(WINDOW_SHARES))),
        shape=compare_shapes(curve_mass, bins) if group else None,
        layers=layers,
        curve=_curve(profile, fitted, all_mass, weights),
        legacy=_legacy(profile, weights),
        n_prompts=n,
        length=profile.protocol.length,
        partial=profile.partial,
        provenance=profile.provenance,
    )


def _layer_summary(
    profile: DecayProfile, layer: int, selected: NDArray[np.int64], reach: int, weights: Array
) -> LayerSummary:
    info, n, edges = profile.layers[layer], profile.n_prompts, profile.protocol.edges
    mass = profile.mass[:, layer, : info.n_heads].astype(np.float64)
    sink = profile.sink_mass[:, layer, : info.n_heads].astype(np.float64)
    entropy = profile.entropy_nats[:, layer, : info.n_heads].astype(np.float64)
    windows = windows_tokens(mass.mean(axis=0), edges, WINDOW_SHARES)
    layer_windows = windows_tokens(mass.mean(axis=(0, 1)), edges, WINDOW_SHARES)
    nothing = np.full((1, info.n_heads), np.nan)
    gamma = r2 = nothing[0]
    head_resamples, layer_fit, layer_resamples = nothing, (np.nan, np.nan), nothing[:, 0]
    if len(selected):
        bins = DistanceBins.between(edges[selected], edges[selected + 1] - 1)

        def gamma_of(values: Array) -> Array:
            return fit_power_law(bins.log_distance, values / bins.count, bins.log_width).gamma

        heads = fit_power_law(bins.log_distance, mass.mean(axis=0)[:, selected] / bins.count, bins.log_width)
        gamma, r2 = heads.gamma, heads.r2
        head_resamples = resampled(mass[:, :, selected], weights, gamma_of)
        together = mass.mean(axis=1)[:, selected]
        fit = fit_power_law(bins.log_distance, together.mean(axis=0) / bins.count, bins.log_width)
        layer_fit, layer_resamples = (fit.gamma, fit.r2), resampled(together, weights, gamma_of)  # type: ignore[assignment]
    return LayerSummary(
        index=info.index,
        kind=info.kind,
        window_tokens=info.window_tokens,
        reach=reach or None,
        gamma=Estimate.of(layer_fit[0], layer_resamples, n),
        r2=_number(layer_fit[1]),
        sink_mass=Estimate.of(sink.mean(), weights @ sink.mean(axis=1), n),
        entropy_nats=float(entropy.mean()),
        windows=tuple(float(value) for value in layer_windows),
        heads=tuple(
            HeadSummary(
                index=head,
                gamma=Estimate.of(gamma[head], head_resamples[:, head], n),
                r2=_number(r2[head]),
                sink_mass=float(sink[:, head].mean()),
                entropy_nats=float(entropy[:, head].mean()),
                windows=tuple(float(value) for value in windows[head]),
            )
            for head in range(info.n_heads)
        ),
    )


def _curve(profile: DecayProfile, curve: FittedCurve, all_mass: Array, weights: Array) -> Curve:
    edges, group = profile.protocol.edges, list(curve.group)
    total = all_mass.mean(axis=0)
    cumulative = total.cumsum() / total.sum()
    shown = np.array([], dtype=np.int64)
    if group:
        reached = profile.cells[:, group].sum(axis=(0, 1)) > 0
        shown = np.flatnonzero(reached & (edges[:-1] >= 1) & (edges[1:] - 1 <= profile.protocol.max_distance))
    bins = DistanceBins.between(edges[shown], edges[shown + 1] - 1)
    cells = profile.cells[:, group].mean(axis=1)[:, shown] / profile.protocol.rows if group else np.ones((1, 0))
    per_prompt = curve.all_mass[:, shown] / cells
    interval = bootstrap_interval(weights @ per_prompt, profile.n_prompts)
    fitted = np.isin(shown, curve.selected)
    fit = curve.decay.fit()
    line = np.exp(fit.log_amplitude - fit.gamma * bins.log_distance)
    return Curve(
        distance=tuple(np.exp(bins.log_distance).tolist()),
        weight=tuple(per_prompt.mean(axis=0).tolist()),
        low=tuple(_number(value) for value in interval[0]),
        high=tuple(_number(value) for value in interval[1]),
        median=tuple(np.median(per_prompt, axis=0).tolist()),
        fitted=tuple(_number(value) if inside else None for value, inside in zip(line, fitted, strict=True)),
        cumulative=tuple(cumulative.tolist()),
        window_of_bin=tuple(int(edge) for edge in edges[1:]),
        uniform=float(total.sum() * profile.protocol.rows / profile.cells.sum(axis=2).mean()),
    )


def _legacy(profile: DecayProfile, weights: Array) -> LegacySummary | None:
    decay = published_decay(profile)
    if decay is None:
        return None
    distances = np.array(profile.legacy_distances)
    fitted = distances >= LEGACY_FIT_FROM
    cells = profile.legacy.astype(np.float64)
    null = uniform_null_exponent(tuple(distances[fitted].tolist()), LEGACY_KEY + 1)
    by_layer = np.nanmean(cells, axis=2)[..., fitted]
    return LegacySummary(
        distances=profile.legacy_distances,
        weights=tuple(np.nanmean(cells, axis=(0, 1, 2)).tolist()),
        gamma=decay.gamma(weights),
        r2=_number(decay.fit().r2),
        gamma_null=null.gamma,
        r2_null=null.r_squared,
        layers=tuple(
            Decay(decay.log_distance, by_layer[:, layer]).gamma(weights) for layer in range(len(profile.layers))
        ),
    )


def _disagree(gamma: Estimate, median: float, by_prompt: Array) -> bool:
    """Whether mean and median curve differ by more than the usual prompt explains. The spread is taken from the median
    absolute deviation: an outlier widens the standard error as well, and would hide behind it."""
    if gamma.value is None or not np.isfinite(median):
        return False
    spread = 1.4826 * np.nanmedian(np.abs(by_prompt - np.nanmedian(by_prompt))) / np.sqrt(len(by_prompt))
    return bool(abs(gamma.value - median) > max(0.05, 3 * spread))


def _number(value: Any) -> float | None:
    return float(value) if np.isfinite(value) else None
