"""A profile in, numbers out: exponents with intervals, windows, sinks, shapes, and the published protocol beside its null."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ropescope.measure.curve import Decay, FittedCurve, fitted_curve, published_decay
from ropescope.measure.estimates import Curve, Estimate, HeadSummary, LayerSummary, LegacySummary, Summary
from ropescope.measure.exponent import (
    DistanceBins,
    exponent_of_mean,
    fit_power_law,
    maximum_likelihood_exponent,
    power_law_coefficients,
    windows_tokens,
)
from ropescope.measure.intervals import Draws, log_contrast, log_odds, normal_draws, share_of
from ropescope.measure.profile import DecayProfile
from ropescope.measure.protocol import LEGACY_FIT_FROM, LEGACY_OFFSET
from ropescope.measure.request import DEFAULT_D_MIN, DEFAULT_RESAMPLES
from ropescope.measure.shapes import compare_shapes
from ropescope.theory.nulls import uniform_null_exponent

Array = NDArray[np.float64]

_LAYER_RESAMPLES = 500
"""Layers and heads are many: the ends of their intervals are good to some 2 % of its length, those of the whole to 1 %."""
WINDOW_SHARES = (0.5, 0.9, 0.99)


def summarise(
    profile: DecayProfile, *, d_min: int = DEFAULT_D_MIN, resamples: int = DEFAULT_RESAMPLES, seed: int = 0
) -> Summary:
    """All numbers of a profile. Distances from `d_min` on are fitted; intervals are of 95 % over prompts (see `intervals`).

    Raises MeasurementError when d_min leaves no distances to fit.
    """
    profile.protocol.require_distances(d_min)
    whole, parts = (
        normal_draws(profile.n_prompts, most, seed) for most in (resamples, min(resamples, _LAYER_RESAMPLES))
    )
    return _summary(profile, d_min, whole, parts, fitted_curve(profile, d_min))


def _summary(profile: DecayProfile, d_min: int, draws: Draws, few_draws: Draws, fitted: FittedCurve) -> Summary:
    mass = profile.mass.astype(np.float64)
    ranges, reach, group, bins, curve_mass = fitted.ranges, fitted.reach, fitted.group, fitted.bins, fitted.mass

    def gamma_of(values: Array) -> Array:
        return fit_power_law(bins.log_distance, values / bins.count, bins.log_width).gamma

    fit = fitted.decay.fit()
    gamma = fitted.decay.gamma(draws)
    median = float(gamma_of(np.median(curve_mass, axis=0))) if group else np.nan
    all_mass = np.nanmean(mass, axis=(1, 2))
    sink = np.nanmean(profile.sink_mass.astype(np.float64), axis=(1, 2))
    shown = _shown(profile, fitted)
    layers = tuple(
        _layer_summary(profile, layer, ranges[layer], reach[layer], shown, few_draws)
        for layer in range(len(profile.layers))
    )
    return Summary(
        gamma=gamma,
        r2=_number(fit.r2),
        gamma_mle=likeliest_exponent(curve_mass, bins, draws),
        gamma_median=_number(median),
        mean_median_disagree=_disagree(gamma, median, gamma_of(curve_mass)),
        d_min=d_min,
        d_max=max(reach) or None,
        fitted_layers=len(group),
        sink_mass=Estimate.of_share(sink, draws),
        sink_logit_mass=float(np.nanmean(profile.sink_logit_mass)),
        entropy_nats=float(np.nanmean(profile.entropy_nats)),
        windows=tuple(window_estimate(all_mass, profile.protocol.edges, share, draws) for share in WINDOW_SHARES),
        shape=compare_shapes(curve_mass, bins) if group else None,
        layers=layers,
        curve=_curve(profile, fitted, all_mass, few_draws),
        legacy=_legacy(profile, draws),
        n_prompts=profile.n_prompts,
        length=profile.protocol.length,
        partial=profile.partial,
        provenance=profile.provenance,
    )


def window_estimate(mass: Array, edges: NDArray[np.int64], share: float, draws: Draws) -> Estimate:
    """The window that holds `share` of the attention `mass` [prompts, bins].

    Its ends are the windows of the ends of another interval: of the share that lies within the window found (Woodruff 1952,
    J. Am. Stat. Assoc. 47(260)). So they are whole tokens and never outside the prompt.
    """
    mean = mass.mean(axis=0)
    inside = np.clip(share * mean.sum() - (mean.cumsum() - mean), 0, mean) / np.where(mean > 0, mean, 1)

    found = log_odds(mass @ inside, mass @ (1 - inside), draws)

    def tokens(truth: Array) -> float:
        # If the window found holds less than the share in truth, the true window is that of a share as much higher.
        return float(windows_tokens(mean, edges, (float(share_of(2 * found.value - truth)),))[0])

    return Estimate.of_contrast(found, tokens, value=float(windows_tokens(mean, edges, (share,))[0]))


def likeliest_exponent(mass: Array, bins: DistanceBins, draws: Draws) -> Estimate:
    """The maximum-likelihood exponent of `mass` [prompts, bins]. It is a function of the mean ln d, and that is a share: of
    the way from the first bin to the last."""
    value = maximum_likelihood_exponent(mass.mean(axis=0), bins)
    if not np.isfinite(value):
        return Estimate(None)
    first, last = bins.log_distance[[0, -1]]
    way = (bins.log_distance - first) / (last - first)

    def exponent(truth: Array) -> Array:
        return exponent_of_mean(first + (last - first) * share_of(truth), bins)

    return Estimate.of_contrast(log_odds(mass @ way, mass @ (1 - way), draws), exponent, value=float(value))


def _layer_summary(
    profile: DecayProfile,
    layer: int,
    selected: NDArray[np.int64],
    reach: int,
    shown: NDArray[np.int64],
    draws: Draws,
) -> LayerSummary:
    info, edges = profile.layers[layer], profile.protocol.edges
    mass = profile.mass[:, layer, : info.n_heads].astype(np.float64)
    sink = profile.sink_mass[:, layer, : info.n_heads].astype(np.float64)
    entropy = profile.entropy_nats[:, layer, : info.n_heads].astype(np.float64)
    windows = windows_tokens(mass.mean(axis=0), edges, WINDOW_SHARES)
    layer_windows = windows_tokens(mass.mean(axis=(0, 1)), edges, WINDOW_SHARES)
    bins = DistanceBins.between(edges[selected], edges[selected + 1] - 1)
    # The last curve is that of the layer: the mean of its heads.
    curves = np.concatenate([mass, mass.mean(axis=1, keepdims=True)], axis=1)[..., selected] / bins.count
    mean = curves.mean(axis=0)
    r2 = fit_power_law(bins.log_distance, mean, bins.log_width).r2
    found = log_contrast(curves, power_law_coefficients(bins.log_distance, mean, bins.log_width), draws)
    *gammas, gamma = map(Estimate.of_contrast, found.each())
    keys = profile.cells[:, layer].mean(axis=0)[shown] / profile.protocol.rows
    weights = np.divide(
        mass.mean(axis=0)[:, shown], keys, out=np.full((info.n_heads, len(shown)), np.nan), where=keys > 0
    )
    return LayerSummary(
        index=info.index,
        kind=info.kind,
        window_tokens=info.window_tokens,
        reach=reach or None,
        gamma=gamma,
        r2=_number(r2[-1]),
        sink_mass=Estimate.of_share(sink.mean(axis=1), draws),
        entropy_nats=float(entropy.mean()),
        windows=tuple(float(value) for value in layer_windows),
        heads=tuple(
            HeadSummary(
                index=head,
                gamma=gammas[head],
                r2=_number(r2[head]),
                sink_mass=float(sink[:, head].mean()),
                entropy_nats=float(entropy[:, head].mean()),
                windows=tuple(float(value) for value in windows[head]),
                curve=tuple(_number(value) for value in weights[head]),
            )
            for head in range(info.n_heads)
        ),
    )


def _shown(profile: DecayProfile, curve: FittedCurve) -> NDArray[np.int64]:
    """The bins that curves show: those that some row of the fitted layers reaches."""
    edges, group = profile.protocol.edges, list(curve.group)
    if not group:
        return np.array([], dtype=np.int64)
    reached = profile.cells[:, group].sum(axis=(0, 1)) > 0
    return np.flatnonzero(reached & (edges[:-1] >= 1) & (edges[1:] - 1 <= profile.protocol.max_distance))


def _curve(profile: DecayProfile, curve: FittedCurve, all_mass: Array, draws: Draws) -> Curve:
    edges, group = profile.protocol.edges, list(curve.group)
    total = all_mass.mean(axis=0)
    cumulative = total.cumsum() / total.sum()
    shown = _shown(profile, curve)
    bins = DistanceBins.between(edges[shown], edges[shown + 1] - 1)
    cells = profile.cells[:, group].mean(axis=1)[:, shown] / profile.protocol.rows if group else np.ones((1, 0))
    per_prompt = curve.all_mass[:, shown] / cells
    found = log_contrast(per_prompt[..., None], np.ones(1), draws)
    fitted = np.isin(shown, curve.selected)
    fit = curve.decay.fit()
    line = np.exp(fit.log_amplitude - fit.gamma * bins.log_distance)
    return Curve(
        distance=tuple(np.exp(bins.log_distance).tolist()),
        weight=tuple(per_prompt.mean(axis=0).tolist()),
        low=tuple(_number(value) for value in np.exp(found.low)),
        high=tuple(_number(value) for value in np.exp(found.high)),
        median=tuple(np.median(per_prompt, axis=0).tolist()),
        fitted=tuple(_number(value) if inside else None for value, inside in zip(line, fitted, strict=True)),
        cumulative=tuple(cumulative.tolist()),
        window_of_bin=tuple(int(edge) for edge in edges[1:]),
        uniform=float(total.sum() * profile.protocol.rows / profile.cells.sum(axis=2).mean()),
    )


def _legacy(profile: DecayProfile, draws: Draws) -> LegacySummary | None:
    decay = published_decay(profile)
    if decay is None:
        return None
    distances = np.array(profile.legacy_distances)
    fitted = distances >= LEGACY_FIT_FROM
    cells = profile.legacy.astype(np.float64)
    null = uniform_null_exponent(tuple(distances[fitted].tolist()), LEGACY_OFFSET)
    by_layer = np.nanmean(cells, axis=2)[..., fitted]
    return LegacySummary(
        distances=profile.legacy_distances,
        weights=tuple(np.nanmean(cells, axis=(0, 1, 2)).tolist()),
        gamma=decay.gamma(draws),
        r2=_number(decay.fit().r2),
        gamma_null=null.gamma,
        r2_null=null.r_squared,
        layers=tuple(
            Decay(decay.log_distance, by_layer[:, layer]).gamma(draws) for layer in range(len(profile.layers))
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
