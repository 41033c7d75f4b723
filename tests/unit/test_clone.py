"""Clones of an instance, in memory: nothing of a clone is left, and no clone is mistaken for a learner's box."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from fakes import Crash, FakeCatalog, FakeEngine, FakeImages, FakeKeeper, FakeLocks, until
from samples import make_instance, make_lab

from labctl.domain import boxspec, wiring
from labctl.domain.observed import State, expired
from labctl.domain.verdict import Verdict
from labctl.domain.weight import Weight
from labctl.errors import EngineError, KeeperGoneError, TooLargeError, UsageError
from labctl.events import Event, Note, silent
from labctl.ports import CloneCheck
from labctl.services.clone import Clone, Clones, at_once
from labctl.services.current import Current, Finder
from labctl.services.down import Down
from labctl.services.on_clones import OnClones
from labctl.services.up import Up

LAB = make_lab()
LUCY = make_instance(LAB)
COMMITS = 3
CHANGES = COMMITS + 7
"""Three images; and a clone changes as often as an ``up``: three times create and start, and the wait at the end."""

ERRORS = [EngineError("no space"), KeyboardInterrupt(), RuntimeError("a bug")]


class World:
    """A running instance, and the services that clone it."""

    def __init__(self) -> None:
        self.engine = FakeEngine()
        self.keeper = FakeKeeper(self.engine, running=True)
        self.built = FakeImages()
        self.locks = FakeLocks()
        self.events: list[Event] = []
        self.originals = Up(self.engine, self.keeper, self.built, self.locks).run(LAB, LUCY, silent).boxes
        self.clones = self.make()
        self.current = self.find()
        self.engine.heal()

    def make(self, lifetime: int = 900) -> Clones:
        return Clones(self.engine, self.keeper, self.built, self.locks, lifetime)

    def find(self) -> Current:
        return Finder(self.engine, FakeCatalog(LAB)).find("lucy")

    @contextmanager
    def cloned(self) -> Iterator[Clone]:
        """Return a running clone."""
        with (
            self.clones.images(self.current, self.events.append) as images,
            self.clones.clone(self.current, images, self.events.append) as clone,
        ):
            yield clone

    def work(self, inside: Callable[[], object] = lambda: None) -> None:
        """Run a whole verify on a clone."""
        with self.cloned():
            inside()

    def leave_behind(self, lifetime: int) -> None:
        """Create everything that a verify creates, then stop as by SIGKILL."""
        self.clones = self.make(lifetime)

        def die() -> None:
            self.engine.die_at(1)
            raise Crash

        with pytest.raises(Crash):
            self.work(die)
        self.engine.heal()
        self.clones = self.make()

    @property
    def clean(self) -> bool:
        """Whether only the learner's boxes exist and run."""
        mine = {box.id for box in self.engine.observe(LUCY.id) if box.state is State.RUNNING}
        return not self.engine.images and set(self.engine.boxes) == set(self.originals.values()) == mine


@pytest.fixture
def world() -> World:
    return World()


def test_a_clone_runs_every_box_from_a_committed_image_and_is_removed(world: World) -> None:
    with world.clones.images(world.current, silent) as images:
        assert list(images) == list(LAB.boxes)
        assert set(images.values()) == set(world.engine.images)
        with world.clones.clone(world.current, images, silent) as clone:
            found = clone.current
            assert {box.box: box.image for box in found.boxes} == dict(images)
            assert all(box.state is State.RUNNING and box.clone == LUCY.id for box in found.boxes)
            assert not set(found.ids().values()) & set(world.originals.values())
            assert (found.lab, found.learner, found.seed) == (LAB, "lucy", "seed")
            assert found.values == world.current.values
            assert found.instance.startswith(f"{LUCY.id}.")
        assert len(world.engine.boxes) == 3
    assert world.clean


def test_images_and_boxes_of_a_clone_expire_soon(world: World) -> None:
    def look() -> None:
        ends = [box.expires for box in world.engine.clones()] + [image.expires for image in world.engine.clone_images()]
        assert len(ends) == 6
        assert all(expired(end, now + 901) and not expired(end, now + 850) for end in ends)

    now = time.time()
    world.work(look)


