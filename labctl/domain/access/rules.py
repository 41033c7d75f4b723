"""Decides which actions on a learner's lab are allowed at a given time. Pure. No other module makes this decision. The
command line and the gateway both call this module, with the server's clock."""

from __future__ import annotations

from typing import Literal

from labctl.domain.classroom.cohort import Cohort, is_over
from labctl.errors import RefusedError
from labctl.hints import Hint

Role = Literal["learner", "staff", "owner"]
"""The role of a user. A learner of a cohort comes through the gateway. Staff may use the engine and act for such a
learner. The owner may use the engine and acts for no learner of a cohort."""

Act = Literal["look", "stop", "remove", "judge", "hint", "enter", "copy", "start", "up", "reset", "solve"]
"""``look`` only reads. ``enter`` is any access to a running box, ``copy`` any transfer of files from or to a box."""

INSTRUCTORS: frozenset[Act] = frozenset({"look", "stop", "remove", "hint", "enter", "copy"})
"""The actions that an instructor may do after the cohort or the boxes have expired. None of these actions starts a box.
To judge then, use ``labctl cohort verify``, which holds back the keeper and can handle stopped boxes."""


def require(role: Role, act: Act, cohort: Cohort | None, now: float, lab: str = "", expires: int = 0) -> None:
    """Check that the action is allowed now. Raises RefusedError if it is not. ``cohort`` is the learner's cohort, or
    None. ``expires`` is the time when the existing boxes expire, 0 for never or if there are no boxes."""
    if cohort is None or act == "look":
        return
    if is_over(cohort, now):
        if role != "learner" and (act in ("stop", "remove") or (act in INSTRUCTORS and not cohort.ended)):
            return
        raise _refusal(role, cohort)
    # The boxes have expired. reset is allowed, because it creates new boxes, and the old work does not continue.
    if 0 < expires <= now and act not in ("stop", "remove", "reset"):
        if role != "learner" and act in INSTRUCTORS:
            return
        hint = Hint.RESET_LAB if role == "learner" else Hint.VERIFY_COHORT
        raise RefusedError("the time for {lab} is over", hint=hint, lab=lab, name=cohort.name)


def _refusal(role: Role, cohort: Cohort) -> RefusedError:
    if role == "learner":
        return RefusedError("the time of the cohort {name} is over", hint=Hint.ASK_FOR_TIME, name=cohort.name)
    if cohort.ended:
        return RefusedError("the cohort {name} has ended", hint=Hint.REPORT_COHORT, name=cohort.name)
    return RefusedError("the time of the cohort {name} is over", hint=Hint.VERIFY_COHORT, name=cohort.name)
