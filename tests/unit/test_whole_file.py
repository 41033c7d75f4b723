"""Files are written whole, or keep their old content."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

import pytest

from labctl.errors import UsageError
from labctl.hints import Hint
from labctl.whole_file import whole_file, write_whole


def mode_of(file: Path) -> int:
    return stat.S_IMODE(file.stat().st_mode)


def test_an_error_keeps_the_old_file_and_leaves_no_other(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("before")
    with pytest.raises(RuntimeError), whole_file(file) as stream:
        stream.write(b"half")
        raise RuntimeError
    assert file.read_text() == "before"
    assert list(tmp_path.iterdir()) == [file]


def test_a_file_that_could_not_be_synced_is_not_renamed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "file"
    file.write_text("before")

    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(UsageError, match="file can't be written: No space left on device"):
        write_whole(file, "after")
    assert file.read_text() == "before"
    assert list(tmp_path.iterdir()) == [file]


def test_the_file_is_synced_before_its_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file, kept = tmp_path / "file", []
    monkeypatch.setattr("os.fsync", lambda descriptor: kept.append((os.fstat(descriptor), file.exists())))
    write_whole(file, "text")
    assert [(stat.S_ISDIR(status.st_mode), there) for status, there in kept] == [(False, False), (True, True)]


def test_permissions_are_the_requested_ones_minus_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        write_whole(tmp_path / "own", "text")
        write_whole(tmp_path / "shared", "text", 0o666)
    finally:
        os.umask(before)
    assert mode_of(tmp_path / "own") == 0o600
    assert mode_of(tmp_path / "shared") == 0o644


def test_a_link_is_kept_and_its_target_is_written(tmp_path: Path) -> None:
    target, link = tmp_path / "target", tmp_path / "link"
    link.symlink_to(target)
    write_whole(link, b"new")
    assert link.is_symlink() and target.read_bytes() == b"new"


def test_a_pipe_stays_a_pipe(tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    try:
        write_whole(fifo, "through")
        assert os.read(reader, 100) == b"through" and fifo.is_fifo()
    finally:
        os.close(reader)


def test_two_concurrent_writers_both_write_whole_files(tmp_path: Path) -> None:
    file = tmp_path / "file"
    with whole_file(file) as first, whole_file(file) as second:
        first.write(b"first")
        second.write(b"second")
    assert file.read_bytes() == b"first"  # its block ended last


def test_an_unwritable_path_is_reported_with_the_reason(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="Is a directory"):
        write_whole(tmp_path, "text")
    with (
        pytest.raises(UsageError, match="No such file or directory") as caught,
        whole_file(tmp_path / "no" / "x", hint=Hint.SEE_FOLDER),
    ):
        pass
    assert caught.value.hint is Hint.SEE_FOLDER
