"""Clones on a real engine: they have copies of the disks and their own networks, and are removed completely."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import docker
import pytest
from rig import STORE, Labctl, box, boxes_of, bridge, interfaces, sh, until

from labctl.app.parts import Parts
from labctl.domain.naming import instance_id, on_engine
from labctl.domain.wiring import bridge_name
from labctl.events import silent
from labctl.services.clone import Clone, Clones
from labctl.services.current import Current

pytestmark = pytest.mark.engine

MAKER = """
import sys, time
from labctl.app.parts import Parts
from labctl.events import silent
from labctl.services.clone import Clones

app = Parts()
clones = Clones(app.engine, app.keeper, app.images, app.locks, int(sys.argv[1]))
print("begun", flush=True)
current = app.finder.find(app.settings.learner, "mini")
with clones.images(current, silent) as images, clones.clone(current, images, silent):
    print("up", flush=True)
    time.sleep(60)
"""
"""A program that makes a clone and waits; its argument is how long that may live."""


class World:
    """The instance of a learner, and functions of this process to clone it."""

    def __init__(self, engine: docker.DockerClient, labctl: Labctl) -> None:
        self.engine = engine
        self.labctl = labctl
        self.instance = instance_id("mini", labctl.learner)
        self.remembered: set[str] = set()
        self.app = Parts()
        self.clones = Clones(self.app.engine, self.app.keeper, self.app.images, self.app.locks)

    @property
    def current(self) -> Current:
        return self.app.finder.find(self.labctl.learner, "mini")

    @contextmanager
    def cloned(self) -> Iterator[Clone]:
        with (
            self.clones.images(self.current, silent) as images,
            self.clones.clone(self.current, images, silent) as clone,
        ):
            yield clone

    def original(self, name: str) -> docker.models.containers.Container:
        return box(self.engine, self.labctl.learner, name)

    def of(self, clone: Clone, name: str) -> docker.models.containers.Container:
        return self.engine.containers.get(clone.current.ids()[name])

    def images(self) -> list[dict[str, object]]:
        label = f"labctl.clone={on_engine(self.instance, STORE)}"
        found: list[dict[str, object]] = self.engine.api.images(filters={"label": label})
        return found

    def only_the_original(self) -> bool:
        """The instance runs, and no container, image or bridge of a clone exists."""
        found = {one.name.rpartition(".")[2]: one.labels for one in boxes_of(self.engine, self.labctl.learner)}
        return (
            sorted(found) == ["alpha", "beta"]
            and not any("labctl.clone" in labels for labels in found.values())
            and not self.images()
            and self.own_bridges() == {bridge(self.labctl.learner)}
        )

    def own_bridges(self) -> set[str]:
        """The bridges of the instance, and those of its remembered clones."""
        return {bridge(self.labctl.learner), *self.remembered} & interfaces(self.engine)

    def remember(self) -> None:
        """Remember the bridges of the present clones."""
        instances = {one.on_engine for one in self.app.engine.clones(self.instance)}
        self.remembered |= {bridge_name(instance, "lan") for instance in instances}


@pytest.fixture
def world(engine: docker.DockerClient, mini: Labctl, monkeypatch: pytest.MonkeyPatch) -> World:
    for name, value in mini.environment.items():
        monkeypatch.setenv(name, value)
    return World(engine, mini)


@contextmanager
def maker(world: World, lifetime: int) -> Iterator[subprocess.Popen[str]]:
    """Start another program that makes a clone, and don't wait for it."""
    with subprocess.Popen(
        [sys.executable, "-c", MAKER, str(lifetime)],
        env=world.labctl.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def read(process: subprocess.Popen[str], wanted: str) -> None:
    """Read its output until this line."""
    assert process.stdout is not None
    for line in process.stdout:
        if line.strip() == wanted:
            return
    assert process.stderr is not None
    pytest.fail(process.stderr.read())


def pings(container: docker.models.containers.Container, address: str) -> bool:
    return sh(container, f"ping -c1 -W1 {address}")[0] == 0


def test_a_clone_copies_the_boxes_and_shares_nothing(world: World) -> None:
    """The copy has the learner's files from before. Later changes in one of the two are not seen in the other."""
    original = world.original("alpha")
    sh(original, "echo mine > /root/file; echo changed > /etc/labctl/question; chmod 600 /root/file; rm /etc/motd")
    with world.cloned() as clone:
        copy = world.of(clone, "alpha")
        assert sh(copy, "cat /root/file; stat -c %a /root/file; ls /etc/motd 2>/dev/null") == (2, "mine\n600\n")
        assert sh(copy, "cat /etc/labctl/question")[1] == "changed\n", "a learner's file was unpacked again"
        assert sh(copy, "hostname; systemctl is-system-running")[1].split() == ["alpha", "running"]
        sh(copy, "echo copy > /root/file; echo more > /root/more")
        sh(original, "echo late > /root/late")
        assert sh(original, "cat /root/file; ls /root")[1].split() == ["mine", "file", "late"]
        assert sh(copy, "ls /root")[1].split() == ["file", "more"]


def test_boxes_of_a_clone_reach_each_other_and_not_the_original(world: World) -> None:
    with world.cloned() as clone:
        world.remember()
        copy = world.of(clone, "alpha")
        assert pings(copy, "10.10.10.12") and pings(copy, "beta")
        clone.off("beta")
        assert not pings(copy, "10.10.10.12"), "that was beta of the original"
        assert pings(world.original("alpha"), "beta")
    until(world.only_the_original, "nothing is left of the clone")


def test_two_clones_of_the_same_images_run_at_once(world: World) -> None:
    with world.clones.images(world.current, silent) as images:

        def work(word: str) -> str:
            with world.clones.clone(world.current, images, silent) as clone:
                world.remember()
                sh(world.of(clone, "beta"), f"echo {word} > /root/word")
                assert pings(world.of(clone, "alpha"), "beta")
                clone.reboot("beta")
                assert pings(world.of(clone, "alpha"), "beta")
                return sh(world.of(clone, "beta"), "cat /root/word")[1].strip()

        with ThreadPoolExecutor(2) as pool:
            assert list(pool.map(work, ("one", "two"))) == ["one", "two"]
        assert len(world.images()) == 2
    until(world.only_the_original, "nothing is left of the clones")


def test_a_clone_of_a_clone_has_the_changes_of_the_first_clone(world: World) -> None:
    """A verify on a clone makes such a clone for checks that change the boxes."""
    with world.cloned() as clone:
        sh(world.of(clone, "alpha"), "echo clone > /root/word")
        with (
            world.clones.images(clone.current, silent) as images,
            world.clones.clone(clone.current, images, silent) as other,
        ):
            world.remember()
            copy = world.of(other, "alpha")
            assert sh(copy, "cat /root/word; hostname")[1].split() == ["clone", "alpha"]
            assert pings(copy, "beta") and pings(world.of(clone, "alpha"), "beta")
            sh(copy, "echo copy > /root/word")
        assert sh(world.of(clone, "alpha"), "cat /root/word")[1] == "clone\n"
        assert len(world.images()) == 2
    until(world.only_the_original, "nothing is left of the clones")


def test_a_clones_boxes_can_be_rebooted_and_lose_power(world: World) -> None:
    unit = "[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/bin/true\nExecStop=/bin/touch /root/shut-down\n"
    sh(
        world.original("alpha"),
        f"printf '{unit}[Install]\nWantedBy=multi-user.target\n' > /etc/systemd/system/w.service",
    )
    sh(world.original("alpha"), "systemctl enable w")
    with world.cloned() as clone:
        copy = world.of(clone, "alpha")
        assert sh(copy, "systemctl is-active w")[1].strip() == "active"
        for _ in range(3):
            clone.off("alpha")
            clone.on("alpha")
            assert sh(copy, "ls /root/shut-down")[0] != 0, "it had time to shut down"
            assert sh(copy, "systemctl is-system-running")[1].strip() == "running"
        clone.reboot("alpha")
        assert sh(copy, "ls /root/shut-down")[0] == 0, "it had no time to shut down"
        assert sh(copy, "systemctl is-system-running")[1].strip() == "running"
        assert pings(copy, "beta")
    assert sh(world.original("alpha"), "ls /root/shut-down")[0] != 0


def test_an_error_in_a_check_leaves_no_clone(world: World) -> None:
    def fail() -> None:
        with world.cloned():
            world.remember()
            raise RuntimeError("a bug in a check")

    with pytest.raises(RuntimeError):
        fail()
    assert len(world.remembered) == 1
    until(world.only_the_original, "nothing is left of the clone")


@pytest.mark.parametrize("after", [0.0, 0.15, 0.3, 0.6, 0.9, 1.2, 2.0])
def test_ctrl_c_at_any_moment_leaves_no_clone(world: World, after: float) -> None:
    with maker(world, 900) as process:
        read(process, "begun")
        with pytest.raises(subprocess.TimeoutExpired):
            process.communicate(timeout=after)
        world.remember()
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
        assert process.returncode in (-signal.SIGINT, 130)
    until(world.only_the_original, "nothing is left of the clone")


def test_a_clone_whose_maker_was_killed_is_removed_by_the_keeper(world: World) -> None:
    with maker(world, 6) as process:
        read(process, "up")
        expires = time.time() + 6
        world.remember()
        process.kill()
    assert len(boxes_of(world.engine, world.labctl.learner)) == 4
    assert len(world.images()) == 2
    # The keeper looks for such clones when it starts, and once a minute.
    until(lambda: time.time() > expires, "the clone expires")
    world.engine.containers.get("labctl-keeper").restart(timeout=5)
    until(world.only_the_original, "the keeper removed the clone")
    assert pings(world.original("alpha"), "beta")


def test_the_next_clone_removes_a_clone_of_a_killed_labctl(world: World) -> None:
    with maker(world, 2) as process:
        read(process, "up")
        expires = time.time() + 2
        world.remember()
        process.kill()
    until(lambda: time.time() > expires, "the clone expires")
    world.clones.sweep(world.instance)
    until(world.only_the_original, "the sweep removed the clone")


def test_commands_ignore_clones_and_down_removes_them(world: World) -> None:
    labctl = world.labctl
    before = labctl.run("status", "--json").stdout
    with maker(world, 900) as process:
        read(process, "up")
        world.remember()
        process.kill()
    after = labctl.run("status", "--json").stdout
    assert [item["id"] for item in json.loads(after)] == [item["id"] for item in json.loads(before)]
    assert len(labctl.run("status").stdout.splitlines()) == 3
    assert "nothing to do" in labctl.run("up", "mini").stdout
    assert labctl.run("exec", "alpha", "--", "hostname").stdout == "alpha\n"
    assert "sha256" not in labctl.run("images", "list").stdout
    assert "2 boxes removed" in labctl.run("down", "mini").stdout
    assert boxes_of(world.engine, labctl.learner) == [] and world.images() == []
    until(lambda: not world.own_bridges(), "the bridges are gone")


def test_down_all_removes_clones_without_an_original(world: World) -> None:
    with maker(world, 900) as process:
        read(process, "up")
        process.kill()
    for name in ("alpha", "beta"):
        world.original(name).remove(force=True)
    world.labctl.run("down", "--all")
    assert boxes_of(world.engine, world.labctl.learner) == [] and world.images() == []


HOLDER = """
import sys, time
from labctl.app.parts import Parts

app = Parts()
with app.keeper.hold(app.finder.find(app.settings.learner, "mini").ids()) as weights:
    fine = all(0 < each.size < 1 << 30 and each.whole and each.free > 0 for each in weights.values())
    print(sorted(weights), fine, flush=True)
    time.sleep(60)
"""


def paused(world: World) -> list[bool]:
    ids = world.current.ids().values()
    return [world.engine.containers.get(box_id).attrs["State"]["Paused"] for box_id in ids]


def marks(world: World) -> list[docker.models.volumes.Volume]:
    return list(world.engine.volumes.list(filters={"label": "labctl.role=held"}))


def test_boxes_are_paused_together_and_resume_if_labctl_is_killed(world: World) -> None:
    world.engine.containers.get(world.current.ids()["beta"]).stop()
    try:
        world.app.keeper.ensure()
        argv = [sys.executable, "-c", HOLDER]
        holder = subprocess.Popen(argv, env=world.labctl.environment, stdout=subprocess.PIPE, text=True)
        assert holder.stdout is not None
        assert holder.stdout.readline() == "['alpha', 'beta'] True\n"
        assert paused(world) == [True, False], "a stopped box is measured, too"
        holder.kill()
        holder.wait()
        until(lambda: paused(world) == [False, False], "the boxes resume")
    finally:
        world.labctl.run("start")


def test_a_restarted_keeper_resumes_only_boxes_paused_by_labctl(world: World) -> None:
    beta = world.original("beta")
    world.app.keeper.ensure()
    beta.pause()
    try:
        argv = [sys.executable, "-c", HOLDER]
        with subprocess.Popen(argv, env=world.labctl.environment, stdout=subprocess.PIPE, text=True) as holder:
            assert holder.stdout is not None
            assert holder.stdout.readline() == "['alpha', 'beta'] True\n"
            assert paused(world) == [True, True] and len(marks(world)) == 1
            holder.send_signal(signal.SIGSTOP)  # only the keeper can resume the box
            world.engine.containers.get("labctl-keeper").restart(timeout=0)
            until(lambda: paused(world)[0] is False, "the box resumes")
            holder.kill()
        assert paused(world) == [False, True], "an operator's pause was undone"
        until(lambda: not marks(world), "the mark is removed")
    finally:
        beta.unpause()


def test_paused_boxes_resume_if_the_keeper_is_removed(world: World) -> None:
    world.app.keeper.ensure()
    with world.app.keeper.hold(world.current.ids()):
        world.engine.containers.get("labctl-keeper").remove(force=True)
        assert paused(world) == [True, True]
        began = time.monotonic()
    assert paused(world) == [False, False]
    assert time.monotonic() - began < 30, "labctl waited for the end of a dead command"
    world.app.keeper.ensure()
    until(lambda: not marks(world), "the mark is removed")


def test_boxes_resume_after_their_images_are_made(world: World) -> None:
    with world.clones.images(world.current, silent):
        states = [one.attrs["State"] for one in boxes_of(world.engine, world.labctl.learner)]
    assert all(state["Running"] and not state["Paused"] for state in states)
