"""The results of work on the boxes of many learners."""

from __future__ import annotations

import msgspec

from labctl.errors import LabctlError


class Part(msgspec.Struct, frozen=True):
    """A learner's instance of a lab. ``boxes`` is the number of its boxes that the work affects."""

    learner: str
    lab: str
    instance: str
    boxes: int = 0


class Failure(msgspec.Struct, frozen=True):
    """A part whose work failed, and the error."""

    part: Part
    error: LabctlError


class Tally(msgspec.Struct, frozen=True):
    """The result of the work. ``left`` are the parts that were not begun before Ctrl-C. ``nothing`` is the number of
    parts that needed no work. ``seconds`` is wall time."""

    done: tuple[Part, ...]
    failed: tuple[Failure, ...] = ()
    left: tuple[Part, ...] = ()
    nothing: int = 0
    seconds: float = 0.0

    @property
    def boxes(self) -> int:
        """The number of boxes that the work affected."""
        return sum(part.boxes for part in self.done)

    @property
    def interrupted(self) -> bool:
        """Whether the work was interrupted."""
        return bool(self.left)


class DonePart(msgspec.Struct, frozen=True):
    """A learner's lab on which the work was done, and the number of its boxes that the work affected."""

    learner: str
    lab: str
    boxes: int


class FailedPart(msgspec.Struct, frozen=True):
    """A learner's lab on which the work failed, and the reason in English."""

    learner: str
    lab: str
    error: str


class LeftPart(msgspec.Struct, frozen=True):
    """A learner's lab on which the work was not begun."""

    learner: str
    lab: str


class WorkReport(msgspec.Struct, frozen=True):
    """A tally as ``labctl cohort up --json`` and the related commands print it. ``nothing`` is the number of labs that
    needed no work. ``boxes`` is the number of boxes that the work affected. ``seconds`` is wall time."""

    cohort: str
    done: tuple[DonePart, ...]
    nothing: int
    failed: tuple[FailedPart, ...]
    left: tuple[LeftPart, ...]
    boxes: int
    seconds: float


def work_report(cohort: str, tally: Tally) -> WorkReport:
    """Return the report of the work on the boxes of a cohort."""
    return WorkReport(
        cohort=cohort,
        done=tuple(DonePart(part.learner, part.lab, part.boxes) for part in tally.done),
        nothing=tally.nothing,
        failed=tuple(FailedPart(one.part.learner, one.part.lab, str(one.error)) for one in tally.failed),
        left=tuple(LeftPart(part.learner, part.lab) for part in tally.left),
        boxes=tally.boxes,
        seconds=round(tally.seconds, 2),
    )
