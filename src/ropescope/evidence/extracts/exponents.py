"""Exponents that were measured apart from the panel: of heads, checkpoints and tuned models, and beside other numbers."""

from __future__ import annotations

from typing import Any

from ropescope.evidence.extract import Entries, extract

_FIELDS = "exp_gamma_field/EleutherAI--pythia-"
_TRAINED = ("70m", "410m", "1b", "1.4b", "2.8b")
_STEPS = (1, 1000, 10_000, 143_000)


@extract(
    says="Exponent and R² of every head of five Pythia models, and of Pythia-1B after its first training step (5 decimals).",
    files=(*(f"{_FIELDS}{size}_gamma_field.json" for size in _TRAINED), f"{_FIELDS}1b_step1_full_gamma_field.json"),
    columns={"model": "text", "trained": "whole", "layer": "whole", "gamma": "numbers", "r2": "numbers"},
)
def head_exponents(*fields: Any) -> Entries:
    """One row a layer; a head whose attention was not finite has the exponent nan."""

    # Three decimals more than the error of each number lets one read.
    def rounded(values: list[float]) -> list[float]:
        return [round(value, 5) for value in values]

    return [
        {**field, "trained": int(i < len(_TRAINED)), "layer": layer, "gamma": rounded(gamma), "r2": rounded(r2)}
        for i, field in enumerate(fields)
        for layer, (gamma, r2) in enumerate(zip(field["gamma_matrix"], field["r2_matrix"], strict=True))
    ]


@extract(
    says="Exponent of four training checkpoints of Pythia-1B, measured twice.",
    files=(
        *(f"{_FIELDS}1b_step{step}_full_gamma_field.json" for step in _STEPS),  # distances to 2,000
        *(f"exp_gamma_field/pythia-1b_step{step}_gamma_field.json" for step in _STEPS),  # to 1,000
    ),
    columns={
        "model": "text",
        "step": "whole",
        "distances": ("numbers", "fit_distances"),
        "gamma": ("number", "summary.gamma_global_fit"),
        "r2": ("number", "summary.r2_global"),
    },
)
def checkpoint_exponents(*fields: Any) -> Entries:
    """One row a checkpoint and run; `distances` are those of the fit to the mean over layers and heads."""
    steps = zip(_STEPS * 2, fields, strict=True)
    return [{**field, "model": "EleutherAI/pythia-1b", "step": step} for step, field in steps]


@extract(
    says="Exponent of three base models and of their instruct versions.",
    files=("rlhf_gamma/rlhf_summary.json", "rlhf_gamma/rlhf_real_pairs.json"),
    columns={
        "base": "text",
        "instruct": "text",
        "theta_in_file": ("number", "theta"),
        "gamma_base": "number",
        "gamma_instruct": "number",
        "r2_base": ("number", "R2_base"),
        "r2_instruct": ("number", "R2_instruct"),
    },
)
def tuned_pairs(summary: Any, curves: Any) -> Entries:
    """One row a pair; two pairs are published to four decimals and without their curves."""
    return [*summary["pairs"], *curves]


@extract(
    says="The 25 exponents on text that the author listed to three decimals, some of them not among the 56 fits.",
    files=("exp_gamma_field/info_horizon_results.json",),
    columns={"name": "text", "theta": "number", "context_length": ("whole", "T_train"), "gamma": "number"},
)
def listed_exponents(listed: Any) -> Entries:
    """One row a model, by the author's name for it; θ where he gives one. Horizons and modes were read from this list."""
    rows: Entries = listed["horizon_results"]
    return rows


@extract(
    says="Exponents of five models: observed, by γ_Padé, and by the author's Lerch sums over slow and over all frequencies.",
    files=("lerch_validation/lerch_validation.json",),
    columns={
        "model": "text",
        "theta": "number",
        "observed": ("number", "gamma_obs"),
        "pade": ("number", "gamma_pade"),
        "lerch_slow": ("number", "gamma_lerch_dead"),
        "lerch_all": ("number", "gamma_lerch_full"),
    },
)
def lerch_exponents(models: Any) -> Entries:
    """One row a model."""
    return [{**row, "model": model} for model, row in models.items()]


@extract(
    says="Zipf exponent of the text corpus under the tokenizers of seven models, beside the exponent of attention.",
    files=("zipf/zipf_analysis.json",),
    columns={
        "model": "text",
        "tokens": ("whole", "total_tokens"),
        "vocabulary_used": ("whole", "vocab_used"),
        "zipf": ("number", "alpha_zipf"),
        "gamma": ("number", "gamma_mongo"),
    },
)
def zipf_exponents(rows: Any) -> Entries:
    """One row a model; the eighth, whose tokenizer could not be had, is left out."""
    return [row for row in rows if "error" not in row]
