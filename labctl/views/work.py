"""What came of work on the boxes of many learners."""

from __future__ import annotations

import msgspec

from labctl.errors import LabctlError


class Part(msgspec.Struct, frozen=True):
    """A learner's instance of a lab. ``boxes``: how many of it are to be touched."""

    learner: str
    lab: str
    instance: str
    boxes: int = 0


class Failure(msgspec.Struct, frozen=True):
    """What went wrong with one."""

    part: Part
    error: LabctlError


class Tally(msgspec.Struct, frozen=True):
    """What came of it. ``left``: those that weren't begun when Ctrl-C came; ``nothing``: how many were as they should
    be already; ``seconds`` of wall time."""

    done: tuple[Part, ...]
    failed: tuple[Failure, ...] = ()
    left: tuple[Part, ...] = ()
    nothing: int = 0
    seconds: float = 0.0

    @property
    def boxes(self) -> int:
        """How many boxes were touched."""
        return sum(part.boxes for part in self.done)

    @property
    def interrupted(self) -> bool:
        """Whether it was broken off."""
        return bool(self.left)


class DonePart(msgspec.Struct, frozen=True):
    """A learner's lab that was done, and how many of its boxes were touched."""

    learner: str
    lab: str
    boxes: int


class FailedPart(msgspec.Struct, frozen=True):
    """A learner's lab that failed, and why, in English."""

    learner: str
    lab: str
    error: str


class LeftPart(msgspec.Struct, frozen=True):
    """A learner's lab that was not begun."""

    learner: str
    lab: str


class WorkReport(msgspec.Struct, frozen=True):
    """A tally as ``labctl cohort up --json`` and its siblings print it. ``nothing``: how many labs needed nothing;
    ``boxes`` were touched; ``seconds`` of wall time."""

    cohort: str
    done: tuple[DonePart, ...]
    nothing: int
    failed: tuple[FailedPart, ...]
    left: tuple[LeftPart, ...]
    boxes: int
    seconds: float


def work_report(cohort: str, tally: Tally) -> WorkReport:
    """The report of what was done with the boxes of a cohort."""
    return WorkReport(
        cohort=cohort,
        done=tuple(DonePart(part.learner, part.lab, part.boxes) for part in tally.done),
        nothing=tally.nothing,
        failed=tuple(FailedPart(one.part.learner, one.part.lab, str(one.error)) for one in tally.failed),
        left=tuple(LeftPart(part.learner, part.lab) for part in tally.left),
        boxes=tally.boxes,
        seconds=round(tally.seconds, 2),
    )
