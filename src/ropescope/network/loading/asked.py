"""The network that a question asks for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal, Protocol

from ropescope.errors import SourceError
from ropescope.network.loading.weights import Weights, load


class LoadingInputs(Protocol):
    """The inputs of a question that say what is loaded, and how (`OneModel` and `Loading` of `questions.shared`)."""

    @property
    def source(self) -> str | Path | Mapping[str, Any]: ...

    @property
    def revision(self) -> str | None: ...

    @property
    def dtype(self) -> str: ...

    @property
    def device(self) -> str | None: ...

    @property
    def trust_remote_code(self) -> bool: ...


def load_asked(
    inputs: LoadingInputs, say: Callable[[str], None], *, text: Literal["scored", "read"] | None = None
) -> Weights:
    """Load what `inputs` name, and `say` so. text: what is to be done with text, for which a tokenizer is needed.

    Raises SourceError where there are no readable weights, or no tokenizer for the text.
    """
    said = inputs.source if isinstance(inputs.source, str | Path) else "the weights"
    say(f"Loading {said}")
    weights = load(
        inputs.source,
        revision=inputs.revision,
        dtype=inputs.dtype,
        device=inputs.device,
        trust_remote_code=inputs.trust_remote_code,
    )
    if text is not None and weights.tokenizer is None:
        raise SourceError(f"{weights.source.name} comes without a tokenizer, so no text can be {text} with it.")
    return weights
