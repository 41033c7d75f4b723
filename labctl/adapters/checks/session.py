"""labctl's side of an agent in the probe. Any thread may send a request, and each request gets its own answer."""

from __future__ import annotations

import contextlib
import errno
import itertools
import json
import os
import socket
import threading
from typing import Any

from labctl.adapters.checks.calls import Call
from labctl.adapters.docker.stream import FrameStream, RawStream
from labctl.probe import protocol
from labctl.threads import Thread

COMMAND_SECONDS = 20.0
MOST_BYTES = 16 << 20
_PATIENCE = 60.0
"""The time limit for the agent itself, on a machine with thirty verifies at once."""
_DISKS = "the boxes' disks"


class LookError(Exception):
    """There is no result: the command could not be run, it did not end, or the box was removed. A verdict is not
    possible."""


class NoAnswerError(LookError):
    """The agent did not answer in time."""

    def __init__(self, about: str) -> None:
        super().__init__(f"{about}: the probe did not answer in time")


class CheckSession:
    """One agent. Every method raises LookError."""

    def __init__(self, raw: RawStream) -> None:
        self._raw = raw
        self._said = bytearray()
        self._stream = FrameStream(raw, on_stderr=self._said.extend)
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()
        self._answers: dict[int, protocol.Message] = {}
        self._arrived = threading.Condition()
        self._ended = ""
        self._changes: set[str] = set()
        self._calls: dict[int, Call] = {}
        self._disk = threading.Lock()
        self._reads = False
        self._listener = Thread(target=self._listen, name="agent", daemon=True)
        self._listener.start()

    def run(
        self, place: str, command: str, stdin: bytes = b"", seconds: float = COMMAND_SECONDS
    ) -> tuple[int, bytes, bytes]:
        """Run a shell command and return its exit status, stdout and stderr."""
        header = {"op": "run", "place": place, "command": command, "seconds": seconds, "most": MOST_BYTES}
        try:
            told, payload = self._ask(header, stdin, seconds + _PATIENCE, f"{place}: {command}")
        except NoAnswerError:
            # A busy engine may keep the stream of a replaced probe open. So all other requests end now, too.
            with self._arrived:
                self._ended = self._ended or "the probe no longer answers"
                self._arrived.notify_all()
            raise
        return told["status"], payload[: told["out"]], payload[told["out"] :]

    def listeners(self, place: str) -> list[dict[str, Any]]:
        """See ``labctl.probe.tables.listeners``."""
        _, payload = self._ask({"op": "listeners", "place": place}, b"", _PATIENCE, f"{place}: list of listeners")
        return list(json.loads(payload))

    def enter(self, place: str, pid: int, container: str, *, watch: bool = False) -> None:
        """Make a box a place of this session. ``watch``: report changes in the box."""
        if not pid:
            raise LookError(f"{place}: the box is not running")
        header = {"op": "enter", "place": place, "pid": pid, "container": container, "watch": watch}
        self._ask(header, b"", _PATIENCE, place)

    def join(self, place: str, switch: int, bridge: str, address: str, via: str = "") -> None:
        """Give the probe a place on a network. ``via`` is the gateway of the probe's default route, or empty if the
        probe needs no default route."""
        header = {"op": "join", "place": place, "switch": switch, "bridge": bridge, "address": address, "via": via}
        self._ask(header, b"", _PATIENCE, place)

    def changes(self, pid: int, container: str) -> dict[str, list[str]]:
        """See ``labctl.node.overlay.changes``."""
        with self._disk:
            if not self._reads:
                self._ask({"op": "read", "place": _DISKS}, b"", _PATIENCE, _DISKS)
                self._reads = True
            header = {"op": "changes", "place": _DISKS, "pid": pid, "container": container}
            _, payload = self._ask(header, b"", _PATIENCE, _DISKS)
        return dict(json.loads(payload))

    def isolate(self, switch: int, ports: list[str], *, isolated: bool) -> None:
        """Block or allow frames between these ports of the switch."""
        header = {"op": "isolate", "switch": switch, "ports": ports, "isolated": isolated}
        self._ask(header, b"", _PATIENCE, "the switch")

    def dial(self, place: str, host: str, port: int, seconds: float) -> socket.socket:
        """Open a connection from that place. Raises the OSError of the attempt, for example ConnectionRefusedError, or
        TimeoutError if there is no answer within ``seconds``."""
        number = next(self._numbers)
        about = f"{place}: {host}:{port}"
        call = Call(lambda data: self._pass_on(number, data), lambda: self._hang_up(number))
        try:
            self._calls[number] = call
            header = {"op": "dial", "place": place, "host": host, "port": port}
            told, _ = self._ask(header, b"", seconds, about, number)
        except NoAnswerError as error:
            call.check.close()
            raise TimeoutError(errno.ETIMEDOUT, f"no answer within {seconds:g} s") from error
        except LookError:
            call.check.close()
            raise
        if failed := told.get("errno"):
            call.check.close()
            raise OSError(failed, os.strerror(failed))
        return call.check

    def _pass_on(self, number: int, data: bytes) -> None:
        self._write({"id": number, "op": "send" if data else "shut"}, data)

    def _hang_up(self, number: int) -> None:
        self._calls.pop(number, None)
        with contextlib.suppress(OSError):  # the agent has ended, and its connection is closed
            self._write({"id": number, "op": "hang up"})

    def wait_change(self, seconds: float) -> set[str]:
        """Wait for changes and return the places that changed. A place changes if a file is written, a program is
        run, or the box ends. Return an empty set after ``seconds``."""
        with self._arrived:
            self._arrived.wait_for(lambda: self._changes or self._ended, seconds)
            if self._ended and not self._changes:
                raise LookError(self._ended)
            changed, self._changes = self._changes, set()
            return changed

    def close(self) -> None:
        """End the agent and all its processes."""
        self._raw.close()
        self._listener.join(_PATIENCE)

    def _write(self, header: dict[str, Any], payload: bytes = b"") -> None:
        with self._lock:
            self._raw.write(protocol.encode(header, payload))

    def _ask(
        self, header: dict[str, Any], payload: bytes, seconds: float, about: str, number: int = 0
    ) -> protocol.Message:
        number = number or next(self._numbers)
        try:
            self._write({"id": number, **header}, payload)
        except OSError as error:
            raise LookError(f"{about}: the probe has ended ({self._why() or error})") from error
        except protocol.ProtocolError as error:
            raise LookError(f"{about}: {error}") from error
        with self._arrived:
            arrived = self._arrived.wait_for(lambda: number in self._answers or self._ended, seconds)
            answer = self._answers.pop(number, None)
        if answer is None:
            raise LookError(f"{about}: {self._ended}") if arrived else NoAnswerError(about)
        if "error" in answer.header:
            raise LookError(f"{about}: {answer.header['error']}")
        return answer

    def _listen(self) -> None:
        decoder = protocol.Decoder()
        try:
            while data := self._stream.read():
                for message in decoder.feed(data):
                    self._take(message)
        except (OSError, ValueError) as error:
            self._said += str(error).encode()
        with self._arrived:
            self._ended = f"the probe has ended ({self._why() or 'its stream ended'})"
            self._arrived.notify_all()
        for call in list(self._calls.values()):
            call.hear(b"")

    def _take(self, message: protocol.Message) -> None:
        if "stream" in message.header:
            if (call := self._calls.get(message.header["stream"])) is not None:
                call.hear(message.payload)
            return
        with self._arrived:
            if "id" in message.header:
                self._answers[message.header["id"]] = message
            elif "changed" in message.header:
                self._changes.add(message.header["changed"])
            self._arrived.notify_all()

    def _why(self) -> str:
        lines = self._said.decode(errors="replace").strip().splitlines()
        return lines[-1] if lines else ""
