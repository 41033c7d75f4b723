"""Attempts and hints: implements ports.Store."""

from __future__ import annotations

import gc
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import msgspec
from sqlalchemy import Connection, Select, case, func, select

from labctl.adapters.store.database import Database
from labctl.adapters.store.tables import attempts, hints
from labctl.domain.classroom.cohort import member_of
from labctl.domain.verdict import Attempt

_decoder = msgspec.json.Decoder(Attempt)


class SqlAttempts:
    """Attempts and hints in a database. See ports.Store."""

    _database: Database
    _decoded: tuple[str, dict[int, Attempt]] = ("", {})

    def add_attempt(self, attempt: Attempt) -> int:
        """See ports.Store."""
        row = _row(attempt)

        def add(connection: Connection) -> int:
            self._database.alone(connection, attempt.instance)
            last = select(func.max(attempts.c.number)).where(attempts.c.instance == row["instance"])
            number = (connection.execute(last).scalar() or 0) + 1
            connection.execute(attempts.insert().values(number=number, **row))
            return number

        return self._database.write(add)

    def attempts(self, instance: str) -> list[Attempt]:
        """See ports.Store."""
        return self._attempts(_evidence().where(attempts.c.instance == instance))

    def latest(self, lab: str) -> list[Attempt]:
        """See ports.Store."""
        last = select(func.max(attempts.c.id)).where(attempts.c.lab == lab).group_by(attempts.c.instance)
        return self._attempts(_evidence().where(attempts.c.id.in_(last)))

    def attempts_of(self, cohort: str) -> list[Attempt]:
        """See ports.Cohorts. A view calls this method again and again. An attempt never changes, so only new attempts
        are read. The attempts of the last cohort are cached."""
        name, known = self._decoded
        known = known if name == cohort else {}
        theirs = attempts.c.cohort == cohort

        def new(connection: Connection) -> list[tuple[int, str]]:
            ids = connection.execute(select(attempts.c.id).where(theirs)).scalars()
            # The lowest unknown id may be below known ids, because on a server a transaction with a lower id may commit
            # later.
            first = min((each for each in ids if each not in known), default=None)
            if first is None:
                return []
            wanted = select(attempts.c.id, attempts.c.evidence).where(theirs, attempts.c.id >= first)
            return [(row.id, row.evidence) for row in connection.execute(wanted) if row.id not in known]

        texts = self._database.read(new)
        with _collector_paused():
            found = known | {number: _decoder.decode(text) for number, text in texts}
        self._decoded = cohort, found
        return [found[each] for each in sorted(found)]

    def add_hint(self, instance: str, task: str, level: int) -> None:
        """See ports.Store."""

        def add(connection: Connection) -> None:
            # Each dialect takes time to import. Only the dialect of this database is already imported.
            if connection.dialect.name == "sqlite":
                from sqlalchemy.dialects.sqlite import insert
            else:
                from sqlalchemy.dialects.postgresql import insert  # type: ignore[assignment]
            wanted = insert(hints).values(instance=instance, task=task, level=level)
            new = wanted.excluded.level
            highest = case((new > hints.c.level, new), else_=hints.c.level)
            connection.execute(wanted.on_conflict_do_update(hints.primary_key, set_={"level": highest}))

        self._database.write(add)

    def hints(self, instance: str) -> dict[str, int]:
        """See ports.Store."""
        return self.hints_of([instance]).get(instance, {})

    def hints_of(self, instances: Sequence[str]) -> dict[str, dict[str, int]]:
        """See ports.Cohorts."""
        wanted = select(hints.c.instance, hints.c.task, hints.c.level).where(hints.c.instance.in_(list(instances)))
        found: dict[str, dict[str, int]] = {}
        for instance, task, level in self._database.read(lambda connection: connection.execute(wanted).all()):
            found.setdefault(instance, {})[task] = level
        return found

    def _attempts(self, wanted: Select[Any]) -> list[Attempt]:
        wanted = wanted.order_by(attempts.c.id)
        texts = self._database.read(lambda connection: connection.execute(wanted).scalars().all())
        return [_decoder.decode(text) for text in texts]


@contextmanager
def _collector_paused() -> Iterator[None]:
    """Pause the garbage collector. Thousands of attempts are created and kept, and a collection takes longer than their
    creation."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


def _evidence() -> Select[Any]:
    return select(attempts.c.evidence)


def _row(attempt: Attempt) -> dict[str, Any]:
    cohort = member_of(attempt.learner)
    return {
        "instance": attempt.instance,
        "cohort": cohort[0] if cohort else None,
        "lab": attempt.lab,
        "learner": attempt.learner,
        "at": attempt.at,
        "points": attempt.points,
        "of": attempt.of,
        "verdict": str(attempt.verdict),
        "evidence": _encoded(attempt),
    }


def _encoded(attempt: Attempt) -> str:
    try:
        return msgspec.json.encode(attempt).decode()
    except UnicodeEncodeError:
        # The output of a box is not always valid text.
        return msgspec.json.encode(_clean(msgspec.to_builtins(attempt))).decode()


def _clean(value: Any) -> Any:
    if isinstance(value, dict):
        return {_clean(name): _clean(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_clean(each) for each in value]
    return value.encode("utf-8", "backslashreplace").decode() if isinstance(value, str) else value
