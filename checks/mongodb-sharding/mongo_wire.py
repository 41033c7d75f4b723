"""MongoDB as a client sees it: OP_MSG on a socket, and SCRAM-SHA-256."""

import base64
import functools
import hashlib
import hmac
import itertools
import secrets
import struct

import bson

OP_MSG = 2013
_numbers = itertools.count(1)


class RefusalError(Exception):
    """An answer with ok: 0; ``code`` says why."""

    def __init__(self, answer):
        super().__init__(str(answer.get("errmsg", "no reason was given"))[:160])
        self.code = answer.get("code")


class Client:
    """One connection. Raises OSError where it breaks."""

    def __init__(self, sock):
        self._sock, self.more = sock, {}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._sock.close()

    def _exactly(self, size):
        data = b""
        while len(data) < size:
            part = self._sock.recv(size - len(data))
            if not part:
                raise ConnectionResetError("hung up")
            data += part
        return data

    def ask(self, db, command):
        """A command's answer. Raises RefusalError."""
        body = b"\0\0\0\0\0" + bson.encode({**command, **self.more, "$db": db})
        self._sock.sendall(struct.pack("<iiii", 16 + len(body), next(_numbers), 0, OP_MSG) + body)
        size, _, _, code = struct.unpack("<iiii", self._exactly(16))
        if code != OP_MSG or not 21 < size < 48_000_000:
            raise ConnectionError("no MongoDB")
        try:
            answer = bson.decode(self._exactly(size - 16)[5:])
        except bson.errors.InvalidBSON as error:
            raise ConnectionError("no MongoDB") from error
        if answer.get("ok") != 1:
            raise RefusalError(answer)
        return answer

    def login(self, user, password, source):
        """Log in with SCRAM-SHA-256. Raises RefusalError; ConnectionError where it lets in without the password."""
        first = f"n={user},r={base64.b64encode(secrets.token_bytes(18)).decode()}"
        start = {"saslStart": 1, "mechanism": "SCRAM-SHA-256", "payload": f"n,,{first}".encode()}
        told = self.ask(source, start)
        server = told["payload"].decode()
        said = dict(part.split("=", 1) for part in server.split(","))
        key = _salted(password, base64.b64decode(said["s"]), int(said["i"]))
        client, last = _hmac(key, b"Client Key"), f"c=biws,r={said['r']}"
        words = f"{first},{server},{last}".encode()
        proof = bytes(a ^ b for a, b in zip(client, _hmac(hashlib.sha256(client).digest(), words), strict=True))
        payload = f"{last},p={base64.b64encode(proof).decode()}".encode()
        told = self.ask(source, {"saslContinue": 1, "conversationId": told["conversationId"], "payload": payload})
        signature = base64.b64encode(_hmac(_hmac(key, b"Server Key"), words)).decode()
        if told["payload"].decode() != f"v={signature}":
            raise ConnectionError("it let in without knowing the password")
        while not told["done"]:
            told = self.ask(source, {"saslContinue": 1, "conversationId": told["conversationId"], "payload": b""})
        return self

    def find(self, db, collection, query=None, **more):
        """Documents, at most some thousands."""
        command = {"find": collection, "filter": query or {}, "batchSize": 20_000, "singleBatch": True}
        return self.ask(db, {**command, **more})["cursor"]["firstBatch"]


def _hmac(key, text):
    return hmac.new(key, text, "sha256").digest()


@functools.cache
def _salted(password, salt, rounds):
    return hashlib.pbkdf2_hmac("sha256", password.encode(), salt, rounds)
