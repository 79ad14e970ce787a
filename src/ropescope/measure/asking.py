"""How far a model attends, as a question: a measurement of its weights, or a kept one shown again."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ropescope.measure.protocol import FixedLength
from ropescope.measure.request import DEFAULT_D_MIN, DEFAULT_RESAMPLES, Plan, Request
from ropescope.questions.domains import Choice, Flag, Real, Whole
from ropescope.questions.inputs import asked
from ropescope.questions.kinds import File, ListOf, Output, Source, Text, Tokens
from ropescope.questions.question import Run
from ropescope.questions.shared import Loading, OnCluster, OneModel, OwnText, Resumable
from ropescope.report.report import Report

CORPORA = Choice(("text", "random", "shuffled"))
CORPORA_HELP = "text (Python's language reference), random (tokens), or shuffled."


@dataclass(frozen=True, kw_only=True)
class Reading:
    """Which distances are fitted, and which reading leads."""

    protocol: str = asked(
        Choice(("fixed", "legacy")),
        "Which reading leads: fixed (one length) or legacy (as published).",
        default="fixed",
    )
    d_min: int = asked(Whole(1, 2**30), "Shortest distance in the fit, in tokens.", default=DEFAULT_D_MIN)


@dataclass(frozen=True, kw_only=True)
class MeasureInputs(OneModel, Reading, OwnText, Loading, Resumable, OnCluster):
    """What to measure, and how precisely."""

    more: tuple[str, ...] = asked(
        ListOf(Source()),
        "Further models. One that fails is named with the reason, and the others go on.",
        default=(),
        placed=True,
        group="model",
    )
    folder: Path | None = asked(
        Output(metavar="FOLDER"), "Keep a profile of each of several models here.", default=None, only_with=("more",)
    )
    length: int = asked(Tokens(), "Context length in tokens, as 2048 or 2k.", default=2048)
    prompts: int = asked(Whole(1, 10**6), "Prompts to measure.", default=12)
    precision: float | None = asked(
        Real(above=0.0, below=1.0), "Add prompts until the standard error of γ is this small.", default=None
    )
    max_prompts: int = asked(
        Whole(1, 10**6), "Stop adding prompts for `precision` here.", default=512, only_with=("precision",)
    )
    corpus: str = asked(CORPORA, CORPORA_HELP, default="text")
    dataset: str | None = asked(Text(metavar="HUB_ID"), "Text from a dataset on the Hub.", default=None)
    control: str | None = asked(
        Choice(("random-init",)), "Measure the same network with random weights too.", default=None
    )
    rows: int = asked(Whole(1, 10**6), "Query rows read in each prompt.", default=64)
    sinks: int = asked(Whole(0, 10**6), "First tokens counted as sinks, left out of the decay.", default=4)
    seed: int = asked(Whole(0, 2**63), "Seed of prompts, rows and resamples.", default=0)
    chunk: int | None = asked(Tokens(), "Run prompts through in chunks of this many tokens.", default=None)
    resamples: int = asked(
        Whole(1000, 10**7), "Bootstrap resamples; a 95 % interval needs 1,000.", default=DEFAULT_RESAMPLES
    )
    beyond_trained: bool = asked(Flag(), "Allow a length beyond the trained context.", default=False)

    @property
    def kept_as(self) -> str:
        """The name of a kept profile in a folder: a GGUF file has one of its own."""
        from ropescope.measure.beside import name_in_folder

        return name_in_folder(self.source)

    def request(self) -> Request:
        """The measurement that is asked for. Raises MeasurementError for inputs that do not go together."""
        legacy = self.protocol == "legacy"
        return Request(
            source=self.source,
            revision=self.revision,
            plan=Plan(
                protocol=FixedLength(length=self.length, rows=self.rows, sinks=self.sinks),
                prompts=self.prompts,
                precision=self.precision,
                max_prompts=self.max_prompts,
                d_min=self.d_min,
                chunk_tokens=self.chunk,
                beyond_trained=self.beyond_trained,
                legacy_length=legacy,
            ),
            corpus=self.corpus,  # type: ignore[arg-type]  # one of CORPORA
            texts=self.text,
            dataset=self.dataset,
            column=self.column,
            seed=self.seed,
            dtype=self.dtype,
            device=self.device,
            control=self.control,
            trust_remote_code=self.trust_remote_code,
            resume=self.resume,
            resamples=self.resamples,
            legacy_first=legacy,
        )


@dataclass(frozen=True, kw_only=True)
class ShowProfileInputs(Reading):
    """A kept profile."""

    profile: Path = asked(File(), "A profile that a measurement has kept.", placed=True)


def shown(inputs: ShowProfileInputs, run: Run) -> Report:
    """A kept profile again, with the control beside it (NAME.control.parquet)."""
    from ropescope.measure.outcome import show

    found = show(inputs.profile, d_min=inputs.d_min, legacy_first=inputs.protocol == "legacy")
    return found.report(kept_in="")
