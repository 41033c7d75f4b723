"""Instances that belong to no learner. An instance is created to try a lab, and is always removed at the end of the
block."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager

from labctl.domain.boxspec import Instance
from labctl.domain.lab.model import Lab
from labctl.domain.observed import expired
from labctl.errors import LabctlError
from labctl.events import Emit, Note
from labctl.interrupts import uninterrupted
from labctl.ports import Engine, Locks
from labctl.services.current import Current, Finder
from labctl.services.down import Down
from labctl.services.power import Power
from labctl.services.up import Up

LIFETIME_SECONDS = 4 * 60 * 60
"""The lifetime of a trial. After this time, the keeper stops the boxes that a killed labctl left, and the next bench
removes them."""

_LEARNER = "test-lab-"


class Trial:
    """An instance for trying a lab. Only one thread may use a trial."""

    def __init__(self, lab: Lab, instance: Instance, up: Up, power: Power, engine: Engine, finder: Finder) -> None:
        self.lab = lab
        self.instance = instance
        self._up = up
        self._power = power
        self._engine = engine
        self._finder = finder

    @property
    def current(self) -> Current:
        """The current instance. Raises UsageError if the instance doesn't exist any more."""
        return self._finder.find(self.instance.learner, self.lab.name)

    def up(self, emit: Emit) -> float:
        """Start the instance, and return the seconds that it took."""
        return self._up.run(self.lab, self.instance, emit).seconds

    def reboot(self, emit: Emit) -> None:
        """Stop and start every box, and wait until all boxes are ready."""
        self._power.stop(self.instance.id, self.current.boxes, emit)
        self._power.start(self.lab, self.instance.id, self.current.boxes, emit)

    def reset(self, emit: Emit) -> None:
        """Recreate every box."""
        self._up.renew(self.lab, self.instance, self.current.boxes, emit)

    def memory(self) -> int:
        """Return the memory use of all boxes of the instance together, in bytes."""
        return sum(self._engine.memory(box.id) for box in self.current.boxes)


class Bench:
    """Create trials, each for a learner of its own."""

    def __init__(self, engine: Engine, finder: Finder, up: Up, down: Down, power: Power, locks: Locks) -> None:
        self._engine = engine
        self._finder = finder
        self._up = up
        self._down = down
        self._power = power
        self._locks = locks

    def prepare(self, lab: Lab, emit: Emit) -> None:
        """Build missing images, so that a trial's ``up`` builds nothing. Raises LabctlError if an image can't be
        built."""
        self._up.prepare(lab, emit)

    @contextmanager
    def trial(self, lab: Lab, seed: str, emit: Emit) -> Iterator[Trial]:
        """Yield a new trial. Its boxes are removed at the end of the block."""
        learner = f"{_LEARNER}{secrets.token_hex(4)}"
        instance = Instance(lab.name, learner, seed, int(time.time()) + LIFETIME_SECONDS)
        try:
            yield Trial(lab, instance, self._up, self._power, self._engine, self._finder)
        finally:
            uninterrupted(lambda: self._remove(instance.id, emit))

    def sweep(self, emit: Emit) -> None:
        """Remove the remains of killed labctl processes."""
        now = time.time()
        boxes = [box for box in self._engine.observe() if box.learner.startswith(_LEARNER)]
        for instance in {box.instance for box in boxes if expired(box.expires, now)}:
            self._remove(instance, emit)

    def _remove(self, instance: str, emit: Emit) -> None:
        """Remove an instance. An error of the engine is only reported, because the next sweep tries again."""
        try:
            self._down.run(instance, emit)
        except LabctlError as error:
            emit(Note("cleanup is incomplete: {why}", (("why", str(error)),)))
            return
        self._locks.forget(f"instance-{instance}")
