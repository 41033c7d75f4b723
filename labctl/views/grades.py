"""Views of the results of a class: grades, the matrix of ``cohort watch``, and the results of ``cohort verify``."""

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
    """A learner in ``cohort watch --json``. ``tasks`` maps each task to its last verdict, or to None if it has no
    verdict. ``hints`` maps a task to the level of the highest hint seen. ``seen`` is in seconds since 1970, and None
    means never."""

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
    """Return a map from lab to the rows of all learners. ``now`` is in seconds since 1970. ``stuck`` is in seconds
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
    seconds since 1970, and None means never. ``tasks`` has the verdicts of the attempt that counts."""

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
    """Return the grades for a program. docs/instructor.md describes the fields."""
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
    """The result of judging a learner's lab: the attempt, or the reason ``why`` there is no attempt. The reason is that
    a box could not be started, that checks could not run, or that the boxes were removed. ``up`` is false if the boxes
    don't run or don't exist. A lab that isn't up is an error only if ``why`` is set."""

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
        """Whether a verdict that should exist is missing."""
        return not self.whole and (self.up or self.why is not None)


class JudgedReport(msgspec.Struct, frozen=True):
    """A learner's lab in ``cohort verify --json``. ``error`` says in the reader's language why there is no attempt."""

    learner: str
    lab: str
    up: bool
    error: str | None
    attempt: Attempt | None


def judged_report(one: Judged, error: str | None) -> JudgedReport:
    """Return the report of a learner's lab. ``error`` is the error as the front end words it."""
    return JudgedReport(one.learner, one.lab, one.up, error, one.attempt)


class Regraded(msgspec.Struct, frozen=True):
    """The result of a regrade. ``changes`` has an entry for each learner whose grade changed. ``same`` is the number of
    learners whose grade did not change. The learners in ``kept`` keep the old grade, because at least a part of their
    work could not be judged again. The learners in ``anew`` keep the old grade, because their boxes were created after
    the attempt that counts."""

    changes: tuple[GradeChange, ...]
    same: int
    kept: tuple[Judged, ...]
    anew: tuple[str, ...]


class RegradeReport(msgspec.Struct, frozen=True):
    """The output of ``cohort regrade --json``. ``Regraded`` explains the fields. A ``dry_run`` changes no grade."""

    changes: tuple[GradeChange, ...]
    same: int
    kept: tuple[JudgedReport, ...]
    anew: tuple[str, ...]
    dry_run: bool
