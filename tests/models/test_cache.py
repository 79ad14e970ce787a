"""The bytes of a cache, against the caches of real networks and against figures worked out by hand."""

import json

import pytest

from ropescope.models import from_config

torch = pytest.importorskip("torch")
tiny_networks = pytest.importorskip("tiny_networks")


@pytest.mark.parametrize("model_type", tiny_networks.TYPES)
def test_bytes_equal_those_of_the_cache_that_a_forward_pass_leaves(model_type):
    network = tiny_networks.network_of(model_type)
    model = from_config(json.loads(json.dumps(network.config.to_dict(), default=str)))
    for length in (tiny_networks.WINDOW - 2, tiny_networks.WINDOW, 2 * tiny_networks.WINDOW):
        assert model.cache_bytes(length) == tiny_networks.held_bytes(network, length)
