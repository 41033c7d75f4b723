"""The decisions of the keeper, on an engine and a machine in memory."""

from __future__ import annotations

import itertools
import socket
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from labctl.domain import wiring
from labctl.domain.wiring import Cable
from labctl.keeper.engine import Container, EngineEvent
from labctl.keeper.keeper import _MAX_DATAGRAMS, BoxWatcher

SWITCH_PID = 100


class FakeEngine:
    """Implements EnginePort."""

    def __init__(self) -> None:
        self.all: dict[str, Container] = {}

    def inspect(self, container_id: str) -> Container | None:
        return self.all.get(container_id)

    def containers(self, labels: Mapping[str, str]) -> list[Container]:
        """Return the containers without pids, like the engine."""
        return [Container(c.id, 0, c.labels) for c in self.all.values() if labels.items() <= c.labels.items()]


class FakeMachine:
    """Implements MachinePort, and records all bridges and cables."""

    def __init__(self) -> None:
        self.switches: dict[int, set[str]] = {}
        self.addressed: dict[int, set[str]] = {}
        self.opened: dict[int, socket.socket | None] = {}
        self.writers: list[socket.socket] = []
        self.trouble: Exception | None = None
        self.deaf = False

    def interfaces(self, pid: int) -> set[str]:
        return set(self.switches[pid])

    def add_bridges(self, pid: int, bridges: list[str]) -> None:
        assert not set(bridges) & self.switches[pid], "the bridge exists already"
        self.switches[pid] |= set(bridges)

    def remove_bridges(self, pid: int, bridges: list[str]) -> None:
        assert set(bridges) <= self.switches[pid], "the bridge does not exist"
        self.switches[pid] -= set(bridges)

    def plug(self, switch: int, box: int, cables: list[tuple[Cable, str]], there: set[str]) -> None:
        if self.trouble:
            raise self.trouble
        for link, port in cables:
            assert link.bridge in self.switches[switch], "the bridge does not exist"
            assert (port in self.switches[switch]) == (port in there), "the keeper is wrong about the existing cables"
            self.switches[switch].add(port)
            self.addressed.setdefault(box, set()).add(link.interface)

    def is_open(self, pid: int) -> bool:
        return pid in self.opened

    def open(self, pid: int) -> socket.socket | None:
        assert pid not in self.opened, "opened twice"
        if self.deaf:
            self.opened[pid] = None
            return None
        reader, writer = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        reader.setblocking(False)
        self.writers.append(writer)
        self.opened[pid] = reader
        return reader


class World:
    """A keeper with its engine and its machine."""

    def __init__(self) -> None:
        self.engine = FakeEngine()
        self.machine = FakeMachine()
        self.said: list[dict[str, Any]] = []
        self._pids = itertools.count(1000)
        self.keeper = self.new_keeper()

    def new_keeper(self) -> BoxWatcher:
        self.said.clear()
        self.keeper = BoxWatcher(self.engine, self.machine, lambda message: self.said.append(dict(message)))
        return self.keeper

    def start_switch(self, pid: int = SWITCH_PID) -> None:
        self.machine.switches = {pid: set()}
        labels = {wiring.LABEL_ROLE: wiring.ROLE_SWITCH}
        self.engine.all["switch"] = Container("switch", pid, labels)
        self.keeper.on_event(EngineEvent("start", "switch", labels))

    def start(self, name: str, *networks: str, instance: str = "pond.lucy", **labels: str) -> int:
        """Start the box with an interface on each of these networks; return its pid."""
        pid = next(self._pids)
        all_labels = {**box_labels(name, *networks, instance=instance), **labels}
        self.engine.all[name] = Container(name, pid, all_labels)
        self.keeper.on_event(EngineEvent("start", name, all_labels))
        return pid

    def end(self, name: str, action: str = "destroy") -> None:
        box = self.engine.all.pop(name)
        if action == "die":
            self.engine.all[name] = Container(name, 0, box.labels)
        self.keeper.on_event(EngineEvent(action, name, box.labels))

    def states(self, name: str) -> list[str]:
        return [line["state"] for line in self.said if line.get("box") == name]

    @property
    def bridges(self) -> set[str]:
        return {name for found in self.machine.switches.values() for name in found if name.startswith("b")}

    @property
    def ports(self) -> set[str]:
        return {name for found in self.machine.switches.values() for name in found if name.startswith("v")}

    def tell(self, name: str, message: bytes) -> None:
        """Send a message of the box's systemd."""
        self.machine.writers[-1].send(message)
        self.keeper.on_datagram(name)


