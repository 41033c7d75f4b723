"""Clients for the protocols of servers in boxes: each sees what its place on the network sees.

A check imports the package, as in ``from labctl.kit import wire``, and makes a client with a place, an address and a
port: ``wire.Http(probe, "10.0.0.11", 80)``. Every method raises only WireError, whatever the server sends, and ends
within its deadline. docs/kit/wire.md describes the clients for authors.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from labctl.kit.wire.base import DeniedError as DeniedError
    from labctl.kit.wire.base import WireError as WireError
    from labctl.kit.wire.base import needed as needed
    from labctl.kit.wire.base import text_of as text_of
    from labctl.kit.wire.http import Http as Http
    from labctl.kit.wire.memcached import Memcached as Memcached
    from labctl.kit.wire.mysql import Mysql as Mysql
    from labctl.kit.wire.mysql import SqlError as SqlError
    from labctl.kit.wire.redis import Redis as Redis
    from labctl.kit.wire.redis import RedisRefusal as RedisRefusal

_PLACES = {
    "DeniedError": "base",
    "Http": "http",
    "Memcached": "memcached",
    "Mysql": "mysql",
    "Redis": "redis",
    "RedisRefusal": "redis",
    "SqlError": "mysql",
    "WireError": "base",
    "needed": "base",
    "text_of": "base",
}
"""Each public name, with its module. A module is imported when a check first needs it."""

__all__ = [
    "DeniedError",
    "Http",
    "Memcached",
    "Mysql",
    "Redis",
    "RedisRefusal",
    "SqlError",
    "WireError",
    "needed",
    "text_of",
]


def __getattr__(name: str) -> Any:
    from importlib import import_module

    if name not in _PLACES:
        raise AttributeError(f"labctl.kit.wire has no {name}; it has: {', '.join(sorted(_PLACES))}")
    return getattr(import_module(f"labctl.kit.wire.{_PLACES[name]}"), name)
