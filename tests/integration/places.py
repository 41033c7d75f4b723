"""A box of the mini lab as checks see it: a place in a session of a real agent in the real probe."""

from __future__ import annotations

import uuid
from typing import Any, NamedTuple

import docker
from rig import Labctl, box, sh

from labctl.adapters.checks.orders import BoxPlace, MessageChannel, Orders
from labctl.adapters.checks.plugin import CheckNotes
from labctl.adapters.checks.session import CheckSession
from labctl.adapters.checks.world import World
from labctl.adapters.docker.probe import DockerProbe
from labctl.app.parts import Parts
from labctl.domain.wiring import port_name

_APP = Parts()


def probe() -> DockerProbe:
    """The probe, which starts agents."""
    return _APP.probe


def new_session() -> CheckSession:
    """Open a session with a new agent."""
    probe().make_ready()
    return CheckSession(probe().open())


class Done(NamedTuple):
    """The result of a command."""

    status: int
    out: bytes
    err: bytes


class Looked:
    """One box, a session with it, and actions of root in the box."""

    def __init__(self, engine: docker.DockerClient, labctl: Labctl, session: CheckSession, name: str = "alpha") -> None:
        self.engine = engine
        self.labctl = labctl
        self.session = session
        self.name = name
        self.place = f"{name}-{uuid.uuid4().hex[:6]}"
        self.enter()

    @property
    def container(self) -> docker.models.containers.Container:
        """The present state of the container."""
        return box(self.engine, self.labctl.learner, self.name)

    @property
    def pid(self) -> int:
        """The pid of the box's first process on the engine's machine."""
        return int(self.container.attrs["State"]["Pid"])

    def enter(self, pid: int = 0, *, watch: bool = False) -> None:
        """Enter the box as a place, or enter it again."""
        self.session.enter(self.place, pid or self.pid, str(self.container.id), watch=watch)

    def run(self, command: str, stdin: bytes = b"", seconds: float = 20.0) -> Done:
        """Run a command of a check. Raises LookError."""
        return Done(*self.session.run(self.place, command, stdin, seconds))

    def root(self, script: str) -> str:
        """Run a script, which must succeed, in the box's own shell; returns its output."""
        code, output = sh(self.container, script)
        assert code == 0, (script, code, output)
        return output

    def begin(self, *argv: str) -> None:
        """Start a program in the box and let it run."""
        self.container.exec_run(list(argv), detach=True)

    def world(self) -> World:
        """The base of the fixtures of checks, with this session."""
        orders = Orders(
            folder="",
            ini="",
            boxes={self.name: BoxPlace(str(self.container.id), self.pid)},
            networks={},
            switch=0,
            params={},
        )
        return World(orders, self.session, CheckNotes(), _NoLink())


class _NoLink(MessageChannel):
    """A link without labctl: the test itself opens a channel into a box."""

    def __init__(self) -> None:
        self.descriptors = []

    def send(self, message: Any, descriptor: int | None = None) -> None:
        raise AssertionError(f"labctl was asked for {message}")


def port(looked: Looked) -> str:
    """The port of the box at the switch."""
    return port_name(str(looked.container.id), looked.pid, "eth0")


__all__ = ["Done", "Looked", "new_session", "port", "probe"]
