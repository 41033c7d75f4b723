"""SMTP, Git and MongoDB: a small mail server, git itself, and a MongoDB that knows only the login."""

from __future__ import annotations

import base64
import hashlib
import hmac
import socket
import ssl
import struct
import subprocess
from email.message import EmailMessage
from pathlib import Path

import bson
import pytest
from wire_rig import HOST, Loopback, Serve, certificate, free_port, says, serving

from labctl.kit import wire
from labctl.kit.timing import within


def mail(sent: list[bytes], tls: ssl.SSLContext | None = None) -> Serve:
    """A mail server for the domain here.example, with one account, that keeps the mails."""

    def serve(link: socket.socket) -> None:
        talk, secure = link, False
        lines = talk.makefile("rb")
        talk.sendall(b"220-mail here\r\n220 ready\r\n")
        while line := lines.readline():
            word, _, rest = line.strip().decode().partition(" ")
            word = word.upper()
            if word == "EHLO":
                talk.sendall(b"250-mail\r\n250-SIZE 1000\r\n250-AUTH PLAIN\r\n250 STARTTLS\r\n")
            elif word == "STARTTLS" and tls:
                talk.sendall(b"220 go\r\n")
                talk, secure = tls.wrap_socket(talk, server_side=True), True
                lines = talk.makefile("rb")
            elif word == "AUTH":
                right = base64.b64decode(rest.split()[1]) == b"\0me\0secret"
                talk.sendall(b"235 ok\r\n" if right and secure else b"535 5.7.8 wrong\r\n")
            elif word == "RCPT" and "@here.example" not in rest:
                talk.sendall(b"554 5.7.1 Relay access denied\r\n")
            elif word == "DATA":
                talk.sendall(b"354 go\r\n")
                sent.append(b"")
                while (part := lines.readline()) != b".\r\n":
                    sent[-1] += part
                talk.sendall(b"250 queued\r\n")
            elif word == "QUIT":
                sent.append(b"QUIT")
                talk.close()
                return
            else:
                talk.sendall(b"250 ok\r\n")

    return serve


def test_mail_is_sent_and_relaying_is_seen(tmp_path: Path) -> None:
    sent: list[bytes] = []
    cert, key = certificate(tmp_path, ("mail.here.example",))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    with serving(mail(sent, context)) as server:
        client = wire.Smtp(Loopback(), HOST, server.port, name="mail.here.example", seconds=3)
        with client:
            assert client.features() == {"size": "1000", "auth": "PLAIN", "starttls": ""}
            with pytest.raises(wire.DeniedError, match=r"535 5.7.8 wrong"):
                client.login("me", "secret")
            client.starttls(Path(cert).read_text())
            client.login("me", "secret")
            assert client.recipient("a@b.example", "you@here.example") == (250, "ok")
            outside = client.recipient("a@b.example", "you@b.example")
            assert (outside.code, outside.accepted) == (554, False)
            message = EmailMessage()
            message["Subject"] = "hello"
            message.set_content("text\n.dot\n")
            client.send(message, "me@here.example", ["you@here.example"])
            with pytest.raises(wire.SmtpError, match=r"SMTP 554 5.7.1 Relay access denied"):
                client.send("Subject: x\r\n\r\nx", "me@here.example", ["you@b.example"])
            client.send("Subject: x\r\n\r\nx", "me@here.example", ["you@here.example"])
    assert sent[0].startswith(b"Subject: hello\r\n")
    assert b"\r\n..dot\r\n" in sent[0]
    assert sent[1:] == [b"Subject: x\r\n\r\nx\r\n", b"QUIT"]


def test_a_mail_server_that_is_busy_is_a_refusal() -> None:
    serve = says(b"421 4.3.2 shutting down\r\n", wait=False)
    with serving(serve) as server, pytest.raises(wire.SmtpError, match=r"SMTP 421 4\.3\.2 shutting down"):
        wire.Smtp(Loopback(), HOST, server.port).features()


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("git") / "a.git"
    work = ["git", "-c", "user.name=a", "-c", "user.email=a@a", "-C", str(folder)]
    subprocess.run(["git", "init", "-q", "-b", "main", str(folder)], check=True)
    subprocess.run([*work, "commit", "-q", "--allow-empty", "-m", "one"], check=True)
    subprocess.run([*work, "tag", "-a", "-m", "v1", "v1"], check=True)
    subprocess.run([*work, "branch", "other"], check=True)
    return folder


