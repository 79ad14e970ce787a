"""What is lost, or won back, when single layers are gated, pruned or given the states of another run."""

from __future__ import annotations

from typing import Any

from ropescope.evidence.extract import extract
from ropescope.evidence.raw import RawFiles

_GATES = "exp_neural_thermostat_v2/results.json"
_PRUNED = tuple(f"exp_prune/EleutherAI--pythia-{size}_prune_v2.json" for size in ("1b", "2.8b"))
_STATES = tuple(f"e1_h3/state-spaces--mamba-2.8b_seed{seed}.json" for seed in (7, 123))


@extract(
    says="Perplexity of Pythia-1B with a gate on the attention of some of its layers.",
    files=(_GATES,),
    columns={"model": "text", "chunks": "whole", "gate": "text", "mean_gate": "number", "perplexity": "number"},
)
def gated_layers(raw: RawFiles) -> list[dict[str, Any]]:
    """One row a way of gating; `mean_gate` is what the file gives, empty for the model without gates."""
    data = raw.json(_GATES)
    return [
        {
            "model": data["model"],
            "chunks": data["n_chunks"],
            "gate": name,
            "mean_gate": arm.get("mean_gate"),
            "perplexity": arm["ppl"],
        }
        for name, arm in data["results"].items()
    ]


@extract(
    says="Likelihood of two Pythia models with the query and key weights of pairs that do not alias pruned from a layer on.",
    files=_PRUNED,
    columns={
        "model": "text",
        "layers": "whole",
        "critical_layer": "whole",
        "chunks": "whole",
        "from_layer": "whole",
        "share_pruned": "number",
        "nll": "number",
        "sd": "number",
        "nll_unpruned": "number",
        "sd_unpruned": "number",
    },
)
def pruned_pairs(raw: RawFiles) -> list[dict[str, Any]]:
    """One row a model and first layer that is pruned; `critical_layer` is what the published formula names."""
    return [
        {
            "model": data["model"],
            "layers": data["n_layers"],
            "critical_layer": data["L_crit_pred"],
            "chunks": data["n_eval_chunks"],
            "from_layer": arm["L_prune"],
            "share_pruned": arm["frac_qk_pruned"],
            "nll": arm["nll"],
            "sd": arm["std"],
            "nll_unpruned": data["baseline"]["nll"],
            "sd_unpruned": data["baseline"]["std"],
        }
        for file in _PRUNED
        for data in (raw.json(file),)
        for arm in data["sweeps"]
    ]


@extract(
    says="Share of a long-range log-probability that Mamba-2.8B wins back when a layer is given the states of a short run.",
    files=_STATES,
    columns={
        "model": "text",
        "seed": "whole",
        "prompts": "whole",
        "gap": "number",
        "layer_90": "whole",
        "layer_99": "whole",
        "recovery": "numbers",
    },
)
def state_recovery(raw: RawFiles) -> list[dict[str, Any]]:
    """One row a seed; `recovery` in per cent by layer, `layer_90` and `layer_99` where the author sees it complete."""
    return [
        {
            "model": "state-spaces/mamba-2.8b",
            "seed": data["seed"],
            "prompts": data["N_prompts"],
            "gap": data["logp_gap"],
            "layer_90": data["L_crit_90"],
            "layer_99": data["L_crit_99"],
            "recovery": tuple(data["layer_sweep"][str(layer)]["recovery_pct"] for layer in range(data["n_layers"])),
        }
        for file in _STATES
        for data in (raw.json(file),)
    ]
