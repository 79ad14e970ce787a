"""Rules of the published browser tool (TAF Agent, Apache-2.0), restated only to be judged: constants and thresholds are its own.

Nothing here predicts anything. Formulas that are in `theory` are taken from there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from math import exp, log, log10
from typing import Final, Literal

from ropescope.theory.decay import gamma_pade
from ropescope.theory.decomposition import GQA_SHIFT, INDUCTION_PARAMETERS, INDUCTION_SHIFT
from ropescope.theory.horizons import horizon


@dataclass(frozen=True, slots=True)
class Preset:
    """A model as the tool presets it."""

    name: str
    theta: float
    trained: int
    heads: int
    kv_heads: int
    parameters: float

    @property
    def shift(self) -> float:
        """What the tool adds to γ_Padé: 0.11 for shared KV heads, −0.15 from 400 M parameters on."""
        shared = GQA_SHIFT if self.kv_heads < self.heads else 0.0
        return shared + (INDUCTION_SHIFT if self.parameters >= INDUCTION_PARAMETERS else 0.0)


LLAMA_3_8B: Final = Preset("Llama-3-8B", 5e5, 8_192, 32, 8, 8e9)
PRESETS: Final = (
    Preset("Pythia-2.8B", 1e4, 2_048, 32, 32, 2.8e9),
    Preset("Pythia-1B", 1e4, 2_048, 8, 8, 1e9),
    Preset("Pythia-1.4B", 1e4, 2_048, 16, 16, 1.4e9),
    LLAMA_3_8B,
    Preset("Llama-3.2-1B", 5e5, 131_072, 32, 8, 1.2e9),
    Preset("Llama-3.3-70B-Instruct", 5e5, 131_072, 64, 8, 70e9),
    Preset("Mistral-7B-v0.1", 1e4, 8_192, 32, 8, 7e9),
    Preset("Qwen2.5-7B", 1e6, 32_768, 28, 4, 7.6e9),
    Preset("Qwen2.5-1.5B", 1e6, 32_768, 12, 2, 1.5e9),
    Preset("gemma-2-9b-it", 1e4, 8_192, 16, 8, 9e9),
    Preset("Phi-3-mini-4k", 1e4, 4_096, 32, 32, 3.8e9),
)


def corrected_horizon(model: Preset, length: float) -> float | None:
    """d_h of the corrected exponent at `length`; None where that is outside (0, 1)."""
    gamma = gamma_pade(model.theta, length) + model.shift
    return horizon(model.theta, gamma) if 0 < gamma < 1 else None


def long_context_verdict(model: Preset, length: float) -> Literal["YES", "DEGRADED", "NO"]:
    """Recipe X-2, "long-context viability", from a config alone."""
    reach = corrected_horizon(model, length)
    if reach is None or length >= 2 * reach:
        return "NO"
    return "YES" if length < reach else "DEGRADED"


def cache_recipe(model: Preset) -> str:
    """Recipe X-19, "KV compression", at the trained length."""
    gamma = gamma_pade(model.theta, model.trained) + model.shift
    reach = corrected_horizon(model, model.trained)
    if reach is None:
        return "use literature methods"
    applies, in_zone = reach / (model.trained / 2) >= 1.2, 0.65 <= gamma <= 0.85
    if applies:
        return "use soft decay" if in_zone else "use soft decay (caveat)"
    return "cut at D_f" if in_zone else "cut at the trained length"


def yarn_gamma(method: str, theta: float, trained: int, factor: float) -> float:
    """γ_eff of the YaRN planner at `factor` times the trained length."""
    target = trained * factor
    if method in ("linear", "dynamic"):
        return gamma_pade(theta, target / factor)
    return gamma_pade(theta * factor, target)


_BASE_SHIFTS: Final = {"Q5_K_M": 0.020, "Q4_K_M": 0.050, "Q3_K_M": 0.110, "Q2_K": 0.180}


def quantisation_shift(scheme: str, parameters: float, head_dim: int, sharing: float) -> float:
    """The γ shift of the quantisation classifier; `sharing`: query heads a KV head."""
    by_dim = 1.5 if head_dim < 64 else 1.2 if head_dim < 96 else 1.05 if head_dim < 128 else 1.0
    by_heads = 1.3 if sharing >= 8 else 1.15 if sharing >= 4 else 1.0
    sizes = ((1.5e9, 1.4), (4e9, 1.15), (7e9, 1.0), (30e9, 0.95))
    by_size = next((factor for below, factor in sizes if parameters < below), 0.85)
    return _BASE_SHIFTS[scheme] * by_dim * by_heads * by_size


def quantisation_perplexity(shift: float, parameters: float) -> float:
    """ΔPPL of the same classifier."""
    return 8 * shift**2 * max(0.1, 1 + log10(parameters / 1e9) / 4)


def needle_share(length: float, trained: float) -> float:
    """The share of needles found at `length`: a sigmoid in ln(length/trained)."""
    return max(0.02, 1 / (1 + exp(1.2 * (log(length / trained) - log(3)))))


def reasoning_share(length: float, trained: float, head_dim: int, sharing: float) -> float:
    """The share of reasoning questions answered at `length`."""
    ratio = length / trained
    base = next((b for below, b in ((0.5, 0.05), (1, 0.15), (2, 0.30), (4, 0.45)) if ratio < below), 0.55)
    pressure = (1.25 if head_dim < 64 else 1.10 if head_dim < 96 else 1.03 if head_dim < 128 else 1.0) * (
        1.15 if sharing >= 8 else 1.08 if sharing >= 4 else 1.0
    )
    return max(0.02, needle_share(length, trained) * (1 - min(0.7, base * min(pressure, 1.6))))


def gamma_check(eta: float) -> str:
    """The word of the γ-check for an efficiency η."""
    if eta < 0.01:
        return "fraud"
    if eta < 0.50:
        return "compressed"
    if eta > 1.50:
        return "over-Padé"
    return "normal" if 0.85 <= eta <= 1.15 else "unknown"


def confidence(factors: Sequence[Literal["ok", "warn", "miss"]]) -> float:
    """The confidence percentage before it is rounded: a checklist, of which "warn" counts half."""
    return 100 * sum({"ok": 1.0, "warn": 0.5, "miss": 0.0}[factor] for factor in factors) / len(factors)


@dataclass(frozen=True, slots=True)
class Test:
    """A benchmark as the tool's contamination table has it: its month, whether it is said to be in corpora, and a leak term."""

    name: str
    released: str
    in_corpora: bool
    leak: float


