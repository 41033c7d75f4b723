"""What all checks of this lab share: packets sent once from every side, and what became of each."""

import concurrent.futures
import re
import secrets
import sys
import threading
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

import packets
from packets import ACCEPTED, DROPPED, REFUSED, Knock, Visit
from texts import READ, SAID

PUBLIC = "172.31.60.1"
FAMOUS = (21, 22, 23, 25, 53, 80, 110, 111, 143, 443, 3306, 5432, 8080)
BANNED = range(6881, 7000)


class Traffic:
    """The lab's networks, with clients of the probe's on either side. What was sent once is kept."""

    def __init__(self, box, probe_on, params, listeners, unmet, clock):
        self.clock = clock
        self.box, self.params, self._listeners, self._unmet = box, params, listeners, unmet
        self.server = params["server_address"]
        self.router = params["router_address"]
        self._probe_on, self._lock, self._kept = probe_on, threading.RLock(), {}
        self.udp = {name: packets.free_port() for name in ("router", "router-inside", "inn", "spoofed", "server")}

    def limit(self, seconds):
        """For a command that needs so many seconds on an idle machine. Kernels answer soon on a busy one, too: what
        takes longer there is the start of the programs."""
        return min(self.clock.limit(seconds), 3 * seconds)

    def once(self, key, make):
        """What ``make`` gave when it was called first."""
        with self._lock:
            if key not in self._kept:
                self._kept[key] = make()
            return self._kept[key]

    # ------------------------------------------------------------------------------------------------- who is there

    def outside(self, client=""):
        """A machine outside that knows the way inside."""
        return self._probe_on("outside", via=PUBLIC, client=client)

    def inside(self):
        """A machine inside, one that nobody has heard of."""
        return self._probe_on("inside", via=self.router)

    def address(self, host, router=PUBLIC):
        """Of a client of the probe's. It makes itself known to the router, which may remember another machine that had
        this address before."""
        told = host.run(f"arping -f -c 1 -w 1 -I eth0 {router} >/dev/null 2>&1; ip -4 -o addr show dev eth0").stdout
        found = re.search(r"inet ([0-9.]+)", told)
        if found is None:
            raise RuntimeError(f"the client has no address: {told}")
        return found[1]

    def unmet(self, box, expected, found, see, read):
        """What a check raises: see the fixture of that name. ``read`` is a word of READ."""
        return self._unmet(box, expected=expected, found=found, see=see, read=READ[read])

    def together(self, **work):
        """Name to what each of these gave, all run at the same time."""
        with concurrent.futures.ThreadPoolExecutor(len(work)) as pool:
            running = {name: pool.submit(one) for name, one in work.items()}
            return {name: done.result() for name, done in running.items()}

    # ------------------------------------------------------------------------------------------------------ the sweep

    def who(self):
        """The addresses of the probe's clients."""
        return self.once("who", self._who)

    def _who(self):
        return self.together(
            out=lambda: self.address(self.outside()),
            other=lambda: self.address(self.outside("other")),
            inn=lambda: self.address(self.inside(), self.router),
        )

    def plan(self):
        """Who knocks where, with ports of chance."""
        return self.once("plan", self._plan)

    def _plan(self):
        who, ssh, app = self.who(), self.params["ssh_port"], self.params["app_port"]
        famous = secrets.choice([port for port in FAMOUS if port not in (ssh, app)])
        port = packets.free_port
        return {
            "out": [
                Knock("router-ssh", PUBLIC, ssh),
                Knock("router-famous", PUBLIC, famous),
                Knock("router-chance", PUBLIC, port()),
                Knock("router-app", PUBLIC, app),
                Knock("router-ssh-by-inner-address", self.router, ssh),
                Knock("router-ping", PUBLIC, 0),
                Knock("server-ssh", self.server, 22),
                Knock("server-ping", self.server, 0),
                Knock("inn-chance", who["inn"], port()),
                Knock("inn-famous", who["inn"], famous),
                Knock("inn-ping", who["inn"], 0),
            ],
            "inn": [
                Knock("router-ssh", self.router, ssh, passes=True),
                Knock("router-ping", self.router, 0, passes=True),
                Knock("router-famous", self.router, famous),
                Knock("router-chance", self.router, port()),
                Knock("router-app", self.router, app),
                Knock("other-chance", who["other"], port(), passes=True),
                Knock("other-famous", who["other"], famous, passes=True),
                Knock("other-banned", who["other"], secrets.choice(BANNED), passes=True),
                Knock("other-ping", who["other"], 0, passes=True),
                Knock("server-app", self.server, app, passes=True),
                Knock("server-ssh", self.server, 22),
                Knock("server-chance", self.server, port()),
            ],
            "client": [
                Knock("server-app", self.server, app, passes=True),
                Knock("server-ssh", self.server, 22, passes=True),
                Knock("server-chance", self.server, port()),
            ],
            "server": [
                Knock("self", "127.0.0.1", port(), passes=True),
                Knock("other-chance", who["other"], port(), passes=True),
            ],
            "router": [
                Knock("self", "127.0.0.1", port(), passes=True),
                Knock("other-chance", who["other"], port(), passes=True),
            ],
        }

    def knock(self, who, key):
        """The planned one of that key."""
        return next(knock for knock in self.plan()[who] if knock.key == key)

    def sweep(self):
        """What became of every knock: who to key to outcome. UDP is told by the kernels that it came to."""
        return self.once("sweep", self._sweep)

    def _sweep(self):
        who, plan = self.who(), self.plan()
        client = self.params["client_address"]
        self.published()  # before what is dropped, so that a log that has the one would have had the other
        # Datagrams come in twos and fives, so that the sum tells which of them came.
        extra = {
            "out": [
                packets.datagrams(PUBLIC, self.udp["router"], 2),
                packets.datagrams(who["inn"], self.udp["inn"], 2),
                "; ".join(packets.spoofed_udp(client, who["inn"], self.udp["spoofed"]) for _ in range(5)),
            ],
            "inn": [
                packets.datagrams(self.router, self.udp["router-inside"], 5),
                packets.datagrams(self.server, self.udp["server"], 2),
            ],
        }
        hosts = {"out": self.outside(), "inn": self.inside()}

        def send(name):
            lines = "\n".join(f"({line}) >/dev/null 2>&1 &" for line in extra.get(name, []))
            host = hosts.get(name) or self.box(name)
            return packets.outcomes(plan[name], host.run(f"{lines}\n{packets.script(plan[name], self.limit)}").stdout)

        before = self._counted()
        found = self.together(**{name: lambda name=name: send(name) for name in plan})
        after = self._counted()
        came = {name: after[name].no_ports - before[name].no_ports for name in after}
        found["out"]["router-udp"] = _came(came["router"] % 5 >= 2)
        found["inn"]["router-udp"] = _came(came["router"] >= 5)
        found["out"]["inn-udp"] = _came(came["inn"] % 5 >= 2)
        found["out"]["inn-spoofed"] = _came(came["inn"] >= 5)
        found["inn"]["server-udp"] = _came(came["server"] >= 2)
        return found

    def _counted(self):
        return self.together(
            router=lambda: packets.counters(self.box("router")),
            server=lambda: packets.counters(self.box("server")),
            inn=lambda: packets.counters(self.inside()),
        )

    # -------------------------------------------------------------------------------------------------------- answers

    def turned_away(self, who, key, what, read):
        """Raises where that knock was answered. ``what`` names it, in both languages."""
        outcome = self.sweep()[who][key]
        if outcome != DROPPED:
            raise self.unmet(
                _where(who),
                (f"{what[0]}: dropped, without an answer", f"{what[1]}：丢弃，没有任何应答"),
                SAID[outcome],
                self._see(who, key),
                read,
            )

    def let_in(self, who, key, what, read):
        """Raises where that knock got nowhere. Where nobody listens, a refusal is an answer that came through."""
        outcome = self.sweep()[who][key]
        listens = key.endswith(("-ssh", "-app", "-ping"))
        if outcome != ACCEPTED and not (outcome == REFUSED and not listens):
            raise self.unmet(
                _where(who),
                (f"{what[0]}: let through", f"{what[1]}：放行"),
                SAID[outcome] if outcome == DROPPED else ("refused: nobody listens there", "被拒绝：没有程序在监听"),
                self._see(who, key),
                read,
            )

    def _see(self, who, key):
        if key.endswith("-udp"):
            target, port = {
                "router-udp": (PUBLIC if who == "out" else self.router, self.udp["router"]),
                "inn-udp": (self.server, self.udp["inn"]),
                "server-udp": (self.server, self.udp["server"]),
            }[key]
            return f"nc -zuv {target} {port}"
        if key == "inn-spoofed":
            return "nft list ruleset" if who == "router" else f"nc -zuv {self.server} {self.udp['spoofed']}"
        knock = self.knock(who, key)
        # Who reads this finds the boxes; the probe's clients are gone by then.
        address = {"inn-": self.server, "other": self.params["attacker_address"]}.get(
            next((start for start in ("inn-", "other") if key.startswith(start)), ""), knock.address
        )
        return f"nc -zvw 2 {address} {knock.port}" if knock.port else f"ping -c 1 {address}"

    # ------------------------------------------------------------------------------------------------------- the site

    def get(self, host, address, port, sport=0):
        """What the site answers, without its headers; nothing where there is no answer."""
        source = f"-p {sport} " if sport else ""
        asked = r"printf 'GET / HTTP/1.0\r\nHost: site\r\n\r\n'"
        told = host.run(f"{asked} | timeout {self.limit(3):.0f} nc -n {source}{address} {port}").stdout
        head, _, body = told.partition("\r\n\r\n")
        return body if re.match(r"HTTP/1\.[01] 200 ", head) else ""

    def peers(self):
        """Whom the server has talked to at the site's port, by its kernel: (address, port)."""
        port = self.params["app_port"]
        told = self.box("server").run(f"ss -tanH sport = :{port}").stdout
        return {tuple(line.split()[4].rsplit(":", 1)) for line in told.splitlines() if "LISTEN" not in line}

    def site(self):
        """What the genuine nginx on the server answers its neighbours. Raises where there is none."""
        return self.once("site", self._site)

    def _site(self):
        port = self.params["app_port"]
        here = [one for one in self._listeners("server") if one.port == port and one.protocol == "tcp"]
        expected = (
            f"nginx as it was installed, at port {port} of the server's address",
            f"安装时的 nginx 在 server 地址的 {port} 端口上",
        )
        if not here:
            raise self.unmet("server", expected, ("nobody listens there", "没有程序在监听"), "ss -ltn", "publish")
        for one in here:
            if one.program != "/usr/sbin/nginx" or not one.genuine:
                found = one.program or "?"
                raise self.unmet("server", expected, (found, found), "ss -ltnp", "publish")
        if not {one.address for one in here} & {"0.0.0.0", "::", self.server}:  # noqa: S104
            only = ", ".join(sorted({one.address for one in here}))
            raise self.unmet("server", expected, (f"on {only} only", f"只在 {only} 上"), "ss -ltn", "publish")
        body = self.get(self.inside(), self.server, port)
        if not body:
            raise self.unmet(
                "client",
                (f"the site at {self.server}:{port}", f"{self.server}:{port} 打得开网站"),
                ("no page", "没有页面"),
                f"curl -m 3 http://{self.server}:{port}/",
                "publish",
            )
        return body

    def visit(self, host, own):
        """One look at the site by the public address: the page, as whom the server saw the visitor, and the visitor's
        port."""
        port, before = packets.free_port(), self.peers()
        body = self.get(host, PUBLIC, self.params["web_port"], port)
        seen = self.peers() - before
        return Visit(body, (own, str(port)) in seen, sorted({address for address, _ in seen}), str(port))

    def published(self):
        """Such a look from outside."""
        return self.once("published", lambda: self.visit(self.outside(), self.who()["out"]))


def _where(who):
    """In which box a learner sees what a client of the probe's sees."""
    return {"out": "attacker", "inn": "client"}.get(who, who)


def _came(came):
    return ACCEPTED if came else DROPPED


@pytest.fixture(scope="session")
def traffic(box, probe_on, params, listeners, unmet, clock):
    """The lab's traffic, sent when it is first asked for."""
    return Traffic(box, probe_on, params, listeners, unmet, clock)
