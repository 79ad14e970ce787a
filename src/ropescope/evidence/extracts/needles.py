"""Retrieval of a needle, and perplexity, when the RoPE base is scaled to reach beyond the trained length."""

from __future__ import annotations

from typing import Any

from ropescope.evidence.extract import extract
from ropescope.evidence.raw import RawFiles

_SCORED = "exp_b1/niah_v5_extended.json"
_WRITTEN = "exp_b1/niah_alpha_opt_results.json"
_PERPLEXITY = "exp_b1/ntk_longseq_results.json"


@extract(
    says="Needles retrieved by three Pythia models whose base is multiplied by α, by context length.",
    files=(_SCORED, _WRITTEN),
    columns={
        "task": "text",
        "model": "text",
        "gamma": "number",
        "context_length": "whole",
        "alpha": "number",
        "lengths": "numbers",
        "correct": "numbers",
        "trials": "whole",
        "chance": "number",
    },
)
def needle_retrieval(raw: RawFiles) -> list[dict[str, Any]]:
    """One row a task, model and α. `scored`: the needle against nine wrong ones; `written`: the needle written out."""
    scored, written = raw.json(_SCORED), raw.json(_WRITTEN)
    rows = [
        _row("scored", data["model"], data["gamma"], data["T_train"], scored["config"]["chance"], arm)
        for data in scored["models"].values()
        for arm in data["alphas"].values()
    ]
    # The file of the written task does not repeat the trained length: its model is the Pythia-1B of the other.
    trained = {data["model"]: data["T_train"] for data in scored["models"].values()}[written["model"]]
    return rows + [
        _row("written", written["model"], written["gamma_text"], trained, 0.0, arm)
        for arm in written["results"].values()
    ]


def _row(task: str, model: str, gamma: float, trained: int, chance: float, arm: dict[str, Any]) -> dict[str, Any]:
    cells = sorted((int(length), cell) for length, cell in arm["results"].items())
    return {
        "task": task,
        "model": model,
        "gamma": gamma,
        "context_length": trained,
        "alpha": arm["alpha"],
        "lengths": tuple(length for length, _ in cells),
        "correct": tuple(cell["correct"] for _, cell in cells),
        "trials": cells[0][1]["total"],
        "chance": chance,
    }


@extract(
    says="Perplexity of Pythia-1B in bands of a context of 4,096 tokens, its base multiplied by α.",
    files=(_PERPLEXITY,),
    columns={"model": "text", "alpha": "number", "from": "numbers", "to": "numbers", "perplexity": "numbers"},
)
def scaled_perplexity(raw: RawFiles) -> list[dict[str, Any]]:
    """One row an α; the bands are positions `from` … `to`, of which two lie within the trained length."""
    data = raw.json(_PERPLEXITY)
    rows = []
    for arm in data["results"].values():
        bands = sorted(arm["bands"].values(), key=lambda band: band["range"])
        rows.append(
            {
                "model": data["model"],
                "alpha": arm["alpha"],
                "from": tuple(band["range"][0] for band in bands),
                "to": tuple(band["range"][1] for band in bands),
                "perplexity": tuple(band["ppl"] for band in bands),
            }
        )
    return rows
