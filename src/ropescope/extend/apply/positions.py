"""What a network is given: the part of a RopePlan that decides its rotary positions.

A plan applies itself by this room, so this room knows a plan by what it needs of it alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol


class LayerPositions(Protocol):
    """The rotary positions of some layers; `ropescope.extend.LayerTypePlan` documents the fields."""

    @property
    def layer_type(self) -> str: ...
    @property
    def layers(self) -> tuple[int, ...]: ...
    @property
    def before(self) -> tuple[float, ...]: ...
    @property
    def after(self) -> tuple[float, ...]: ...
    @property
    def parameters(self) -> Mapping[str, Any]: ...
    @property
    def near_tokens(self) -> int | None: ...


class Positions(Protocol):
    """The rotary positions of a model; `ropescope.extend.RopePlan` documents the fields."""

    @property
    def model(self) -> str: ...
    @property
    def model_type(self) -> str: ...
    @property
    def trained_length(self) -> int: ...
    @property
    def max_position_embeddings(self) -> int: ...
    @property
    def layer_types(self) -> tuple[LayerPositions, ...]: ...
    @property
    def changes(self) -> bool: ...
    @property
    def in_config(self) -> bool: ...
    @property
    def rope_parameters(self) -> dict[str, Any]: ...
