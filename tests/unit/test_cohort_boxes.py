"""The boxes of a whole cohort, on fakes: paced, converging, one failure holds nobody up, Ctrl-C breaks off in order."""

from __future__ import annotations

import contextlib
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import msgspec
import pytest
from fakes import Crash, FakeCatalog, FakeEngine, FakeImages, FakeKeeper, FakeLocks, until
from hypothesis import given, settings
from hypothesis import strategies as st
from samples import make_lab

from labctl.domain.boxspec import BoxSpec
from labctl.domain.classroom.cohort import Cohort, Limits, Member, learner_of
from labctl.domain.classroom.enrolment import instance_of
from labctl.domain.observed import State
from labctl.errors import EngineError, NameTakenError, RefusedError
from labctl.events import Event, ManyStarted, OneEnded, OneStarted, silent
from labctl.services.classroom.up import CohortBoxes
from labctl.services.parallel import WIDTH
from labctl.services.up import Up

LAB = make_lab()
SMALL = make_lab(name="puddle", boxes={"one": {"networks": {"lan": "10.10.10.11"}}}, files=[], params={})
COHORT = Cohort("db-1", ("pond",), "secret", created=1.0)


def members(count: int) -> list[Member]:
    return [Member(f"s{number:02}", f"Learner {number}") for number in range(count)]


@dataclass
class World:
    """An engine with labctl on it."""

    engine: FakeEngine = field(default_factory=FakeEngine)
    images: FakeImages = field(default_factory=FakeImages)
    locks: FakeLocks = field(default_factory=FakeLocks)

    def __post_init__(self) -> None:
        self.keeper = FakeKeeper(self.engine, running=True)
        self.catalog = FakeCatalog(LAB, SMALL)
        self.boxes = CohortBoxes(self.engine, self.keeper, self.images, self.locks, self.catalog)

    def states(self) -> dict[str, dict[str, State]]:
        found: dict[str, dict[str, State]] = {}
        for box in self.engine.observe():
            found.setdefault(box.learner, {})[box.box] = box.state
        return found

    def all_up(self, count: int) -> bool:
        wanted = dict.fromkeys(LAB.boxes, State.RUNNING)
        return self.states() == {learner_of("db-1", member.id): wanted for member in members(count)}


@pytest.fixture
def world() -> World:
    return World()


def test_everybody_is_up_and_again_changes_nothing(world: World) -> None:
    events: list[Event] = []
    tally = world.boxes.up(COHORT, members(12), events.append)
    assert world.all_up(12)
    assert (len(tally.done), tally.boxes, tally.failed, tally.left, tally.nothing) == (12, 36, (), (), 0)
    assert events[0] == ManyStarted(12, 12, 36)
    assert sum(isinstance(event, OneStarted) for event in events) == 12
    assert sum(isinstance(event, OneEnded) and event.ok for event in events) == 12
    world.engine.calls.clear()
    again = world.boxes.up(COHORT, members(13), silent)
    assert (len(again.done), again.nothing) == (1, 12)
    assert world.engine.calls.count("create") == 3


def test_every_learner_has_params_of_their_own_and_the_end_of_the_cohort(world: World) -> None:
    cohort = msgspec.structs.replace(COHORT, until=time.time() + 7200, each=Limits(hours=1))
    world.boxes.up(cohort, members(3), silent)
    boxes = world.engine.observe()
    assert len({box.seed for box in boxes}) == 3
    assert all(abs(box.expires - time.time() - 3600) < 60 for box in boxes)


def test_one_look_at_the_engine_and_the_images_serves_all(world: World) -> None:
    looks: list[str | None] = []
    observe, tags = world.engine.observe, world.images.tags

    def counted(instance: str | None = None) -> object:
        looks.append(instance)
        return observe(instance)

    def tagged(lab: object) -> object:
        looks.append("tags")
        return tags(lab)  # type: ignore[arg-type]

    world.engine.observe, world.images.tags = counted, tagged  # type: ignore[assignment, method-assign]
    world.boxes.up(COHORT, members(20), silent)
    assert looks == ["tags", None]


def test_never_more_than_eight_starts_at_once(world: World) -> None:
    running, most, full = 0, 0, threading.Event()
    lock = threading.Lock()
    create = world.engine.create

    def slow(spec: BoxSpec) -> str:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
            if running >= WIDTH:
                full.set()
        full.wait(5)
        made = create(spec)
        with lock:
            running -= 1
        return made

    world.engine.create = slow  # type: ignore[method-assign]
    alone = Up(world.engine, world.keeper, world.images, world.locks)
    other = threading.Thread(target=lambda: alone.run(LAB, instance_of(COHORT, "else", "pond", 0), silent))
    other.start()
    tally = world.boxes.up(COHORT, members(10), silent)
    other.join(10)
    assert len(tally.done) == 10 and len(world.states()) == 11
    assert most == WIDTH


