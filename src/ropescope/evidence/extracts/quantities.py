"""What the author computed from exponents and sizes, and the entropy he measured."""

from __future__ import annotations

from typing import Any

from ropescope.evidence.extract import Entries, extract

_ENTROPY_OF = (
    "EleutherAI--pythia-70m",
    "EleutherAI--pythia-1b",
    "EleutherAI--pythia-1.4b",
    "meta-llama--Llama-2-7b-hf",
)


@extract(
    says="Entropy S_γ that the author computed from each of 56 exponents, at a context of 2,000.",
    files=("exp_d4/area_law_results.json",),
    columns={
        "model": "text",
        "corpus": "text",
        "gamma": "number",
        "entropy": ("number", "S_gamma"),
        "phase": "text",
    },
)
def power_law_entropy(area: Any) -> Entries:
    """One row a measurement as listed, in which one model stands twice; `phase` is A for γ < 1, B beyond."""
    return map(_plain_corpus, area["results"])


@extract(
    says="Heat capacity C_V that the author computed from 16 exponents, at a context of 2,000.",
    files=("thermodynamics/thermodynamics_results.json",),
    columns={"model": "text", "corpus": "text", "gamma": "number", "heat_capacity": ("number", "Cv")},
)
def heat_capacities(rows: Any) -> Entries:
    """One row a measurement."""
    return map(_plain_corpus, rows)


def _plain_corpus(row: dict[str, Any]) -> dict[str, Any]:
    return {**row, "corpus": "text" if row["corpus"] == "mongo" else row["corpus"]}


@extract(
    says="Entropy of attention rows by layer, in nats at 512 tokens, and the Cardy entropy set beside it.",
    files=tuple(f"e5_cardy/E5_{model}_mongo.json" for model in _ENTROPY_OF),
    columns={
        "model": "text",
        "theta": "number",
        "length": ("whole", "T_eval"),
        "prompts": ("whole", "n_prompts"),
        "cardy": ("number", "H_cardy"),
        "observed": ("number", "H_obs"),
        "by_layer": "numbers",
    },
)
def attention_entropy(*models: Any) -> Entries:
    """One row a model; a layer whose attention was not finite has the entropy 0."""
    return [{**model, "by_layer": [layer["mean_H"] for layer in model["per_layer"]]} for model in models]


@extract(
    says="R_c of thirteen models as the author computed it, with the sizes that went into it.",
    files=("cloud/gqa_rc_results.json", "cloud/round4_combined_results_02.json"),
    columns={
        "model": ("text", "hf_id"),
        "kv_heads": ("whole", "n_kv"),
        "head_dim": ("whole", "d_head"),
        "parameters_millions": ("number", "n_params_M"),
        "ratio": ("number", "R_c"),
    },
)
def boundary_ratios(first: Any, second: Any) -> Entries:
    """One row a model, measured or not. R_c was to part models before induction heads from those after."""
    return [*first["results"], *second["phase_AB_rc"]]
