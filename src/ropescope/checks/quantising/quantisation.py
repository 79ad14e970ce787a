"""What a quantisation costs: what is published about it, or what two weights of your own predict on held-out text."""

from __future__ import annotations

from dataclasses import dataclass

from ropescope.checks.quantising.lookup import lookup_report
from ropescope.checks.quantising.published import read_format
from ropescope.errors import EvaluationError, InputError
from ropescope.models.model import Model
from ropescope.questions.domains import Choice, Whole
from ropescope.questions.inputs import asked, to_values
from ropescope.questions.kinds import Source, Text, Tokens
from ropescope.questions.question import Run
from ropescope.questions.shared import Loading, OwnText, Resumable
from ropescope.report.report import Report

ROUNDED = ("bfloat16", "Q8_0", "NF4", "Q4_0", "3 bits", "2 bits")
"""Names of `network.rounding.ROUNDINGS`, which needs torch."""
LOOKED_UP = ("source", "revision", "format")


@dataclass(frozen=True, kw_only=True)
class QuantisationInputs(OwnText, Loading, Resumable):
    """A model, and what it is compared with; without `against` and `rounded`, what is published."""

    source: str | None = asked(
        Source(),
        "The quantised model: a .gguf file, a folder, a Hub id, smollm2 or a model's name; left out: all published figures.",
        default=None,
        placed=True,
        group="model",
    )
    revision: str | None = asked(Text(), "Branch, tag or commit of a Hub model.", default=None, group="model")
    format: str | None = asked(
        Text(), "A format, as Q4_K_M, IQ3_S or w4a16; default: the one of the file.", default=None, group="model"
    )
    against: str | None = asked(
        Source(), "The original weights (or finer ones), to measure the cost on held-out text.", default=None
    )
    rounded: str | None = asked(
        Choice(ROUNDED),
        "Measure the linear layers of `source` itself rounded to this format, where no quantised file is at hand.",
        default=None,
    )
    length: int = asked(
        Tokens(least=16), "Tokens of a text.", default=512, group="text", only_with=("against", "rounded")
    )
    texts: int = asked(
        Whole(1, 10_000),
        "Texts of each kind (prose, code, tables); of your own text, its second half.",
        default=4,
        group="text",
        only_with=("against", "rounded"),
    )

    def __post_init__(self) -> None:
        """Raises InputError for inputs that would not be read."""
        if self.format is not None:
            object.__setattr__(self, "format", read_format(self.format))
        if self.against and self.rounded:
            raise InputError("rounded", "`against` and `rounded` are two ways to measure: give one of them.")
        if self.measures and self.source is None:
            raise InputError("source", "`source` is missing: name the weights that are measured.")
        if self.measures and self.format:
            raise InputError("format", "`format` looks a figure up, and here weights are measured: leave it out.")
        for name in to_values(self) if not self.measures else ():
            if name not in LOOKED_UP:
                raise InputError(
                    name,
                    f"`{name}` is given and not read: it goes with `against` or `rounded`. Leave it out, or give one.",
                )

    @property
    def measures(self) -> bool:
        """Whether weights are read."""
        return bool(self.against or self.rounded)


def answer(inputs: QuantisationInputs, run: Run) -> Report:
    """What is published, or what was measured."""
    if not inputs.measures:
        return lookup_report(inputs.source, inputs.revision, inputs.format)
    source, against = inputs.source or "", inputs.against or inputs.source or ""
    models = _checked(inputs, source, against)
    from ropescope.checks.quantising.measured import measured_report
    from ropescope.quality.comparing import compare

    with run.working():
        outcome = compare(inputs, against, source, run, rounding=inputs.rounded or "")  # type: ignore[arg-type]
    run.when_shown(outcome.discard_journal)
    return measured_report(outcome.result, *models, rounded=inputs.rounded)


def _checked(inputs: QuantisationInputs, source: str, against: str) -> tuple[Model, Model]:
    """(the quantised model, the original), as their files say. Raises what speaks against a run before weights are read."""
    from ropescope.models.loadable import loadable
    from ropescope.models.opening import open as open_model
    from ropescope.models.text_files import check_texts

    check_texts(inputs.text, inputs.column, least_bytes=2 * (inputs.length - 2))
    found = []
    for one in (source, against):
        revision = inputs.revision if one == source else None
        model = loadable(one, revision, reads_text=not inputs.trust_remote_code)
        if model.context_length is not None and inputs.length > model.context_length:
            raise InputError(
                "length",
                f"`length` is {inputs.length:,}, beyond the context of {model.name} ({model.context_length:,}): ask for fewer.",
            )
        found.append(open_model(one, revision))
    sizes = [model.vocab_size for model in found]
    if None not in sizes and sizes[0] != sizes[1]:
        raise EvaluationError(
            f"{found[0].name} and {found[1].name} have different vocabularies ({sizes[0]:,} and {sizes[1]:,} ids), so their "
            "predictions cannot be compared: give two copies of one model."
        )
    return found[0], found[1]
