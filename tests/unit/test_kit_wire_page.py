"""The page about the clients: its examples run, and the names in its table exist."""

from __future__ import annotations

import re
import socket
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from wire_rig import HOST, Loopback, says, serving

from labctl.kit import wire
from labctl.kit.answers import Unmet

PAGE = (Path(__file__).parents[2] / "docs" / "kit" / "wire.md").read_text("utf-8")


@pytest.fixture(scope="module")
def examples() -> dict[str, Any]:
    names: dict[str, Any] = {}
    for block in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL):
        plain = re.sub(r"^@pytest.mark.*$", "", block, flags=re.MULTILINE)  # registered only in runs of labctl
        exec(compile(plain, "wire.md", "exec"), names)
    return names


class Elsewhere(Loopback):
    """A place that reaches one server under each address and port."""

    def __init__(self, port: int) -> None:
        self._port = port

    def dial(self, host: str, port: int, *, seconds: float = 5.0) -> Any:
        return super().dial(HOST, self._port, seconds=seconds)


def box(name: str) -> Any:
    return SimpleNamespace(name=name, address=HOST)


@pytest.mark.parametrize(
    ("test", "answer", "found"),
    [
        ("test_the_site_answers", b"HTTP/1.1 200 OK\r\n\r\nWelcome", ""),
        ("test_the_site_answers", b"HTTP/1.1 404 Not Found\r\n\r\n", "HTTP 404"),
        ("test_the_site_answers", b"SSH-2.0-x\r\n", "an answer that is not HTTP: SSH-2.0-x"),
        ("test_no_stranger_logs_in", b"+PONG\r\n", "PONG"),
    ],
)
def test_the_examples_judge_servers(examples: dict[str, Any], test: str, answer: bytes, found: str) -> None:
    with serving(says(answer)) as server:
        if not found:
            examples[test](Elsewhere(server.port), box)
            return
        with pytest.raises(Unmet) as caught:
            examples[test](Elsewhere(server.port), box)
    assert caught.value.faults[0].found[0] == found


def test_the_example_of_a_replica_waits_for_the_value(examples: dict[str, Any]) -> None:
    values = iter([b"$-1\r\n", b"$-1\r\n", b"$1\r\n1\r\n"])

    def serve(link: socket.socket) -> None:
        while asked := link.recv(65536):
            link.sendall(next(values) if b"GET" in asked else b"+OK\r\n")

    with serving(serve) as server:
        examples["test_the_replica_follows"](Elsewhere(server.port), box)
    assert list(values) == []


def test_the_names_in_the_table_exist() -> None:
    rows = re.findall(r"^\| `(\w+)\(([^)]*)\)` \| (.*) \|$", PAGE, re.MULTILINE)
    assert len(rows) == 10
    for name, arguments, about in rows:
        kind = getattr(wire, name)
        known = set(kind.__init__.__annotations__)
        assert {one.strip().rstrip("=") for one in arguments.split(",")} <= known, name
        for word in re.findall(r"`(\w+)(?:\(|`)", about.split("return")[0]):
            assert hasattr(kind, word) or hasattr(wire, word) or word in PROSE, (name, word)


PROSE = {"status", "code", "said", "name", "subject", "issuer", "names", "not_before", "not_after", "key", "covers"}
"""Attributes of the errors and values that the table mentions."""
