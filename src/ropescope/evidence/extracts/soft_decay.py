"""Perplexity when old keys fade, or are cut off, beyond the trained length."""

from __future__ import annotations

from typing import Any

from ropescope.evidence.extract import extract
from ropescope.evidence.raw import RawFiles

_FILES = tuple(f"exp_kv_decay/EleutherAI--pythia-{size}_kv_decay_seq4096.json" for size in ("1b", "1.4b", "2.8b"))
_MODES = {"none": "baseline", "hard": "hard_cutoff", "soft": "soft_decay", "window": "hard_df"}


@extract(
    says="Negative log-likelihood of three Pythia models at 4,096 tokens: no cut, hard cut-off, soft decay, window D_f.",
    files=_FILES,
    columns={
        "model": "text",
        "gamma": "number",
        "context_length": "whole",
        "length": "whole",
        "chunks": "whole",
        "horizon": "number",
        "window": "whole",
        **{f"{name}_{what}": "number" for name in _MODES for what in ("nll", "sd")},
        "said": "text",
    },
)
def soft_decay(raw: RawFiles) -> list[dict[str, Any]]:
    """One row a model; nll is in nats a token, sd its standard deviation over chunks, `said` the author's verdict."""
    return [
        {
            "model": data["model"],
            "gamma": data["gamma_used"],
            "context_length": data["T_train"],
            "length": data["seq_len"],
            "chunks": data["n_chunks"],
            "horizon": data["d_horizon"],
            "window": data["D_f_f0_9"],
            **{f"{name}_nll": data["modes"][mode]["nll"] for name, mode in _MODES.items()},
            **{f"{name}_sd": data["modes"][mode]["std"] for name, mode in _MODES.items()},
            "said": data["verdict"],
        }
        for file in _FILES
        for data in (raw.json(file),)
    ]
