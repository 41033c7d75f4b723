"""Which boxes are stopped for the data that they wrote, and when each is measured. The test plays the measurer."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labctl.keeper.disk import DiskVerdict, Quota, most_watchers
from labctl.keeper.engine import Container
from labctl.keeper.measure import UNREAD, Measure, MeasureOrder
from labctl.keeper.messages import GRACE_SECONDS
from labctl.keeper.notes import NoteTeller, Voice
from labctl.keeper.survey import Measurer, Survey, _Place

MIB = 1 << 20
LIMIT = 100 * MIB


class Judge:
    def __init__(self) -> None:
        self.quota = Quota()

    def __call__(self, used: int, now: float, *, whole: bool = True) -> DiskVerdict:
        return self.quota.judge("box", LIMIT, used, whole=whole, now=now)


@pytest.mark.parametrize(
    ("used", "verdict"),
    [
        (0, DiskVerdict.FINE),
        (90, DiskVerdict.FINE),
        (91, DiskVerdict.SOON),
        (100, DiskVerdict.SOON),
        (101, DiskVerdict.OVER),
    ],
)
def test_a_box_is_warned_near_its_limit_and_stopped_above_it(used: int, verdict: DiskVerdict) -> None:
    assert Judge()(used * MIB, 0.0) is verdict
    assert verdict.ends == (verdict is DiskVerdict.OVER)


def test_a_restarted_box_has_a_grace_period_to_free_space() -> None:
    judge = Judge()
    assert judge(150 * MIB, 0.0) is DiskVerdict.OVER
    judge.quota.started("box", 100.0)
    assert judge(155 * MIB, 101.0) is DiskVerdict.FINE
    assert judge(150 * MIB, 100.0 + GRACE_SECONDS - 1) is DiskVerdict.FINE
    assert judge(150 * MIB, 100.0 + GRACE_SECONDS) is DiskVerdict.OVER


def test_a_box_that_freed_space_is_judged_normally() -> None:
    judge = Judge()
    judge(150 * MIB, 0.0)
    judge.quota.started("box", 100.0)
    assert judge(50 * MIB, 110.0) is DiskVerdict.FINE
    assert judge(50 * MIB, 300.0) is DiskVerdict.FINE
    assert judge(101 * MIB, 310.0) is DiskVerdict.OVER
    judge.quota.forget("box")


def test_a_restarted_box_that_keeps_writing_is_stopped_at_once() -> None:
    judge = Judge()
    judge(150 * MIB, 0.0)
    judge.quota.started("box", 100.0)
    assert judge(150 * MIB, 101.0) is DiskVerdict.FINE
    assert judge(161 * MIB, 105.0) is DiskVerdict.OVER


def test_data_written_during_a_stop_does_not_stop_the_box_at_its_next_start() -> None:
    """A disk writes a GiB in the second that a stop takes. Without this rule the learner could never free space."""
    judge = Judge()
    judge(150 * MIB, 0.0)
    judge.quota.started("box", 100.0)
    assert judge(900 * MIB, 101.0) is DiskVerdict.FINE
    assert judge(911 * MIB, 105.0) is DiskVerdict.OVER


def test_a_service_that_writes_from_boot_is_given_few_restarts() -> None:
    judge, used = Judge(), 150
    judge(used * MIB, 0.0)
    for start in range(1, 6):
        used += 500
        judge.quota.started("box", 100.0 * start)
        assert judge(used * MIB, 100.0 * start + 1) is (DiskVerdict.FINE if start <= 3 else DiskVerdict.OVER)
        assert judge((used + 100) * MIB, 100.0 * start + 5) is DiskVerdict.OVER


def test_too_many_files_stop_a_box_and_a_restart_allows_a_cleanup() -> None:
    judge = Judge()
    assert judge(MIB, 0.0, whole=False) is DiskVerdict.FILES
    judge.quota.started("box", 10.0)
    assert judge(MIB, 20.0, whole=False) is DiskVerdict.FINE
    assert judge(200 * MIB, 30.0, whole=False) is DiskVerdict.FILES
    judge.quota.started("box", 40.0)
    assert judge(MIB, 40.0 + GRACE_SECONDS, whole=False) is DiskVerdict.FILES


@given(st.lists(st.tuples(st.integers(0, 400), st.integers(0, 200), st.booleans()), max_size=40))
def test_no_sequence_of_starts_and_writes_far_exceeds_the_limit(steps: list[tuple[int, int, bool]]) -> None:
    """A box that was stopped holds at most a tenth of its limit more than at that stop or at one of its first starts,
    until it frees space."""
    judge = Judge()
    now, most, chances = 0.0, 0, 3
    for used, wait, restart in steps:
        now += wait
        if restart:
            judge.quota.started("box", now)
        verdict = judge(used * MIB, now)
        if used * MIB <= LIMIT:
            assert not verdict.ends
            if not judge.quota._over:
                most, chances = 0, 3
        elif verdict.ends:
            most = most or used * MIB
        elif used * MIB > most + LIMIT // 10:
            assert restart and most and chances, "only a first measurement after a start may find more"
            most, chances = used * MIB, chances - 1


class World:
    """A survey of boxes that are numbers: how much they wrote, and how long a measurement takes."""

    def __init__(self) -> None:
        self.boxes: dict[str, Container] = {}
        self.written: dict[str, int] = {}
        self.watching: dict[str, int] = {}
        self.seconds: dict[str, float] = {}
        self.deep_seconds: dict[str, float] = {}
        self.asked: list[tuple[float, MeasureOrder]] = []
        self.answers: list[Measure] = []
        self.killed: list[str] = []
        self.told: list[tuple[str, str]] = []
        self.space = 10**12
        self.dead = False
        self.closed = 0
        self.clock = 0.0
        self.noted: list[tuple[str, str]] = []
        notes = NoteTeller(Voice(self.note), self)
        self.survey = Survey(cast("Measurer", self), notes, self, self.place, lambda _place: self.space)

    def add(self, name: str, written: int = 0, *, disk: str = str(LIMIT), pid: int = 7) -> None:
        self.boxes[name] = Container(name, pid, {"labctl.disk": disk, "labctl.box": name}, True, ("/hosts",))
        self.written[name] = written

    def place(self, box: Container, limit: int, clock: float) -> _Place:
        if box.id == "odd":
            raise OSError("no overlay")
        return _Place(box.pid, limit, "/root", f"/{box.id}", cast("Any", self), clock)

    def pids(self) -> list[int]:
        return [7, 8]

    def note(self, line: str) -> None:
        said = json.loads(line)
        if "note" in said:
            self.noted.append((said["note"], said["id"]))

    def write(self, box: Container, text: str) -> None:
        self.told.append((box.id, text))

    def kill(self, container_id: str) -> None:
        self.killed.append(container_id)

    def ask(self, order: MeasureOrder) -> None:
        self.asked.append((self.clock, order))
        watchers = self.watching.get(order.id, 0) if order.pids else -1
        deep = self.deep_seconds.get(order.id, 0.0005) if order.pids else 0.0
        seconds = self.seconds.get(order.id, 0.001) + deep
        found = Measure(order.id, self.written[order.id], True, watchers, seconds, deep)
        self.answers.append(found)

    def read(self) -> list[Measure]:
        if self.dead:
            raise OSError("died")
        found, self.answers = self.answers, []
        return found

    def close(self) -> None:
        self.closed += 1
        self.answers.clear()

    def run(self, seconds: int) -> None:
        """Run the keeper's loop: a tick every second, and the measurer's answers as they arrive."""
        for _ in range(seconds):
            self.survey.tick(self.boxes, 1e9 + self.clock, self.clock)
            while self.answers or (self.dead and self.survey._asked):
                self.survey.on_measures(1e9 + self.clock, self.clock)
            self.clock += 1

    def gaps(self, name: str) -> list[float]:
        times = [clock for clock, order in self.asked if order.id == name]
        return [after - before for before, after in itertools.pairwise(times)]


@pytest.fixture
def world() -> World:
    return World()


def test_every_box_with_a_limit_is_measured_every_ten_seconds(world: World) -> None:
    for number in range(300):
        world.add(f"box{number}")
    world.seconds["box7"] = 2.0
    world.run(60)
    for number in range(300):
        assert world.gaps(f"box{number}") and max(world.gaps(f"box{number}")) < 10
    assert min(world.gaps("box7")) >= 8


def test_boxes_without_a_limit_are_not_measured(world: World) -> None:
    world.add("free", 10**15, disk="0")
    world.add("odd", 10**15)
    world.add("wrong", 10**15, disk="many")
    world.run(30)
    assert not world.asked and not world.killed


def test_an_unmeasurable_box_is_reported_and_not_treated_as_empty(world: World) -> None:
    """The root of the box is not an overlay, or its layer can't be opened at its path."""
    world.add("odd")
    world.add("elsewhere", UNREAD)
    world.run(30)
    assert sorted(world.noted) == [("disk-unknown", "elsewhere"), ("disk-unknown", "odd")]
    assert not world.killed


