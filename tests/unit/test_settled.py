"""``ready`` in lab.yml: its faults, the command that waits in a box, and where labctl waits."""

from __future__ import annotations

import os
import socket
import subprocess
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from fakes import FakeCatalog, FakeEngine, FakeImages, FakeKeeper, FakeLocks
from samples import lab_data, make_instance, make_lab

from labctl.domain.lab.model import Lab, ReadyWhen, faults
from labctl.events import silent
from labctl.services import settled
from labctl.services.clone import Clones
from labctl.services.current import Current, Finder
from labctl.services.power import Power
from labctl.services.settled import condition, holding, settle
from labctl.services.up import Up


def lab_with(ready: dict[str, Any], **changes: Any) -> Lab:
    boxes = {**lab_data()["boxes"], "single": {"ready": ready}}
    return make_lab(boxes=boxes, **changes)


def with_ready(**boxes: dict[str, Any]) -> Lab:
    data = lab_data()["boxes"]
    return make_lab(boxes={name: {**box, "ready": boxes[name]} if name in boxes else box for name, box in data.items()})


@pytest.mark.parametrize(
    "ready",
    [
        {"port": 6379},
        {"port": "{{ port }}", "seconds": 60},
        {"port": "{{size}}"},
        {"port": "8080"},
        {"path": "/run/{{ lab }}/{{ port }}.sock"},
        {"command": "redis-cli -h {{ master_address }} ping"},
    ],
)
def test_a_box_says_when_it_is_ready(ready: dict[str, Any]) -> None:
    params = {**lab_data()["params"], "size": {"kind": "int", "first": 1, "last": 9}}
    assert faults(lab_with(ready, params=params)) == []


@pytest.mark.parametrize(
    ("ready", "path", "what"),
    [
        ({}, "", "needs port, path or command"),
        ({"port": 1, "path": "/run/x"}, "", "only one of them"),
        ({"path": "run/x"}, ".path", "must be an absolute path, not run/x"),
        ({"port": "{{ prot }}"}, ".port", "there is no param prot; there are: "),
        ({"port": "{{ password }}"}, ".port", "the param password is not a port"),
        ({"port": "{{ big }}"}, ".port", "the param big is not a port"),
        ({"port": "{{ master_address }}"}, ".port", "master_address is not a port"),
        ({"port": "http"}, ".port", "http is not a port"),
        ({"port": "70000"}, ".port", "70000 is not a port"),
        ({"port": "1{{ port }}"}, ".port", "is not a port"),
        ({"command": " "}, ".command", "is empty"),
        ({"command": "echo {{ x }}"}, ".command", "there is no param x"),
    ],
)
def test_a_fault_has_its_path(ready: dict[str, Any], path: str, what: str) -> None:
    params = {**lab_data()["params"], "big": {"kind": "int", "first": 1, "last": 70000}}
    (fault,) = faults(lab_with(ready, params=params))
    assert fault.path == f"boxes.single.ready{path}" and what in fault.what


class World:
    """Services whose boxes answer that they are ready if their name is in ``good``."""

    def __init__(self, lab: Lab, *good: str) -> None:
        self.lab = lab
        self.engine = FakeEngine()
        self.engine.talk = self._talk
        self.keeper, self.images, self.locks = FakeKeeper(self.engine, running=True), FakeImages(), FakeLocks()
        self.good = set(good)
        self.asked: list[tuple[str, str, str]] = []
        self.up = Up(self.engine, self.keeper, self.images, self.locks)
        self.power = Power(self.engine, self.keeper, self.images, self.locks)
        self.clones = Clones(self.engine, self.keeper, self.images, self.locks)
        self.instance = make_instance(lab)

    def _talk(self, box_id: str, argv: Sequence[str]) -> bytes:
        name = self.engine.boxes[box_id].spec.name
        self.asked.append((name, argv[-2], argv[-1]))
        return b"yes\n" if name in self.good else b""

    def current(self) -> Current:
        return Finder(self.engine, FakeCatalog(self.lab)).find("lucy")

    def said(self) -> list[tuple[str, str, str]]:
        asked, self.asked = self.asked, []
        return sorted(asked)


READY: dict[str, Any] = {"master": {"port": "{{ port }}"}, "replica1": {"path": "/run/x", "seconds": 60}}


def test_a_new_box_is_waited_for_only_while_jobs_are_queued() -> None:
    world = World(with_ready(**READY))
    world.up.run(world.lab, world.instance, silent)
    assert world.said() == [("master", "20", "0"), ("replica1", "60", "0")]
    world.up.run(world.lab, world.instance, silent)
    assert world.said() == [], "nothing was started"


def test_a_box_that_starts_again_gets_the_time_of_its_services() -> None:
    world = World(with_ready(**READY))
    world.up.run(world.lab, world.instance, silent)
    world.power.stop(world.instance.id, world.current().boxes, silent)
    world.said()
    started = world.power.start(world.lab, world.instance.id, world.current().boxes, silent)
    assert sorted(started) == sorted(world.lab.boxes)  # in the order in which they were ready
    assert world.said() == [("master", "20", "5"), ("replica1", "60", "15")]
    assert world.power.start(world.lab, world.instance.id, world.current().boxes, silent) == []
    assert world.said() == []
    world.power.stop(world.instance.id, [world.current().box("master")], silent)
    world.up.run(world.lab, world.instance, silent)
    assert world.said() == [("master", "20", "5")]


