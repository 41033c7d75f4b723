"""Agents in the probe (``labctl.probe``), each for one verify."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from labctl.adapters.docker.client import Client, explained
from labctl.adapters.docker.execs import start_exec
from labctl.adapters.docker.stream import RawStream
from labctl.domain import naming

# Not -m, which loads another twenty modules first.
_AGENT = ("python3", "-S", "-c", "from labctl.probe.__main__ import main; main()")


class DockerProbe:
    """The probe of an engine. ``is_ready`` tells whether it runs as this version of labctl wants it, ``make_ready``
    sees to it; ``open`` takes that for granted."""

    def __init__(self, client: Client, is_ready: Callable[[], bool], make_ready: Callable[[], None]) -> None:
        self._client = client
        self.is_ready = is_ready
        self.make_ready = make_ready

    def open(self) -> RawStream:
        """An agent's stdin and stdout, the latter in the engine's frames. It ends with the stream."""
        with explained(self._client.address):
            return start_exec(self._client.api, naming.PROBE, _AGENT, stdin=True)[1]

    def shell(self, box_id: str, argv: Sequence[str]) -> RawStream:
        """A program in a box, its stdin and stdout as above."""
        with explained(self._client.address):
            return start_exec(self._client.api, box_id, argv, stdin=True, user="0:0")[1]

    def switch(self) -> int:
        """The pid of the switch on the engine's machine; 0 where it doesn't run."""
        with explained(self._client.address):
            return int(self._client.api.inspect_container(naming.SWITCH)["State"]["Pid"])
