"""The results of a class, for all front ends: grades, judging of all learners, and the export of a cohort."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from labctl.app.access import staff_only
from labctl.errors import UsageError
from labctl.hints import Hint

if TYPE_CHECKING:
    from labctl.app.actor import Actor
    from labctl.app.parts import Parts
    from labctl.domain.classroom.cohort import Cohort
    from labctl.views.grades import Book, Judged, Regraded

_README = """What labctl cohort export wrote.

cohort.json       the cohort: labs, until when, limits
roster.json       its learners: id, name, e-mail, group, and whether they have a key
attempts.jsonl    every attempt, oldest first, a line each, with all that the checks said
hints.json        instance to task to the highest hint seen
happenings.jsonl  what learners did: logins, refusals, notes; a line each
grades.csv        labctl cohort report --format csv
grades.json       labctl cohort report --format json

Times are seconds since 1970 (UTC). The same content gives the same bytes. Attempts and happenings of learners who have
left are in it, too. By the seeds in attempts.jsonl whoever has labctl knows every learner's passwords and ports.
"""


class GradesApi:
    """See ``Labctl.grades``. Every method raises RefusedError for a learner, and UsageError for an unknown cohort, lab,
    learner or group. ``labs``, ``learners`` and ``group`` select labs and learners. An empty argument selects all."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    @staff_only
    def book(
        self, actor: Actor, name: str, labs: Sequence[str] = (), learners: Sequence[str] = (), group: str = ""
    ) -> Book:
        """Return the current grades without querying the engine."""
        return self._chosen(name, labs, learners, group)[1]

    @staff_only
    def verify(
        self,
        actor: Actor,
        name: str,
        labs: Sequence[str] = (),
        learners: Sequence[str] = (),
        group: str = "",
        *,
        thorough: bool = False,
        ended: Callable[[Judged, int], None],
    ) -> list[Judged]:
        """Judge the boxes of these learners. ``ended`` receives the result of each learner's lab as soon as it is
        judged, and the total number of labs. ``thorough`` also runs the checks that reboot a box, kill a process or cut
        a network link, on copies of the boxes. Raises LabctlError if the engine can't be queried."""
        cohort, book = self._chosen(name, labs, learners, group)
        chosen = [lab.name for lab in book.labs]
        total = len(book.members) * len(chosen)
        return self._parts.cohort.verify.run(
            cohort, book.members, labs=chosen, thorough=thorough, ended=lambda one: ended(one, total)
        )

    @staff_only
    def regrade(
        self,
        actor: Actor,
        name: str,
        lab: str,
        learners: Sequence[str] = (),
        group: str = "",
        *,
        dry_run: bool = False,
        thorough: bool = False,
        ended: Callable[[Judged, int], None],
    ) -> Regraded:
        """Judge the boxes of these learners by the current checks. A ``dry_run`` changes no grade. The other arguments
        and the errors are those of ``verify``."""
        cohort, book = self._chosen(name, (lab,), learners, group)
        total = len(book.members)
        return self._parts.cohort.verify.regrade(
            cohort, book.members, lab, dry=dry_run, thorough=thorough, ended=lambda one: ended(one, total)
        )

    @staff_only
    def export(
        self, actor: Actor, name: str, rendered: Callable[[Book, str], bytes]
    ) -> Iterator[tuple[str, Iterable[bytes]]]:
        """Yield the name and the content of each file of a cohort's export. ``rendered`` returns the grades as ``csv``
        or ``json``, as the front end writes them. The engine is not queried, and no file contains the cohort's
        secret."""
        import msgspec

        from labctl.domain.classroom.cohort import learner_of
        from labctl.domain.naming import instance_id

        book, cohorts = self.book(actor, name), self._parts.cohorts
        roster = [{**msgspec.to_builtins(member), "key": bool(member.key)} for member in book.members]
        attempts = cohorts.attempts_of(name)
        # Learners who left also have attempts.
        learners = sorted({learner_of(name, member.id) for member in book.members} | {one.learner for one in attempts})
        instances = {instance_id(lab.name, learner) for lab in book.labs for learner in learners}
        yield "README", [_README.encode()]
        yield "cohort.json", [_json(book.cohort)]
        yield "roster.json", [_json(roster)]
        yield "attempts.jsonl", map(_line, attempts)
        yield "hints.json", [_json(cohorts.hints_of(sorted(instances | {one.instance for one in attempts})))]
        yield "happenings.jsonl", map(_line, cohorts.happenings(learners))
        yield "grades.csv", [rendered(book, "csv")]
        yield "grades.json", [rendered(book, "json")]

    def _chosen(self, name: str, labs: Sequence[str], learners: Sequence[str], group: str) -> tuple[Cohort, Book]:
        parts = self._parts.cohort
        cohort = parts.registrar.find(name)
        members = parts.registrar.members(cohort, learners)
        groups = sorted({member.group for member in members if member.group})
        if group and group not in groups:
            raise UsageError(
                "{cohort} has no group {group}",
                hint=Hint.NAME_GROUP if groups else Hint.SHOW_COHORT,
                cohort=name,
                group=group,
                groups=", ".join(groups),
            )
        return cohort, parts.grades.book(cohort, [one for one in members if not group or one.group == group], labs)


def _line(value: Any) -> bytes:
    import msgspec

    return msgspec.json.encode(value) + b"\n"


def _json(value: Any) -> bytes:
    import msgspec

    plain = msgspec.to_builtins(value)
    return (json.dumps(plain, indent=2, ensure_ascii=False, sort_keys=True) + "\n").encode()
