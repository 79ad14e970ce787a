"""Weights in, a DecayProfile out."""

from typing import TYPE_CHECKING

from ropescope.lazy import attributes

if TYPE_CHECKING:
    from ropescope.measure.capture import capture_rows
    from ropescope.measure.estimates import Summary
    from ropescope.measure.instrument import Outcome, Request, run
    from ropescope.measure.profile import DecayProfile
    from ropescope.measure.protocol import FixedLength
    from ropescope.measure.rows import AttentionRows
    from ropescope.measure.session import Plan
    from ropescope.measure.summary import summarise

_HOMES = {
    "AttentionRows": "rows",
    "DecayProfile": "profile",
    "FixedLength": "protocol",
    "Outcome": "instrument",
    "Plan": "session",
    "Request": "instrument",
    "Summary": "estimates",
    "capture_rows": "capture",
    "run": "instrument",
    "summarise": "summary",
}

__all__ = [
    "AttentionRows",
    "DecayProfile",
    "FixedLength",
    "Outcome",
    "Plan",
    "Request",
    "Summary",
    "capture_rows",
    "run",
    "summarise",
]


# torch and transformers cost seconds to import: only who measures pays for them.
__getattr__ = attributes(__name__, _HOMES)
