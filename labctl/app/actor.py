"""Who asks the facade: every one of its methods takes an actor first."""

from __future__ import annotations

import msgspec

from labctl.domain.access.rules import Role
from labctl.domain.classroom.cohort import member_of


class Actor(msgspec.Struct, frozen=True):
    """Who asks, whose labs are meant, and in which language the answer will be read.

    ``learner``: whose labs are meant: ``COHORT/ID`` for a learner of a cohort, else a name on this machine; nothing
    for the one whom the settings name. ``role``: a learner of a cohort comes by the gateway; staff has the engine and
    means a learner of a cohort; the owner has the engine and means nobody of a cohort.
    """

    role: Role
    learner: str = ""
    language: str = "en"

    @property
    def is_learner(self) -> bool:
        """Whether this is the learner, as the gateway knows by the key; nothing that is typed says so."""
        return self.role == "learner"


def at_the_engine(learner: str = "", language: str = "en") -> Actor:
    """Whoever may use the engine: staff if ``learner`` is one of a cohort, else the owner."""
    return Actor("staff" if member_of(learner) else "owner", learner, language)


def by_key(learner: str, language: str = "en") -> Actor:
    """The learner of a cohort whose key it was."""
    return Actor("learner", learner, language)
