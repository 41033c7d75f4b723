"""Decide whose lab is meant, who the actor is, and which actions are allowed now. All front ends use this module."""

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
    """Raise RefusedError for a learner. Anyone who can use the engine is staff or the owner of the machine."""
    if actor.is_learner:
        raise RefusedError("only an instructor can do this", hint=Hint.ASK_INSTRUCTOR)


def staff_only(method: F) -> F:
    """Decorate a method of the facade, so that it refuses learners before it queries or changes anything."""

    @wraps(method)
    def checked(self: Any, actor: Actor, *args: Any, **options: Any) -> Any:
        require_staff(actor)
        return method(self, actor, *args, **options)

    return cast("F", checked)


class Access:
    """The permissions of one actor on the labs of the learner that is meant."""

    def __init__(self, parts: Parts, actor: Actor) -> None:
        self._parts = parts
        self._actor = actor

    @cached_property
    def learner(self) -> str:
        """The learner whose labs are meant, as the roster writes the id. If the actor names no learner, the settings
        name the learner. Raises UsageError with the nearest id for a learner that is in no roster. If such a learner
        has boxes or attempts, no error is raised, so that a user can show and remove boxes that were created for a
        mistyped id."""
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
        """The role of the actor. If the learner that is meant belongs to a cohort and is not the actor, the actor is
        staff. A setting may also name that learner."""
        if self._actor.is_learner:
            return "learner"
        return "staff" if member_of(self.learner) else "owner"

    @property
    def by(self) -> Literal["learner", "instructor"]:
        """Who makes an attempt that begins now. An attempt at a cohort's lab is the learner's own only if the actor
        comes through the gateway."""
        return "instructor" if self.role == "staff" else "learner"

    def _enrolled(self, learner: str) -> tuple[Cohort, str]:
        """Return the learner's cohort, and the learner's id as the roster writes the id. Raises UsageError for an
        unknown learner."""
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
        """Check that the act is allowed now on the learner's instance of that lab.

        Returns the cohort's name if the cohort or the boxes have expired but the act is still allowed. Otherwise,
        returns an empty string. Raises UsageError for a learner that is in no roster, and for a lab that the cohort
        doesn't have. Raises RefusedError if the act is not allowed after the expiry.
        """
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
        """Return the learner's instance of a lab. If no seed is given, the seed is derived from the secret of this
        installation. For a learner of a cohort, the secret and the expiry come from the cohort."""
        from labctl.adapters import settings
        from labctl.domain.boxspec import Instance
        from labctl.domain.lab.params import seed_for

        if member_of(self.learner):
            return self._parts.cohort.instance(self.learner, lab, seed)
        return Instance(lab, self.learner, seed or seed_for(settings.secret(), self.learner, lab))

    def found(self, lab: str = "") -> Current:
        """Return the learner's instance of that lab, or the only instance that is up. The caller must only read this
        instance. Raises UsageError if no instance is found."""
        return self._parts.finder.find(self.learner, lab)

    def current(self, act: Act, lab: str = "") -> Current:
        """Return the learner's instance of that lab, or the only instance that is up, if the act is allowed on it now.
        Raises the errors of ``require`` and ``Finder.find``."""
        try:
            found = self.found(lab)
        except UsageError:
            # If the time is over and the boxes were also removed, the error about the time is raised.
            self.require(act, lab or self._only_lab())
            raise
        expires = min((box.expires for box in found.boxes if box.expires), default=0)
        over = self.require(act, found.lab.name, expires)
        return msgspec.structs.replace(found, over=over) if over else found

    def finishing(self, current: Current, emit: Emit) -> AbstractContextManager[None]:
        """Return the context manager for a learner's verify. See ``Judging.finish``."""
        if not any(box.expires for box in current.boxes):
            return nullcontext()
        return self._parts.cohort.judging.finish(current, emit)

    def _only_lab(self) -> str:
        """Return the first lab of the cohort, for commands that name no lab."""
        name, _ = member_of(self.learner) or ("", "")
        cohort = self._parts.cohorts.cohort(name) if name else None
        return cohort.labs[0] if cohort else ""
