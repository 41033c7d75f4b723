"""Judge again after each change in the boxes, and at no other time."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from labctl.domain.site import Site
from labctl.domain.verdict import Attempt, By, Verdict
from labctl.errors import UsageError
from labctl.events import Emit, silent
from labctl.ports import Watcher
from labctl.services.current import Current
from labctl.services.verify import Verified, Verify

QUIET_SECONDS = 0.15
"""A change is over when nothing has happened for this time."""

LONGEST_SECONDS = 0.6
"""A change is also over when it has lasted for this time."""

REBOOT_SECONDS = 60.0
"""The longest time that a box may be down during a reboot."""

LATER_SECONDS = (1.0, 2.0, 4.0, 8.0)
"""The delays after a change at which labctl judges again. A restarted service or a syncing replica needs time, and no
file shows when it is ready."""


_POLL_SECONDS = 0.2

T = TypeVar("T")


class Watch:
    """Watch an instance, and judge it again after each change."""

    def __init__(self, verify: Verify, watcher: Watcher) -> None:
        self._verify = verify
        self._watcher = watcher

    def run(
        self,
        find: Callable[[], Current],
        only: frozenset[str] | None,
        tell: Callable[[Current, Verified], None],
        by: By = "learner",
        emit: Emit = silent,
    ) -> Attempt:
        """Judge until all tasks have passed, and return the last attempt. ``find`` returns the current state of the
        instance. ``tell`` receives each attempt. Only attempts with a changed verdict are stored. ``by`` says who makes
        the attempts. ``emit`` gets the events of each attempt. Raises the errors of ``verify``."""
        known: Attempt | None = None
        while True:
            site = _when_up(lambda: self._verify.site(find())) if known else self._verify.site(find())
            with self._watcher.watch(site) as wait:
                known = self._while_it_runs(find, only, tell, site, wait, known, by, emit)
            if known.verdict is Verdict.PASSED:
                return known

    def _while_it_runs(
        self,
        find: Callable[[], Current],
        only: frozenset[str] | None,
        tell: Callable[[Current, Verified], None],
        site: Site,
        wait: Callable[[float], bool],
        known: Attempt | None,
        by: By,
        emit: Emit,
    ) -> Attempt:
        """Judge until all tasks have passed, or until a box was restarted and must be watched again."""
        changed_at = time.monotonic()
        while True:
            verified = self._attempt(find, only, known, by, emit)
            known = verified.attempt
            tell(find(), verified)
            if known.verdict is Verdict.PASSED:
                return known
            self._verify.prepare()
            if self._sleep(wait, changed_at):
                changed_at = time.monotonic()
            if _when_up(lambda: self._verify.site(find())) != site:
                return known

    def _attempt(
        self, find: Callable[[], Current], only: frozenset[str] | None, known: Attempt | None, by: By, emit: Emit
    ) -> Verified:
        def once() -> Verified:
            return self._verify.run(find(), only, keep=lambda attempt: bool(changes(known, attempt)), by=by, emit=emit)

        return _when_up(once) if known else once()

    @staticmethod
    def _sleep(wait: Callable[[float], bool], changed_at: float) -> bool:
        """Sleep until there is a reason to judge again. Returns whether the reason is a change."""
        now = time.monotonic()
        later = [changed_at + seconds - now for seconds in LATER_SECONDS if changed_at + seconds > now]
        while not wait(later[0] if later else 3600.0):
            if later:
                return False
        since = time.monotonic()
        while wait(QUIET_SECONDS) and time.monotonic() - since < LONGEST_SECONDS:
            pass
        return True


def _when_up(work: Callable[[], T]) -> T:
    """Call ``work``. If a box doesn't run because somebody reboots it, call ``work`` again. Raises UsageError if the
    box stays down."""
    deadline = time.monotonic() + REBOOT_SECONDS
    while True:
        try:
            return work()
        except UsageError:
            if time.monotonic() >= deadline:
                raise
            time.sleep(_POLL_SECONDS)


def changes(before: Attempt | None, after: Attempt) -> list[tuple[str, Verdict]]:
    """Return the tasks whose verdict differs from the previous attempt."""
    known = {task.task: task.verdict for task in before.tasks} if before else {}
    return [(task.task, task.verdict) for task in after.tasks if known.get(task.task) is not task.verdict]
