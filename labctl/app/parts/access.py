"""Whose lab a command is about, who asks, and whether that is still allowed: one place for the command line and the
gateway."""

from __future__ import annotations

import time
from contextlib import AbstractContextManager, nullcontext, suppress
from typing import TYPE_CHECKING, Literal

import msgspec

from labctl.domain.classroom.cohort import SEPARATOR, is_over, learner_of, member_of
from labctl.errors import LabctlError, UsageError

if TYPE_CHECKING:
    from labctl.app.parts import Parts
    from labctl.domain.access.rules import Act, Actor
    from labctl.domain.boxspec import Instance
    from labctl.domain.classroom.cohort import Cohort
    from labctl.events import Emit
    from labctl.services.current import Current


class Access:
    """A part of Parts. ``is_learner``: the one who asks is the learner, as the gateway knows by their key."""

    def __init__(self, app: Parts, *, is_learner: bool) -> None:
        self._app = app
        self._is_learner = is_learner

    @property
    def actor(self) -> Actor:
        """Who asks."""
        if self._is_learner:
            return "learner"
        return "instructor" if member_of(self._app.learner) else "owner"

    @property
    def by(self) -> Literal["learner", "instructor"]:
        """Whose an attempt is that is begun now: of a cohort's learner only what came by the gateway is their own."""
        return "instructor" if self.actor == "instructor" else "learner"

    def known(self, learner: str) -> str:
        """The learner, as the roster writes the id. Of one who is in no roster there must be boxes or attempts: what
        was made for a wrong id can be looked at and removed. Raises UsageError with the nearest id."""
        if self._is_learner or (member_of(learner) is None and SEPARATOR not in learner):
            return learner
        try:
            cohort, member = self._enrolled(learner)
        except UsageError:
            if self._has_traces(learner):
                return learner
            raise
        return learner_of(cohort.name, member)

    def _enrolled(self, learner: str) -> tuple[Cohort, str]:
        """The cohort, and the id as its roster writes it. Raises UsageError."""
        name, member = member_of(learner) or ("", "")
        if not member:
            raise UsageError(
                "{learner} names no learner of a cohort: that is COHORT/ID", hint="labctl cohort list", learner=learner
            )
        registrar = self._app.cohort.registrar
        cohort = registrar.find(name)
        (found,) = registrar.members(cohort, [member])
        return cohort, found.id

    def _has_traces(self, learner: str) -> bool:
        with suppress(LabctlError):
            if any(box.learner == learner for box in self._app.engine.observe()):
                return True
        name, _ = member_of(learner) or ("", "")
        return any(attempt.learner == learner for attempt in self._app.cohorts.attempts_of(name))

    def require(self, act: Act, lab: str, expires: int = 0) -> str:
        """That this may be done now with the learner's instance of that lab; the cohort, where its time, or that of
        the boxes, has passed all the same. Raises UsageError for one who is in no roster and for a lab that the cohort
        doesn't have, RefusedError when the time is over."""
        from labctl.domain.access import rules as access

        learner = self._app.learner
        if member_of(learner) is None or act in ("look", "remove"):
            return ""
        cohort, _ = self._enrolled(learner)
        now = time.time()
        access.require(self.actor, act, cohort, now, lab, expires)
        if act != "stop" and lab not in cohort.labs:
            names = ", ".join(cohort.labs)
            hint = "its labs are: {labs}"
            raise UsageError("{cohort} has no lab {lab}", hint=hint, cohort=cohort.name, lab=lab, labs=names)
        return cohort.name if is_over(cohort, now) or 0 < expires <= now else ""

    def instance(self, lab: str, seed: str = "") -> Instance:
        """See Parts."""
        from labctl.adapters import settings
        from labctl.domain.boxspec import Instance
        from labctl.domain.lab.params import seed_for

        learner = self._app.learner
        if member_of(learner):
            return self._app.cohort.instance(learner, lab, seed)
        return Instance(lab, learner, seed or seed_for(settings.secret(), learner, lab))

    def current(self, act: Act, lab: str = "") -> Current:
        """The learner's instance of that lab, or the only one that is up, where this may be done with it now. Raises
        as ``require`` and ``Finder.find`` do."""
        try:
            found = self._app.finder.find(self._app.learner, lab)
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
        return self._app.cohort.judging.finish(current, emit)

    def _only_lab(self) -> str:
        """A lab of the cohort, where none was named."""
        name, _ = member_of(self._app.learner) or ("", "")
        cohort = self._app.cohorts.cohort(name) if name else None
        return cohort.labs[0] if cohort else ""
