"""What the keeper asks of the kernel: enter a box's namespaces, open its cgroup, hold its readiness socket.

Nothing of the box is ever run, and no path of the box is walked by the keeper itself: a learner who is root in the box
could have put anything there. A child that enters a box makes a few system calls and leaves with _exit(2).
"""

from __future__ import annotations

import contextlib
import os
import socket
import struct
from dataclasses import dataclass
from pathlib import Path

from labctl.node.kernel import CLONE_NEWCGROUP, CLONE_NEWNET, CLONE_NEWNS, remount, setns


class KernelError(OSError):
    """The kernel said no, or the box isn't as it should be."""


@dataclass(frozen=True)
class CgroupMount:
    """Where a box's systemd has its own cgroup, and whether it may write there."""

    path: str
    writable: bool


def cgroup_mount(mountinfo: str) -> CgroupMount | None:
    """The mount that systemd needs, from a box's mountinfo (proc_pid_mountinfo(5)): on cgroup v2 the hierarchy itself,
    on v1 the one called systemd."""
    found: dict[tuple[str, str], CgroupMount] = {}
    for line in mountinfo.splitlines():
        before, _, after = line.partition(" - ")
        fields = before.split()
        if len(fields) < 6 or not after:
            continue
        path, options = fields[4], fields[5].split(",")
        found[path, after.split()[0]] = CgroupMount(path, "rw" in options)
    return found.get(("/sys/fs/cgroup", "cgroup2")) or found.get(("/sys/fs/cgroup/systemd", "cgroup"))


def delegation_is_safe(mountinfo: str) -> bool:
    """Whether a box that may write to its cgroup can't change its own limits: on v2 only where the machine mounts the
    hierarchy with nsdelegate (cgroups(7)); on v1 the limits are in other hierarchies, which stay read-only."""
    for line in mountinfo.splitlines():
        before, _, after = line.partition(" - ")
        fields = after.split()
        if len(fields) >= 3 and fields[0] == "cgroup2" and before.split()[4:5] == ["/sys/fs/cgroup"]:
            return "nsdelegate" in fields[2].split(",")
    return True


def mounts_of(pid: int) -> str:
    """A process's mountinfo, as the kernel tells it: nothing in a box can forge it."""
    return Path(f"/proc/{pid}/mountinfo").read_text(errors="replace")


def join_cgroup_namespace(pid: int) -> None:
    """See cgroups as the process of that pid does (cgroup_namespaces(7)): paths are told from its root on. Raises
    OSError."""
    descriptor = os.open(f"/proc/{pid}/ns/cgroup", os.O_RDONLY | os.O_CLOEXEC)
    try:
        setns(descriptor, CLONE_NEWCGROUP)
    finally:
        os.close(descriptor)


def open_box(pid: int, cgroup: CgroupMount, ready_name: str) -> socket.socket | None:
    """In the box of that pid: listen on the abstract socket ``ready_name`` (its network namespace), then make its
    cgroup mount writable (its mount namespace), after which its first process goes on to systemd.

    Returns the socket; None where the box has it bound already. Raises KernelError."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours, theirs:
        child = os.fork()
        if child == 0:
            _in_box(pid, cgroup, ready_name, theirs)
        theirs.close()
        try:
            return _answer(ours)
        finally:
            os.waitpid(child, 0)


def _in_box(pid: int, cgroup: CgroupMount, ready_name: str, report: socket.socket) -> None:
    """The child. Everything that it needs is loaded before it enters; it never returns."""
    number = 0
    listener: socket.socket | None = None
    try:
        network = os.open(f"/proc/{pid}/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        mounts = os.open(f"/proc/{pid}/ns/mnt", os.O_RDONLY | os.O_CLOEXEC)
        setns(network, CLONE_NEWNET)
        with contextlib.suppress(OSError):
            listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
            listener.bind(f"\0{ready_name}")
        setns(mounts, CLONE_NEWNS)
        if not cgroup.writable:
            remount(cgroup.path, 0)  # writable
    except OSError as error:
        number = error.errno or 1
    finally:
        message = struct.pack("i", number)
        bound = listener is not None and listener.getsockname() != b"" and number == 0
        socket.send_fds(report, [message], [listener.fileno()] if bound and listener is not None else [])
        os._exit(0)


def _answer(channel: socket.socket) -> socket.socket | None:
    message, descriptors, _, _ = socket.recv_fds(channel, 4, 1)
    if len(message) != 4:
        raise KernelError(5, "the child in the box died")
    (number,) = struct.unpack("i", message)
    if number:
        raise KernelError(number, f"entering the box: {os.strerror(number)}")
    return socket.socket(fileno=descriptors[0]) if descriptors else None
