"""What was published and what was measured: the panel, every claim recomputed, experiments, an atlas of profiles."""

from typing import TYPE_CHECKING

from ropescope.lazy import attributes

if TYPE_CHECKING:
    from ropescope.evidence.evidence import Evidence as Evidence
    from ropescope.evidence.measurement import Measurement as Measurement
    from ropescope.evidence.verdicts.claim import Claim as Claim
    from ropescope.evidence.verdicts.claim import Finding as Finding
    from ropescope.evidence.verdicts.recompute import recompute as recompute
    from ropescope.evidence.verdicts.registry import all_claims as all_claims
else:
    # numpy, scipy and statsmodels cost a second to import: only who recomputes pays for them.
    __getattr__, __dir__ = attributes(__name__)
