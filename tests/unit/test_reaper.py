"""What the keeper stops and removes, and that it never ends a box in use."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labctl.adapters.checks.channel import ARGV
from labctl.domain import wiring
from labctl.domain.toolbox import TOOLBOX
from labctl.keeper.engine import Container, EngineEvent, Image
from labctl.keeper.notes import NoteTeller, Voice
from labctl.keeper.reaper import OWN_COMMANDS, Reaper

BEGAN = 1000.0
OWN = " ".join(ARGV)
SHELL = "bash -l"


@dataclass
class FakeEngine:
    """Implements EnginePort and Ends. The engine refuses every change of the boxes in ``busy``."""

    all: dict[str, Container] = field(default_factory=dict)
    all_images: dict[str, Image] = field(default_factory=dict)
    execs: dict[str, list[str]] = field(default_factory=dict)
    busy: set[str] = field(default_factory=set)
    stopped: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    asked: int = 0
    all_spared: dict[str, Mapping[str, str]] = field(default_factory=dict)

    def spared(self) -> dict[str, Mapping[str, str]]:
        return dict(self.all_spared)

    def remove_volume(self, name: str) -> None:
        if name in self.busy:
            raise OSError("409 conflict")
        del self.all_spared[name]

    def inspect(self, container_id: str) -> Container | None:
        self.asked += 1
        box = self.all.get(container_id)
        return replace(box, pid=7) if box and box.running else box

    def containers(self, labels: Mapping[str, str]) -> list[Container]:
        return [box for box in self.all.values() if labels.items() <= box.labels.items()]

    def commands(self, container_id: str) -> list[str]:
        if container_id in self.busy:
            raise OSError("500 busy")
        return self.execs.get(container_id, [])

    def images(self, labels: Mapping[str, str]) -> list[Image]:
        return [image for image in self.all_images.values() if labels.items() <= image.labels.items()]

    def remove_image(self, image_id: str) -> None:
        if image_id in self.busy:
            raise OSError("409 conflict")
        del self.all_images[image_id]
        self.removed.append(image_id)

    def stop(self, container_id: str) -> None:
        self.stopped.append(container_id)
        self.all[container_id] = replace(self.all[container_id], running=False)

    def remove(self, container_id: str) -> None:
        if container_id not in self.busy:
            del self.all[container_id]
            self.removed.append(container_id)


class FakeTerminals:
    """Records the texts written to each box."""

    def __init__(self) -> None:
        self.written: list[tuple[str, str]] = []

    def write(self, box: Container, text: str) -> None:
        assert box.pid
        self.written.append((box.id, text))


class World:
    """A reaper with its engine and its terminals."""

    def __init__(self) -> None:
        self.engine = FakeEngine()
        self.terminals = FakeTerminals()
        self.said: list[str] = []
        self.notes = NoteTeller(Voice(self.said.append), self.terminals)
        self.reaper = Reaper(self.engine, self.engine, self.notes, BEGAN)

    def box(self, name: str, *, running: bool = True, instance: str = "pond.lucy", **labels: object) -> None:
        known = {f"labctl.{key}": str(value) for key, value in labels.items()}
        own = {wiring.LABEL_ROLE: wiring.ROLE_BOX, wiring.LABEL_INSTANCE: instance, wiring.LABEL_BOX: name}
        self.engine.all[name] = Container(name, 0, {**own, **known}, running)

    def happen(self, action: str, name: str, now: float, exec_id: str = "") -> None:
        self.reaper.on_event(EngineEvent(action, name, {**self.engine.all[name].labels, "execID": exec_id}), now)


@pytest.fixture
def world() -> World:
    return World()


def test_only_expired_boxes_are_stopped(world: World) -> None:
    for name, expires in {"early": 99, "now": 100, "later": 101, "never": 0, "odd": "soon", "arabic": "\u0669"}.items():
        world.box(name, expires=expires)
    world.box("stopped", running=False, expires=1)
    world.reaper.tick(100.0)
    assert sorted(world.engine.stopped) == ["early", "now"]
    assert not world.engine.removed
    assert {name for name, text in world.terminals.written if "is over" in text} == {"early", "now"}


def test_boxes_being_judged_are_spared_until_the_end_of_judging(world: World) -> None:
    for name, instance in {"alpha": "pond.li", "beta": "pond.li", "gamma": "pond.wang"}.items():
        world.box(name, instance=instance, expires=100, grace=50)
    world.box("idle", instance="pond.zhao", idle=10)
    for number, instance in enumerate(("pond.li", "pond.li", "pond.zhao", "pond.nobody")):
        labels = {wiring.LABEL_INSTANCE: instance, wiring.LABEL_EXPIRES: str(2000 + number)}
        world.engine.all_spared[f"spared{number}"] = labels
    world.reaper.tick(1500.0)
    assert world.engine.stopped == ["gamma"] and not world.engine.removed
    world.reaper.tick(2000.0)
    assert world.engine.stopped == ["gamma"], "another judging continues"
    assert sorted(world.engine.all_spared) == ["spared1", "spared2", "spared3"], "expired marks are removed"
    world.engine.busy.add("spared1")
    world.reaper.tick(2001.0)
    assert world.engine.stopped == ["gamma", "alpha", "beta"], "even if the engine keeps the volume"
    world.engine.all_spared.clear()
    world.reaper.tick(2002.0)
    assert world.engine.stopped[-1] == "idle"
    assert sorted(world.engine.removed) == ["alpha", "beta", "gamma"]


def test_expired_boxes_are_removed_after_their_grace_period_if_they_have_one(world: World) -> None:
    world.box("graceful", expires=100, grace=50)
    world.box("eternal", expires=100)
    world.reaper.tick(100.0)
    world.reaper.tick(149.0)
    assert not world.engine.removed
    world.reaper.tick(150.0)
    assert world.engine.removed == ["graceful"]
    assert "eternal" in world.engine.all


def test_a_running_box_past_its_grace_period_is_stopped_before_it_is_removed(world: World) -> None:
    """The keeper did not run, or the clock was wrong."""
    world.box("old", expires=100, grace=50)
    world.reaper.tick(10_000.0)
    assert world.engine.stopped == ["old"] and not world.engine.removed
    world.reaper.tick(10_020.0)
    assert world.engine.removed == ["old"]


def test_a_learner_is_warned_ten_minutes_and_one_minute_before_the_end(world: World) -> None:
    world.box("box", expires=3600)
    for now in range(2900, 3600, 20):
        world.reaper.tick(float(now))
    assert [text.split("\n")[0] for _, text in world.terminals.written] == [
        "The time of this lab ends in 10 min. Then its boxes are stopped.",
        "The time of this lab ends in 1 min. Then its boxes are stopped.",
    ]
    assert not world.engine.stopped


def test_a_warning_shows_the_actual_remaining_time(world: World) -> None:
    world.box("box", expires=300)
    world.reaper.tick(100.0)
    assert "ends in 4 min" in world.terminals.written[0][1] and "4 分钟" in world.terminals.written[0][1]


def test_warning_a_class_queries_the_engine_once_per_box(world: World) -> None:
    for number in range(30):
        world.box(f"box{number}", expires=3600)
    for now in range(3000, 3500, 20):
        world.reaper.tick(float(now))
    assert world.engine.asked == 30


def clone_image(expires: int, role: str = "clone-image") -> Image:
    return Image(f"image-{role}-{expires}", {wiring.LABEL_ROLE: role, wiring.LABEL_EXPIRES: str(expires)})


def test_expired_clones_are_removed_before_their_images(world: World) -> None:
    for name, expires in {"old": 99, "new": 101, "forever": 0}.items():
        world.box(name, expires=expires, clone="pond.lucy")
    world.box("learners", expires=99, clone="")
    world.box("stopped", expires=99, clone="pond.lucy", running=False)
    found = [clone_image(99), clone_image(101), clone_image(0), clone_image(99, "image")]
    world.engine.all_images = {image.id: image for image in found}
    world.reaper.tick(100.0)
    assert world.engine.removed == ["old", "stopped", "image-clone-image-99"]
    assert world.engine.stopped == ["learners"]


def test_a_failed_removal_is_retried_and_delays_no_other(world: World) -> None:
    for name in ("one", "two"):
        world.box(name, expires=99, clone="pond.lucy")
    image = clone_image(99)
    world.engine.all_images = {image.id: image}
    world.engine.busy = {"one", image.id}
    world.reaper.tick(100.0)
    assert world.engine.removed == ["two"]
    world.engine.busy.clear()
    world.reaper.tick(120.0)
    assert world.engine.removed == ["two", "one", image.id]


def test_an_idle_instance_is_stopped_as_a_whole(world: World) -> None:
    world.box("a", idle=60)
    world.box("b", idle=60)
    world.box("c", idle=60, instance="pond.li")
    world.box("d", instance="pond.hua")
    world.happen("start", "c", BEGAN + 30)
    world.reaper.tick(BEGAN + 59)
    assert not world.engine.stopped
    world.reaper.tick(BEGAN + 60)
    assert world.engine.stopped == ["a", "b"]
    world.reaper.tick(BEGAN + 90)
    assert world.engine.stopped == ["a", "b", "c"]


def test_a_session_in_one_box_keeps_the_whole_instance(world: World) -> None:
    world.box("a", idle=60)
    world.box("b", idle=60)
    world.engine.execs["a"] = [SHELL]
    for now in range(0, 1000, 20):
        world.reaper.tick(BEGAN + now)
    assert not world.engine.stopped
    world.engine.execs.clear()
    world.happen("exec_die", "a", BEGAN + 1000, "unknown")
    world.reaper.tick(BEGAN + 1059)
    assert not world.engine.stopped
    world.reaper.tick(BEGAN + 1060)
    assert world.engine.stopped == ["a", "b"]


def test_regular_judging_does_not_count_as_use(world: World) -> None:
    world.box("a", idle=600)
    for number in range(3):
        now = BEGAN + number * 300
        world.happen(f"exec_start: {OWN}", "a", now, f"e{number}")
        world.engine.execs["a"] = [OWN, f"{TOOLBOX}/bin/systemctl is-system-running --wait"]
        world.reaper.tick(now)
        world.happen("exec_die", "a", now + 5, f"e{number}")
    assert world.engine.stopped == ["a"]


def test_labctls_own_commands_are_recognized_by_their_prefix() -> None:
    assert OWN.startswith(OWN_COMMANDS)
    assert f"{TOOLBOX}/bin/systemctl is-system-running".startswith(OWN_COMMANDS)
    assert not f"{TOOLBOX}/bin/nc -N 127.0.0.1 80".startswith(OWN_COMMANDS)


def test_events_of_other_containers_do_not_count_as_use(world: World) -> None:
    world.box("a", idle=60)
    labels = {**world.engine.all["a"].labels, wiring.LABEL_ROLE: wiring.ROLE_PROBE}
    world.reaper.on_event(EngineEvent("exec_start: bash", "probe", labels), BEGAN + 50)
    world.reaper.tick(BEGAN + 60)
    assert world.engine.stopped == ["a"]


def test_an_instance_with_unknown_use_is_kept_and_others_are_stopped(world: World) -> None:
    world.box("a", idle=60)
    world.box("b", idle=60, instance="pond.li")
    world.engine.busy = {"a"}
    world.reaper.tick(BEGAN + 60)
    assert world.engine.stopped == ["b"]


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("wait"), st.integers(1, 100), st.just("")),
        st.tuples(st.just("enter"), st.integers(0, 3), st.sampled_from([SHELL, "sh", f"{TOOLBOX}/bin/nc -N x 1"])),
        st.tuples(st.just("check"), st.integers(0, 3), st.just(OWN)),
        st.tuples(st.just("leave"), st.integers(0, 3), st.just("")),
    ),
    max_size=60,
)


@given(STEPS, st.integers(20, 200))
def test_an_instance_in_recent_use_is_never_stopped(steps: list[tuple[str, int, str]], idle: int) -> None:
    """Four boxes of two instances. Commands of a learner count from their start until ``idle`` after their end."""
    world = World()
    names = {"a": "pond.lucy", "b": "pond.lucy", "c": "pond.li", "d": "pond.li"}
    for name, instance in names.items():
        world.box(name, instance=instance, idle=idle)
    now = BEGAN
    used = dict.fromkeys(names.values(), now)
    sessions: list[tuple[str, str, str]] = []
    for number, (what, value, command) in enumerate(steps):
        name = sorted(names)[value % 4]
        if what == "wait":
            now += value
        elif what in ("enter", "check") and world.engine.all[name].running:
            sessions.append((name, command, f"e{number}"))
            world.happen(f"exec_start: {command}", name, now, f"e{number}")
        elif what == "leave" and sessions:
            gone, _, exec_id = sessions.pop(value % len(sessions))
            world.happen("exec_die", gone, now, exec_id)
            used[names[gone]] = max(used[names[gone]], now if _ != OWN else 0.0)
        world.engine.execs = {each: [c for box, c, _ in sessions if box == each] for each in names}
        for box, c, _ in sessions:
            if c != OWN:
                used[names[box]] = now
        before = set(world.engine.stopped)
        world.reaper.tick(now)
        for stopped in set(world.engine.stopped) - before:
            assert now - used[names[stopped]] >= idle
        sessions = [each for each in sessions if world.engine.all[each[0]].running]
    for name, instance in names.items():
        if now - used[instance] >= 2 * idle and not any(names[box] == instance for box, _, _ in sessions):
            world.reaper.tick(now)
            assert name in world.engine.stopped


@given(
    st.integers(0, 2000),
    st.one_of(st.none(), st.integers(0, 500)),
    st.booleans(),
    st.lists(st.integers(0, 400), max_size=12),
)
def test_no_box_is_stopped_or_removed_early(expires: int, grace: int | None, running: bool, waits: list[int]) -> None:
    world = World()
    labels: dict[str, Any] = {} if grace is None else {"grace": grace}
    world.box("box", running=running, expires=expires, **labels)
    now = 0
    for wait in waits:
        now += wait
        world.reaper.tick(float(now))
        if world.engine.stopped:
            assert 0 < expires <= now
        if world.engine.removed:
            assert grace is not None and expires > 0 and expires + grace <= now
            return
