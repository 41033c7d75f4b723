"""A connection of the user's terminal to a terminal in a box. Raw bytes are copied both ways, and size changes are
passed on. The user's terminal is restored at the end."""

from __future__ import annotations

import contextlib
import os
import select
import shutil
import signal
import sys
import termios
import tty
from collections.abc import Iterator

from labctl.streams import Terminal


def size() -> tuple[int, int]:
    """Return the rows and columns of this terminal."""
    columns, rows = shutil.get_terminal_size((80, 24))
    return rows, columns


@contextlib.contextmanager
def _raw(descriptor: int) -> Iterator[None]:
    """In this block, send every key, including Ctrl-C, to the box. The terminal is always restored."""
    if not os.isatty(descriptor):
        yield
        return
    before = termios.tcgetattr(descriptor)
    tty.setraw(descriptor)
    try:
        yield
    finally:
        with contextlib.suppress(termios.error):  # the terminal is closed
            termios.tcsetattr(descriptor, termios.TCSADRAIN, before)


def join(terminal: Terminal) -> int:
    """Copy data until the process in the box ends, and return its exit code."""
    with contextlib.closing(terminal):
        _joined(terminal, sys.stdin.fileno(), sys.stdout.fileno())
    return terminal.exit_code()


def _joined(terminal: Terminal, stdin: int, stdout: int) -> None:
    woken, waker = os.pipe()
    os.set_blocking(waker, False)
    resized = signal.signal(signal.SIGWINCH, lambda *_: None)
    wakeup = signal.set_wakeup_fd(waker, warn_on_full_buffer=False)
    try:
        with _raw(stdin):
            _pump(terminal, stdin, stdout, woken)
    finally:
        signal.set_wakeup_fd(wakeup)
        signal.signal(signal.SIGWINCH, resized)
        os.close(woken)
        os.close(waker)


def _pump(terminal: Terminal, stdin: int, stdout: int, woken: int) -> None:
    listening = [stdin, terminal.fileno(), woken]
    while True:
        ready = [terminal.fileno()] if terminal.pending() else select.select(listening, [], [])[0]
        if woken in ready:
            signals = os.read(woken, 64)
            if signal.SIGWINCH in signals:
                terminal.resize(*size())
        if terminal.fileno() in ready:
            data = terminal.read()
            if not data:
                return
            try:
                _write_all(stdout, data)
            except OSError:  # this terminal is closed
                return
        if stdin in ready:
            try:
                typed = os.read(stdin, 65536)
            except OSError:
                typed = b""
            if typed:
                with contextlib.suppress(OSError):
                    terminal.write(typed)
            else:
                listening.remove(stdin)
                terminal.close_write()


def _write_all(descriptor: int, data: bytes) -> None:
    while data:
        data = data[os.write(descriptor, data) :]
