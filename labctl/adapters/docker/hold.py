"""Pause boxes while they are copied, with a command in the keeper (``labctl.keeper.hold``)."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import msgspec

from labctl.adapters.docker.client import Client, explained
from labctl.adapters.docker.execs import start_exec
from labctl.adapters.docker.stream import FrameStream
from labctl.domain import naming
from labctl.domain.weight import Weight
from labctl.errors import EngineError
from labctl.hints import Hint

if TYPE_CHECKING:
    from labctl.adapters.docker.stream import RawStream

_COMMAND = ("python3", "-S", "-c", "from labctl.keeper.hold import main; main()")
_SECONDS = 60.0
"""The time limit for measuring all boxes on a busy machine. The command's own time limit is much shorter."""

_LET_GO_SECONDS = 5.0
"""The time limit for the message that the boxes run again. Some engines don't close the connection to a command
whose container was killed."""


@contextmanager
def hold(client: Client, boxes: Mapping[str, str]) -> Iterator[Mapping[str, Weight]]:
    """See ports.Keeper."""
    with explained(client.address):
        # A box that another program has paused is not included.
        found = client.api.containers(filters={"id": list(boxes.values())}) if boxes else []
        running = [item["Id"] for item in found if item["State"] == "running"]
        command = _Command(start_exec(client.api, naming.KEEPER, _COMMAND, stdin=True)[1])
    try:
        yield _weights(command, boxes)
    finally:
        _let_go(client, command, running)


class _Command:
    """The command in the keeper. Its answers are lines of JSON."""

    def __init__(self, raw: RawStream) -> None:
        self.raw = raw
        self.stderr = bytearray()
        self._stream = FrameStream(raw, self.stderr.extend)
        self._text = b""

    def answer(self) -> dict[str, Any]:
        """Return the next line. Raises OSError if the stream can't be read, and ValueError at the end of the stream."""
        while b"\n" not in self._text and (data := self._stream.read()):
            self._text += data
        line, _, self._text = self._text.partition(b"\n")
        answer: dict[str, Any] = json.loads(line)
        return answer


def _weights(command: _Command, boxes: Mapping[str, str]) -> Mapping[str, Weight]:
    command.raw.settimeout(_SECONDS)
    try:
        command.raw.write(json.dumps(dict(boxes)).encode() + b"\n")
        answer = command.answer()
        if "boxes" in answer:
            return msgspec.convert(answer["boxes"], dict[str, Weight])
        why = str(answer["error"])
    except (OSError, ValueError) as error:
        why = bytes(command.stderr).decode(errors="replace").strip() or str(error)
    raise EngineError("the disk space for a copy of the boxes can't be measured: {why}", hint=Hint.DOCTOR, why=why)


def _let_go(client: Client, command: _Command, running: list[str]) -> None:
    """Let the command resume the boxes, report the success, and end. If the report is missing, the command may have
    died, and this function unpauses the boxes in ``running``, which ran before the pause."""
    import docker.errors
    import requests.exceptions

    with contextlib.closing(command.raw):
        command.raw.settimeout(_LET_GO_SECONDS)
        command.raw.close_write()
        with contextlib.suppress(OSError, ValueError):
            while True:
                if "gone_on" in command.answer():
                    return
    for box_id in running:
        with contextlib.suppress(docker.errors.DockerException, requests.exceptions.RequestException):
            client.api.unpause(box_id)
