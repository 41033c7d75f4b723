"""Judge everybody of a cohort, some at a time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import as_completed

import msgspec

from labctl.domain.classroom.cohort import Cohort, Member, is_over, learner_of
from labctl.domain.classroom.gradebook import change, counting, fitted, valid
from labctl.domain.lab.model import Lab
from labctl.domain.naming import instance_id
from labctl.domain.observed import ALIVE, ObservedBox, State, expired
from labctl.domain.verdict import Attempt, Verdict
from labctl.errors import ChecksError, LabctlError
from labctl.events import Emit, silent
from labctl.hints import Hint
from labctl.interrupts import apart
from labctl.pool import Pool
from labctl.ports import Catalog, Engine, Store
from labctl.services.classroom.judging import Judging, has_expired
from labctl.services.current import Current
from labctl.services.verify import Verify
from labctl.views.grades import Judged, Regraded

WIDTH = 3
"""Verifies at once: most of one is a child's work, so two processors have enough with three."""


class CohortVerify:
    """The use case. ``verify`` makes one for each that runs at the same time: one that fails ends no other."""

    def __init__(
        self,
        engine: Engine,
        catalog: Catalog,
        store: Callable[[], Store],
        verify: Callable[[], Verify],
        judging: Judging,
    ) -> None:
        self._engine = engine
        self._catalog = catalog
        self._store = store
        self._verify = verify
        self._judging = judging

    def run(
        self,
        cohort: Cohort,
        members: Sequence[Member],
        *,
        labs: Sequence[str] = (),
        thorough: bool = False,
        emit: Emit = silent,
        ended: Callable[[Judged], None] = lambda _judged: None,
    ) -> list[Judged]:
        """An attempt for each of their labs, ``ended`` called as each is there, never by two threads at once. A learner
        whose lab isn't up is reported, no error. Boxes whose time has passed are started for it, and stopped again.
        Raises LabctlError where the engine can't be asked. Ctrl-C ends those that run; what was kept before stays."""
        now = time.time()
        found = self._found(cohort, members, labs, late=now)

        def judge(verify: Verify, current: Current) -> Attempt:
            def run(current: Current) -> Attempt:
                return verify.run(current, thorough=thorough, emit=emit, by="instructor").kept()

            if is_over(cohort, now) or has_expired(current, now):
                return self._judging.late(current, run, lambda attempt: attempt.verdict is not Verdict.ERROR)
            return run(current)

        return self._each(found, judge, ended, 1 if thorough else WIDTH)

    def regrade(
        self,
        cohort: Cohort,
        members: Sequence[Member],
        lab: str,
        *,
        dry: bool = False,
        thorough: bool = False,
        ended: Callable[[Judged], None] = lambda _judged: None,
    ) -> Regraded:
        """Judge boxes as they are now by the checks as they are now; what comes of it is each one's grade from now on,
        unless ``dry``. Boxes that were made after the attempt that counts don't have that work in them: the old grade
        stays. Raises as ``run``."""
        found = self._found(cohort, members, [lab])
        definition, store = self._catalog.lab(lab), self._store()
        grades = {
            one.learner: counting(definition, valid(cohort, store.attempts(instance_id(lab, one.learner))))
            for one, _ in found
        }
        anew = {one.learner for one, current in found if current and _made_after(current, grades[one.learner])}

        def judge(verify: Verify, current: Current) -> Attempt:
            verified = verify.run(current, keep=lambda _attempt: not dry, thorough=thorough, by="regrade")
            return verified.kept()

        wanted = [pair for pair in found if pair[0].learner not in anew]
        judged = self._each(wanted, judge, ended, 1 if thorough else WIDTH)
        attempts = [fitted(definition, one.attempt) for one in judged if one.attempt and one.whole]
        changes = [different for new in attempts if (different := change(grades[new.learner], new))]
        kept = tuple(one for one in judged if not one.whole)
        return Regraded(tuple(changes), len(attempts) - len(changes), kept, tuple(sorted(anew)))

    def _found(
        self, cohort: Cohort, members: Sequence[Member], labs: Sequence[str], late: float = 0.0
    ) -> list[tuple[Judged, Current | None]]:
        """Those whose boxes run, and those whose boxes are there though their time has passed (``late``: now)."""
        definitions = [self._catalog.lab(name) for name in labs or cohort.labs]
        by_instance: dict[str, list[ObservedBox]] = {}
        for box in self._engine.observe():
            by_instance.setdefault(box.instance, []).append(box)
        found: list[tuple[Judged, Current | None]] = []
        for member in members:
            for lab in definitions:
                learner = learner_of(cohort.name, member.id)
                boxes = by_instance.get(instance_id(lab.name, learner), [])
                over = late and (is_over(cohort, late) or any(expired(box.expires, late) for box in boxes))
                current = _current(lab, learner, boxes, stopped=bool(over))
                gone = _gone(cohort, lab, late) if over and current is None else None
                found.append((Judged(learner, lab.name, up=current is not None, why=gone), current))
        return found

    def _each(
        self,
        found: Sequence[tuple[Judged, Current | None]],
        judge: Callable[[Verify, Current], Attempt],
        ended: Callable[[Judged], None],
        width: int,
    ) -> list[Judged]:
        mine = threading.local()
        made: list[Verify] = []

        def work(one: Judged, current: Current) -> Judged:
            if not hasattr(mine, "verify"):
                mine.verify = self._verify()
                made.append(mine.verify)
            try:
                return msgspec.structs.replace(one, attempt=judge(mine.verify, current))
            except LabctlError as error:
                return msgspec.structs.replace(one, why=error)

        results = [one for one, current in found if current is None]
        for one in results:
            ended(one)
        pool = Pool(width, thread_name_prefix="cohort-verify")

        def stop() -> None:
            pool.shutdown(wait=False, cancel_futures=True)
            for verify in tuple(made):
                verify.stop()

        def everything() -> None:
            with pool:  # it is left when all have ended
                try:
                    running = [pool.submit(work, one, current) for one, current in found if current is not None]
                    for future in as_completed(running):
                        results.append(future.result())
                        ended(results[-1])
                except BaseException:
                    stop()
                    raise

        apart(everything, stop)
        return sorted(results, key=lambda one: (one.learner, one.lab))


def _current(lab: Lab, learner: str, boxes: Sequence[ObservedBox], *, stopped: bool) -> Current | None:
    """``stopped``: boxes that don't run do as well."""
    there = {box.box for box in boxes if box.state in ALIVE or (stopped and box.state is not State.REMOVING)}
    if not there.issuperset(lab.boxes):
        return None
    return Current(lab, boxes[0].instance, learner, boxes[0].seed, tuple(boxes))


def _gone(cohort: Cohort, lab: Lab, now: float) -> LabctlError | None:
    """Why there is nothing to judge any more; None within the grace: then nothing was ever up, or it was taken down."""
    if not cohort.ended and cohort.until + cohort.grace > now:
        return None
    return ChecksError(
        "not judged: the boxes of {lab} were removed, or they were never started",
        hint=Hint.REPORT_COHORT,
        lab=lab.name,
        name=cohort.name,
    )


def _made_after(current: Current, attempt: Attempt | None) -> bool:
    return attempt is not None and any(box.created > attempt.at for box in current.boxes)
