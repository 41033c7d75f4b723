"""The exact lines that ip(8) receives."""

from __future__ import annotations

import subprocess
from typing import Any

import pytest

from labctl.domain.wiring import Cable
from labctl.node import cables

LAN = Cable("eth0", "b1", "10.10.10.11/24", "02:00:00:00:00:01")
DMZ = Cable("eth1", "b2", "10.10.20.11/24", "02:00:00:00:00:02")


def test_a_bridge_has_no_address_and_forwards_without_delay() -> None:
    assert cables.bridge_lines("b1") == ["link add b1 type bridge forward_delay 0", "link set b1 up"]


def test_a_cable_starts_in_the_switch_and_ends_in_the_box() -> None:
    assert cables.cable_lines(LAN, "v1", 42) == [
        "link add v1 type veth peer name eth0 address 02:00:00:00:00:01 netns 42"
    ]
    assert cables.join_lines(LAN, "v1") == ["link set v1 master b1 up", "link set b1 up"]


def test_a_box_gets_its_addresses_and_its_loopback() -> None:
    assert cables.box_lines([LAN, DMZ]) == [
        "link set lo up",
        "address replace 10.10.10.11/24 broadcast + dev eth0",
        "link set eth0 up",
        "address replace 10.10.20.11/24 broadcast + dev eth1",
        "link set eth1 up",
    ]


def test_a_default_route_comes_after_the_interface_is_up() -> None:
    assert cables.box_lines([LAN._replace(gateway="10.10.10.1")])[-2:] == [
        "link set eth0 up",
        "route replace default via 10.10.10.1",
    ]


def test_bridges_are_removed_by_name() -> None:
    assert cables.remove_lines(["b1", "b2"]) == ["link delete b1", "link delete b2"]


class Ran:
    """Stands in for subprocess.run."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, result: Any) -> None:
        self.calls: list[tuple[list[str], str | None]] = []
        self._result = result
        monkeypatch.setattr(subprocess, "run", self)

    def __call__(self, argv: list[str], **options: Any) -> Any:
        assert options["timeout"], "a program that may block the keeper for ever"
        self.calls.append((argv, options.get("input")))
        if isinstance(self._result, Exception):
            raise self._result
        return self._result


def done(code: int = 0, stdout: str = "", stderr: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.CompletedProcess([], code, stdout, stderr)


def test_all_lines_run_in_one_ip_process_in_the_namespace(monkeypatch: pytest.MonkeyPatch) -> None:
    ran = Ran(monkeypatch, done())
    cables.run(42, ["link set lo up", "link set eth0 up"])
    assert ran.calls == [
        (["nsenter", "--net=/proc/42/ns/net", "ip", "-batch", "-"], "link set lo up\nlink set eth0 up\n")
    ]


def test_no_lines_start_no_program(monkeypatch: pytest.MonkeyPatch) -> None:
    ran = Ran(monkeypatch, done())
    cables.run(42, [])
    assert not ran.calls


def test_interfaces_are_read_from_the_json_of_ip(monkeypatch: pytest.MonkeyPatch) -> None:
    Ran(monkeypatch, done(stdout='[{"ifname": "lo"}, {"ifname": "b1"}]'))
    assert cables.interfaces(42) == {"lo", "b1"}
    Ran(monkeypatch, done(stdout=""))
    assert cables.interfaces(42) == set()


@pytest.mark.parametrize(
    ("result", "words"),
    [
        (done(1, stderr="RTNETLINK answers:\n  File exists\n"), "RTNETLINK answers: File exists"),
        (subprocess.TimeoutExpired(["ip"], 20), "no end within 20 s"),
        (FileNotFoundError(2, "no nsenter"), "no nsenter"),
    ],
)
def test_every_failure_of_ip_is_an_oserror(monkeypatch: pytest.MonkeyPatch, result: Any, words: str) -> None:
    Ran(monkeypatch, result)
    with pytest.raises(OSError, match=words):
        cables.run(42, ["link set lo up"])
    with pytest.raises(OSError, match=words):
        cables.interfaces(42)
