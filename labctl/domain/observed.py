"""What an engine says of boxes."""

from __future__ import annotations

from enum import StrEnum

import msgspec


class State(StrEnum):
    """A container's state, as far as labctl tells states apart."""

    CREATED = "created"
    RUNNING = "running"
    STOPPED = "stopped"
    REMOVING = "removing"


class ObservedBox(msgspec.Struct, frozen=True):
    """A box that exists. ``created`` in seconds since 1970."""

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
