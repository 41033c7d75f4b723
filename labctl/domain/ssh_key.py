"""OpenSSH public keys as people paste them, really decoded (RFC 4253 section 6.6, RFC 5656, RFC 8709, and PROTOCOL.u2f
of OpenSSH). No text of a key is ever in a message: it may be a private one."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable

from labctl.domain.cells import CellError

RSA_BITS = 2048
"""The least that is taken."""

_MOST_RSA_BITS = 16384
PRIVATE = re.compile(r"PRIVATE KEY|PuTTY-User-Key-File|Private-Lines:", re.IGNORECASE)
_BASE64 = re.compile(r"[A-Za-z0-9+/]+={0,2}")
_PASTE = "paste the whole line of the .pub file: type, key, comment"
_CREATE = "ssh-keygen -t ed25519, and give the .pub file"


def parse(text: str) -> str:
    """The key as ``type base64``, the same text for the same key. Raises CellError."""
    if PRIVATE.search(text):
        raise private()
    if "BEGIN SSH2 PUBLIC KEY" in text or "BEGIN PUBLIC KEY" in text or "BEGIN RSA PUBLIC KEY" in text:
        raise CellError("this public key isn't in OpenSSH's form", "ssh-keygen -i -f FILE turns it into one line")
    words = text.split()
    kind = words[0] if words else ""
    _check_kind(kind, words)
    if len(words) < 2:
        raise CellError("the key is cut off: nothing follows its type", _PASTE)
    blob = _decoded(words[1], words[2:])
    _check(blob, kind)
    return f"{kind} {base64.b64encode(blob).decode()}"


def private() -> CellError:
    """What to say of a private key."""
    return CellError(
        "URGENT: this is a PRIVATE key, and whoever has seen this file can log in with it",
        "have its owner make a new pair (ssh-keygen -t ed25519), and destroy all copies of this file",
    )


def _check_kind(kind: str, words: list[str]) -> None:
    if kind in _BODIES:
        return
    if kind.startswith("AAAA") and _BASE64.fullmatch(kind):
        raise CellError("the key's type is missing before it", _PASTE)
    if kind == "ssh-dss":
        raise CellError("a DSA key: OpenSSH takes none any more", _CREATE)
    if "-cert-v0" in kind:
        raise CellError("this is a certificate, not a public key", "give the .pub file, not the -cert.pub file")
    if any(word in _BODIES or word == "ssh-dss" for word in words[1:]):
        raise CellError("something stands before the key's type; options are not taken", _PASTE)
    raise CellError("not a public key of a known type: {known}", _CREATE, known=", ".join(_BODIES))


def _decoded(word: str, rest: list[str]) -> bytes:
    try:
        return base64.b64decode(word, validate=True)
    except binascii.Error:
        pass
    if not _BASE64.fullmatch(word):
        raise CellError("the key has characters that are no base64", _PASTE)
    if rest and _BASE64.fullmatch(rest[0]) and len(rest[0]) > 20:
        raise CellError(
            "the key is broken over several lines or has blanks in it", "put it in one line, with no blank in it"
        )
    raise _cut_off()


def _cut_off() -> CellError:
    return CellError("the key is cut off: its end is missing", _PASTE)


class _Blob:
    """Reads what RFC 4251 section 5 calls string and mpint."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def string(self) -> bytes:
        start = self._at + 4
        end = start + int.from_bytes(self._data[self._at : start])
        if start > len(self._data) or end > len(self._data):
            raise _cut_off()
        self._at = end
        return self._data[start:end]

    def number(self) -> int:
        return int.from_bytes(self.string(), signed=True)

    def at_end(self) -> bool:
        return self._at == len(self._data)


def _check(data: bytes, kind: str) -> None:
    blob = _Blob(data)
    inside = blob.string()
    if inside != kind.encode():
        raise CellError("the type before the key and the one inside of it differ", _PASTE)
    _BODIES[kind](blob)
    if not blob.at_end():
        raise CellError("something follows the end of the key", _PASTE)


def _broken() -> CellError:
    return CellError("the key is damaged", _PASTE)


def _ed25519(blob: _Blob) -> None:
    if len(blob.string()) != 32:
        raise _broken()


def _ecdsa(curve: str, size: int) -> Callable[[_Blob], None]:
    def check(blob: _Blob) -> None:
        name, point = blob.string(), blob.string()
        if name != curve.encode() or len(point) != 2 * size + 1 or point[0] != 4:
            raise _broken()

    return check


def _with_application(check: Callable[[_Blob], None]) -> Callable[[_Blob], None]:
    def both(blob: _Blob) -> None:
        check(blob)
        if not blob.string():
            raise _broken()

    return both


def _rsa(blob: _Blob) -> None:
    exponent, modulus = blob.number(), blob.number()
    if exponent < 3 or exponent % 2 == 0 or modulus <= 0 or modulus % 2 == 0:
        raise _broken()
    bits = modulus.bit_length()
    if bits < RSA_BITS:
        raise CellError("an RSA key of {bits} bits is too weak: {least} at least", _CREATE, bits=bits, least=RSA_BITS)
    if bits > _MOST_RSA_BITS:
        raise CellError("OpenSSH takes no RSA key of more than {most} bits", _CREATE, most=_MOST_RSA_BITS)


_BODIES: dict[str, Callable[[_Blob], None]] = {
    "ssh-ed25519": _ed25519,
    "ecdsa-sha2-nistp256": _ecdsa("nistp256", 32),
    "ecdsa-sha2-nistp384": _ecdsa("nistp384", 48),
    "ecdsa-sha2-nistp521": _ecdsa("nistp521", 66),
    "ssh-rsa": _rsa,
    "sk-ssh-ed25519@openssh.com": _with_application(_ed25519),
    "sk-ecdsa-sha2-nistp256@openssh.com": _with_application(_ecdsa("nistp256", 32)),
}
