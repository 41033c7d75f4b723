"""One look at each Redis, kept for all checks that ask, and what is wrong where it doesn't answer."""

import secrets
import threading
import time

import redis_disk
import redis_wire
from redis_brief import READ
from redis_wire import Refusal

# /usr/bin/redis-server is a link to the first one.
PROGRAMS = ("/usr/bin/redis-check-rdb", "/usr/bin/redis-server")


class Server:
    """The Redis of one box. What was asked once is kept, until ``forget``; ``ask`` asks again."""

    def __init__(self, group, name, box, probe, params, listeners, unmet, waiting):
        self.group, self.name, self.box, self.probe, self.params = group, name, box, probe, params
        self.port = params["redis_port"]
        self.own = params[f"{name}_address"]
        self.secret = {"default": secrets.token_hex(8), "user": secrets.token_hex(8)}
        self._listeners, self._unmet, self._waiting = listeners, unmet, waiting
        self._lock, self._kept = threading.RLock(), {}

    def _once(self, key, make):
        with self._lock:
            if key not in self._kept:
                self._kept[key] = make()
            return self._kept[key]

    @property
    def host(self):
        """The box, which may have been rebooted since it was last looked at."""
        return self.box(self.name)

    def forget(self):
        """Ask anew."""
        self.group.forget()
        with self._lock:
            self._kept.clear()

    def unmet(self, expected, found, see="", read=""):
        """What a check raises: see the fixture of that name. ``read`` is a word of READ."""
        if isinstance(found, Refusal):
            found = found.partition(". ")[0]  # protected mode goes on for a page
        found = found if isinstance(found, tuple) else str(found)
        return self._unmet(self.name, expected=expected, found=found, see=see, read=READ[read] if read else "")

    def cli(self, command, user="", password=""):
        """The command as a learner would type it in the box."""
        login = f"--user {user} -a {password}" if user else f"-a {self.params['password']}"
        return f"redis-cli -p {self.port} {login} {command}"

    # ------------------------------------------------------------------------------------------ who is it, and where

    def sockets(self):
        """Everybody in the box who waits for TCP clients, by the kernel's tables."""
        return self._once("sockets", lambda: [s for s in self._listeners(self.name) if s.protocol == "tcp"])

    def here(self):
        """Those of them at the learner's port."""
        return [socket for socket in self.sockets() if socket.port == self.port]

    def be_redis(self, sockets):
        """Raises where one of these is anything but Redis as it was installed."""
        for socket in sockets:
            if socket.program in PROGRAMS and socket.genuine:
                continue
            program = socket.program or "?"
            found = (
                (
                    f"{program}, which was changed since, or executes what was",
                    f"{program}，但它（或它加载的库）被改动过",
                )
                if socket.program in PROGRAMS
                else (program, program)
            )
            raise self.unmet(
                (f"Redis as it was installed, at port {socket.port}", f"{socket.port} 端口上是安装时的 Redis 本身"),
                found,
                "ps axf",
                "listen",
            )

    def genuine(self):
        """The pid of the one Redis at the learner's port. Raises where there is none, or another, or two."""
        here = self.here()
        if not here:
            raise self.unmet(
                (f"Redis at port {self.port}", f"Redis 在 {self.port} 端口上"),
                ("nobody who listens there; task listen comes first", "那里没有任何程序在监听；先完成任务 listen"),
                "ss -ltn",
                "listen",
            )
        self.be_redis(here)
        if len({socket.pid for socket in here}) > 1:
            raise self.unmet(
                (f"one Redis at port {self.port}", f"{self.port} 端口上只有一个 Redis"),
                ("several, each at an address of its own", "有好几个，各占一个地址"),
                "ps axf",
                "listen",
            )
        return here[0].pid

    def address(self):
        """Where this Redis answers its own box."""
        there = [socket.address for socket in self.here()]
        if {"127.0.0.1", "0.0.0.0"} & set(there):  # noqa: S104
            return "127.0.0.1"
        return self.own if {self.own, "::"} & set(there) else there[0]

    def disk(self):
        """What the box's files say, and the kernel of the process."""
        who = [(socket.pid, socket.program) for socket in self.here()[:1]]
        return self._once("disk", lambda: redis_disk.Disk(self.host, *(who[0] if who else ())))

    def written(self):
        """What Redis would read at its next start."""
        return self._once("written", lambda: redis_disk.Configuration(self.disk()))

    # ---------------------------------------------------------------------------------------------- what does it say

    def talk(self, *commands, host=None, address=""):
        """Replies of the genuine Redis. Raises where there are none."""
        self.genuine()
        address, start, clock = address or self.address(), time.monotonic(), self.group.clock
        told = redis_wire.talk(host or self.host, address, self.port, commands, round(clock.limit(5)))
        if not told:
            late = time.monotonic() - start > 4
            raise self.unmet(
                (f"an answer from {address} port {self.port}", f"{address} 的 {self.port} 端口有应答"),
                ("none within 5 seconds", "5 秒内没有应答") if late else ("no connection", "连不上"),
                "systemctl status redis-server",
                "errors",
            )
        return told

    def _logins(self):
        """Asked without a password, then with a wrong one, then with the right one."""
        return {
            "ping": ("PING",),
            "wrong": ("AUTH", "default", self.secret["default"]),
            "wrong-ping": ("PING",),
            "auth": ("AUTH", "default", self.params["password"]),
            "auth-ping": ("PING",),
        }

    def strangers(self):
        """What a client outside of the box is told without a password, then with a wrong one and the right one."""
        return self._once("strangers", self._strangers)

    def _strangers(self):
        asked = self._logins()
        self.genuine()
        told = redis_wire.talk(self.probe, self.own, self.port, asked.values())
        return dict(zip(asked, told, strict=False))

    def told(self):
        """All that several checks want to know, from one conversation."""
        return self._once("told", self._told)

    def _told(self):
        user, password = self.params["repl_user"], self.params["repl_password"]
        asked = {
            **self._logins(),
            "config": ("CONFIG", "GET", *redis_disk.DEFAULTS, "dir", "appenddirname", "appendfilename"),
            "info": ("INFO",),
            "users": ("ACL", "LIST"),
            "psync": ("ACL", "DRYRUN", user, "PSYNC", "?", "-1"),
            "replconf": ("ACL", "DRYRUN", user, "REPLCONF", "ACK", "0"),
            "user-wrong": ("AUTH", user, self.secret["user"]),
            "user-auth": ("AUTH", user, password),
            "user-ping": ("PING",),
            "user-get": ("GET", f"labctl:probe:{self.secret['user']}"),
            "user-config": ("CONFIG", "GET", "requirepass"),
        }
        return dict(zip(asked, self.talk(*asked.values()), strict=False))

    def let_in(self, answer):
        """Raises where the administrator's password was answered by anything but OK."""
        if answer != "OK":
            raise self.unmet(
                ("OK, for your password (task auth)", "用你的密码登录得到 OK（任务 auth）"),
                answer or ("no answer", "没有应答"),
                self.cli("ping"),
                "auth",
            )

    def ask(self, *commands):
        """Commands as the administrator, asked now, and the reply to each."""
        answers = self.talk(("AUTH", "default", self.params["password"]), *commands)
        self.let_in(answers[0])
        if len(answers) <= len(commands):
            raise self.unmet(
                (f"an answer to {commands[-1][0]}", f"{commands[-1][0]} 有应答"),
                ("a connection that broke off", "连接中断"),
                self.cli("ping"),
                "errors",
            )
        return answers[1 : len(commands) + 1]

    def known(self, key):
        """One of the replies of ``told`` to the administrator. Raises where Redis refused it."""
        told = self.told()
        self.let_in(told.get("auth"))
        answer = told.get(key)
        if answer is None or (isinstance(answer, Refusal) and key in ("config", "info", "users")):
            raise self.unmet(
                (f"an answer to {key.upper()}", f"{key.upper()} 有应答"),
                answer or ("none", "没有"),
                self.cli("info"),
                "errors",
            )
        return answer

    def config(self):
        """Settings of the running server."""
        pairs = self.known("config")
        return dict(zip(pairs[::2], pairs[1::2], strict=False))

    def info(self):
        """INFO, of all sections."""
        return fields(self.known("info"))

    def info_now(self, section="replication"):
        """INFO, asked now."""
        return fields(self.ask(("INFO", section))[0])

    def users(self):
        """The running server's users: name to rules."""
        lines = [line.split() for line in self.known("users")]
        return {words[1]: redis_wire.Rules(words[2:]) for words in lines if words[:1] == ["user"]}

    # ------------------------------------------------------------------------------------------------ as replicas go

    def leads(self, told):
        """Whether INFO's words ``told`` are those of a replica of this server."""
        at = (told.get("master_host"), told.get("master_port"))
        return told.get("role") == "slave" and at in ((self.own, str(self.port)), (self.name, str(self.port)))

    def follows(self):
        """INFO's words on replication. Raises where this is not a replica of the group's master."""
        master = self.group.master()
        told, wanted = self.info(), f"{master.own} {self.port}"
        found = f"{told.get('master_host')} {told.get('master_port')}"
        if told.get("role") != "slave":
            raise self.unmet(
                (f"a replica of {wanted}", f"{wanted} 的从机"),
                f"role:{told.get('role')}",
                self.cli("info replication"),
                "replication",
            )
        if not master.leads(told):
            raise self.unmet(
                (f"a replica of {wanted}", f"{wanted} 的从机"),
                (f"a replica of {found}", f"{found} 的从机"),
                self.cli("info replication"),
                "replicas",
            )
        return told

    def deadline(self, *others):
        """Until when, by the group's clock, a link may still be down: right after a start it needs some seconds, else
        it is up or broken. All checks together wait no longer than that; ``others`` are servers at the link's other
        end."""
        young = any(int(server.info().get("uptime_in_seconds", "0")) < 30 for server in (self, *others))
        with self._lock:
            self._waiting.append(self.group.clock())
            return max(self._waiting[0] + (8.0 if young else 1.5), self._waiting[-1] + 0.3)


def fields(text):
    """INFO's lines as name to value."""
    pairs = (line.strip().partition(":") for line in str(text).splitlines())
    return {name: value for name, colon, value in pairs if colon}
