"""The gateway's broker notifies its parent when logins are possible (sd_notify(3))."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from labctl.adapters.gateway import system


@pytest.mark.parametrize("name", ["notify", "@"])
def test_systemd_is_notified_when_the_gateway_is_ready(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = f"@labctl-{tmp_path}" if name.startswith("@") else str(tmp_path / name)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(f"\0{name[1:]}" if name.startswith("@") else name)
        monkeypatch.setenv("NOTIFY_SOCKET", name)
        system.tell_ready()
        assert manager.recv(100, socket.MSG_DONTWAIT) == b"READY=1"


def test_without_a_notify_socket_nothing_is_sent(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    system.tell_ready()
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "gone"))
    system.tell_ready()
