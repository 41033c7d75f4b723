"""A program for a container that sees all processes of the engine's machine. It reports the free resources of the
machine and the resources that boxes use. It uses only the standard library and prints one JSON object. Its arguments
are the ids of the boxes to inspect one by one."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

PROC = Path("/proc")
_AIO_HEADER = 32
_AIO_EVENT = 32


def number(name: str) -> int:
    """Return a kernel setting, or 0 if it does not exist."""
    words = text(PROC / "sys" / name).split()
    return int(words[-1]) if words and words[-1].lstrip("-").isdigit() else 0


def text(path: Path) -> str:
    """Return a file's content, or an empty string if it can't be read."""
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""


def processes() -> Iterator[Path]:
    """Yield the directory /proc/PID of each process."""
    yield from (entry for entry in PROC.iterdir() if entry.name.isdigit())


def open_files(process: Path) -> tuple[int, int]:
    """Return how many files the process has open, and how many of them are inotify instances."""
    count = watching = 0
    try:
        for entry in os.scandir(process / "fd"):
            count += 1
            try:
                watching += os.readlink(entry.path) == "anon_inode:inotify"  # noqa: PTH115  it runs a hundred thousand times
            except OSError:
                continue
    except OSError:
        pass
    return count, watching


def threads(process: Path) -> int:
    """Return how many threads the process has."""
    try:
        return sum(1 for _ in (process / "task").iterdir())
    except OSError:
        return 0


def aio_requests(process: Path) -> int:
    """Return how many requests the process's rings of asynchronous I/O hold. The kernel makes a ring twice as large as
    requested."""
    found = 0
    for line in text(process / "maps").splitlines():
        if "/[aio]" in line:  # the kernel adds " (deleted)"
            start, _, end = line.split()[0].partition("-")
            found += (int(end, 16) - int(start, 16) - _AIO_HEADER) // _AIO_EVENT // 2
    return found


def look(boxes: list[str]) -> dict[str, object]:
    """Return all resources as one object."""
    uses = {box: {"processes": 0, "files": 0, "inotify": 0, "aio": 0} for box in boxes}
    all_threads = all_watching = engine_files = engine_used = 0
    for process in processes():
        count, (files, watching) = threads(process), open_files(process)
        all_threads += count
        all_watching += watching
        if text(process / "comm").strip() == "dockerd":
            engine_files, engine_used = nofile(process), files
        use = uses.get(box_of(process, boxes))
        if use is not None:
            use["processes"] += count
            use["files"] += files
            use["inotify"] += watching
            use["aio"] += aio_requests(process)
    return {
        "boxes": uses,
        "threads": all_threads,
        "inotify_used": all_watching,
        "engine_files": engine_files,
        "engine_files_used": engine_used,
        **machine(),
    }


def box_of(process: Path, boxes: list[str]) -> str:
    """Return the id of the box to which the process belongs, by its cgroup."""
    if not boxes:
        return ""
    cgroup = text(process / "cgroup")
    return next((box for box in boxes if box in cgroup), "")


def nofile(process: Path) -> int:
    """Return how many files the process may open."""
    for line in text(process / "limits").splitlines():
        if line.startswith("Max open files"):
            soft = line.split()[3]
            return int(soft) if soft.isdigit() else 0
    return 0


def machine() -> dict[str, object]:
    """Return the machine's memory, disk space and kernel limits."""
    lines = (line.split() for line in text(PROC / "meminfo").splitlines())
    memory = {words[0].rstrip(":"): int(words[1]) << 10 for words in lines if words[-1] == "kB"}
    disk = os.statvfs("/")  # the engine's storage
    used, _, most = (text(PROC / "sys/fs/file-nr").split() or ["0", "0", "0"])[:3]
    keys = next((line.split() for line in text(PROC / "key-users").splitlines() if line.split()[0] == "0:"), [])
    entries = text(PROC / "net/stat/arp_cache").splitlines()[1:2]
    return {
        "memory": memory.get("MemTotal", 0),
        "memory_free": memory.get("MemAvailable", 0),
        "disk": disk.f_blocks * disk.f_frsize,
        "disk_free": disk.f_bavail * disk.f_frsize,
        "pid_max": number("kernel/pid_max"),
        "threads_max": number("kernel/threads-max"),
        "inotify": number("fs/inotify/max_user_instances"),
        "files": int(most),
        "files_used": int(used),
        "aio": number("fs/aio-max-nr"),
        "aio_used": number("fs/aio-nr"),
        "keys": number("kernel/keys/root_maxkeys"),
        "keys_used": int(keys[3].split("/")[0]) if len(keys) > 3 else 0,
        "neighbours": number("net/ipv4/neigh/default/gc_thresh3"),
        "neighbours_used": int(entries[0].split()[0], 16) if entries else 0,
    }


if __name__ == "__main__":
    print(json.dumps(look(sys.argv[1:])))  # noqa: T201  the output is the result
