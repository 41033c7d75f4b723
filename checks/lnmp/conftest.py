"""What all checks of this lab share: the board as visitors see it, and its database."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from board import Board
from store import Store


@pytest.fixture(scope="session")
def board(box, probe, params, listeners, unmet, clock):
    """The site on web."""
    return Board(box, probe, params, listeners, unmet, clock)


@pytest.fixture(scope="session")
def store(box, probe, params, listeners, unmet, clock):
    """The database server on db."""
    return Store(box, probe, params, listeners, unmet, clock)
