"""Agents in the probe (``labctl.probe``), one for each verify."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from labctl.adapters.docker.client import Client, explained
from labctl.adapters.docker.execs import start_exec
from labctl.adapters.docker.stream import RawStream
from labctl.domain import naming

# The command does not use python's option -m, which loads twenty more modules.
_AGENT = ("python3", "-S", "-c", "from labctl.probe.__main__ import main; main()")


class DockerProbe:
    """The probe of an engine. ``is_ready`` returns whether the probe runs in the form that this version of labctl
    needs. ``make_ready`` creates or replaces the probe if necessary. ``open`` needs a probe that is ready."""

    def __init__(self, client: Client, is_ready: Callable[[], bool], make_ready: Callable[[], None]) -> None:
        self._client = client
        self.is_ready = is_ready
        self.make_ready = make_ready

    def open(self) -> RawStream:
        """Start an agent and return a stream of its stdin and stdout. Its stdout comes in the engine's frames. The
        agent ends when the stream is closed."""
        with explained(self._client.address):
            return start_exec(self._client.api, naming.PROBE, _AGENT, stdin=True)[1]

    def shell(self, box_id: str, argv: Sequence[str]) -> RawStream:
        """Start a program in a box and return a stream of its stdin and stdout. Its stdout comes in the engine's
        frames."""
        with explained(self._client.address):
            return start_exec(self._client.api, box_id, argv, stdin=True, user="0:0")[1]

    def switch(self) -> int:
        """Return the pid of the switch on the engine's machine, or 0 if the switch does not run."""
        with explained(self._client.address):
            return int(self._client.api.inspect_container(naming.SWITCH)["State"]["Pid"])
