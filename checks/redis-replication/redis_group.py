"""The Redis of each box, and the roles they have now."""

import threading

from redis_server import Server

BOXES = ("master", "replica1", "replica2")


class Group:
    """The Redis of each box, by its name, and who of them is the master now."""

    def __init__(self, clock, *fixtures):
        waiting, self.clock = [], clock
        given = (*fixtures, waiting)
        self.servers = {name: Server(self, name, *given) for name in BOXES}
        self._lock, self._master = threading.RLock(), None

    def __call__(self, name):
        return self.servers[name]

    def forget(self):
        """Who is the master is to be found out anew."""
        with self._lock:
            self._master = None

    def master(self):
        """The master that others follow, on whichever box: Sentinel may have promoted one. Where there is none,
        the one on the box of that name."""
        with self._lock:
            if self._master is None:
                told = [_info(server) for server in self.servers.values()]
                leading = (
                    server
                    for server, own in zip(self.servers.values(), told, strict=True)
                    if own.get("role") == "master" and any(map(server.leads, told))
                )
                self._master = next(leading, self.servers["master"])
            return self._master

    def replicas(self):
        """The names of the other boxes."""
        return [name for name in self.servers if name != self.master().name]


def _info(server):
    try:
        return server.info()
    except AssertionError:
        return {}