def box_labels(name: str, *networks: str, instance: str = "pond.lucy") -> dict[str, str]:
    links = tuple(
        Cable(f"eth{n}", wiring.bridge_name(instance, network), f"10.0.{n}.1/24", "02:00:00:00:00:01")
        for n, network in enumerate(networks)
    )
    return {
        wiring.LABEL_ROLE: wiring.ROLE_BOX,
        wiring.LABEL_INSTANCE: instance,
        wiring.LABEL_WIRING: wiring.encode(links),
    }


def port(name: str, pid: int) -> str:
    """Return the switch's end of a box's first cable."""
    return wiring.port_name(name, pid, "eth0")


@pytest.fixture
def world() -> Iterator[World]:
    world = World()
    world.start_switch()
    yield world
    for each in [*world.machine.writers, *(item for item in world.machine.opened.values() if item)]:
        each.close()


def test_a_started_box_is_connected_then_opened_then_reported(world: World) -> None:
    pid = world.start("master", "lan", "dmz")
    assert world.machine.addressed[pid] == {"eth0", "eth1"}
    assert len(world.bridges) == len(world.ports) == 2
    assert world.machine.is_open(pid)
    assert world.said[-1] == {"box": "master", "pid": pid, "state": "wired"}
    assert list(world.keeper.listening) == ["master"]


def test_a_network_has_one_bridge_and_another_learners_network_another(world: World) -> None:
    world.start("a", "lan")
    world.start("b", "lan")
    assert len(world.bridges) == 1
    world.start("c", "lan", instance="pond.li")
    assert len(world.bridges) == 2
    assert len(world.ports) == 3


def test_a_box_with_no_network_is_opened_too(world: World) -> None:
    world.start("alone")
    assert world.states("alone") == ["wired"]
    assert not world.bridges


@pytest.mark.parametrize("message", [b"READY=1", b"READY=1\nSTATUS=Ready.", b"X_SYSTEMD_UNIT_ACTIVE=a\nREADY=1"])
def test_a_box_is_ready_when_its_systemd_reports_it(world: World, message: bytes) -> None:
    pid = world.start("master", "lan")
    world.tell("master", message)
    assert world.said[-1] == {"box": "master", "pid": pid, "state": "ready"}
    assert not world.keeper.listening


@pytest.mark.parametrize("message", [b"", b"STATUS=READY=1", b"READY=10", b"READY=0", b"\xff\0"])
def test_other_messages_make_no_box_ready(world: World, message: bytes) -> None:
    world.start("master", "lan")
    world.tell("master", message)
    assert world.states("master") == ["wired"]
    assert list(world.keeper.listening) == ["master"]


def test_a_box_that_floods_its_socket_is_no_longer_read(world: World) -> None:
    world.start("master", "lan")
    for _ in range(_MAX_DATAGRAMS):
        assert world.states("master") == ["wired"]
        world.tell("master", b"STATUS=haha")
    assert world.states("master") == ["wired", "unknown"]
    assert not world.keeper.listening
    world.keeper.on_datagram("master")
    assert world.states("master") == ["wired", "unknown"]


def test_a_wakeup_without_data_is_no_message(world: World) -> None:
    world.start("master", "lan")
    for _ in range(_MAX_DATAGRAMS + 1):
        world.keeper.on_datagram("master")
    assert world.states("master") == ["wired"]


def test_a_box_is_wired_even_if_its_socket_cannot_be_opened(world: World) -> None:
    world.machine.deaf = True
    world.start("master", "lan")
    assert world.states("master") == ["wired"]
    assert not world.keeper.listening


def test_a_start_event_received_twice_is_handled_once(world: World) -> None:
    world.start("master", "lan")
    world.keeper.tend("master")
    assert world.states("master") == ["wired"]


def test_a_rebooted_box_is_wired_again(world: World) -> None:
    first = world.start("master", "lan")
    world.end("master", "die")
    assert not world.keeper.listening
    second = world.start("master", "lan")
    assert world.machine.is_open(second) and first != second
    assert world.states("master") == ["wired", "wired"]
    assert len(world.bridges) == 1


