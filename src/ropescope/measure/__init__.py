"""A network in, a DecayProfile out."""

from typing import TYPE_CHECKING

from ropescope.lazy import attributes

if TYPE_CHECKING:
    from ropescope.measure.estimates import Summary as Summary
    from ropescope.measure.instrument import run as run
    from ropescope.measure.outcome import Outcome as Outcome
    from ropescope.measure.profile import DecayProfile as DecayProfile
    from ropescope.measure.protocol import FixedLength as FixedLength
    from ropescope.measure.request import Plan as Plan
    from ropescope.measure.request import Request as Request
    from ropescope.measure.summary import summarise as summarise
else:
    # torch and transformers cost seconds to import: only who measures pays for them.
    __getattr__, __dir__ = attributes(__name__)
