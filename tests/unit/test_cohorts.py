"""Creating, listing, changing and ending cohorts."""

from __future__ import annotations

from pathlib import Path

import pytest
from fakes import FakeCatalog, FakeEngine, FakeImages, FakeKeeper, FakeLocks
from fakes_cohort import FakeCohorts
from samples import make_lab

from labctl.adapters.footprints import FileFootprints
from labctl.domain.classroom.capacity import Footprint, Server
from labctl.domain.classroom.cohort import Cohort, Happening, Limits, Member
from labctl.domain.classroom.cohort_text import parse_limits
from labctl.domain.classroom.enrolment import instance_of
from labctl.domain.classroom.roster import Roster
from labctl.errors import EngineError, LabctlError, RefusedError, RosterError, UsageError
from labctl.events import silent
from labctl.services.classroom.cohorts import Registrar
from labctl.services.classroom.plan import CohortPlan
from labctl.services.classroom.up import CohortBoxes
from labctl.views.classroom import LabState

LAB = make_lab()
MEMBERS = [Member("s01", "Li Lei", key="ssh-ed25519 AAAA"), Member("s02", "Han Meimei")]


class World:
    def __init__(self) -> None:
        self.engine = FakeEngine()
        self.store = FakeCohorts()
        self.catalog = FakeCatalog(LAB)
        self.registrar = Registrar(self.store, self.catalog)
        keeper = FakeKeeper(self.engine, running=True)
        self.boxes = CohortBoxes(self.engine, keeper, FakeImages(), FakeLocks(), self.catalog)

    def create(self, name: str = "db-1") -> Cohort:
        return self.registrar.create(name, ["pond"], Roster(tuple(MEMBERS)), 0.0, Limits(), Limits())


@pytest.fixture
def world() -> World:
    return World()


def test_each_cohort_has_its_own_secret_and_each_learner_an_own_seed(world: World) -> None:
    one = world.create()
    other = world.registrar.create("db-2", ["pond"], Roster(()), 0.0, Limits(), Limits())
    assert len(one.secret) == 32 and one.secret != other.secret
    seeds = {instance_of(cohort, member.id, "pond", 0).seed for cohort in (one, other) for member in MEMBERS}
    assert len(seeds) == 4


@pytest.mark.parametrize(
    ("name", "lab", "limits"),
    [("DB", "pond", ""), ("db-1", "nowhere", ""), ("db-1", "pond", "memory=1MiB")],
)
def test_nothing_is_stored_if_any_argument_is_wrong(world: World, name: str, lab: str, limits: str) -> None:
    with pytest.raises(LabctlError):
        world.registrar.create(name, [lab], Roster(tuple(MEMBERS)), 0.0, parse_limits(limits), Limits())
    assert world.store.cohorts() == []


def test_an_instance_ends_at_the_earlier_of_deadline_and_hours() -> None:
    cohort = Cohort("c", ("pond",), "s", 0.0)
    assert instance_of(cohort, "a", "pond", 1000.0).expires == 0
    assert instance_of(Cohort("c", ("pond",), "s", 0.0, until=5000.0), "a", "pond", 1000.0).expires == 5000
    hours = Cohort("c", ("pond",), "s", 0.0, until=5000.0, each=Limits(hours=1))
    assert instance_of(hours, "a", "pond", 1000.0).expires == 4600
    assert instance_of(hours, "a", "pond", 2000.0).expires == 5000


def test_stopped_boxes_are_removed_after_the_chosen_grace_period(world: World) -> None:
    made = world.registrar.create("db-3", ["pond"], Roster(()), 5000.0, Limits(), Limits(), 120.0)
    assert instance_of(world.registrar.find("db-3"), "a", "pond", 0.0).grace == made.grace == 120
    assert instance_of(world.create(), "a", "pond", 0.0).grace == 86400
    assert instance_of(Cohort("c", ("pond",), "s", 0.0, ended=7.0), "a", "pond", 1000.0).expires == 7


def test_rows_show_running_boxes_and_the_last_activity(world: World) -> None:
    cohort = world.create()
    world.boxes.up(cohort, MEMBERS[:1], silent)
    world.store.add_happening(Happening(5.0, "db-1/s01", "login"))
    rows = world.registrar.rows(cohort, world.engine)
    assert [(row.member.id, row.labs, row.seen) for row in rows] == [
        ("s01", (LabState("pond", 3, 3),), 5.0),
        ("s02", (), 0.0),
    ]