def test_a_box_removed_before_the_keeper_inspects_it_is_ignored(world: World) -> None:
    labels = box_labels("gone", "lan")
    world.keeper.on_event(EngineEvent("start", "gone", labels))
    world.engine.all["stopped"] = Container("stopped", 0, labels)
    world.keeper.on_event(EngineEvent("start", "stopped", labels))
    assert world.states("gone") == world.states("stopped") == []


def test_boxes_wait_until_the_switch_runs() -> None:
    world = World()
    world.keeper.reconcile()
    assert world.said == [{"keeper": "waiting", "why": "the switch isn't running"}]
    world.machine.deaf = True
    pid = world.start("master", "lan")
    assert not world.machine.is_open(pid)
    world.start_switch()
    assert world.machine.is_open(pid)
    assert world.said[-1] == {"keeper": "ready"}


def test_every_box_is_reconnected_to_a_new_switch(world: World) -> None:
    world.start("a", "lan")
    world.tell("a", b"READY=1")
    world.start("b", "lan", "dmz")
    world.start_switch(pid=200)
    assert len(world.machine.switches[200]) == 2 + 3  # bridges and ports
    assert world.states("a")[-1] in ("ready", "unknown")


def test_a_box_that_starts_while_the_switch_returns_can_become_ready(world: World) -> None:
    world.start("a", "lan")
    world.start_switch(pid=200)
    if "a" in world.keeper.listening:
        world.tell("a", b"READY=1")
    assert world.states("a")[-1] in ("ready", "unknown")


def test_a_new_keeper_leaves_wired_boxes_unchanged(world: World) -> None:
    pid = world.start("master", "lan")
    before = {pid: set(found) for pid, found in world.machine.switches.items()}
    world.new_keeper().reconcile()
    assert world.said == [{"box": "master", "pid": pid, "state": "unknown"}, {"keeper": "ready"}]
    assert world.machine.switches == before


def test_a_new_keeper_connects_boxes_that_the_last_one_did_not(world: World) -> None:
    world.engine.all["master"] = Container("master", 1, box_labels("master", "lan", "dmz"))
    world.new_keeper().reconcile()
    assert world.machine.addressed[1] == {"eth0", "eth1"}
    assert world.states("master") == ["wired"]


def test_a_new_keeper_finishes_a_box_that_the_last_one_left_unfinished(world: World) -> None:
    """The last keeper was killed after it created the cable and before it set the address. The box still waits to be
    opened."""
    labels = box_labels("master", "lan")
    (link,) = wiring.decode(labels[wiring.LABEL_WIRING])
    world.engine.all["master"] = Container("master", 1, labels)
    world.machine.switches[SWITCH_PID] = {link.bridge, wiring.port_name("master", 1, "eth0")}
    world.new_keeper().reconcile()
    assert world.machine.addressed[1] == {"eth0"}
    assert world.states("master") == ["wired"]


def test_unused_bridges_are_removed_and_other_interfaces_kept(world: World) -> None:
    world.start("master", "lan")
    wanted = world.bridges
    world.machine.switches[SWITCH_PID] |= {wiring.bridge_name("gone", "lan"), "lo", "bond0"}
    world.new_keeper().reconcile()
    assert world.machine.switches[SWITCH_PID] >= wanted | {"lo", "bond0"}
    assert len(world.bridges) == 2  # the wanted one and bond0


def test_no_bridge_is_removed_while_a_box_has_unknown_wiring(world: World) -> None:
    world.start("alpha", "lan")
    world.engine.all["odd"] = Container("odd", 0, {**box_labels("odd"), wiring.LABEL_WIRING: '[{"plug": 1}]'})
    world.machine.switches[SWITCH_PID].add("b01234567890abc")
    world.new_keeper().reconcile()
    assert "b01234567890abc" in world.machine.switches[SWITCH_PID]
    del world.engine.all["odd"]
    world.keeper.reconcile()
    assert "b01234567890abc" not in world.machine.switches[SWITCH_PID]


def test_bridges_are_removed_with_the_last_box_of_their_instance(world: World) -> None:
    world.start("a", "lan")
    world.start("b", "lan", "dmz")
    world.start("other", "lan", instance="pond.li")
    assert len(world.bridges) == 3
    world.end("a")
    assert len(world.bridges) == 3
    world.end("b")
    assert world.bridges == {wiring.bridge_name("pond.li", "lan")}
    assert world.said[-1] == {"instance": "pond.lucy", "state": "swept"}


