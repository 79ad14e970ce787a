"""A mark for tests that hold facts of ours to networks and caches as the newest transformers builds them."""

from importlib import metadata

import pytest
from packaging.version import Version

OLDER = Version(metadata.version("transformers")) < Version("5.18")

of_newest_transformers = pytest.mark.skipif(
    OLDER,
    reason="what ropescope says of these model types is held to transformers 5.18 and newer, which has all of them",
)
