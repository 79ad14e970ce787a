"""A trial of the RoPE base so small that a run takes less than a second."""

from __future__ import annotations

from ropescope.pilot.sizes import Size

SMALL = Size("toy", width=32, layers=2, length=256, vocabulary=320, batch=2, tokens=4096, prompts=2)