def test_a_stopped_box_is_measured_first_at_its_start_until_it_is_cleared(world: World) -> None:
    world.add("full", LIMIT + 1)
    world.add("fine")
    world.run(3)
    assert world.killed == ["full"]
    assert world.survey.is_urgent("full") and not world.survey.is_urgent("fine")
    world.survey.forget("full")
    assert not world.survey.is_urgent("full")


def test_a_box_above_its_limit_is_warned_then_stopped_and_not_measured_again(world: World) -> None:
    world.add("full")
    world.add("fine")
    world.run(5)
    world.written["full"] = LIMIT + 1
    world.run(30)
    assert world.killed == ["full"]
    ((name, text),) = world.told
    assert name == "full" and "100 MiB" in text and "现在停止" in text
    assert world.gaps("fine")


def test_a_box_near_its_limit_is_warned_once(world: World) -> None:
    world.add("near", 95 * MIB)
    world.run(300)
    assert not world.killed and len(world.told) == 1 and "95 MiB of the 100 MiB" in world.told[0][1]


def test_a_drop_of_free_space_measures_all_boxes_and_their_deleted_files(world: World) -> None:
    for name in "abc":
        world.add(name)
    world.run(2)
    before = len(world.asked)
    world.space -= 65 * MIB
    world.run(1)
    assert [(order.id, order.pids) for _, order in world.asked[before:]] == [(name, (7, 7, 8)) for name in "abc"]
    world.space += 10**9
    world.run(1)
    assert len(world.asked) == before + 3


