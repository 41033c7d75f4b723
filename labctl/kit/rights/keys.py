"""The keys that sshd accepts for an account. The sources are sshd_config(5) and sshd(8)."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Callable, Iterable
from typing import NamedTuple

_DEFAULT = (".ssh/authorized_keys", ".ssh/authorized_keys2")
_OTHER_WAYS = {"authorizedkeyscommand", "trustedusercakeys", "authorizedprincipalscommand"}


class SshdPaths(NamedTuple):
    """Where sshd looks for keys. ``patterns`` may contain %h, %u and %U. ``others`` are lines that let sshd accept
    keys from other sources."""

    patterns: tuple[str, ...]
    others: tuple[str, ...]


class AuthorizedKey(NamedTuple):
    """A line of an authorized_keys file."""

    options: str
    kind: str
    blob: str
    comment: str

    @property
    def right(self) -> str:
        """The right that the key gives, as a check names it: ``key SHA256:…``."""
        word = "key-authority" if re.search(r"(^|,)cert-authority(,|$)", self.options, re.I) else "key"
        return f"{word} {fingerprint(self.blob)}"


def key_right(line: str) -> str:
    """Return the right that a public key gives. ``line`` is the content of a .pub file. Raises ValueError."""
    found = parse_keys(line)
    if len(found) != 1:
        raise ValueError(f"not one public key: {line!r}")
    return found[0].right


def fingerprint(blob: str) -> str:
    """Return the fingerprint of a key, as ssh-keygen -l prints it."""
    try:
        data = base64.b64decode(blob, validate=True)
    except (binascii.Error, ValueError):
        data = blob.encode(errors="replace")
    return "SHA256:" + base64.b64encode(hashlib.sha256(data).digest()).decode().rstrip("=")


def parse_keys(text: str) -> list[AuthorizedKey]:
    """Return the keys of an authorized_keys file. A line without a key is left out, as sshd does.

    >>> parse_keys('command="echo a b",restrict ssh-ed25519 AAAA me@home')[0].options
    'command="echo a b",restrict'
    """
    found = []
    for raw in text.splitlines():
        line = raw.strip()
        if not line or line.startswith("#"):
            continue
        key = re.match(r"(?:((?:\"(?:\\.|[^\"\\])*\"|[^\s\"])+)\s+)??((?:ssh|ecdsa|sk)-[\w@.-]+)\s+(\S+)\s*(.*)", line)
        if key:
            found.append(AuthorizedKey(key[1] or "", key[2], key[3], key[4]))
    return found


def sshd_paths(text: str, included: Callable[[str], Iterable[str]]) -> SshdPaths:
    """Return where sshd looks for keys. ``included`` returns the texts of the files of an Include pattern. The first
    value in the main part counts. Values in Match blocks are added, because any block may apply."""
    found: list[tuple[str, ...]] = []
    matched: list[str] = []
    others: list[str] = []

    def read(lines: str, depth: int, inside: bool) -> None:
        for raw in lines.splitlines():
            words = re.findall(r'"[^"]*"|[^\s"=]+', raw.split("#", 1)[0] if raw.lstrip().startswith("#") else raw)
            if not words:
                continue
            name, values = words[0].lower(), [word.strip('"') for word in words[1:]]
            if name == "match":
                inside = [value.lower() for value in values] != ["all"] or inside
            elif name == "include" and depth < 8:
                for pattern in values:
                    path = pattern if pattern.startswith("/") else f"/etc/ssh/{pattern}"
                    for inner in included(path):
                        read(inner, depth + 1, inside)
            elif name == "authorizedkeysfile":
                if inside:
                    matched.extend(values)
                else:
                    found.append(tuple(values))
            elif name in _OTHER_WAYS and values and values[0].lower() != "none":
                others.append(" ".join(words))

    read(text, 0, False)
    main = found[0] if found else _DEFAULT
    return SshdPaths(tuple(each for each in (*main, *matched) if each.lower() != "none"), tuple(others))


def filled(pattern: str, user: str, uid: int, home: str) -> str:
    """Return the path of a pattern of AuthorizedKeysFile for an account.

    >>> filled("%h/.keys/%u", "app", 1000, "/home/app"), filled(".ssh/keys", "app", 1000, "/home/app")
    ('/home/app/.keys/app', '/home/app/.ssh/keys')
    """
    values = {"%": "%", "h": home, "u": user, "U": str(uid)}
    path = re.sub(r"%([%huU])", lambda found: values[found[1]], pattern)
    return path if path.startswith("/") else f"{home.rstrip('/')}/{path}"
