"""The keeper of an engine and its reports. This module is a part of the ports."""

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
        is in seconds from now. Raises KeeperGoneError if the keeper ends before all boxes are ready. Raises EngineError
        after the deadline, with the last output of the keeper or of the box's console."""


class Keeper(Protocol):
    """The keeper, the switch and the probe of an engine."""

    def state(self) -> Mapping[str, str]:
        """Return a map from role to state. A state is ``running``, ``exited``, ``missing``, ``outdated`` or another
        state."""

    def ensure(self) -> bool:
        """Bring keeper, switch, probe and toolbox to the state that this version of labctl needs. Returns whether a
        change was necessary."""

    def watch(self) -> AbstractContextManager[KeeperWatch]:
        """Listen to the keeper. Enter the block before boxes are started."""

    def hold(self, boxes: Mapping[str, str]) -> AbstractContextManager[Mapping[str, Weight]]:
        """Pause these boxes (name to id) at the same moment, until the end of the block or the death of this process.
        The block gets the number of bytes that a copy of each box would write. Raises EngineError if the boxes can't be
        measured."""

    def spare(self, instance: str, seconds: float) -> AbstractContextManager[None]:
        """Prevent the keeper from stopping or removing expired boxes of an instance. ``instance`` is its name on the
        engine. The protection lasts until the end of the block, but at most ``seconds``. Soon after that, the keeper
        stops or removes the expired boxes."""

    def remove(self) -> None:
        """Remove keeper, switch, probe and toolbox. Call this only if there are no boxes."""
