"""End instances and their clones. It is not an error if boxes are already removed, so after a crash of ``down``, a
second ``down`` finishes the work."""

from __future__ import annotations

from labctl.events import Emit
from labctl.ports import Engine, Keeper, Locks
from labctl.services.instance import release, remove_boxes, until_none
from labctl.services.parallel import each


class Down:
    """End instances."""

    def __init__(self, engine: Engine, keeper: Keeper, locks: Locks) -> None:
        self._engine = engine
        self._keeper = keeper
        self._locks = locks

    def run(self, instance: str, emit: Emit) -> list[str]:
        """Remove every box of an instance, and return the names of the removed boxes. The instance's clones and their
        images are also removed. If a verify is starting a clone at this moment, that verify itself removes the
        clone."""
        with self._locks.hold(f"instance-{instance}", emit):
            removed: list[str] = []
            for found in until_none(lambda: [*self._engine.observe(instance), *self._engine.clones(instance)]):
                removed += [box.box for box in found if not box.clone]
                remove_boxes(self._engine, found)
            each(lambda image: self._engine.remove_image(image.id), self._engine.clone_images(instance))
        return list(dict.fromkeys(removed))

    def run_all(self, learner: str, emit: Emit) -> list[str]:
        """Remove all instances of a learner, and return the names of the instances. If no box of any store is left on
        the engine, keeper and switch are also removed."""
        found = {box.instance for box in self._engine.observe() if box.learner == learner}
        found |= {box.clone for box in self._engine.clones() if box.learner == learner}
        found |= {image.clone for image in self._engine.clone_images() if image.learner == learner}
        instances = sorted(found)
        for instance in instances:
            self.run(instance, emit)
        self.tidy(emit)
        return instances

    def tidy(self, emit: Emit) -> None:
        """Remove keeper and switch if no box of any store is left on the engine."""
        release(self._engine, self._keeper, self._locks, emit)
