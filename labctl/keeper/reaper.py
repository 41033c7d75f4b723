"""Ends what has had its time: boxes that expired are stopped, and removed when their grace is over; boxes that nobody
is in are stopped; clones and the images that they were made from, which nobody comes back to, are removed."""

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
"""How execs of labctl's own begin: checks' commands, and the question whether a box is up. They are no use of it."""


class ReaperEngine(Protocol):
    """What the reaper asks of the engine."""

    def inspect(self, container_id: str) -> Container | None: ...
    def containers(self, labels: Mapping[str, str]) -> list[Container]: ...
    def commands(self, container_id: str) -> list[str]: ...
    def images(self, labels: Mapping[str, str]) -> list[Image]: ...
    def spared(self) -> dict[str, Mapping[str, str]]: ...
    def remove_volume(self, name: str) -> None: ...
    def remove_image(self, image_id: str) -> None: ...


class BoxEnder(Protocol):
    """What it has the engine do, without waiting for it. Told twice, it is done once."""

    def stop(self, container_id: str) -> None: ...
    def remove(self, container_id: str) -> None: ...


class Reaper:
    """One thread. When boxes were used it knows from its own start on. Times in seconds since 1970."""

    def __init__(self, engine: ReaperEngine, ends: BoxEnder, notes: NoteTeller, now: float) -> None:
        self._engine = engine
        self._ends = ends
        self._notes = notes
        self._began = now
        self._used: dict[str, float] = {}
        self._own: set[str] = set()

    def on_event(self, event: EngineEvent, now: float) -> None:
        """What shows that somebody uses a box: it starts, or something is begun in it, or that ends."""
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
        """Look at everything. Raises OSError where the engine doesn't answer."""
        boxes = self._engine.containers({wiring.LABEL_ROLE: wiring.ROLE_BOX})
        # Asked for after the boxes: what is started after it was spared is seen to be so.
        spared = self._spared(now)
        free = [box for box in boxes if box.labels.get(wiring.LABEL_INSTANCE, "") not in spared]
        for box in free:
            self._age(box, now)
        self._stop_idle([box for box in free if box.running], now)
        self._forget(boxes)
        for image in self._engine.images({wiring.LABEL_ROLE: wiring.ROLE_CLONE_IMAGE}):
            if _is_past(image.labels, now):
                with contextlib.suppress(OSError):  # a clone that isn't old enough was made from it: a little later
                    self._engine.remove_image(image.id)

    def _spared(self, now: float) -> set[str]:
        """The instances that are left alone for a while: they are judged. What a labctl that was killed left ends."""
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
            # Also long after its grace: what runs is stopped first, and removed when it has stopped.
            self._tell(box, "expired", now)
            self._ends.stop(box.id)
        elif wiring.LABEL_GRACE in box.labels and expires + _number(box.labels, wiring.LABEL_GRACE) <= now:
            self._ends.remove(box.id)

    def _warn(self, box: Container, left: float, now: float) -> None:
        if not box.running or box.labels.get(wiring.LABEL_CLONE):
            return
        minutes = next((minutes for minutes in _WARN_MINUTES if left <= minutes * 60), 0)
        if minutes:
            # Ten minutes before, and once more a minute before.
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
            return True  # not known, so perhaps
        return any(not command.startswith(OWN_COMMANDS) for command in commands)

    def _tell(self, box: Container, kind: str, now: float, every: float = HOUR, **values: object) -> None:
        """A listing knows no pids, and without one nothing can be written to a box's terminals."""
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
