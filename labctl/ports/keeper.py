"""The keeper of an engine and what it says. A part of the ports."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Protocol

from labctl.domain.weight import Weight
from labctl.events import Emit


class KeeperWatch(Protocol):
    """What the keeper says of boxes, from the moment of watching on."""

    def wait_ready(self, box_ids: Mapping[str, str], deadline: float, emit: Emit) -> None:
        """Wait until systemd has finished starting in each box (name to id), BoxReady as each does. ``deadline`` in
        seconds from now. Raises KeeperGoneError when the keeper ends meanwhile, and EngineError when it passes, with
        what the keeper or the box's console said last."""


class Keeper(Protocol):
    """The keeper, the switch and the probe of an engine."""

    def state(self) -> Mapping[str, str]:
        """Role to state (``running``, ``exited``, ``missing``, ``outdated`` …)."""

    def ensure(self) -> bool:
        """Keeper, switch, probe and toolbox are as this version of labctl wants them. True where something had to be
        done."""

    def watch(self) -> AbstractContextManager[KeeperWatch]:
        """Listen to the keeper. Enter before boxes are started."""

    def hold(self, boxes: Mapping[str, str]) -> AbstractContextManager[Mapping[str, Weight]]:
        """Boxes (name to id) stand still, all together, until it is left or this labctl dies; and how much a copy of
        each would write. Raises EngineError where that can't be measured."""

    def spare(self, instance: str, seconds: float) -> AbstractContextManager[None]:
        """Meanwhile, for so many seconds at most, the keeper neither stops nor removes boxes of that instance (its
        name on the engine) whose time has passed. It does so soon after."""

    def remove(self) -> None:
        """Take keeper, switch, probe and toolbox away. Only when there are no boxes."""
