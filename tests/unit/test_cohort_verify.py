"""Judging a whole cohort: everybody who is up, independently of each other, and regrades after a check was
corrected."""

from __future__ import annotations

import threading

import msgspec
import pytest
from fakes import FakeCatalog, FakeChecker, FakeEngine, FakeImages, FakeKeeper, FakeLocks
from fakes_cohort import FakeCohorts
from samples import error, failed, make_lab, passed

from labctl.domain.boxspec import box_specs
from labctl.domain.classroom.cohort import Cohort, Member
from labctl.domain.classroom.enrolment import instance_of
from labctl.domain.classroom.gradebook import counting
from labctl.domain.lab.params import derive
from labctl.domain.observed import State
from labctl.domain.verdict import Attempt, judge
from labctl.errors import ChecksError
from labctl.services.classroom.judging import Judging
from labctl.services.classroom.verify import CohortVerify
from labctl.services.power import Power
from labctl.services.verify import Verify
from labctl.views.grades import Judged, Regraded

LAB = make_lab()
COHORT = Cohort("db-1", ("pond",), "secret", 0.0)


class Class:
    """Learners whose boxes are up. The learner ``away`` has no boxes."""

    def __init__(self, *ids: str) -> None:
        self.engine, self.checker, self.store = (
            FakeEngine(),
            FakeChecker(passed("listen"), failed("auth")),
            FakeCohorts(),
        )
        self.members = [Member(one, one) for one in ids]
        self.store.add_cohort(COHORT, self.members)
        self.made: list[Verify] = []
        for one in ids:
            if one != "away":
                self.up(one)
        catalog = FakeCatalog(LAB)
        self.keeper, self.locks = FakeKeeper(self.engine, running=True), FakeLocks()
        power = Power(self.engine, self.keeper, FakeImages(), self.locks)
        judging = Judging(self.engine, self.keeper, self.locks, power)
        self.all = CohortVerify(self.engine, catalog, lambda: self.store, self._verify, judging)

    def up(self, member: str) -> None:
        instance = instance_of(COHORT, member, "pond", 0.0)
        images = dict.fromkeys(LAB.boxes, "pond:1")
        for spec in box_specs(LAB, instance, derive(LAB, instance.seed), images):
            self.engine.start(self.engine.create(spec))

    def _verify(self) -> Verify:
        def none() -> object:
            raise AssertionError("no check requires a clone")

        self.made.append(Verify(self.engine, self.checker, lambda: self.store, none))  # type: ignore[arg-type]
        return self.made[-1]

    def run(self) -> dict[str, Judged]:
        return {one.learner: one for one in self.all.run(COHORT, self.members)}

    def regrade(self, *, dry: bool = False) -> Regraded:
        return self.all.regrade(COHORT, self.members, "pond", dry=dry)


def test_learners_who_are_up_are_judged_and_the_others_reported() -> None:
    group = Class("li", "wang", "away")
    ended: list[str] = []
    found = group.all.run(COHORT, group.members, ended=lambda one: ended.append(one.learner))
    assert sorted(ended) == [one.learner for one in found] == ["db-1/away", "db-1/li", "db-1/wang"]
    away, li, _wang = found
    assert (away.up, away.attempt, away.why) == (False, None, None)
    assert li.attempt is not None and (li.attempt.points, li.attempt.by) == (10, "instructor")
    assert [one.learner for one in group.store.attempts_of("db-1")].count("db-1/li") == 1


def test_a_failing_learner_does_not_stop_the_others() -> None:
    group = Class(*(f"s{number}" for number in range(10)))
    turn = iter(range(100))

    def sometimes() -> None:
        if next(turn) == 3:
            raise ChecksError("no")

    group.checker.meanwhile = sometimes
    found = group.run()
    assert sum(one.attempt is not None for one in found.values()) == 9
    (broken,) = (one for one in found.values() if one.why)
    assert broken.up and str(broken.why) == "no"


