"""The child process that runs checks: ``python -m labctl.adapters.checks.child DESCRIPTOR``. It loads pytest and
testinfra and then waits for orders. So labctl can start the child early, and can later use it without a delay."""

from __future__ import annotations

import importlib
import os
import socket
import sys
from pathlib import Path

import msgspec
import pytest

from labctl.adapters.checks.fixtures import Fixtures
from labctl.adapters.checks.orders import Ended, IntegrityFound, MessageChannel, Orders
from labctl.adapters.checks.plugin import CheckNotes, Judge
from labctl.adapters.checks.session import CheckSession, LookError
from labctl.adapters.checks.world import World
from labctl.adapters.docker.stream import RawStream
from labctl.kit import timing


def arguments(orders: Orders) -> list[str]:
    """Return pytest's command line. pytest sees only the folder of the checks, and no other files or plugins."""
    return [
        *(orders.folder, "-c", orders.ini, "--rootdir", orders.folder),
        # checks/conftest.py belongs to all labs of the catalog. A conftest.py above it is ignored: a catalog may be in
        # any folder.
        *("--confcutdir", str(Path(orders.folder).parent)),
        *("--import-mode=importlib", "--assert=plain", "--strict-markers", "-q", "--no-header"),
        *("-p", "no:cacheprovider", "-p", "no:faulthandler", "-p", "no:doctest"),
    ]


def use_packages(folder: str) -> None:
    """Let the checks import the packages in this folder. It comes last in the search path, so that a package in it
    never replaces a package of labctl. An empty text stands for no folder."""
    if folder:
        sys.path.append(folder)
        importlib.invalidate_caches()


def main(descriptor: int) -> int:
    """Carry out the orders from the socket with this descriptor, and return pytest's exit code."""
    link = MessageChannel(socket.socket(fileno=descriptor))
    line = link.line()
    if not line:
        return 0  # the parent did not need this child
    orders = msgspec.json.decode(line, type=Orders)
    agent = socket.socket(fileno=link.descriptors.pop())
    agent.setblocking(True)
    use_packages(orders.packages)
    session = CheckSession(RawStream(agent))
    notes = CheckNotes()
    world = World(orders, session, notes, link)
    timing.use_clock(world.clock)
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
    """Return a message for the integrity report: the changed files of packages, and the boxes that can't be
    inspected."""
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
    # Skip the interpreter's normal exit, which is slow. The user waits for a verdict.
    os._exit(status)
