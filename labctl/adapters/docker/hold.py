"""Boxes that stand still while they are copied, by a command in the keeper (``labctl.keeper.hold``)."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

import msgspec

from labctl.adapters.docker.client import Client, explained
from labctl.adapters.docker.execs import start_exec
from labctl.adapters.docker.stream import FrameStream
from labctl.domain import naming
from labctl.domain.weight import Weight
from labctl.errors import EngineError

if TYPE_CHECKING:
    from labctl.adapters.docker.stream import RawStream

_COMMAND = ("python3", "-S", "-c", "from labctl.keeper.hold import main; main()")
_SECONDS = 60.0
"""Until it has looked at all boxes, on a machine that is busy; it gives up looking long before."""


@contextmanager
def hold(client: Client, boxes: Mapping[str, str]) -> Iterator[Mapping[str, Weight]]:
    """See ports.Keeper."""
    with explained(client.address):
        raw = start_exec(client.api, naming.KEEPER, _COMMAND, stdin=True)[1]
    told = False
    try:
        weights = _weights(raw, boxes)
        told = True
        yield weights
    finally:
        _let_go(client, raw, [] if told else list(boxes.values()))


def _weights(raw: RawStream, boxes: Mapping[str, str]) -> Mapping[str, Weight]:
    raw.settimeout(_SECONDS)
    stderr, text = bytearray(), b""
    try:
        raw.write(json.dumps(dict(boxes)).encode() + b"\n")
        stream = FrameStream(raw, stderr.extend)
        while b"\n" not in text and (data := stream.read()):
            text += data
        answer = json.loads(text)
        if "boxes" in answer:
            return msgspec.convert(answer["boxes"], dict[str, Weight])
        why = str(answer["error"])
    except (OSError, ValueError) as error:
        why = bytes(stderr).decode(errors="replace").strip() or str(error)
    raise EngineError("how much a copy of the boxes takes can't be measured: {why}", hint="labctl doctor", why=why)


def _let_go(client: Client, raw: RawStream, boxes: list[str]) -> None:
    """The command has the boxes go on and ends. Where it didn't say a word, it may have died on the way, and
    ``boxes`` are told to go on."""
    import docker.errors
    import requests.exceptions

    raw.close_write()
    with contextlib.suppress(OSError):
        while raw.read():
            pass
    raw.close()
    for box_id in boxes:
        with contextlib.suppress(docker.errors.DockerException, requests.exceptions.RequestException):
            client.api.unpause(box_id)
