"""SCRAM-SHA-256, the client's side: how the stand-in logs in at the cluster's members, with the keyfile."""

from __future__ import annotations

import base64
import functools
import hashlib
import hmac
import secrets
from collections.abc import Callable, Mapping
from typing import Any

from standin.errors import CommandError


def _fields(text: str) -> dict[str, str]:
    return {part[0]: part[2:] for part in text.split(",")}


def _hmac(key: bytes, text: str) -> bytes:
    return hmac.new(key, text.encode(), "sha256").digest()


@functools.lru_cache(maxsize=64)
def _salted(password: str, salt: bytes, rounds: int) -> bytes:
    return hashlib.pbkdf2_hmac("sha256", password.encode(), salt, rounds)


def login(ask: Callable[[dict[str, Any]], Mapping[str, Any]], user: str, password: str, source: str) -> None:
    """Log in with this function for requests. Raises CommandError if the login is refused."""
    first = f"n={user},r={base64.b64encode(secrets.token_bytes(24)).decode()}"
    told = ask({"saslStart": 1, "mechanism": "SCRAM-SHA-256", "payload": f"n,,{first}".encode(), "$db": source})
    if not told["ok"]:
        raise CommandError(18, str(told["errmsg"]))
    server = bytes(told["payload"]).decode()
    said = _fields(server)
    key = _salted(password, base64.b64decode(said["s"]), int(said["i"]))
    client, bare = _hmac(key, "Client Key"), f"c=biws,r={said['r']}"
    signature = _hmac(hashlib.sha256(client).digest(), f"{first},{server},{bare}")
    proof = base64.b64encode(bytes(a ^ b for a, b in zip(client, signature, strict=True))).decode()
    payload: bytes = f"{bare},p={proof}".encode()
    while not told.get("done"):
        told = ask({"saslContinue": 1, "conversationId": told["conversationId"], "payload": payload, "$db": source})
        if not told["ok"]:
            raise CommandError(18, str(told["errmsg"]))
        payload = b""
