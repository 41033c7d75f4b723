"""OpenSSH public keys as people paste them, really decoded (RFC 4253 section 6.6, RFC 5656, RFC 8709, and PROTOCOL.u2f
of OpenSSH). No text of a key is ever in a message: it may be a private one."""

from __future__ import annotations

import base64
import itertools
import re
from collections.abc import Callable

from labctl.domain.classroom.cells import CellError
from labctl.domain.invisible import code

RSA_BITS = 2048
"""The least that is taken."""

_MOST_RSA_BITS = 16384
PRIVATE = re.compile(
    # How the text around it names it, whatever was lost between the words, and how its base64 begins without that
    # text: OpenSSH's own form, PKCS #1, PKCS #8 (RSA, ed25519, EC), SEC 1.
    r"PRIVATE[^A-Za-z0-9]{0,8}KEY|PuTTY-User-Key-File|Private-Lines:|AGE-SECRET-KEY-1"
    r"|(?-i:(?<![A-Za-z0-9+/])(b3BlbnNzaC1rZXktdjE|MII[A-Za-z0-9+/]{3}IBA(AK|DANBgkqhkiG)|MC4CAQAwBQYDK2Vw"
    r"|MI[GH][A-Za-z0-9+/](AgEAMB[MA]GByqGSM49|AgEBB[DE])|M[A-Za-z0-9+/]{2}CAQEE))",
    re.IGNORECASE,
)
_BASE64 = re.compile(r"[A-Za-z0-9+/]+={0,2}")
_BLOB = re.compile(r"AAAA[A-Z][A-Za-z0-9+/]{15}")
_SEPARATOR = re.compile("[,;|\uff0c\uff1b]")
_DASHES = re.compile("[\u2010-\u2015\u2212\uff0d]")
_PASTE = "paste the whole line of the .pub file: type, key, comment"
_CREATE = "ssh-keygen -t ed25519, and give the .pub file"


def parse(text: str) -> str:
    """The key as ``type base64``, the same text for the same key. Raises CellError."""
    if PRIVATE.search(text):
        raise private()
    _check_form(text)
    words = text.split()
    kind = words[0] if words else ""
    _check_kind(kind, words)
    _check_alone(words)
    if len(words) < 2:
        raise CellError("the key is cut off: nothing follows its type", _PASTE)
    blob = _decoded(words[1], words[2:])
    try:
        _check(blob, kind)
    except _CutOffError:
        raise _cut_off(words[2:]) from None
    return f"{kind} {base64.b64encode(blob).decode()}"


FORMS: tuple[tuple[re.Pattern[str], str, str], ...] = (
    (
        re.compile(r"BEGIN SSH2 PUBLIC KEY"),
        "this public key isn't in OpenSSH's form",
        "ssh-keygen -i -f FILE turns it into one line",
    ),
    (
        re.compile(r"BEGIN PUBLIC KEY"),
        "this public key is in PEM form, not in OpenSSH's",
        "ssh-keygen -i -m PKCS8 -f FILE turns it into one line",
    ),
    (
        re.compile(r"BEGIN RSA PUBLIC KEY"),
        "this public key is in PEM form, not in OpenSSH's",
        "ssh-keygen -i -m PEM -f FILE turns it into one line",
    ),
    (re.compile(r"-----? ?BEGIN "), "this is a certificate or a key of another program, not an OpenSSH key", _CREATE),
    (
        re.compile(r"(\d+ )?(SHA256:|MD5:|([0-9a-f]{2}:){15})", re.IGNORECASE),
        "this is the fingerprint of a key, not the key",
        _PASTE,
    ),
    (re.compile(r"[a-z]+://|www\.", re.IGNORECASE), "this is an address, not a public key", _PASTE),
    (
        re.compile(r"[^\s]*(\.pub|id_(rsa|ed25519|ecdsa|dsa)|\.ppk|\.pem)", re.IGNORECASE),
        "this is the name of a file, not a public key",
        _PASTE,
    ),
)


def _check_form(text: str) -> None:
    """Raises CellError for what isn't an OpenSSH key at first sight."""
    begin = text.lstrip(" -\"'")
    for pattern, what, remedy in FORMS:
        if pattern.match(begin) or ("BEGIN" in pattern.pattern and pattern.search(text)):
            raise CellError(what, remedy)


def _check_alone(words: list[str]) -> None:
    """Raises CellError if a second key follows the first, in a line of its own or behind a separator."""
    parts = [part for word in words[1:] for part in _SEPARATOR.split(word)][1:]
    for part, following in itertools.zip_longest(parts, parts[1:], fillvalue=""):
        if _BLOB.match(part) or (part in _BODIES and following.startswith("AAAA")):
            raise CellError(
                "there is more than one key in this cell",
                "keep one: labctl knows one key for each learner",
            )


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
    meant = next((one for one in _BODIES if _DASHES.sub("-", kind).casefold().startswith(one)), "")
    if meant:
        remedy = "it must begin with {kind} and a blank, in small letters; paste the whole line of the .pub file"
        raise CellError("the key's type is not written as it must be", remedy, kind=meant)
    if kind.startswith("#"):
        raise CellError("a comment stands before the key", _PASTE)
    if any(part in _BODIES or part == "ssh-dss" for word in words[1:] for part in re.split("[\"',;]", word)):
        raise CellError("something stands before the key's type; options are not taken", _PASTE)
    raise CellError("not a public key of a known type: {known}", _CREATE, known=", ".join(_BODIES))


def _decoded(word: str, rest: list[str]) -> bytes:
    try:
        return base64.b64decode(word, validate=True)
    except ValueError:  # characters that aren't ASCII, too
        pass
    if not _BASE64.fullmatch(word):
        remedy = "paste the whole line of the .pub file again; the first such character is {character}"
        raise CellError("the key has characters that are no base64", remedy, character=_first_strange(word))
    raise _cut_off(rest)


def _first_strange(word: str) -> str:
    """By its code, since the character may look like another one."""
    return code(next((character for character in word if not _BASE64.fullmatch(character)), "="))


def _cut_off(rest: list[str]) -> CellError:
    """``rest``: the words behind the key."""
    if rest and _BASE64.fullmatch(rest[0]) and len(rest[0]) > 20:
        return CellError(
            "the key is broken over several lines or has blanks in it", "put it in one line, with no blank in it"
        )
    return CellError("the key is cut off: its end is missing", _PASTE)


class _CutOffError(Exception):
    """A blob ends before its last field does."""


class _Blob:
    """Reads what RFC 4251 section 5 calls string and mpint."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def string(self) -> bytes:
        start = self._at + 4
        end = start + int.from_bytes(self._data[self._at : start])
        if start > len(self._data) or end > len(self._data):
            raise _CutOffError
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
