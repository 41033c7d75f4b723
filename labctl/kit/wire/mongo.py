"""A client of MongoDB: OP_MSG, and the login with SCRAM-SHA-256 (RFC 5802, RFC 7677).

https://www.mongodb.com/docs/manual/reference/mongodb-wire-protocol/ describes the messages. pymongo's own client is not
used, because it opens connections by itself.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import hmac
import itertools
import secrets
import struct
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import bson
from pymongo.saslprep import saslprep

from labctl.kit.wire.base import MOST, Line, WireClient
from labctl.kit.wire.errors import DeniedError, WireError, garbage, text_of

if TYPE_CHECKING:
    from labctl.kit.places import Place

_OP_MSG = 2013
_ROUNDS = range(4096, 100_001)
"""The rounds of SCRAM that this client computes. MongoDB uses 15000 and demands at least 5000; RFC 7677 demands 4096.
A hostile server could ask for rounds that take hours."""

Document = dict[str, Any]


class MongoError(WireError):
    """An answer with ok: 0. ``code`` is MongoDB's number, ``name`` the code's name, and ``said`` the text."""

    def __init__(self, answer: Mapping[str, Any]) -> None:
        self.code = answer.get("code")
        self.name = text_of(str(answer.get("codeName", "")), 60)
        self.said = text_of(str(answer.get("errmsg", "")), 160)
        why = f"{self.name or self.code}: {self.said}"
        super().__init__("refusal", (f"MongoDB refused: {why}", f"MongoDB 拒绝：{why}"))


class Mongo(WireClient):
    """One connection to a mongod or mongos. With a ``user`` it logs in first, at the database ``source``.

    Raises DeniedError if the login is refused, MongoError if a command is, and another WireError if there is no such
    server.
    """

    protocol = "MongoDB"

    def __init__(
        self,
        place: Place,
        host: str,
        port: int = 27017,
        *,
        user: str = "",
        password: str = "",
        source: str = "admin",
        tls: bool = False,
        ca: str = "",
        name: str = "",
        seconds: float = 10.0,
        most: int = 3 * MOST,
    ) -> None:
        super().__init__(place, host, port, tls=tls, ca=ca, name=name, seconds=seconds, most=most)
        self._user = user
        self._password = str(saslprep(password)) if user else ""
        self._source = source
        self._numbers = itertools.count(1)

    def command(self, database: str, command: Mapping[str, Any] | str, **more: Any) -> Document:
        """Run a command on a database, and return the answer. A command is a mapping whose first key is its name, or
        only the name, as in ``command("admin", "ping")``."""
        asked = {command: 1} if isinstance(command, str) else dict(command)
        body = _body(database, {**asked, **more})
        with self._talk(self._seconds) as line:
            return self._ask(line, body)

    def find(
        self, database: str, collection: str, query: Mapping[str, Any] | None = None, **more: Any
    ) -> list[Document]:
        """Return the documents of a collection that match, at most 20,000. ``more`` are options of the command find,
        such as ``sort`` and ``projection``."""
        asked = {"find": collection, "filter": query or {}, "batchSize": 20_000, "singleBatch": True, **more}
        answer = self.command(database, asked)
        cursor = answer.get("cursor")
        found = cursor.get("firstBatch") if isinstance(cursor, dict) else None
        if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
            self.close()
            raise garbage(self.protocol, str(answer).encode(errors="replace"))
        return found

    def insert(self, database: str, collection: str, documents: Sequence[Mapping[str, Any]], **more: Any) -> Document:
        """Insert documents, and return the answer. Raises MongoError also if only one document was refused."""
        answer = self.command(database, {"insert": collection, "documents": list(documents), **more})
        for part in ("writeErrors", "writeConcernError"):
            if wrong := answer.get(part):
                first = wrong[0] if isinstance(wrong, list) else wrong
                raise MongoError(first if isinstance(first, dict) else {"errmsg": str(first)})
        return answer

    def _greet(self, line: Line) -> None:
        if self._user:
            try:
                self._login(line)
            except MongoError as error:
                code = error.code if isinstance(error.code, int) else 0
                raise DeniedError(f"{error.name}: {error.said}" if error.name else error.said, code) from error

    def _login(self, line: Line) -> None:
        user = self._user.replace("=", "=3D").replace(",", "=2C")
        nonce = base64.b64encode(secrets.token_bytes(18)).decode()
        first = f"n={user},r={nonce}"
        start = {"saslStart": 1, "mechanism": "SCRAM-SHA-256", "payload": f"n,,{first}".encode()}
        told = self._ask(line, _body(self._source, start))
        server = _payload(told)
        said = dict(part.split("=", 1) for part in server.split(","))
        rounds = int(said["i"])
        if not said["r"].startswith(nonce) or rounds not in _ROUNDS:
            raise garbage("SCRAM-SHA-256", server.encode())
        key = _salted(self._password, base64.b64decode(said["s"]), rounds)
        client, last = _hmac(key, b"Client Key"), f"c=biws,r={said['r']}"
        words = f"{first},{server},{last}".encode()
        signed = _hmac(hashlib.sha256(client).digest(), words)
        proof = bytes(a ^ b for a, b in zip(client, signed, strict=True))
        payload = f"{last},p={base64.b64encode(proof).decode()}".encode()
        follow = {"saslContinue": 1, "conversationId": told["conversationId"]}
        told = self._ask(line, _body(self._source, {**follow, "payload": payload}))
        signature = base64.b64encode(_hmac(_hmac(key, b"Server Key"), words)).decode()
        if _payload(told) != f"v={signature}":
            raise WireError(
                "denied",
                ("it let in without knowing the password", "服务器并不知道密码，却接受了登录"),
            )
        for _ in range(3):
            if told["done"]:
                return
            told = self._ask(line, _body(self._source, {**follow, "payload": b""}))
        raise garbage("SCRAM-SHA-256", server.encode())

    def _ask(self, line: Line, body: bytes) -> Document:
        number = next(self._numbers)
        line.sendall(struct.pack("<iiii", 16 + len(body), number, 0, _OP_MSG) + body)
        size, _, answered, code = struct.unpack("<iiii", line.exactly(16))
        if code != _OP_MSG or answered != number or size < 26:
            raise garbage(self.protocol, line.beginning)
        data = line.exactly(size - 16)
        if data[4] != 0:  # flag bits, then one section of kind 0: the answer's document
            raise garbage(self.protocol, line.beginning)
        answer: Document = bson.decode(data[5:])
        if answer.get("ok") != 1:
            raise MongoError(answer)
        return answer


def _body(database: str, command: Mapping[str, Any]) -> bytes:
    """Return the body of a message: flag bits, the kind of its section, and the command."""
    return b"\0\0\0\0\0" + bson.encode({**command, "$db": database})


def _payload(told: Document) -> str:
    """Return the text of a step of the login. Raises an error if it is anything else."""
    payload = told["payload"]
    if not isinstance(payload, bytes):
        raise TypeError("the payload is not bytes")
    return payload.decode()


def _hmac(key: bytes, text: bytes) -> bytes:
    return hmac.new(key, text, "sha256").digest()


@functools.cache
def _salted(password: str, salt: bytes, rounds: int) -> bytes:
    return hashlib.pbkdf2_hmac("sha256", password.encode(), salt, rounds)
