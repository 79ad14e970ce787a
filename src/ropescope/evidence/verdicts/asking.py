"""The published claims, as a question: recomputed, or listed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ropescope.errors import InputError
from ropescope.questions.domains import Flag
from ropescope.questions.inputs import asked
from ropescope.questions.kinds import File, ListOf, Text
from ropescope.questions.question import Run
from ropescope.questions.shared import DATA_HELP
from ropescope.report.report import Report


@dataclass(frozen=True, kw_only=True)
class ClaimsInputs:
    """Which claims."""

    ids: tuple[str, ...] = asked(ListOf(Text()), "C1, C4, …; none for all.", default=(), placed=True)
    list: bool = asked(Flag(), "List the claims without recomputing them.", default=False)
    data: Path | None = asked(File(metavar="FOLDER"), DATA_HELP, default=None)


def answer(inputs: ClaimsInputs, run: Run) -> Report:
    """Number, interval, baselines and verdict of each claim, from the published measurements."""
    import statsmodels  # noqa: F401  (not every claim needs it, but whoever lacks it should hear so at once)

    from ropescope.evidence.evidence import Evidence
    from ropescope.evidence.verdicts.claim import Claim
    from ropescope.evidence.verdicts.recompute import recompute
    from ropescope.evidence.verdicts.registry import all_claims, find_claim
    from ropescope.evidence.verdicts.report import claim_report, claims_report, list_report

    asked_for = [find_claim(one) for one in dict.fromkeys(inputs.ids)] or [*all_claims().values()]
    if inputs.list:
        if inputs.data is not None:
            raise InputError("data", "`data` is given and not read: claims are listed without being recomputed.")
        return list_report(asked_for)
    evidence = Evidence(inputs.data)
    begun = 0

    def tell(claim: Claim) -> None:
        nonlocal begun
        run.progress(begun, len(asked_for), claim.id)
        begun += 1

    with run.working():
        run.say("Recomputing claims")
        entries = recompute(asked_for, evidence, tell)
    return claim_report(entries[0], evidence.origin) if len(entries) == 1 else claims_report(entries, evidence.origin)
