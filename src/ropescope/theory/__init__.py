"""Numbers in, numbers out: every formula of the paper series, with its domain and its standing.

>>> from ropescope.theory import gamma_pade
>>> round(gamma_pade(theta=1e4, length=2000), 6)
0.752201

Standard library only, so that the same code runs in a browser. `FORMULAS` maps each name to what is known of it.
"""

from typing import TYPE_CHECKING

from ropescope.lazy import attributes

if TYPE_CHECKING:
    from ropescope.theory.base_bound import base_lower_bound as base_lower_bound
    from ropescope.theory.base_bound import base_lower_bound_fit as base_lower_bound_fit
    from ropescope.theory.base_design import alpha_opt as alpha_opt
    from ropescope.theory.base_design import ntk_aware_alpha as ntk_aware_alpha
    from ropescope.theory.base_design import theta_design as theta_design
    from ropescope.theory.catalogue import GROUPS as GROUPS
    from ropescope.theory.catalogue import grouped as grouped
    from ropescope.theory.decay import alias_distance as alias_distance
    from ropescope.theory.decay import gamma_exponential as gamma_exponential
    from ropescope.theory.decay import gamma_lerch as gamma_lerch
    from ropescope.theory.decay import gamma_linear as gamma_linear
    from ropescope.theory.decay import gamma_pade as gamma_pade
    from ropescope.theory.decay import gamma_pade22 as gamma_pade22
    from ropescope.theory.decay import rg_beta as rg_beta
    from ropescope.theory.decay import theta_eff_observed as theta_eff_observed
    from ropescope.theory.decay import theta_eff_pade as theta_eff_pade
    from ropescope.theory.decomposition import ComputeInvariant as ComputeInvariant
    from ropescope.theory.decomposition import Decomposition as Decomposition
    from ropescope.theory.decomposition import ImprintPurity as ImprintPurity
    from ropescope.theory.decomposition import InductionPhase as InductionPhase
    from ropescope.theory.decomposition import PrecisionShift as PrecisionShift
    from ropescope.theory.decomposition import compute_invariant as compute_invariant
    from ropescope.theory.decomposition import concentration_law as concentration_law
    from ropescope.theory.decomposition import decompose_five_axis as decompose_five_axis
    from ropescope.theory.decomposition import decompose_six_axis as decompose_six_axis
    from ropescope.theory.decomposition import imprint_purity as imprint_purity
    from ropescope.theory.decomposition import imprint_shift as imprint_shift
    from ropescope.theory.decomposition import induction_phase as induction_phase
    from ropescope.theory.decomposition import precision_shift_nf4 as precision_shift_nf4
    from ropescope.theory.depth import CriticalLayer as CriticalLayer
    from ropescope.theory.depth import critical_layer as critical_layer
    from ropescope.theory.exponents import CriticalExponents as CriticalExponents
    from ropescope.theory.exponents import IdentityCheck as IdentityCheck
    from ropescope.theory.exponents import critical_exponents as critical_exponents
    from ropescope.theory.exponents import identities as identities
    from ropescope.theory.formula import FORMULAS as FORMULAS
    from ropescope.theory.formula import STANDINGS as STANDINGS
    from ropescope.theory.formula import Argument as Argument
    from ropescope.theory.formula import Formula as Formula
    from ropescope.theory.formula import Standing as Standing
    from ropescope.theory.geometry import RopeScales as RopeScales
    from ropescope.theory.geometry import active_pairs as active_pairs
    from ropescope.theory.geometry import crossing_length as crossing_length
    from ropescope.theory.geometry import longest_wavelength as longest_wavelength
    from ropescope.theory.geometry import rope_scales as rope_scales
    from ropescope.theory.geometry import wavelength as wavelength
    from ropescope.theory.horizons import cardy_entropy_gap as cardy_entropy_gap
    from ropescope.theory.horizons import efficiency_eta as efficiency_eta
    from ropescope.theory.horizons import hallucination_index as hallucination_index
    from ropescope.theory.horizons import horizon as horizon
    from ropescope.theory.horizons import niah_ceiling as niah_ceiling
    from ropescope.theory.horizons import pade_deviation_index as pade_deviation_index
    from ropescope.theory.kernel import amplitude_exponent as amplitude_exponent
    from ropescope.theory.kernel import mean_kernel as mean_kernel
    from ropescope.theory.kernel import mean_kernel_limit as mean_kernel_limit
    from ropescope.theory.kernel import mean_kernel_logarithmic as mean_kernel_logarithmic
    from ropescope.theory.maxent import exponent_from_mean_log_distance as exponent_from_mean_log_distance
    from ropescope.theory.nulls import NullExponent as NullExponent
    from ropescope.theory.nulls import fixed_length_null as fixed_length_null
    from ropescope.theory.nulls import random_row_null as random_row_null
    from ropescope.theory.nulls import uniform_null_exponent as uniform_null_exponent
    from ropescope.theory.polylog import damped_partition as damped_partition
    from ropescope.theory.polylog import polylog_partition as polylog_partition
    from ropescope.theory.regimes import Regime as Regime
    from ropescope.theory.regimes import regime as regime
    from ropescope.theory.rope_scaling import attention_factor as attention_factor
    from ropescope.theory.rope_scaling import inverse_frequencies as inverse_frequencies
    from ropescope.theory.soft_decay import soft_decay_regime as soft_decay_regime
    from ropescope.theory.soft_decay import soft_decay_weight as soft_decay_weight
    from ropescope.theory.thermodynamics import correlation_length as correlation_length
    from ropescope.theory.thermodynamics import entropy as entropy
    from ropescope.theory.thermodynamics import fisher_information as fisher_information
    from ropescope.theory.thermodynamics import free_energy as free_energy
    from ropescope.theory.thermodynamics import heat_capacity as heat_capacity
    from ropescope.theory.thermodynamics import heat_capacity_asymptotic as heat_capacity_asymptotic
    from ropescope.theory.thermodynamics import mean_log_distance as mean_log_distance
    from ropescope.theory.thermodynamics import partition_function as partition_function
    from ropescope.theory.thermodynamics import susceptibility as susceptibility
    from ropescope.theory.window import compression_window as compression_window
    from ropescope.theory.window import compression_window_continuum as compression_window_continuum
    from ropescope.theory.window import holographic_loss as holographic_loss
    from ropescope.theory.window import window_mass as window_mass
else:
    # A prediction needs five of the formulas, and a command line that answers at once does not read the others.
    __getattr__, __dir__ = attributes(__name__)
