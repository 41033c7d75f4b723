"""System calls that Python 3.11 does not provide. Every function raises OSError with the name of the operation."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterable

CLONE_NEWNS = 0x00020000
CLONE_NEWCGROUP = 0x02000000
CLONE_NEWUTS = 0x04000000
CLONE_NEWIPC = 0x08000000
CLONE_NEWPID = 0x20000000
CLONE_NEWNET = 0x40000000

MS_RDONLY = 1
MS_NOSUID = 2
MS_NODEV = 4
MS_NOEXEC = 8
# mount(2), since Linux 5.10. Symbolic links on a mount with this flag are not followed. On a /proc with this flag,
# magic links are not followed either.
MS_NOSYMFOLLOW = 256
_MS_REMOUNT = 0x20
_MS_BIND = 0x1000
_MS_REC = 0x4000
_MS_PRIVATE = 1 << 18

CAP_DAC_OVERRIDE = 1
CAP_NET_RAW = 13
CAP_SYS_PTRACE = 19

_PR_CAPBSET_DROP = 24
_PR_SET_NO_NEW_PRIVS = 38
_CAPABILITY_VERSION_3 = 0x20080522

# These numbers are the same on every architecture since Linux 5.2 (syscall(2): numbers from 424 on are common).
_SYS_OPEN_TREE = 428
_SYS_MOVE_MOUNT = 429
_OPEN_TREE_CLONE = 1
_AT_FDCWD = -100
_MOVE_MOUNT_F_EMPTY_PATH = 4
# capset(2) has no wrapper in the C library.
_SYS_CAPSET = {"x86_64": 126}.get(os.uname().machine, 91)

_FAN_CLOEXEC = 0x1
_FAN_NONBLOCK = 0x2
_FAN_MARK_ADD = 0x1
_FAN_MARK_FILESYSTEM = 0x100
_FAN_CLOSE_WRITE = 0x8
_FAN_OPEN_EXEC = 0x1000

_libc = ctypes.CDLL(None, use_errno=True)
_libc.fanotify_mark.argtypes = [ctypes.c_int, ctypes.c_uint, ctypes.c_uint64, ctypes.c_int, ctypes.c_char_p]


def _checked(result: int, what: str) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
    return result


def setns(descriptor: int, kind: int) -> None:
    """Call setns(2)."""
    _checked(_libc.setns(descriptor, kind), "setns")


def unshare(kinds: int) -> None:
    """Call unshare(2)."""
    _checked(_libc.unshare(kinds), "unshare")


def clone_tree(path: str) -> int:
    """Return a descriptor for a copy of the mount at that path. The copy is not attached yet (open_tree(2))."""
    flags = _OPEN_TREE_CLONE | os.O_CLOEXEC
    return _checked(_libc.syscall(_SYS_OPEN_TREE, _AT_FDCWD, path.encode(), flags), f"open_tree of {path}")


def hang_tree(descriptor: int, path: str) -> None:
    """Attach the mount of that descriptor over that path, and close the descriptor (move_mount(2))."""
    arguments = (descriptor, b"", _AT_FDCWD, path.encode(), _MOVE_MOUNT_F_EMPTY_PATH)
    _checked(_libc.syscall(_SYS_MOVE_MOUNT, *arguments), f"move_mount to {path}")
    os.close(descriptor)


def make_private() -> None:
    """Make all mounts private, so that later mounts stay in this mount namespace."""
    _checked(_libc.mount(None, b"/", None, _MS_REC | _MS_PRIVATE, None), "making mounts private")


def remount(path: str, flags: int) -> None:
    """Replace the flags of a mount by these flags (mount(2), MS_REMOUNT | MS_BIND)."""
    _checked(_libc.mount(b"none", os.fsencode(path), None, _MS_REMOUNT | _MS_BIND | flags, None), f"remount of {path}")


def mount_proc() -> None:
    """Mount the /proc of this process' own pid namespace over the existing /proc."""
    flags = MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC
    _checked(_libc.mount(b"proc", b"/proc", b"proc", flags, None), "mounting /proc")


def keep_only(capabilities: Iterable[int], highest: int) -> None:
    """Drop all capabilities except these permanently (capabilities(7)). ``highest`` is the highest capability of the
    kernel."""
    kept = frozenset(capabilities)
    for capability in range(highest + 1):
        if capability not in kept:
            _checked(_libc.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0), "dropping from the bounding set")
    bits = sum(1 << capability for capability in kept)
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)
    low, high = bits & 0xFFFFFFFF, bits >> 32
    data = (ctypes.c_uint32 * 6)(low, low, 0, high, high, 0)
    _checked(_libc.syscall(_SYS_CAPSET, header, data), "capset")
    _checked(_libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "no_new_privs")


def watch_filesystem(path: str) -> int:
    """Return a descriptor that becomes readable after a file on that path's file system was written and closed, or
    executed. All processes and all mounts count (fanotify(7)). Each event holds an open descriptor: see
    ``drain_events``."""
    descriptor = _checked(
        # The kernel opens the written file for an event. This file may be a fifo without a process at its other end, so
        # the open must not block.
        _libc.fanotify_init(_FAN_CLOEXEC | _FAN_NONBLOCK, os.O_RDONLY | os.O_CLOEXEC | os.O_LARGEFILE | os.O_NONBLOCK),
        "fanotify_init",
    )
    flags = _FAN_MARK_ADD | _FAN_MARK_FILESYSTEM
    marked = _libc.fanotify_mark(descriptor, flags, _FAN_CLOSE_WRITE | _FAN_OPEN_EXEC, _AT_FDCWD, path.encode())
    try:
        _checked(marked, "fanotify_mark")
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def drain_events(descriptor: int) -> int:
    """Read all events from a descriptor of ``watch_filesystem``, close their descriptors, and return the number of
    events."""
    count = 0
    while True:
        try:
            data = os.read(descriptor, 4096)
        except BlockingIOError:
            return count
        except OSError:
            count += 1  # the written file can't be opened any more; the kernel has dropped the event
            continue
        while data:
            length = int.from_bytes(data[0:4], "little")
            held = int.from_bytes(data[16:20], "little", signed=True)
            if held >= 0:
                os.close(held)
            count += 1
            data = data[length:]