def test_one_learners_failure_is_told_and_leaves_nothing_and_the_others_are_up(world: World) -> None:
    create = world.engine.create

    def broken(spec: BoxSpec) -> str:
        if "s03" in spec.labels["labctl.owner"] and spec.name == "replica1":
            raise NameTakenError("there is a container {container}", container=spec.container)
        return create(spec)

    world.engine.create = broken  # type: ignore[method-assign]
    events: list[Event] = []
    tally = world.boxes.up(COHORT, members(10), events.append)
    assert [failure.part.learner for failure in tally.failed] == ["db-1/s03"]
    assert isinstance(tally.failed[0].error, NameTakenError)
    assert len(tally.done) == 9 and len(world.states()) == 9
    assert [event.learner for event in events if isinstance(event, OneEnded) and not event.ok] == ["db-1/s03"]
    world.engine.create = create  # type: ignore[method-assign]
    assert len(world.boxes.up(COHORT, members(10), silent).done) == 1
    assert world.all_up(10)


def test_boxes_that_never_become_ready_are_that_learners_failure(world: World) -> None:
    class Stubborn(FakeKeeper):
        pass

    world.keeper.late = {"replica2"}
    tally = world.boxes.up(COHORT, members(2), silent)
    assert len(tally.failed) == 2 and not world.states()
    world.keeper.late = set()
    assert len(world.boxes.up(COHORT, members(2), silent).done) == 2


def test_what_a_learner_brought_up_meanwhile_is_theirs(world: World) -> None:
    """Between the look at all and their turn: the names are taken, and then all is as it should be."""
    alone = Up(world.engine, world.keeper, world.images, world.locks)
    observe = world.engine.observe

    def late(instance: str | None = None) -> object:
        found = observe(instance)
        if instance is None:
            world.engine.observe = observe  # type: ignore[method-assign]
            alone.run(LAB, instance_of(COHORT, "s00", "pond", 0), silent)
        return found

    world.engine.observe = late  # type: ignore[assignment, method-assign]
    tally = world.boxes.up(COHORT, members(3), silent)
    assert not tally.failed and world.all_up(3)


@settings(max_examples=40)
@given(st.integers(1, 40), st.booleans())
def test_after_a_kill_at_any_moment_up_finishes_the_work(moment: int, twice: bool) -> None:
    world = World()
    for at in (moment, moment + 3) if twice else (moment,):
        world.engine.die_at(at)
        with contextlib.suppress(Crash):
            world.boxes.up(COHORT, members(5), silent)
        world.engine.heal()
        world.keeper.states = dict.fromkeys(world.keeper.states, "running")
        world.locks = FakeLocks()
        world.boxes = CohortBoxes(world.engine, world.keeper, world.images, world.locks, world.catalog)
    tally = world.boxes.up(COHORT, members(5), silent)
    assert not tally.failed and world.all_up(5)


def test_ctrl_c_finishes_what_is_begun_and_begins_nothing_more(world: World) -> None:
    create = world.engine.create
    begun = threading.Event()

    def slow(spec: BoxSpec) -> str:
        if not begun.is_set():
            begun.set()
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)  # wakes it where it waits
        return create(spec)

    gate = threading.Event()
    events: list[Event] = []

    def ctrl_c(*_: object) -> None:
        gate.set()
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGINT, ctrl_c)

    def emit(event: Event) -> None:
        events.append(event)
        if isinstance(event, OneStarted) and sum(isinstance(one, OneStarted) for one in events) > WIDTH:
            gate.wait(30)  # until the signal has come

    world.engine.create = slow  # type: ignore[method-assign]
    try:
        tally = world.boxes.up(COHORT, members(60), emit)
    finally:
        signal.signal(signal.SIGINT, before)
    assert tally.interrupted and tally.left and not tally.failed
    assert len(tally.done) + len(tally.left) == 60
    assert all(len(boxes) == 3 for boxes in world.states().values())
    assert len(world.states()) == len(tally.done)
    world.engine.create = create  # type: ignore[method-assign]
    assert len(world.boxes.up(COHORT, members(60), silent).done) == len(tally.left)


def test_a_second_ctrl_c_waits_for_nobody_and_leaves_nothing_half_made(world: World) -> None:
    main = threading.main_thread().ident or 0
    all_wait = threading.Barrier(WIDTH, lambda: signal.pthread_kill(main, signal.SIGINT))
    presses: list[int] = []

    def ctrl_c(number: int, _frame: object) -> None:
        presses.append(number)
        raise KeyboardInterrupt

    def hung() -> None:
        if all_wait.wait(30) == 0:  # one of them
            until(lambda: bool(presses), "the first Ctrl-C did not come")
            signal.pthread_kill(main, signal.SIGINT)

    world.keeper.hung = hung
    before = signal.signal(signal.SIGINT, ctrl_c)
    try:
        with pytest.raises(KeyboardInterrupt):
            world.boxes.up(COHORT, members(60), silent)
    finally:
        signal.signal(signal.SIGINT, before)
    assert len(presses) == 2 and not world.states()


