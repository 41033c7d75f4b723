"""The child that runs checks: ``python -m labctl.adapters.checks.child DESCRIPTOR``. It loads pytest and testinfra, and
then waits for orders, so that a labctl that starts it early finds it ready."""

from __future__ import annotations

import os
import socket
import sys

import msgspec
import pytest
import testinfra.host

from labctl.adapters.checks.fixtures import Fixtures
from labctl.adapters.checks.orders import Ended, IntegrityFound, MessageChannel, Orders
from labctl.adapters.checks.plugin import CheckNotes, Judge
from labctl.adapters.checks.session import CheckSession, LookError
from labctl.adapters.checks.world import World
from labctl.adapters.docker.stream import RawStream

# Loaded now, and not when a check asks for it.
LOADED = (testinfra.host.Host,)


def arguments(orders: Orders) -> list[str]:
    """pytest's command line: the checks' folder and nothing that happens to lie or to be installed around it."""
    return [
        *(orders.folder, "-c", orders.ini, "--rootdir", orders.folder),
        # Nor a conftest.py that lies above: a catalog may be anywhere.
        *("--confcutdir", orders.folder),
        *("--import-mode=importlib", "--assert=plain", "--strict-markers", "-q", "--no-header"),
        *("-p", "no:cacheprovider", "-p", "no:faulthandler", "-p", "no:doctest"),
    ]


def main(descriptor: int) -> int:
    """Do what is ordered on that socket; pytest's exit code."""
    link = MessageChannel(socket.socket(fileno=descriptor))
    line = link.line()
    if not line:
        return 0  # nobody wanted it after all
    orders = msgspec.json.decode(line, type=Orders)
    agent = socket.socket(fileno=link.descriptors.pop())
    agent.setblocking(True)
    session = CheckSession(RawStream(agent))
    notes = CheckNotes()
    world = World(orders, session, notes, link)
    world.enter_all()
    try:
        code = int(pytest.main(arguments(orders), plugins=[Judge(orders, link, notes), Fixtures(world)]))
        link.send(Ended())
        if orders.pick is None:
            link.send(_integrity(world))
        return code
    finally:
        session.close()
        link.close()


def _integrity(world: World) -> IntegrityFound:
    """Files of packages that were changed, for the report, and the boxes that can't be looked at."""
    changed: dict[str, tuple[str, ...]] = {}
    unseen: dict[str, str] = {}
    for name in world.places:
        try:
            changed[name] = tuple(world.changes(name)["packaged"])
        except LookError as error:
            unseen[name] = str(error)
    return IntegrityFound(changed, unseen)


if __name__ == "__main__":
    status = main(int(sys.argv[1]))
    sys.stdout.flush()
    sys.stderr.flush()
    # Not the interpreter's own end: it takes its time, and somebody waits for a verdict.
    os._exit(status)
