"""Judging again after a change, and only then. The test sets the clock and the boxes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from samples import failed, make_lab, passed

from labctl.domain.site import RunningBox, Site
from labctl.domain.verdict import Attempt, CheckResult, judge
from labctl.errors import UsageError
from labctl.services import watch
from labctl.services.verify import Verified
from labctl.services.watch import Watch

LAB = make_lab()
RIGHT = [passed("listen"), passed("auth")]
HALF = [passed("listen"), failed("auth")]
WRONG = [failed("listen"), failed("auth")]


class Clock:
    """A clock that advances when somebody waits."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


class World:
    """An instance whose check results change at given moments. A verify takes half a second."""

    def __init__(self, clock: Clock, states: dict[float, list[CheckResult]], events: list[float]) -> None:
        self.clock = clock
        self.states = states
        self.events = sorted(events)
        self.runs: list[float] = []
        self.kept: list[float] = []
        self.down: tuple[float, float] = (-1.0, -1.0)
        self.prepared = 0

    # the part of Verify that Watch uses
    def site(self, _current: object) -> Site:
        if self.down[0] <= self.clock.now < self.down[1]:
            raise UsageError("the box {box} is stopped", box="master")
        start = 2 if 0 <= self.down[1] <= self.clock.now else 1
        return Site("pond.lucy", {"master": RunningBox("id", start, str(start))})

    def prepare(self) -> None:
        self.prepared += 1

    def run(
        self, current: object, _only: object, keep: Callable[[Attempt], bool], by: str, **_more: object
    ) -> Verified:
        self.site(current)
        assert by == "learner"
        self.runs.append(self.clock.now)
        checks = self.states[max(moment for moment in self.states if moment <= self.clock.now)]
        self.clock.now += 0.5
        attempt = Attempt("pond.lucy", "pond", "lucy", "seed", self.clock.now, 0.5, judge(LAB, checks))
        if keep(attempt):
            self.kept.append(self.runs[-1])
        return Verified(attempt, len(self.kept), None)

    # the part of the watcher that Watch uses
    @contextmanager
    def watch(self, _site: Site) -> Iterator[Callable[[float], bool]]:
        yield self.wait

    def wait(self, seconds: float) -> bool:
        ahead = [event for event in self.events if event <= self.clock.now + seconds]
        if ahead:
            self.clock.now = max(self.clock.now, ahead[-1] if ahead[-1] <= self.clock.now else ahead[0])
            self.events = [event for event in self.events if event > self.clock.now]
            return True
        self.clock.now += seconds
        if self.clock.now > 10_000:
            raise KeyboardInterrupt
        return False


def watched(world: World) -> Attempt:
    """Watch until the end; return the resulting attempt."""
    service: Any = Watch(world, world)  # type: ignore[arg-type]
    result: Attempt = service.run(lambda: world, None, lambda _current, _verified: None)
    return result


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(watch, "time", made)
    return made


def test_a_solved_lab_is_judged_once(clock: Clock) -> None:
    world = World(clock, {0: RIGHT}, [])
    assert watched(world).points == 15
    assert world.runs == [0]


def test_a_change_triggers_a_judgement_and_a_limited_number_of_repeats(clock: Clock) -> None:
    world = World(clock, {0: WRONG}, [100.0])
    with pytest.raises(KeyboardInterrupt):
        watched(world)
    before = [moment for moment in world.runs if moment < 100]
    after = [moment for moment in world.runs if moment >= 100]
    assert before[0] == 0
    assert before[-1] <= 9
    assert 100 < after[0] <= 100 + watch.LONGEST_SECONDS
    assert after[-1] <= 110
    assert len(after) <= 1 + len(watch.LATER_SECONDS)


def test_a_fix_is_noticed_within_two_seconds(clock: Clock) -> None:
    world = World(clock, {0: WRONG, 60.0: RIGHT}, [60.0])
    watched(world)
    assert clock.now <= 62


def test_a_slow_service_is_judged_again_without_another_change(clock: Clock) -> None:
    world = World(clock, {0: WRONG, 65.0: RIGHT}, [60.0])
    assert watched(world).points == 15
    assert clock.now <= 70


def test_changes_in_quick_succession_are_judged_as_one(clock: Clock) -> None:
    world = World(clock, {0: WRONG, 61.0: RIGHT}, [60.0 + n / 20 for n in range(21)])
    watched(world)
    assert len([moment for moment in world.runs if moment >= 60]) <= 3


def test_only_changed_results_are_stored(clock: Clock) -> None:
    world = World(clock, {0: WRONG, 50.0: HALF, 90.0: RIGHT}, [20.0, 50.0, 70.0, 90.0])
    watched(world)
    assert len(world.runs) > 3
    assert len(world.kept) == 3


def test_a_rebooting_box_is_waited_for_and_watched_again(clock: Clock) -> None:
    world = World(clock, {0: WRONG, 25.0: RIGHT}, [20.0])
    world.down = (20.0, 24.0)
    assert watched(world).points == 15


def test_a_box_that_stays_down_ends_the_watch(clock: Clock) -> None:
    world = World(clock, {0: WRONG}, [20.0])
    world.down = (20.0, 2000.0)
    with pytest.raises(UsageError):
        watched(world)
    assert clock.now < 20 + 2 * watch.REBOOT_SECONDS


def test_a_child_is_prepared_for_the_next_judgement(clock: Clock) -> None:
    world = World(clock, {0: WRONG, 60.0: RIGHT}, [60.0])
    watched(world)
    assert world.prepared >= len(world.runs) - 1
