"""Ways of serving, put together in a line."""

from __future__ import annotations

from typing import Any

from ropescope.checks.serving.devices.device import find_device
from ropescope.checks.serving.engines.cache_types import cache_type_of
from ropescope.checks.serving.engines.engine import find_engine
from ropescope.checks.serving.serving import Serving
from ropescope.models.model import Model


def way(model: Model, gpu: str, engine: str, context: int, batch: int = 1, cache: str = "auto", **more: Any) -> Serving:
    """`model` on `gpu` with `engine`; `more` are fields of Serving."""
    found, device = find_engine(engine), find_device(gpu)
    return Serving(model, device, found, context, cache_type_of(found, model, device, cache), batch, **more)
