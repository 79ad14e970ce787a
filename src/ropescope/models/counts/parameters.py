"""The parameters of a model whose weight files are not at hand: by a sum that is proven, else by
building the network, else by the estimate."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from importlib.util import find_spec

from ropescope.errors import FormatError, MissingExtraError
from ropescope.models.counts.closed import closed_count, is_closed
from ropescope.models.counts.estimate import estimate
from ropescope.models.counts.meta import MEND, count_on_meta
from ropescope.models.model import Model
from ropescope.models.parameters import Parameters


def count_parameters(model: Model, *, build: bool | None = None) -> Parameters:
    """The parameters of a model read from a config.json.

    `build` is whether to build the network without memory (`count_on_meta`): yes (True), no (False), or where the closed
    form is not proven to be exact and torch and transformers are installed (None; importing them takes seconds). Where
    None builds and it fails, the estimate is returned and its `source` says why. Raises MissingExtraError for True
    without them, and FormatError where the way asked for does not count this model.
    """
    if model.source.kind == "gguf":
        raise FormatError(f"{model.name} is read from a GGUF file, not from a config: count the tensors it lists.")
    if build is None and is_closed(model.config):
        with suppress(FormatError):  # the network's own defaults may fill what the sum misses
            return closed_count(model)
    if build is False or (build is None and not can_build()):
        return estimate(model)
    try:
        return count_on_meta(model.config)
    except (FormatError, MissingExtraError) as error:
        if build:
            raise
        reason = str(error).removesuffix(MEND)
    parameters = estimate(model)
    return replace(parameters, source=f"{parameters.source}; estimated, since {reason}")


def can_build() -> bool:
    """Whether torch and transformers are installed; neither is imported."""
    return find_spec("torch") is not None and find_spec("transformers") is not None
