"""Published methods from their authors' code (kvpress), and a KVPlan as one of their presses."""

from typing import TYPE_CHECKING

from ropescope.lazy import attributes

if TYPE_CHECKING:
    from ropescope.compress.peers.methods import PEERS as PEERS
    from ropescope.compress.peers.methods import Peer as Peer
    from ropescope.compress.peers.press import PlannedPress as PlannedPress
else:
    # kvpress costs seconds to import, and changes the attention functions of transformers: only who asks for it pays.
    __getattr__, __dir__ = attributes(__name__)
