"""How much data a box has written, measured on real files."""

from __future__ import annotations

import mmap
import os
import socket
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from labctl.keeper import measure as measuring
from labctl.keeper.measure import UNREAD, MeasureOrder, held_open, measure
from labctl.keeper.survey import Measurer

MIB = 1 << 20


def order(folder: Path, **more: Any) -> MeasureOrder:
    return MeasureOrder("id1", "", str(folder), **more)


def fill(file: Path, size: int) -> None:
    file.write_bytes(b"x" * size)


def blocks(folder: Path) -> int:
    return sum(file.lstat().st_blocks * 512 for file in folder.rglob("*"))


def test_all_written_data_counts_even_in_unreadable_folders(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    fill(tmp_path / "a" / "b" / "c", 3 * MIB)
    fill(tmp_path / "d", 2 * MIB)
    found = measure(order(tmp_path))
    assert found.whole and found.used == blocks(tmp_path) >= 5 * MIB
    assert found.watchers == -1


def test_hard_links_count_once_and_sparse_files_by_their_blocks(tmp_path: Path) -> None:
    fill(tmp_path / "one", MIB)
    for number in range(20):
        os.link(tmp_path / "one", tmp_path / f"name{number}")
    with (tmp_path / "sparse").open("wb") as file:
        file.truncate(1 << 40)
    assert MIB <= measure(order(tmp_path)).used < 2 * MIB


def test_reserved_space_counts(tmp_path: Path) -> None:
    with (tmp_path / "reserved").open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, 8 * MIB)
    assert measure(order(tmp_path)).used >= 8 * MIB


def test_links_are_not_followed(tmp_path: Path) -> None:
    fill(tmp_path / "large", 4 * MIB)
    (tmp_path / "upper" / "x").mkdir(parents=True)
    (tmp_path / "upper" / "x" / "up").symlink_to("../..")
    (tmp_path / "upper" / "file").symlink_to("../large")
    found = measure(order(tmp_path / "upper", files=(f"{tmp_path}/upper/file",)))
    assert found.whole and found.used < MIB


def test_files_that_the_engine_mounts_in_the_box_count(tmp_path: Path) -> None:
    (tmp_path / "upper").mkdir()
    fill(tmp_path / "hosts", 2 * MIB)
    assert measure(order(tmp_path / "upper", files=(f"{tmp_path}/hosts", "/nowhere"))).used >= 2 * MIB


def test_too_many_files_or_too_deep_folders_make_a_measurement_incomplete(tmp_path: Path) -> None:
    for number in range(11):
        (tmp_path / f"file{number}").touch()
    assert measure(order(tmp_path), most=12).whole
    assert not measure(order(tmp_path), most=10).whole
    here = tmp_path / "deep"
    here.mkdir()
    folder = os.open(here, os.O_RDONLY)
    for _ in range(300):
        os.mkdir("d", dir_fd=folder)
        below = os.open("d", os.O_RDONLY, dir_fd=folder)
        os.close(folder)
        folder = below
    os.close(folder)
    assert not measure(order(here)).whole


def test_a_measurement_that_times_out_is_incomplete(tmp_path: Path) -> None:
    for number in range(1001):
        (tmp_path / f"file{number}").touch()
    assert not measure(order(tmp_path), seconds=-1.0).whole


def test_a_missing_layer_is_not_measured_as_empty(tmp_path: Path) -> None:
    found = measure(order(tmp_path / "gone"))
    assert found.whole and found.used == UNREAD


def test_measuring_works_while_folders_are_moved(tmp_path: Path) -> None:
    for name in "abcdef":
        (tmp_path / name / "x" / "y").mkdir(parents=True)
        fill(tmp_path / name / "x" / "y" / "z", 1000)
    (tmp_path / "outside").mkdir()
    stop = threading.Event()

    def move() -> None:
        while not stop.is_set():
            for name in "abcdef":
                (tmp_path / name / "x").rename(tmp_path / "outside" / name)
                (tmp_path / name / "x").symlink_to("/")
                (tmp_path / name / "x").unlink()
                (tmp_path / "outside" / name).rename(tmp_path / name / "x")

    mover = threading.Thread(target=move)
    mover.start()
    try:
        for _ in range(300):
            assert measure(order(tmp_path)).used < MIB
    finally:
        stop.set()
        mover.join()


def test_deleted_files_that_are_open_or_mapped_count(tmp_path: Path) -> None:
    def deleted() -> int:
        return held_open([os.getpid(), os.getpid()], time.monotonic() + 10, tmp_path.stat().st_dev)[0]

    before = deleted()
    with (tmp_path / "held").open("w+b") as held, (tmp_path / "kept").open("wb") as kept:
        held.write(b"x" * (2 * MIB))
        kept.write(b"x" * (4 * MIB))
        for file in (held, kept):
            file.flush()
        (tmp_path / "held").unlink()
        assert 2 * MIB <= deleted() - before < 4 * MIB
        mapped = mmap.mmap(held.fileno(), 2 * MIB)
    try:
        assert deleted() - before >= 2 * MIB
    finally:
        mapped.close()
    assert deleted() - before < 2 * MIB


def test_inotify_instances_are_counted() -> None:
    import ctypes

    libc = ctypes.CDLL(None)
    _, before = held_open([os.getpid()], time.monotonic() + 10)
    made = [libc.inotify_init() for _ in range(3)]
    try:
        assert held_open([os.getpid()], time.monotonic() + 10)[1] == before + 3
    finally:
        for descriptor in made:
            os.close(descriptor)


def test_ended_processes_hold_nothing() -> None:
    assert held_open([2**22 + 1], time.monotonic() + 10) == (0, 0)


def test_the_measurer_answers_line_by_line_and_ends_with_its_channel(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(tmp_path / "file", MIB)
    monkeypatch.setattr(os, "nice", lambda _by: 0)
    ours, theirs = socket.socketpair()
    child = threading.Thread(target=measuring.serve, args=(theirs,))
    child.start()
    measurer = Measurer()
    measurer.channel = ours
    ours.settimeout(10)
    for _ in range(2):
        measurer.ask(order(tmp_path))
        (found,) = measurer.read()
        assert found.id == "id1" and found.used >= MIB
    measurer.close()
    child.join(10)
    theirs.close()
    assert not child.is_alive()


def test_a_killed_measurer_is_an_oserror_and_is_restarted(tmp_path: Path) -> None:
    measurer = Measurer()
    try:
        measurer.ask(order(tmp_path))
        assert measurer._process is not None
        assert measurer.read()[0].whole
        measurer._process.kill()
        with pytest.raises(OSError):
            measurer.read()
        measurer.close()
        measurer.ask(order(tmp_path))
        assert measurer.read()[0].whole
    finally:
        measurer.close()
