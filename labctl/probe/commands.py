"""Run one command, and return its exact output and status or the reason for a missing result."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import time
from collections.abc import Sequence
from typing import NamedTuple

from labctl.domain.toolbox import BUSYBOX, TOOLBOX

ENVIRONMENT = {"PATH": f"{TOOLBOX}/bin", "HOME": TOOLBOX, "LC_ALL": "C.UTF-8", "TERM": "dumb"}

_PIECE = 1 << 16


class CommandError(Exception):
    """The command has no result."""


class Result(NamedTuple):
    """The result of a command. ``status`` is as in a shell: 128 plus the signal's number for a command that was
    killed."""

    status: int
    stdout: bytes
    stderr: bytes


def shell(command: str) -> list[str]:
    """Return the arguments that run a command line in the toolbox's shell."""
    return [BUSYBOX, "sh", "-c", command]


def run(argv: Sequence[str], stdin: bytes, seconds: float, most: int) -> Result:
    """Run a command, wait for its end, and kill the processes that it left. Raises CommandError if the command can't be
    started, does not end in ``seconds``, or prints more than ``most`` bytes."""
    try:
        process = subprocess.Popen(
            argv,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=ENVIRONMENT,
            start_new_session=True,
            bufsize=0,
        )
    except OSError as error:
        raise CommandError(f"{argv[0]} can't be started: {error.strerror}") from error
    try:
        return _collect(process, stdin, time.monotonic() + seconds, seconds, most)
    finally:
        _end(process)


def _collect(process: subprocess.Popen[bytes], stdin: bytes, deadline: float, seconds: float, most: int) -> Result:
    assert process.stdin and process.stdout and process.stderr  # noqa: S101  pipes were requested
    into, out, err = process.stdin.fileno(), process.stdout.fileno(), process.stderr.fileno()
    told: dict[int, bytearray] = {out: bytearray(), err: bytearray()}
    finished = os.pidfd_open(process.pid)
    poller = select.poll()
    for descriptor in (out, err, finished):
        poller.register(descriptor, select.POLLIN)
    rest = memoryview(stdin)
    os.set_blocking(into, False)
    if rest:
        poller.register(into, select.POLLOUT)
    else:
        process.stdin.close()
    try:
        while True:
            left = deadline - time.monotonic()
            ready = dict(poller.poll(max(0.0, left) * 1000))
            if not ready and left <= 0:
                raise CommandError(f"no end within {seconds:g} s")
            if into in ready:
                rest = _feed(into, rest)
                if not rest:
                    poller.unregister(into)
                    process.stdin.close()
            for descriptor in (out, err):
                if descriptor in ready and not _take(descriptor, told[descriptor]):
                    poller.unregister(descriptor)
            if sum(map(len, told.values())) > most:
                raise CommandError(f"more than {most >> 20} MiB of output")
            if finished in ready:
                break
        # The command has ended, so its output is in the pipes. Other processes that hold the pipes open are killed.
        _kill(process)
        for descriptor in (out, err):
            os.set_blocking(descriptor, False)
            with contextlib.suppress(BlockingIOError):
                while len(told[descriptor]) <= most and _take(descriptor, told[descriptor]):
                    pass
        if sum(map(len, told.values())) > most:
            raise CommandError(f"more than {most >> 20} MiB of output")
    finally:
        os.close(finished)
    code = process.wait()
    return Result(code if code >= 0 else 128 - code, bytes(told[out]), bytes(told[err]))


def _feed(descriptor: int, rest: memoryview) -> memoryview:
    try:
        return rest[os.write(descriptor, rest[:_PIECE]) :]
    except BlockingIOError:
        return rest
    except BrokenPipeError:
        return rest[:0]


def _take(descriptor: int, into: bytearray) -> bool:
    data = os.read(descriptor, _PIECE)
    into += data
    return bool(data)


def _kill(process: subprocess.Popen[bytes]) -> None:
    """Kill all processes of the command's process group. This module has not waited for the command yet, so the kernel
    can't use the number of the group for other processes."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.returncode is None:
        _kill(process)
        process.wait()
    for pipe in (process.stdin, process.stdout, process.stderr):
        if pipe is not None:
            with contextlib.suppress(OSError):
                pipe.close()
