"""Bringing labs up: it converges, rolls a failed first up back, and changes nothing else."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import msgspec
import pytest
from fakes import Crash, FakeEngine, FakeImages, FakeKeeper, FakeLocks
from samples import make_instance, make_lab, make_specs

from labctl.cli.ui.hints import plain
from labctl.domain.boxspec import BoxSpec, Instance
from labctl.domain.observed import State
from labctl.domain.plan import AwaitReady, BuildImages, CreateBox, EnsureKeeper
from labctl.errors import BuildError, EngineError, LabctlError, NameTakenError, UsageError
from labctl.events import BoxReady, Event, silent
from labctl.services.up import Up, UpResult

LAB = make_lab()
LUCY = make_instance(LAB)
CHANGES = 7
"""A first up changes this often: three times create and start, and the wait at the end."""


class World:
    """The service Up with its engine, keeper and images."""

    def __init__(self) -> None:
        self.engine = FakeEngine()
        self.keeper = FakeKeeper(self.engine)
        self.images = FakeImages()
        self.locks = FakeLocks()
        self.events: list[Event] = []
        self.up = Up(self.engine, self.keeper, self.images, self.locks)

    def run(self, instance: Instance = LUCY) -> UpResult:
        return self.up.run(LAB, instance, self.events.append)

    def names(self, instance: Instance = LUCY) -> list[str]:
        return sorted(box.box for box in self.engine.observe(instance.id))

    def all_run(self, instance: Instance = LUCY) -> bool:
        found = self.engine.observe(instance.id)
        return sorted(box.box for box in found) == sorted(LAB.boxes) and all(b.state is State.RUNNING for b in found)


@pytest.fixture
def world() -> World:
    return World()


def test_a_first_up_creates_and_starts_every_box(world: World) -> None:
    result = world.run()
    assert world.all_run()
    assert result.made == ("master", "replica1", "replica2")
    assert result.boxes == {box.box: box.id for box in world.engine.observe()}
    assert not result.nothing_done
    assert {event.box for event in world.events if isinstance(event, BoxReady)} == set(LAB.boxes)


def test_a_second_up_changes_nothing_and_reports_it(world: World) -> None:
    first = world.run()
    world.engine.calls.clear()
    second = world.run()
    assert world.engine.calls == []
    assert second.nothing_done
    assert second.boxes == first.boxes


def test_up_builds_only_missing_images(world: World) -> None:
    world.run()
    assert world.images.ensured == [["pond"]]  # with the keeper, under the engine's lock
    world.run()
    assert world.images.ensured == [["pond"]]


def test_up_installs_the_packages_of_checks_before_it_creates_a_box(world: World) -> None:
    world.run()
    assert world.images.packages == [], "they belong to the images"
    world.engine.calls.clear()
    world.images.no_packages = True
    with pytest.raises(BuildError):
        world.run()
    assert world.images.packages == [["pond"]]
    assert world.engine.calls == []


@pytest.mark.parametrize("number", range(1, CHANGES + 1))
def test_a_second_up_finishes_after_a_kill_at_any_change(world: World, number: int) -> None:
    world.engine.die_at(number)
    with pytest.raises(Crash):
        world.run()
    world.engine.heal()
    world.run()
    assert world.all_run()
    assert len(world.engine.boxes) == 3


def test_a_whole_up_makes_as_many_changes_as_the_test_above_assumes(world: World) -> None:
    world.run()
    assert len(world.engine.calls) == CHANGES


@pytest.mark.parametrize("error", [EngineError("no space"), KeyboardInterrupt(), RuntimeError("a bug")])
@pytest.mark.parametrize("number", range(1, CHANGES + 1))
def test_a_first_up_that_fails_at_any_change_leaves_nothing(world: World, number: int, error: BaseException) -> None:
    world.engine.fail_at(number, error)
    with pytest.raises(type(error)):
        world.run()
    assert world.engine.boxes == {}
    assert set(world.keeper.state().values()) == {"missing"}
    assert not world.keeper.watching
    world.engine.heal()
    assert world.run().made


def test_the_errors_of_all_boxes_are_reported(world: World) -> None:
    reasons = iter(["one", "two", "three"])

    def trouble(_number: int, name: str) -> None:
        if name == "create":
            raise EngineError("no: {why}", why=next(reasons))

    world.engine.trouble = trouble
    with pytest.raises(EngineError) as caught:
        world.run()
    assert sorted([str(caught.value), *caught.value.detail.splitlines()]) == ["no: one", "no: three", "no: two"]


def test_a_failing_rollback_does_not_hide_the_error_of_up(world: World) -> None:
    def trouble(number: int, name: str) -> None:
        if name == "wait_ready":
            raise EngineError("late")
        if name == "remove":
            raise EngineError("can't remove")

    world.engine.trouble = trouble
    with pytest.raises(EngineError, match="late"):
        world.run()
    assert any("cleanup is incomplete" in getattr(event, "text", "") for event in world.events)


def test_a_box_that_never_becomes_ready_rolls_the_first_up_back(world: World) -> None:
    world.keeper.late = {"replica2"}
    with pytest.raises(EngineError, match="replica2"):
        world.run()
    assert world.engine.boxes == {}


@pytest.mark.parametrize("error", [EngineError("no"), KeyboardInterrupt()])
def test_a_later_up_that_fails_rolls_nothing_back(world: World, error: BaseException) -> None:
    result = world.run()
    world.engine.stop(result.boxes["replica1"])
    world.engine.fail_at(1, error)
    with pytest.raises(type(error)):
        world.run()
    assert world.names() == ["master", "replica1", "replica2"]
    assert set(world.keeper.state().values()) == {"running"}
    world.engine.heal()
    assert world.run().started == ("replica1",)


def test_a_failed_up_keeps_other_learners_boxes_and_the_keeper(world: World) -> None:
    li = make_instance(LAB, "li")
    world.run(li)
    world.engine.fail_at(2, EngineError("no"))
    with pytest.raises(EngineError):
        world.run()
    assert world.all_run(li)
    assert world.names() == []
    assert set(world.keeper.state().values()) == {"running"}


def test_a_failed_up_keeps_a_keeper_that_existed_before() -> None:
    world = World()
    world.keeper.ensure()
    world.engine.fail_at(1, EngineError("no"))
    with pytest.raises(EngineError):
        world.run()
    assert set(world.keeper.state().values()) == {"running"}


@pytest.mark.parametrize("error", [EngineError("the keeper does not start"), KeyboardInterrupt()])
def test_a_keeper_that_does_not_start_is_rolled_back(world: World, error: BaseException) -> None:
    def trouble() -> None:
        raise error

    world.keeper.trouble = trouble
    with pytest.raises(type(error)):
        world.run()
    assert set(world.keeper.state().values()) == {"missing"}


def test_a_keeper_that_another_labctl_removes_meanwhile_is_recreated(world: World) -> None:
    gone = iter([True])

    def trouble(_number: int, name: str) -> None:
        if name == "wait_ready" and next(gone, False):
            world.keeper.remove()

    world.engine.trouble = trouble
    world.run()
    assert world.all_run()
    assert set(world.keeper.state().values()) == {"running"}


def test_a_failed_image_build_leaves_no_keeper(world: World) -> None:
    world.images.all_present, world.images.broken = False, True
    with pytest.raises(BuildError):
        world.run()
    assert world.engine.boxes == {}
    assert set(world.keeper.state().values()) == {"missing"}


def test_a_keeper_started_for_a_bake_is_rolled_back_too(world: World) -> None:
    world.images.all_present, world.images.baking = False, world.keeper.ensure
    world.engine.fail_at(1, EngineError("no"))
    with pytest.raises(EngineError):
        world.run()
    assert set(world.keeper.state().values()) == {"missing"}


def test_a_failure_before_boxes_are_inspected_changes_none(world: World) -> None:
    """For example, the keeper is missing and can't be started. The existing boxes were not created by this up."""
    world.run()
    world.keeper.remove()

    def trouble() -> None:
        raise EngineError("the keeper does not start")

    world.keeper.trouble = trouble
    with pytest.raises(EngineError):
        world.run()
    assert world.all_run()


