"""The panel: every published measurement of attention by distance, one row each."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ropescope.evidence.extract import Entries, extract

_BOTH = (
    *(f"EleutherAI/pythia-{size}" for size in ("14m", "31m", "70m", "160m", "410m", "1b", "1.4b", "2.8b")),
    "EleutherAI/gpt-j-6B",
    "HuggingFaceTB/SmolLM2-135M",
    "HuggingFaceTB/SmolLM2-360M",
    "Qwen/Qwen2.5-0.5B",
    "Qwen/Qwen2.5-3B",
    "Qwen/Qwen2.5-7B",
    "allenai/OLMo-7B",
    "allenai/OLMo-7B-hf",
    "bigscience/bloom-7b1",
    "deepseek-ai/deepseek-llm-7b-base",
    "google/gemma-2-9b-it",
    "gpt2",
    "gpt2-medium",
    "gpt2-large",
    "gpt2-xl",
    "meta-llama/Llama-2-7b-hf",
    "meta-llama/Meta-Llama-3-8B",
    "microsoft/phi-2",
    "microsoft/phi-3-mini-4k-instruct",
    "mistralai/Mistral-7B-v0.1",
)


def _e4(model: str, ending: str) -> str:
    return f"e4_gamma/{model.replace('/', '--')}_{ending}.json"


_FITTED = tuple(_e4(model, corpus) for model in _BOTH for corpus in ("mongo", "random"))
_PARTIAL = (
    _e4("cerebras/Cerebras-GPT-2.7B", "mongo"),
    _e4("codellama/CodeLlama-13b-Instruct-hf", "mongo.partial"),
    _e4("mistralai/Mistral-Nemo-Instruct-2407", "mongo"),
    _e4("mistralai/Mistral-Nemo-Instruct-2407", "random"),
    _e4("tiiuae/falcon-7b", "mongo"),
    _e4("tiiuae/falcon-7b", "random"),
)
"""Measured but never fitted by their author. Four of them, and Llama-2-7b, have a second file with the same content."""
_KAGGLE = tuple(
    _e4(f"meta-llama/Llama-2-{size}-hf", f"{corpus}_kaggle") for size in ("7b", "13b") for corpus in ("mongo", "random")
)
_SERIES = {
    **dict.fromkeys(_FITTED, "e4"),
    **dict.fromkeys(_PARTIAL, "e4-partial"),
    **dict.fromkeys(_KAGGLE, "kaggle"),
    "cloud/gqa_rc_results.json": "cloud",
    "cloud/round4_combined_results_02.json": "cloud",
    "training_gamma/pythia-70m_gamma_trajectory.json": "training",
    "theta_steering/pythia-70m_theta_steering.json": "steering",
    "rlhf_gamma/rlhf_real_pairs.json": "tuned",
}

_REMARKS = {
    "OLMo-7B-hf": "no θ in the file; 10,000 by its config, 500,000 in the author's guide",
    "falcon-7b": "called ALiBi by the author; RoPE with one KV head by its config",
    "_kaggle": "not attention probabilities: another machine and scale",
}

_OPTIONAL = {
    "corpus": "unstated",
    "variant": "",
    "theta_in_file": None,
    "theta_set": None,
    "prompts": None,
    "attention_by_seed": (),
    "fit_from": 10,
    "gamma_low_published": None,
    "gamma_high_published": None,
    "r2_exponential_published": None,
}
"""What a row says where its file says nothing."""


@extract(
    says="Attention by distance of every published measurement: mean over prompts, heads and layers, and by seed.",
    files=tuple(_SERIES),
    columns={
        "series": "text",
        "model": "text",
        "corpus": "text",
        "variant": "text",
        "theta_in_file": "number",
        "theta_set": "number",
        "prompts": "whole",
        "distances": "numbers",
        "attention": "numbers",
        "attention_by_seed": "series",
        "fit_from": "whole",
        "gamma_published": "number",
        "gamma_low_published": "number",
        "gamma_high_published": "number",
        "r2_published": "number",
        "r2_exponential_published": "number",
        "remark": "text",
        "file": "text",
    },
)
def panel(*contents: Any) -> Entries:
    """One row a measurement, in the order of the files."""
    rows = {"cloud": _cloud, "training": _training, "steering": _steering, "tuned": _tuned}
    for (file, series), content in zip(_SERIES.items(), contents, strict=True):
        remark = next((text for key, text in _REMARKS.items() if key in file), "")
        # The older files name their corpus by the database that the text came from.
        named = {"corpus": "text" if "_mongo" in file else "random"} if series not in rows else {}
        for row in rows.get(series, e4_rows)(content):
            yield {**_OPTIONAL, **named, **row, "series": series, "file": file, "remark": remark}


def _curve(means: dict[str, float]) -> dict[str, Any]:
    points = sorted((int(distance), value) for distance, value in means.items())
    distances, attention = zip(*points, strict=True)
    return {"distances": distances, "attention": attention}


def e4_rows(data: Any) -> Iterator[dict[str, Any]]:
    """The measurement that a file of `e4_gamma/` holds, as a row of the panel lacks only what its name says. Raises KeyError,
    TypeError, ValueError or AttributeError for other content."""
    cells = data["attn_by_distance"]
    by_seed = zip(*(cells[d].get("per_seed_means", ()) for d in sorted(cells, key=int)), strict=True)
    fit, exponential, interval = (data.get(k, {}) for k in ("fit_power_law", "fit_exponential", "gamma_CI_95"))
    yield {
        **_curve({d: cell["mean_across_seeds"] for d, cell in cells.items()}),
        "model": data["model"],
        "theta_in_file": data.get("theta"),
        "prompts": data.get("n_prompts_per_distance"),
        "attention_by_seed": tuple(by_seed),
        "fit_from": data.get("d_min_fit", 30),
        "gamma_published": fit.get("gamma"),
        "gamma_low_published": interval.get("lo"),
        "gamma_high_published": interval.get("hi"),
        "r2_published": fit.get("R2"),
        "r2_exponential_published": exponential.get("R2"),
    }


def _cloud(data: Any) -> Iterator[dict[str, Any]]:
    for entry in data["results" if "results" in data else "phase_AB_rc"]:
        for corpus in () if "error" in entry else ("text", "random"):
            yield {
                **_curve(entry[corpus]["means"]),
                "model": entry["hf_id"],
                "corpus": corpus,
                "variant": "4-bit" if "4bit" in entry["label"] else "",
                "theta_in_file": entry["theta"],
                "fit_from": 30,
                "gamma_published": entry[corpus]["gamma"],
                "r2_published": entry[corpus]["r2"],
            }


def _training(data: Any) -> Iterator[dict[str, Any]]:
    for step, point in data["checkpoints"].items():
        yield {
            **_curve(dict(zip(data["distances"], point["means"], strict=True))),
            "model": data["model_id"],
            "variant": f"step {step}",
            "gamma_published": point["gamma"],
            "r2_published": point["r2"],
        }


def _steering(data: Any) -> Iterator[dict[str, Any]]:
    for theta, point in data["sweep"].items():
        yield {
            **_curve(dict(zip(data["distances"], point["means"], strict=True))),
            "model": f"EleutherAI/{data['model']}",
            "variant": f"θ set to {theta} after training",
            "theta_in_file": float(data["theta_train"]),
            "theta_set": float(theta),
            "gamma_published": point["gamma_obs"],
            "r2_published": point["r2"],
        }


def _tuned(data: Any) -> Iterator[dict[str, Any]]:
    for pair in data:
        for which in ("base", "instruct"):
            yield {
                **_curve(pair[f"attn_{which}"]),
                "model": pair[which],
                "theta_in_file": pair["theta"],
                "gamma_published": pair[f"gamma_{which}"],
                "r2_published": pair[f"R2_{which}"],
            }
