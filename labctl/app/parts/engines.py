"""The engines of the servers that this installation knows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from labctl.domain.nearest import nearest
from labctl.domain.server import LOCAL, ServerId
from labctl.errors import UsageError
from labctl.hints import Hint

if TYPE_CHECKING:
    from labctl.ports import Engine


class EngineRegistry:
    """A mapping from servers to engines. Today it has one entry, ``LOCAL``. Each engine is created at its first use."""

    def __init__(self, makers: Mapping[ServerId, Callable[[], Engine]]) -> None:
        self._makers = dict(makers)
        self._made: dict[ServerId, Engine] = {}

    @property
    def servers(self) -> tuple[ServerId, ...]:
        """The names of all servers."""
        return tuple(self._makers)

    def engine(self, server: ServerId = LOCAL) -> Engine:
        """Return the engine of that server. Raises UsageError, with the nearest name, for an unknown server."""
        if server not in self._makers:
            near = nearest(server, self._makers)
            raise UsageError(
                "there is no server {server}",
                hint=Hint.NAME_SERVER,
                server=server,
                near=near,
                known=", ".join(self._makers),
            )
        if server not in self._made:
            self._made[server] = self._makers[server]()
        return self._made[server]
