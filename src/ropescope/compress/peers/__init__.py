"""Published methods from their authors' code (kvpress), and a KVPlan as one of their presses."""

from typing import TYPE_CHECKING

from ropescope.lazy import attributes

if TYPE_CHECKING:
    from ropescope.compress.peers.methods import PEERS, Peer
    from ropescope.compress.peers.press import PlannedPress

_HOMES = {"PEERS": "methods", "Peer": "methods", "PlannedPress": "press"}

__all__ = ["PEERS", "Peer", "PlannedPress"]


# kvpress costs seconds to import, and changes the attention functions of transformers: only who asks for it pays.
__getattr__ = attributes(__name__, _HOMES)
