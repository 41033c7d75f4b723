"""What a container sees of the engine's machine, on a /proc folder of the test."""

from __future__ import annotations

from pathlib import Path

import pytest

from labctl.adapters.docker import look

BOX = "4bfe563bad" * 6


def process(
    proc: Path, pid: int, comm: str, cgroup: str, *, threads: int = 1, files: int = 0, inotify: int = 0
) -> Path:
    folder = proc / str(pid)
    for thread in range(threads):
        (folder / "task" / str(pid + thread)).mkdir(parents=True)
    (folder / "fd").mkdir()
    for number in range(files):
        (folder / "fd" / str(number)).symlink_to("anon_inode:inotify" if number < inotify else "/dev/null")
    (folder / "comm").write_text(f"{comm}\n")
    (folder / "cgroup").write_text(f"0::{cgroup}\n")
    return folder


@pytest.fixture
def proc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(look, "PROC", tmp_path)
    settings = {
        "sys/kernel/pid_max": "32768\n",
        "sys/kernel/threads-max": "190000\n",
        "sys/fs/inotify/max_user_instances": "128\n",
        "sys/fs/file-nr": "1371\t0\t2466183\n",
        "sys/fs/aio-max-nr": "65536\n",
        "sys/net/ipv4/neigh/default/gc_thresh3": "1024\n",
        "meminfo": "MemTotal:       1000 kB\nMemAvailable:    600 kB\nHugePages_Total:       0\n",
        "key-users": "    0:    14 13/13 8/1000000 390/25000000\n  100:     1 1/1 1/200 9/20000\n",
        "net/stat/arp_cache": "entries  allocs\n0000000a  00000010\n0000000a  00000002\n",
    }
    for name, content in settings.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content)
    docker = process(tmp_path, 10, "dockerd", "/", threads=38, files=50, inotify=2)
    (docker / "limits").write_text("Limit  Soft Limit  Hard Limit  Units\nMax open files   20000   30000   files\n")
    process(tmp_path, 20, "systemd", f"/../docker-{BOX}.scope/init.scope", threads=2, files=9, inotify=3)
    database = process(tmp_path, 21, "mariadbd", f"/../docker-{BOX}.scope/x", threads=7, files=30)
    ring = "7f0000000000-7f0000010000 rw-s 00000000 00:11 5  /[aio] (deleted)"
    (database / "maps").write_text(f"{ring}\n7f0-7f1 r--p 0 0 0\n")
    process(tmp_path, 30, "bash", "/user.slice", files=3)
    return tmp_path


def test_resources_are_counted_per_box_by_cgroup(proc: Path) -> None:
    seen = look.look([BOX])
    assert seen["boxes"] == {BOX: {"processes": 9, "files": 39, "inotify": 3, "aio": (0x10000 - 32) // 64}}


def test_limits_of_the_machine_and_the_engine_are_read(proc: Path) -> None:
    seen = look.look([])
    assert seen["boxes"] == {}
    wanted = {
        "threads": 48,
        "inotify_used": 5,
        "engine_files": 20000,
        "engine_files_used": 50,
        "memory": 1000 << 10,
        "memory_free": 600 << 10,
        "pid_max": 32768,
        "threads_max": 190000,
        "inotify": 128,
        "files": 2466183,
        "files_used": 1371,
        "aio": 65536,
        "aio_used": 0,
        "keys": 0,
        "keys_used": 8,
        "neighbours": 1024,
        "neighbours_used": 10,
    }
    assert {name: seen[name] for name in wanted} == wanted


def test_processes_that_end_during_the_reading_are_skipped(proc: Path) -> None:
    (proc / "999").mkdir()
    assert look.look([BOX])["threads"] == 48


def test_the_real_machine_has_positive_values() -> None:
    seen = look.look([])
    assert all(int(str(seen[name])) > 0 for name in ("threads", "memory", "disk", "pid_max", "files"))
