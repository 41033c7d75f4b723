"""One look at the Sentinel of a box: who it is, and what it tells a client elsewhere of the master it watches."""

import time

import redis_wire
from redis_server import fields

SECONDS = 3
"""What a Sentinel needs to hear of a change: it asks each second, and others tell of themselves every two."""


class Sentinel:
    """The Sentinel that runs beside a box' Redis."""

    def __init__(self, redis):
        self.redis, self.unmet = redis, redis.unmet
        self.port, self.service = redis.params["sentinel_port"], redis.params["service"]

    def cli(self, command):
        """As a learner would type it in the box."""
        return f"redis-cli -p {self.port} sentinel {command} {self.service}".strip()

    def pid(self):
        """Of the genuine Redis at the Sentinel's port. Raises where there is none, or something else."""
        here = [socket for socket in self.redis.sockets() if socket.port == self.port]
        if not here:
            raise self.unmet(
                (f"a Sentinel at port {self.port}", f"{self.port} 端口上有 Sentinel"),
                ("nobody who listens there", "那里没有任何程序在监听"),
                "ss -ltn",
                "sentinels",
            )
        self.redis.be_redis(here)
        return here[0].pid

    def ask(self, *commands, inside=False):
        """Its replies, to a client elsewhere or, ``inside``, to one in the box. Raises where there are none."""
        self.pid()
        addresses = {socket.address for socket in self.redis.sockets() if socket.port == self.port}
        if inside:
            near = {"127.0.0.1", "0.0.0.0", "::"} & addresses  # noqa: S104
            host, address = self.redis.host, "127.0.0.1" if near else min(addresses)
        else:
            host, address = self.redis.probe, self.redis.own
        # A Sentinel that asks for no password says OK to any.
        login = ("AUTH", "default", self.redis.params["password"])
        told = redis_wire.talk(host, address, self.port, [login, *commands], end=redis_wire.NONSENSE)[
            1 : len(commands) + 1
        ]
        if len(told) < len(commands):
            where = ("in its own box", "本机上") if inside else ("on another machine", "别的机器上")
            raise self.unmet(
                (
                    f"an answer to a client {where[0]} that asks {address} port {self.port}",
                    f"{where[1]}的客户端连 {address} 的 {self.port} 端口时有应答",
                ),
                ("none", "没有应答"),
                "ss -ltn",
                "sentinels",
            )
        return told

    def watched(self, reply):
        """A reply to SENTINEL MASTER as name to value. Raises where this Sentinel knows none of that name."""
        if not isinstance(reply, list):
            raise self.unmet(
                (
                    f"a Sentinel that watches a master it calls {self.service}",
                    f"有 Sentinel 在监视名为 {self.service} 的主机",
                ),
                str(reply),
                f"redis-cli -p {self.port} sentinel masters",
                "sentinels",
            )
        return pairs(reply)

    def look(self):
        """What it knows, asked now from elsewhere."""
        words = (("MYID",), ("MASTER", self.service), ("REPLICAS", self.service), ("SENTINELS", self.service))
        asked = [("SENTINEL", *each) for each in words]
        mine, master, replicas, others, quorum, info = self.ask(
            *asked, ("SENTINEL", "CKQUORUM", self.service), ("INFO", "server")
        )
        return View(self, mine, self.watched(master), listed(replicas), listed(others), str(quorum), fields(info))

    def unit(self):
        """The systemd unit that it runs in, and whether that is started at boot, by the files of the box."""
        groups = self.redis.host.run("cat /proc/%s/cgroup", str(self.pid())).stdout
        name = ""
        for line in groups.splitlines():
            number, controllers, path = line.split(":", 2)
            if controllers == "name=systemd" or (number == "0" and path.endswith(".service")):
                name = path.rpartition("/")[2]
        if not name.endswith(".service"):
            return "", ""
        return name, self.redis.host.run("systemctl --root=/ is-enabled %s", name).stdout.strip()


