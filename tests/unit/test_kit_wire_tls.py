"""TLS, WebSocket and DNS: the clients against servers of Python's own and of the libraries."""

from __future__ import annotations

import contextlib
import datetime
import http
import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import dns.message
import dns.rrset
import pytest
from websockets.sync.server import ServerConnection, serve
from wire_rig import HOST, Loopback, Serve, certificate, free_port, says, serving, silent

from labctl.kit import wire


def secure(cert: str, key: str, *, lowest: ssl.TLSVersion, highest: ssl.TLSVersion) -> Serve:
    """A server that does a handshake with these versions, and then hangs up."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    context.minimum_version, context.maximum_version = lowest, highest

    def serve_tls(link: socket.socket) -> None:
        with context.wrap_socket(link, server_side=True) as talk, contextlib.suppress(OSError):
            talk.recv(1)

    return serve_tls


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    return certificate(tmp_path_factory.mktemp("tls"), ("shop.example", "*.shop.example"))


def test_the_parts_of_a_certificate_are_shown(pair: tuple[str, str]) -> None:
    both = secure(*pair, lowest=ssl.TLSVersion.TLSv1_2, highest=ssl.TLSVersion.TLSv1_3)
    with serving(both) as server:
        client = wire.Tls(Loopback(), HOST, server.port, name="shop.example")
        session = client.handshake(Path(pair[0]).read_text())
        chain = client.chain()
    assert session.version == "TLSv1.3"
    own = session.certificate
    assert chain == [own]
    assert (own.subject, own.issuer, own.self_issued) == ("CN=shop.example", "CN=shop.example", True)
    assert (own.names, own.key, own.ca) == (("shop.example", "*.shop.example"), "EC 256", True)
    assert own.not_after - own.not_before == datetime.timedelta(days=30)
    assert own.not_before < datetime.datetime.now(datetime.UTC)
    assert own.covers("SHOP.example")
    assert own.covers("www.shop.example")
    assert not own.covers("a.www.shop.example")
    assert not own.covers("example")
    assert not own.covers("10.0.0.11")


def test_the_accepted_versions_are_told_apart(pair: tuple[str, str]) -> None:
    only = secure(*pair, lowest=ssl.TLSVersion.TLSv1_2, highest=ssl.TLSVersion.TLSv1_2)
    with serving(only) as server:
        client = wire.Tls(Loopback(), HOST, server.port, name="shop.example")
        assert [one for one in ("TLSv1.1", "TLSv1.2", "TLSv1.3") if client.accepts(one)] == ["TLSv1.2"]


def test_a_certificate_of_nobody_is_untrusted(pair: tuple[str, str], tmp_path: Path) -> None:
    other = Path(certificate(tmp_path)[0]).read_text()
    both = secure(*pair, lowest=ssl.TLSVersion.TLSv1_2, highest=ssl.TLSVersion.TLSv1_3)
    with serving(both) as server, pytest.raises(wire.WireError) as caught:
        wire.Tls(Loopback(), HOST, server.port, name="shop.example").handshake(other)
    assert caught.value.kind == "untrusted"


def test_a_server_without_tls_is_named() -> None:
    with serving(says(b"SSH-2.0-x\r\n", wait=False)) as server:
        client = wire.Tls(Loopback(), HOST, server.port)
        with pytest.raises(wire.WireError, match="TLS failed: wrong version number"):
            client.chain()
        assert not client.accepts("TLSv1.2")
    with pytest.raises(wire.WireError, match="refused"):
        wire.Tls(Loopback(), HOST, free_port()).accepts("TLSv1.2")
    with serving(silent) as server, pytest.raises(wire.WireError, match="no answer"):
        wire.Tls(Loopback(), HOST, server.port, seconds=1).accepts("TLSv1.2")


@pytest.fixture(scope="module")
def chat() -> Iterator[int]:
    def talk(link: ServerConnection) -> None:
        assert link.request
        link.send(f"{link.request.path} {link.request.headers.get('Cookie')} {link.subprotocol}")
        for message in link:
            if message == "close":
                link.close(4001, "as you wish")
            elif message == "parts":
                link.send(iter(["one ", "two"]))
            else:
                link.send(message)

    def gate(link: ServerConnection, request: Any) -> Any:
        return link.respond(http.HTTPStatus.FORBIDDEN, "no") if request.path == "/private" else None

    with serve(talk, HOST, 0, process_request=gate, subprotocols=["chat"]) as server:  # type: ignore[list-item]
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.socket.getsockname()[1]
        server.shutdown()
        thread.join()


def test_a_websocket_carries_messages_both_ways(chat: int) -> None:
    client = wire.WebSocket(Loopback(), HOST, chat, "/room?x=1", headers={"Cookie": "a=b"}, subprotocols=["chat"])
    with client:
        assert client.receive() == "/room?x=1 a=b chat"
        assert client.subprotocol == "chat"
        client.send("hällo")
        client.send(b"\0\xff")
        client.send("parts")
        assert [client.receive() for _ in range(3)] == ["hällo", b"\0\xff", "one two"]
        assert client.receive(0.05) is None
        client.send("x" * 100_000)
        assert client.receive() == "x" * 100_000


def test_a_close_has_its_code(chat: int) -> None:
    with wire.WebSocket(Loopback(), HOST, chat, subprotocols=["chat"]) as client:
        client.receive()
        client.send("close")
        with pytest.raises(wire.WireError, match="closed the WebSocket: 4001 as you wish"):
            client.receive()
        assert (client.close_code, client.close_reason) == (4001, "as you wish")
        with pytest.raises(wire.WireError, match="4001"):
            client.send("more")


def test_a_refused_upgrade_has_its_status(chat: int) -> None:
    with pytest.raises(wire.UpgradeError) as caught, wire.WebSocket(Loopback(), HOST, chat, "/private"):
        pass
    assert (caught.value.status, caught.value.words[0]) == (403, "no WebSocket, but HTTP 403")


def answer(data: bytes) -> bytes:
    """The answer of a small DNS server."""
    asked = dns.message.from_wire(data)
    reply = dns.message.make_response(asked)
    name = asked.question[0].name.to_text()
    if name == "www.a.example.":
        reply.answer.append(dns.rrset.from_text(name, 60, "IN", "CNAME", "a.example."))
        reply.answer.append(dns.rrset.from_text("a.example.", 60, "IN", "A", "10.0.0.1", "10.0.0.2"))
    else:
        reply.set_rcode(dns.rcode.NXDOMAIN)
    return reply.to_wire()


class WithDatagrams(Loopback):
    """A place whose nc is in Python, because this machine may have none."""

    def run(self, command: str, *args: str, **options: Any) -> Any:
        assert command == "nc -n -u -W 1 -w %s %s %s"
        limit, host, port = args
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as link:
            link.settimeout(float(limit))
            link.connect((host, int(port)))
            link.send(options["stdin"])
            try:
                return SimpleNamespace(rc=0, stdout_bytes=link.recv(65536), stderr="")
            except ConnectionRefusedError:
                return SimpleNamespace(rc=0, stdout_bytes=b"", stderr="")
            except TimeoutError:
                return SimpleNamespace(rc=0, stdout_bytes=b"", stderr="")


def checked(reply: wire.DnsReply) -> None:
    assert reply.rcode == "NOERROR"
    assert sorted(reply.answers) == ["10.0.0.1", "10.0.0.2"]
    assert reply.records[0] == ("www.a.example.", "CNAME", "a.example.")


def test_dns_over_tcp_and_udp() -> None:
    def serve_tcp(link: socket.socket) -> None:
        data = answer(link.recv(65536)[2:])
        link.sendall(len(data).to_bytes(2, "big") + data)

    with serving(serve_tcp) as server:
        client = wire.Dns(Loopback(), HOST, server.port)
        checked(client.query("www.a.example", tcp=True))
        assert client.query("b.example", tcp=True).rcode == "NXDOMAIN"

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as link:
        link.bind((HOST, 0))

        def serve_udp() -> None:
            for make in (answer, lambda _: b"garbage"):
                data, sender = link.recvfrom(65536)
                link.sendto(make(data), sender)

        thread = threading.Thread(target=serve_udp)
        thread.start()
        client = wire.Dns(WithDatagrams(), HOST, link.getsockname()[1], seconds=1)
        checked(client.query("www.a.example"))
        with pytest.raises(wire.WireError, match="an answer that is not DNS: garbage"):
            client.query("www.a.example")
        thread.join()
        with pytest.raises(wire.WireError, match="no answer"):
            client.query("www.a.example")
    with pytest.raises(wire.WireError, match="refused"):
        client.query("www.a.example")
