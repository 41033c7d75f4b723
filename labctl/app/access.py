"""Whose lab an actor means, who asks, and whether that is still allowed: one place for all front ends."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext, suppress
from functools import cached_property, wraps
from typing import TYPE_CHECKING, Any, Literal, TypeVar, cast

import msgspec

from labctl.app.actor import Actor
from labctl.domain.access.rules import Role
from labctl.domain.classroom.cohort import SEPARATOR, learner_of, member_of
from labctl.errors import LabctlError, RefusedError, UsageError
from labctl.hints import Hint

if TYPE_CHECKING:
    from labctl.app.parts import Parts
    from labctl.domain.access.rules import Act
    from labctl.domain.boxspec import Instance
    from labctl.domain.classroom.cohort import Cohort
    from labctl.events import Emit
    from labctl.services.current import Current


F = TypeVar("F", bound=Callable[..., Any])


def require_staff(actor: Actor) -> None:
    """Raises RefusedError for a learner: whoever has the engine is staff, or the owner of the machine."""
    if actor.is_learner:
        raise RefusedError("only an instructor can do this", hint=Hint.ASK_INSTRUCTOR)


def staff_only(method: F) -> F:
    """Of a method of the facade: learners are refused before anything is asked or changed."""

    @wraps(method)
    def checked(self: Any, actor: Actor, *args: Any, **options: Any) -> Any:
        require_staff(actor)
        return method(self, actor, *args, **options)

    return cast("F", checked)


class Access:
    """What one actor may do with the labs of the learner that is meant."""

    def __init__(self, parts: Parts, actor: Actor) -> None:
        self._parts = parts
        self._actor = actor

    @cached_property
    def learner(self) -> str:
        """Whose labs are meant, as the roster writes the id; else whom the settings name. Raises UsageError for one who
        is in no roster, with the nearest id. Of such a one whose boxes or attempts are there, labctl still shows and
        removes what was made for a wrong id."""
        learner = self._actor.learner or self._parts.settings.learner
        if self._actor.is_learner or (member_of(learner) is None and SEPARATOR not in learner):
            return learner
        try:
            cohort, member = self._enrolled(learner)
        except UsageError:
            if self._has_traces(learner):
                return learner
            raise
        return learner_of(cohort.name, member)

    @property
    def role(self) -> Role:
        """Who asks: whoever means a learner of a cohort, also by a setting, and isn't that learner, is staff."""
        if self._actor.is_learner:
            return "learner"
        return "staff" if member_of(self.learner) else "owner"

    @property
    def by(self) -> Literal["learner", "instructor"]:
        """Whose an attempt is that is begun now: of a cohort's learner only what came by the gateway is their own."""
        return "instructor" if self.role == "staff" else "learner"

    def _enrolled(self, learner: str) -> tuple[Cohort, str]:
        """The cohort, and the id as its roster writes it. Raises UsageError."""
        name, member = member_of(learner) or ("", "")
        if not member:
            raise UsageError(
                "{learner} is not the name of a learner of a cohort: write COHORT/ID",
                hint=Hint.NAME_COHORT,
                learner=learner,
            )
        registrar = self._parts.cohort.registrar
        cohort = registrar.find(name)
        (found,) = registrar.members(cohort, [member])
        return cohort, found.id

    def _has_traces(self, learner: str) -> bool:
        with suppress(LabctlError):
            if any(box.learner == learner for box in self._parts.engine.observe()):
                return True
        name, _ = member_of(learner) or ("", "")
        return any(attempt.learner == learner for attempt in self._parts.cohorts.attempts_of(name))

    def require(self, act: Act, lab: str, expires: int = 0) -> str:
        """That this may be done now with the learner's instance of that lab; the cohort, where its time, or that of
        the boxes, has passed all the same. Raises UsageError for one who is in no roster and for a lab that the cohort
        doesn't have, RefusedError when the time is over."""
        from labctl.domain.access import rules
        from labctl.domain.classroom.cohort import is_over

        if member_of(self.learner) is None or act in ("look", "remove"):
            return ""
        cohort, _ = self._enrolled(self.learner)
        now = time.time()
        rules.require(self.role, act, cohort, now, lab, expires)
        if act != "stop" and lab not in cohort.labs:
            names = ", ".join(cohort.labs)
            raise UsageError(
                "{cohort} has no lab {lab}", hint=Hint.NAME_LAB_OF_COHORT, cohort=cohort.name, lab=lab, labs=names
            )
        return cohort.name if is_over(cohort, now) or 0 < expires <= now else ""

    def instance(self, lab: str, seed: str = "") -> Instance:
        """The learner's instance of a lab: its seed is the given one, else derived from this installation's secret, or
        of a learner of a cohort from the cohort's, which also says when it expires."""
        from labctl.adapters import settings
        from labctl.domain.boxspec import Instance
        from labctl.domain.lab.params import seed_for

        if member_of(self.learner):
            return self._parts.cohort.instance(self.learner, lab, seed)
        return Instance(lab, self.learner, seed or seed_for(settings.secret(), self.learner, lab))

    def found(self, lab: str = "") -> Current:
        """The learner's instance of that lab, or the only one that is up, to look at. Raises UsageError."""
        return self._parts.finder.find(self.learner, lab)

    def current(self, act: Act, lab: str = "") -> Current:
        """The learner's instance of that lab, or the only one that is up, where this may be done with it now. Raises
        as ``require`` and ``Finder.find`` do."""
        try:
            found = self.found(lab)
        except UsageError:
            # Where the boxes were removed, too, the time that is over comes first.
            self.require(act, lab or self._only_lab())
            raise
        expires = min((box.expires for box in found.boxes if box.expires), default=0)
        over = self.require(act, found.lab.name, expires)
        return msgspec.structs.replace(found, over=over) if over else found

    def finishing(self, current: Current, emit: Emit) -> AbstractContextManager[None]:
        """Around a verify: see ``Judging.finish``."""
        if not any(box.expires for box in current.boxes):
            return nullcontext()
        return self._parts.cohort.judging.finish(current, emit)

    def _only_lab(self) -> str:
        """A lab of the cohort, where none was named."""
        name, _ = member_of(self.learner) or ("", "")
        cohort = self._parts.cohorts.cohort(name) if name else None
        return cohort.labs[0] if cohort else ""
