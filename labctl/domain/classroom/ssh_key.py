"""Parses OpenSSH public keys as people paste them, and decodes them completely (RFC 4253 section 6.6, RFC 5656, RFC
8709, and PROTOCOL.u2f of OpenSSH). No message contains text of a key, because the text may be a private key."""

from __future__ import annotations

import base64
import itertools
import re

from labctl.domain.classroom.cells import CellError
from labctl.domain.invisible import code

RSA_BITS = 2048
"""The minimum length of an RSA key."""

_MOST_RSA_BITS = 16384
PRIVATE = re.compile(
    # The first line matches the header of a private key, even if characters between the words were lost. The other
    # lines match the beginning of a private key's base64: OpenSSH's own form, PKCS #1, PKCS #8 (RSA, ed25519, EC), SEC
    # 1.
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
_CREATE = "run ssh-keygen -t ed25519, and send the .pub file"


def parse(text: str) -> str:
    """Return the key as ``type base64``. The same key always gives the same text. Raises CellError if the text is not a
    public key that labctl accepts."""
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
        "this public key is not in OpenSSH format",
        "convert it into one line with ssh-keygen -i -f FILE",
    ),
    (
        re.compile(r"BEGIN PUBLIC KEY"),
        "this public key is in PEM format, not in OpenSSH format",
        "convert it into one line with ssh-keygen -i -m PKCS8 -f FILE",
    ),
    (
        re.compile(r"BEGIN RSA PUBLIC KEY"),
        "this public key is in PEM format, not in OpenSSH format",
        "convert it into one line with ssh-keygen -i -m PEM -f FILE",
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
    """Check the form of the text. Raises CellError if the text is obviously not an OpenSSH key."""
    begin = text.lstrip(" -\"'")
    for pattern, what, remedy in FORMS:
        if pattern.match(begin) or ("BEGIN" in pattern.pattern and pattern.search(text)):
            raise CellError(what, remedy)


def _check_alone(words: list[str]) -> None:
    """Check that there is only one key. Raises CellError if a second key follows, on its own line or after a
    separator."""
    parts = [part for word in words[1:] for part in _SEPARATOR.split(word)][1:]
    for part, following in itertools.zip_longest(parts, parts[1:], fillvalue=""):
        if _BLOB.match(part) or (part in _FIELDS and following.startswith("AAAA")):
            raise CellError(
                "there is more than one key in this cell",
                "keep one key: labctl stores one key for each learner",
            )


def private() -> CellError:
    """Return the fault for a private key."""
    return CellError(
        "URGENT: this is a PRIVATE key, and anyone who has seen this file can log in with it",
        "ask its owner to create a new key pair (ssh-keygen -t ed25519), and destroy all copies of this file",
    )


def _check_kind(kind: str, words: list[str]) -> None:
    if kind in _FIELDS:
        return
    if kind.startswith("AAAA") and _BASE64.fullmatch(kind):
        raise CellError("the type before the key is missing", _PASTE)
    if kind == "ssh-dss":
        raise CellError("this is a DSA key, which OpenSSH no longer accepts", _CREATE)
    if "-cert-v0" in kind:
        raise CellError("this is a certificate, not a public key", "send the .pub file, not the -cert.pub file")
    meant = next((one for one in _FIELDS if _DASHES.sub("-", kind).casefold().startswith(one)), "")
    if meant:
        remedy = "the key must begin with {kind}, in lower case, and a space; paste the whole line of the .pub file"
        raise CellError("the key's type is not written correctly", remedy, kind=meant)
    if kind.startswith("#"):
        raise CellError("there is a comment before the key", _PASTE)
    if any(part in _FIELDS or part == "ssh-dss" for word in words[1:] for part in re.split("[\"',;]", word)):
        raise CellError("there is text before the key's type; options are not accepted", _PASTE)
    raise CellError("this is not a public key of a known type: {known}", _CREATE, known=", ".join(_FIELDS))


def _decoded(word: str, rest: list[str]) -> bytes:
    try:
        return base64.b64decode(word, validate=True)
    except ValueError:  # b64decode also raises ValueError for characters that aren't ASCII
        pass
    if not _BASE64.fullmatch(word):
        remedy = "paste the whole line of the .pub file again; the first wrong character is {character}"
        raise CellError("the key contains characters that are not base64", remedy, character=_first_strange(word))
    raise _cut_off(rest)


def _first_strange(word: str) -> str:
    """Return the code of the first wrong character, because the character may look like another one."""
    return code(next((character for character in word if not _BASE64.fullmatch(character)), "="))


def _cut_off(rest: list[str]) -> CellError:
    """Return the fault for an incomplete key. ``rest`` are the words after the key."""
    if rest and _BASE64.fullmatch(rest[0]) and len(rest[0]) > 20:
        return CellError(
            "the key is split over several lines or contains spaces", "write the key on one line, without spaces in it"
        )
    return CellError("the key is cut off: its end is missing", _PASTE)


class _CutOffError(Exception):
    """The blob ends before the end of its last field."""


# For each type, the number of fields after the type in the key. Hardware keys have the application as an additional
# last field.
_FIELDS: dict[str, int] = {
    "ssh-ed25519": 1,
    "ecdsa-sha2-nistp256": 2,
    "ecdsa-sha2-nistp384": 2,
    "ecdsa-sha2-nistp521": 2,
    "ssh-rsa": 2,
    "sk-ssh-ed25519@openssh.com": 2,
    "sk-ecdsa-sha2-nistp256@openssh.com": 3,
}


def _check(data: bytes, kind: str) -> None:
    """Check the decoded key. Raises _CutOffError if the key's end is missing, CellError for other faults.

    This function reads the fields itself, so that the fault can name the mistake in the paste. The end may be missing,
    there may be extra data, or two keys may be mixed. The library cryptography checks the content of the fields.
    """
    inside, rest = _string(data)
    if inside != kind.encode():
        raise CellError("the type before the key differs from the type inside the key", _PASTE)
    fields = []
    for _number in range(_FIELDS[kind]):
        field, rest = _string(rest)
        fields.append(field)
    if kind == "ssh-rsa":
        _check_size(int.from_bytes(fields[1]))
    if kind.startswith("sk-") and not fields[-1]:
        raise _broken()
    if not (_has_form(fields) if kind.startswith("sk-ecdsa") else _can_be_loaded(kind, fields)):
        raise _broken()
    if rest:
        raise CellError("there is extra data after the end of the key", _PASTE)


def _string(data: bytes) -> tuple[bytes, bytes]:
    """Return a string of RFC 4251 section 5, and the data after it."""
    end = 4 + int.from_bytes(data[:4])
    if len(data) < end:
        raise _CutOffError
    return data[4:end], data[end:]


def _has_form(fields: list[bytes]) -> bool:
    """Return whether the fields may be a hardware key on nistp256. The point is not checked against the curve."""
    curve, point, _application = fields
    return curve == b"nistp256" and len(point) == 65 and point[0] == 4


def _can_be_loaded(kind: str, fields: list[bytes]) -> bool:
    """Return whether cryptography can load the key. The library is imported here, because the import takes longer than
    the rest of a command."""
    from cryptography.hazmat.primitives.serialization import load_ssh_public_key

    if kind.startswith("sk-"):
        # Without the application, a hardware key is a common key, which older releases of cryptography can load.
        kind, fields = kind.removeprefix("sk-").removesuffix("@openssh.com"), fields[:-1]
    body = b"".join(len(part).to_bytes(4) + part for part in (kind.encode(), *fields))
    try:
        load_ssh_public_key(kind.encode() + b" " + base64.b64encode(body))
    except Exception:
        # Releases of cryptography raise different errors (ValueError, UnsupportedAlgorithm, NotImplementedError …), and
        # the key may contain any bytes.
        return False
    return True


def _broken() -> CellError:
    return CellError("the key is damaged", _PASTE)


def _check_size(modulus: int) -> None:
    bits = modulus.bit_length()
    if modulus % 2 == 0:
        raise _broken()  # cryptography accepts an even modulus
    if bits < RSA_BITS:
        raise CellError(
            "an RSA key of {bits} bits is too weak: at least {least} bits are needed",
            _CREATE,
            bits=bits,
            least=RSA_BITS,
        )
    if bits > _MOST_RSA_BITS:
        raise CellError("OpenSSH does not accept RSA keys of more than {most} bits", _CREATE, most=_MOST_RSA_BITS)
