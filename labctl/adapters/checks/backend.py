"""testinfra backends for boxes: testinfra's modules work on them unchanged."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from typing import Any

from testinfra.backend import base

from labctl.adapters.checks.channel import Channel, NoEndError
from labctl.adapters.checks.session import COMMAND_SECONDS, CheckSession
from labctl.adapters.checks.trust import needs_inside, source_of
from labctl.domain.toolbox import BUSYBOX
from labctl.domain.verdict import Source

Used = Callable[[Source], None]
"""A function that gets the source of each answer."""

Limit = Callable[[float], float]
"""A function that converts seconds on an idle machine to seconds on this machine."""


class LookBackend(base.BaseBackend):
    """A place of a session: a box seen from outside, or the probe on a network. Every command runs as root, with an
    empty environment and only the toolbox. Some commands query the box's systemd, which answers only processes that it
    can see. ``systemd`` opens a channel into the box when the first such command runs."""

    NAME = "labctl"

    def __init__(
        self,
        name: str,
        session: CheckSession,
        place: str,
        used: Used,
        limit: Limit,
        systemd: Callable[[], Channel] | None = None,
    ) -> None:
        super().__init__(name)
        self._limit = limit
        self._session = session
        self._place = place
        self._used = used
        self._systemd = systemd

    def run(self, command: str, *args: str, **kwargs: Any) -> base.CommandResult:
        """Run a command. testinfra quotes ``args`` into ``command``. ``seconds`` is the time limit on an idle machine.
        Raises LookError if the command gives no result."""
        line = self.get_command(command, *args)
        seconds = self._limit(float(kwargs.get("seconds", COMMAND_SECONDS)))
        if self._systemd is not None and needs_inside(line):
            status, stdout, stderr = self._systemd().run(line, seconds)
        else:
            status, stdout, stderr = self._session.run(self._place, line, kwargs.get("stdin", b""), seconds)
        self._used(source_of(line) if self._systemd is not None else Source.TRUSTED)
        return self.result(status, line.encode(), stdout, stderr)


class InsideBackend(base.BaseBackend):
    """Runs commands as a process in the box, for programs that the learner made. The output can't be trusted."""

    NAME = "labctl-inside"

    def __init__(self, name: str, channel: Callable[[], Channel], used: Used, limit: Limit) -> None:
        super().__init__(name)
        self._limit = limit
        self._channel = channel
        self._used = used

    def run(self, command: str, *args: str, **kwargs: Any) -> base.CommandResult:
        """See LookBackend.run. Raises ChannelError."""
        line = self.get_command(command, *args)
        seconds = self._limit(float(kwargs.get("seconds", COMMAND_SECONDS)))
        status, stdout, stderr = self._channel().run(line, seconds)
        self._used(Source.IN_BOX)
        return self.result(status, line.encode(), stdout, stderr)


class ExerciseBackend(InsideBackend):
    """Runs the learner's programs on a clone, with input that nobody can foresee. The check judges the output. A
    program that gives the right answer has done the work, so the answer is trusted. A command that exceeds its time
    limit is killed with status 124, as by timeout(1). This counts as a fault of the learner's program."""

    NAME = "labctl-exercise"

    def run(self, command: str, *args: str, **kwargs: Any) -> base.CommandResult:
        """See LookBackend.run. Raises ChannelError."""
        line = self.get_command(command, *args)
        seconds = self._limit(float(kwargs.get("seconds", COMMAND_SECONDS)))
        # The command runs in a session of its own. It first prints the session id, so that the session can be killed.
        own = f"echo $$ >&2; exec {BUSYBOX} sh -c {shlex.quote(line)}"
        try:
            status, stdout, stderr = self._channel().run(
                f"exec {BUSYBOX} setsid {BUSYBOX} sh -c {shlex.quote(own)}", seconds
            )
            stderr = stderr.partition(b"\n")[2]
        except NoEndError as error:
            self._channel().run(f"kill -9 -{error.pid}" if error.pid else "true")
            status, stdout, stderr = 124, b"", f"the command did not end within {seconds:g} s".encode()
        self._used(Source.TRUSTED)
        return self.result(status, line.encode(), stdout, stderr)
