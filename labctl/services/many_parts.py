"""Do the same work for many instances, several at the same time. One failure does not stop the others. After Ctrl-C,
the work that has begun finishes."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence

from labctl.errors import LabctlError
from labctl.events import Emit, ManyStarted, OneEnded, OneStarted
from labctl.interrupts import wound_up
from labctl.pool import Pool
from labctl.services.parallel import WIDTH
from labctl.views.work import Failure, Part, Tally


class ManyParts:
    """Process parts, ``width`` at a time. After Ctrl-C, the parts that have begun finish, and no other part is begun. A
    second Ctrl-C ends the work at once."""

    def __init__(self, parts: Sequence[Part], total: int, emit: Emit) -> None:
        self._waiting = deque(parts)
        self._total = total
        self._emit = emit
        self._lock = threading.Lock()
        self._begun: dict[str, float] = {}
        self._done: list[Part] = []
        self._failed: list[Failure] = []
        self._left: list[Part] = []
        self._broken: BaseException | None = None
        self._started = time.monotonic()
        emit(ManyStarted(total, len(parts), sum(part.boxes for part in parts)))

    def run(self, work: Callable[[Part], None], leave: Callable[[], None] = lambda: None) -> Tally:
        """Call ``work`` for each part. LabctlErrors are collected in the result. Any other error is raised. ``leave``
        is called at a second Ctrl-C, and must end any work that waits."""
        if not self._waiting:
            return Tally((), nothing=self._total)
        wound_up(lambda: self._all(work), self._wind_up, leave)
        if self._broken is not None:
            raise self._broken
        parts = (tuple(self._done), tuple(self._failed), tuple(self._left))
        nothing = self._total - sum(map(len, parts))
        return Tally(*parts, nothing=nothing, seconds=time.monotonic() - self._started)

    def _all(self, work: Callable[[Part], None]) -> None:
        width = min(WIDTH, len(self._waiting))
        with Pool(width, thread_name_prefix="parts") as pool:  # the block ends when all parts have ended
            for _ in range(width):
                pool.submit(self._work, work)

    def _wind_up(self) -> None:
        """Begin no other part."""
        with self._lock:
            self._left += self._waiting
            self._waiting.clear()

    def _work(self, work: Callable[[Part], None]) -> None:
        while (part := self._next()) is not None:
            try:
                work(part)
            except LabctlError as error:
                self._end(part, error)
            except BaseException as error:
                self._abort(error)
            else:
                self._end(part)

    def _next(self) -> Part | None:
        with self._lock:
            if not self._waiting or self._broken:
                return None
            part = self._waiting.popleft()
            self._begun[part.instance] = time.monotonic()
        self._emit(OneStarted(part.learner, part.lab))
        return part

    def _end(self, part: Part, error: LabctlError | None = None) -> None:
        seconds = time.monotonic() - self._begun[part.instance]
        self._emit(OneEnded(part.learner, part.lab, error is None, seconds, part.boxes))
        with self._lock:
            if error is None:
                self._done.append(part)
            else:
                self._failed.append(Failure(part, error))

    def _abort(self, error: BaseException) -> None:
        """Remember an error that is not the failure of one part. ``run`` raises this error when the parts that have
        begun have ended."""
        with self._lock:
            self._broken = self._broken or error
