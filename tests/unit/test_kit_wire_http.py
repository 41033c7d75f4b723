"""The HTTP client: requests as they arrive, answers as they were sent, sessions."""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from wire_rig import HOST, Loopback, certificate, says, serving

from labctl.kit import wire


class Echo(BaseHTTPRequestHandler):
    """A server that answers what it was asked, as JSON. Each path gives a cookie."""

    protocol_version = "HTTP/1.1"

    def answer(self) -> None:
        import json

        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        told = {
            "method": self.command,
            "path": self.path,
            "headers": {name.lower(): value for name, value in self.headers.items()},
            "body": body.decode("latin-1"),
        }
        content = json.dumps(told).encode()
        self.send_response(302 if self.path == "/moved" else 200)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Set-Cookie", "one=1; Path=/")
        self.send_header("Set-Cookie", "two=2; Path=/two")
        if self.path == "/moved":
            self.send_header("Location", "/elsewhere")
        if self.path == "/close":
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    do_GET = do_POST = do_HEAD = do_PUT = answer  # noqa: N815  the names that BaseHTTPRequestHandler calls

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with ThreadingHTTPServer((HOST, 0), Echo) as server:
        Thread(target=server.serve_forever).start()
        yield server.server_address[1]
        server.shutdown()


@pytest.fixture
def web(port: int) -> wire.Http:
    return wire.Http(Loopback(), HOST, port)


def test_a_request_arrives_as_it_was_written(web: wire.Http, port: int) -> None:
    told = web.get("/a/../b%2f?x=1&y=ä b", name="shop.example", headers={"X-Test": "ü"}).json()
    assert told["path"] == "/a/../b%2f?x=1&y=%C3%A4%20b"
    assert told["headers"] == {"host": f"shop.example:{port}", "x-test": "Ã¼"}
    assert web.get().json()["headers"]["host"] == f"{HOST}:{port}"
    assert web.get(name="shop.example:1").json()["headers"]["host"] == "shop.example:1"
    assert web.get(headers={"Host": "exactly this"}).json()["headers"]["host"] == "exactly this"


def test_a_form_and_files_arrive(web: wire.Http) -> None:
    form = web.post("/", form={"name": "Änne & Co"}).json()
    assert form["body"] == "name=%C3%84nne+%26+Co"
    assert form["headers"]["content-type"] == "application/x-www-form-urlencoded"
    sent = web.post("/", form={"a": "1"}, files={"file": ('x".txt', b"\0content\r\n")}).json()
    kind, _, mark = sent["headers"]["content-type"].partition("; boundary=")
    assert kind == "multipart/form-data"
    assert sent["body"].count(f"--{mark}") == 3
    assert (
        'name="file"; filename="x%22.txt"\r\nContent-Type: application/octet-stream\r\n\r\n\0content\r\n\r\n'
        in sent["body"]
    )
    assert web.request("PUT", "/", body="text").json()["body"] == "text"
    assert web.post("/").json()["headers"]["content-length"] == "0"


def test_an_answer_is_shown_as_it_is(web: wire.Http) -> None:
    moved = web.get("/moved")
    assert (moved.status, moved.short()) == (302, "HTTP 302 to /elsewhere")
    assert moved.headers["SET-cookie"] == "one=1; Path=/, two=2; Path=/two"
    assert moved.headers.each("set-cookie") == ["one=1; Path=/", "two=2; Path=/two"]
    head = web.head("/")
    assert (head.status, head.body) == (200, b"")


def test_a_session_keeps_cookies_and_its_connection(web: wire.Http) -> None:
    with web.session() as visitor:
        assert "cookie" not in visitor.get("/").json()["headers"]
        assert visitor.get("/").json()["headers"]["cookie"] == "one=1"
        assert visitor.get("/two/x").json()["headers"]["cookie"] == "two=2; one=1"
        assert visitor.cookies == {"one": "1", "two": "2"}
        assert visitor.connections == 1
        visitor.get("/close")
        visitor.post("/")
        assert visitor.connections == 2
    assert "cookie" not in web.get("/").json()["headers"]


