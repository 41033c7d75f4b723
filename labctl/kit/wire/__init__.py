"""Clients for the protocols of servers in boxes: each sees what its place on the network sees.

A check imports the package, as in ``from labctl.kit import wire``, and makes a client with a place, an address and a
port: ``wire.Http(probe, "10.0.0.11", 80)``. Every method raises only WireError, whatever the server sends, and ends
within its deadline. docs/kit/wire.md describes the clients for authors.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from labctl.kit.wire.dns import Dns as Dns
    from labctl.kit.wire.dns import DnsReply as DnsReply
    from labctl.kit.wire.errors import DeniedError as DeniedError
    from labctl.kit.wire.errors import WireError as WireError
    from labctl.kit.wire.errors import needed as needed
    from labctl.kit.wire.errors import text_of as text_of
    from labctl.kit.wire.git import Git as Git
    from labctl.kit.wire.git import GitRefs as GitRefs
    from labctl.kit.wire.http import Http as Http
    from labctl.kit.wire.http import HttpReply as HttpReply
    from labctl.kit.wire.http import HttpSession as HttpSession
    from labctl.kit.wire.memcached import Memcached as Memcached
    from labctl.kit.wire.mongo import Mongo as Mongo
    from labctl.kit.wire.mongo import MongoError as MongoError
    from labctl.kit.wire.mysql import Mysql as Mysql
    from labctl.kit.wire.mysql import SqlError as SqlError
    from labctl.kit.wire.redis import Redis as Redis
    from labctl.kit.wire.redis import RedisRefusal as RedisRefusal
    from labctl.kit.wire.smtp import Smtp as Smtp
    from labctl.kit.wire.smtp import SmtpAnswer as SmtpAnswer
    from labctl.kit.wire.smtp import SmtpError as SmtpError
    from labctl.kit.wire.tls import ServerCertificate as ServerCertificate
    from labctl.kit.wire.tls import Tls as Tls
    from labctl.kit.wire.tls import TlsSession as TlsSession
    from labctl.kit.wire.websocket import UpgradeError as UpgradeError
    from labctl.kit.wire.websocket import WebSocket as WebSocket

_PLACES = {
    "DeniedError": "errors",
    "Dns": "dns",
    "DnsReply": "dns",
    "Git": "git",
    "GitRefs": "git",
    "Http": "http",
    "HttpReply": "http",
    "HttpSession": "http",
    "Memcached": "memcached",
    "Mongo": "mongo",
    "MongoError": "mongo",
    "Mysql": "mysql",
    "Redis": "redis",
    "RedisRefusal": "redis",
    "ServerCertificate": "tls",
    "Smtp": "smtp",
    "SmtpAnswer": "smtp",
    "SmtpError": "smtp",
    "SqlError": "mysql",
    "Tls": "tls",
    "TlsSession": "tls",
    "UpgradeError": "websocket",
    "WebSocket": "websocket",
    "WireError": "errors",
    "needed": "errors",
    "text_of": "errors",
}
"""Each public name, with its module. A module is imported when a check first needs it."""

__all__ = [
    "DeniedError",
    "Dns",
    "DnsReply",
    "Git",
    "GitRefs",
    "Http",
    "HttpReply",
    "HttpSession",
    "Memcached",
    "Mongo",
    "MongoError",
    "Mysql",
    "Redis",
    "RedisRefusal",
    "ServerCertificate",
    "Smtp",
    "SmtpAnswer",
    "SmtpError",
    "SqlError",
    "Tls",
    "TlsSession",
    "UpgradeError",
    "WebSocket",
    "WireError",
    "needed",
    "text_of",
]


def __getattr__(name: str) -> Any:
    from importlib import import_module

    if name not in _PLACES:
        raise AttributeError(f"labctl.kit.wire has no {name}; it has: {', '.join(sorted(_PLACES))}")
    return getattr(import_module(f"labctl.kit.wire.{_PLACES[name]}"), name)
