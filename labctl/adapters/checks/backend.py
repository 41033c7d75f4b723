"""testinfra over a :class:`Channel`: its modules work on it unchanged."""

from __future__ import annotations

from typing import Any

from testinfra.backend import base

from labctl.adapters.checks.channel import Channel


class ChannelBackend(base.BaseBackend):
    """One box. Every command runs as root, with the toolbox first in PATH."""

    NAME = "labctl"

    def __init__(self, box: str, channel: Channel, *args: Any, **kwargs: Any) -> None:
        super().__init__(box, *args, **kwargs)
        self._channel = channel

    def run(self, command: str, *args: str, **_kwargs: Any) -> base.CommandResult:
        """testinfra's own quoting of ``args`` into ``command``. Raises ChannelError."""
        line = self.get_command(command, *args)
        status, stdout, stderr = self._channel.run(line)
        return self.result(status, line.encode(), stdout, stderr)
