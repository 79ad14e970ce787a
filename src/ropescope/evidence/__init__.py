"""What was published and what was measured: the panel, every claim recomputed, experiments, an atlas of profiles."""

from typing import TYPE_CHECKING

from ropescope.lazy import attributes

if TYPE_CHECKING:
    from ropescope.evidence.evidence import Evidence
    from ropescope.evidence.ledger.claim import Claim, Finding
    from ropescope.evidence.ledger.recompute import recompute
    from ropescope.evidence.ledger.registry import all_claims
    from ropescope.evidence.measurement import Measurement

_HOMES = {
    "Claim": "ledger.claim",
    "Evidence": "evidence",
    "Finding": "ledger.claim",
    "Measurement": "measurement",
    "all_claims": "ledger.registry",
    "recompute": "ledger.recompute",
}

__all__ = ["Claim", "Evidence", "Finding", "Measurement", "all_claims", "recompute"]

# numpy, scipy and statsmodels cost a second to import: only who recomputes pays for them.
__getattr__ = attributes(__name__, _HOMES)