def test_a_whole_clone_makes_as_many_changes_as_the_tests_assume(world: World) -> None:
    world.work(lambda: world.engine.calls.append("inside"))
    assert world.engine.calls.index("inside") == CHANGES


@pytest.mark.parametrize("error", ERRORS)
@pytest.mark.parametrize("number", range(1, CHANGES + 1))
def test_a_clone_that_fails_at_any_change_leaves_nothing(world: World, number: int, error: BaseException) -> None:
    world.engine.fail_at(number, error)
    with pytest.raises(type(error)):
        world.work()
    assert world.clean
    assert not world.keeper.watching
    world.engine.heal()
    world.work()


@pytest.mark.parametrize("error", [*ERRORS, GeneratorExit()])
def test_an_error_inside_a_clone_leaves_nothing(world: World, error: BaseException) -> None:
    def fail() -> None:
        raise error

    with pytest.raises(type(error)):
        world.work(fail)
    assert world.clean


def test_a_failing_removal_is_reported_and_raises_nothing(world: World) -> None:
    world.engine.fail_at(CHANGES + 1, EngineError("busy"))
    world.work()
    notes = [event for event in world.events if isinstance(event, Note)]
    assert notes == [Note("cleanup is incomplete: {why}", (("why", "busy"),))]
    assert len(world.engine.clones()) == len(world.engine.images) == 1


def test_clones_of_the_same_images_are_independent(world: World) -> None:
    with (
        world.clones.images(world.current, silent) as images,
        world.clones.clone(world.current, images, silent) as one,
    ):
        with world.clones.clone(world.current, images, silent) as other:
            assert one.current.instance != other.current.instance
            boxes = [*one.current.ids().values(), *other.current.ids().values()]
            bridges = {world.engine.boxes[box].spec.links[0].bridge for box in (*boxes, *world.originals.values())}
            assert len(set(boxes)) == 6 and len(bridges) == 3
        assert {box.instance for box in world.engine.clones()} == {one.current.instance}
    assert world.clean


def test_a_clone_can_be_cloned_and_both_belong_to_the_learners_instance(world: World) -> None:
    with world.cloned() as clone, world.clones.images(clone.current, silent) as images:
        with world.clones.clone(clone.current, images, silent) as other:
            assert other.current.instance != clone.current.instance
            assert {box.clone for box in other.current.boxes} == {LUCY.id}
            assert {box.image for box in other.current.boxes} == set(images.values())
            assert {image.clone for image in world.engine.clone_images()} == {LUCY.id}
            assert len(world.engine.clones(LUCY.id)) == len(world.engine.clone_images(LUCY.id)) == 6
        assert {box.instance for box in world.engine.clones()} == {clone.current.instance}
    assert world.clean


def test_two_threads_clone_at_the_same_time(world: World) -> None:
    with ThreadPoolExecutor(2) as pool:
        for done in [pool.submit(world.work) for _ in range(4)]:
            done.result()
    assert world.clean


def test_an_instance_with_a_box_missing_is_not_cloned(world: World) -> None:
    world.engine.remove(world.originals["master"])
    with pytest.raises(UsageError, match="master of pond is missing"):
        world.current = world.find()
        world.work()
    assert not world.engine.images


def test_the_boxes_are_committed_under_the_instances_lock(world: World) -> None:
    world.locks.held.clear()
    world.work()
    assert world.locks.held == [f"instance-{LUCY.id}"]


def test_an_outdated_keeper_and_toolbox_are_recreated_for_a_clone(world: World) -> None:
    world.keeper.states["keeper"] = "outdated"
    world.work()
    assert set(world.keeper.state().values()) == {"running"}
    assert world.built.ensured == [[]]


def test_a_keeper_removed_while_a_clone_starts_is_recreated(world: World) -> None:
    def trouble(_number: int, name: str) -> None:
        if name == "wait_ready" and not gone:
            gone.append(name)
            raise KeeperGoneError("the keeper stopped while boxes were starting")

    gone: list[str] = []
    world.engine.trouble = trouble
    world.work()
    assert gone and world.clean


