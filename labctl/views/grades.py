"""Views of the results of a class: grades, the matrix of watch, and the results of judging all learners."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from labctl.domain.classroom.cohort import Member
from labctl.domain.classroom.gradebook import Entry, GradeChange, in_order
from labctl.domain.lab.model import Lab
from labctl.domain.verdict import Attempt, Verdict
from labctl.errors import LabctlError
from labctl.views.classroom import CohortView


class Book(msgspec.Struct, frozen=True):
    """The labs of a cohort, and for each lab an entry of every learner, sorted by id."""

    cohort: CohortView
    members: tuple[Member, ...]
    labs: tuple[Lab, ...]
    entries: Mapping[str, list[Entry]]


class MatrixRow(msgspec.Struct, frozen=True):
    """A learner in ``cohort watch --json``. ``tasks`` has the last verdict of each task, None for none. ``hints`` maps
    a task to the highest hint seen. ``seen`` is in seconds since 1970, None for never."""

    id: str
    name: str
    group: str
    tasks: Mapping[str, Verdict | None]
    points: int
    of: int
    attempts: int
    hints: Mapping[str, int]
    seen: float | None
    stuck: bool


def matrix(book: Book, now: float, stuck: float) -> Mapping[str, tuple[MatrixRow, ...]]:
    """Return a row for each learner, by lab. ``now`` is in seconds since 1970, ``stuck`` in seconds
    (``Entry.stuck``)."""
    return {
        lab.name: tuple(
            MatrixRow(
                id=entry.member.id,
                name=entry.member.name,
                group=entry.member.group,
                tasks={task.id: entry.now.get(task.id) for task in lab.tasks},
                points=entry.points,
                of=entry.of,
                attempts=entry.attempts,
                hints=dict(entry.hints),
                seen=entry.seen or None,
                stuck=entry.stuck(now, stuck),
            )
            for entry in in_order(book.entries[lab.name], now, stuck)
        )
        for lab in book.labs
    }


class GradeRow(msgspec.Struct, frozen=True):
    """A learner in ``cohort report --format json``. ``first``, ``last`` and ``graded`` (the attempt that counts) are in
    seconds since 1970, None for never. ``tasks`` has the verdicts of the attempt that counts."""

    id: str
    name: str
    group: str
    points: int
    of: int
    attempts: int
    hints: Mapping[str, int]
    first: float | None
    last: float | None
    graded: float | None
    tasks: Mapping[str, Verdict]


class GradeReport(msgspec.Struct, frozen=True):
    """The grades of a cohort: its labs, each with a row for every learner."""

    cohort: str
    labs: Mapping[str, tuple[GradeRow, ...]]


def grade_report(book: Book) -> GradeReport:
    """Return the grades for a program; docs/instructor.md describes the fields."""
    return GradeReport(book.cohort.name, {lab.name: tuple(map(_graded, book.entries[lab.name])) for lab in book.labs})


def _graded(entry: Entry) -> GradeRow:
    return GradeRow(
        id=entry.member.id,
        name=entry.member.name,
        group=entry.member.group,
        points=entry.points,
        of=entry.of,
        attempts=entry.attempts,
        hints=dict(entry.hints),
        first=entry.first or None,
        last=entry.last or None,
        graded=entry.best.at if entry.best else None,
        tasks={result.task: result.verdict for result in entry.best.tasks} if entry.best else {},
    )


class Judged(msgspec.Struct, frozen=True):
    """The result of judging a learner's lab: the attempt, or the reason ``why`` there is no attempt. Reasons: a box
    could not be started, checks could not run, or the boxes were removed. ``up`` is false if the boxes don't run or
    don't exist. Without a ``why``, this is not an error."""

    learner: str
    lab: str
    attempt: Attempt | None = None
    up: bool = True
    why: LabctlError | None = None

    @property
    def whole(self) -> bool:
        """Whether every task has a verdict that can be a grade."""
        return self.attempt is not None and self.attempt.verdict is not Verdict.ERROR

    @property
    def unjudged(self) -> bool:
        """Whether a verdict is missing that should exist."""
        return not self.whole and (self.up or self.why is not None)


class JudgedReport(msgspec.Struct, frozen=True):
    """A learner's lab in ``cohort verify --json``. ``error``: why there is no attempt, in the reader's language."""

    learner: str
    lab: str
    up: bool
    error: str | None
    attempt: Attempt | None


def judged_report(one: Judged, error: str | None) -> JudgedReport:
    """Return the report of a learner's lab, with its error as the front end words it."""
    return JudgedReport(one.learner, one.lab, one.up, error, one.attempt)


class Regraded(msgspec.Struct, frozen=True):
    """The result of a regrade. ``changes``: the learners whose grade changed. ``same``: the number of learners whose
    grade did not change. ``kept``: learners who keep the old grade, because their work could not be judged again,
    completely or in part. ``anew``: learners who keep the old grade, because their boxes were created after the attempt
    that counts."""

    changes: tuple[GradeChange, ...]
    same: int
    kept: tuple[Judged, ...]
    anew: tuple[str, ...]


class RegradeReport(msgspec.Struct, frozen=True):
    """The output of ``cohort regrade --json``: see ``Regraded``. A ``dry_run`` changes no grade."""

    changes: tuple[GradeChange, ...]
    same: int
    kept: tuple[JudgedReport, ...]
    anew: tuple[str, ...]
    dry_run: bool
