"""What all checks of this lab share: the shop's database server."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from mysql_server import Server


@pytest.fixture(scope="session")
def server(box, probe, params, listeners, unmet, clock):
    """The MariaDB of db, as it runs."""
    return Server(box, probe, params, listeners, unmet, clock)


@pytest.fixture(scope="session")
def spare(server, exercise):
    """The MariaDB of db on the clone, where checks may write. Where nobody starts it at boot, which is a task of its
    own, it is started now."""
    server.started_by_itself = bool(server.pids())
    if not server.started_by_itself:
        exercise("db").run("systemctl start mariadb", seconds=30)
        server.forget()
    return server
