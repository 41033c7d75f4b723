"""The keeper of an engine and its reports. A part of the ports."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Protocol

from labctl.domain.weight import Weight
from labctl.events import Emit


class KeeperWatch(Protocol):
    """The keeper's reports on boxes, from the start of the watch."""

    def wait_ready(self, box_ids: Mapping[str, str], deadline: float, emit: Emit) -> None:
        """Wait until systemd has finished starting in each box (name to id), and emit BoxReady for each. ``deadline``
        is in seconds from now. Raises KeeperGoneError if the keeper ends before. Raises EngineError after the deadline,
        with the last output of the keeper or of the box's console."""


class Keeper(Protocol):
    """The keeper, the switch and the probe of an engine."""

    def state(self) -> Mapping[str, str]:
        """Return a map from role to state (``running``, ``exited``, ``missing``, ``outdated`` …)."""

    def ensure(self) -> bool:
        """Bring keeper, switch, probe and toolbox to the state that this version of labctl needs. Returns whether a
        change was necessary."""

    def watch(self) -> AbstractContextManager[KeeperWatch]:
        """Listen to the keeper. Enter the block before boxes are started."""

    def hold(self, boxes: Mapping[str, str]) -> AbstractContextManager[Mapping[str, Weight]]:
        """Pause boxes (name to id) all together until the end of the block, or until this labctl dies. Gives the bytes
        that a copy of each box would write. Raises EngineError if they can't be measured."""

    def spare(self, instance: str, seconds: float) -> AbstractContextManager[None]:
        """Keep the keeper from stopping or removing expired boxes of that instance (its name on the engine). This holds
        during the block, for at most that number of seconds. Soon after the block, the keeper continues."""

    def remove(self) -> None:
        """Remove keeper, switch, probe and toolbox. Only if there are no boxes."""