def test_the_keeper_is_replaced_in_the_midst_of_it(world: World) -> None:
    started = threading.Event()
    create = world.engine.create

    def replaced(spec: BoxSpec) -> str:
        if not started.is_set():
            started.set()
            world.keeper.states["keeper"] = "missing"
        return create(spec)

    world.engine.create = replaced  # type: ignore[method-assign]
    tally = world.boxes.up(COHORT, members(4), silent)
    assert not tally.failed and world.all_up(4)
    until(lambda: not world.keeper.watching, "the watch was left open")


def test_stop_start_reset_down_each_converge(world: World) -> None:
    world.boxes.up(COHORT, members(4), silent)
    other = Cohort("db-2", ("pond",), "other", created=1.0)
    world.boxes.up(other, members(1), silent)
    before = {box.id for box in world.engine.observe()}

    assert len(world.boxes.stop(COHORT, members(4)[:1], silent).done) == 1
    tally = world.boxes.stop(COHORT, None, silent)
    assert (len(tally.done), tally.nothing) == (3, 1)
    assert {state for boxes in world.states().values() for state in boxes.values()} == {State.STOPPED, State.RUNNING}
    assert set(world.states()["db-2/s00"].values()) == {State.RUNNING}

    tally = world.boxes.start(COHORT, None, silent)
    assert len(tally.done) == 4 and {box.id for box in world.engine.observe()} == before
    assert world.boxes.start(COHORT, None, silent).nothing == 4

    seeds = {box.instance: box.seed for box in world.engine.observe()}
    tally = world.boxes.reset(COHORT, members(4)[1:3], silent)
    assert [part.learner for part in tally.done] == ["db-1/s01", "db-1/s02"] or len(tally.done) == 2
    assert len({box.id for box in world.engine.observe()} - before) == 6
    assert {box.instance: box.seed for box in world.engine.observe()} == seeds

    tally = world.boxes.down(COHORT, None, silent)
    assert (len(tally.done), tally.boxes) == (4, 12)
    assert set(world.states()) == {"db-2/s00"}
    assert world.boxes.down(COHORT, None, silent).done == ()


def test_down_takes_clones_too_and_what_a_learner_brings_up_meanwhile(world: World) -> None:
    world.boxes.up(COHORT, members(2), silent)
    alone = Up(world.engine, world.keeper, world.images, world.locks)
    remove = world.engine.remove
    again: list[Callable[[], object]] = [lambda: alone.run(LAB, instance_of(COHORT, "s09", "pond", 0), silent)]

    def removed(box_id: str) -> None:
        remove(box_id)
        if again:
            again.pop()()

    world.engine.remove = removed  # type: ignore[method-assign]
    instance = instance_of(COHORT, "s00", "pond", 0)
    box = next(box for box in world.engine.observe(instance.id))
    world.engine.commit(box.id, instance.clone_image_labels())
    tally = world.boxes.down(COHORT, None, silent)
    assert len(tally.done) == 3
    assert not world.engine.observe() and not world.engine.clone_images()


@pytest.mark.parametrize(
    "cohort",
    [
        msgspec.structs.replace(COHORT, ended=5.0),
        msgspec.structs.replace(COHORT, until=5.0),
    ],
)
def test_what_is_over_is_not_started_and_can_be_taken_down(world: World, cohort: Cohort) -> None:
    world.boxes.up(COHORT, members(1), silent)
    for work in (world.boxes.up, world.boxes.start, world.boxes.reset):
        with pytest.raises(RefusedError):
            work(cohort, members(1), silent)
    alone = Up(world.engine, world.keeper, world.images, world.locks)
    with pytest.raises(RefusedError, match="is over"):
        alone.run(LAB, instance_of(cohort, "s00", "pond", 6.0), silent)
    assert len(world.boxes.down(cohort, None, silent).done) == 1


def test_an_engine_that_is_gone_is_everybodys_failure_and_no_hang(world: World) -> None:
    world.boxes.up(COHORT, members(1), silent)

    def gone(_spec: BoxSpec) -> str:
        raise EngineError("no Docker engine answers at {address}", address="x")

    world.engine.create = gone  # type: ignore[assignment]
    tally = world.boxes.up(COHORT, members(20), silent)
    assert (len(tally.failed), tally.nothing) == (19, 1)
