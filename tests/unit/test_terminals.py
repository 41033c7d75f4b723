"""Writing to terminals: to real pseudo-terminals, and to nothing that only looks like one."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from labctl.keeper.terminals import _write, terminals_device, write_all


@pytest.fixture
def terminal() -> Iterator[tuple[int, int, str]]:
    """Return both ends of a pseudo-terminal, and the name of the far end in /dev/pts."""
    near, far = os.openpty()
    os.set_blocking(near, False)
    yield near, far, Path(os.ttyname(far)).name
    os.close(near)
    os.close(far)


def test_a_text_is_written_to_a_terminal(terminal: tuple[int, int, str]) -> None:
    near, _, name = terminal
    folder = os.open("/dev/pts", os.O_RDONLY)
    assert _write(folder, name, "满了\r\n".encode())
    assert "满了" in os.read(near, 4096).decode()
    os.close(folder)


def test_a_terminal_that_nobody_reads_does_not_block(terminal: tuple[int, int, str]) -> None:
    folder = os.open("/dev/pts", os.O_RDONLY)
    started = time.monotonic()
    with pytest.raises(BlockingIOError):
        for _ in range(1000):
            _write(folder, terminal[2], b"x" * 4096)
    assert time.monotonic() - started < 5
    os.close(folder)


def test_only_terminals_are_written_to(tmp_path: Path) -> None:
    (tmp_path / "root/dev/pts").mkdir(parents=True)
    (tmp_path / "root/dev/pts/0").write_bytes(b"xxxxx")
    device = (tmp_path / "root/dev/pts").stat().st_dev
    mount = "1 2 {}:{} / /dev/pts rw - {} none rw\n"
    for kind, number in (("devpts", device), ("tmpfs", device), ("devpts", device + 1)):
        text = mount.format(os.major(number), os.minor(number), kind)
        (tmp_path / "mountinfo").write_text(text)
        assert terminals_device(text) == (number if kind == "devpts" else 0)
        assert write_all(str(tmp_path), b"no") == 0
        assert (tmp_path / "root/dev/pts/0").read_bytes() == b"xxxxx"
    assert terminals_device("") == 0