TESTS: Final = tuple(
    Test(name, released, corpora == "y", float(leak))
    for name, released, corpora, leak in (
        line.split()
        for line in (
            "MMLU 2020-09 y .18", "MMLU-Pro 2024-06 n .05", "HellaSwag 2019-05 y .20", "ARC-Challenge 2018-04 y .15",
            "TruthfulQA 2021-09 y .10", "GSM8K 2021-10 y .12", "MATH 2021-03 y .10", "HumanEval 2021-07 y .18",
            "MBPP 2021-08 y .12", "BBH 2022-10 y .08", "IFEval 2023-11 n .05", "MuSR 2023-10 n .04",
            "GPQA 2023-11 n .04", "MATH-500 2023-11 n .05", "AIME-2024 2024-02 n .02", "WinoGrande 2019-07 y .15",
            "BoolQ 2019-05 y .15", "DROP 2019-04 y .12", "TriviaQA 2017-05 y .18", "SQuAD 2016-06 y .20",
        )
    )
)  # fmt: skip
CEILING: Final = 0.97


def contamination_risk(test: Test, cutoff: date) -> float:
    """The "risk" of a benchmark for a training cutoff."""
    year, month = (int(part) for part in test.released.split("-"))
    gap = (cutoff - date(year, month, 15)).days / 30.44
    if gap <= 3:
        term = 0.02 if gap < 0 else 0.10 + 0.15 * gap / 3
    elif gap <= 12:
        term = 0.25 + 0.30 * (gap - 3) / 9
    else:
        term = 0.55 + 0.20 * (gap - 12) / 12 if gap <= 24 else min(0.92, 0.75 + 0.17 * (gap - 24) / 36)
    return min(max(term + (0.10 if test.in_corpora else 0.0) + test.leak, 0.01), CEILING)


def risk_level(risk: float) -> str:
    """The tool's word for it."""
    return "high" if risk >= 0.65 else "medium" if risk >= 0.30 else "low"
