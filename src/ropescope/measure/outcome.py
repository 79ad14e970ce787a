"""A measurement with its numbers: what a run ends in, and what a saved profile is shown as. It needs no torch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ropescope.measure.estimates import Summary
from ropescope.measure.profile import DecayProfile
from ropescope.measure.request import DEFAULT_D_MIN, DEFAULT_RESAMPLES, Plan, Request
from ropescope.measure.results.report import measurement_report
from ropescope.measure.summary import summarise
from ropescope.report.report import Report

if TYPE_CHECKING:
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
        from ropescope.measure.session import journal_of

        profiles = () if self.interrupted else (self.profile, self.control_profile)
        return tuple(journal_of(profile) for profile in profiles if profile is not None)

    def discard_journal(self) -> None:
        """Remove `journals`."""
        for journal in self.journals:
            journal.discard()


def control_path(path: Path) -> Path:
    """Where the control of a profile lies: profile.parquet → profile.control.parquet."""
    return path.with_name(f"{path.stem}.control{path.suffix}")


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
