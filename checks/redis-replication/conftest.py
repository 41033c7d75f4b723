"""What all checks of this lab share: each box's Redis and its Sentinel."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from redis_group import BOXES, Group
from redis_sentinel import Sentinel
from redis_trio import Trio


@pytest.fixture(scope="session")
def server(box, probe, params, listeners, unmet, clock):
    """``server("master")``: the Redis of that box; ``server.master()`` and ``server.replicas()``: as roles are now."""
    return Group(clock, box, probe, params, listeners, unmet)


@pytest.fixture(scope="session")
def sentinel(server):
    """``sentinel("master")``: the Sentinel of that box."""
    return {name: Sentinel(server(name)) for name in BOXES}.__getitem__


@pytest.fixture
def trio(server, every):
    """The three as one service."""
    return Trio(server, every)
