"""Clones of an instance: copies with the same hostnames and addresses on networks of their own, for checks that hurt.

A clone's disks are those of the learner's boxes at one moment, and its boxes boot from them: what the learner started
but didn't enable doesn't run in a clone, just as after a power cut.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from labctl.domain import weight
from labctl.domain.boxspec import BoxSpec, Instance, box_specs
from labctl.domain.lab.model import Lab, size_in_bytes
from labctl.domain.observed import ObservedBox, expired
from labctl.errors import LabctlError
from labctl.events import Emit, Note
from labctl.interrupts import uninterrupted
from labctl.ports import Engine, Images, Keeper, Locks
from labctl.services.current import Current
from labctl.services.parallel import each
from labctl.services.ready import serve, start_and_wait

AT_ONCE = 3
"""Clones of one instance that are up at the same time: they mostly wait."""

_MEMORY_AT_ONCE = 3 << 30
"""What they may take in all, by their boxes' limits: a lab of large boxes is as large in work."""

LIFETIME_SECONDS = 15 * 60
"""So long after it was made, whatever is left of a clone is removed by the keeper or the next ``sweep``."""


def at_once(lab: Lab) -> int:
    """How many of that lab's; at least one."""
    return max(1, min(AT_ONCE, _MEMORY_AT_ONCE // max(1, sum(size_in_bytes(box.memory) for box in lab.boxes.values()))))


class Clone:
    """A clone that is up. Everything of it may be used from any thread; one box by one thread at a time."""

    def __init__(self, engine: Engine, keeper: Keeper, locks: Locks, current: Current, emit: Emit) -> None:
        self._engine = engine
        self._keeper = keeper
        self._locks = locks
        self._emit = emit
        self.current = current
        """As of the learner's instance, but ``instance`` and ``boxes`` are the clone's own."""

    def reboot(self, box: str) -> None:
        """Shut the box down in order and start it; back when it is ready."""
        # Not a restart: a keeper that is asked for all states meanwhile would still call it ready.
        self._engine.stop(self._id(box))
        self.on(box)

    def off(self, box: str) -> None:
        """A power cut: the box is dead at once, and stays so until ``on``."""
        self._engine.stop(self._id(box), timeout=0)

    def on(self, box: str) -> None:
        """Start it; back when it is ready. Raises EngineError where it doesn't become so."""

        def start() -> dict[str, str]:
            self._engine.start(self._id(box))
            return {box: self._id(box)}

        start_and_wait(self._keeper, self._locks, start, self._emit)

    def _id(self, box: str) -> str:
        """Raises UsageError for a box that the lab doesn't have."""
        return self.current.box(box, running=False).id


class Clones:
    """The use case. What it makes is gone when it is left, whatever happens meanwhile; where labctl itself is killed,
    after ``lifetime`` seconds. ``most``: bytes of a box that is copied and has no limit on what it writes."""

    def __init__(
        self,
        engine: Engine,
        keeper: Keeper,
        images: Images,
        locks: Locks,
        lifetime: int = LIFETIME_SECONDS,
        most: int = weight.MOST,
    ) -> None:
        self._engine = engine
        self._keeper = keeper
        self._images = images
        self._locks = locks
        self._lifetime = lifetime
        self._most = most

    @contextmanager
    def images(self, current: Current, emit: Emit) -> Iterator[Mapping[str, str]]:
        """Images of all boxes of a learner's instance as they are now; box to image id. The boxes stand still for some
        tenths of a second. Raises UsageError where a box is missing, TooLargeError where one holds more than may be
        copied, EngineError where the engine's disk has no room for it."""
        labels = self._instance(current).clone_image_labels(self._engine.store)
        made: dict[str, str] = {}

        def commit(name: str) -> None:
            made[name] = self._engine.commit(boxes[name], labels)

        try:
            boxes = {name: current.box(name, running=False).id for name in current.lab.boxes}
            serve(self._keeper, self._images, self._locks, emit)
            if not self._work_on_held(current, boxes, commit, emit, large=False):
                # Nothing else is held meanwhile: no box is paused, and nobody waits for this instance's lock.
                with self._locks.hold("disk-copies", emit):
                    self._work_on_held(current, boxes, commit, emit, large=True)
            yield {name: made[name] for name in boxes}
        finally:
            uninterrupted(lambda: self._clear(emit, images=lambda: list(made.values())))

    def _work_on_held(
        self, current: Current, boxes: Mapping[str, str], work: Callable[[str], None], emit: Emit, *, large: bool
    ) -> bool:
        """On each box, while all stand still and are known to fit. False, and nothing is done, where they are large and
        ``large`` doesn't allow it. Raises as ``images``."""
        # Nobody else commits at the same time, whose commit would let a box go on in the midst of this one.
        with self._locks.hold(f"instance-{current.instance}", emit), self._keeper.hold(boxes) as weights:
            weight.refuse_too_large(weights, {box.box: weight.most(box.disk, self._most) for box in current.boxes})
            if weight.is_large(weights) and not large:
                return False
            each(work, list(boxes))
            return True

    @contextmanager
    def clone(self, current: Current, images: Mapping[str, str], emit: Emit) -> Iterator[Clone]:
        """A clone of the instance, up, from what ``images`` gave. Several may be made from the same at the same time.
        Raises EngineError."""
        instance = self._instance(current, secrets.token_hex(4))
        specs = box_specs(current.lab, instance, current.params, images, self._engine.store)

        def boxes() -> list[ObservedBox]:
            return [box for box in self._engine.clones(instance.original) if box.instance == instance.id]

        try:
            serve(self._keeper, self._images, self._locks, emit)
            start_and_wait(self._keeper, self._locks, lambda: dict(each(self._make, specs)), emit)
            copy = Current(current.lab, instance.id, current.learner, current.seed, tuple(boxes()))
            yield Clone(self._engine, self._keeper, self._locks, copy, emit)
        finally:
            uninterrupted(lambda: self._clear(emit, boxes=lambda: [box.id for box in boxes()]))

    def sweep(self, instance: str) -> None:
        """Remove what is left of clones of that instance whose time has passed: a labctl was killed."""
        now = time.time()
        old = [box for box in self._engine.clones(instance) if expired(box.expires, now)]
        each(lambda box: self._engine.remove(box.id), old)
        images = [image for image in self._engine.clone_images(instance) if expired(image.expires, now)]
        each(lambda image: self._engine.remove_image(image.id), images)

    def _instance(self, current: Current, clone: str = "") -> Instance:
        expires = int(time.time()) + self._lifetime
        disk = max((box.disk for box in current.boxes), default=0)
        return Instance(current.lab.name, current.learner, current.seed, expires, clone, disk=disk)

    def _make(self, spec: BoxSpec) -> tuple[str, str]:
        box_id = self._engine.create(spec)
        self._engine.start(box_id)
        return spec.name, box_id

    def _clear(
        self,
        emit: Emit,
        boxes: Callable[[], list[str]] = list,
        images: Callable[[], list[str]] = list,
    ) -> None:
        """An engine that refuses is told of, and no more: the verdicts stand, and what is left expires."""
        try:
            each(self._engine.remove, boxes())
            each(self._engine.remove_image, images())
        except LabctlError as error:
            emit(Note("cleanup is incomplete: {why}", (("why", str(error)),)))
