"""sinks: what the attention on the first tokens does to the exponent, when it is counted and when it is left out.

Sinks are the farthest keys of every row. The instrument leaves the first four out of the distances; here they are counted,
with the whole last bin in which they lie, and left out in other numbers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ropescope.evidence.experiments.experiment import Expectation, Experiment, Range, fixed
from ropescope.evidence.experiments.figures import estimates_figure
from ropescope.evidence.experiments.observations import Observations, fact_of, spoken
from ropescope.runs.share import all_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ropescope.evidence.experiments.context import ExperimentContext
    from ropescope.measure.curve import Decay
    from ropescope.measure.profile import DecayProfile

STATISTIC = "γ with the sinks counted − γ without"
_LEFT_OUT = (1, 4, 16, 64)
_OWN = 4
_MARGIN = 0.05

EXPERIMENT = Experiment(
    name="sinks",
    question="Does the exponent depend on the attention sinks?",
    theory="γ and the sink are independent: counting the sinks leaves γ within 0.05.",
    null="Sinks are mass at the far end of every row: counting them flattens the fit, by more than 0.05.",
    decides="γ at a fixed length with the first tokens counted, less γ with the first four left out, on the same prompts.",
    prompts=12,
    length=1024,
    parts=1 + len(_LEFT_OUT),
    expect=fixed(Expectation(STATISTIC, theory=Range.around(0.0, _MARGIN), null=Range(high=-_MARGIN))),
)


def observe(context: ExperimentContext) -> Observations:
    """γ with 0 (counted), 1, 4, 16 and 64 first tokens left out, and head by head against the sink's share."""
    import numpy as np

    from ropescope.evidence.experiments.statistics import head_gammas, rank_correlation
    from ropescope.measure.estimates import Estimate

    setting, resamples, n = context.setting, context.resamples, context.setting.prompts
    counted = context.measure("sinks counted", sinks=0)
    with_sinks = _with_last_bin(counted, setting.d_min)
    most = max(1, setting.length // 16)
    left_out = [s for s in _LEFT_OUT if s <= most or s == _OWN]
    profiles = all_of(left_out, lambda s: context.measure(f"first {s} left out", sinks=s))
    decays = {s: context.decay(profile) for s, profile in profiles.items()}
    own = decays[_OWN]
    change = context.change(with_sinks, own)
    profile = profiles[_OWN]
    gammas, gamma_draws = head_gammas(profile, setting.d_min, resamples)
    share = _by_head(profile, np.ones((1, n)) / n)[0]
    share_draws = _by_head(profile, resamples)
    relation = Estimate.of(rank_correlation(gammas, share), rank_correlation(gamma_draws, share_draws), n)
    sink = np.nanmean(profile.sink_mass.astype(np.float64), axis=(1, 2))
    mass = Estimate.of_share(sink, context.draws)
    shown = {"sinks counted": context.gamma(with_sinks)}
    shown |= {f"first {s} left out": context.gamma(decay) for s, decay in decays.items()}
    fits = [decay.fit() for decay in (with_sinks, *decays.values())]
    n_heads = f"{int(np.isfinite(gammas).sum())} heads; the interval is over prompts"
    return Observations(
        measured={STATISTIC: change},
        sentence=(
            f"the first {_OWN} tokens hold {spoken(mass, 2)} of the attention; counting them changes γ by {spoken(change)}, "
            f"from {own.fit().gamma:.3f} to {with_sinks.fit().gamma:.3f}; from head to head, γ and the sink's share have a rank "
            f"correlation of {spoken(relation, 2)}"
        ),
        facts=(
            fact_of("attention on the first four", mass),
            fact_of("rank correlation of γ and sink", relation, n_heads),
        ),
        figures=(
            estimates_figure(
                "sinks",
                "The exponent with the sinks and without",
                f"Fixed length {setting.length:,}; bars are 95 % intervals over prompts. Sinks are the farthest keys "
                "of every row.",
                shown,
                {},
            ),
        ),
        data={"gamma": shown, "sink_mass": mass, "heads_rank_correlation": relation},
        provenance=profile.provenance,
    ).with_table(
        "Exponent by what is left out",
        "sinks | ~γ | R² :.3f",
        [
            ("counted, with the last bin" if name == "sinks counted" else name, gamma, fit.r2)
            for (name, gamma), fit in zip(shown.items(), fits, strict=True)
        ],
        note=f"Fixed length {setting.length:,}. counted: every distance up to the length, the sinks among them.",
    )


def _with_last_bin(profile: DecayProfile, d_min: int) -> Decay:
    """The decay over every distance from d_min on, the last bin included, which only the later rows reach in full."""
    import numpy as np

    from ropescope.measure.curve import Decay, fitted_curve
    from ropescope.measure.exponent import DistanceBins

    edges = profile.protocol.edges
    group = list(fitted_curve(profile, d_min).group)
    shown = np.flatnonzero(edges[:-1] >= d_min)
    bins = DistanceBins.between(edges[shown], edges[shown + 1] - 1)
    mass = np.nanmean(profile.mass[:, group].astype(np.float64), axis=(1, 2))[:, shown]
    cells = profile.cells[:, group].mean(axis=1)[:, shown] / profile.protocol.rows
    return Decay(bins.log_distance, mass / cells, bins.log_width)


def _by_head(profile: DecayProfile, resamples: NDArray[np.float64]) -> NDArray[np.float64]:
    """[resamples, layers·heads] share of the attention on the sinks."""
    sink: NDArray[np.float64] = profile.sink_mass.astype("float64").reshape(profile.n_prompts, -1)
    return resamples @ sink
