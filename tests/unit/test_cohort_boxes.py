"""The boxes of a whole cohort, on fakes: starts are limited, repeats converge, one failure stops nobody else, and
Ctrl-C ends the work in order."""

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
from samples import make_lab, make_specs

from labctl.cli.ui.hints import plain
from labctl.domain.boxspec import BoxSpec, Instance
from labctl.domain.classroom.cohort import Cohort, Limits, Member, learner_of
from labctl.domain.classroom.enrolment import instance_of
from labctl.domain.observed import State
from labctl.errors import BuildError, EngineError, NameTakenError, RefusedError
from labctl.events import Event, ManyStarted, Note, OneEnded, OneStarted, silent
from labctl.interrupts import interrupt
from labctl.services.classroom.up import CohortBoxes
from labctl.services.down import Down
from labctl.services.parallel import WIDTH
from labctl.services.up import Up
from labctl.views.work import Tally

LAB = make_lab()
SMALL = make_lab(name="puddle", boxes={"one": {"networks": {"lan": "10.10.10.11"}}}, files=[], params={})
COHORT = Cohort("db-1", ("pond",), "secret", created=1.0)


def members(count: int) -> list[Member]:
    return [Member(f"s{number:02}", f"Learner {number}") for number in range(count)]


@dataclass
class World:
    """An engine and labctl's services for it."""

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


def test_up_starts_everybody_and_a_second_up_changes_nothing(world: World) -> None:
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


def test_up_queries_the_engine_and_the_images_once_for_all(world: World) -> None:
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


def test_up_installs_the_packages_of_checks_once_for_all(world: World) -> None:
    world.boxes.up(COHORT, members(3), silent)
    world.images.packages.clear()
    world.boxes.up(COHORT, members(3), silent)
    assert world.images.packages == [list(COHORT.labs)]


def test_at_most_eight_starts_run_at_once(world: World) -> None:
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


def test_a_failing_learner_leaves_nothing_and_the_others_are_up(world: World) -> None:
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


def test_boxes_that_never_become_ready_fail_that_learner_only(world: World) -> None:
    class Stubborn(FakeKeeper):
        pass

    world.keeper.late = {"replica2"}
    tally = world.boxes.up(COHORT, members(2), silent)
    assert len(tally.failed) == 2 and not world.states()
    world.keeper.late = set()
    assert len(world.boxes.up(COHORT, members(2), silent).done) == 2


def test_boxes_that_a_learner_created_meanwhile_are_kept(world: World) -> None:
    """The learner's boxes appear between the query of the engine and the learner's turn. The names are taken, but the
    boxes match."""
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
def test_up_finishes_after_being_killed_at_any_moment(moment: int, twice: bool) -> None:
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


def test_ctrl_c_finishes_started_work_and_starts_no_more(world: World) -> None:
    create = world.engine.create
    begun = threading.Event()

    def slow(spec: BoxSpec) -> str:
        if not begun.is_set():
            begun.set()
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)  # wakes the main thread
        return create(spec)

    gate = threading.Event()
    events: list[Event] = []

    def ctrl_c(*_: object) -> None:
        gate.set()
        interrupt()

    before = signal.signal(signal.SIGINT, ctrl_c)

    def emit(event: Event) -> None:
        events.append(event)
        if isinstance(event, OneStarted) and sum(isinstance(one, OneStarted) for one in events) > WIDTH:
            gate.wait(30)  # until the signal has arrived

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


def test_a_second_ctrl_c_stops_at_once_and_leaves_nothing_half_created(world: World) -> None:
    main = threading.main_thread().ident or 0
    all_wait = threading.Barrier(WIDTH, lambda: signal.pthread_kill(main, signal.SIGINT))
    presses: list[int] = []

    def ctrl_c(number: int, _frame: object) -> None:
        presses.append(number)
        interrupt()

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


def test_up_survives_a_replaced_keeper(world: World) -> None:
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


def test_stop_start_reset_and_down_converge(world: World) -> None:
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


