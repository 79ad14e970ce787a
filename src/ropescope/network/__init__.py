"""A network in memory: loaded, run, and read or changed while it runs."""

from typing import TYPE_CHECKING

from ropescope.lazy import attributes

if TYPE_CHECKING:
    from ropescope.network.capture import capture_rows as capture_rows
    from ropescope.network.loading.weights import Weights as Weights
    from ropescope.network.loading.weights import load as load
    from ropescope.network.rope_base import at_rope_base as at_rope_base
    from ropescope.network.rounding import rounded as rounded
    from ropescope.network.rows import AttentionRows as AttentionRows
else:
    # torch and transformers cost seconds to import: only who runs a network pays for them.
    __getattr__, __dir__ = attributes(__name__)
