"""The fork server's process: ``python -m labctl.adapters.checks.forks DESCRIPTOR``.

Each message on that socket names the folder of a run. It carries three descriptors: the run's link, the file for its
output, and a socket on which the exit of the run is reported.
"""

from __future__ import annotations

import contextlib
import gc
import os
import select
import socket
import sys
import traceback
from typing import NamedTuple, NoReturn

from labctl.adapters.checks import child

_MOST_BYTES = 4096


class Run(NamedTuple):
    """A run in progress."""

    pid: int
    told: socket.socket


def serve(control: socket.socket) -> None:
    """Fork for each message and report each exit, until the control socket is closed."""
    gc.freeze()  # the collector ignores what is loaded now, so its memory pages stay shared
    runs: dict[int, Run] = {}
    waiting = select.poll()
    waiting.register(control, select.POLLIN)
    while True:
        for descriptor, _event in waiting.poll():
            if descriptor != control.fileno():
                waiting.unregister(descriptor)
                _reap(descriptor, runs.pop(descriptor))
                continue
            message, handed, _, _ = socket.recv_fds(control, _MOST_BYTES, 3)
            if not message:
                return
            handle, run = _fork(control, runs, os.fsdecode(message), handed)
            runs[handle] = run
            waiting.register(handle, select.POLLIN)


def _fork(control: socket.socket, runs: dict[int, Run], folder: str, handed: list[int]) -> tuple[int, Run]:
    link, output, end = handed
    told = socket.socket(fileno=end)
    pid = os.fork()
    if pid == 0:
        control.close()
        told.close()
        for handle, run in runs.items():
            os.close(handle)
            run.told.close()
        _run(link, output, folder)
    os.close(link)
    os.close(output)
    handle = os.pidfd_open(pid)
    with contextlib.suppress(OSError):
        socket.send_fds(told, [b"."], [handle])
    return handle, Run(pid, told)


def _reap(handle: int, run: Run) -> None:
    _pid, status = os.waitpid(run.pid, 0)
    with contextlib.suppress(OSError):
        run.told.send(str(os.waitstatus_to_exitcode(status)).encode())
    run.told.close()
    os.close(handle)


def _run(link: int, output: int, folder: str) -> NoReturn:
    status = 1
    try:
        os.setsid()
        os.dup2(output, 1)
        os.dup2(output, 2)
        os.close(output)
        os.chdir(folder)
        status = child.main(link)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


if __name__ == "__main__":
    serve(socket.socket(fileno=int(sys.argv[1])))
    os._exit(0)
