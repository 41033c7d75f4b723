"""The part of the Engine API that the keeper needs, over the Unix socket that is mounted into its container."""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from labctl.domain import api_version, wiring

SOCKET = "/var/run/docker.sock"
_TIMEOUT = 30.0
_BAD_REQUEST = 400
_RUNS = ("running", "paused", "restarting")
_MOUNTED = ("HostsPath", "HostnamePath", "ResolvConfPath")
_EVENTS = ("start", "die", "destroy", "exec_start", "exec_die")


@dataclass(frozen=True)
class Container:
    """A box or the switch. ``pid`` is 0 if the container does not run, or if its pid was not queried. ``files``: the
    engine's own files that are mounted into the container."""

    id: str
    pid: int
    labels: Mapping[str, str]
    running: bool = False
    files: tuple[str, ...] = ()
    paused: bool = False


@dataclass(frozen=True)
class EngineEvent:
    """An event of the engine about one of labctl's containers. The engine adds the id of an exec to ``labels`` as
    ``execID``."""

    action: str
    id: str
    labels: Mapping[str, str]


@dataclass(frozen=True)
class Image:
    """An image that was created for clones."""

    id: str
    labels: Mapping[str, str]


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=_TIMEOUT)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


class KeeperEngine:
    """The engine in which the keeper runs. Every method raises OSError if the engine does not answer.

    The keeper uses the oldest API version that labctl supports. If the engine refuses that version (400), the keeper
    gets the supported versions from GET /version.
    """

    def __init__(self, path: str = SOCKET) -> None:
        self._path = path
        self._version = api_version.OLDEST

    def prefix(self) -> str:
        """The prefix of API paths, with the API version in use."""
        return f"/v{self._version}"

    def _call(self, method: str, path: str, data: Mapping[str, Any] | None = None) -> Any:
        status, body = self._send(method, self.prefix() + path, data)
        if status == _BAD_REQUEST and self._negotiate():
            status, body = self._send(method, self.prefix() + path, data)
        if status == 404:
            return None
        if status >= 400:
            raise OSError(f"{method} {path}: {status} {body.decode(errors='replace').strip()}")
        return json.loads(body) if body else None

    def _send(self, method: str, path: str, data: Mapping[str, Any] | None = None) -> tuple[int, bytes]:
        connection = _UnixConnection(self._path)
        try:
            if data is None:
                connection.request(method, path)
            else:
                connection.request(method, path, json.dumps(data), {"Content-Type": "application/json"})
            response = connection.getresponse()
            return response.status, response.read()
        except http.client.HTTPException as error:
            raise OSError(f"{method} {path}: {error!r}") from error
        finally:
            connection.close()

    def _negotiate(self) -> bool:
        """Use the lowest common version from now on. Return whether this is a different version."""
        status, body = self._send("GET", "/version")
        try:
            theirs = api_version.supported(json.loads(body)) if status == 200 else None
        except ValueError:
            theirs = None
        if theirs is None:
            return False
        lowest = api_version.lowest_common(theirs)
        if lowest is None:
            raise OSError(
                f"the engine supports API versions {theirs}, this keeper {api_version.OURS}: they have none in common"
            )
        before, self._version = self._version, lowest
        return lowest != before

    def inspect(self, container_id: str) -> Container | None:
        """Return the container with its pid, or None if it does not exist any more."""
        found = self._call("GET", f"/containers/{container_id}/json")
        if found is None:
            return None
        running = bool(found["State"]["Running"])
        files = tuple(filter(None, (found.get(name) for name in _MOUNTED)))
        return Container(
            found["Id"],
            found["State"]["Pid"] if running else 0,
            found["Config"]["Labels"],
            running,
            files,
            bool(found["State"].get("Paused")),
        )

    def containers(self, labels: Mapping[str, str]) -> list[Container]:
        """Return all containers with these labels, running or not. Their pids are 0, because this request does not
        report pids."""
        found = self._call("GET", f"/containers/json?all=1&filters={_filters(labels)}")
        return [Container(item["Id"], 0, item["Labels"], item.get("State") in _RUNS) for item in found]

    def commands(self, container_id: str) -> list[str]:
        """Return the command lines of the execs that run in a box, in the form in which the start events contain
        them."""
        found = self._call("GET", f"/containers/{container_id}/json") or {}
        execs = [self._call("GET", f"/exec/{exec_id}/json") for exec_id in found.get("ExecIDs") or ()]
        configs = [each["ProcessConfig"] for each in execs if each and each["Running"]]
        return [" ".join([config["entrypoint"], *(config.get("arguments") or ())]) for config in configs]

    def images(self, labels: Mapping[str, str]) -> list[Image]:
        """Return all images with these labels."""
        return [
            Image(item["Id"], item["Labels"]) for item in self._call("GET", f"/images/json?filters={_filters(labels)}")
        ]

    def spared(self) -> dict[str, Mapping[str, str]]:
        """Return the labels of all volumes that protect instances from the reaper, by volume name."""
        return self._volumes(wiring.ROLE_SPARED)

    def held(self) -> dict[str, Mapping[str, str]]:
        """Return the labels of all volumes that mark paused boxes, by volume name."""
        return self._volumes(wiring.ROLE_HELD)

    def _volumes(self, role: str) -> dict[str, Mapping[str, str]]:
        found = self._call("GET", f"/volumes?filters={_filters({wiring.LABEL_ROLE: role})}") or {}
        return {item["Name"]: item.get("Labels") or {} for item in found.get("Volumes") or ()}

    def create_volume(self, name: str, labels: Mapping[str, str]) -> None:
        """Create an empty volume."""
        self._call("POST", "/volumes/create", {"Name": name, "Labels": dict(labels)})

    def remove_volume(self, name: str) -> None:
        """Remove a volume."""
        self._call("DELETE", f"/volumes/{name}")

    def remove_image(self, image_id: str) -> None:
        """Remove an image, but not its parent images."""
        self._call("DELETE", f"/images/{image_id}?noprune=1")

    def pause(self, container_id: str) -> bool:
        """Pause a container. Return False if it does not run or is paused already."""
        try:
            self._call("POST", f"/containers/{container_id}/pause")
        except OSError as error:
            if ": 409 " not in str(error):
                raise
            return False
        return True

    def unpause(self, container_id: str) -> None:
        """Unpause a container."""
        self._call("POST", f"/containers/{container_id}/unpause")

    def layer(self, container_id: str) -> str:
        """Return the folder of a container's written files on the engine's machine, or an empty text if the engine does
        not report it."""
        found = self._call("GET", f"/containers/{container_id}/json") or {}
        return str(((found.get("GraphDriver") or {}).get("Data") or {}).get("UpperDir") or "")

    def size(self, container_id: str) -> int:
        """Return the size of a container's written files in bytes, as counted by the engine."""
        found = self._call("GET", f"/containers/{container_id}/json?size=1") or {}
        return int(found.get("SizeRw") or 0)

    def events(self) -> EventStream:
        """Return a stream of all events from now on."""
        try:
            return EventStream(self._path, self.prefix())
        except BadRequestError:
            if not self._negotiate():
                raise
            return EventStream(self._path, self.prefix())


