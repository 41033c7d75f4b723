"""The three as one service, for checks that hurt it and look how it recovers."""

import secrets
import time

from redis_group import BOXES


class Trio:
    """What all of these checks do with the three."""

    def __init__(self, server, every):
        self.server, self.every = server, every

    def within(self, seconds, look, first=0.0):
        """Look again and again until nothing is unmet any more; what still is when the time is over is raised.
        ``first`` comes before these seconds, and is what the learner was to set: no machine makes it longer."""
        clock, start = self.server.clock, time.monotonic()
        while time.monotonic() < start + first:
            try:
                return look()
            except AssertionError:
                time.sleep(0.2)
        deadline = clock() + seconds
        while True:
            try:
                return look()
            except AssertionError:
                if clock() > deadline:
                    raise
            time.sleep(0.2)

    @property
    def master(self):
        """As roles are now; ``forget`` where they may have changed."""
        return self.server.master()

    @property
    def replicas(self):
        """The names of the other two."""
        return self.server.replicas()

    def forget(self):
        """Look at all boxes anew."""
        for name in BOXES:
            self.server(name).forget()

    def ready(self, seconds=20):
        """Raises where Redis doesn't answer on every box, or, after some seconds, isn't linked or takes no writes."""
        self.forget()
        self.every(BOXES, lambda name: self.server(name).known("auth-ping"))
        self.every(self.replicas, lambda name: self.server(name).follows())
        self.within(seconds, lambda: self.every(self.replicas, self.linked))
        self.within(5, self.write)  # the master hears of its replicas a moment later than they of it

    def settled(self, seconds):
        """Roles may have changed: raises where after that time one isn't the master that the other two follow."""

        def look():
            self.forget()
            self.every(BOXES, lambda name: self.server(name).known("auth-ping"))
            self.every(self.replicas, lambda name: self.server(name).follows())
            self.every(self.replicas, self.linked)
            return self.write()

        return self.within(seconds, look)

    def linked(self, name):
        """Raises where that replica isn't, at this moment."""
        redis = self.server(name)
        status = redis.info_now().get("master_link_status")
        if status != "up":
            raise redis.unmet(
                ("master_link_status:up, without anybody's help", "无需人工处理，master_link_status:up"),
                f"master_link_status:{status}",
                "tail /var/log/redis/redis-server.log",
                "errors",
            )

    def write(self):
        """A new key on the master. Raises where that is refused."""
        key, value = f"labctl:probe:{secrets.token_hex(6)}", secrets.token_hex(8)
        master = self.master
        answer = master.ask(("SET", key, value, "EX", "600"))[0]
        if answer != "OK":
            raise master.unmet(
                ("OK, when somebody writes to the master", "往主机写入得到 OK"),
                answer,
                master.cli("info replication"),
                "min-replicas",
            )
        return key, value

    def has(self, name, key, value, when):
        """Raises where that box doesn't have the key. ``when`` is said in both languages."""
        redis = self.server(name)
        if redis.ask(("GET", key))[0] != value:
            raise redis.unmet(
                (f"a key that the master took, {when[0]}", f"{when[1]}，还读得到主机接受过的键"),
                ("it is gone, or never arrived", "键没了，或者没有传到"),
                redis.cli("info replication"),
                "copy",
            )

    def all_have(self, names, key, value, when, seconds=10):
        """Raises where they don't within this time."""
        self.within(seconds, lambda: self.every(names, lambda name: self.has(name, key, value, when)))
