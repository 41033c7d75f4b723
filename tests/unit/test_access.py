"""Which acts are allowed at which time, with thousands of random examples, and what the gradebook counts."""

from __future__ import annotations

from typing import get_args

import pytest
from fakes import FakeStore
from hypothesis import given, settings
from hypothesis import strategies as st
from samples import failed, make_lab, passed

from labctl.cli.ui.hints import plain
from labctl.domain.access.rules import Act, Role, require
from labctl.domain.classroom.cohort import Cohort, Member, counts, end_of, is_over
from labctl.domain.classroom.gradebook import entries
from labctl.domain.naming import instance_id
from labctl.domain.verdict import Attempt, By, judge
from labctl.errors import RefusedError

LAB = make_lab()
MOMENTS = st.integers(0, 60).map(float)
COHORTS = st.builds(
    lambda until, ended, grace: Cohort("db-1", ("pond",), "secret", 0.0, until=until, ended=ended, grace=grace),
    MOMENTS,
    MOMENTS,
    MOMENTS,
)
ROLES = st.sampled_from(get_args(Role))
ACTS = st.sampled_from(get_args(Act))
MAKES = ("up", "start", "reset", "solve", "judge")
"""What starts boxes, works in them for somebody, or needs them to run for a while."""


def allowed(role: Role, act: Act, cohort: Cohort | None, now: float, expires: int = 0) -> bool:
    try:
        require(role, act, cohort, now, "pond", expires)
    except RefusedError as error:
        assert str(error) and plain(error)
        return False
    return True


@settings(max_examples=3000)
@given(ROLES, ACTS, COHORTS, MOMENTS, st.integers(0, 60))
def test_an_act_is_allowed_by_role_and_time(role: Role, act: Act, cohort: Cohort, now: float, expires: int) -> None:
    may = allowed(role, act, cohort, now, expires)
    over = any(0 < moment <= now for moment in (cohort.until, cohort.ended))
    assert is_over(cohort, now) == over
    if act == "look":
        assert may, "what is kept can always be read"
    elif over and role == "learner":
        assert not may, "a learner starts nothing after the end"
    elif over and act in MAKES:
        assert not may, "nobody starts boxes that are stopped at once"
    elif act == "remove" and role != "learner":
        assert may
    elif not over and not 0 < expires <= now:
        assert may, "everything is allowed before the end"
    elif not over and act == "reset":
        assert may, "new boxes have new hours, so reset is allowed"
    if may and act != "look" and role == "learner":
        assert not is_over(cohort, now) and (not 0 < expires <= now or act in ("stop", "remove", "reset"))


@settings(max_examples=2000)
@given(ROLES, ACTS, COHORTS, MOMENTS, MOMENTS)
def test_a_refused_act_stays_refused_later(role: Role, act: Act, cohort: Cohort, now: float, later: float) -> None:
    if not allowed(role, act, cohort, now):
        assert not allowed(role, act, cohort, now + later)


@given(ROLES, ACTS, MOMENTS, st.integers(0, 60))
def test_without_a_cohort_nothing_is_refused(role: Role, act: Act, now: float, expires: int) -> None:
    assert allowed(role, act, None, now, expires)


@given(COHORTS, st.sampled_from(get_args(By)), MOMENTS, MOMENTS)
def test_an_attempt_counts_if_it_began_before_the_end(cohort: Cohort, by: By, begun: float, seconds: float) -> None:
    one = Attempt("i", "pond", "db-1/li", "s", begun, seconds, (), by=by)
    assert counts(cohort, by, begun) == (by != "learner" or not 0 < end_of(cohort) <= begun)
    assert counts(cohort, by, one.at) == counts(cohort, by, begun), "the duration does not matter"


@pytest.mark.parametrize(
    ("begun", "by", "points"),
    [(99.9, "learner", 15), (100.0, "learner", 0), (5000.0, "learner", 0), (100.0, "staff", 15)],
)
def test_the_gradebook_ignores_a_learners_attempt_that_began_after_the_end(begun: float, by: By, points: int) -> None:
    cohort = Cohort("db-1", ("pond",), "secret", 0.0, until=100.0)
    instance = instance_id("pond", "db-1/li")
    tasks = judge(LAB, [passed("listen"), passed("auth")])
    store = FakeStore()
    store.add_attempt(Attempt(instance, "pond", "db-1/li", "s", begun, 60.0, tasks, by=by))
    (entry,) = entries(cohort, [Member("li", "Li")], LAB, store.attempts(instance), {}, {})
    assert entry.points == points
    assert entry.attempts == (by == "learner" and begun < 100.0)


def test_an_attempt_after_the_end_hides_no_earlier_result() -> None:
    cohort = Cohort("db-1", ("pond",), "secret", 0.0, until=100.0)
    instance = instance_id("pond", "db-1/li")
    found = [
        Attempt(instance, "pond", "db-1/li", "s", 50.0, 1.0, judge(LAB, [passed("listen"), failed("auth")])),
        Attempt(instance, "pond", "db-1/li", "s", 150.0, 1.0, judge(LAB, [failed("listen"), failed("auth")])),
    ]
    (entry,) = entries(cohort, [Member("li", "Li")], LAB, found, {}, {})
    assert (entry.points, entry.now["listen"]) == (10, "passed")
