"""The actor who calls the facade. Every method of the facade takes an actor first."""

from __future__ import annotations

import msgspec

from labctl.domain.access.rules import Role
from labctl.domain.classroom.cohort import member_of


class Actor(msgspec.Struct, frozen=True):
    """Who calls, whose labs are meant, and in which language the answer will be read.

    ``learner`` names the owner of the labs: ``COHORT/ID`` for a learner of a cohort, or a name on this machine. If it
    is empty, the settings name the learner. ``role``: a learner of a cohort comes through the gateway. Staff uses the
    engine and means a learner of a cohort. The owner uses the engine and means no learner of a cohort.
    """

    role: Role
    learner: str = ""
    language: str = "en"

    @property
    def is_learner(self) -> bool:
        """Whether the actor is the learner. The gateway knows this by the key; typed text never decides it."""
        return self.role == "learner"


def at_the_engine(learner: str = "", language: str = "en") -> Actor:
    """Return the actor for a user of the engine: staff if ``learner`` is a learner of a cohort, otherwise the owner."""
    return Actor("staff" if member_of(learner) else "owner", learner, language)


def by_key(learner: str, language: str = "en") -> Actor:
    """Return the actor for the learner of a cohort who owns the key."""
    return Actor("learner", learner, language)