class TestPower:
    def test_a_reboot_restarts_that_box_only(self, world: World) -> None:
        with world.cloned() as clone:
            ids = clone.current.ids()
            clone.reboot("master")
            boxes = {name: world.engine.boxes[box_id] for name, box_id in ids.items()}
        assert {name: box.starts for name, box in boxes.items()} == {"master": 2, "replica1": 1, "replica2": 1}
        assert all(box.state is State.RUNNING for box in boxes.values())
        assert world.clean

    def test_a_powered_off_box_stays_off_until_it_is_powered_on(self, world: World) -> None:
        with world.cloned() as clone:
            box = world.engine.boxes[clone.current.ids()["replica1"]]
            clone.off("replica1")
            clone.off("replica1")
            states = [box.state]
            clone.on("replica1")
            states.append(box.state)
        assert states == [State.STOPPED, State.RUNNING]

    def test_a_box_that_does_not_become_ready_is_an_error(self, world: World) -> None:
        with world.cloned() as clone:
            world.keeper.late.add("master")
            with pytest.raises(EngineError, match="did not finish starting"):
                clone.reboot("master")
        assert world.clean

    def test_an_unknown_box_is_reported(self, world: World) -> None:
        with world.cloned() as clone, pytest.raises(UsageError, match="no box"):
            clone.off("mister")


class TestLeftovers:
    def test_a_sweep_removes_expired_clones_after_a_kill(self, world: World) -> None:
        world.leave_behind(lifetime=-1)
        assert len(world.engine.clones(LUCY.id)) == len(world.engine.clone_images(LUCY.id)) == 3
        world.clones.sweep("pond.li")
        assert len(world.engine.boxes) == 6
        world.clones.sweep(LUCY.id)
        assert world.clean

    def test_a_sweep_keeps_a_clone_in_use(self, world: World) -> None:
        def sweep() -> None:
            world.clones.sweep(LUCY.id)
            assert len(world.engine.clones()) == len(world.engine.images) == 3

        world.work(sweep)

    def test_a_sweep_leaves_old_images_of_a_younger_clone(self, world: World) -> None:
        with (
            world.make(-1).images(world.current, silent) as images,
            world.clones.clone(world.current, images, silent),
        ):
            world.clones.sweep(LUCY.id)
            assert len(world.engine.clones()) == len(world.engine.images) == 3
        assert world.clean

    def test_a_clone_is_not_found_as_an_instance(self, world: World) -> None:
        world.leave_behind(lifetime=900)
        assert world.find() == world.current
        again = Up(world.engine, world.keeper, world.built, world.locks).run(LAB, LUCY, silent)
        assert again.nothing_done and again.boxes == world.originals

    def test_down_removes_clones_and_images_and_reports_only_the_learners_boxes(self, world: World) -> None:
        world.leave_behind(lifetime=900)
        down = Down(world.engine, world.keeper, world.locks)
        assert sorted(down.run(LUCY.id, silent)) == sorted(LAB.boxes)
        assert not world.engine.boxes and not world.engine.images
        assert down.run(LUCY.id, silent) == []

    def test_down_all_removes_clones_whose_original_is_missing(self, world: World) -> None:
        world.leave_behind(lifetime=900)
        for box_id in world.originals.values():
            world.engine.remove(box_id)
        down = Down(world.engine, world.keeper, world.locks)
        assert down.run_all("li", silent) == []
        assert set(world.keeper.state().values()) == {"running"}, "the keeper stays to remove expired clones"
        assert down.run_all("lucy", silent) == [LUCY.id]
        assert not world.engine.boxes and not world.engine.images
        assert set(world.keeper.state().values()) == {"missing"}


@pytest.mark.parametrize(("expires", "now", "wanted"), [(0, 99, False), (5, 4.9, False), (5, 5, True), (5, 6, True)])
def test_a_resource_without_expiry_never_expires(expires: int, now: float, wanted: bool) -> None:
    assert expired(expires, now) is wanted


def test_an_image_for_clones_is_distinguished_from_a_box() -> None:
    labels = boxspec.Instance("pond", "lucy", "seed").clone_image_labels()
    assert labels[wiring.LABEL_ROLE] not in (wiring.ROLE_BOX, "image")


