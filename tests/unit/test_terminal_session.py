"""A process in a box ends with its terminal."""

from __future__ import annotations

import signal
from types import SimpleNamespace
from typing import Any

import pytest

from labctl.adapters.docker import terminal


class Raw:
    """A stream that is closed."""

    pending = read = write = close_write = settimeout = fileno = staticmethod(lambda *_: b"")

    def close(self) -> None:
        pass


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_during_a_session_leaves_no_shell_running(
    monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    """If a terminal is closed, the stream ends first, and signals follow."""

    def inspect(_exec_id: str) -> dict[str, Any]:
        signal.raise_signal(number)
        return {"Running": True}

    ended: list[str] = []

    def start_exec(_api: object, box: str, _argv: list[str], **_: object) -> tuple[str, Raw]:
        ended.append(box)
        return "end", Raw()

    monkeypatch.setattr(terminal, "start_exec", start_exec)
    client: Any = SimpleNamespace(api=SimpleNamespace(exec_inspect=inspect), address="")
    before = signal.signal(number, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            terminal.DockerTerminal(client, "box", "exec", Raw(), "mark").close()  # type: ignore[arg-type]
    finally:
        signal.signal(number, before)
    assert ended == ["box"]