def test_a_kept_connection_that_the_server_closed_is_replaced() -> None:
    with serving(says(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi")) as server:
        session = wire.Http(Loopback(), HOST, server.port).session()
        with session as visitor:
            assert [visitor.get("/").text for _ in range(3)] == ["hi", "hi", "hi"]
            assert visitor.connections == 3


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 abc OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999999\r\n\r\nab",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 200 + b"\r\n",
        b"HTTP/1.1 200 OK\r\nA: " + b"b" * 70000 + b"\r\n\r\n",
    ],
)
def test_a_malformed_answer_is_an_error(answer: bytes) -> None:
    with serving(says(answer)) as server, pytest.raises(wire.WireError) as caught:
        wire.Http(Loopback(), HOST, server.port).get()
    assert caught.value.kind in ("garbage", "hung up")
    assert caught.value.words[0].startswith(("an answer that is not HTTP: HTTP/1.1", "the server closed"))


@pytest.mark.parametrize("length", [b"10", b"1000000000000"])
def test_an_answer_that_is_cut_off_is_an_error(length: bytes) -> None:
    serve = says(b"HTTP/1.1 200 OK\r\nContent-Length: " + length + b"\r\n\r\nab")
    with serving(serve) as server, pytest.raises(wire.WireError, match="in the middle of its answer"):
        wire.Http(Loopback(), HOST, server.port).get()


def test_a_chunked_answer_is_read_whole() -> None:
    chunks = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n"
    with serving(says(chunks)) as server:
        assert wire.Http(Loopback(), HOST, server.port).get().body == b"abcde"


def test_an_early_answer_to_a_large_body_is_read() -> None:
    def serve(link: socket.socket) -> None:
        link.recv(1000)
        link.sendall(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        link.shutdown(socket.SHUT_WR)
        while link.recv(65536):
            pass

    with serving(serve) as server:
        assert wire.Http(Loopback(), HOST, server.port).post("/", body=b"x" * 2**22).status == 413


def test_a_certificate_is_verified_against_the_given_ca(tmp_path: Path) -> None:
    cert, key = certificate(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)

    def serve(link: socket.socket) -> None:
        with context.wrap_socket(link, server_side=True) as secure:
            says(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi")(secure)

    def get(**about: Any) -> str:
        return wire.Http(Loopback(), HOST, server.port, seconds=5, **about).get().text

    ca = Path(cert).read_text()
    with serving(serve) as server:
        assert get(tls=True, name="other.example") == "hi"
        assert get(ca=ca, name="shop.example") == "hi"
        with pytest.raises(wire.WireError, match=r"the certificate is not trusted: Hostname mismatch"):
            get(ca=ca, name="other.example")
        with pytest.raises(wire.WireError, match="the CA's file has no certificate"):
            get(ca="no certificate")
        with pytest.raises(wire.WireError):
            get()
    with serving(says(b"HTTP/1.1 400 Bad Request\r\n\r\n")) as server, pytest.raises(wire.WireError) as caught:
        get(tls=True)
    assert caught.value.kind == "tls"


def test_a_server_of_another_protocol_that_waits_is_named_at_once() -> None:
    def serve(link: socket.socket) -> None:
        link.sendall(b"\x4a\0\0\0\x0a10.11.6-MariaDB")
        while link.recv(65536):
            pass

    with serving(serve) as server, pytest.raises(wire.WireError, match="an answer that is not HTTP: J"):
        wire.Http(Loopback(), HOST, server.port, seconds=60).get()


def test_a_folded_cookie_is_an_error_and_not_sent_back() -> None:
    answer = b"HTTP/1.1 200 OK\r\nSet-Cookie: a=b\r\n\tX-Evil: 1\r\nContent-Length: 0\r\n\r\n"
    with serving(says(answer)) as server, wire.Http(Loopback(), HOST, server.port).session() as visitor:
        visitor.get()
        with pytest.raises(wire.WireError, match="not HTTP"):
            visitor.get()


def test_a_slow_reader_ends_at_the_deadline(tmp_path: Path) -> None:
    cert, key = certificate(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)

    def serve(link: socket.socket) -> None:
        with context.wrap_socket(link, server_side=True) as secure:
            while secure.recv(4096):
                time.sleep(0.02)  # the pace of this server

    with serving(serve) as server:
        start = time.monotonic()
        with pytest.raises(wire.WireError) as caught:
            wire.Http(Loopback(), HOST, server.port, tls=True, seconds=0.5).post("/", body=b"x" * 2**25)
        assert caught.value.kind == "no answer"
        assert time.monotonic() - start < 3
