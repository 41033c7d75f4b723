"""What the router lets in, and what through."""

import secrets

import packets
import pytest
from packets import ACK, FIN, PSH, SYN

PUBLIC = "172.31.60.1"


@pytest.mark.task("input")
def test_outside_gets_nothing_from_the_router(traffic):
    """Whoever knocks at the router from outside hears nothing
    zh: 从外网敲路由器的门，什么回应也没有
    """
    for key in ("router-ssh", "router-famous", "router-chance", "router-app"):
        port = traffic.knock("out", key).port
        what = f"port {port} of {PUBLIC}, from outside", f"从外网访问 {PUBLIC} 的 {port} 端口"
        traffic.turned_away("out", key, what, "input")
    what = (
        f"the router's inner address {traffic.router}, from outside",
        f"从外网访问路由器的内网地址 {traffic.router}",
    )
    traffic.turned_away("out", "router-ssh-by-inner-address", what, "path")
    traffic.turned_away("out", "router-ping", (f"ping to {PUBLIC}, from outside", f"从外网 ping {PUBLIC}"), "input")
    traffic.turned_away("out", "router-udp", (f"UDP to {PUBLIC}, from outside", f"从外网发往 {PUBLIC} 的 UDP"), "input")


@pytest.mark.task("input")
def test_inside_gets_ssh_and_ping_from_the_router(traffic, listeners, params):
    """From inside the router gives SSH and ping, and nothing else
    zh: 内网只能用路由器的 SSH 和 ping，别的都不行
    """
    ssh = params["ssh_port"]
    strangers = [one.program for one in listeners("router") if one.port == ssh and not one.genuine]
    if strangers:
        raise traffic.unmet(
            "router",
            (f"the SSH server as it was installed, at port {ssh}", f"{ssh} 端口上是安装时的 SSH 服务"),
            strangers[0],
            "ss -ltnp",
            "input",
        )
    traffic.let_in("inn", "router-ssh", (f"SSH (port {ssh}) from inside", f"内网访问 SSH（{ssh} 端口）"), "input")
    traffic.let_in("inn", "router-ping", ("ping from inside", "内网 ping 路由器"), "input")
    for key in ("router-famous", "router-chance", "router-app"):
        port = traffic.knock("inn", key).port
        what = f"port {port} of the router, from inside", f"内网访问路由器的 {port} 端口"
        traffic.turned_away("inn", key, what, "input")
    traffic.turned_away("inn", "router-udp", ("UDP to the router, from inside", "内网发往路由器的 UDP"), "input")


@pytest.mark.task("input")
def test_the_router_is_alive(traffic):
    """The router talks to itself, and gets answers to what it asked outside
    zh: 路由器能和自己通信，也能收到自己请求的应答
    """
    traffic.let_in("router", "self", ("a connection to 127.0.0.1", "连接 127.0.0.1"), "input")
    traffic.let_in(
        "router", "other-chance", ("answers to the router's own packets", "对路由器自己所发包的应答"), "state"
    )


@pytest.mark.task("forward")
def test_inside_reaches_outside(traffic):
    """Machines inside reach everything outside
    zh: 内网机器能访问外网的一切
    """
    for key in ("other-chance", "other-famous"):
        port = traffic.knock("inn", key).port
        what = f"port {port} of a machine outside, from inside", f"从内网访问外网机器的 {port} 端口"
        traffic.let_in("inn", key, what, "forward")
    traffic.let_in("inn", "other-ping", ("ping from inside to outside", "从内网 ping 外网"), "forward")


@pytest.mark.task("forward")
def test_outside_reaches_nobody_inside(traffic):
    """Nobody outside reaches a machine inside, whatever source address is written on the packet
    zh: 外网访问不到任何内网机器，不管包上写的源地址是谁
    """
    traffic.turned_away("out", "server-ssh", ("SSH of server, from outside", "从外网访问 server 的 SSH"), "forward")
    for key in ("inn-chance", "inn-famous"):
        port = traffic.knock("out", key).port
        what = f"port {port} of a machine inside, from outside", f"从外网访问内网机器的 {port} 端口"
        traffic.turned_away("out", key, what, "forward")
    for key in ("inn-ping", "server-ping"):
        what = "ping to a machine inside, from outside", "从外网 ping 内网机器"
        traffic.turned_away("out", key, what, "forward")
    traffic.turned_away("out", "inn-udp", ("UDP to a machine inside", "从外网发往内网机器的 UDP"), "forward")
    what = (
        "a packet from outside that claims to come from client",
        "从外网进来、却自称来自 client 的包",
    )
    traffic.turned_away("out", "inn-spoofed", what, "forward")