def test_a_box_of_a_clone_is_waited_for_if_the_original_is_ready() -> None:
    world = World(with_ready(**READY), "replica1")
    world.up.run(world.lab, world.instance, silent)
    world.said()
    current = world.current()
    with world.clones.images(current, silent) as images, world.clones.clone(current, images, silent) as clone:
        looks = [("master", "0", "0"), ("replica1", "0", "0")]
        assert world.said() == sorted([*looks, ("master", "20", "0"), ("replica1", "60", "15")])
        clone.reboot("replica1")
        assert world.said() == [("replica1", "0", "0"), ("replica1", "60", "15")]
        clone.off("replica1")
        clone.off("replica1")
        clone.on("replica1")
        assert world.said() == [("replica1", "0", "0"), ("replica1", "60", "15")]
        clone.reboot("master")
        assert world.said() == [("master", "0", "0"), ("master", "20", "0")]
        clone.reboot("replica2")
        assert world.said() == [], "this box says nothing about ready"


def test_a_box_that_cannot_be_asked_is_no_error() -> None:
    world = World(with_ready(**READY), "master")
    boxes = world.up.run(world.lab, world.instance, silent).boxes
    assert holding(world.engine, world.lab, {"port": 1}, boxes) == {"master"}
    world.engine.stop(boxes["master"])
    assert settle(world.engine, world.lab, {"port": 1}, boxes) == frozenset()


class LocalEngine:
    """Runs commands on this machine, with a systemctl that tells the test's own story."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.jobs, self.changed = folder / "jobs", folder / "changed"
        self.jobs.write_text("")
        self.changed.write_text("@1\n")
        program = folder / "systemctl"
        program.write_text(f"#!/bin/sh\ncase $1 in list-jobs) cat {self.jobs} ;; show) cat {self.changed} ;; esac\n")
        program.chmod(0o755)

    def stream(self, box_id: str, argv: Sequence[str]) -> Any:
        environment = {**os.environ, "PATH": f"{self.folder}:{os.environ['PATH']}"}
        return LocalStream(subprocess.Popen(argv, stdout=subprocess.PIPE, env=environment))


class LocalStream:
    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdout is not None
        self._process, self._pipe = process, process.stdout

    def fileno(self) -> int:
        return self._pipe.fileno()

    def pending(self) -> bool:
        return False

    def read(self) -> bytes:
        return os.read(self.fileno(), 4096)

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        self._pipe.close()


@pytest.fixture
def local(tmp_path: Path) -> LocalEngine:
    return LocalEngine(tmp_path)


def wait(local: LocalEngine, ready: dict[str, Any], expected: tuple[str, ...] = ()) -> tuple[bool, float]:
    started = time.monotonic()
    lab = lab_with(ready)
    held = settle(local, lab, {"port": 4}, {"single": "id", "master": "id"}, expected)  # type: ignore[arg-type]
    assert held <= {"single"}
    return bool(held), time.monotonic() - started


def test_a_port_is_found_in_the_kernels_table(local: LocalEngine) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert wait(local, {"port": port})[0] and wait(local, {"port": f" {port} "})[0]
        with socket.create_connection(("127.0.0.1", port)) as client:
            assert not wait(local, {"port": client.getsockname()[1]})[0], "a client's port is no listener"
    assert not wait(local, {"port": port})[0]
    assert ":0015 " in condition(ReadyWhen(port=21), {}), "four digits"


def test_paths_and_commands_are_quoted(local: LocalEngine) -> None:
    path = local.folder / "it's {here}"
    assert not wait(local, {"path": str(path)})[0]
    path.touch()
    assert wait(local, {"path": str(path)})[0]
    assert wait(local, {"command": 'test {{ port }} = 4 && echo "it\'s" | grep -q "t\'s"'})[0]
    assert not wait(local, {"command": "exit 3"})[0]


def test_the_wait_ends_when_nothing_is_starting(local: LocalEngine) -> None:
    assert wait(local, {"path": "/none"})[1] < 1.5
    assert wait(local, {"path": "/none"}, ("single",))[1] < 1.5, "the last service started long ago"
    local.changed.write_text(f"@1\n@{int(time.time())}\n\n")
    assert 1 < wait(local, {"path": "/none", "seconds": 4}, ("single",))[1] < 4
    assert wait(local, {"path": "/none", "seconds": 4})[1] < 1.5, "a new box does not wait for a change"


def test_the_wait_lasts_while_jobs_are_queued(local: LocalEngine) -> None:
    local.jobs.write_text("1 slow.service start running\n")
    held, seconds = wait(local, {"path": "/none", "seconds": 2})
    assert not held and 1 < seconds < 3.5
    path = local.folder / "made"
    threading.Timer(0.5, path.touch).start()
    held, seconds = wait(local, {"path": str(path)})
    assert held and 0.4 < seconds < 3


def test_a_command_that_hangs_ends_with_the_wait(local: LocalEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settled, "GRACE_SECONDS", 0.2)
    held, seconds = wait(local, {"command": "sleep 9", "seconds": 1})
    assert not held and seconds < 2.5
