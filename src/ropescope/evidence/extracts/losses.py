"""Likelihood and retrieval when keys are dropped or faded, layers changed, or the RoPE base scaled."""

from __future__ import annotations

from typing import Any

from ropescope.evidence.extract import Entries, Found, extract

_MODES = {"none": "baseline", "hard": "hard_cutoff", "soft": "soft_decay", "window": "hard_df"}
_WINDOW_COLUMNS: dict[str, Found] = {
    "model": "text",
    "gamma": "number",
    "context": ("whole", "N_full"),
    "fraction": ("number", "f_target"),
    "window_published": ("whole", "D_f"),
    "knee": ("whole", "knee_heuristic"),
    "windows": "numbers",
    "perplexity": "numbers",
}


@extract(
    says="Perplexity of seven Pythia models with a window of recent tokens out of 2,048, and the window D_f of the published rule.",
    files=("exp_b2/kv_compression_extended.json",),
    columns=_WINDOW_COLUMNS,
)
def kv_windows(swept: Any) -> Entries:
    """One row a model; `knee` is where the author's heuristic sees the curve level off."""
    return [
        _windows(model, {int(window): loss for window, loss in model["sweep"].items()}) for model in swept["results"]
    ]


@extract(
    says="The same for two of the models in an earlier run.",
    files=("exp_b2/kv_compression_results.json",),
    columns=_WINDOW_COLUMNS,
)
def kv_windows_earlier(swept: Any) -> Entries:
    """One row a model, without a knee."""
    return [_windows(model, {cell["window"]: cell["ppl"] for cell in model["sweep"]}) for model in swept["results"]]


def _windows(model: dict[str, Any], sweep: dict[int, float]) -> dict[str, Any]:
    windows = sorted(sweep)
    return {"knee_heuristic": None, **model, "windows": windows, "perplexity": [sweep[window] for window in windows]}


@extract(
    says="Negative log-likelihood of three Pythia models at 4,096 tokens: no cut, hard cut-off, soft decay, window D_f.",
    files=tuple(f"exp_kv_decay/EleutherAI--pythia-{size}_kv_decay_seq4096.json" for size in ("1b", "1.4b", "2.8b")),
    columns={
        "model": "text",
        "gamma": ("number", "gamma_used"),
        "context_length": ("whole", "T_train"),
        "length": ("whole", "seq_len"),
        "chunks": ("whole", "n_chunks"),
        "horizon": ("number", "d_horizon"),
        "window": ("whole", "D_f_f0_9"),
        **{
            f"{name}_{what}": ("number", f"modes.{mode}.{key}")
            for name, mode in _MODES.items()
            for what, key in (("nll", "nll"), ("sd", "std"))
        },
        "said": ("text", "verdict"),
    },
)
def soft_decay(*models: Any) -> Entries:
    """One row a model; nll is in nats a token, sd its standard deviation over chunks, `said` the author's verdict."""
    return models


@extract(
    says="Perplexity of Pythia-1B with a gate on the attention of some of its layers.",
    files=("exp_neural_thermostat_v2/results.json",),
    columns={
        "model": "text",
        "chunks": ("whole", "n_chunks"),
        "gate": "text",
        "mean_gate": "number",
        "perplexity": ("number", "ppl"),
    },
)
def gated_layers(gates: Any) -> Entries:
    """One row a way of gating; `mean_gate` is what the file gives, empty for the model without gates."""
    return [{**gates, "mean_gate": None, **arm, "gate": gate} for gate, arm in gates["results"].items()]


