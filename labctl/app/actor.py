"""The actor who calls the facade. Every method of the facade takes an actor first."""

from __future__ import annotations

import msgspec

from labctl.domain.access.rules import Role
from labctl.domain.classroom.cohort import member_of


class Actor(msgspec.Struct, frozen=True):
    """The caller, the owner of the labs, and the language of the answers.

    ``learner`` names the owner of the labs: ``COHORT/ID`` for a learner of a cohort, or a name on this machine. If
    ``learner`` is empty, the settings name the learner. ``role`` is ``learner``, ``staff`` or ``owner``. A learner of a
    cohort comes through the gateway. Staff and the owner use the engine directly. A user of the engine who works on the
    labs of a cohort's learner is staff. Any other user of the engine is the owner of the machine.
    """

    role: Role
    learner: str = ""
    language: str = "en"

    @property
    def is_learner(self) -> bool:
        """Whether the actor is the learner. The SSH key at the gateway decides this, and typed text never does."""
        return self.role == "learner"


def at_the_engine(learner: str = "", language: str = "en") -> Actor:
    """Return the actor for a user of the engine: staff if ``learner`` is a learner of a cohort, otherwise the owner."""
    return Actor("staff" if member_of(learner) else "owner", learner, language)


def by_key(learner: str, language: str = "en") -> Actor:
    """Return the actor for a learner of a cohort who logged in with an SSH key."""
    return Actor("learner", learner, language)