def test_deleted_files_are_measured_less_often_only_if_this_takes_long(world: World) -> None:
    """A learner who fills the disk while the same amount is removed elsewhere does not make the free space smaller."""
    for name in ("light", "heavy", "monster"):
        world.add(name)
    world.deep_seconds |= {"heavy": 0.4, "monster": 6.0}
    world.run(200)
    for name, longest in (("light", 5), ("heavy", 16), ("monster", 69)):
        deep = [clock for clock, order in world.asked if order.id == name and order.pids]
        assert max(after - before for before, after in itertools.pairwise(deep)) <= longest
        assert max(world.gaps(name)) < 10
    assert len([order for _, order in world.asked if order.id == "monster" and order.pids]) < 5


def test_a_drop_of_free_space_during_a_measurement_triggers_another_one(world: World) -> None:
    world.add("a")
    world.deep_seconds["a"] = 6.0
    world.survey.tick(world.boxes, 1e9, 0.0)
    world.space -= 65 * MIB
    world.survey.tick(world.boxes, 1e9 + 1, 1.0)
    world.clock = 1.0
    world.survey.on_measures(1e9 + 1, 1.0)
    assert [(clock, bool(order.pids)) for clock, order in world.asked] == [(0.0, True), (1.0, True)]


def test_a_box_that_uses_all_inotify_instances_is_stopped(world: World) -> None:
    world.add("a")
    world.watching["a"] = most_watchers() + 1
    world.run(70)
    assert world.killed == ["a"] and f"{most_watchers() + 1} inotify" in world.told[0][1]


@pytest.mark.parametrize(("all_of_root", "each"), [("128\n", 32), ("256\n", 64), ("8192\n", 128), ("10\n", 32)])
def test_a_box_may_have_a_share_of_all_inotify_instances(tmp_path: Path, all_of_root: str, each: int) -> None:
    (tmp_path / "max").write_text(all_of_root)
    assert most_watchers(tmp_path / "max") == each
    assert most_watchers(tmp_path / "none") == 128


def test_a_restarted_box_is_measured_again_and_has_its_grace_period(world: World) -> None:
    world.add("a", LIMIT + 1)
    world.run(5)
    del world.boxes["a"]
    world.run(1)
    world.add("a", LIMIT + 1, pid=8)
    world.run(GRACE_SECONDS - 10)
    assert world.killed == ["a"]
    world.run(20)
    assert world.killed == ["a", "a"]
    world.survey.forget("a")


def test_a_measurer_that_dies_twice_at_a_box_blames_the_box(world: World) -> None:
    world.add("monster")
    world.dead = True
    world.run(1)
    assert not world.killed
    world.run(10)
    assert world.killed == ["monster"] and "too many files" in world.told[0][1]


def test_a_measurer_that_dies_once_blames_no_box(world: World) -> None:
    world.add("a")
    world.dead = True
    world.run(1)
    world.dead = False
    world.run(10)
    world.dead = True
    world.run(1)
    world.dead = False
    world.run(10)
    assert not world.killed


def test_a_measurer_that_never_answers_is_killed(world: World) -> None:
    world.add("a")
    world.survey.tick(world.boxes, 1e9, 0.0)
    world.answers.clear()
    world.survey.tick(world.boxes, 1e9 + 31, 31.0)
    assert world.closed == 1 and not world.killed
