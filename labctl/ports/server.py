"""The engine's machine, and what is remembered of labs on it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from labctl.domain.classroom.capacity import Footprint, Server


class ServerPort(Protocol):
    """The machine that the boxes run on. Raises EngineError."""

    def look(self) -> Server:
        """What it has, and what is in use now. Needs the keeper's image."""

    def measure(self, box_ids: Sequence[str]) -> Footprint:
        """What these boxes use together, at rest. Takes some seconds, in which their cpu time is watched."""


class Footprints(Protocol):
    """What was measured on this server, kept by a name that changes with the lab's images."""

    def get(self, name: str) -> Footprint | None:
        """What was kept, or nothing."""

    def put(self, name: str, footprint: Footprint) -> None:
        """Keep it."""

    def rate(self) -> float:
        """Boxes started in a second, the last time that many were; 0 where that was never."""

    def put_rate(self, rate: float) -> None:
        """Keep it."""
