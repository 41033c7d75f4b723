"""The places that one run inspects, and its requests to labctl."""

from __future__ import annotations

import concurrent.futures
import contextlib
import socket
import threading
from collections.abc import Callable
from typing import Any

import msgspec
from testinfra.host import Host

from labctl.adapters.checks.backend import ExerciseBackend, InsideBackend, LookBackend
from labctl.adapters.checks.channel import Channel
from labctl.adapters.checks.hosts import BoxHost, ClientHost, PlaceHost
from labctl.adapters.checks.orders import Inside, MessageChannel, Opened, Orders, Powered, PowerRequest
from labctl.adapters.checks.pace import Clock, slowness
from labctl.adapters.checks.plugin import CheckNotes
from labctl.adapters.checks.session import CheckSession, LookError
from labctl.adapters.docker.stream import RawStream
from labctl.domain.verdict import Source
from labctl.kit.places import Listener
from labctl.pool import Pool


class World:
    """The places of one run. The run enters the places while pytest collects the checks. If a place can't be entered,
    the check that needs it gets the error."""

    def __init__(self, orders: Orders, session: CheckSession, notes: CheckNotes, link: MessageChannel) -> None:
        self.orders = orders
        self.session = session
        self.notes = notes
        self.link = link
        self.places = dict(orders.boxes)
        self._pool = Pool(8, thread_name_prefix="enter")
        self._entered: dict[str, concurrent.futures.Future[None]] = {}
        self._lock = threading.Lock()
        self._hosts: dict[str, PlaceHost] = {}
        self._addresses: dict[str, str] = {}
        self._channels: dict[str, Channel] = {}
        self._joined: dict[str, int] = {}
        self._changes: dict[str, dict[str, list[str]]] = {}
        self.clock = Clock(self._slowness)

    def enter_all(self) -> None:
        """Begin to enter every box and to join the first network."""
        for name in self.places:
            self._entering(name, self._enter_box, name)
        for name in list(self.orders.networks)[:1]:
            self._entering(_probe(name), self._join, name)

    def box(self, name: str) -> Any:
        """Return testinfra's host for that box, seen from outside."""
        self._known(name)
        self._entering(name, self._enter_box, name).result()
        return self._host(name, lambda: self._box_host(name))

    def on_network(self, name: str, via: str = "", client: str = "") -> Any:
        """Return testinfra's host for the probe on that network."""
        place = self._client(name, via, client)
        return self._host(place, lambda: self._client_host(place, name))

    def dial(self, host: str, port: int, network: str, via: str, client: str, seconds: float) -> socket.socket:
        """Open a connection from the probe. Raises the same errors as ``CheckSession.dial``."""
        return self.dial_from(
            self._client(network or next(iter(self.orders.networks)), via, client), host, port, seconds
        )

    def dial_from(self, place: str, host: str, port: int, seconds: float) -> socket.socket:
        """Open a connection from a place that the run has entered: a box, or a client of the probe."""
        self.notes.used(Source.TRUSTED)
        return self.session.dial(place, host, port, self.clock.limit(seconds))

    def _slowness(self) -> float:
        """Return the slowness of the machine that runs the boxes. labctl may run on another machine. All places give
        the same value."""
        for place, entered in list(self._entered.items()):
            if entered.done() and not entered.exception():
                with contextlib.suppress(LookError):
                    _status, told, _ = self.session.run(place, "cat /proc/loadavg; grep -c ^processor /proc/cpuinfo")
                    load, _, cores = told.decode(errors="replace").partition("\n")
                    return slowness(load, int(cores) if cores.strip().isdigit() else 1)
        return 1.0

    def _client(self, network: str, via: str, client: str) -> str:
        """Return the place of one of the probe's clients. Each client has an address of its own."""
        if network not in self.orders.networks:
            raise LookupError(f"there is no network {network}; there are: {', '.join(self.orders.networks) or 'none'}")
        place = _probe(network, via, client)
        self._entering(place, self._join, network, via, client).result()
        return place

    def _host(self, place: str, make: Callable[[], PlaceHost]) -> PlaceHost:
        with self._lock:
            if place not in self._hosts:
                self._hosts[place] = make()
            return self._hosts[place]

    def _box_host(self, name: str) -> PlaceHost:
        used, limit = self.notes.used, self.clock.limit
        backend = LookBackend(name, self.session, name, used, limit, lambda: self.inside(name))
        return BoxHost(self, name, self.places[name].addresses, backend)

    def _client_host(self, place: str, network: str) -> PlaceHost:
        backend = LookBackend("probe", self.session, place, self.notes.used, self.clock.limit)
        return ClientHost(self, place, network, self._addresses[place], backend)

    def inside(self, name: str) -> Channel:
        """Return a channel into that box. labctl opens it at the first use."""
        self._known(name)
        with self._lock:
            if name not in self._channels or self._channels[name].broken:
                self.link.send(Inside(name))
                opened = msgspec.json.decode(self.link.line() or b'{"why": "labctl has ended"}', type=Opened)
                if opened.why:
                    raise LookError(f"{name}: {opened.why}")
                self._channels[name] = Channel(RawStream(socket.socket(fileno=self.link.descriptors.pop())), name)
            return self._channels[name]

    def somebody_in(self, name: str) -> Any:
        """Return testinfra's host for a process in that box."""
        self.inside(name)
        return Host(InsideBackend(name, lambda: self.inside(name), self.notes.used, self.clock.limit))

    def exercise(self, name: str) -> Any:
        """Return testinfra's host for the learner's programs in that box, on a clone."""
        self._hurts()
        self.inside(name)
        return Host(ExerciseBackend(name, lambda: self.inside(name), self.notes.used, self.clock.limit))

    def _entering(self, place: str, work: Callable[..., None], *arguments: Any) -> concurrent.futures.Future[None]:
        with self._lock:
            if place not in self._entered:
                self._entered[place] = self._pool.submit(work, *arguments)
            return self._entered[place]

    def _enter_box(self, name: str) -> None:
        found = self.places[name]
        self.session.enter(name, found.pid, found.container)

    def _join(self, name: str, via: str = "", client: str = "") -> None:
        network = self.orders.networks[name]
        with self._lock:
            number = self._joined[name] = self._joined.get(name, -1) + 1
        if number >= len(network.addresses):
            raise LookError(f"the network {name} has no address left for another client")
        address = network.addresses[number]
        self._addresses[_probe(name, via, client)] = address.partition("/")[0]
        self.session.join(_probe(name, via, client), self.orders.switch, network.bridge, address, via)

    def listeners(self, name: str) -> list[Listener]:
        """Return the listening sockets of that box."""
        self._known(name)
        self._entering(name, self._enter_box, name).result()
        found = self.session.listeners(name)
        written = frozenset(self.changes(name)["files"])
        return [_listener(item, written) for item in found]

    def changes(self, name: str) -> dict[str, list[str]]:
        """Return the changes in that box since its creation, as of the first call in this run."""
        if name not in self._changes:
            place = self.places[name]
            self._changes[name] = self.session.changes(place.pid, place.container)
        return self._changes[name]

    def power(self, name: str, act: Any) -> None:
        """Switch the power of a box of the clone."""
        self._known(name)
        self._hurts()
        with self._lock:
            self.link.send(PowerRequest(name, act))
            answer = msgspec.json.decode(self.link.line() or b"{}", type=Powered)
        if answer.place is None:
            raise LookError(f"{name}: {answer.why or 'labctl has ended'}")
        self.places[name] = answer.place
        with self._lock:
            self._entered.pop(name, None)
            self._channels.pop(name, None)
        self._changes.pop(name, None)
        if answer.place.pid:
            # Enter the restarted box now, because a check may continue to use its host object.
            self._entering(name, self._enter_box, name).result()

    def isolate(self, names: tuple[str, ...], network: str, *, isolated: bool) -> None:
        """Cut or restore the paths between these boxes on a network of the clone."""
        self._hurts()
        network = network or next(iter(self.orders.networks))
        ports = []
        for name in names:
            self._known(name)
            ports.append(self.places[name].ports[network])
        self.session.isolate(self.orders.switch, ports, isolated=isolated)

    def _hurts(self) -> None:
        if self.orders.pick is None:
            raise LookError("a check that changes boxes needs a marker: @pytest.mark.copy, destructive or reboot")

    def _known(self, name: str) -> None:
        if name not in self.places:
            raise LookupError(f"there is no box {name}; there are: {', '.join(self.places)}")


def _probe(network: str, via: str = "", client: str = "") -> str:
    return f"probe on {network}" + (f" via {via}" if via else "") + (f", {client}" if client else "")


def _listener(found: dict[str, Any], written: frozenset[str]) -> Listener:
    executed = {found["program"], *found["libraries"]}
    genuine = found["on_disk"] and not found["made_code"] and not (executed & written)
    return Listener(
        protocol=found["protocol"],
        address=found["address"],
        port=found["port"],
        pid=found["pid"],
        uid=found["uid"],
        program=found["program"],
        genuine=genuine,
    )