def test_rows_without_an_engine_show_the_stored_data(world: World) -> None:
    cohort = world.create()

    def gone(_instance: str | None = None) -> list[object]:
        raise EngineError("no Docker engine answers at {address}", address="x")

    world.engine.observe = gone  # type: ignore[assignment, method-assign]
    assert [row.labs for row in world.registrar.rows(cohort, world.engine)] == [None, None]


def test_new_learners_are_added_and_existing_ones_updated(world: World) -> None:
    cohort = world.create()
    added = world.registrar.add(
        cohort, Roster((MEMBERS[0], Member("s02", "Han", key="ssh-rsa B"), Member("s03", "Jim")))
    )
    assert (added.new, added.changed, added.same) == (("s03",), ("s02",), ("s01",))
    assert [(member.id, member.name) for member in world.registrar.members(cohort)] == [
        ("s01", "Li Lei"),
        ("s02", "Han"),
        ("s03", "Jim"),
    ]
    with pytest.raises(RosterError) as caught:
        world.registrar.add(cohort, Roster((Member("S01", "Li Lei"),)))
    assert [fault.what.format_map(fault.values) for fault in caught.value.faults] == ["S01 is in db-1 as s01"]


def test_a_member_is_found_by_id_or_the_nearest_id_is_suggested(world: World) -> None:
    cohort = world.create()
    assert world.registrar.members(cohort, ["S02"]) == [MEMBERS[1]]
    with pytest.raises(UsageError, match="no learner s1 ") as caught:
        world.registrar.members(cohort, ["s02", "s1"])
    assert caught.value.values["near"] == "s01"
    with pytest.raises(UsageError, match="no cohort db1") as caught:
        world.registrar.find("db1")
    assert caught.value.values["near"] == "db-1"


def test_a_removed_learner_has_no_boxes_and_no_key(world: World) -> None:
    cohort = world.create()
    world.boxes.up(cohort, MEMBERS, silent)
    assert world.store.member_by_key("ssh-ed25519 AAAA") is not None
    tally = world.registrar.remove(cohort, MEMBERS[:1], world.boxes, silent)
    assert len(tally.done) == 1
    assert {box.learner for box in world.engine.observe()} == {"db-1/s02"}
    assert world.store.member_by_key("ssh-ed25519 AAAA") is None


def test_a_learner_whose_boxes_cannot_be_removed_stays(world: World) -> None:
    cohort = world.create()
    world.boxes.up(cohort, MEMBERS, silent)
    world.engine.fail_at(1, EngineError("the Docker engine refused: {why}", why="busy"))
    tally = world.registrar.remove(cohort, MEMBERS[:1], world.boxes, silent)
    assert tally.failed and len(world.registrar.members(cohort)) == 2
    world.engine.heal()
    assert not world.registrar.remove(cohort, MEMBERS[:1], world.boxes, silent).failed


def test_ending_a_cohort_revokes_keys_removes_boxes_and_can_be_repeated(world: World) -> None:
    cohort = world.create()
    world.boxes.up(cohort, MEMBERS, silent)
    world.engine.fail_at(2, EngineError("the Docker engine refused: {why}", why="busy"))
    assert world.registrar.end(cohort, world.boxes, silent).failed
    assert world.store.member_by_key("ssh-ed25519 AAAA") is None
    world.engine.heal()
    ended = world.registrar.find("db-1")
    assert ended.ended
    world.registrar.end(ended, world.boxes, silent)
    assert not world.engine.observe()
    assert world.registrar.find("db-1").ended == ended.ended
    with pytest.raises(UsageError, match="has ended"):
        world.registrar.add(ended, Roster(tuple(MEMBERS)))
    with pytest.raises(RefusedError, match="has ended"):
        world.boxes.up(ended, MEMBERS, silent)


class FakeServer:
    """Implements ports.ServerPort."""

    def __init__(self, inotify: int = 8192) -> None:
        self.inotify = inotify
        self.measured: list[list[str]] = []

    def look(self) -> Server:
        gib = 1 << 30
        return Server(2, 8 * gib, 7 * gib, 90 * gib, 80 * gib, 32768, 300, inotify=self.inotify, inotify_used=0)

    def measure(self, box_ids: list[str]) -> Footprint:
        self.measured.append(list(box_ids))
        return Footprint(len(box_ids), (1 + len(self.measured)) << 20, 0.0, 0, 10, 9, 100, at=1.0)


