"""Which values of existing learners a roster changes: only those in the file."""

from __future__ import annotations

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from labctl.domain.classroom.cohort import Member
from labctl.domain.classroom.merging import FIELDS, Merged, merge, taken
from labctl.domain.classroom.roster import Roster

values = st.sampled_from(("", "x", "y"))
learners = st.lists(
    st.builds(Member, st.sampled_from(("a", "b", "c", "d")), st.sampled_from(("x", "y")), values, values, values),
    max_size=4,
    unique_by=lambda member: member.id,
)
columns = st.frozensets(st.sampled_from(FIELDS)).map(lambda some: some | {"id"})


@st.composite
def rosters(draw: st.DrawFn) -> Roster:
    """Draw rosters as ``read`` returns them: a missing column has no values, and a cleared cell is empty."""
    has = draw(columns)
    members, cleared = [], {}
    for member in draw(learners):
        away = draw(st.frozensets(st.sampled_from(("email", "group", "key")))) & has
        gone = dict.fromkeys([*away, *(set(FIELDS) - has)], "")
        members.append(msgspec.structs.replace(member, **gone))
        cleared[member.id] = away
    return Roster(tuple(members), has, cleared)


def outcome(before: list[Member], merged: Merged) -> dict[str, Member]:
    return {member.id: member for member in (*before, *merged.write)}


@given(learners, rosters())
def test_a_value_changes_only_by_another_value_or_a_dash(before: list[Member], roster: Roster) -> None:
    merged = merge("db-1", before, roster)
    after = outcome(before, merged)
    given_ = {member.id: member for member in roster.members}
    for old in before:
        for field in FIELDS:
            was, now = getattr(old, field), getattr(after[old.id], field)
            said = getattr(given_[old.id], field) if old.id in given_ else ""
            assert now == (said or ("" if field in roster.cleared.get(old.id, ()) else was))
    assert {one.id for one in merged.changes} == set(merged.changed)
    assert sorted((*merged.new, *merged.changed, *merged.same)) == sorted(given_)
    assert bool(merged.faults) == any(not given_[one].name for one in merged.new)


@given(learners, rosters())
def test_merging_the_same_roster_again_changes_nothing(before: list[Member], roster: Roster) -> None:
    once = outcome(before, merge("db-1", before, roster))
    again = merge("db-1", list(once.values()), roster)
    assert not again.write and not again.changes and not again.new


@given(learners, rosters())
def test_kept_values_are_listed_if_the_file_has_their_column(before: list[Member], roster: Roster) -> None:
    merged = merge("db-1", before, roster)
    assert all(one.field in roster.columns for one in merged.kept)
    assert not {(one.id, one.field) for one in merged.kept} & {(one.id, one.field) for one in merged.changes}


def test_a_key_may_move_between_learners_within_one_file() -> None:
    before = [Member("a", "A", key="1"), Member("b", "B", key="2")]
    roster = Roster((Member("a", "A", key="2"), Member("b", "B", key="1")))
    after = outcome(before, merge("db-1", before, roster))
    assert taken(roster, "db-1", list(after.values()), {}) == []
    lone = Roster((Member("a", "A", key="2"),))
    after = outcome(before, merge("db-1", before, lone))
    (fault,) = taken(lone, "db-1", list(after.values()), {})
    assert fault.values == {"learner": "a", "owner": "b", "cohort": "db-1"}
    (fault,) = taken(lone, "db-2", lone.members, {"2": ("db-1", "b")})
    assert fault.values["cohort"] == "db-1"
