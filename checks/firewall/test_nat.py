"""Addresses that the router changes: of those who go out, and of those who come to the published site."""

import re

import packets
import pytest

PUBLIC = "172.31.60.1"


@pytest.mark.task("nat")
def test_outside_sees_one_address(traffic):
    """A machine outside that is asked from inside sees the router's address
    zh: 内网机器访问外网时，对方看到的是路由器的地址
    """
    inn, other, address = traffic.inside(), traffic.outside("other"), traffic.who()["other"]
    tcp, udp = packets.free_port(), packets.free_port()
    # UDP tells nobody that it waits: it is begun first, and asked last.
    limit = traffic.limit
    most, try_ = f"timeout {limit(6):.0f}", f"timeout {limit(1):.1f}"
    serve = (
        f"{most} nc -nluv -W 1 {udp} </dev/null 2>&1 | grep received | sed 's/^/UDP /' &\n"
        f"{most} nc -nlv {tcp} </dev/null 2>&1 | grep received | sed 's/^/TCP /' &\nwait"
    )
    ask = (
        f"{packets.until_answered(f'{try_} nc -nz {address} {tcp}', limit)}\n"
        f"for n in 1 2 3 4 5 6 7 8 9; do echo . | {try_} nc -nu -q 0 {address} {udp}; sleep 0.05; done"
    )
    told = traffic.together(serve=lambda: other.run(serve), ask=lambda: inn.run(ask))["serve"].stdout
    seen = dict(re.findall(r"^(TCP|UDP) .*received on ([0-9.]+) ", told, re.MULTILINE))
    for protocol in ("TCP", "UDP"):
        if seen.get(protocol) != PUBLIC:
            found = seen.get(protocol)
            raise traffic.unmet(
                "router",
                (
                    f"{PUBLIC} as the source of a {protocol} packet from inside, as seen outside",
                    f"内网发出的 {protocol} 包，外网看到的来源是 {PUBLIC}",
                ),
                found or ("nothing arrived", "什么也没收到"),
                "conntrack -L",
                "nat" if found else "forward",
            )


@pytest.mark.task("nat")
def test_answers_find_the_way_back(traffic, probe_on):
    """A machine outside that knows no way inside can still answer
    zh: 外网机器不知道通往内网的路，也能把应答送回来
    """
    # Of the probe's clients this one has no route; it answers what comes from its own network, and nobody else.
    other = probe_on("outside", client="plain")
    address, port = traffic.address(other), packets.free_port()
    told = traffic.inside().run(
        f"ping -c 1 -W 1 {address} >/dev/null && echo ping; timeout 1 nc -nzv {address} {port} 2>&1"
    )
    if "ping" not in told.stdout.split() or "refused" not in told.stdout:
        raise traffic.unmet(
            "client",
            (
                "an answer to ping and TCP from a machine that knows its own network only",
                "只认识本网段的外网机器也能应答 ping 和 TCP",
            ),
            ("none: it doesn't know whom to send it to", "没有：它不知道该发给谁"),
            f"ping -c 1 {traffic.params['attacker_address']}",
            "address",
        )


@pytest.mark.task("publish")
def test_the_site_answers_outside(traffic, params):
    """Whoever asks the public address gets the server's page, and the server sees who asks
    zh: 访问公网地址能看到 server 的网页，并且 server 看得到真实的来访者
    """
    page, web = traffic.site(), params["web_port"]
    body, real, seen, _ = traffic.published()
    if body != page:
        raise traffic.unmet(
            "attacker",
            (f"the server's page at {PUBLIC}:{web}", f"{PUBLIC}:{web} 上是 server 的网页"),
            (body[:60] or "no page", body[:60] or "没有页面"),
            f"curl -m 3 http://{PUBLIC}:{web}/",
            "publish",
        )
    if not real:
        raise traffic.unmet(
            "server",
            ("a connection from the visitor's own address and port", "连接来自访问者自己的地址和端口"),
            ", ".join(seen) or ("none: somebody else answered", "没有：是别人在应答"),
            "tail /var/log/nginx/access.log",
            "address",
        )


@pytest.mark.task("hairpin")
def test_the_site_answers_inside_by_its_public_address(traffic, params):
    """A machine inside gets the server's page by the public address, too
    zh: 内网机器用公网地址也能看到 server 的网页
    """
    page, web = traffic.site(), params["web_port"]
    body, _, seen, _ = traffic.visit(traffic.inside(), traffic.who()["inn"])
    if body != page or not seen:
        raise traffic.unmet(
            "client",
            (f"the server's page at {PUBLIC}:{web}, from inside", f"内网访问 {PUBLIC}:{web} 能看到 server 的网页"),
            (body[:60] or "no page", body[:60] or "没有页面"),
            f"curl -m 3 http://{PUBLIC}:{web}/",
            "hairpin",
        )