def test_at_most_three_learners_are_judged_at_once() -> None:
    group = Class(*(f"s{number}" for number in range(12)))
    together, most, lock = [0], [0], threading.Lock()

    def count() -> None:
        with lock:
            together[0] += 1
            most[0] = max(most[0], together[0])
        with lock:
            together[0] -= 1

    group.checker.meanwhile = count
    group.run()
    assert 1 <= most[0] <= 3 and len(group.made) <= 3


def test_ctrl_c_stops_running_checks_and_keeps_finished_attempts() -> None:
    group = Class("li", "wang")

    def interrupted(_one: Judged) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        group.all.run(COHORT, group.members, ended=interrupted)
    assert group.store.attempts_of("db-1")


class TestAfterTheEnd:
    """A cohort whose time has passed. The keeper has stopped its boxes."""

    COHORT = msgspec.structs.replace(COHORT, until=1000.0)

    @pytest.fixture
    def group(self, monkeypatch: pytest.MonkeyPatch) -> Class:
        made = Class("li", "wang", "away")
        for box in made.engine.boxes.values():
            made.engine.stop(box.id)
        made.engine.calls.clear()
        monkeypatch.setattr("time.time", lambda: 2000.0)
        return made

    def judged(self, group: Class, cohort: Cohort = COHORT) -> dict[str, Judged]:
        return {one.learner: one for one in group.all.run(cohort, group.members)}

    def test_expired_boxes_are_started_judged_and_stopped(self, group: Class) -> None:
        seen: list[tuple[set[str], set[State]]] = []

        def look() -> None:
            instance = instance_of(COHORT, "li", "pond", 0.0).id
            seen.append((set(group.keeper.spared), {box.state for box in group.engine.observe(instance)}))

        group.checker.meanwhile = look
        group.members = [one for one in group.members if one.id != "wang"]
        found = self.judged(group)
        assert [(one.points, one.by) for one in group.store.attempts_of("db-1")] == [(10, "instructor")]
        assert seen == [({instance_of(COHORT, "li", "pond", 0.0).id}, {State.RUNNING})]
        assert {box.state for box in group.engine.observe()} == {State.STOPPED} and group.keeper.spared == {}
        away = found["db-1/away"]
        assert (away.up, away.why, away.unjudged) == (False, None, False), "never up, and the grace period lasts"

    def test_running_boxes_are_stopped_before_judging_to_end_all_shells(self, group: Class) -> None:
        for box in group.engine.boxes.values():
            group.engine.start(box.id)
        before = {box.id: box.starts for box in group.engine.boxes.values()}
        self.judged(group)
        assert all(box.starts == before[box.id] + 1 for box in group.engine.boxes.values())
        assert {box.state for box in group.engine.observe()} == {State.STOPPED}

    def test_removed_boxes_are_reported_and_not_judged(self, group: Class) -> None:
        group.engine.boxes.clear()
        over = msgspec.structs.replace(self.COHORT, grace=100.0)
        found = self.judged(group, over)
        assert all(one.unjudged and "were removed" in str(one.why) for one in found.values())

    def test_an_earlier_stop_by_the_keeper_does_not_prevent_a_verdict(self, group: Class) -> None:
        turn = iter(range(100))

        def stop() -> None:
            if next(turn) == 0:
                group.engine.stop(group.checker.asked[-1][0]["master"])

        group.checker.meanwhile = stop
        found = self.judged(group)
        assert found["db-1/li"].whole and found["db-1/wang"].whole

    def test_checks_that_cannot_run_are_not_repeated(self, group: Class) -> None:
        group.checker.results = [error("listen"), passed("auth")]
        found = self.judged(group)
        assert found["db-1/li"].unjudged and len(group.checker.asked) == 2

    def test_an_error_or_interrupt_leaves_no_box_running(self, group: Class) -> None:
        def broken() -> None:
            raise ChecksError("no")

        group.checker.meanwhile = broken
        assert str(self.judged(group)["db-1/li"].why) == "no"
        assert {box.state for box in group.engine.observe()} == {State.STOPPED}
        group.checker.meanwhile = lambda: None

        def interrupted(_one: Judged) -> None:
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            group.all.run(self.COHORT, group.members, ended=interrupted)
        assert {box.state for box in group.engine.observe()} == {State.STOPPED} and group.keeper.spared == {}

    def test_a_box_that_does_not_start_is_reported_for_that_learner(self, group: Class) -> None:
        group.keeper.late.add("replica1")
        found = self.judged(group)
        assert all(found[one].unjudged and found[one].why for one in ("db-1/li", "db-1/wang"))
        assert {box.state for box in group.engine.observe()} == {State.STOPPED}

    def test_expired_hours_of_a_box_count_as_an_end(self, group: Class) -> None:
        for box in group.engine.boxes.values():
            box.spec.labels["labctl.expires"] = "1500"
        found = self.judged(group, COHORT)
        assert found["db-1/li"].whole
        assert {box.state for box in group.engine.observe()} == {State.STOPPED}

    def test_a_stopped_box_is_not_started_before_the_end(self, group: Class) -> None:
        found = self.judged(group, msgspec.structs.replace(COHORT, until=3000.0))
        assert not found["db-1/li"].up and "start" not in group.engine.calls

    def test_a_regrade_ignores_attempts_that_began_after_the_end(self, group: Class) -> None:
        for box in group.engine.boxes.values():
            group.engine.start(box.id)
        instance = instance_of(COHORT, "li", "pond", 0.0)
        late = Attempt(instance.id, "pond", "db-1/li", "s", 1001.0, 1.0, judge(LAB, [passed("listen"), passed("auth")]))
        group.store.add_attempt(late)
        found = group.all.regrade(self.COHORT, group.members[:1], "pond", dry=True)
        assert [(one.before, one.after) for one in found.changes] == [(0, 10)]


