"""The panel: every published measurement of attention by distance, one row each."""

from __future__ import annotations

from typing import Any

from ropescope.evidence.cells import Kind
from ropescope.evidence.extract import extract
from ropescope.evidence.raw import RawFiles

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
_CLOUD = ("cloud/gqa_rc_results.json", "cloud/round4_combined_results_02.json")
_TRAINING = "training_gamma/pythia-70m_gamma_trajectory.json"
_STEERING = "theta_steering/pythia-70m_theta_steering.json"
_TUNED = "rlhf_gamma/rlhf_real_pairs.json"

COLUMNS: dict[str, Kind] = {
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
}

_REMARKS = {
    "OLMo-7B-hf": "no θ in the file; 10,000 by its config, 500,000 in the author's guide",
    "falcon-7b": "called ALiBi by the author; RoPE with one KV head by its config",
    "_kaggle": "not attention probabilities: another machine and scale",
}


@extract(
    says="Attention by distance of every published measurement: mean over prompts, heads and layers, and by seed.",
    files=(*_FITTED, *_PARTIAL, *_KAGGLE, *_CLOUD, _TRAINING, _STEERING, _TUNED),
    columns=COLUMNS,
)
def panel(raw: RawFiles) -> list[dict[str, Any]]:
    """One row a measurement, in the order of the files."""
    rows = [
        _from_e4(raw, file, series)
        for series, names in (("e4", _FITTED), ("e4-partial", _PARTIAL), ("kaggle", _KAGGLE))
        for file in names
    ]
    return [*rows, *_cloud(raw), *_training(raw), *_steering(raw), *_tuned(raw)]


def _row(series: str, file: str, model: str, corpus: str, means: dict[str, float], **more: Any) -> dict[str, Any]:
    points = sorted((int(d), value) for d, value in means.items())
    empty: dict[str, Any] = dict.fromkeys(COLUMNS)
    remark = next((text for key, text in _REMARKS.items() if key in file), "")
    return empty | {
        "series": series,
        "file": file,
        "model": model,
        "corpus": corpus,
        "variant": "",
        "distances": tuple(float(d) for d, _ in points),
        "attention": tuple(value for _, value in points),
        "attention_by_seed": (),
        "fit_from": 10,
        "remark": remark,
        **more,
    }


def _from_e4(raw: RawFiles, file: str, series: str) -> dict[str, Any]:
    data = raw.json(file)
    cells = data["attn_by_distance"]
    by_seed = zip(*(cells[d].get("per_seed_means", ()) for d in sorted(cells, key=int)), strict=True)
    fit, exponential, interval = (data.get(k, {}) for k in ("fit_power_law", "fit_exponential", "gamma_CI_95"))
    return _row(
        series,
        file,
        data["model"],
        "text" if "_mongo" in file else "random",
        {d: cell["mean_across_seeds"] for d, cell in cells.items()},
        theta_in_file=data.get("theta"),
        prompts=data.get("n_prompts_per_distance"),
        attention_by_seed=tuple(by_seed),
        fit_from=data.get("d_min_fit", 30),
        gamma_published=fit.get("gamma"),
        gamma_low_published=interval.get("lo"),
        gamma_high_published=interval.get("hi"),
        r2_published=fit.get("R2"),
        r2_exponential_published=exponential.get("R2"),
    )


def _cloud(raw: RawFiles) -> list[dict[str, Any]]:
    entries = [(_CLOUD[0], entry) for entry in raw.json(_CLOUD[0])["results"]]
    entries += [(_CLOUD[1], entry) for entry in raw.json(_CLOUD[1])["phase_AB_rc"]]
    return [
        _row(
            "cloud",
            file,
            entry["hf_id"],
            corpus,
            entry[corpus]["means"],
            variant="4-bit" if "4bit" in entry["label"] else "",
            theta_in_file=entry["theta"],
            fit_from=30,
            gamma_published=entry[corpus]["gamma"],
            r2_published=entry[corpus]["r2"],
        )
        for file, entry in entries
        if "error" not in entry
        for corpus in ("text", "random")
    ]


def _training(raw: RawFiles) -> list[dict[str, Any]]:
    data = raw.json(_TRAINING)
    return [
        _row(
            "training",
            _TRAINING,
            data["model_id"],
            "unstated",
            dict(zip(map(str, data["distances"]), point["means"], strict=True)),
            variant=f"step {step}",
            gamma_published=point["gamma"],
            r2_published=point["r2"],
        )
        for step, point in data["checkpoints"].items()
    ]


def _steering(raw: RawFiles) -> list[dict[str, Any]]:
    data = raw.json(_STEERING)
    return [
        _row(
            "steering",
            _STEERING,
            f"EleutherAI/{data['model']}",
            "unstated",
            dict(zip(map(str, data["distances"]), point["means"], strict=True)),
            variant=f"θ set to {theta} after training",
            theta_in_file=float(data["theta_train"]),
            theta_set=float(theta),
            gamma_published=point["gamma_obs"],
            r2_published=point["r2"],
        )
        for theta, point in data["sweep"].items()
    ]


def _tuned(raw: RawFiles) -> list[dict[str, Any]]:
    return [
        _row(
            "tuned",
            _TUNED,
            pair[which],
            "unstated",
            pair[f"attn_{which}"],
            theta_in_file=pair["theta"],
            gamma_published=pair[f"gamma_{which}"],
            r2_published=pair[f"R2_{which}"],
        )
        for pair in raw.json(_TUNED)
        for which in ("base", "instruct")
    ]
