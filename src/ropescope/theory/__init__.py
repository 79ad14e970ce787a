"""Numbers in, numbers out: every formula of the paper series, with its domain and its standing.

>>> from ropescope.theory import gamma_pade
>>> round(gamma_pade(theta=1e4, length=2000), 6)
0.752201

Standard library only, so that the same code runs in a browser. `FORMULAS` maps each name to what is known of it.
"""

from __future__ import annotations

from ropescope.theory.base_bound import base_lower_bound, base_lower_bound_fit
from ropescope.theory.base_design import alpha_opt, ntk_aware_alpha, theta_design
from ropescope.theory.decay import (
    alias_distance,
    gamma_exponential,
    gamma_lerch,
    gamma_linear,
    gamma_pade,
    gamma_pade22,
    rg_beta,
    theta_eff_observed,
    theta_eff_pade,
)
from ropescope.theory.decomposition import (
    ComputeInvariant,
    Decomposition,
    ImprintPurity,
    InductionPhase,
    PrecisionShift,
    compute_invariant,
    concentration_law,
    decompose_five_axis,
    decompose_six_axis,
    imprint_purity,
    imprint_shift,
    induction_phase,
    precision_shift_nf4,
)
from ropescope.theory.depth import CriticalLayer, critical_layer
from ropescope.theory.exponents import CriticalExponents, IdentityCheck, critical_exponents, identities
from ropescope.theory.formula import FORMULAS, STANDINGS, Argument, Formula, Standing
from ropescope.theory.geometry import (
    RopeScales,
    active_pairs,
    crossing_length,
    longest_wavelength,
    rope_scales,
    wavelength,
)
from ropescope.theory.groups import GROUPS, grouped
from ropescope.theory.horizon import (
    cardy_entropy_gap,
    efficiency_eta,
    hallucination_index,
    horizon,
    niah_ceiling,
    pade_deviation_index,
)
from ropescope.theory.kernel import amplitude_exponent, mean_kernel, mean_kernel_limit, mean_kernel_logarithmic
from ropescope.theory.maxent import exponent_from_mean_log_distance
from ropescope.theory.nulls import NullExponent, fixed_length_null, random_row_null, uniform_null_exponent
from ropescope.theory.polylog import damped_partition, polylog_partition
from ropescope.theory.regimes import Regime, regime
from ropescope.theory.rope_scaling import attention_factor, inverse_frequencies
from ropescope.theory.soft_decay import soft_decay_regime, soft_decay_weight
from ropescope.theory.thermodynamics import (
    correlation_length,
    entropy,
    fisher_information,
    free_energy,
    heat_capacity,
    heat_capacity_asymptotic,
    mean_log_distance,
    partition_function,
    susceptibility,
)
from ropescope.theory.window import (
    compression_window,
    compression_window_continuum,
    holographic_loss,
    window_mass,
)

__all__ = [
    "FORMULAS",
    "GROUPS",
    "STANDINGS",
    "Argument",
    "ComputeInvariant",
    "CriticalExponents",
    "CriticalLayer",
    "Decomposition",
    "Formula",
    "IdentityCheck",
    "ImprintPurity",
    "InductionPhase",
    "NullExponent",
    "PrecisionShift",
    "Regime",
    "RopeScales",
    "Standing",
    "active_pairs",
    "alias_distance",
    "alpha_opt",
    "amplitude_exponent",
    "attention_factor",
    "base_lower_bound",
    "base_lower_bound_fit",
    "cardy_entropy_gap",
    "compression_window",
    "compression_window_continuum",
    "compute_invariant",
    "concentration_law",
    "correlation_length",
    "critical_exponents",
    "critical_layer",
    "crossing_length",
    "damped_partition",
    "decompose_five_axis",
    "decompose_six_axis",
    "efficiency_eta",
    "entropy",
    "exponent_from_mean_log_distance",
    "fisher_information",
    "fixed_length_null",
    "free_energy",
    "gamma_exponential",
    "gamma_lerch",
    "gamma_linear",
    "gamma_pade",
    "gamma_pade22",
    "grouped",
    "hallucination_index",
    "heat_capacity",
    "heat_capacity_asymptotic",
    "holographic_loss",
    "horizon",
    "identities",
    "imprint_purity",
    "imprint_shift",
    "induction_phase",
    "inverse_frequencies",
    "longest_wavelength",
    "mean_kernel",
    "mean_kernel_limit",
    "mean_kernel_logarithmic",
    "mean_log_distance",
    "niah_ceiling",
    "ntk_aware_alpha",
    "pade_deviation_index",
    "partition_function",
    "polylog_partition",
    "precision_shift_nf4",
    "random_row_null",
    "regime",
    "rg_beta",
    "rope_scales",
    "soft_decay_regime",
    "soft_decay_weight",
    "susceptibility",
    "theta_design",
    "theta_eff_observed",
    "theta_eff_pade",
    "uniform_null_exponent",
    "wavelength",
    "window_mass",
]
