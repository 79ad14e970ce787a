"""The question `strided`: one dataclass of inputs, and one function that answers."""

from __future__ import annotations

from dataclasses import dataclass

from ropescope.models.opening import open as open_model
from ropescope.questions.domains import Whole
from ropescope.questions.inputs import asked
from ropescope.questions.kinds import Tokens
from ropescope.questions.question import Run
from ropescope.questions.shared import OneModel
from ropescope.report.report import Fact, Report, Step


@dataclass(frozen=True, kw_only=True)
class StridedInputs(OneModel):
    """A model, its context, and which tokens stay."""

    context: int = asked(Tokens(), "Tokens of the context.", default=8192)
    every: int = asked(Whole(2, 1000), "Keep one of so many tokens.", default=4)


def answer(inputs: StridedInputs, run: Run) -> Report:
    """The bytes of the cache that stay."""
    model = open_model(inputs.source, revision=inputs.revision)
    kept = inputs.context // inputs.every
    left = model.cache_bytes(kept)
    return Report(
        title=model.name,
        verdict=f"{left:,} bytes of the cache of {model.name} stay: every {inputs.every}th of {inputs.context:,} tokens.",
        facts=(Fact("tokens kept", kept, "tokens", "formula", "context / `every`"),),
        next_steps=(Step("compress plan", {"source": inputs.source}, "What the weights say should stay"),),
        data={"kept_tokens": kept, "kept_bytes": left},
    )