class FakeProvisioner:
    """Implements the part of ports.Provisioner that a measurement needs."""

    def __init__(self) -> None:
        self.ran: list[str] = []

    def plays(self, lab: object) -> list[str]:
        return ["setup", "solve"]

    def run(self, lab: object, play: str, boxes: object, params: object, emit: object) -> None:
        self.ran.append(play)


@pytest.fixture
def planner(world: World, tmp_path: Path) -> tuple[CohortPlan, FakeServer, FakeProvisioner]:
    from labctl.services.down import Down
    from labctl.services.up import Up

    keeper, images, locks = FakeKeeper(world.engine, running=True), FakeImages(), FakeLocks()
    up = Up(world.engine, keeper, images, locks)
    down = Down(world.engine, keeper, locks)
    server, provisioner = FakeServer(), FakeProvisioner()
    plan = CohortPlan(
        world.engine,
        images,
        world.catalog,
        server,  # type: ignore[arg-type]
        FileFootprints(tmp_path / "state" / "footprints.json"),
        lambda: (up, down, provisioner),  # type: ignore[arg-type, return-value]
    )
    return plan, server, provisioner


Planner = tuple[CohortPlan, FakeServer, FakeProvisioner]


def test_a_plan_counts_only_boxes_that_do_not_run(world: World, planner: Planner) -> None:
    plan, _server, _provisioner = planner
    cohort = world.create()
    before = plan.plan(cohort, MEMBERS)
    assert (before.boxes, before.fitting, before.fits) == (6, 2, True)
    assert [(lab.running, lab.wanted, lab.measured) for lab in before.labs] == [(0, 2, False)]
    tally = world.boxes.up(cohort, MEMBERS[:1], silent)
    plan.remember(tally)
    after = plan.plan(cohort, MEMBERS)
    assert (after.boxes, [(lab.running, lab.wanted) for lab in after.labs]) == (3, [(1, 2)])


def test_measuring_runs_one_instance_fresh_and_solved_and_leaves_nothing(world: World, planner: Planner) -> None:
    plan, server, provisioner = planner
    cohort = world.create()
    found = plan.measure(cohort.labs, silent)
    assert len(server.measured) == 2 and provisioner.ran == ["solve"]
    assert found["pond"].memory == 3 << 20
    assert not world.engine.observe()
    assert plan.plan(cohort, MEMBERS).labs[0].footprint == found["pond"]
    assert plan.measure(cohort.labs, silent) == found
    assert len(server.measured) == 2


def test_a_failed_measurement_leaves_nothing(world: World, planner: Planner) -> None:
    plan, server, _provisioner = planner

    def broken(_boxes: list[str]) -> Footprint:
        raise EngineError("the server can't be inspected")

    server.measure = broken  # type: ignore[assignment]
    with pytest.raises(EngineError):
        plan.measure(("pond",), silent)
    assert not world.engine.observe()


def test_a_misfit_names_how_many_learners_would_fit(world: World, planner: Planner) -> None:
    plan, server, _provisioner = planner
    cohort = world.create()
    assert plan.misfit(cohort, MEMBERS) is None
    server.inotify = 30
    misfit = plan.misfit(cohort, MEMBERS)
    assert misfit is not None and misfit.fitting == 1 and not misfit.fits


def test_footprints_are_saved_whole_and_a_damaged_file_is_ignored(tmp_path: Path) -> None:
    file = tmp_path / "state" / "footprints.json"
    kept = FileFootprints(file)
    one = Footprint(3, 1, 0.5, 2, 3, 4, 5, at=9.0)
    kept.put("pond-1", one)
    kept.put_rate(5.5)
    assert FileFootprints(file).get("pond-1") == one and FileFootprints(file).rate() == 5.5
    assert kept.get("pond-2") is None
    file.write_text("{")
    assert kept.get("pond-1") is None and kept.rate() == 0
    kept.put("pond-2", one)
    assert kept.get("pond-2") == one
    assert [entry.name for entry in file.parent.iterdir()] == ["footprints.json"]
    for number in range(220):
        kept.put(f"lab-{number}", Footprint(1, 1, 0, 1, 1, 1, 1, at=float(number + 10)))
    assert kept.get("lab-219") is not None and kept.get("lab-0") is None
