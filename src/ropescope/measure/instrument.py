"""From a source and a few wishes to a finished measurement, with its random-weights control if that is asked for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ropescope.measure.estimates import Summary
from ropescope.measure.profile import DecayProfile
from ropescope.measure.prompts import Corpus, embedded_text, file_corpus, random_corpus, text_corpus
from ropescope.measure.request import DEFAULT_D_MIN, DEFAULT_RESAMPLES, Plan, Request
from ropescope.measure.results.report import measurement_report
from ropescope.measure.session import journal_of, measure
from ropescope.measure.summary import summarise
from ropescope.network.loading.asked import load_asked
from ropescope.network.loading.weights import Weights, with_random_weights
from ropescope.report.report import Report
from ropescope.runs.job import Progress
from ropescope.runs.journal import Journal


@dataclass(frozen=True, slots=True)
class Outcome:
    """A finished (or interrupted) measurement: profiles, their numbers, and which protocol leads the report."""

    profile: DecayProfile
    summary: Summary
    control_profile: DecayProfile | None = None
    control: Summary | None = None
    legacy_first: bool = False
    interrupted: bool = False

    def report(self, kept_in: str | None = None) -> Report:
        """The measurement as a Report; `kept_in` is the path its profile was saved under."""
        return measurement_report(self.summary, self.control, legacy_first=self.legacy_first, kept_in=kept_in)

    def save(self, path: Path) -> tuple[Path, ...]:
        """Write the profile, and its control beside it; returns the paths."""
        self.profile.save(path)
        if self.control_profile is None:
            return (path,)
        beside = control_path(path)
        self.control_profile.save(beside)
        return (path, beside)

    @property
    def journals(self) -> tuple[Journal, ...]:
        """What is kept on disk for resuming, and may go once the result is safe; none after an interruption, where it stays."""
        profiles = () if self.interrupted else (self.profile, self.control_profile)
        return tuple(journal_of(profile) for profile in profiles if profile is not None)

    def discard_journal(self) -> None:
        """Remove `journals`."""
        for journal in self.journals:
            journal.discard()


def control_path(path: Path) -> Path:
    """Where the control of a profile lies: profile.parquet → profile.control.parquet."""
    return path.with_name(f"{path.stem}.control{path.suffix}")


def run(
    request: Request,
    *,
    progress: Progress | None = None,
    say: Callable[[str], None] | None = None,
    keep_journal: bool = False,
) -> Outcome:
    """Load, measure, measure the control, and summarise. `say` hears what is going on, a line at a time. With
    `keep_journal` the finished prompts stay on disk until `Outcome.discard_journal`, for when the result is safe.

    Raises RopescopeError subclasses; KeyboardInterrupt only when nothing was finished.
    """
    tell = say or (lambda _: None)
    weights = load_asked(request, tell)
    tell("Reading the corpus")
    corpus = make_corpus(request, weights)
    tell(f"Measuring {weights.on_what}")
    profile = measure(weights, corpus, request.plan, resume=request.resume, progress=progress, keep_journal=True)
    control = None if profile.partial else _measure_control(request, weights, corpus, profile, progress, tell)
    found = outcome(profile, control, request)
    if not keep_journal:
        found.discard_journal()
    return found


def outcome(profile: DecayProfile, control: DecayProfile | None, request: Request) -> Outcome:
    """Summarise a profile and its control."""

    def numbers(of: DecayProfile) -> Summary:
        return summarise(of, d_min=request.plan.d_min, resamples=request.resamples)

    return Outcome(
        interrupted=profile.partial or (control.partial if control is not None else request.control is not None),
        profile=profile,
        summary=numbers(profile),
        control_profile=control,
        control=None if control is None else numbers(control),
        legacy_first=request.legacy_first,
    )


def show(
    path: Path, *, d_min: int = DEFAULT_D_MIN, resamples: int = DEFAULT_RESAMPLES, legacy_first: bool = False
) -> Outcome:
    """The outcome of a saved profile, with the control that lies beside it if there is one."""
    beside = control_path(path)
    control = DecayProfile.load(beside) if beside.exists() else None
    request = Request(source={}, plan=Plan(d_min=d_min), resamples=resamples, legacy_first=legacy_first)
    return outcome(DecayProfile.load(path), control, request)


def make_corpus(request: Request, weights: Weights) -> Corpus:
    """The corpus that a request names, tokenised for the model."""
    if request.corpus == "random":
        vocabulary = weights.network.config.get_text_config().vocab_size
        return random_corpus(vocabulary, weights.tokenizer, weights.special_ids, request.seed)
    if request.dataset is not None:
        from ropescope.models.datasets import fetch_dataset

        paths, commit = fetch_dataset(request.dataset, column=request.column)
        name, about = "dataset", f"{request.dataset}@{commit[:8]} ({_names(paths)})"
    else:
        paths, name, about = request.texts, "files", _names(request.texts)
    shuffled = request.corpus == "shuffled"
    drawn = "shuffled " if shuffled else ""
    if paths:
        return file_corpus(
            f"{drawn}{name}", about, paths, request.column, weights.tokenizer, request.seed, shuffled=shuffled
        )
    text, about = embedded_text()
    return text_corpus(f"{drawn}text", about, text, weights.tokenizer, request.seed, shuffled=shuffled)


def _names(paths: Sequence[Path]) -> str:
    return ", ".join(path.name for path in paths)


def _measure_control(
    request: Request,
    weights: Weights,
    corpus: Corpus,
    profile: DecayProfile,
    progress: Progress | None,
    tell: Callable[[str], None],
) -> DecayProfile | None:
    if request.control is None:
        return None
    tell(f"Measuring {weights.on_what} with random weights")
    plan = request.plan
    same = Plan(
        protocol=plan.protocol,
        prompts=profile.n_prompts,
        d_min=plan.d_min,
        chunk_tokens=plan.chunk_tokens,
        beyond_trained=plan.beyond_trained,
        legacy_length=plan.legacy_length,
    )
    try:
        fresh = with_random_weights(weights, request.seed)
        return measure(fresh, corpus, same, resume=request.resume, progress=progress, keep_journal=True)
    except KeyboardInterrupt:
        return None  # the measurement itself is complete and must not be lost with its control
