"""What is tried on a copy of the boxes that has just been booted: what comes back by itself, and a flood."""

import re
import time

import pytest
from conftest import PUBLIC
from test_server import client_reaches_the_server

BOOTED = " (on a copy of your boxes that was just booted)", "（在你机器刚启动的副本上）"


@pytest.mark.task("leftover")
@pytest.mark.copy
def test_nothing_old_comes_back(traffic):
    """After a boot, the client still reaches the server and the world outside
    zh: 重新开机之后，client 仍能连上 server、访问外网
    """
    client_reaches_the_server(traffic, BOOTED)


@pytest.mark.task("reboot")
@pytest.mark.copy
def test_closed_and_open_after_a_boot(traffic, params):
    """After a boot, router and server let in and turn away as they should
    zh: 重新开机之后，router 和 server 该放的放、该挡的挡
    """
    ssh = params["ssh_port"]
    en, zh = BOOTED
    for who, key, what in (
        ("out", "router-ssh", (f"SSH of the router, from outside{en}", f"{zh}从外网访问路由器的 SSH")),
        ("out", "router-chance", (f"the router, from outside{en}", f"{zh}从外网访问路由器")),
        ("out", "server-ssh", (f"SSH of server, from outside{en}", f"{zh}从外网访问 server 的 SSH")),
        ("out", "inn-chance", (f"a machine inside, from outside{en}", f"{zh}从外网访问内网机器")),
        (
            "inn",
            "server-ssh",
            (f"SSH of server, from inside but not client{en}", f"{zh}从 client 以外的内网机器访问 server 的 SSH"),
        ),
        ("inn", "server-chance", (f"another port of server, from inside{en}", f"{zh}从内网访问 server 的其他端口")),
    ):
        traffic.turned_away(who, key, what, "reboot")
    for who, key, what in (
        (
            "inn",
            "router-ssh",
            (f"SSH of the router (port {ssh}), from inside{en}", f"{zh}从内网访问路由器的 SSH（{ssh} 端口）"),
        ),
        ("inn", "other-chance", (f"a machine outside, from inside{en}", f"{zh}从内网访问外网机器")),
        ("client", "server-ssh", (f"SSH of server, from client{en}", f"{zh}从 client 访问 server 的 SSH")),
    ):
        traffic.let_in(who, key, what, "reboot")
    page = traffic.get(traffic.outside("late"), PUBLIC, params["web_port"])
    if not page:
        raise traffic.unmet(
            "attacker",
            (
                f"the server's page at {PUBLIC}:{params['web_port']}{en}",
                f"{zh}{PUBLIC}:{params['web_port']} 上是 server 的网页",
            ),
            ("no page", "没有页面"),
            f"curl -m 3 http://{PUBLIC}:{params['web_port']}/",
            "reboot",
        )


@pytest.mark.task("limit")
@pytest.mark.copy
def test_a_flood_is_limited(traffic, params):
    """One address outside gets so many connections at once and no more, and nobody else feels it
    zh: 外网同一个地址只能连续建立这么多个连接，其他人不受影响
    """
    limit, web = params["limit"], params["web_port"]
    traffic.site()
    limit_of = traffic.limit
    flood, start = traffic.outside("flood"), time.monotonic()
    # The first connection stays open, as a visitor's does who reads on while the flood comes.
    told = flood.run(
        rf"(sleep {limit_of(2.2):.1f}; printf 'GET / HTTP/1.0\r\n\r\n'; sleep {limit_of(1):.1f})"
        f" | timeout {limit_of(5):.1f} nc -n {PUBLIC} {web} | sed 's/^/page /' &\n"
        "sleep 0.3\n"
        f"for n in $(seq {limit + 9}); do (timeout {limit_of(1.5):.1f} nc -nz {PUBLIC} {web} && echo in) & done\nwait",
    ).stdout
    took = time.monotonic() - start
    let_in = 1 + len(re.findall(r"^in$", told, re.MULTILINE))
    see = f"for n in $(seq {limit + 9}); do nc -zw 1 {PUBLIC} {web} && echo $n; done"
    if not limit <= let_in <= limit + 1 + int(took * limit / 60):
        raise traffic.unmet(
            "attacker",
            (
                f"{limit} of {limit + 10} quick connections let in, the others dropped{BOOTED[0]}",
                f"{BOOTED[1]}连续 {limit + 10} 个连接，放行 {limit} 个，其余丢弃",
            ),
            (
                f"{let_in} let in" if let_in > 1 else "none let in",
                f"放行了 {let_in} 个" if let_in > 1 else "一个也没放行",
            ),
            see,
            "limit",
        )
    if "page HTTP/1." not in told:
        raise traffic.unmet(
            "attacker",
            (
                "a connection that is there already goes on while new ones are dropped",
                "新连接被丢弃时，已有连接照常工作",
            ),
            ("it got no answer any more", "它再也收不到应答"),
            see,
            "state",
        )
    for name, host in (("attacker", traffic.box("attacker")), ("another machine", traffic.outside("calm"))):
        if not traffic.get(host, PUBLIC, web):
            raise traffic.unmet(
                "attacker",
                (
                    f"the page, for somebody else ({name}) while one address is over its limit",
                    "一个地址超限时，别的地址仍能打开网页",
                ),
                ("no page: all share one limit", "没有页面：大家共用了一个限额"),
                see,
                "limit",
            )
