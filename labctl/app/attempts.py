"""The facade's part for attempts: verify, watch, history and hints."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial
from typing import TYPE_CHECKING

import msgspec

from labctl.app.access import Access, require_staff, staff_only
from labctl.domain.naming import instance_id
from labctl.errors import UsageError
from labctl.hints import Hint

if TYPE_CHECKING:
    from labctl.app.actor import Actor
    from labctl.app.parts import Parts
    from labctl.domain.lab.model import Lab
    from labctl.domain.verdict import Attempt, Verdict
    from labctl.events import Emit
    from labctl.services.current import Current
    from labctl.services.verify import Verified, Verify
    from labctl.views.attempts import AttemptPage, Hints, History, JudgedPage

_prepared: ContextVar[tuple[Parts, Verify] | None] = ContextVar("prepared", default=None)
"""The parts and the service of the ``preparing`` block in which this thread or task runs."""


class AttemptsApi:
    """See ``Labctl.attempts``."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    @contextmanager
    def preparing(self) -> Iterator[None]:
        """Prepare for a verify in this block. The child process for checks starts while other modules are loaded. This
        child process ends with the block. Child processes of other verifies are not affected."""
        verify = self._parts.prepared_verify()
        token = _prepared.set((self._parts, verify))
        try:
            yield
        finally:
            _prepared.reset(token)
            verify.stop()

    def _verify(self) -> Verify:
        found = _prepared.get()
        return found[1] if found and found[0] is self._parts else self._parts.new_verify()

    def verify(
        self, actor: Actor, lab: str = "", tasks: Collection[str] = (), *, thorough: bool = False, emit: Emit
    ) -> JudgedPage:
        """Judge the boxes, and store the attempt if the store can be reached. ``tasks`` restricts the verify to these
        tasks. ``thorough`` also runs the checks that reboot a box, kill a process or cut a network link, on copies of
        the boxes. ``emit`` gets the list of tasks before the first result, and each verdict as it arrives. Raises
        LabctlError if the boxes can't be judged."""
        if thorough:
            require_staff(actor)
        access = Access(self._parts, actor)
        current = access.current("judge", lab)
        with access.finishing(current, emit):
            only = frozenset(tasks) or None
            verified = self._verify().run(current, only, thorough=thorough, emit=emit, by=access.by)
        return _page(actor, current.lab, verified)

    @staff_only
    def watch(
        self, actor: Actor, lab: str, tasks: Collection[str], tell: Callable[[JudgedPage], None], *, emit: Emit
    ) -> None:
        """Judge again after each change in the boxes, until all tasks have passed. ``tell`` receives each attempt. From
        the second attempt on, ``changes`` in the page lists the changed tasks. ``emit`` gets the events of each
        attempt."""
        from labctl.services.watch import changes

        access = Access(self._parts, actor)
        before: Attempt | None = None

        def judged(current: Current, verified: Verified) -> None:
            nonlocal before
            changed = tuple(changes(before, verified.attempt)) if before else None
            before = verified.attempt
            tell(_page(actor, current.lab, verified, changed))

        find = partial(access.current, "judge", lab)
        self._parts.watch(self._verify()).run(find, frozenset(tasks) or None, judged, access.by, emit)

    def history(self, actor: Actor, lab: str = "") -> History:
        """Return all attempts at a lab, oldest first. If no lab is named, the only lab that is up is meant. Raises
        UsageError if no lab can be determined."""
        from labctl.views.attempts import History

        access = Access(self._parts, actor)
        definition = self._parts.catalog.lab(lab) if lab else access.found().lab
        attempts = self._parts.store.attempts(instance_id(definition.name, access.learner))
        return History(definition, tuple(_readable(actor, attempt) for attempt in attempts))

    def attempt(self, actor: Actor, number: int, lab: str = "") -> AttemptPage:
        """Return one attempt by its number, from 1. Raises UsageError if no attempt has that number."""
        from labctl.domain.verdict import compared_with
        from labctl.views.attempts import AttemptPage, report

        found = self.history(actor, lab)
        if number > len(found.attempts):
            raise UsageError(
                "there is no attempt {number} of {lab}; number of attempts: {count}",
                hint=Hint.HISTORY,
                number=number,
                lab=found.lab.name,
                count=len(found.attempts),
            )
        chosen = found.attempts[number - 1]
        return AttemptPage(found.lab, report(chosen, number), compared_with(chosen, found.attempts[: number - 1]))

    def hint(self, actor: Actor, task: str, lab: str = "") -> Hints:
        """Return the hints of a task that the learner has seen, and the next hint. Hints that staff reads are not
        recorded as seen by the learner. Raises UsageError for an unknown task."""
        from labctl.app.labs import require_task
        from labctl.domain.text import fill
        from labctl.views.attempts import Hints

        access = Access(self._parts, actor)
        current = access.current("hint", lab)
        found = require_task(current.lab, task)
        level = min(self._parts.store.hints(current.instance).get(task, 0) + 1, len(found.hints))
        if access.by == "learner":
            self._parts.store.add_hint(current.instance, task, level)
        texts = tuple(fill(hint.in_(actor.language), current.values) for hint in found.hints[:level])
        title = fill(found.title.in_(actor.language), current.values)
        return Hints(task, level, len(found.hints), texts, title)


def _page(
    actor: Actor, lab: Lab, verified: Verified, changes: tuple[tuple[str, Verdict], ...] | None = None
) -> JudgedPage:
    from labctl.views.attempts import JudgedPage, report

    attempt = _readable(actor, verified.attempt)
    told = report(attempt, verified.number, left_out=verified.left_out, kept=not verified.lost)
    return JudgedPage(lab, told, verified.previous, verified.left_out, verified.lost, changes)


def _readable(actor: Actor, attempt: Attempt) -> Attempt:
    """Return the attempt as the actor may read it. For a learner, the names of other learners are removed."""
    if not actor.is_learner or not attempt.integrity:
        return attempt
    return msgspec.structs.replace(attempt, integrity=attempt.integrity.without_names())
