"""The keeper's own small client of the Engine API, against a server on a Unix socket."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

from labctl.keeper.engine import Container, EngineEvent, EventStream, Image, KeeperEngine


class Server:
    """Answers each connection with the given pieces, one send for each piece."""

    def __init__(self, path: Path) -> None:
        self.path = str(path)
        self.requests: list[bytes] = []
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(self.path)
        self._listener.listen()
        self._listener.settimeout(10)
        self._connections: list[socket.socket] = []
        self._threads: list[threading.Thread] = []

    def answer(self, *pieces: bytes, close: bool = True) -> None:
        """Answer the next connection, in a thread."""

        self._start(lambda: self._serve(pieces, close=close))

    def answer_each(self, *answers: bytes) -> None:
        """Answer one connection with each answer, in turn."""

        def serve() -> None:
            for answer in answers:
                self._serve((answer,), close=True)

        self._start(serve)

    def _serve(self, pieces: tuple[bytes, ...], *, close: bool) -> None:
        connection, _ = self._listener.accept()
        connection.settimeout(10)
        self._connections.append(connection)
        request = b""
        while b"\r\n\r\n" not in request:
            request += connection.recv(65536)
        self.requests.append(request)
        for piece in pieces:
            connection.sendall(piece)
        if close:
            connection.close()

    def _start(self, serve: Callable[[], None]) -> None:
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        self._threads.append(thread)

    def send(self, data: bytes) -> None:
        """Send more on the last connection."""
        for thread in self._threads:
            thread.join(10)
        self._connections[-1].sendall(data)

    def hang_up(self) -> None:
        self._connections[-1].close()

    def close(self) -> None:
        for each in (*self._connections, self._listener):
            each.close()
        for thread in self._threads:
            thread.join(10)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    server = Server(tmp_path / "docker.sock")
    yield server
    server.close()


def json_answer(value: object, status: str = "200 OK") -> bytes:
    body = json.dumps(value).encode()
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


HEAD = b"HTTP/1.0 200 OK\r\nContent-Type: application/json\r\n\r\n"


def event(action: str, number: int = 1) -> bytes:
    said = {"Type": "container", "Action": action, "Actor": {"ID": f"id{number}", "Attributes": {"labctl.role": "box"}}}
    return json.dumps(said).encode() + b"\n"


def happened(action: str, number: int = 1) -> EngineEvent:
    return EngineEvent(action, f"id{number}", {"labctl.role": "box"})


def test_a_running_container_has_a_pid(server: Server) -> None:
    server.answer(json_answer({"Id": "abc", "State": {"Running": True, "Pid": 7}, "Config": {"Labels": {"a": "b"}}}))
    assert KeeperEngine(server.path).inspect("abc") == Container("abc", 7, {"a": "b"}, running=True)
    assert server.requests[0].startswith(b"GET /v1.41/containers/abc/json HTTP/1.1\r\n")


def test_a_stopped_container_has_no_pid(server: Server) -> None:
    server.answer(json_answer({"Id": "abc", "State": {"Running": False, "Pid": 7}, "Config": {"Labels": {}}}))
    assert KeeperEngine(server.path).inspect("abc") == Container("abc", 0, {})


def test_a_missing_container_is_none(server: Server) -> None:
    server.answer(json_answer({"message": "No such container"}, "404 Not Found"))
    assert KeeperEngine(server.path).inspect("abc") is None


def test_containers_are_queried_by_label(server: Server) -> None:
    found = [{"Id": "a", "Labels": {"x": "y"}, "State": "running"}, {"Id": "b", "Labels": {}, "State": "exited"}]
    server.answer(json_answer(found))
    assert KeeperEngine(server.path).containers({"x": "y", "z": "1"}) == [
        Container("a", 0, {"x": "y"}, running=True),
        Container("b", 0, {}),
    ]
    query = parse_qs(urlsplit(server.requests[0].split()[1].decode()).query)
    assert query["all"] == ["1"]
    assert json.loads(query["filters"][0]) == {"label": ["x=y", "z=1"]}


def test_a_container_has_the_paths_of_the_engines_mounted_files(server: Server) -> None:
    paths = {"HostsPath": "/d/hosts", "HostnamePath": "", "ResolvConfPath": "/d/resolv.conf"}
    found = {"Id": "abc", "State": {"Running": True, "Pid": 7}, "Config": {"Labels": {}}, **paths}
    server.answer(json_answer(found))
    box = KeeperEngine(server.path).inspect("abc")
    assert box is not None and box.files == ("/d/hosts", "/d/resolv.conf")


def running(argv: list[str], *, runs: bool = True) -> bytes:
    return json_answer({"Running": runs, "ProcessConfig": {"entrypoint": argv[0], "arguments": argv[1:]}})


def test_execs_of_a_box_are_returned_as_in_their_start_events(server: Server) -> None:
    server.answer_each(
        json_answer({"Id": "abc", "ExecIDs": ["e1", "e2", "e3"]}),
        running(["bash", "-l"]),
        running(["sleep", "1"], runs=False),
        json_answer({"message": "no such exec"}, "404 Not Found"),
    )
    assert KeeperEngine(server.path).commands("abc") == ["bash -l"]


@pytest.mark.parametrize("answer", [json_answer({"Id": "abc", "ExecIDs": None}), json_answer({}, "404 Not Found")])
def test_a_box_without_execs_has_no_commands(server: Server, answer: bytes) -> None:
    server.answer(answer)
    assert KeeperEngine(server.path).commands("abc") == []


def test_images_are_queried_by_label_and_removed_without_their_parents(server: Server) -> None:
    server.answer(json_answer([{"Id": "sha256:a", "Labels": {"x": "y"}}]))
    assert KeeperEngine(server.path).images({"x": "y"}) == [Image("sha256:a", {"x": "y"})]
    server.answer(json_answer([{"Deleted": "sha256:a"}]))
    KeeperEngine(server.path).remove_image("sha256:a")
    assert server.requests[1].startswith(b"DELETE /v1.41/images/sha256:a?noprune=1 ")


def test_removing_an_image_in_use_is_an_oserror(server: Server) -> None:
    server.answer(json_answer({"message": "conflict"}, "409 Conflict"))
    with pytest.raises(OSError, match="409"):
        KeeperEngine(server.path).remove_image("sha256:a")


@pytest.mark.parametrize(
    "answer",
    [
        json_answer({"message": "no"}, "500 Internal Server Error"),
        b"",
        b"nonsense\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{",
    ],
)
def test_an_invalid_answer_is_an_oserror(server: Server, answer: bytes) -> None:
    server.answer(answer)
    with pytest.raises(OSError):
        KeeperEngine(server.path).inspect("abc")


def test_a_missing_engine_is_an_oserror(tmp_path: Path) -> None:
    engine = KeeperEngine(str(tmp_path / "none.sock"))
    calls: list[Callable[[], object]] = [lambda: engine.inspect("a"), lambda: engine.containers({}), engine.events]
    for call in calls:
        with pytest.raises(OSError):
            call()


def test_only_events_of_boxes_and_their_execs_are_requested(server: Server) -> None:
    server.answer(HEAD, close=False)
    EventStream(server.path, "/v1.41").close()
    path = unquote(server.requests[0].split()[1].decode())
    assert path.startswith("/v1.41/events?filters=")
    assert json.loads(path.partition("=")[2]) == {
        "type": ["container"],
        "event": ["start", "die", "destroy", "exec_start", "exec_die"],
        "label": ["labctl.role"],
    }


def test_events_cut_at_any_byte_are_read_whole(server: Server) -> None:
    server.answer(HEAD[:20], HEAD[20:], close=False)
    events = EventStream(server.path, "/v1.41")
    wire = event("start", 1) + event("die", 2) + b"\n" + event("destroy", 3)
    found = []
    for at in range(0, len(wire), 7):
        server.send(wire[at : at + 7])
        found += events.read()
    assert found == [happened("start", 1), happened("die", 2), happened("destroy", 3)]
    events.close()


def test_several_events_in_one_read_are_all_returned(server: Server) -> None:
    server.answer(HEAD, close=False)
    events = EventStream(server.path, "/v1.41")
    server.send(event("start", 1) + event("start", 2) + event("die", 3)[:5])
    assert events.read() == [happened("start", 1), happened("start", 2)]
    server.send(event("die", 3)[5:])
    assert events.read() == [happened("die", 3)]
    events.close()


def test_an_event_received_with_the_headers_is_kept(server: Server) -> None:
    server.answer(HEAD + event("start", 1), close=False)
    events = EventStream(server.path, "/v1.41")
    server.send(event("die", 2))
    assert events.read() == [happened("start", 1), happened("die", 2)]
    events.close()


def test_the_end_of_the_stream_is_an_oserror(server: Server) -> None:
    server.answer(HEAD, close=False)
    events = EventStream(server.path, "/v1.41")
    server.send(event("start", 1)[:9])
    assert events.read() == []
    server.hang_up()
    with pytest.raises(OSError, match="closed"):
        events.read()
    events.close()


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.0 2", b"HTTP/1.0 500 Internal Server Error\r\n\r\n"])
def test_a_failed_start_of_the_stream_is_an_oserror(server: Server, answer: bytes) -> None:
    server.answer(answer)
    with pytest.raises(OSError, match="events"):
        EventStream(server.path, "/v1.41")
