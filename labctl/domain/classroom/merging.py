"""The changes that a roster makes to an existing cohort. Pure: the store writes the result."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import msgspec

from labctl.domain.classroom.cells import CellError
from labctl.domain.classroom.cohort import Member
from labctl.domain.classroom.keys import fingerprint
from labctl.domain.classroom.roster import Roster, RosterFault
from labctl.domain.nearest import nearest

Field = Literal["name", "email", "group", "key"]
FIELDS: tuple[Field, ...] = ("name", "email", "group", "key")


class RosterChange(msgspec.Struct, frozen=True):
    """A learner's value before and after the merge. A key is shown as its fingerprint. An empty text means no value."""

    id: str
    field: Field
    old: str
    new: str


class Kept(msgspec.Struct, frozen=True):
    """A learner's value that stays, because the roster's cell is empty. A key is shown as its fingerprint."""

    id: str
    field: Field
    value: str


class Merged(msgspec.Struct, frozen=True):
    """The result of a merge. ``write`` are the learners to store. ``new``, ``changed`` and ``same`` contain the ids of
    learners. If there are ``faults``, nothing may be written."""

    write: tuple[Member, ...] = ()
    new: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    same: tuple[str, ...] = ()
    changes: tuple[RosterChange, ...] = ()
    kept: tuple[Kept, ...] = ()
    faults: tuple[RosterFault, ...] = ()


def merge(cohort: str, before: Sequence[Member], roster: Roster) -> Merged:
    """Merge a roster into a cohort. An existing learner gets the values of the roster. A missing column and an empty
    cell change nothing. A ``-`` in a cell removes the value."""
    known = {member.id.lower(): member for member in before}
    write: list[Member] = []
    new: list[str] = []
    changed: list[str] = []
    same: list[str] = []
    changes: list[RosterChange] = []
    kept: list[Kept] = []
    faults: list[RosterFault] = []
    for member in roster.members:
        old = known.get(member.id.lower())
        if old is None:
            new.append(member.id)
            write.append(member)
            if not member.name:
                faults.append(roster.fault(member.id, "name", _nobody(member.id, cohort, before)))
            continue
        if old.id != member.id:
            remedy = "write it as {old}: learner ids are case-insensitive"
            wrong = CellError("{id} is in {cohort} as {old}", remedy, id=member.id, cohort=cohort, old=old.id)
            faults.append(roster.fault(member.id, "id", wrong))
            continue
        cleared = roster.cleared.get(member.id, frozenset())
        values = {field: _value(field, old, member, cleared) for field in FIELDS}
        after = msgspec.structs.replace(old, **values)
        changes += [
            RosterChange(old.id, field, shown(old, field), shown(after, field))
            for field in FIELDS
            if values[field] != getattr(old, field)
        ]
        kept += [
            Kept(old.id, field, shown(old, field))
            for field in FIELDS
            if field in roster.columns and getattr(old, field) and not getattr(member, field) and field not in cleared
        ]
        (same if after == old else changed).append(old.id)
        if after != old:
            write.append(after)
    return Merged(tuple(write), tuple(new), tuple(changed), tuple(same), tuple(changes), tuple(kept), tuple(faults))


def taken(
    roster: Roster, cohort: str, after: Sequence[Member], others: Mapping[str, tuple[str, str]]
) -> list[RosterFault]:
    """Return a fault for each key of the roster that belongs to another learner. ``after`` is the cohort after the
    merge. ``others`` maps the keys of other cohorts to cohort and id."""
    holders: dict[str, list[str]] = {}
    for member in after:
        holders.setdefault(member.key, []).append(member.id)
    faults = []
    for member in roster.members:
        if not member.key:
            continue
        inside = next((holder for holder in holders.get(member.key, ()) if holder != member.id), "")
        owner = (cohort, inside) if inside else others.get(member.key)
        if owner is not None:
            wrong = CellError(
                "{learner} has the same key as {owner} in the cohort {cohort}",
                "every learner needs a key of their own: ssh-keygen -t ed25519",
                learner=member.id,
                owner=owner[1],
                cohort=owner[0],
            )
            faults.append(roster.fault(member.id, "key", wrong))
    return faults


def shown(member: Member, field: Field) -> str:
    """Return a learner's value in the form that is shown. A key is shown as its fingerprint, or as its type if it has
    no fingerprint."""
    text: str = getattr(member, field)
    return fingerprint(text) or text.partition(" ")[0] if field == "key" else text


def _value(field: Field, old: Member, new: Member, cleared: frozenset[str]) -> str:
    value: str = getattr(new, field)
    return value if value or field in cleared else getattr(old, field)


def _nobody(member: str, cohort: str, before: Sequence[Member]) -> CellError:
    near = nearest(member, [one.id for one in before])
    return CellError(
        "there is no learner {id} in {cohort}, and a new learner needs a name",
        "did you mean {near}? If not, add the name" if near else "add the name",
        id=member,
        cohort=cohort,
        near=near,
    )
