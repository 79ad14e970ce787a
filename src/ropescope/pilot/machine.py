"""Where a trial is trained, and in which number type."""

from __future__ import annotations

import os

import torch

from ropescope.errors import InputError


def device_of(name: str | None) -> torch.device:
    """The device `name`; by default the GPU of this process, as the launcher numbers it, if there is one. Raises InputError."""
    if name is None:
        return (
            torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
            if torch.cuda.is_available()
            else torch.device("cpu")
        )
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        raise InputError(
            "device", f"`device` {name!r} cannot be used here ({str(error).splitlines()[0]}): try cpu."
        ) from error
    return device


def half_of(asked: str, device: torch.device) -> bool:
    """Whether products are taken in bfloat16: as asked, or for `auto` on a GPU that has units for it.

    On a CPU auto is float32, so that machines with and without such units train alike.
    """
    if asked != "auto":
        return asked == "bfloat16"
    return device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)
