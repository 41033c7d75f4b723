"""An engine's report on itself, on boxes, and on images for clones."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

import msgspec

from labctl.domain import naming
from labctl.domain.server import LOCAL, ServerId


class EngineInfo(msgspec.Struct, frozen=True):
    """The engine and its machine. ``memory`` is in bytes."""

    version: str
    api_version: str
    cgroup_version: int
    storage_driver: str
    security_options: tuple[str, ...]
    kernel: str
    os: str
    cpus: int
    memory: int
    root_dir: str
    registry_mirrors: tuple[str, ...]
    address: str


class State(StrEnum):
    """The states of a container that labctl distinguishes."""

    CREATED = "created"
    RUNNING = "running"
    PAUSED = "paused"
    RESTARTING = "restarting"
    STOPPED = "stopped"
    REMOVING = "removing"


ALIVE = frozenset({State.RUNNING, State.PAUSED, State.RESTARTING})
"""States of a box that is not stopped. ``docker pause`` pauses a box, and each commit pauses it briefly. A paused or
restarting box can't be used."""


class ObservedBox(msgspec.Struct, frozen=True):
    """An existing box. ``created`` is in seconds since 1970. ``clone`` is the instance that was cloned; empty for a
    learner's own box. ``disk`` limits the bytes that may be written, 0 for no limit. ``store`` is the id of the box's
    store, empty for a box from before stores had ids. ``instance``, ``learner`` and ``clone`` are names in that store.
    ``server`` is the server of the box."""

    id: str
    container: str
    box: str
    lab: str
    instance: str
    learner: str
    seed: str
    state: State
    status: str
    image: str
    spec_hash: str
    expires: int = 0
    created: float = 0.0
    clone: str = ""
    disk: int = 0
    store: str = ""
    server: ServerId = LOCAL

    @property
    def on_engine(self) -> str:
        """The name of the box's instance on the engine."""
        return naming.on_engine(self.instance, self.store)


class CloneImage(msgspec.Struct, frozen=True):
    """An image that was committed from a box of the instance ``clone``, for clones of that instance. ``expires`` is in
    seconds since 1970. ``store`` is as in ObservedBox."""

    id: str
    clone: str
    learner: str
    expires: int = 0
    store: str = ""


def home(observed: Sequence[ObservedBox], store: str) -> str:
    """Return the store's id for new boxes of an instance: the id of the existing boxes, or ``store`` if no boxes exist.
    In this way, all boxes of the instance share names and networks, even if the existing boxes are older than the ids
    of stores."""
    return next((box.store for box in observed if box.state is not State.REMOVING), store)


def expired(expires: int, now: float) -> bool:
    """Return whether the time ``expires`` has passed. 0 means never."""
    return 0 < expires <= now
