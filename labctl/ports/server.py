"""The engine's machine, and the measurements of labs on it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from labctl.domain.classroom.capacity import Footprint, Server


class ServerPort(Protocol):
    """The machine on which the boxes run. Every method raises EngineError if the machine can't be inspected."""

    def look(self) -> Server:
        """Return the machine's resources and their current use. Needs the keeper's image."""

    def measure(self, box_ids: Sequence[str]) -> Footprint:
        """Return the resources that these boxes use together while nobody works in them. The measurement of their CPU
        time takes some seconds."""


class Footprints(Protocol):
    """The stored footprints on this server. The name of a footprint changes if an image of the lab changes."""

    def get(self, name: str) -> Footprint | None:
        """Return the footprint that was stored under this name, or None."""

    def put(self, name: str, footprint: Footprint) -> None:
        """Store a footprint under this name."""

    def rate(self) -> float:
        """Return how many boxes per second the last start of many boxes started, or 0 if there was no such start."""

    def put_rate(self, rate: float) -> None:
        """Store the rate that ``rate`` returns."""
