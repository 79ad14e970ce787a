"""Rows of an atlas without a measurement, and made-up profiles on disk, for tests of what is done with them."""

from __future__ import annotations

import dataclasses
import hashlib
from pathlib import Path
from typing import Any

from made_profiles import made_profile

from ropescope.evidence.atlas.row import AtlasHead, AtlasLayer, AtlasPoint, AtlasRow


def made_row(model: str = "org/model", gamma: float | None = 0.8, half: float | None = 0.05, **more: Any) -> AtlasRow:
    """A fixed-length row; `half` is half the width of its interval, None for none."""
    ends = (None, None) if gamma is None or half is None else (gamma - half, gamma + half)
    row = AtlasRow(
        profile_sha256=hashlib.sha256(f"{model} {gamma}".encode()).hexdigest(),
        basis="measured",
        origin=None,
        model=model,
        repo_id=model if "/" in model else None,
        revision="0" * 40,
        weights=f"weights of {model}",
        model_type="llama",
        protocol="fixed",
        length=1024,
        corpus="text",
        corpus_about="the language reference of Python",
        corpus_sha256="ab" * 32,
        prompts=8,
        rope_theta=1e4,
        seed=0,
        dtype="bfloat16",
        sink_tokens=4,
        d_min=10,
        d_max=764,
        gamma=gamma,
        gamma_se=None if half is None else half / 2,
        gamma_low=ends[0],
        gamma_high=ends[1],
        gamma_null=0.0,
        r2=0.98,
        sink_mass=0.3,
        d50=50.0,
        d90=700.0,
        d99=900.0,
        control_gamma=None,
        control_low=None,
        control_high=None,
        beyond_trained=False,
        partial=False,
        ropescope_version="0.1.0",
        torch_version="2.13.0",
        transformers_version="5.23.0",
        added="2026-01-02T03:04:05+00:00",
        layers=(AtlasLayer(0, "full", None, 0.7, 0.6, 0.8, 0.97, 0.2, 40.0, 600.0, 800.0),),
        heads=tuple(
            AtlasHead(0, head, "full", 0.7 + head / 10, 0.6, 0.9, 0.97, 0.2, 3.5, 40.0, 600.0, 800.0) for head in (0, 1)
        ),
        curve=(AtlasPoint(1.0, 0.05, 0.04, 0.06), AtlasPoint(10.0, 0.008, None, None)),
    )
    return dataclasses.replace(row, **more)


def save_profile(path: Path, gamma: float = 0.8, *, control: float | None = None, **more: Any) -> Path:
    """Keep a made-up profile at `path`, with a random-weights control beside it if `control` gives its exponent.

    `more` goes to the provenance (model=…, corpus=…, seconds=…), `length`, `n_prompts` and `seed` to the profile.
    """
    shape = {name: more.pop(name) for name in ("length", "n_prompts", "seed", "partial") if name in more}
    profile = made_profile(gamma, **shape)
    provenance = {**profile.provenance, **more}
    dataclasses.replace(profile, provenance=provenance).save(path)
    if control is not None:
        other = dataclasses.replace(made_profile(control, **shape), provenance={**provenance, "random_init": True})
        other.save(path.with_name(f"{path.stem}.control.parquet"))
    return path
