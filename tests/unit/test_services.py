"""Down, stop, start, verify, doctor, and finding the instance that is meant."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NoReturn

import msgspec
import pytest
from fakes import (
    Crash,
    FakeCatalog,
    FakeChecker,
    FakeEngine,
    FakeImages,
    FakeKeeper,
    FakeLocks,
    FakeStore,
)
from samples import error, failed, make_instance, make_lab, passed

from labctl.cli.ui.hints import plain
from labctl.domain.diagnosis import WANTED_SYSCTLS, Level
from labctl.domain.integrity import Integrity, Likeness
from labctl.domain.lab.params import derive
from labctl.domain.nearest import nearest
from labctl.domain.observed import State
from labctl.domain.site import Site
from labctl.domain.verdict import Attempt, Before, CheckResult, Verdict
from labctl.errors import ChecksError, EngineError, StoreError, UsageError
from labctl.events import AttemptStarted, Event, StepEnded, StepStarted, TaskJudged, silent
from labctl.ports import CloneCheck, PowerSwitch
from labctl.services.clone import Clones
from labctl.services.current import Current, Finder
from labctl.services.doctor import Doctor
from labctl.services.down import Down
from labctl.services.on_clones import OnClones
from labctl.services.power import Power
from labctl.services.up import Up
from labctl.services.verify import Verify

POND, LAKE = make_lab(), make_lab(name="lake", boxes={"only": {}}, networks={}, files=[])


class World:
    """All services on one engine."""

    def __init__(self) -> None:
        self.engine = FakeEngine()
        self.keeper = FakeKeeper(self.engine, running=True)
        self.images = FakeImages()
        self.locks = FakeLocks()
        self.catalog = FakeCatalog(POND, LAKE)
        self.store = FakeStore()
        self.checker = FakeChecker(passed("listen"), passed("auth"))
        self.finder = Finder(self.engine, self.catalog)
        self.power = Power(self.engine, self.keeper, self.images, self.locks)
        self.down = Down(self.engine, self.keeper, self.locks)
        self.clones = Clones(self.engine, self.keeper, self.images, self.locks)
        self.on_clones = OnClones(self.engine, self.checker, self.clones)
        self.verify = Verify(self.engine, self.checker, lambda: self.store, lambda: self.on_clones)

    def up(self, lab: Any = POND, learner: str = "lucy") -> dict[str, str]:
        up = Up(self.engine, self.keeper, self.images, self.locks)
        return up.run(lab, make_instance(lab, learner), silent).boxes

    def current(self, lab: str = "", learner: str = "lucy") -> Current:
        return self.finder.find(learner, lab)


@pytest.fixture
def world() -> World:
    return World()


class TestDown:
    def test_down_removes_the_instances_boxes_only(self, world: World) -> None:
        world.up()
        world.up(LAKE)
        world.up(POND, "li")
        assert sorted(world.down.run("pond.lucy", silent)) == ["master", "replica1", "replica2"]
        assert {box.instance for box in world.engine.observe()} == {"lake.lucy", "pond.li"}

    def test_down_without_boxes_does_nothing(self, world: World) -> None:
        assert world.down.run("pond.lucy", silent) == []

    @pytest.mark.parametrize("number", [1, 2, 3])
    def test_a_second_down_finishes_after_a_kill(self, world: World, number: int) -> None:
        world.up()
        world.engine.die_at(number)
        with pytest.raises(Crash):
            world.down.run("pond.lucy", silent)
        world.engine.heal()
        world.down.run("pond.lucy", silent)
        assert world.engine.boxes == {}

    def test_the_other_boxes_are_removed_if_one_removal_fails(self, world: World) -> None:
        world.up()
        world.engine.fail_at(1, EngineError("busy"))
        with pytest.raises(EngineError, match="busy"):
            world.down.run("pond.lucy", silent)
        assert len(world.engine.boxes) == 1

    def test_down_all_removes_the_keeper_if_nobody_needs_it(self, world: World) -> None:
        world.up()
        world.up(LAKE)
        assert world.down.run_all("lucy", silent) == ["lake.lucy", "pond.lucy"]
        assert set(world.keeper.state().values()) == {"missing"}

    def test_down_all_keeps_the_keeper_for_others(self, world: World) -> None:
        world.up()
        world.up(POND, "li")
        world.down.run_all("lucy", silent)
        assert {box.learner for box in world.engine.observe()} == {"li"}
        assert set(world.keeper.state().values()) == {"running"}


class TestPower:
    def test_stop_and_start_change_only_boxes_in_the_other_state(self, world: World) -> None:
        boxes = world.up()
        world.engine.stop(boxes["master"])
        stopped = world.power.stop("pond.lucy", world.current().boxes, silent)
        assert sorted(stopped) == ["replica1", "replica2"]  # boxes are created in parallel, so in any order
        assert world.power.stop("pond.lucy", world.current().boxes, silent) == []
        assert sorted(world.power.start(POND, "pond.lucy", world.current().boxes, silent)) == sorted(boxes)
        assert world.power.start(POND, "pond.lucy", world.current().boxes, silent) == []
        assert all(world.engine.running(box_id) for box_id in boxes.values())

    def test_start_of_a_box_that_is_removed_meanwhile_starts_no_other_box(self, world: World) -> None:
        boxes = world.up()
        world.power.stop("pond.lucy", world.current().boxes, silent)
        start = world.engine.start

        def removed(box_id: str) -> None:
            world.engine.boxes.pop(boxes["replica1"], None)
            start(box_id)

        chosen = [box for box in world.current().boxes if box.box == "replica1"]
        world.engine.start = removed  # type: ignore[method-assign]
        assert world.power.start(POND, "pond.lucy", chosen, silent) == []
        assert not any(world.engine.running(boxes[name]) for name in ("master", "replica2"))

    def test_start_recreates_a_missing_keeper(self, world: World) -> None:
        world.up()
        world.power.stop("pond.lucy", world.current().boxes, silent)
        world.keeper.remove()
        world.power.start(POND, "pond.lucy", world.current().boxes, silent)
        assert set(world.keeper.state().values()) == {"running"}

    def test_start_after_an_upgrade_builds_the_required_keeper(self, world: World) -> None:
        world.up()
        world.power.stop("pond.lucy", world.current().boxes, silent)
        world.keeper.states["keeper"] = "outdated"
        world.images.ensured.clear()
        world.power.start(POND, "pond.lucy", world.current().boxes, silent)
        assert world.images.ensured == [[]] and set(world.keeper.state().values()) == {"running"}


class TestFinder:
    def test_the_only_lab_that_is_up_is_found(self, world: World) -> None:
        boxes = world.up()
        world.up(LAKE, "li")
        current = world.current()
        assert (current.lab, current.instance, current.learner, current.seed) == (POND, "pond.lucy", "lucy", "seed")
        assert current.ids() == boxes
        assert list(current.ids()) == list(POND.boxes)
        assert current.params == derive(POND, "seed")
        assert current.values["master_address"] == "10.10.10.11"

    def test_no_lab_up_is_reported_with_the_command_that_starts_one(self, world: World) -> None:
        world.up(POND, "li")
        with pytest.raises(UsageError, match="no lab is up") as caught:
            world.current()
        assert "labctl up" in plain(caught.value)

    def test_one_of_several_labs_must_be_named(self, world: World) -> None:
        world.up()
        world.up(LAKE)
        with pytest.raises(UsageError, match="lake, pond") as caught:
            world.current()
        assert "--lab lake" in plain(caught.value)
        assert world.current("pond").lab is POND

    def test_a_named_lab_must_exist_and_be_up(self, world: World) -> None:
        with pytest.raises(UsageError, match="there is no lab sea"):
            world.current("sea")
        with pytest.raises(UsageError, match="pond is not up"):
            world.current("pond")

    def test_the_nearest_box_is_suggested_for_an_unknown_box(self, world: World) -> None:
        world.up()
        with pytest.raises(UsageError, match="no box repilca1 in pond") as caught:
            world.current().box("repilca1")
        hint = plain(caught.value)
        assert "did you mean replica1?" in hint and "master, replica1, replica2" in hint

    def test_a_stopped_box_is_refused_unless_allowed(self, world: World) -> None:
        boxes = world.up()
        world.engine.stop(boxes["master"])
        current = world.current()
        with pytest.raises(UsageError, match="the box master is stopped"):
            current.box("master")
        with pytest.raises(UsageError, match="the box master is stopped"):
            current.require_running()
        assert current.box("master", running=False).state is State.STOPPED

    def test_a_removed_box_is_reported_as_missing(self, world: World) -> None:
        boxes = world.up()
        world.engine.remove(boxes["master"])
        world.engine.boxes[boxes["replica1"]].state = State.REMOVING
        for name in ("master", "replica1"):
            with pytest.raises(UsageError, match=f"the box {name} of pond is missing") as caught:
                world.current().box(name, running=False)
            assert plain(caught.value) == "labctl up pond"

    def test_the_nearest_word_is_empty_if_none_is_similar(self) -> None:
        assert nearest("xyz", ["master", "replica1"]) == ""
        assert nearest("replica", ["master", "replica1"]) == "replica1"


class TestVerify:
    def test_an_attempt_is_judged_and_stored(self, world: World) -> None:
        boxes = world.up()
        world.checker.results = [passed("listen"), failed("auth")]
        first = world.verify.run(world.current())
        assert (first.number, first.previous) == (1, None)
        assert (first.attempt.points, first.attempt.of, first.attempt.verdict) == (10, 15, Verdict.FAILED)
        world.checker.results = [passed("listen"), passed("auth")]
        second = world.verify.run(world.current())
        assert (second.number, second.previous) == (2, Before(1, first.attempt))
        assert second.attempt.verdict is Verdict.PASSED
        assert world.store.attempts("pond.lucy") == [first.attempt, second.attempt]
        assert world.checker.asked[0][0] == boxes
        assert world.checker.asked[0][1]["master_address"] == "10.10.10.11"

    def test_a_verify_is_compared_with_the_last_verify_of_all_tasks(self, world: World) -> None:
        world.up()
        world.checker.results = [failed("listen"), failed("auth")]
        whole = world.verify.run(world.current())
        world.checker.results = [passed("listen")]
        part = world.verify.run(world.current(), frozenset({"listen"}))
        assert part.previous == Before(1, whole.attempt)
        world.checker.results = [passed("listen"), failed("auth")]
        assert world.verify.run(world.current()).previous == Before(1, whole.attempt)

    def test_verify_changes_no_box(self, world: World) -> None:
        world.up()
        world.engine.calls.clear()
        world.verify.run(world.current())
        assert world.engine.calls == []

    @pytest.mark.parametrize(
        "meanwhile",
        [FakeEngine.stop, FakeEngine.restart, FakeEngine.remove],
    )
    def test_a_box_that_stops_during_checks_makes_every_verdict_an_error(
        self, world: World, meanwhile: Callable[[FakeEngine, str], None]
    ) -> None:
        boxes = world.up()
        world.checker.results = [passed("listen"), failed("auth")]
        world.checker.meanwhile = lambda: meanwhile(world.engine, boxes["replica1"])
        attempt = world.verify.run(world.current()).attempt
        assert [task.verdict for task in attempt.tasks] == [Verdict.ERROR, Verdict.ERROR]
        assert attempt.points == 0
        assert all("replica1 stopped or restarted" in check.message for task in attempt.tasks for check in task.checks)

    def test_a_box_that_stopped_just_before_is_reported_and_nothing_is_stored(self, world: World) -> None:
        boxes = world.up()
        current = world.current()
        world.engine.stop(boxes["master"])
        with pytest.raises(UsageError, match="master is stopped"):
            world.verify.run(current)
        assert world.checker.asked == [] and world.store.attempts("pond.lucy") == []

    def test_stopped_boxes_are_reported_and_nothing_is_checked(self, world: World) -> None:
        boxes = world.up()
        world.engine.stop(boxes["master"])
        with pytest.raises(UsageError, match="master is stopped"):
            world.verify.run(world.current())
        assert world.checker.asked == []
        assert world.store.attempts("pond.lucy") == []

    def test_the_nearest_task_is_suggested_for_an_unknown_task(self, world: World) -> None:
        world.up()
        with pytest.raises(UsageError, match="no task lisen in pond") as caught:
            world.verify.run(world.current(), frozenset({"lisen"}))
        assert "did you mean listen?" in plain(caught.value)

    def test_only_the_chosen_tasks_count(self, world: World) -> None:
        world.up()
        attempt = world.verify.run(world.current(), frozenset({"auth"})).attempt
        assert [task.task for task in attempt.tasks] == ["auth"]
        assert attempt.of == 5

    def test_a_task_with_no_check_is_an_error(self, world: World) -> None:
        world.up()
        world.checker.results = [passed("listen")]
        assert world.verify.run(world.current()).attempt.verdict is Verdict.ERROR

    def test_an_error_is_neither_passed_nor_failed(self, world: World) -> None:
        world.up()
        world.checker.results = [passed("listen"), error("auth")]
        attempt = world.verify.run(world.current()).attempt
        assert [task.verdict for task in attempt.tasks] == [Verdict.PASSED, Verdict.ERROR]
        assert attempt.points == 10

    def test_an_attempt_that_the_caller_declines_is_not_stored(self, world: World) -> None:
        world.up()
        world.verify.run(world.current())
        verified = world.verify.run(world.current(), keep=lambda _attempt: False)
        assert verified.number == 1
        assert len(world.store.attempts("pond.lucy")) == 1

    @pytest.mark.parametrize("when", ["opening", "attempts", "latest", "add_attempt"])
    def test_a_verdict_is_returned_even_if_the_store_fails(
        self, world: World, monkeypatch: pytest.MonkeyPatch, when: str
    ) -> None:
        world.up()
        world.checker.results = [passed("listen"), failed("auth")]
        world.checker.results[1].params["password"] = "wrong"  # so that attempts of other learners are compared
        away = StoreError("the store is away")

        def fail(*_: object) -> NoReturn:
            raise away

        if when == "opening":
            verify = Verify(world.engine, world.checker, fail, lambda: pytest.fail("no clone is required"))
        else:
            verify = world.verify
            monkeypatch.setattr(world.store, when, fail)
        verified = verify.run(world.current())
        assert [task.verdict for task in verified.attempt.tasks] == [Verdict.PASSED, Verdict.FAILED]
        assert (verified.number, verified.lost) == (0, away)
        with pytest.raises(StoreError):
            verified.kept()

    def test_checks_that_can_not_run_at_all_are_no_attempt(self, world: World) -> None:
        world.up()

        def broken() -> None:
            raise ChecksError("pytest itself failed")

        world.checker.meanwhile = broken
        with pytest.raises(ChecksError):
            world.verify.run(world.current())
        assert world.store.attempts("pond.lucy") == []


class TestThorough:
    """Destructive checks, which run on clones only."""

    REBOOT, KILL = CloneCheck("t.py::test_reboot", "auth", "Back"), CloneCheck("t.py::test_kill", "listen", "Up")

    def test_thorough_checks_are_counted_and_skipped_by_default(self, world: World) -> None:
        world.up()
        world.checker.hurts = [self.REBOOT, self.KILL]
        world.engine.calls.clear()
        verified = world.verify.run(world.current())
        assert verified.left_out == 2
        assert not verified.attempt.thorough
        assert world.engine.calls == []

    def test_skipped_checks_of_other_tasks_are_not_counted(self, world: World) -> None:
        world.up()
        world.checker.hurts = [self.REBOOT, self.KILL]
        assert world.verify.run(world.current(), frozenset({"auth"})).left_out == 1

    def test_each_thorough_check_runs_on_its_own_clone_that_is_removed(self, world: World) -> None:
        boxes = world.up()
        sites: list[Site] = []

        def reboot(check: CloneCheck, site: Site, power: PowerSwitch) -> CheckResult:
            sites.append(site)
            before = site.boxes["master"]
            assert power("master", "off").pid == 0
            assert power("master", "on") != before
            assert power("replica1", "reboot") != site.boxes["replica1"]
            return failed(check.task, check.name) if check is self.REBOOT else passed(check.task, check.name)

        world.checker.hurts, world.checker.on_clone = [self.REBOOT, self.KILL], reboot
        told: list[Event] = []
        current = world.current()
        before = {name: world.engine.running(box_id) for name, box_id in boxes.items()}
        verified = world.verify.run(current, thorough=True, emit=told.append)
        assert verified.left_out == 0 and verified.attempt.thorough
        verdicts = {task.task: (task.verdict, len(task.checks)) for task in verified.attempt.tasks}
        assert verdicts == {"listen": (Verdict.PASSED, 2), "auth": (Verdict.FAILED, 2)}
        ids = [running.id for site in sites for running in site.boxes.values()]
        assert len(set(ids)) == 6 and not set(ids) & set(boxes.values())
        assert {name: world.engine.running(box_id) for name, box_id in boxes.items()} == before
        assert (world.engine.clones(), world.engine.images) == ([], {})
        started = {event.key: event.subject for event in told if isinstance(event, StepStarted)}
        assert started.items() >= {(self.REBOOT.name, "auth"), (self.KILL.name, "listen")}
        assert {event.key for event in told if isinstance(event, StepEnded)} == started.keys()

    def test_a_failed_clone_is_an_error_of_its_checks_only(self, world: World) -> None:
        world.up()
        world.checker.hurts = [self.REBOOT]

        def trouble(_number: int, name: str) -> None:
            if name == "commit":
                raise EngineError("no space is left on the Docker engine's disk")

        world.engine.trouble = trouble
        listen, auth = world.verify.run(world.current(), thorough=True).attempt.tasks
        assert listen.verdict is Verdict.PASSED
        assert auth.verdict is Verdict.ERROR
        assert auth.checks[-1].message == "on a clone: no space is left on the Docker engine's disk"

    def test_a_failed_power_action_is_reported_to_its_check_only(self, world: World) -> None:
        world.up()

        def ask(check: CloneCheck, _site: Site, power: PowerSwitch) -> CheckResult:
            with pytest.raises(UsageError, match="no box sea"):
                power("sea", "reboot")
            return passed(check.task, check.name)

        world.checker.hurts, world.checker.on_clone = [self.REBOOT], ask
        assert world.verify.run(world.current(), thorough=True).attempt.verdict is Verdict.PASSED


class TestSharedClone:
    """Checks that change boxes and share one clone in every verify."""

    FIRST, SECOND = (CloneCheck(f"t.py::test_{name}", "auth", "", shared=True) for name in ("first", "second"))
    KILL = CloneCheck("t.py::test_kill", "listen", "Up")

    def test_checks_that_share_a_clone_run_in_every_verify_on_one_clone_that_is_removed(self, world: World) -> None:
        boxes = world.up()
        sites: list[Site] = []

        def look(check: CloneCheck, site: Site, _power: PowerSwitch) -> CheckResult:
            sites.append(site)
            return failed(check.task, check.name) if check is self.SECOND else passed(check.task, check.name)

        world.checker.hurts, world.checker.on_clone = [self.FIRST, self.KILL, self.SECOND], look
        verified = world.verify.run(world.current())
        assert verified.left_out == 1 and not verified.attempt.thorough
        listen, auth = verified.attempt.tasks
        assert (listen.verdict, [check.verdict for check in auth.checks[1:]]) == (
            Verdict.PASSED,
            [Verdict.PASSED, Verdict.FAILED],
        )
        assert sites[0] == sites[1] and len(sites) == 2
        assert not {running.id for running in sites[0].boxes.values()} & set(boxes.values())
        assert (world.engine.clones(), world.engine.images) == ([], {})

    def test_thorough_runs_the_remaining_checks_as_well(self, world: World) -> None:
        world.up()
        world.checker.hurts = [self.FIRST, self.KILL]
        verified = world.verify.run(world.current(), thorough=True)
        assert verified.left_out == 0
        assert [len(task.checks) for task in verified.attempt.tasks] == [2, 2]

    def test_a_failed_clone_is_an_error_of_each_check(self, world: World) -> None:
        world.up()
        world.checker.hurts = [self.FIRST, self.SECOND]

        def trouble(_number: int, name: str) -> None:
            if name == "commit":
                raise EngineError("no space is left on the Docker engine's disk")

        world.engine.trouble = trouble
        listen, auth = world.verify.run(world.current()).attempt.tasks
        assert (listen.verdict, [check.verdict for check in auth.checks[1:]]) == (Verdict.PASSED, [Verdict.ERROR] * 2)


class TestUnfolding:
    """The events of an attempt."""

    COPY = CloneCheck("t.py::test_copy", "auth", "", shared=True)
    KILL = CloneCheck("t.py::test_kill", "listen", "Up")

    def told(self, world: World, *, thorough: bool = False) -> list[tuple[str, Verdict, bool]]:
        """Judge, and return the task, the verdict and whether it is settled, for each event."""
        events: list[Event] = []
        world.verify.run(world.current(), emit=events.append, thorough=thorough)
        first = next(event for event in events if not isinstance(event, StepStarted))
        assert isinstance(first, AttemptStarted) and first.tasks == ("listen", "auth")
        return [
            (each.result.task, each.result.verdict, each.settled) for each in events if isinstance(each, TaskJudged)
        ]

    def test_a_task_passes_only_with_its_check_on_a_copy(self, world: World) -> None:
        world.up()
        world.checker.hurts = [self.COPY, self.KILL]
        heard: list[str] = []
        world.checker.on_clone = lambda check, _site, _power: (
            heard.append(check.name),
            passed(check.task, check.name),
        )[1]
        assert self.told(world) == [("listen", Verdict.PASSED, True), ("auth", Verdict.PASSED, True)]
        assert heard == [self.COPY.name]

    def test_a_failure_is_reported_at_once_and_again_when_the_copy_was_judged(self, world: World) -> None:
        world.up()
        world.checker.hurts = [self.COPY]
        world.checker.results = [passed("listen"), failed("auth")]
        assert self.told(world) == [
            ("listen", Verdict.PASSED, True),
            ("auth", Verdict.FAILED, False),
            ("auth", Verdict.FAILED, True),
        ]

    def test_thorough_checks_are_awaited_only_if_they_run(self, world: World) -> None:
        world.up()
        world.checker.hurts = [self.KILL]
        world.checker.on_clone = lambda check, _site, _power: failed(check.task, check.name)
        assert ("listen", Verdict.PASSED, True) in self.told(world)
        assert ("listen", Verdict.PASSED, True) not in self.told(world, thorough=True)

    def test_the_error_of_a_clone_is_reported(self, world: World) -> None:
        world.up()
        world.checker.hurts = [self.COPY]

        def trouble(_number: int, name: str) -> None:
            if name == "commit":
                raise EngineError("no space is left on the Docker engine's disk")

        world.engine.trouble = trouble
        assert self.told(world)[-1] == ("auth", Verdict.ERROR, True)


class TestIntegrity:
    """Integrity findings are reported and change no verdict."""

    def verify(self, world: World, learner: str, **params: Any) -> Attempt:
        texts = {name: str(value) for name, value in params.items()}
        world.checker.results = [passed("listen"), msgspec.structs.replace(passed("auth"), params=texts)]
        return world.verify.run(world.current("pond", learner)).attempt

    @pytest.fixture
    def two(self, world: World) -> World:
        up = Up(world.engine, world.keeper, world.images, world.locks)
        for learner in ("lucy", "li"):
            up.run(POND, make_instance(POND, learner, seed=f"seed of {learner}"), silent)
        return world

    def test_changed_files_of_packages_are_reported(self, world: World) -> None:
        world.up()
        world.checker.changed = {"master": ("/usr/bin/ss",), "replica1": ()}
        attempt = world.verify.run(world.current()).attempt
        assert attempt.integrity == Integrity({"master": ("/usr/bin/ss",)})
        assert attempt.integrity and attempt.verdict is Verdict.PASSED

    def test_the_learners_own_answer_is_not_reported(self, two: World) -> None:
        own = derive(POND, "seed of lucy")["password"]
        self.verify(two, "li", password=own)
        assert not self.verify(two, "lucy", password=own).integrity

    def test_another_learners_answer_and_a_shared_wrong_answer_are_reported(self, two: World) -> None:
        self.verify(two, "li", password="made up", port=80)
        theirs = derive(POND, "seed of li")["password"]
        attempt = self.verify(two, "lucy", password=theirs, port=80)
        assert attempt.integrity == Integrity({}, (Likeness("password", "li"),), (Likeness("port", "li"),))
        assert attempt.verdict is Verdict.PASSED

    def test_the_learners_own_earlier_attempt_is_not_reported(self, two: World) -> None:
        self.verify(two, "lucy", password="made up")
        assert not self.verify(two, "lucy", password="made up").integrity


class FakeHost:
    """Implements HostPort."""

    def __init__(self, sysctls: Mapping[str, int]) -> None:
        self.sysctls = dict(sysctls)
        self.raised: list[dict[str, int]] = []

    def look(self) -> tuple[Mapping[str, int], int | None]:
        return self.sysctls, 50 << 30

    def raise_sysctls(self, wanted: Mapping[str, int]) -> None:
        self.raised.append(dict(wanted))
        self.sysctls.update(wanted)

    def base_present(self) -> bool:
        return True

    def programs_missing(self) -> Sequence[str]:
        return []

    def mirrors(self) -> tuple[str, str]:
        return "", ""


class TestDoctor:
    def doctor(self, world: World, sysctls: Mapping[str, int]) -> tuple[Doctor, FakeHost]:
        host = FakeHost(sysctls)
        return Doctor(world.engine, world.keeper, world.images, world.locks, host), host

    def test_doctor_inspects_and_changes_nothing(self, world: World) -> None:
        doctor, host = self.doctor(world, {**WANTED_SYSCTLS, "kernel.pid_max": 1})
        findings = doctor.look([POND])
        assert [finding.values["name"] for finding in findings if finding.level is Level.WARN] == ["kernel.pid_max"]
        assert host.raised == [] and world.images.ensured == [] and world.engine.calls == []

    def test_fix_raises_low_limits_and_starts_the_keeper(self, world: World) -> None:
        world.keeper.remove()
        doctor, host = self.doctor(world, {**WANTED_SYSCTLS, "kernel.pid_max": 1})
        doctor.fix(silent)
        assert host.raised == [{"kernel.pid_max": WANTED_SYSCTLS["kernel.pid_max"]}]
        assert set(world.keeper.state().values()) == {"running"}
        assert world.images.ensured == [[]]
        assert all(finding.level is Level.OK for finding in doctor.look([POND]))

    def test_fix_of_a_good_machine_changes_nothing(self, world: World) -> None:
        doctor, host = self.doctor(world, {name: value + 1 for name, value in WANTED_SYSCTLS.items()})
        doctor.fix(silent)
        assert host.raised == []

    def test_built_and_missing_labs_are_listed_separately(self, world: World) -> None:
        world.images.all_present = False
        world.images.built = {"pond"}
        doctor, _ = self.doctor(world, WANTED_SYSCTLS)
        said = [finding.what.format_map(finding.values) for finding in doctor.look([POND, LAKE])]
        assert "built: pond" in said
        assert "not built yet: lake" in said


def test_an_instance_stays_usable_after_its_lab_gained_a_box(world: World) -> None:
    """The catalog may be newer than the running instance."""
    world.up()
    bigger = msgspec.structs.replace(POND, boxes={**POND.boxes, "extra": POND.boxes["master"]})
    current = Finder(world.engine, FakeCatalog(bigger)).find("lucy")
    assert set(current.ids()) == {"master", "replica1", "replica2"}
    with pytest.raises(UsageError, match="extra of pond is missing"):
        current.require_running()
