"""Weights in, a DecayProfile out."""

from typing import TYPE_CHECKING

from ropescope.lazy import attributes

if TYPE_CHECKING:
    from ropescope.measure.capture import capture_rows
    from ropescope.measure.estimates import Summary
    from ropescope.measure.instrument import Outcome, run
    from ropescope.measure.profile import DecayProfile
    from ropescope.measure.protocol import FixedLength
    from ropescope.measure.request import Plan, Request
    from ropescope.measure.rope_base import at_rope_base
    from ropescope.measure.rounding import rounded
    from ropescope.measure.rows import AttentionRows
    from ropescope.measure.summary import summarise

_HOMES = {
    "AttentionRows": "rows",
    "DecayProfile": "profile",
    "FixedLength": "protocol",
    "Outcome": "instrument",
    "Plan": "request",
    "Request": "request",
    "Summary": "estimates",
    "at_rope_base": "rope_base",
    "capture_rows": "capture",
    "rounded": "rounding",
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
    "at_rope_base",
    "capture_rows",
    "rounded",
    "run",
    "summarise",
]


# torch and transformers cost seconds to import: only who measures pays for them.
__getattr__ = attributes(__name__, _HOMES)