def test_down_removes_clones_and_boxes_that_a_learner_starts_meanwhile(world: World) -> None:
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
def test_an_ended_cohort_is_not_started_but_can_be_taken_down(world: World, cohort: Cohort) -> None:
    world.boxes.up(COHORT, members(1), silent)
    for work in (world.boxes.up, world.boxes.start, world.boxes.reset):
        with pytest.raises(RefusedError):
            work(cohort, members(1), silent)
    alone = Up(world.engine, world.keeper, world.images, world.locks)
    with pytest.raises(RefusedError, match="is over"):
        alone.run(LAB, instance_of(cohort, "s00", "pond", 6.0), silent)
    assert len(world.boxes.down(cohort, None, silent).done) == 1


def test_a_missing_engine_fails_every_learner_without_a_hang(world: World) -> None:
    world.boxes.up(COHORT, members(1), silent)

    def gone(_spec: BoxSpec) -> str:
        raise EngineError("no Docker engine answers at {address}", address="x")

    world.engine.create = gone  # type: ignore[assignment]
    tally = world.boxes.up(COHORT, members(20), silent)
    assert (len(tally.failed), tally.nothing) == (19, 1)


def _instance(number: int = 0) -> Instance:
    return instance_of(COHORT, f"s{number:02}", "pond", 0)


def _alone(world: World) -> Up:
    return Up(world.engine, world.keeper, world.images, world.locks)


def _why(tally: Tally) -> list[str]:
    return [str(failure.error) for failure in tally.failed]


