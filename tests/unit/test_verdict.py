"""The verdicts passed, failed and error are never confused."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from samples import error, failed, make_lab, passed, task

from labctl.domain.verdict import Attempt, Before, CheckResult, Verdict, compared_with, judge, worst

LAB = make_lab()
verdicts = st.sampled_from(Verdict)
checks = st.lists(
    st.builds(CheckResult, st.sampled_from(["listen", "auth", "stranger"]), st.just("test_it"), verdicts), max_size=8
)


@given(st.lists(verdicts))
def test_an_error_outweighs_a_failure_and_a_failure_a_pass(found: list[Verdict]) -> None:
    if not found or Verdict.ERROR in found:
        assert worst(found) is Verdict.ERROR
    elif Verdict.FAILED in found:
        assert worst(found) is Verdict.FAILED
    else:
        assert worst(found) is Verdict.PASSED


@given(checks)
def test_a_task_passes_only_if_it_has_checks_and_all_pass(found: list[CheckResult]) -> None:
    for result in judge(LAB, found):
        own = [check.verdict for check in found if check.task == result.task]
        assert (result.verdict is Verdict.PASSED) == (bool(own) and set(own) == {Verdict.PASSED})
        assert result.points == (result.of if result.verdict is Verdict.PASSED else 0)


@given(checks)
def test_every_task_has_one_result_in_the_labs_order(found: list[CheckResult]) -> None:
    assert [result.task for result in judge(LAB, found)] == ["listen", "auth"]


def test_a_task_without_a_result_is_an_error() -> None:
    listen, auth = judge(LAB, [passed("listen")])
    assert (listen.verdict, listen.points) == (Verdict.PASSED, 10)
    assert (auth.verdict, auth.points) == (Verdict.ERROR, 0)
    assert auth.checks[0].message == "no check of this task ran"


PARTS = make_lab(tasks=[{**task("listen", 16), "partial": True}, {**task("auth", 1), "partial": True}])


@given(checks)
def test_partial_points_stay_within_the_tasks_and_need_a_passed_check(found: list[CheckResult]) -> None:
    for result in judge(PARTS, found):
        right = [check for check in result.checks if check.verdict is Verdict.PASSED]
        assert 0 <= result.points <= result.of
        assert (result.points == result.of) == (result.verdict is Verdict.PASSED)
        assert right or result.points == 0


@given(checks)
def test_a_further_passed_check_never_lowers_points(found: list[CheckResult]) -> None:
    more = judge(PARTS, [*found, passed("listen", "test_more")])
    assert more[0].points >= judge(PARTS, found)[0].points


def test_each_check_that_passes_gives_its_share_rounded_down() -> None:
    found = [passed("listen", "a"), passed("listen", "b"), failed("listen", "c")]
    listen, _ = judge(PARTS, found)
    assert (listen.points, listen.of, listen.verdict) == (10, 16, Verdict.FAILED)


def test_only_the_chosen_tasks_are_judged() -> None:
    (auth,) = judge(LAB, [passed("auth"), failed("listen")], frozenset({"auth"}))
    assert auth.task == "auth"
    assert auth.verdict is Verdict.PASSED


def attempt(*found: CheckResult) -> Attempt:
    return Attempt("pond.lucy", "pond", "lucy", "seed", 0.0, 1.0, judge(LAB, found))


def test_an_attempt_adds_up_points_and_has_the_worst_verdict() -> None:
    assert (attempt(passed("listen"), passed("auth")).points, attempt().of) == (15, 15)
    assert attempt(passed("listen"), failed("auth")).points == 10
    assert attempt(passed("listen"), passed("auth")).verdict is Verdict.PASSED
    assert attempt(passed("listen"), failed("auth")).verdict is Verdict.FAILED
    assert attempt(failed("listen"), error("auth")).verdict is Verdict.ERROR


def attempted(*tasks: str) -> Attempt:
    results = judge(LAB, [passed(name) for name in tasks], frozenset(tasks))
    return Attempt("pond.lucy", "pond", "lucy", "seed", 0.0, 1.0, results)


def test_an_attempt_is_compared_with_the_last_one_that_judged_each_of_its_tasks() -> None:
    whole, listen, auth = attempted("listen", "auth"), attempted("listen"), attempted("auth")
    assert compared_with(whole, []) is None
    assert compared_with(whole, [whole, listen, auth]) == Before(1, whole)
    assert compared_with(listen, [whole, listen, auth]) == Before(2, listen)
    assert compared_with(whole, [listen, auth]) == Before(2, auth)
    assert compared_with(auth, [listen]) is None