class TestRegrade:
    def test_changed_grades_are_listed_with_their_reasons(self) -> None:
        group = Class("li", "wang", "away")
        group.run()
        group.checker.results = [passed("listen"), passed("auth")]
        dry = group.regrade(dry=True)
        assert [(one.learner, one.before, one.after) for one in dry.changes] == [
            ("db-1/li", 10, 15),
            ("db-1/wang", 10, 15),
        ]
        assert len(group.store.attempts_of("db-1")) == 2, "a dry run stores nothing"
        found = group.regrade()
        assert [one.after for one in found.changes] == [15, 15]
        assert [one.learner for one in found.kept] == ["db-1/away"]
        assert [(task.before and task.before.verdict, task.after.task) for task in found.changes[0].tasks] == [
            ("failed", "auth")
        ]
        assert [one.by for one in group.store.attempts_of("db-1")][2:] == ["regrade", "regrade"]
        again = group.regrade()
        assert (again.changes, again.same) == ((), 2)

    def test_a_task_that_could_not_be_checked_changes_no_grade(self) -> None:
        group = Class("li")
        group.run()
        group.checker.results = [error("listen"), passed("auth")]
        found = group.regrade()
        assert (found.changes, found.same, [one.learner for one in found.kept]) == ((), 0, ["db-1/li"])
        (one,) = found.kept
        assert one.up and one.attempt is not None, "the found result is reported"
        assert counting(LAB, group.store.attempts_of("db-1")) == group.store.attempts_of("db-1")[0]

    def test_recreated_boxes_keep_their_grade(self) -> None:
        group = Class("li")
        group.run()
        (attempt,) = group.store.attempts_of("db-1")
        observe = group.engine.observe
        later = attempt.at + 100

        def made_later(instance: str | None = None) -> object:
            return [msgspec.structs.replace(box, created=later) for box in observe(instance)]

        group.engine.observe = made_later  # type: ignore[assignment, method-assign]
        found = group.regrade()
        assert (found.changes, found.same, found.anew) == ((), 0, ("db-1/li",))
        assert len(group.store.attempts_of("db-1")) == 1
