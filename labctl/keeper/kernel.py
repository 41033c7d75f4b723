"""The keeper's requests to the kernel: enter a box's namespaces, make its cgroup writable, hold its readiness socket.

The keeper never runs a program of the box, and the keeper itself never follows a path of the box. A learner who is root
in the box can replace every program and every path. A child that enters a box makes a few system calls and ends with
_exit(2).
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
    """The kernel refused a request, or the box is not in the expected state."""


@dataclass(frozen=True)
class CgroupMount:
    """The mount of a box's own cgroup for systemd, and whether the box may write there."""

    path: str
    writable: bool


def cgroup_mount(mountinfo: str) -> CgroupMount | None:
    """Find the mount that systemd needs in a box's mountinfo (proc_pid_mountinfo(5)). On cgroup v2 this is the
    hierarchy itself, on v1 the hierarchy with the name systemd."""
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
    """Return whether a box with a writable cgroup can't change its own limits. On v2 this needs the mount option
    nsdelegate (cgroups(7)). On v1 the limits are in other hierarchies, which stay read-only."""
    for line in mountinfo.splitlines():
        before, _, after = line.partition(" - ")
        fields = after.split()
        if len(fields) >= 3 and fields[0] == "cgroup2" and before.split()[4:5] == ["/sys/fs/cgroup"]:
            return "nsdelegate" in fields[2].split(",")
    return True


def mounts_of(pid: int) -> str:
    """Return a process's mountinfo. It comes from the kernel, so no program in a box can forge it."""
    return Path(f"/proc/{pid}/mountinfo").read_text(errors="replace")


def join_cgroup_namespace(pid: int) -> None:
    """Enter the cgroup namespace of a process (cgroup_namespaces(7)). Cgroup paths are then relative to the namespace's
    root. Raises OSError if the kernel refuses."""
    descriptor = os.open(f"/proc/{pid}/ns/cgroup", os.O_RDONLY | os.O_CLOEXEC)
    try:
        setns(descriptor, CLONE_NEWCGROUP)
    finally:
        os.close(descriptor)


def open_box(pid: int, cgroup: CgroupMount, ready_name: str) -> socket.socket | None:
    """Listen on the abstract socket ``ready_name`` in the box's network namespace, then make the cgroup mount writable
    in the box's mount namespace. ``pid`` is the box's first process, which starts systemd after that.

    Return the socket, or None if the box has bound it already. Raises KernelError if the kernel refuses.
    """
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
    """Run the child, which never returns. Everything that it needs is loaded before it enters the box."""
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
        raise KernelError(5, "the keeper's child process in the box died")
    (number,) = struct.unpack("i", message)
    if number:
        raise KernelError(number, f"entering the box: {os.strerror(number)}")
    return socket.socket(fileno=descriptors[0]) if descriptors else None
