"""Judge boxes whose time is over. An instructor can judge the work after the end. A learner's verify that began before
the end can finish."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TypeVar

import msgspec

from labctl.domain.observed import ObservedBox, expired
from labctl.errors import LabctlError
from labctl.events import Emit, Note, silent
from labctl.interrupts import uninterrupted
from labctl.ports import Engine, Keeper, Locks
from labctl.services.current import Current
from labctl.services.power import Power

T = TypeVar("T")

SOON_SECONDS = 600.0
"""Every verify takes less time than this. So a verify that begins even earlier before the end finishes in time."""

FINISH_SECONDS = 300.0
"""The longest time after the end for which a verify that began before the end may keep its boxes. The learner's shells
in these boxes also keep running for that time."""

LONGEST_SECONDS = 3600.0
"""The longest time that the keeper waits for the end of a judging. A labctl process that was killed never reports the
end."""

_TRIES = 3
"""The largest number of tries. A second try is needed if the keeper stopped a box just before labctl prevented it."""


class Judging:
    """Judge boxes whose time is over."""

    def __init__(self, engine: Engine, keeper: Keeper, locks: Locks, power: Power) -> None:
        self._engine = engine
        self._keeper = keeper
        self._locks = locks
        self._power = power

    @contextmanager
    def finish(self, current: Current, emit: Emit) -> Iterator[None]:
        """Let a learner's verify finish in this block. If the boxes expire during the verify, the keeper waits until
        the verify has ended."""
        now = time.time()
        expires = min((box.expires for box in current.boxes if box.expires), default=0)
        if not now < expires < now + SOON_SECONDS:
            yield
            return
        with self._alone(current, emit), self._keeper.spare(current.on_engine, expires - now + FINISH_SECONDS):
            yield

    def late(
        self, current: Current, work: Callable[[Current], T], sound: Callable[[T], bool], emit: Emit = silent
    ) -> T:
        """Call ``work`` on boxes whose time is over.

        First, boxes that still run are stopped, so that no shell of a learner is left in them. Then all boxes are
        started, ``work`` is called, and the boxes are stopped. If ``sound`` rejects the result and a box was stopped in
        the meantime, ``work`` is called again. Raises the errors of ``work``, and EngineError if boxes don't start.
        """
        with self._alone(current, emit), self._keeper.spare(current.on_engine, LONGEST_SECONDS):
            try:
                self._power.stop(current.instance, current.boxes, emit)
                for _ in range(_TRIES):
                    self._power.start(current.lab, current.instance, self._boxes(current), emit)
                    started = self._running(current)
                    result = work(msgspec.structs.replace(current, boxes=tuple(self._boxes(current))))
                    if sound(result) or self._running(current) == started:
                        break
                return result
            finally:
                uninterrupted(lambda: self._rest(current, emit))

    def _alone(self, current: Current, emit: Emit) -> AbstractContextManager[None]:
        return self._locks.hold(f"judging-{current.instance}", emit)

    def _boxes(self, current: Current) -> list[ObservedBox]:
        return self._engine.observe(current.instance)

    def _running(self, current: Current) -> list[object]:
        return [self._engine.running(box_id) for box_id in current.ids().values()]

    def _rest(self, current: Current, emit: Emit) -> None:
        """Stop the boxes. If a box can't be stopped now, the keeper stops it later."""
        try:
            self._power.stop(current.instance, self._boxes(current), emit)
        except LabctlError as error:
            emit(Note("cleanup is incomplete: {why}", (("why", str(error)),)))


def has_expired(current: Current, now: float) -> bool:
    """Return whether the time of the instance's boxes is over."""
    return any(expired(box.expires, now) for box in current.boxes)