def test_a_bridge_is_removed_with_its_only_box(world: World) -> None:
    world.start("a", "lan")
    world.start("b", "lan", "dmz")
    world.end("b")
    assert world.bridges == {wiring.bridge_name("pond.lucy", "lan")}


def test_a_stopped_box_keeps_its_bridge(world: World) -> None:
    world.start("a", "lan")
    world.end("a", "die")
    assert len(world.bridges) == 1


def test_cables_of_an_ended_box_are_removed(world: World) -> None:
    old = port("a", world.start("a", "lan"))
    assert old in world.machine.switches[SWITCH_PID]
    world.end("a", "die")
    assert old not in world.machine.switches[SWITCH_PID]
    new = port("a", world.start("a", "lan"))
    assert old != new and new in world.machine.switches[SWITCH_PID]


def test_a_new_keeper_removes_cables_of_boxes_that_ended_meanwhile(world: World) -> None:
    old, other = port("a", world.start("a", "lan")), port("b", world.start("b", "lan"))
    world.engine.all["a"] = Container("a", 0, world.engine.all["a"].labels)
    world.new_keeper().reconcile()
    left = world.machine.switches[SWITCH_PID]
    assert old not in left and other in left


def test_no_cable_is_removed_while_a_box_cannot_be_inspected(world: World) -> None:
    old = port("a", world.start("a", "lan"))
    world.machine.opened.clear()
    world.machine.trouble = OSError("ip: no")
    world.new_keeper().reconcile()
    assert old in world.machine.switches[SWITCH_PID]


@pytest.mark.parametrize("error", [OSError("ip: no"), ValueError("what?")])
def test_a_failure_is_reported_and_the_next_box_is_served(world: World, error: Exception) -> None:
    world.machine.trouble = error
    pid = world.start("master", "lan")
    assert world.said[-1] == {"box": "master", "state": "failed", "error": str(error)}
    assert not world.machine.is_open(pid)
    world.machine.trouble = None
    world.start("other", "lan")
    assert world.states("other") == ["wired"]


def test_a_box_that_failed_is_tried_again_at_its_next_start(world: World) -> None:
    world.machine.trouble = OSError("ip: no")
    world.start("master", "lan")
    world.machine.trouble = None
    world.start("master", "lan")
    assert world.states("master") == ["failed", "wired"]


def test_an_invalid_wiring_label_is_refused_and_other_boxes_are_served(world: World) -> None:
    pid = world.start("odd", **{wiring.LABEL_WIRING: '[{"bridge": 5}]'})
    assert world.states("odd") == ["failed"]
    assert not world.machine.is_open(pid)
    world.start("good", "lan")
    world.new_keeper().reconcile()
    assert world.states("good") == ["unknown"]
    assert world.said[-1] == {"keeper": "ready"}
    world.end("odd")


def test_a_query_reports_the_state_of_every_box(world: World) -> None:
    one, two = world.start("a", "lan"), world.start("b", "lan")
    world.tell("b", b"READY=1")
    world.said.clear()
    world.keeper.tell_all()
    assert world.said == [
        {"box": "a", "pid": one, "state": "wired"},
        {"box": "b", "pid": two, "state": "ready"},
    ]


@pytest.mark.parametrize("action", ["exec_start: bash -l", "exec_die", "oom"])
def test_an_exec_in_a_box_changes_nothing(world: World, action: str) -> None:
    pid = world.start("master", "lan")
    world.keeper.on_event(EngineEvent(action, "master", box_labels("master", "lan")))
    assert port("master", pid) in world.machine.switches[SWITCH_PID]
    assert list(world.keeper.listening) == list(world.keeper.running) == ["master"]


def test_the_keeper_knows_the_running_boxes(world: World) -> None:
    pid = world.start("master", "lan")
    assert world.keeper.running["master"].pid == pid
    world.end("master", "die")
    assert not world.keeper.running


def test_events_of_other_containers_are_ignored(world: World) -> None:
    before = len(world.said)
    world.keeper.on_event(EngineEvent("start", "x", {wiring.LABEL_ROLE: "doctor"}))
    world.keeper.on_event(EngineEvent("destroy", "x", {}))
    world.keeper.on_datagram("nobody")
    assert len(world.said) == before
