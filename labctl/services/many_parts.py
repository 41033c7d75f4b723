"""The same work for many instances: some at a time, none held up by the failure of another, and broken off in order."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence

from labctl.errors import LabctlError
from labctl.events import Emit, ManyStarted, OneEnded, OneStarted
from labctl.interrupts import held
from labctl.pool import Pool
from labctl.services.parallel import WIDTH
from labctl.views.work import Failure, Part, Tally

_LOOK_SECONDS = 0.5
"""A Ctrl-C in the moment before a wait begins is noticed when it ends."""


class ManyParts:
    """Takes parts one after the other, ``width`` at a time. What takes a part goes on to its end, also when Ctrl-C
    comes; then no other is begun. A second Ctrl-C leaves at once."""

    def __init__(self, parts: Sequence[Part], total: int, emit: Emit) -> None:
        self._waiting = deque(parts)
        self._total = total
        self._emit = emit
        self._lock = threading.Lock()
        self._begun: dict[str, float] = {}
        self._done: list[Part] = []
        self._failed: list[Failure] = []
        self._finished = threading.Event()
        self._open = len(parts)
        self._broken: BaseException | None = None
        self._started = time.monotonic()
        emit(ManyStarted(total, len(parts), sum(part.boxes for part in parts)))

    def run(self, work: Callable[[Part], None], leave: Callable[[], None] = lambda: None) -> Tally:
        """``work`` for each part. LabctlErrors are kept in what comes back; any other error is raised. ``leave`` is
        called at a second Ctrl-C: work that waits for something is to end then."""
        if not self._waiting:
            return Tally((), nothing=self._total)
        width = min(WIDTH, len(self._waiting))
        with Pool(width, thread_name_prefix="crowd") as pool:
            try:
                left = self._go_on(lambda: pool.submit(self._work, work), width)
            except BaseException:
                leave()
                raise
        if self._broken is not None:
            raise self._broken
        parts = (tuple(self._done), tuple(self._failed), tuple(left))
        nothing = self._total - sum(map(len, parts))
        return Tally(*parts, nothing=nothing, seconds=time.monotonic() - self._started)

    def _go_on(self, work: Callable[[], object], width: int) -> list[Part]:
        """Until all that was begun has ended; what wasn't begun."""
        left: list[Part] = []
        try:
            with held():
                for _ in range(width):
                    work()
            self._await_end()
        except KeyboardInterrupt:
            with self._lock:
                left = list(self._waiting)
                self._waiting.clear()
                self._closed(len(left))
            self._await_end()
        return left

    def _await_end(self) -> None:
        while not self._finished.wait(_LOOK_SECONDS):
            pass

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
            if not self._waiting or self._finished.is_set():
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
            self._closed(1)

    def _abort(self, error: BaseException) -> None:
        """Something that is no failure of one part: ``run`` raises it as soon as what is begun has ended."""
        with self._lock:
            self._broken = self._broken or error
        self._finished.set()

    def _closed(self, count: int) -> None:
        self._open -= count
        if self._open == 0:
            self._finished.set()