def head(repository: Path) -> str:
    done = subprocess.run(
        ["git", "-C", str(repository), "rev-parse", "HEAD"], check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


def test_branches_of_a_git_daemon(repository: Path) -> None:
    port = free_port()
    options = ["--export-all", "--reuseaddr", f"--listen={HOST}", f"--port={port}", f"--base-path={repository.parent}"]
    daemon = subprocess.Popen(["git", "daemon", *options], stderr=subprocess.DEVNULL)
    try:
        client = wire.Git(Loopback(), HOST, port)

        def refs() -> wire.GitRefs:
            with wire.needed("git"):
                return client.refs("/a.git")

        found = within(10, refs)
        assert found.head == "refs/heads/main"
        assert found.branches == {"main": head(repository), "other": head(repository)}
        assert set(found.refs) == {"HEAD", "refs/heads/main", "refs/heads/other", "refs/tags/v1"}
        with pytest.raises(wire.WireError, match="Git refused: access denied or repository not exported"):
            client.refs("/b.git")
    finally:
        daemon.terminate()
        daemon.wait()


def test_branches_over_http(repository: Path) -> None:
    words = ["git", "upload-pack", "--stateless-rpc", "--advertise-refs", str(repository)]
    refs = subprocess.run(words, check=True, capture_output=True).stdout
    kind = b"Content-Type: application/x-git-upload-pack-advertisement\r\n"
    body = b"001e# service=git-upload-pack\n0000" + refs
    with serving(says(b"HTTP/1.1 200 OK\r\n" + kind + b"Connection: close\r\n\r\n" + body)) as server:
        found = wire.Git(Loopback(), HOST, server.port, scheme="http").refs("/a.git")
    assert found.branches == {"main": head(repository), "other": head(repository)}


def exactly(link: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        part = link.recv(size - len(data))
        if not part:
            raise OSError
        data += part
    return data


def mongo(password: str, *, honest: bool = True) -> Serve:
    """A MongoDB with the account u that has this password. If it is not honest, it does not know the password."""

    def serve(link: socket.socket) -> None:
        salt, first = b"saltsaltsalt", ""
        key = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, 5000)
        client = hmac.new(key, b"Client Key", "sha256").digest()
        while True:
            size, number, _, _ = struct.unpack("<iiii", exactly(link, 16))
            asked = bson.decode(exactly(link, size - 16)[5:])
            reply: dict[str, object] = {"ok": 1.0}
            if "saslStart" in asked:
                first = asked["payload"].decode().removeprefix("n,,")
                said = f"r={first.partition('r=')[2]}more,s={base64.b64encode(salt).decode()},i=5000"
                reply |= {"conversationId": 1, "done": False, "payload": said.encode()}
            elif "saslContinue" in asked and asked["payload"]:
                last, _, proof = asked["payload"].decode().partition(",p=")
                words = f"{first},{said},{last}".encode()
                signed = hmac.new(hashlib.sha256(client).digest(), words, "sha256").digest()
                right = base64.b64decode(proof) == bytes(a ^ b for a, b in zip(client, signed, strict=True))
                server = hmac.new(key, b"Server Key", "sha256").digest()
                word = base64.b64encode(hmac.new(server, words, "sha256").digest()).decode() if honest else "x"
                reply |= {"conversationId": 1, "done": False, "payload": f"v={word}".encode()}
                if not right and honest:
                    reply = {"ok": 0.0, "code": 18, "codeName": "AuthenticationFailed", "errmsg": "no"}
            elif "saslContinue" in asked:
                reply |= {"conversationId": 1, "done": True, "payload": b""}
            elif "find" in asked:
                reply |= {"cursor": {"firstBatch": [asked["filter"], {"db": asked["$db"]}], "id": 0}}
            elif "insert" in asked:
                reply |= {"n": 0, "writeErrors": [{"code": 11000, "errmsg": "duplicate key"}]}
            elif "ping" not in asked:
                reply = {"ok": 0.0, "code": 59, "codeName": "CommandNotFound", "errmsg": "no such command"}
            data = b"\0\0\0\0\0" + bson.encode(reply)
            link.sendall(struct.pack("<iiii", 16 + len(data), 1, number, 2013) + data)

    return serve


def test_mongodb_logs_in_and_answers() -> None:
    with serving(mongo("pässword")) as server:
        with wire.Mongo(Loopback(), HOST, server.port, user="u", password="pässword") as client:
            assert client.command("admin", "ping")["ok"] == 1
            assert client.find("shop", "x", {"a": 1}) == [{"a": 1}, {"db": "shop"}]
            with pytest.raises(wire.MongoError) as caught:
                client.command("admin", "nonsense")
            assert (caught.value.code, caught.value.name) == (59, "CommandNotFound")
            with pytest.raises(wire.MongoError, match="duplicate key"):
                client.insert("shop", "x", [{"_id": 1}])
        with pytest.raises(wire.DeniedError, match="AuthenticationFailed: no"):
            wire.Mongo(Loopback(), HOST, server.port, user="u", password="wrong").command("admin", "ping")


def test_a_mongodb_that_accepts_any_password_is_seen() -> None:
    with serving(mongo("unknown", honest=False)) as server, pytest.raises(wire.WireError, match="without knowing"):
        wire.Mongo(Loopback(), HOST, server.port, user="u", password="p").command("admin", "ping")