class View:
    """What a Sentinel says of its master, replicas and fellows."""

    def __init__(self, sentinel, mine, master, replicas, others, quorum, server):
        self.sentinel, self.mine, self.master = sentinel, mine, master
        self.replicas, self.others, self.quorum, self.server = replicas, others, quorum, server

    @property
    def young(self):
        """It was started a moment ago."""
        return int(self.server.get("uptime_in_seconds", "0")) < 30

    def judge(self, group, sentinels):
        """Raises where it doesn't watch the group's master, with the other two, and without errors."""
        own, unmet, port = self.sentinel, self.sentinel.unmet, group.master().port
        master, found = group.master(), (self.master.get("ip"), self.master.get("port"))
        if found not in ((master.own, str(port)), (master.name, str(port))):
            raise unmet(
                (f"the master at {master.own} {port}", f"监视的主机是 {master.own} {port}"),
                " ".join(map(str, found)),
                own.cli("master"),
                "sentinels",
            )
        if self.master.get("quorum") != "2":
            raise unmet("quorum 2", f"quorum {self.master.get('quorum')}", own.cli("master"), "watch")
        flags = self.master.get("flags", "")
        if flags != "master":
            raise unmet(
                (
                    "a master that this Sentinel can talk to (flags master)",
                    "Sentinel 和主机之间联系正常（flags 为 master）",
                ),
                f"flags {flags}",
                "tail /var/log/redis/redis-sentinel.log",
                "watch",
            )
        # Never heard is 0, or the time since 1970.
        if not 0 < int(self.master.get("info-refresh", "0")) < 60_000:
            raise unmet(
                (
                    "a Sentinel that may ask the master: it logs in with its password",
                    "Sentinel 用密码登录主机，能问到它的情况",
                ),
                ("the master answers no INFO to it", "主机没有回答它的 INFO"),
                f"redis-cli -p {master.port} -h {master.own} info clients",
                "sentinels",
            )
        self._fellows(group, sentinels)

    def _fellows(self, group, sentinels):
        own, unmet = self.sentinel, self.sentinel.unmet
        port = str(group.master().port)
        known = {(one.get("ip"), one.get("port")) for one in self.replicas}
        for name in group.replicas():
            redis = group(name)
            if not known & {(redis.own, port), (name, port)}:
                raise unmet(
                    (f"two replicas known to it, one at {redis.own}", f"它知道两台从机，其中一台在 {redis.own}"),
                    ", ".join(f"{one[0]}:{one[1]}" for one in sorted(known, key=str)) or ("none", "没有"),
                    own.cli("replicas"),
                    "sentinels",
                )
        ids = {(one.get("ip"), one.get("port")): one.get("runid") for one in self.others}
        for name, other in sentinels.items():
            at = [(where, str(other.port)) for where in (group(name).own, name)]
            if name != own.redis.name and not any(where in ids for where in at):
                raise unmet(
                    (
                        f"the other two Sentinels known to it, one at {group(name).own}",
                        f"它认识另外两个 Sentinel，其中一个在 {group(name).own}",
                    ),
                    ", ".join(f"{one[0]}:{one[1]}" for one in sorted(ids, key=str)) or ("none", "没有"),
                    own.cli("sentinels"),
                    "watch",
                )
        if not self.quorum.startswith("OK"):
            raise unmet(
                ("OK, when it is asked whether a failover could be agreed on", "问它能否达成故障转移，回答 OK"),
                self.quorum,
                own.cli("ckquorum"),
                "watch",
            )


def pairs(reply):
    """A flat list of names and values."""
    return dict(zip(reply[::2], reply[1::2], strict=False))


def listed(reply):
    """A list of such lists."""
    return [pairs(each) for each in reply if isinstance(each, list)] if isinstance(reply, list) else []


def patiently(clock, young, look, judge):
    """Judge what is seen; where it isn't right, look again as long as a Sentinel needs to hear of its surroundings."""
    view, deadline = look(), 0.0
    while True:
        try:
            return judge(view)
        except AssertionError:
            deadline = deadline or clock() + (12 if young(view) else SECONDS)
            if clock() > deadline:
                raise
        time.sleep(0.2)
        view = look()
