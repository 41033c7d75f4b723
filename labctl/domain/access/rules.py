"""What somebody may still do with a learner's lab at a given time. Pure, and the only place that decides it: command
line and gateway both ask here, with the server's clock."""

from __future__ import annotations

from typing import Literal

from labctl.domain.classroom.cohort import Cohort, is_over
from labctl.errors import RefusedError
from labctl.hints import Hint

Role = Literal["learner", "staff", "owner"]
"""Who asks: a learner of a cohort by the gateway, whoever has the engine and names such a learner, or whoever has the
engine and names nobody of a cohort."""

Act = Literal["look", "stop", "remove", "judge", "hint", "enter", "copy", "start", "up", "reset", "solve"]
"""``look`` only reads; ``enter`` is every way into a running box, ``copy`` every file from or to one."""

INSTRUCTORS: frozenset[Act] = frozenset({"look", "stop", "remove", "hint", "enter", "copy"})
"""What an instructor may do when the time is over: all that starts no box. ``labctl cohort verify`` judges then: it
holds back the keeper, and knows boxes that don't run."""


def require(role: Role, act: Act, cohort: Cohort | None, now: float, lab: str = "", expires: int = 0) -> None:
    """Raises RefusedError where that may not be done now. ``cohort``: the learner's, None for one of none; ``expires``:
    when the boxes that are there expire, 0 for never or for no boxes."""
    if cohort is None or act == "look":
        return
    if is_over(cohort, now):
        if role != "learner" and (act in ("stop", "remove") or (act in INSTRUCTORS and not cohort.ended)):
            return
        raise _refusal(role, cohort)
    # The boxes' own hours: reset makes new ones, so that nothing of the old work goes on.
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