@extract(
    says="Likelihood of two Pythia models with the query and key weights of pairs that do not alias pruned from a layer on.",
    files=tuple(f"exp_prune/EleutherAI--pythia-{size}_prune_v2.json" for size in ("1b", "2.8b")),
    columns={
        "model": "text",
        "layers": ("whole", "n_layers"),
        "critical_layer": ("whole", "L_crit_pred"),
        "chunks": ("whole", "n_eval_chunks"),
        "from_layer": ("whole", "L_prune"),
        "share_pruned": ("number", "frac_qk_pruned"),
        "nll": "number",
        "sd": ("number", "std"),
        "nll_unpruned": ("number", "baseline.nll"),
        "sd_unpruned": ("number", "baseline.std"),
    },
)
def pruned_pairs(*models: Any) -> Entries:
    """One row a model and first layer that is pruned; `critical_layer` is what the published formula names."""
    return [{**model, **arm} for model in models for arm in model["sweeps"]]


@extract(
    says="Share of a long-range log-probability that Mamba-2.8B wins back when a layer is given the states of a short run.",
    files=tuple(f"e1_h3/state-spaces--mamba-2.8b_seed{seed}.json" for seed in (7, 123)),
    columns={
        "model": "text",
        "seed": "whole",
        "prompts": ("whole", "N_prompts"),
        "gap": ("number", "logp_gap"),
        "layer_90": ("whole", "L_crit_90"),
        "layer_99": ("whole", "L_crit_99"),
        "recovery": "numbers",
    },
)
def state_recovery(*seeds: Any) -> Entries:
    """One row a seed; `recovery` in per cent by layer, `layer_90` and `layer_99` where the author sees it complete."""
    for seed in seeds:
        recovery = [seed["layer_sweep"][str(layer)]["recovery_pct"] for layer in range(seed["n_layers"])]
        yield {**seed, "model": "state-spaces/mamba-2.8b", "recovery": recovery}


@extract(
    says="Needles retrieved by three Pythia models whose base is multiplied by α, by context length.",
    files=("exp_b1/niah_v5_extended.json", "exp_b1/niah_alpha_opt_results.json"),
    columns={
        "task": "text",
        "model": "text",
        "gamma": "number",
        "context_length": ("whole", "T_train"),
        "alpha": "number",
        "lengths": "numbers",
        "correct": "numbers",
        "trials": "whole",
        "chance": "number",
    },
)
def needle_retrieval(scored: Any, written: Any) -> Entries:
    """One row a task, model and α. `scored`: the needle against nine wrong ones; `written`: the needle written out."""
    # The file of the written task does not repeat the trained length: its model is the Pythia-1B of the other.
    (trained,) = {data["T_train"] for data in scored["models"].values() if data["model"] == written["model"]}
    arms = [
        ({**data, "task": "scored", "chance": scored["config"]["chance"]}, arm)
        for data in scored["models"].values()
        for arm in data["alphas"].values()
    ]
    again = {**written, "task": "written", "gamma": written["gamma_text"], "T_train": trained, "chance": 0.0}
    for model, arm in [*arms, *((again, arm) for arm in written["results"].values())]:
        cells = {int(length): cell for length, cell in arm["results"].items()}
        lengths = sorted(cells)
        yield {
            **model,
            "alpha": arm["alpha"],
            "lengths": lengths,
            "correct": [cells[length]["correct"] for length in lengths],
            "trials": cells[lengths[0]]["total"],
        }


@extract(
    says="Perplexity of Pythia-1B in bands of a context of 4,096 tokens, its base multiplied by α.",
    files=("exp_b1/ntk_longseq_results.json",),
    columns={"model": "text", "alpha": "number", "from": "numbers", "to": "numbers", "perplexity": "numbers"},
)
def scaled_perplexity(scaled: Any) -> Entries:
    """One row an α; the bands are positions `from` … `to`, of which two lie within the trained length."""
    for arm in scaled["results"].values():
        bands = sorted(arm["bands"].values(), key=lambda band: band["range"])
        first, last = zip(*(band["range"] for band in bands), strict=True)
        perplexity = [band["ppl"] for band in bands]
        yield {"model": scaled["model"], "alpha": arm["alpha"], "from": first, "to": last, "perplexity": perplexity}