@pytest.mark.parametrize(("memory", "wanted"), [("64MiB", 3), ("256MiB", 3), ("512MiB", 2), ("1GiB", 1), ("4GiB", 1)])
def test_labs_with_large_boxes_run_fewer_clones_at_once(memory: str, wanted: int) -> None:
    lab = make_lab(boxes={name: {"memory": memory} for name in ("a", "b", "c")}, networks={}, files=[])
    assert at_once(lab) == wanted


def test_boxes_are_committed_while_paused_unless_one_is_too_large() -> None:
    world = World()
    held: list[set[str]] = []
    world.engine.trouble = lambda _number, name: held.append(set(world.keeper.held)) if name == "commit" else None
    with world.clones.images(world.current, silent):
        assert world.keeper.held == set()
    assert held == [set(LAB.boxes)] * COMMITS
    world.engine.heal()
    world.keeper.weights["replica1"] = Weight(500 << 30, "/root/sparse", 499 << 30)
    with pytest.raises(TooLargeError, match=r"replica1 contains 500.0 GiB.*/root/sparse"), world.cloned():
        pass
    assert "commit" not in world.engine.calls
    assert world.keeper.held == set()
    assert not world.engine.clone_images()


def test_checks_on_a_clone_of_a_too_large_box_fail_and_name_its_largest_file() -> None:
    world = World()
    world.keeper.weights["replica1"] = Weight(500 << 30, "/root/it's\nsparse", 499 << 30)
    checks = [CloneCheck("test_a", "task", "A title"), CloneCheck("test_b", "task", "Another")]

    class NoChecker:
        def prepare(self) -> None:
            pass

    on_clones = OnClones(world.engine, NoChecker(), world.clones)  # type: ignore[arg-type]
    for results in (on_clones.together(world.current, checks, silent), on_clones.apart(world.current, checks, silent)):
        assert [result.verdict for result in results] == [Verdict.FAILED] * 2
        (answer,) = results[0].answers
        assert answer.boxes == ("replica1",)
        assert "500.0 GiB" in answer.found.en and "499.0 GiB" in answer.found.zh
        assert answer.see == "ls -lsh '/root/it'\"'\"'s?sparse'"
        assert "replica1" in results[0].message
    world.keeper.weights = {"replica1": Weight(1 << 30, free=0)}
    (first, _) = on_clones.together(world.current, checks, silent)
    assert first.verdict is Verdict.ERROR and "too little room" in first.message


class TestLargeCopies:
    """Copies of more than one GiB in total."""

    def test_large_copies_wait_for_a_global_lock_without_pausing_boxes(self, world: World) -> None:
        world.keeper.weights["replica1"] = Weight(2 << 30)
        world.locks.held.clear()
        written: list[str] = []
        world.engine.trouble = lambda _number, name: written.append(name) if name == "commit" else None
        with ThreadPoolExecutor(1) as pool:
            with world.locks.hold("disk-copies", silent):
                done = pool.submit(world.work)
                until(
                    lambda: any("waiting for that process" in event.text for event in notes(world)),
                    "the copy does not wait",
                )
                assert not world.keeper.held and not written
                with world.locks.hold(f"instance-{LUCY.id}", silent):
                    pass
            done.result()
        assert len(written) == COMMITS and world.clean
        assert world.locks.held[-2:] == ["disk-copies", f"instance-{LUCY.id}"]

    def test_large_copies_are_weighed_again_after_the_lock_is_taken(self, world: World) -> None:
        free = 10 << 30
        weights = [Weight(7 << 30, free=free), Weight(7 << 30, free=free - (7 << 30))]
        hold = world.keeper.hold

        @contextmanager
        def then(boxes: Mapping[str, str]) -> Iterator[Mapping[str, Weight]]:
            world.keeper.weights["master"] = weights.pop(0)
            with hold(boxes) as found:
                yield found

        world.keeper.hold = then  # type: ignore[method-assign]
        with pytest.raises(EngineError, match="too little room"):
            world.work()
        assert "commit" not in world.engine.calls and not weights and world.clean

    def test_small_copies_do_not_wait_for_the_lock(self, world: World) -> None:
        world.keeper.weights = dict.fromkeys(LAB.boxes, Weight((1 << 30) // len(LAB.boxes)))
        with world.locks.hold("disk-copies", silent):
            world.work()
        assert world.clean


def notes(world: World) -> list[Note]:
    return [event for event in world.events if isinstance(event, Note)]
