"""Stops expired and idle boxes. Expired boxes are removed after their grace time. Clones and their images are removed,
because nobody uses them again."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Mapping
from typing import Protocol

from labctl.domain import wiring
from labctl.domain.toolbox import BUSYBOX, TOOLBOX
from labctl.keeper.engine import Container, EngineEvent, Image
from labctl.keeper.notes import HOUR, NoteTeller

_WARN_MINUTES = (1, 10)

OWN_COMMANDS = (f"{BUSYBOX} env -i ", f"{TOOLBOX}/bin/systemctl is-system-running")
"""The beginnings of labctl's own commands in boxes: commands of checks, and the test whether a box is up. These
commands do not count as use of a box."""


class ReaperEngine(Protocol):
    """The reaper's requests to the engine."""

    def inspect(self, container_id: str) -> Container | None: ...
    def containers(self, labels: Mapping[str, str]) -> list[Container]: ...
    def commands(self, container_id: str) -> list[str]: ...
    def images(self, labels: Mapping[str, str]) -> list[Image]: ...
    def spared(self) -> dict[str, Mapping[str, str]]: ...
    def remove_volume(self, name: str) -> None: ...
    def remove_image(self, image_id: str) -> None: ...


class BoxEnder(Protocol):
    """Requests to the engine that do not wait for the answer. While a request is open, the same request is not sent
    again."""

    def stop(self, container_id: str) -> None: ...
    def remove(self, container_id: str) -> None: ...


class Reaper:
    """Decides in one thread. It knows the use of boxes only since its own start. Times are in seconds since 1970."""

    def __init__(self, engine: ReaperEngine, ends: BoxEnder, notes: NoteTeller, now: float) -> None:
        self._engine = engine
        self._ends = ends
        self._notes = notes
        self._began = now
        self._used: dict[str, float] = {}
        self._own: set[str] = set()

    def on_event(self, event: EngineEvent, now: float) -> None:
        """Record the use of a box: a start of the box, or the start or end of a process in it."""
        if event.labels.get(wiring.LABEL_ROLE) != wiring.ROLE_BOX:
            return
        action, _, command = event.action.partition(": ")
        exec_id = event.labels.get("execID", "")
        if action == "exec_start" and command.startswith(OWN_COMMANDS):
            self._own.add(exec_id)
        elif action == "exec_die" and exec_id in self._own:
            self._own.discard(exec_id)
        elif action in ("start", "exec_start", "exec_die"):
            self._used[event.labels.get(wiring.LABEL_INSTANCE, "")] = now

    def tick(self, now: float) -> None:
        """Check all boxes and images. Raises OSError if the engine does not answer."""
        boxes = self._engine.containers({wiring.LABEL_ROLE: wiring.ROLE_BOX})
        # The protected instances are queried after the boxes, so that a protected box of the list is never taken for a
        # free box.
        spared = self._spared(now)
        free = [box for box in boxes if box.labels.get(wiring.LABEL_INSTANCE, "") not in spared]
        for box in free:
            self._age(box, now)
        self._stop_idle([box for box in free if box.running], now)
        self._forget(boxes)
        for image in self._engine.images({wiring.LABEL_ROLE: wiring.ROLE_CLONE_IMAGE}):
            if _is_past(image.labels, now):
                with contextlib.suppress(OSError):  # a younger clone uses this image, so it is removed later
                    self._engine.remove_image(image.id)

    def _spared(self, now: float) -> set[str]:
        """Return the instances that are protected for a while, because a verify judges their boxes. The marks of a
        killed labctl expire."""
        spared = set()
        for name, labels in self._engine.spared().items():
            if _is_past(labels, now):
                with contextlib.suppress(OSError):
                    self._engine.remove_volume(name)
            else:
                spared.add(labels.get(wiring.LABEL_INSTANCE, ""))
        return spared

    def _age(self, box: Container, now: float) -> None:
        expires = _number(box.labels, wiring.LABEL_EXPIRES)
        if not expires:
            return
        if now < expires:
            self._warn(box, expires - now, now)
        elif box.labels.get(wiring.LABEL_CLONE):
            self._ends.remove(box.id)
        elif box.running:
            # This applies even long after the grace time: a running box is stopped first, and removed after its stop.
            self._tell(box, "expired", now)
            self._ends.stop(box.id)
        elif wiring.LABEL_GRACE in box.labels and expires + _number(box.labels, wiring.LABEL_GRACE) <= now:
            self._ends.remove(box.id)

    def _warn(self, box: Container, left: float, now: float) -> None:
        if not box.running or box.labels.get(wiring.LABEL_CLONE):
            return
        minutes = next((minutes for minutes in _WARN_MINUTES if left <= minutes * 60), 0)
        if minutes:
            # Warn ten minutes before the end, and again one minute before.
            every = HOUR if minutes == max(_WARN_MINUTES) else 60.0 * minutes
            self._tell(box, "ending", now, every=every, minutes=math.ceil(left / 60))

    def _stop_idle(self, boxes: list[Container], now: float) -> None:
        instances: dict[str, list[Container]] = {}
        for box in boxes:
            instances.setdefault(box.labels.get(wiring.LABEL_INSTANCE, ""), []).append(box)
        for instance, members in instances.items():
            limits = [_number(box.labels, wiring.LABEL_IDLE) for box in members]
            if not all(limits) or now - self._used.get(instance, self._began) < max(limits):
                continue
            if self._is_in_use(members):
                self._used[instance] = now
                continue
            for box in members:
                self._tell(box, "idle", now)
                self._ends.stop(box.id)

    def _is_in_use(self, boxes: list[Container]) -> bool:
        try:
            commands = [command for box in boxes for command in self._engine.commands(box.id)]
        except OSError:
            return True  # unknown, so assume that the box is in use
        return any(not command.startswith(OWN_COMMANDS) for command in commands)

    def _tell(self, box: Container, kind: str, now: float, every: float = HOUR, **values: object) -> None:
        """Write a note. A list of boxes has no pids, so first query the box. Without a pid, no text can be written to a
        box's terminals."""
        if not self._notes.is_due(box.id, kind, now, every):
            return
        with contextlib.suppress(OSError):
            box = self._engine.inspect(box.id) or box
        self._notes.tell(box, kind, now, every=every, **values)

    def _forget(self, boxes: list[Container]) -> None:
        there = {box.labels.get(wiring.LABEL_INSTANCE, "") for box in boxes}
        self._used = {instance: used for instance, used in self._used.items() if instance in there}


def _number(labels: Mapping[str, str], name: str) -> int:
    value = labels.get(name, "0")
    return int(value) if value.isascii() and value.isdigit() else 0


def _is_past(labels: Mapping[str, str], now: float) -> bool:
    return 0 < _number(labels, wiring.LABEL_EXPIRES) <= now
