"""Cohorts, members and their happenings: implements ports.Cohorts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection, Row, func, select, update

from labctl.adapters.store.database import Database
from labctl.adapters.store.tables import cohorts, happenings, keys, members
from labctl.domain.classroom.cohort import Cohort, Happening, Limits, Member, kept, member_of
from labctl.errors import UsageError
from labctl.hints import Hint


class _Terms(msgspec.Struct, frozen=True):
    """Values of a cohort that no query searches for."""

    labs: tuple[str, ...]
    each: Limits = Limits()
    whole: Limits = Limits()


class SqlCohorts:
    """Cohorts in a database. See ports.Cohorts."""

    _database: Database

    def add_cohort(self, cohort: Cohort, members: Sequence[Member]) -> None:
        """See ports.Cohorts."""

        def add(connection: Connection) -> None:
            self._database.alone(connection, "rosters")
            if _named(connection, cohort.name) is not None:
                raise UsageError(
                    "a cohort with the name {cohort} exists already, or has existed",
                    hint=Hint.OTHER_COHORT_NAME,
                    cohort=cohort.name,
                )
            connection.execute(cohorts.insert().values(_cohort_row(cohort)))
            _take_in(connection, cohort.name, members)

        self._database.write(add)

    def cohorts(self) -> list[Cohort]:
        """See ports.Cohorts."""
        wanted = select(cohorts).order_by(cohorts.c.id)
        return [_cohort(row) for row in self._database.read(lambda connection: connection.execute(wanted).all())]

    def cohort(self, name: str) -> Cohort | None:
        """See ports.Cohorts."""
        return self._database.read(lambda connection: _named(connection, name))

    def end_cohort(self, name: str, at: float) -> None:
        """See ports.Cohorts."""

        def end(connection: Connection) -> None:
            self._database.alone(connection, "rosters")
            if not _known(connection, name).ended:
                connection.execute(update(cohorts).where(cohorts.c.name == name).values(ended=at))
                connection.execute(keys.delete().where(keys.c.cohort == name))

        self._database.write(end)

    def members(self, cohort: str) -> list[Member]:
        """See ports.Cohorts."""
        return self._database.read(lambda connection: _members(connection, cohort))

    def add_members(self, cohort: str, members: Sequence[Member]) -> None:
        """See ports.Cohorts."""

        self.change_members(cohort, lambda _before: members)

    def change_members(self, cohort: str, decide: Callable[[Sequence[Member]], Sequence[Member]]) -> None:
        """See ports.Cohorts."""

        def change(connection: Connection) -> None:
            self._database.alone(connection, "rosters")
            into = _known(connection, cohort)
            if into.ended:
                raise UsageError("the cohort {name} has ended", hint=Hint.CREATE_COHORT, name=cohort)
            _take_in(connection, cohort, decide(_members(connection, cohort)))

        self._database.write(change)

    def remove_members(self, cohort: str, ids: Iterable[str]) -> None:
        """See ports.Cohorts."""
        gone = list(ids)

        def remove(connection: Connection) -> None:
            self._database.alone(connection, "rosters")
            _let_go(connection, cohort, gone)

        self._database.write(remove)

    def member_by_key(self, key: str) -> tuple[Cohort, Member] | None:
        """See ports.Cohorts."""

        def find(connection: Connection) -> tuple[Cohort, Member] | None:
            owner = connection.execute(select(keys.c.cohort, keys.c.member).where(keys.c.key == key)).first()
            if owner is None:
                return None
            one = select(members).where(members.c.cohort == owner.cohort, members.c.id == owner.member)
            cohort, member = _named(connection, owner.cohort), connection.execute(one).first()
            # On a server, another process may have removed the cohort or the member meanwhile.
            return (cohort, _member(member)) if cohort and not cohort.ended and member else None

        return self._database.read(find)

    def add_happening(self, happening: Happening) -> None:
        """See ports.Cohorts."""
        cohort = member_of(happening.learner)
        row = msgspec.structs.asdict(kept(happening)) | {"cohort": cohort[0] if cohort else None}
        self._database.write(lambda connection: connection.execute(happenings.insert().values(row)))

    def happenings(self, learners: Sequence[str]) -> list[Happening]:
        """See ports.Cohorts."""
        columns = [happenings.c[name] for name in Happening.__struct_fields__]
        wanted = select(*columns).where(happenings.c.learner.in_(list(learners))).order_by(happenings.c.id)
        return [Happening(*row) for row in self._database.read(lambda connection: connection.execute(wanted).all())]

    def last_seen(self, cohort: str) -> Mapping[str, float]:
        """See ports.Cohorts."""
        wanted = (
            select(happenings.c.learner, func.max(happenings.c.at))
            .where(happenings.c.cohort == cohort, happenings.c.deed != "note")
            .group_by(happenings.c.learner)
        )
        return {row[0]: row[1] for row in self._database.read(lambda connection: connection.execute(wanted).all())}


def _cohort_row(cohort: Cohort) -> dict[str, Any]:
    whole = msgspec.structs.asdict(cohort)
    terms = _Terms(**{name: whole.pop(name) for name in _Terms.__struct_fields__})
    return whole | {"terms": msgspec.json.encode(terms).decode()}


def _cohort(row: Row[Any]) -> Cohort:
    columns = dict(row._mapping)
    del columns["id"]
    terms = msgspec.json.decode(columns.pop("terms"), type=_Terms)
    return Cohort(**columns, labs=terms.labs, each=terms.each, whole=terms.whole)


def _member(row: Row[Any]) -> Member:
    return Member(**{name: value for name, value in row._mapping.items() if name != "cohort"})


def _members(connection: Connection, cohort: str) -> list[Member]:
    found = connection.execute(select(members).where(members.c.cohort == cohort)).all()
    # The members are sorted here, because each database sorts letters in a different way.
    return sorted((_member(row) for row in found), key=lambda member: member.id)


def _named(connection: Connection, name: str) -> Cohort | None:
    row = connection.execute(select(cohorts).where(cohorts.c.name == name)).first()
    return None if row is None else _cohort(row)


def _known(connection: Connection, name: str) -> Cohort:
    found = _named(connection, name)
    if found is None:
        raise UsageError("there is no cohort {name}", hint=Hint.NAME_COHORT, name=name)
    return found


def _take_in(connection: Connection, cohort: str, new: Sequence[Member]) -> None:
    """Add or update members. The caller holds the lock ``rosters``. The primary key of the table makes each key unique.
    This function reports a duplicate key in a readable error."""
    latest = {member.id: member for member in new}
    _let_go(connection, cohort, list(latest))
    if latest:
        rows = [msgspec.structs.asdict(member) | {"cohort": cohort} for member in latest.values()]
        connection.execute(members.insert(), rows)
    for member in latest.values():
        if member.key:
            _refuse_taken(connection, member)
            connection.execute(keys.insert().values(key=member.key, cohort=cohort, member=member.id))


def _refuse_taken(connection: Connection, member: Member) -> None:
    owner = connection.execute(select(keys.c.cohort, keys.c.member).where(keys.c.key == member.key)).first()
    if owner is not None:
        raise UsageError(
            "{learner} has the same key as {owner} in the cohort {cohort}",
            hint=Hint.OWN_KEY,
            learner=member.id,
            owner=owner.member,
            cohort=owner.cohort,
        )


def _let_go(connection: Connection, cohort: str, ids: Sequence[str]) -> None:
    connection.execute(keys.delete().where(keys.c.cohort == cohort, keys.c.member.in_(ids)))
    connection.execute(members.delete().where(members.c.cohort == cohort, members.c.id.in_(ids)))
