"""The server behind the router: what was in the way of its client, and whom it lets in itself."""

import pytest


def client_reaches_the_server(traffic, when=("", "")):
    """Raises where what the former admin left is still at work."""
    what = f"SSH of server, from client{when[0]}", f"{when[1]}从 client 访问 server 的 SSH"
    traffic.let_in("client", "server-ssh", what, "leftover")
    port = traffic.knock("inn", "other-banned").port
    what = f"port {port} outside, from client{when[0]}", f"{when[1]}从 client 访问外网的 {port} 端口"
    traffic.let_in("inn", "other-banned", what, "leftover")


@pytest.mark.task("leftover")
def test_nothing_old_is_in_the_way(traffic):
    """The client reaches the server, and the whole world outside
    zh: client 能连上 server，也能访问外网的任何端口
    """
    client_reaches_the_server(traffic)


@pytest.mark.task("server")
def test_the_server_lets_in_who_should(traffic, params):
    """The site is there for every machine inside, SSH for client
    zh: 内网机器都能打开网站，client 能用 SSH
    """
    traffic.site()
    port = params["app_port"]
    for who in ("client", "inn"):
        what = (
            f"the site (port {port}), from {'client' if who == 'client' else 'any machine inside'}",
            f"从{' client ' if who == 'client' else '任何内网机器'}访问网站（{port} 端口）",
        )
        traffic.let_in(who, "server-app", what, "server")
    traffic.let_in("client", "server-ssh", ("SSH of server, from client", "从 client 访问 server 的 SSH"), "server")


@pytest.mark.task("server")
def test_the_server_drops_the_rest(traffic):
    """Whatever else is sent to the server is dropped, also from inside
    zh: 发给 server 的其他包一律丢弃，内网来的也一样
    """
    what = "SSH of server, from a machine inside that isn't client", "从 client 以外的内网机器访问 server 的 SSH"
    traffic.turned_away("inn", "server-ssh", what, "server")
    for who in ("client", "inn"):
        port = traffic.knock(who, "server-chance").port
        what = f"port {port} of server, from inside", f"从内网访问 server 的 {port} 端口"
        traffic.turned_away(who, "server-chance", what, "server")
    traffic.turned_away("inn", "server-udp", ("UDP to server, from inside", "从内网发往 server 的 UDP"), "server")


@pytest.mark.task("server")
def test_the_server_is_alive(traffic):
    """The server talks to itself, and gets answers to what it asked
    zh: server 能和自己通信，也能收到自己请求的应答
    """
    traffic.let_in("server", "self", ("a connection to 127.0.0.1", "连接 127.0.0.1"), "server")
    traffic.let_in(
        "server", "other-chance", ("answers to the server's own packets", "对 server 自己所发包的应答"), "state"
    )
