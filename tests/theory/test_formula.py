"""The registry: complete, documented, checked on every call, and free of anything but the standard library."""

import subprocess
import sys
from math import inf, isfinite, nan

import pytest

from ropescope import theory
from ropescope.errors import DomainError
from ropescope.theory.formula import FORMULAS, STANDINGS

NAMES = [
    "inverse_frequencies",
    "wavelength",
    "active_pairs",
    "crossing_length",
    "longest_wavelength",
    "mean_kernel",
    "amplitude_exponent",
    "base_lower_bound",
    "gamma_pade",
    "gamma_linear",
    "gamma_exponential",
    "gamma_pade22",
    "gamma_lerch",
    "theta_eff_pade",
    "theta_eff_observed",
    "theta_design",
    "alpha_opt",
    "ntk_aware_alpha",
    "alias_distance",
    "rg_beta",
    "exponent_from_mean_log_distance",
    "partition_function",
    "mean_log_distance",
    "entropy",
    "free_energy",
    "heat_capacity",
    "fisher_information",
    "susceptibility",
    "correlation_length",
    "heat_capacity_asymptotic",
    "polylog_partition",
    "regime",
    "compression_window",
    "compression_window_continuum",
    "window_mass",
    "holographic_loss",
    "soft_decay_weight",
    "soft_decay_regime",
    "horizon",
    "niah_ceiling",
    "hallucination_index",
    "pade_deviation_index",
    "efficiency_eta",
    "cardy_entropy_gap",
    "decompose_five_axis",
    "decompose_six_axis",
    "imprint_shift",
    "imprint_purity",
    "compute_invariant",
    "induction_phase",
    "concentration_law",
    "precision_shift_nf4",
    "critical_exponents",
    "identities",
    "critical_layer",
    "rope_scales",
    "uniform_null_exponent",
    "fixed_length_null",
    "random_row_null",
]


def test_every_name_is_there_and_exported():
    for name in theory.__all__:
        assert hasattr(theory, name)  # each formula is registered when its module is imported, which this does
    assert set(NAMES) <= set(FORMULAS)
    assert set(FORMULAS) <= set(theory.__all__)


def test_a_formula_says_what_it_is():
    for name, entry in FORMULAS.items():
        assert entry.standing in STANDINGS, name
        for text in (entry.symbol, entry.source, entry.definition, entry.worth, entry.function.__doc__):
            assert text and text.strip(), name
        assert entry.definition.endswith(".") and entry.worth.endswith("."), name
        assert "None" not in str(entry.function.__annotations__), name


def test_an_example_gives_numbers():
    for name, entry in FORMULAS.items():
        if name == "base_lower_bound":  # seconds long; its own test covers it
            continue
        result = entry.function(**entry.example)
        values = result if isinstance(result, tuple) else (result,)
        assert values, name
        for value in values:
            assert value is not None, name
            assert not isinstance(value, float) or isfinite(value), name


BAD = {
    "nan": nan,
    "inf": inf,
    "-inf": -inf,
    "huge": -1e30,
    "word": "1e4x",
    "None": None,
    "empty": [],
    "object": object(),
}


@pytest.mark.parametrize("name", FORMULAS)
def test_nothing_outside_the_domain_gets_through(name):
    entry = FORMULAS[name]
    for argument in entry.arguments:
        for what, bad in BAD.items():
            # A list of any length may be empty.
            if what == "empty" and type(argument.domain).__name__ == "Reals" and not argument.domain.min_length:
                continue
            with pytest.raises(DomainError, match=f"^{argument.name} = "):
                entry.function(**{**entry.example, argument.name: bad})


def test_whole_floats_and_numpy_numbers_are_numbers():
    import numpy as np

    assert theory.partition_function(np.float64(0.75), np.int64(2000)) == theory.partition_function(0.75, 2e3)
    assert theory.gamma_pade(np.float32(1e4), np.int32(2000)) == theory.gamma_pade(1e4, 2000)
    with pytest.raises(DomainError, match="theta = True"):
        theory.gamma_pade(True, 2000)


def test_a_call_is_checked_like_a_call():
    with pytest.raises(TypeError, match="missing: \\['length'\\]"):
        theory.gamma_pade(1e4)
    with pytest.raises(TypeError, match="'lenght'"):
        theory.gamma_pade(1e4, lenght=2000)
    with pytest.raises(TypeError, match="takes 2 arguments"):
        theory.gamma_pade(1e4, 2000, 3)
    assert theory.compression_window(0.75, n_tokens=2000) == 1389


def test_theory_imports_the_standard_library_only():
    code = (
        "import sys; before = set(sys.modules); import ropescope.theory.catalogue; "
        "new = {m.split('.')[0] for m in set(sys.modules) - before}; "
        "print(sorted(new - set(sys.stdlib_module_names) - {'ropescope'})); "
        "print(sorted(m for m in sys.modules if m.startswith('ropescope.')))"
    )
    foreign, own = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    assert foreign == "[]"
    assert all(
        m.startswith(("ropescope.theory", "ropescope.questions")) or m in ("ropescope.errors", "ropescope.lazy")
        for m in eval(own)
    )
