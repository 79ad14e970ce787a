"""What was published and what was measured: the panel, every claim recomputed, experiments, an atlas of profiles."""

from typing import TYPE_CHECKING

from ropescope.lazy import attributes

if TYPE_CHECKING:
    from ropescope.evidence.evidence import Evidence
    from ropescope.evidence.measurement import Measurement
    from ropescope.evidence.verdicts.claim import Claim, Finding
    from ropescope.evidence.verdicts.recompute import recompute
    from ropescope.evidence.verdicts.registry import all_claims

_HOMES = {
    "Claim": "verdicts.claim",
    "Evidence": "evidence",
    "Finding": "verdicts.claim",
    "Measurement": "measurement",
    "all_claims": "verdicts.registry",
    "recompute": "verdicts.recompute",
}

__all__ = ["Claim", "Evidence", "Finding", "Measurement", "all_claims", "recompute"]

# numpy, scipy and statsmodels cost a second to import: only who recomputes pays for them.
__getattr__ = attributes(__name__, _HOMES)
