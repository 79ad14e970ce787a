"""What was published and what was measured: the panel, every claim recomputed, experiments, an atlas of profiles."""

from typing import TYPE_CHECKING

from ropescope.lazy import attributes

if TYPE_CHECKING:
    from ropescope.evidence.claim import Claim, Finding
    from ropescope.evidence.evidence import Evidence
    from ropescope.evidence.ledger import recompute
    from ropescope.evidence.measurement import Measurement
    from ropescope.evidence.registry import claims

_HOMES = {
    "Claim": "claim",
    "Evidence": "evidence",
    "Finding": "claim",
    "Measurement": "measurement",
    "claims": "registry",
    "recompute": "ledger",
}

__all__ = ["Claim", "Evidence", "Finding", "Measurement", "claims", "recompute"]

# numpy, scipy and statsmodels cost a second to import: only who recomputes pays for them.
__getattr__ = attributes(__name__, _HOMES)
