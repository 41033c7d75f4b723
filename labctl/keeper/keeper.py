"""The keeper's decisions: the boxes that are complete, the parts that are missing, and the parts that are left over."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable, Mapping
from typing import Protocol

from labctl.domain import wiring
from labctl.keeper.engine import Container, EngineEvent

Say = Callable[[Mapping[str, object]], None]

_MAX_DATAGRAMS = 256
"""After this many messages without READY=1 the keeper stops listening to a box, because a learner can send messages to
that socket, too."""


class ContainerFinder(Protocol):
    """The keeper's requests to the engine."""

    def inspect(self, container_id: str) -> Container | None: ...
    def containers(self, labels: Mapping[str, str]) -> list[Container]: ...


class MachinePort(Protocol):
    """The keeper's operations on network namespaces and boxes."""

    def interfaces(self, pid: int) -> set[str]: ...
    def add_bridges(self, pid: int, bridges: list[str]) -> None: ...
    def remove_bridges(self, pid: int, bridges: list[str]) -> None: ...
    def plug(self, switch: int, box: int, cables: list[tuple[wiring.Cable, str]], there: set[str]) -> None: ...
    def is_open(self, pid: int) -> bool: ...
    def open(self, pid: int) -> socket.socket | None: ...


class BoxWatcher:
    """Completes boxes. It has one thread, and it can rebuild its whole state from the engine and the kernel."""

    def __init__(self, engine: ContainerFinder, machine: MachinePort, say: Say) -> None:
        self._engine = engine
        self._machine = machine
        self._say = say
        self._switch = 0
        self._interfaces: set[str] = set()
        self._states: dict[str, tuple[int, str]] = {}
        self._datagrams: dict[str, int] = {}
        self.listening: dict[str, socket.socket] = {}
        self.running: dict[str, Container] = {}

    def reconcile(self) -> None:
        """Check all boxes and add missing parts. The keeper does this at its start and after a restart of the
        switch."""
        switches = self._engine.containers({wiring.LABEL_ROLE: wiring.ROLE_SWITCH})
        found = [self._engine.inspect(switch.id) for switch in switches]
        before, self._switch = self._switch, next((switch.pid for switch in found if switch and switch.pid), 0)
        if not self._switch:
            self._say({"keeper": "waiting", "why": "the switch isn't running"})
            return
        self._interfaces = self._machine.interfaces(self._switch)
        boxes = self._engine.containers({wiring.LABEL_ROLE: wiring.ROLE_BOX})
        whole = [self.tend(box.id, anew=self._switch != before) for box in boxes]
        wanted = {link.bridge for box in boxes for link in _links(box.labels)}
        ours = {name for name in self._interfaces if name.startswith("b") and len(name) == 15}
        if all(_is_clear(box.labels) for box in boxes):
            self._remove_bridges(sorted(ours - wanted))
        if all(whole):
            hanging = {port for box in boxes for port in self._ports(box.id, box.labels)}
            ports = {name for name in self._interfaces if name.startswith("v") and len(name) == 15}
            self._unplug(sorted(ports - hanging))
        self._say({"keeper": "ready"})

    def on_event(self, event: EngineEvent) -> None:
        """Handle an event of the engine."""
        role = event.labels.get(wiring.LABEL_ROLE)
        if role == wiring.ROLE_SWITCH and event.action == "start":
            self.reconcile()
        elif role == wiring.ROLE_BOX and event.action == "start":
            self.tend(event.id)
        elif role == wiring.ROLE_BOX and event.action in ("die", "destroy"):
            self._unplug(self._ports(event.id, event.labels))
            self._forget(event.id)
            if event.action == "destroy":
                self._sweep(event.labels)

    def tend(self, box_id: str, *, anew: bool = False) -> bool:
        """Complete a box and report the result. Return False if this failed. A box that is complete stays unchanged. If
        the switch has restarted (``anew``), only the cables of such a box are recreated."""
        if not self._switch:
            return False
        try:
            box = self._engine.inspect(box_id)
            if box is None or not box.pid:
                return True
            known = self._states.get(box_id, (0, ""))[0] == box.pid
            if known and not anew:
                return True
            if not known:
                self._forget(box_id)
            self._make_whole(box)
        except (OSError, ValueError) as error:
            self._say({"box": box_id, "state": "failed", "error": str(error)})
            return False
        return True

    def _make_whole(self, box: Container) -> None:
        links = wiring.decode(box.labels.get(wiring.LABEL_WIRING, "[]"))
        was_open = self._machine.is_open(box.pid)
        cables = [(link, wiring.port_name(box.id, box.pid, link.interface)) for link in links]
        there = self._interfaces.intersection(port for _, port in cables)
        if was_open:
            cables = [(link, port) for link, port in cables if port not in there]
        # A box is opened last. If a box is not open, an earlier keeper may have died after it made the cables but
        # before it set the addresses.
        if cables:
            new = sorted({link.bridge for link, _ in cables} - self._interfaces)
            self._machine.add_bridges(self._switch, new)
            self._interfaces.update(new)
            self._machine.plug(self._switch, box.pid, cables, there)
            self._interfaces.update(port for _, port in cables)
        if was_open:
            # The box was complete before this keeper started. Its systemd has reported readiness to an earlier keeper
            # or to nobody.
            if box.id not in self._states:
                self._become(box, "unknown")
            return
        listener = self._machine.open(box.pid)
        if listener is not None:
            self.listening[box.id] = listener
        self._become(box, "wired")

    def on_datagram(self, box_id: str) -> None:
        """Read a message from a box's readiness socket."""
        listener = self.listening.get(box_id)
        if listener is None:
            return
        try:
            message = listener.recv(4096)
        except BlockingIOError:
            return
        self._datagrams[box_id] = self._datagrams.get(box_id, 0) + 1
        ready = b"READY=1" in message.split(b"\n")
        if ready or self._datagrams[box_id] >= _MAX_DATAGRAMS:
            self._hang_up(box_id)
            pid, _ = self._states[box_id]
            state = "ready" if ready else "unknown"
            self._states[box_id] = (pid, state)
            self._say({"box": box_id, "pid": pid, "state": state})

    def tell_all(self) -> None:
        """Report every box's state again, for a listener that started later (SIGUSR1)."""
        for box_id, (pid, state) in self._states.items():
            self._say({"box": box_id, "pid": pid, "state": state})

    def _become(self, box: Container, state: str) -> None:
        self.running[box.id] = box
        self._states[box.id] = (box.pid, state)
        self._say({"box": box.id, "pid": box.pid, "state": state})

    def _hang_up(self, box_id: str) -> None:
        listener = self.listening.pop(box_id, None)
        if listener is not None:
            listener.close()
        self._datagrams.pop(box_id, None)

    def _forget(self, box_id: str) -> None:
        self._hang_up(box_id)
        self._states.pop(box_id, None)
        self.running.pop(box_id, None)

    def _sweep(self, labels: Mapping[str, str]) -> None:
        """Clean up after the removal of a box: remove the bridges that no other box of its instance needs."""
        instance = labels.get(wiring.LABEL_INSTANCE, "")
        left = self._engine.containers({wiring.LABEL_ROLE: wiring.ROLE_BOX, wiring.LABEL_INSTANCE: instance})
        wanted = {link.bridge for box in left for link in _links(box.labels)}
        mine = {link.bridge for link in _links(labels)}
        self._remove_bridges(sorted((mine - wanted) & self._interfaces))
        if not left:
            self._say({"instance": instance, "state": "swept"})

    def _ports(self, box_id: str, labels: Mapping[str, str]) -> list[str]:
        """Return the names of the switch's ends of the box's cables, for the last known start of the box."""
        pid = self._states.get(box_id, (0, ""))[0]
        return [wiring.port_name(box_id, pid, link.interface) for link in _links(labels)]

    def _unplug(self, ports: list[str]) -> None:
        """Remove cables of a stopped box. The kernel keeps the box's network namespace until the connections of the box
        are closed, for up to some minutes. During this time, the old cables would occupy the address that the next
        start of the same box needs."""
        for port in ports:
            if port in self._interfaces:
                self._remove_bridges([port])

    def _remove_bridges(self, bridges: list[str]) -> None:
        if not bridges or not self._switch:
            return
        self._interfaces.difference_update(bridges)
        with contextlib.suppress(OSError):  # the switch may have ended, with its bridges
            self._machine.remove_bridges(self._switch, bridges)


def _is_clear(labels: Mapping[str, str]) -> bool:
    """Return whether the box's wiring can be read. A box of another labctl version may have unreadable wiring."""
    try:
        wiring.decode(labels.get(wiring.LABEL_WIRING, "[]"))
    except ValueError:
        return False
    return True


def _links(labels: Mapping[str, str]) -> tuple[wiring.Cable, ...]:
    try:
        return wiring.decode(labels.get(wiring.LABEL_WIRING, "[]"))
    except ValueError:
        return ()
