"""Judge all learners of a cohort, several at the same time."""

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
"""The largest number of verifies at once. Most work of a verify is done in a child process, so three verifies are
enough for two processors."""


class CohortVerify:
    """Judge the labs of a cohort. ``verify`` creates a service for a verify. Verifies that run at the same time use
    different services, so a failure of one verify doesn't end another verify."""

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
        """Judge each lab of these learners.

        ``ended`` is called for each result, never by two threads at once. A lab that isn't up is reported, but is not
        an error. Boxes whose time is over are started for the verify and stopped afterwards. Raises LabctlError if the
        engine can't be queried. Ctrl-C ends the running verifies. Attempts that were already stored stay.
        """
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
        """Judge the current boxes by the current checks. Each result becomes the learner's grade, unless ``dry`` is
        set. If boxes were created after the attempt that counts, the work of this attempt is not in the boxes, so the
        old grade stays. Raises the errors of ``run``."""
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
        """Return each learner's labs, and the instance of each lab whose boxes run. If the current time is given as
        ``late``, also return the instances of labs whose time is over and whose boxes exist."""
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
            with pool:  # the block ends when all verifies have ended
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
    """Return the instance if all its boxes run. If ``stopped`` is set, stopped boxes count too."""
    there = {box.box for box in boxes if box.state in ALIVE or (stopped and box.state is not State.REMOVING)}
    if not there.issuperset(lab.boxes):
        return None
    return Current(lab, boxes[0].instance, learner, boxes[0].seed, tuple(boxes))


def _gone(cohort: Cohort, lab: Lab, now: float) -> LabctlError | None:
    """Return the reason why a learner has no verdict after the end of the cohort. Return None during the grace time. If
    boxes are missing in that time, they were never started, or the learner removed them."""
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
