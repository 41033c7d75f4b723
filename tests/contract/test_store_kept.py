"""No attempt is lost by killed writers, parallel writers or a full disk."""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import writers

from labctl.adapters.store import SqlStore
from labctl.cli.ui.hints import plain
from labctl.domain.classroom.cohort import Cohort, Member
from labctl.errors import LabctlError, UsageError

TESTS = Path(writers.__file__).parent


def run(what: str, place: Path | str, *numbers: int) -> dict[str, list[int]]:
    """The output of the writers: the attempt numbers of each instance."""
    path = os.pathsep.join([str(TESTS), str(TESTS.parent), *sys.path])
    done = subprocess.run(
        [sys.executable, writers.__file__, what, str(place), *map(str, numbers)],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    told: dict[str, list[int]] = json.loads(done.stdout)
    return told


def is_whole(file: Path) -> None:
    with contextlib.closing(sqlite3.connect(file)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def numbers(store: SqlStore, instance: str) -> list[float]:
    """The numbers that the writers gave to the attempts of an instance, in the order of the store."""
    return [attempt.at for attempt in store.attempts(instance)]


def test_a_stored_attempt_survives_the_kill_of_its_writer(place: Path | str) -> None:
    told = run("kill", place, 12)
    assert sum(map(bool, told.values())) >= 12, "the writers were killed before they wrote"
    store = SqlStore(place)
    for instance, returned in told.items():
        kept = numbers(store, instance)
        # The number of the last attempt may not have been printed before the kill.
        assert returned == list(range(1, len(returned) + 1))
        assert len(kept) in (len(returned), len(returned) + 1)
        assert kept == [float(number) for number in range(1, len(kept) + 1)]
        assert store.attempts(instance) == [writers.attempt(instance, int(number)) for number in kept]
    assert len(store.attempts_of("spring")) == sum(len(store.attempts(instance)) for instance in told)
    store.close()
    if isinstance(place, Path):
        is_whole(place)


def test_parallel_writers_lose_no_attempt_and_number_without_gaps(place: Path | str) -> None:
    told = run("together", place, 4, 25)
    assert sorted(told["pond.all"]) == list(range(1, 101))
    store = SqlStore(place)
    assert sorted(numbers(store, "pond.all")) == sorted(float(number) for number in range(1, 26) for _ in range(4))
    for one in range(4):
        assert told[f"pond.{one}"] == numbers(store, f"pond.{one}") == list(range(1, 26))
    store.close()
    if isinstance(place, Path):
        is_whole(place)


def test_only_one_of_two_parallel_claims_of_a_key_succeeds(place: Path | str) -> None:
    from concurrent.futures import ThreadPoolExecutor

    stores = [SqlStore(place) for _ in range(4)]
    stores[0].add_cohort(Cohort("spring", ("pond",), "s", 1.0), [])

    def claim(number: int) -> str:
        try:
            stores[number % 4].add_members("spring", [Member(f"m{number}", "M", key=f"ssh-ed25519 {number // 4}")])
        except UsageError as error:
            return str(error)
        return ""

    with ThreadPoolExecutor(8) as pool:
        told = list(pool.map(claim, range(32)))
    for key in range(8):
        assert sorted(map(bool, told[key * 4 : key * 4 + 4])) == [False, True, True, True]
    assert len(stores[0].members("spring")) == 8
    for store in stores:
        store.close()


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """A disk of 24 MiB."""
    folder = tmp_path / "small"
    folder.mkdir()
    sudo = [] if os.geteuid() == 0 else ["sudo", "-n"]
    mount = [*sudo, "mount", "-t", "tmpfs", "-o", f"size=24m,mode=0700,uid={os.geteuid()}", "labctl-test", str(folder)]
    done = subprocess.run(mount, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"this test needs to mount a small disk, as root: {done.stderr}"
    try:
        yield folder
    finally:
        subprocess.run([*sudo, "umount", "--lazy", str(folder)], check=True)


def fill(folder: Path) -> Path:
    """Fill the disk to the last byte."""
    filler = folder / "filler"
    with filler.open("ab", buffering=0) as stream, contextlib.suppress(OSError):
        while True:
            stream.write(bytes(1 << 16))
    with filler.open("ab", buffering=0) as stream, contextlib.suppress(OSError):
        while True:
            stream.write(b"\0")
    assert os.statvfs(folder).f_bavail == 0
    return filler


def add(store: SqlStore, first: int, count: int = 1) -> int:
    """Add attempts; returns the number of the next attempt."""
    for number in range(first, first + count):
        assert store.add_attempt(writers.attempt("pond.lucy", number)) == number
    return first + count


def until_full(store: SqlStore, number: int) -> tuple[int, LabctlError]:
    """Add attempts until an error occurs."""
    while number < 10_000:
        try:
            number = add(store, number)
        except LabctlError as error:
            return number, error
    raise AssertionError("the disk never became full")


def test_attempts_are_stored_on_a_full_disk_until_the_reserve_is_used(small: Path) -> None:
    file, reserve = small / "state" / "labctl.db", small / "state" / "labctl.db.reserve"
    store = SqlStore(file)
    number = add(store, 1)
    assert reserve.stat().st_blocks * 512 >= 4 << 20
    filler = fill(small)
    full, error = until_full(store, number)
    assert str(error) == f"the store {file} can't be written: the disk is full"
    assert "free space" in plain(error)
    assert full > 100 and not reserve.exists()
    assert numbers(store, "pond.lucy") == list(range(1, full)), "stored attempts can be read on a full disk"
    with pytest.raises(LabctlError, match="the disk is full"):
        store.add_hint("pond.lucy", "listen", 1)
    filler.unlink()
    number = add(store, full)
    add(store, number)
    assert reserve.stat().st_blocks * 512 >= 4 << 20
    store.close()
    is_whole(file)
    store = SqlStore(file)
    assert numbers(store, "pond.lucy") == list(range(1, full + 2))
    store.close()


def test_a_program_that_begins_on_a_full_disk_uses_the_reserve(small: Path) -> None:
    file = small / "labctl.db"
    store = SqlStore(file)
    number = add(store, 1, 3)
    store.close()
    fill(small)
    store = SqlStore(file)
    assert numbers(store, "pond.lucy") == [1, 2, 3]
    number = add(store, number, 20)
    store.close()
    store = SqlStore(file)
    assert numbers(store, "pond.lucy") == list(range(1, number))
    store.close()
    is_whole(file)


def test_attempts_only_in_the_log_survive_the_end_on_a_full_disk(small: Path) -> None:
    file = small / "labctl.db"
    store = SqlStore(file)
    number = add(store, 1)
    filler = fill(small)
    number, _ = until_full(store, number)
    store.close()
    with pytest.raises(LabctlError):
        SqlStore(file).add_attempt(writers.attempt("pond.lucy", number))
    filler.unlink()
    store = SqlStore(file)
    assert numbers(store, "pond.lucy") == list(range(1, number))
    add(store, number)
    store.close()
    is_whole(file)


def test_the_reserve_is_given_up_in_parts(small: Path) -> None:
    file, reserve = small / "labctl.db", small / "labctl.db.reserve"
    store = SqlStore(file)
    number = add(store, 1)
    for _ in range(3):
        size = reserve.stat().st_size
        fill(small)
        while reserve.stat().st_size == size:
            number = add(store, number)
    assert numbers(store, "pond.lucy") == list(range(1, number))
    store.close()


def test_no_reserve_is_made_without_free_space(small: Path) -> None:
    filler = small / "filler"
    filler.write_bytes(bytes(12 << 20))
    store = SqlStore(small / "labctl.db")
    number = add(store, 1)
    assert not (small / "labctl.db.reserve").exists()
    filler.unlink()
    add(store, number)
    assert (small / "labctl.db.reserve").exists()
    assert sorted(path.name for path in small.iterdir() if path.name.startswith(".")) == []
    store.close()
