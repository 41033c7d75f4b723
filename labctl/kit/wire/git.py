"""The branches and tags of a Git repository, over git:// or HTTP: what ``git ls-remote`` shows.

https://git-scm.com/docs/gitprotocol-pack and https://git-scm.com/docs/gitprotocol-http describe the protocols. Content
is not fetched.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from labctl.kit.wire.base import MOST, connected, spoken
from labctl.kit.wire.errors import garbage, refusal, text_of
from labctl.kit.wire.http import Http

if TYPE_CHECKING:
    from labctl.kit.places import Place

_PORTS = {"git": 9418, "http": 80, "https": 443}
_REF = re.compile(r"([0-9a-f]{40}|[0-9a-f]{64}) (HEAD|refs/[^\x00-\x20\x7f]+)")


@dataclass(frozen=True)
class GitRefs:
    """``refs`` maps each name, such as ``refs/heads/main``, to its commit or tag object. ``head`` is the branch of
    HEAD, or empty if the server does not say it."""

    refs: dict[str, str] = field(default_factory=dict)
    head: str = ""

    @property
    def branches(self) -> dict[str, str]:
        """The branches by their short names, each with its commit."""
        return {
            name.removeprefix("refs/heads/"): one for name, one in self.refs.items() if name.startswith("refs/heads/")
        }


class Git:
    """A server of Git repositories. ``scheme`` is git, http or https, and ``name`` the name of a virtual host."""

    def __init__(
        self,
        place: Place,
        host: str,
        port: int = 0,
        *,
        scheme: Literal["git", "http", "https"] = "git",
        name: str = "",
        ca: str = "",
        seconds: float = 10.0,
        most: int = MOST,
    ) -> None:
        self._place = place
        self._host = host
        self._port = port or _PORTS[scheme]
        self._scheme = scheme
        self._name = name or host
        self._ca = ca
        self._seconds = seconds
        self._most = most

    def refs(self, path: str) -> GitRefs:
        """Return the branches and tags of the repository at this path. Raises WireError, of the kind ``refusal`` if
        the server does not offer the repository."""
        return self._over_git(path) if self._scheme == "git" else self._over_http(path)

    def _over_git(self, path: str) -> GitRefs:
        asked = _packet(f"git-upload-pack {path}\0host={self._name}\0".encode())
        with connected(self._place, self._host, self._port, self._seconds, self._most) as line, spoken(line, "Git"):
            line.sendall(asked)
            found = _refs(_packets(line.exactly))
            line.sendall(b"0000")  # nothing is wanted
            return found

    def _over_http(self, path: str) -> GitRefs:
        web = Http(
            self._place, self._host, self._port, name=self._name, tls=self._scheme == "https", ca=self._ca,
            seconds=self._seconds, most=self._most,
        )  # fmt: skip
        reply = web.get(f"{path.rstrip('/')}/info/refs?service=git-upload-pack")
        if reply.status != 200:
            raise refusal("Git", reply.short())
        if "git-upload-pack-advertisement" not in reply.headers.get("content-type", ""):
            raise garbage("Git", reply.body[:200])
        rest = reply.body

        def exactly(size: int) -> bytes:
            nonlocal rest
            data, rest = rest[:size], rest[size:]
            if len(data) < size:
                raise garbage("Git", reply.body[:200])
            return data

        packets = _packets(exactly)
        if packets != [b"# service=git-upload-pack"]:
            raise garbage("Git", reply.body[:200])
        return _refs(_packets(exactly))


def _packet(data: bytes) -> bytes:
    """Return data as a pkt-line: four hexadecimal digits of the whole length come first."""
    return b"%04x" % (len(data) + 4) + data


def _packets(exactly: Callable[[int], bytes]) -> list[bytes]:
    """Read pkt-lines until a flush packet, and return them without line ends."""
    found = []
    while (head := exactly(4)) != b"0000":
        if not re.fullmatch(rb"[0-9a-f]{4}", head) or int(head, 16) < 4:
            raise garbage("Git", head)
        found.append(exactly(int(head, 16) - 4).removesuffix(b"\n"))
        if found[-1].startswith(b"ERR "):
            raise refusal("Git", text_of(found[-1][4:], 120))
    return found


def _refs(packets: list[bytes]) -> GitRefs:
    refs, head = {}, ""
    for number, packet in enumerate(packets):
        about, _, capabilities = packet.decode(errors="replace").partition("\0")
        if number == 0 and (symref := re.search(r"(?:^| )symref=HEAD:(\S+)", capabilities)):
            head = symref[1]
        if about.endswith(" capabilities^{}"):
            continue  # an empty repository
        found = _REF.fullmatch(about)
        if not found:
            raise garbage("Git", packet)
        if not found[2].endswith("^{}"):  # the commit of an annotated tag
            refs[found[2]] = found[1]
    return GitRefs(refs, head)
