"""What an engine says of itself, of boxes, and of images for clones."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

import msgspec

from labctl.domain import naming
from labctl.domain.server import LOCAL, ServerId


class EngineInfo(msgspec.Struct, frozen=True):
    """The engine and the machine it runs on. ``memory`` in bytes."""

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
    """A container's state, as far as labctl tells states apart."""

    CREATED = "created"
    RUNNING = "running"
    PAUSED = "paused"
    RESTARTING = "restarting"
    STOPPED = "stopped"
    REMOVING = "removing"


ALIVE = frozenset({State.RUNNING, State.PAUSED, State.RESTARTING})
"""States of a box that isn't at rest. One that is paused (``docker pause``; for a moment, each commit) or restarted by
the engine again and again can't be used, and isn't stopped either."""


class ObservedBox(msgspec.Struct, frozen=True):
    """A box that exists. ``created`` in seconds since 1970. ``clone``: the instance that it is a copy of a box of;
    nothing for a learner's own. ``disk``: bytes that may be written in it, 0 is no limit. ``store``: the id of the
    store that it belongs to; nothing where it was made before stores had ids. ``instance``, ``learner`` and ``clone``
    are named as in that store. ``server``: where it is."""

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
        """Its instance's name on the engine."""
        return naming.on_engine(self.instance, self.store)


class CloneImage(msgspec.Struct, frozen=True):
    """An image that was committed from a box of the instance ``clone``, for clones of it. ``expires`` in seconds since
    1970, ``store`` as of ObservedBox."""

    id: str
    clone: str
    learner: str
    expires: int = 0
    store: str = ""


def home(observed: Sequence[ObservedBox], store: str) -> str:
    """The id that new boxes of an instance get in that store: that of the boxes which are there, so that all of them
    share names and networks also where these were made before stores had ids."""
    return next((box.store for box in observed if box.state is not State.REMOVING), store)


def expired(expires: int, now: float) -> bool:
    """Whether its time has passed. 0: it has no end."""
    return 0 < expires <= now