@pytest.mark.task("stateful")
def test_replies_come_back(traffic):
    """Who asked from inside gets the reply, by TCP and by UDP
    zh: 内网发起的 TCP、UDP 请求都能收到应答
    """
    inn, other = traffic.inside(), traffic.outside("other")
    address = traffic.who()["other"]
    words = {"TCP": secrets.token_hex(8), "UDP": secrets.token_hex(8)}
    tcp, udp = packets.free_port(), packets.free_port()
    # Whoever waits for a TCP server is told by a refusal that it isn't there yet; UDP tells nobody. So the UDP server
    # is begun first and asked last, and a machine that is busy is no reason for silence. What answers has to read the
    # question: of one that ends before (echo), socat now and then forgets what it said.
    limit = traffic.limit
    serve = (
        f"timeout {limit(6):.0f} socat UDP4-RECVFROM:{udp} EXEC:'busybox sed s/.*/{words['UDP']}/' & other=$!\n"
        f"echo {words['TCP']} | timeout {limit(4):.0f} nc -nlN {tcp} >/dev/null\nwait $other"
    )
    asked = f'r=$(timeout {limit(1):.1f} nc -n {address} {tcp} </dev/null) && [ "$r" ]'
    ask = (
        f"{packets.until_answered(asked, limit)}; echo TCP $r\n"
        "(for n in $(seq 15); do echo .; sleep 0.1; done)"
        f" | timeout {limit(2):.0f} socat -t 0.2 - UDP4-SENDTO:{address}:{udp} | (read -r r; echo UDP $r)"
    )
    told = traffic.together(serve=lambda: other.run(serve), ask=lambda: inn.run(ask))["ask"].stdout
    heard = dict(line.split(" ", 1) for line in told.splitlines() if " " in line)
    for protocol, word in words.items():
        if heard.get(protocol, "").strip() != word:
            raise traffic.unmet(
                "client",
                (f"the reply to a {protocol} question from inside", f"内网发出的 {protocol} 请求有应答"),
                ("it never came", "一直没有收到"),
                f"nc -zvw 2 {traffic.params['attacker_address']} 22",
                "state",
            )


@pytest.mark.task("stateful")
def test_lookalikes_are_dropped(traffic):
    """Packets that only look like replies are dropped
    zh: 只是长得像应答的包会被丢弃
    """
    who, out, port = traffic.who(), traffic.outside(), packets.free_port
    targets = {"other": who["other"], "inn": who["inn"], "router": PUBLIC}
    hosts = {"other": traffic.outside("other"), "inn": traffic.inside(), "router": traffic.box("router")}
    kinds = {
        "ack": lambda to: packets.lookalike_tcp(who["out"], to, 443, port(), ACK),
        "psh": lambda to: packets.lookalike_tcp(who["out"], to, 80, port(), ACK | PSH),
        "fin": lambda to: packets.lookalike_tcp(who["out"], to, 443, port(), ACK | FIN),
        "synack": lambda to: packets.lookalike_tcp(who["out"], to, 25, port(), SYN | ACK),
        "from-web": lambda to: packets.lookalike_tcp(who["out"], to, 80, port(), SYN),
        "from-ftp": lambda to: packets.lookalike_tcp(who["out"], to, 20, port(), SYN),
        "dns": lambda to: packets.lookalike_udp(who["out"], to, 53, port()),
        "ntp": lambda to: packets.lookalike_udp(who["out"], to, 123, port()),
        "high": lambda to: packets.lookalike_udp(who["out"], to, port(), 32768 + secrets.randbelow(28000)),
    }
    commands = [make(to) for to in targets.values() for make in kinds.values()]

    def count():
        return traffic.together(**{name: lambda name=name: packets.counters(hosts[name]) for name in hosts})

    before = count()
    told = out.run("\n".join(f"({command}) &" for command in commands) + "\nwait")
    after = count()
    came = {
        name: (after[name].resets - before[name].resets, after[name].no_ports - before[name].no_ports) for name in hosts
    }
    if came["other"][0] < 6 or came["other"][1] < 3:  # a neighbour outside gets all of them
        raise RuntimeError(f"lookalikes were not sent: {came} {told.stderr}")
    for name, what in (
        ("inn", ("machines inside", "内网机器")),
        ("router", ("the router", "路由器")),
    ):
        for came_through, kind in zip(came[name], ("TCP", "UDP"), strict=True):
            if came_through:
                raise traffic.unmet(
                    "router",
                    (
                        f"{kind} packets from outside to {what[0]} that nobody asked for: dropped",
                        f"外网发给{what[1]}、没人请求过的 {kind} 包：丢弃",
                    ),
                    (f"{came_through} of them came through", f"有 {came_through} 个进来了"),
                    "nft list ruleset",
                    "stateful",
                )