class TestSameAsUpOfOneLearner:
    """``up`` of a class does for each learner what ``up`` does for one learner."""

    def test_a_failing_rollback_is_reported(self, world: World) -> None:
        def stuck(_box_id: str) -> None:
            raise EngineError("can't remove")

        world.keeper.late, world.engine.remove = {"replica2"}, stuck  # type: ignore[method-assign, assignment]
        events: list[Event] = []
        tally = world.boxes.up(COHORT, members(1), events.append)
        (note,) = (event for event in events if isinstance(event, Note))
        assert dict(note.values)["why"] == "db-1/s00 pond: can't remove"
        assert "replica2" in _why(tally)[0], "the first error is the learner's"

    def test_a_reset_that_fails_leaves_nothing_half_made(self, world: World) -> None:
        world.boxes.up(COHORT, members(2), silent)
        world.keeper.late = {"replica2"}
        tally = world.boxes.reset(COHORT, members(1), silent)
        assert len(tally.failed) == 1
        assert set(world.states()) == {"db-1/s01"}, "as after a reset of one learner that fails"

    def test_the_errors_of_all_boxes_are_reported(self, world: World) -> None:
        def broken(spec: BoxSpec) -> str:
            raise EngineError("no {box}", box=spec.name)

        world.engine.create = broken  # type: ignore[method-assign]
        (failure,) = world.boxes.up(COHORT, members(1), silent).failed
        assert sorted([str(failure.error), *failure.error.detail.splitlines()]) == [f"no {box}" for box in LAB.boxes]

    @pytest.mark.parametrize("state", [State.PAUSED, State.RESTARTING])
    def test_a_box_that_does_not_run_is_not_up(
        self, world: World, state: State, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("labctl.services.current.PATIENCE_SECONDS", 0.0)
        world.boxes.up(COHORT, members(2), silent)
        box = next(iter(world.engine.boxes.values()))
        box.state = state
        for work in (world.boxes.up, world.boxes.start):
            tally = work(COHORT, members(2), silent)
            assert tally.nothing == 1
            assert _why(tally)[0].startswith(f"the box {box.spec.name} ")

    def test_a_briefly_paused_box_is_waited_for(self, world: World) -> None:
        world.boxes.up(COHORT, members(2), silent)
        box, observe, looks = next(iter(world.engine.boxes.values())), world.engine.observe, iter(range(9))
        box.state = State.PAUSED

        def soon(instance: str | None = None) -> object:
            if next(looks) == 2:
                box.state = State.RUNNING
            return observe(instance)

        world.engine.observe = soon  # type: ignore[assignment, method-assign]
        assert world.boxes.up(COHORT, members(2), silent).nothing == 2

    def test_boxes_that_a_learner_created_with_another_seed_are_kept(self, world: World) -> None:
        observe = world.engine.observe

        def late(instance: str | None = None) -> object:
            found = observe(instance)
            if instance is None:
                world.engine.observe = observe  # type: ignore[method-assign]
                _alone(world).run(LAB, msgspec.structs.replace(_instance(), seed="other"), silent)
            return found

        world.engine.observe = late  # type: ignore[assignment, method-assign]
        (failure,) = world.boxes.up(COHORT, members(1), silent).failed
        assert str(failure.error) == "pond is up with another seed (other)"
        hint = plain(failure.error)
        assert hint == "labctl down pond --learner db-1/s00"
        assert len(world.states()["db-1/s00"]) == 3

    def test_a_box_that_restarts_repeatedly_is_rolled_back_with_the_others(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("labctl.services.current.PATIENCE_SECONDS", 0.0)
        create, start = world.engine.create, world.engine.start

        def broken(spec: BoxSpec) -> str:
            if spec.name == "replica2":
                raise EngineError("no space")
            return create(spec)

        def restarting(box_id: str) -> None:
            start(box_id)
            world.engine.boxes[box_id].state = State.RESTARTING

        world.engine.create, world.engine.start = broken, restarting  # type: ignore[method-assign]
        assert _why(world.boxes.up(COHORT, members(1), silent)) == ["no space"]
        assert not world.states()

    @pytest.mark.parametrize("at", ["images", "boxes"])
    def test_a_failed_up_leaves_no_keeper_if_there_was_none(self, world: World, at: str) -> None:
        world.keeper.states = dict.fromkeys(world.keeper.states, "missing")
        if at == "images":
            world.images.broken, world.images.all_present = True, False
            world.keeper.states["keeper"] = "missing"
            with pytest.raises(BuildError):
                world.boxes.up(COHORT, members(2), silent)
        else:
            world.keeper.late = {"replica2"}
            assert len(world.boxes.up(COHORT, members(2), silent).failed) == 2
        assert set(world.keeper.state().values()) == {"missing"}

    def test_a_failed_up_keeps_a_keeper_that_others_use(self, world: World) -> None:
        world.keeper.states = dict.fromkeys(world.keeper.states, "missing")
        _alone(world).run(LAB, _instance(9), silent)
        world.keeper.states["switch"] = "missing"
        world.keeper.late = {"replica2"}
        assert len(world.boxes.up(COHORT, members(2), silent).failed) == 2
        assert set(world.keeper.state().values()) == {"running"}

    def test_boxes_without_a_store_are_queried_once_and_never_duplicated(self, world: World) -> None:
        for spec in make_specs(LAB, "db-1/s01", "by hand"):
            world.engine.start(world.engine.create(spec))
        world.engine.recognise = lambda _box: False
        asked: list[str | None] = []
        unclaimed = world.engine.unclaimed

        def counted(instance: str | None = None) -> object:
            asked.append(instance)
            return unclaimed(instance)

        world.engine.unclaimed = counted  # type: ignore[assignment, method-assign]
        tally = world.boxes.up(COHORT, members(4), silent)
        assert [failure.part.learner for failure in tally.failed] == ["db-1/s01"]
        assert plain(tally.failed[0].error) == ("labctl adopt pond --learner db-1/s01")
        assert asked == [None] and len(tally.done) == 3

    def test_start_continues_if_a_learner_removes_boxes_meanwhile(self, world: World) -> None:
        world.boxes.up(COHORT, members(2), silent)
        world.boxes.stop(COHORT, None, silent)
        start, down = world.engine.start, Down(world.engine, world.keeper, FakeLocks())

        def gone(box_id: str) -> None:
            if _instance().id in {box.instance for box in world.engine.observe()}:
                down.run(_instance().id, silent)
            start(box_id)

        world.engine.start = gone  # type: ignore[method-assign]
        tally = world.boxes.start(COHORT, None, silent)
        assert not tally.failed and set(world.states()) == {"db-1/s01"}


def test_down_removes_hidden_older_boxes_and_names_each_once(world: World) -> None:
    """After a downgrade an older labctl created boxes of its own. They become visible when the newer ones are
    removed."""
    _alone(world).run(LAB, _instance(), silent)
    observe, hidden = world.engine.observe, [True]

    def behind(instance: str | None = None) -> object:
        found = observe(instance)
        if hidden.pop() if hidden else False:
            return [box for box in found if box.box != "master"]
        return found

    world.engine.observe = behind  # type: ignore[assignment, method-assign]
    removed = Down(world.engine, world.keeper, world.locks).run(_instance().id, silent)
    assert sorted(removed) == sorted(LAB.boxes) and not world.engine.boxes
