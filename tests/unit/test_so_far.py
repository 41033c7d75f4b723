"""The rule that decides which tasks have a verdict while checks run, and the events that report it."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from samples import error, failed, make_lab, passed, task

from labctl.domain.so_far import AttemptSoFar, SelectedCheck
from labctl.domain.verdict import CheckResult, Verdict, judge

Outcome = Callable[[str, str], CheckResult]
LAB = make_lab(tasks=[{**task("listen", 16), "partial": True}, task("auth", 5)])
AWAITED = tuple(SelectedCheck(*pair) for pair in (("listen", "a"), ("auth", "b"), ("listen", "c"), ("auth", "copy")))


def verdicts(so_far: AttemptSoFar) -> list[tuple[Verdict | None, bool]]:
    return [(one.verdict, one.settled) for one in so_far.tasks()]


OPEN, PASSED, FAILED = (None, False), (Verdict.PASSED, True), (Verdict.FAILED, True)


def test_no_task_passes_before_pytest_has_collected_the_checks() -> None:
    assert verdicts(AttemptSoFar(LAB).plus(passed("listen", "a"))) == [OPEN, OPEN]


def test_a_task_passes_with_its_last_check_also_on_a_copy() -> None:
    so_far = AttemptSoFar(LAB).awaiting(AWAITED).plus(passed("auth", "b"))
    assert verdicts(so_far) == [OPEN, OPEN]
    assert verdicts(so_far.plus(passed("auth", "copy"))) == [OPEN, PASSED]


@pytest.mark.parametrize(("result", "verdict"), [(failed, Verdict.FAILED), (error, Verdict.ERROR)])
def test_a_check_that_did_not_pass_decides_at_once_and_settles_later(result: Outcome, verdict: Verdict) -> None:
    so_far = AttemptSoFar(LAB).awaiting(AWAITED).plus(result("auth", "b"))
    assert verdicts(so_far) == [OPEN, (verdict, False)]
    assert verdicts(so_far.plus(passed("auth", "copy"))) == [OPEN, (verdict, True)]


def test_an_error_after_a_failure_changes_the_verdict() -> None:
    so_far = AttemptSoFar(LAB).awaiting(AWAITED).plus(failed("auth", "b")).plus(error("auth", "copy"))
    assert verdicts(so_far) == [OPEN, (Verdict.ERROR, True)]


def test_a_task_without_checks_is_an_error_as_in_the_finished_attempt() -> None:
    assert verdicts(AttemptSoFar(LAB).awaiting(AWAITED[:1])) == [OPEN, (Verdict.ERROR, True)]


def test_only_the_chosen_tasks_are_reported() -> None:
    so_far = AttemptSoFar(LAB, frozenset({"auth"})).awaiting(AWAITED)
    assert [one.result.task for one in so_far.tasks()] == ["auth"]
    assert so_far.task("listen") is None and so_far.task("sea") is None


def test_a_repeated_result_replaces_the_first() -> None:
    so_far = AttemptSoFar(LAB).awaiting(AWAITED[:1]).plus(passed("listen", "a")).plus(failed("listen", "a"))
    assert verdicts(so_far)[0] == FAILED and len(so_far.tasks()[0].result.checks) == 1


@given(st.lists(st.sampled_from([passed, failed, error]), min_size=4, max_size=4), st.randoms(use_true_random=False))
def test_the_last_state_is_the_finished_attempt_in_any_order_of_arrival(
    outcomes: list[Outcome], order: random.Random
) -> None:
    results: list[CheckResult] = [made(check.task, check.name) for made, check in zip(outcomes, AWAITED, strict=True)]
    so_far = AttemptSoFar(LAB).awaiting(AWAITED)
    seen: dict[str, list[Verdict]] = {}
    for result in order.sample(results, len(results)):
        so_far = so_far.plus(result)
        for one in so_far.tasks():
            assert so_far.task(one.result.task) == one
            if one.verdict is not None:
                seen.setdefault(one.result.task, []).append(one.verdict)
    assert all(one.settled for one in so_far.tasks())
    assert tuple(one.result for one in so_far.tasks()) == judge(LAB, results)
    for states in seen.values():
        assert Verdict.PASSED not in states or set(states) == {Verdict.PASSED}, "a tick is never taken back"
