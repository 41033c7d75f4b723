"""One client's conversation: its rights and its cursors."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any, ClassVar

from standin.access import Client
from standin.backend import Document, told
from standin.cluster import Cluster
from standin.errors import CommandError

_NOT_PASSED = ("lsid", "txnNumber", "$db", "$clusterTime", "apiVersion", "apiStrict", "apiDeprecationErrors", "stmtId")


class Session:
    """The session of a client. ``cursors`` is shared by all clients. It maps a cursor's number to its member, and to a
    flag for cursors of the router's code."""

    cursors: ClassVar[dict[int, tuple[str, bool]]] = {}
    count: ClassVar[int] = 0
    _lock = threading.Lock()

    def __init__(self, cluster: Cluster, client: Client, started: Mapping[str, Any]) -> None:
        self.cluster, self.client, self.started = cluster, client, started
        with Session._lock:
            Session.count += 1
            self.number = Session.count

    def keep(self, host: str, answer: Document, is_routed: bool) -> Document:
        """Return an answer as the client sees it, and remember its cursor."""
        number = answer.get("cursor", {}).get("id", 0) if isinstance(answer.get("cursor"), Mapping) else 0
        if number:
            Session.cursors[int(number)] = (host, is_routed)
        return told(answer)

    def has_database(self, name: str) -> bool:
        """Return whether the cluster knows the command."""
        try:
            self.cluster.database(name)
        except CommandError as error:
            if error.answer["code"] == 26:
                return False
            raise
        return True


def command_for(body: Mapping[str, Any]) -> Document:
    """Return a client's command for a member, without the fields of the client's own session with a mongos."""
    if "autocommit" in body:
        raise CommandError(20, "this stand-in for mongos has no transactions")
    command = {key: value for key, value in body.items() if key not in _NOT_PASSED}
    preference = command.get("$readPreference")
    if preference is not None and preference.get("mode") not in ("secondary", "secondaryPreferred", "nearest"):
        del command["$readPreference"]
    concern = command.get("readConcern")
    if concern is not None:
        left = {key: value for key, value in concern.items() if key == "level" and value != "snapshot"}
        del command["readConcern"]
        command |= {"readConcern": left} if left else {}
    return command
