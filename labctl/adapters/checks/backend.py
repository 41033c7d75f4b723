"""testinfra on boxes: its modules work on these unchanged."""

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
"""Told of each answer what it rests on."""

Limit = Callable[[float], float]
"""From seconds on an idle machine to seconds on this one."""


class LookBackend(base.BaseBackend):
    """A place of a session: a box seen from outside, or the probe on a network. Every command runs as root, with an
    empty environment and nothing but the toolbox. ``systemd`` opens, at the first need, a channel into the box: its
    systemd answers nobody whom it can't see."""

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
        """testinfra's own quoting of ``args`` into ``command``; ``seconds`` is how long it may take on an idle
        machine. Raises LookError."""
        line = self.get_command(command, *args)
        seconds = self._limit(float(kwargs.get("seconds", COMMAND_SECONDS)))
        if self._systemd is not None and needs_inside(line):
            status, stdout, stderr = self._systemd().run(line, seconds)
        else:
            status, stdout, stderr = self._session.run(self._place, line, kwargs.get("stdin", b""), seconds)
        self._used(source_of(line) if self._systemd is not None else Source.TRUSTED)
        return self.result(status, line.encode(), stdout, stderr)


class InsideBackend(base.BaseBackend):
    """A box as somebody in it: for what the learner made to be run. Nothing that comes back can be trusted."""

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
    """The same on a clone, for what the learner wrote: it gets inputs that nobody can foresee, and what it makes of
    them is judged. Who gives the right answer has done the work, so that it may be trusted. A command that doesn't end
    is the learner's doing: it is killed, and its status is 124, as timeout(1) says."""

    NAME = "labctl-exercise"

    def run(self, command: str, *args: str, **kwargs: Any) -> base.CommandResult:
        """See LookBackend.run. Raises ChannelError."""
        line = self.get_command(command, *args)
        seconds = self._limit(float(kwargs.get("seconds", COMMAND_SECONDS)))
        # A session of its own, whose number it tells first, to be killed by.
        own = f"echo $$ >&2; exec {BUSYBOX} sh -c {shlex.quote(line)}"
        try:
            status, stdout, stderr = self._channel().run(
                f"exec {BUSYBOX} setsid {BUSYBOX} sh -c {shlex.quote(own)}", seconds
            )
            stderr = stderr.partition(b"\n")[2]
        except NoEndError as error:
            self._channel().run(f"kill -9 -{error.pid}" if error.pid else "true")
            status, stdout, stderr = 124, b"", f"no end within {seconds:g} s".encode()
        self._used(Source.TRUSTED)
        return self.result(status, line.encode(), stdout, stderr)
