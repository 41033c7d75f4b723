"""Clones of an instance: copies with the same hostnames and addresses, on networks of their own. Checks that reboot a
box, kill a process or cut a network link run on clones.

The disks of a clone are copies of the disks of the learner's boxes at one moment. The boxes of the clone boot from
these copies. So a program that the learner started but didn't enable doesn't run in a clone, as after a power cut.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from labctl.ahead import Ahead
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
from labctl.services.settled import holding, settle

AT_ONCE = 3
"""The largest number of clones of one instance that are up at the same time. A clone waits most of the time."""

_MEMORY_AT_ONCE = 3 << 30
"""The largest amount of memory that these clones may use together, by the limits of their boxes. Labs with large boxes
get fewer clones."""

LIFETIME_SECONDS = 15 * 60
"""The lifetime of a clone. After this time, the keeper or the next ``sweep`` removes the parts of the clone that are
left."""


def at_once(lab: Lab) -> int:
    """Return how many clones of that lab may be up at the same time. The number is at least 1."""
    return max(1, min(AT_ONCE, _MEMORY_AT_ONCE // max(1, sum(size_in_bytes(box.memory) for box in lab.boxes.values()))))


class Clone:
    """A clone that is up. Several threads may use a clone at once, but only one thread at a time may use the same
    box."""

    def __init__(self, engine: Engine, keeper: Keeper, locks: Locks, current: Current, emit: Emit) -> None:
        self._engine = engine
        self._keeper = keeper
        self._locks = locks
        self._emit = emit
        self.current = current
        """The values of the learner's instance, except ``instance`` and ``boxes``, which are the clone's own."""
        self._held: dict[str, frozenset[str]] = {}

    def reboot(self, box: str) -> None:
        """Shut the box down, start it, and wait until it is ready."""
        self._look(box)
        # The engine's restart is not used, because the keeper would still report the box as ready during a restart.
        self._engine.stop(self._id(box))
        self.on(box)

    def off(self, box: str) -> None:
        """Cut the power. The box stops at once, and stays stopped until ``on`` is called."""
        self._look(box)
        self._engine.stop(self._id(box), timeout=0)

    def on(self, box: str) -> None:
        """Start the box, and wait until it is ready. Raises EngineError if the box doesn't become ready."""

        def start() -> dict[str, str]:
            self._engine.start(self._id(box))
            return {box: self._id(box)}

        start_and_wait(self._keeper, self._locks, start, self._emit)
        current = self.current
        settle(self._engine, current.lab, current.values, {box: self._id(box)}, self._held.get(box, ()))

    def _look(self, box: str) -> None:
        """Note whether the box is ready for checks, before it loses its power. A box that is off keeps its note."""
        current, box_id = self.current, self._id(box)
        if current.lab.boxes[box].ready is not None and self._engine.running(box_id) is not None:
            self._held[box] = holding(self._engine, current.lab, current.values, {box: box_id})

    def _id(self, box: str) -> str:
        """Return the container id of a box. Raises UsageError for a box that the lab doesn't have."""
        return self.current.box(box, running=False).id


class Clones:
    """Create clones. All boxes and images that a context manager of this class creates are removed at the end of the
    block, even after an error. If labctl itself is killed, they are removed after ``lifetime`` seconds. If a box has no
    limit of its own for written bytes, ``most`` is the largest size in bytes that may be copied."""

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
        """Create images of all boxes of a learner's instance in their current state. The block gets a map from box to
        image id. The boxes are paused for some tenths of a second. Raises UsageError if a box is missing, and
        TooLargeError if a box holds more data than may be copied. Raises EngineError if the engine's disk has no room
        for the images."""
        labels = self._instance(current).clone_image_labels(self._engine.store)
        made: dict[str, str] = {}

        def commit(name: str) -> None:
            made[name] = self._engine.commit(boxes[name], labels)

        try:
            boxes = {name: current.box(name, running=False).id for name in current.lab.boxes}
            serve(self._keeper, self._images, self._locks, emit)
            if not self._work_on_held(current, boxes, commit, emit, large=False):
                # No other lock is held during this wait, so no box is paused, and no process waits for the lock of this
                # instance.
                with self._locks.hold("disk-copies", emit):
                    self._work_on_held(current, boxes, commit, emit, large=True)
            yield {name: made[name] for name in boxes}
        finally:
            uninterrupted(lambda: self._clear(emit, images=lambda: list(made.values())))

    def _work_on_held(
        self, current: Current, boxes: Mapping[str, str], work: Callable[[str], None], emit: Emit, *, large: bool
    ) -> bool:
        """Run ``work`` on each box while all boxes are paused. Before that, check that copies of all boxes fit on the
        disk. Returns False, without any work, if the boxes are large and ``large`` is not set. Raises the errors of
        ``images``."""
        # The lock prevents another commit at the same time, because the end of the other commit would resume a box
        # during this commit.
        with self._locks.hold(f"instance-{current.instance}", emit), self._keeper.hold(boxes) as weights:
            weight.refuse_too_large(weights, {box.box: weight.most(box.disk, self._most) for box in current.boxes})
            if weight.is_large(weights) and not large:
                return False
            each(work, list(boxes))
            return True

    @contextmanager
    def clone(self, current: Current, images: Mapping[str, str], emit: Emit) -> Iterator[Clone]:
        """Create a clone of the instance from the result of ``images``, and start it. Several clones may be created
        from the same images at the same time. Raises EngineError if the clone can't be started."""
        instance = self._instance(current, secrets.token_hex(4))
        specs = box_specs(current.lab, instance, current.params, images, self._engine.store)

        def boxes() -> list[ObservedBox]:
            return [box for box in self._engine.clones(instance.original) if box.instance == instance.id]

        try:
            serve(self._keeper, self._images, self._locks, emit)
            # The originals are asked while the clone boots. A box that isn't ready there won't be ready here.
            held = Ahead(lambda: holding(self._engine, current.lab, current.values, current.ids()))
            start_and_wait(self._keeper, self._locks, lambda: dict(each(self._make, specs)), emit)
            copy = Current(current.lab, instance.id, current.learner, current.seed, tuple(boxes()))
            settle(self._engine, copy.lab, copy.values, copy.ids(), held.result())
            yield Clone(self._engine, self._keeper, self._locks, copy, emit)
        finally:
            uninterrupted(lambda: self._clear(emit, boxes=lambda: [box.id for box in boxes()]))

    def sweep(self, instance: str) -> None:
        """Remove the remains of expired clones of that instance. Such remains exist if a labctl process was killed."""
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
        """Remove boxes and images. An error of the engine is only reported, because the verdicts are valid and the
        remains expire."""
        try:
            each(self._engine.remove, boxes())
            each(self._engine.remove_image, images())
        except LabctlError as error:
            emit(Note("cleanup is incomplete: {why}", (("why", str(error)),)))