def _filters(labels: Mapping[str, str]) -> str:
    return quote(json.dumps({"label": [f"{name}={value}" for name, value in labels.items()]}))


class BadRequestError(OSError):
    """The engine answered with status 400."""


class EventStream:
    """The engine's events. The request uses HTTP/1.0, so that the answer is plain lines of JSON without chunks."""

    def __init__(self, path: str, prefix: str) -> None:
        wanted = {"type": ["container"], "event": list(_EVENTS), "label": [wiring.LABEL_ROLE]}
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.settimeout(_TIMEOUT)
        try:
            self._socket.connect(path)
            request = f"GET {prefix}/events?filters={quote(json.dumps(wanted))} HTTP/1.0\r\nHost: localhost\r\n\r\n"
            self._socket.sendall(request.encode())
            head = b""
            while b"\r\n\r\n" not in head:
                more = self._socket.recv(4096)
                if not more:
                    raise OSError(f"the engine's events: {head!r}")
                head += more
            status, _, self._rest = head.partition(b"\r\n\r\n")
            line = status.split(b"\r\n", 1)[0]
            if b" 200 " not in line:
                kind = BadRequestError if b" 400 " in line else OSError
                raise kind(f"the engine's events: {head.decode(errors='replace')}")
        except OSError:
            self._socket.close()
            raise

    def fileno(self) -> int:
        """Return the descriptor for select."""
        return self._socket.fileno()

    def read(self) -> list[EngineEvent]:
        """Return the new events. Raises OSError at the end of the stream."""
        more = self._socket.recv(65536)
        if not more:
            raise OSError("the engine closed its events")
        *lines, self._rest = (self._rest + more).split(b"\n")
        return [happening(json.loads(line)) for line in lines if line.strip()]

    def close(self) -> None:
        """Close the connection."""
        self._socket.close()


def happening(event: Mapping[str, Any]) -> EngineEvent:
    """Parse an event of GET /events (type container). Return the parts that the keeper needs."""
    actor = event["Actor"]
    return EngineEvent(event["Action"], actor["ID"], actor["Attributes"])