def test_a_foreign_container_with_the_same_name_is_kept_and_reported(world: World) -> None:
    (master, *_) = make_specs(LAB, store=world.engine.store)
    world.engine.foreign.add(master.container)
    with pytest.raises(NameTakenError, match=master.container):
        world.run()
    assert world.engine.boxes == {}
    assert world.engine.foreign == {master.container}


def test_up_goes_on_if_another_labctl_creates_a_box_meanwhile(world: World) -> None:
    """Another user of the machine, whose lock is another one, brings the same learner's lab up at the same moment."""
    create = world.engine.create
    made: list[str] = []

    def other_first(spec: BoxSpec) -> str:
        if spec.name == "master" and not made:
            made.append(create(spec))
            world.engine.start(made[0])
        return create(spec)

    world.engine.create = other_first  # type: ignore[method-assign]
    result = world.run()
    assert world.all_run() and result.boxes["master"] == made[0]


def test_another_seed_is_refused_with_the_command_to_use_it(world: World) -> None:
    world.run()
    with pytest.raises(UsageError) as caught:
        world.run(make_instance(LAB, seed="other"))
    assert str(caught.value) == "pond is up with another seed (seed)"
    assert plain(caught.value) == "labctl down pond, and then labctl up pond --seed other"
    assert world.all_run()


