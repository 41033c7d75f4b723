"""The engine's machine, and the measurements of labs on it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from labctl.domain.classroom.capacity import Footprint, Server


class ServerPort(Protocol):
    """The machine that the boxes run on. Raises EngineError."""

    def look(self) -> Server:
        """Return the machine's resources and their current use. Needs the keeper's image."""

    def measure(self, box_ids: Sequence[str]) -> Footprint:
        """Return the use of these boxes together, at rest. It takes some seconds, in which their cpu time is
        measured."""


class Footprints(Protocol):
    """The measurements on this server, by names that change with the lab's images."""

    def get(self, name: str) -> Footprint | None:
        """Return the kept footprint, or None."""

    def put(self, name: str, footprint: Footprint) -> None:
        """Keep a footprint."""

    def rate(self) -> float:
        """Return the boxes started per second at the last start of many boxes; 0 if there was none."""

    def put_rate(self, rate: float) -> None:
        """Keep the rate."""
