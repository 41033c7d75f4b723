"""The agent passes requests from stdin to its workers, which are processes in places (:mod:`labctl.probe.places`). It
writes answers and news to stdout, and ends when its stdin ends."""

from __future__ import annotations

import os
import selectors
import signal
import socket
import sys
from collections import deque
from collections.abc import Callable
from typing import Any

from labctl.node import kernel, pidfd
from labctl.probe import networks, places, protocol, worker
from labctl.probe.connections import Connections
from labctl.probe.worker import Worker

_STOPPED = "the box has stopped"
_DIED = "the probe's worker has died"


class Agent:
    """The agent of one verify. ``write`` sends bytes to labctl."""

    def __init__(self, write: Callable[[bytes], None]) -> None:
        self._write = write
        self._selector = selectors.DefaultSelector()
        self._workers: dict[str, Worker] = {}
        self._alive: dict[str, int] = {}
        # The unanswered requests of each place. The agent sends only the first of them to the worker. If agent and
        # worker wrote to each other at the same time, both might wait forever.
        self._waiting: dict[str, deque[protocol.Message]] = {}
        self._gone: dict[str, str] = {}
        self._connections = Connections(self._selector, self._tell)

    def serve(self, stdin: int) -> None:
        """Serve until stdin ends. Raises ProtocolError for invalid input."""
        decoder = protocol.Decoder()
        self._selector.register(stdin, selectors.EVENT_READ, self._noop)
        while True:
            for key, _ in self._selector.select():
                if self._selector.get_map().get(key.fd) is not key:
                    continue  # an earlier event has closed this descriptor
                if key.fd != stdin:
                    key.data()
                    continue
                data = os.read(stdin, 1 << 16)
                if not data:
                    return
                for header, payload in decoder.feed(data):
                    self._take(header, payload)

    def end(self) -> None:
        """Leave all places."""
        self._connections.end()
        for place in list(self._workers):
            self._leave(place)

    def _noop(self) -> None:
        """Do nothing: ``serve`` itself reads stdin."""

    def _tell(self, header: dict[str, Any], payload: bytes = b"") -> None:
        self._write(protocol.encode(header, payload))

    def _take(self, header: dict[str, Any], payload: bytes) -> None:
        number, operation = header["id"], header["op"]
        try:
            match operation:
                case "send" | "shut" | "hang up":
                    self._connections.told(operation, number, payload)
                    return
                case "enter":
                    self._enter(header)
                case "join":
                    self._join(header)
                case "read":
                    self._add(header["place"], worker.start(places.be_reader))
                case "isolate":
                    networks.isolate(header["switch"], header["ports"], isolated=header["isolated"])
                case _:
                    self._forward(header, payload)
                    return
            self._tell({"id": number})
        except OSError as error:
            why = error.strerror or str(error)
            if operation in ("enter", "join"):
                self._leave(header["place"])
                self._gone[header["place"]] = why
            self._tell({"id": number, "error": why})

    def _forward(self, header: dict[str, Any], payload: bytes) -> None:
        place = header["place"]
        if place not in self._workers:
            self._tell({"id": header["id"], "error": self._gone.get(place, "not there")})
            return
        self._waiting[place].append(protocol.Message(header, payload))
        if len(self._waiting[place]) == 1:
            self._send_next(place)

    def _send_next(self, place: str) -> None:
        if self._waiting[place]:
            try:
                self._workers[place].send(*self._waiting[place][0])
            except OSError:
                self._drop(place, _DIED)

    def _enter(self, header: dict[str, Any]) -> None:
        """Enter a box as a place. A new start of the box replaces the earlier place."""
        place, pid = header["place"], header["pid"]
        self._leave(place)
        alive = pidfd.open_box(pid, header["container"])
        self._alive[place] = alive
        self._selector.register(alive, selectors.EVENT_READ, lambda: self._box_ended(place))
        self._add(place, worker.start(lambda: places.enter_box(pid, alive, watch=header["watch"])))

    def _join(self, header: dict[str, Any]) -> None:
        """Create a place on a network."""
        place = header["place"]
        self._leave(place)
        joined = worker.start(places.be_outside)
        self._add(place, joined)
        networks.plug(header["switch"], joined.pid, header["bridge"], header["address"], header.get("via", ""))

    def _add(self, place: str, added: Worker) -> None:
        self._drop(place, "left")
        self._workers[place] = added
        self._waiting[place] = deque()
        self._gone.pop(place, None)
        self._selector.register(added.link, selectors.EVENT_READ, lambda: self._hear(place))
        if added.changes is not None:
            changes = added.changes
            self._selector.register(changes, selectors.EVENT_READ, lambda: self._changed(place, changes))

    def _hear(self, place: str) -> None:
        """Read an answer of a worker."""
        speaking = self._workers[place]
        try:
            data, descriptors, _, _ = socket.recv_fds(speaking.link, 1 << 16, 1)
        except ConnectionError:
            data, descriptors = b"", []
        if not data:
            self._drop(place, _DIED)
            return
        speaking.descriptors += descriptors
        try:
            for header, payload in speaking.decoder.feed(data):
                # A worker is not more trusted than the programs that it ran. It may answer only its own current
                # request.
                waiting = self._waiting.get(place)
                if not waiting or header.get("id") != waiting[0].header["id"]:
                    raise protocol.ProtocolError("an answer without a matching request")
                asked = waiting.popleft().header
                if asked["op"] == "dial" and speaking.descriptors:
                    self._connections.take(asked["id"], speaking.descriptors.pop(0))
                else:
                    self._tell(header, payload)
                self._send_next(place)
        except protocol.ProtocolError as error:
            self._drop(place, f"the probe's worker sent an invalid message: {error}")

    def _changed(self, place: str, changes: int) -> None:
        kernel.drain_events(changes)
        self._tell({"changed": place})

    def _box_ended(self, place: str) -> None:
        self._selector.unregister(self._alive[place])
        self._drop(place, _STOPPED)
        self._gone[place] = _STOPPED
        self._tell({"changed": place})

    def _leave(self, place: str) -> None:
        self._drop(place, "left")
        alive = self._alive.pop(place, None)
        if alive is not None:
            if alive in self._selector.get_map():
                self._selector.unregister(alive)
            os.close(alive)

    def _drop(self, place: str, why: str) -> None:
        """End the place's worker. Each open request to this worker gets an error."""
        dropped = self._workers.pop(place, None)
        if dropped is None:
            return
        self._selector.unregister(dropped.link)
        if dropped.changes is not None:
            self._selector.unregister(dropped.changes)
        dropped.end()
        self._gone[place] = why
        for header, _ in self._waiting.pop(place):
            self._tell({"id": header["id"], "error": why})


def _to_stdout(data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(1, view) :]


def main() -> None:
    """Run the agent for one labctl."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    agent = Agent(_to_stdout)
    try:
        agent.serve(0)
    finally:
        agent.end()


if __name__ == "__main__":
    main()