def test_up_starts_a_stopped_box_and_leaves_the_others(world: World) -> None:
    result = world.run()
    world.engine.stop(result.boxes["replica1"])
    before = {name: world.engine.running(box) for name, box in result.boxes.items()}
    second = world.run()
    assert second.started == ("replica1",)
    assert second.made == ()
    assert world.engine.running(result.boxes["master"]) == before["master"]


def test_up_recreates_a_removed_box(world: World) -> None:
    result = world.run()
    world.engine.remove(result.boxes["replica1"])
    assert world.run().made == ("replica1",)
    assert world.all_run()


def test_a_box_of_an_older_definition_is_reported_and_kept(world: World) -> None:
    before = world.run().boxes
    newer = msgspec.structs.replace(LAB, boxes={**LAB.boxes, "master": make_lab().boxes["replica1"]})
    result = world.up.run(newer, LUCY, silent)
    assert "master" in result.changed
    assert result.boxes == before


def test_a_plan_changes_nothing(world: World) -> None:
    world.images.all_present = False
    plan = world.up.plan(LAB, LUCY)
    kinds = [type(action) for action in plan.actions]
    assert kinds == [BuildImages, EnsureKeeper, CreateBox, CreateBox, CreateBox, AwaitReady]
    assert world.engine.calls == [] and world.images.ensured == []
    assert set(world.keeper.state().values()) == {"missing"}


def test_the_plan_of_a_lab_that_is_up_is_empty(world: World) -> None:
    world.run()
    assert world.up.plan(LAB, LUCY).actions == ()


def at_once(*work: Callable[[], object]) -> None:
    barrier = threading.Barrier(len(work))

    def run(item: Callable[[], object]) -> None:
        barrier.wait(10)
        item()

    with ThreadPoolExecutor(len(work)) as pool:
        for future in [pool.submit(run, item) for item in work]:
            future.result(20)


def test_two_concurrent_ups_of_a_lab_create_one_instance(world: World) -> None:
    at_once(world.run, world.run)
    assert world.all_run()
    assert world.engine.calls.count("create") == 3


def test_eight_learners_at_once_get_their_labs_and_share_one_keeper(world: World) -> None:
    learners = [make_instance(LAB, f"learner{n}") for n in range(8)]
    at_once(*(lambda each=each: world.run(each) for each in learners))
    assert all(world.all_run(each) for each in learners)


def test_an_unreachable_engine_is_reported_before_any_change(world: World) -> None:
    def unreachable(_instance: str | None = None) -> list[object]:
        raise EngineError("no Docker engine answers")

    world.engine.observe = unreachable  # type: ignore[assignment,method-assign]
    with pytest.raises(LabctlError, match="no Docker engine"):
        world.run()
    assert world.engine.calls == []
