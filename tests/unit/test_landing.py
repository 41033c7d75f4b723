"""Whatever archive a box sends, nothing outside the target is created, changed or read. The archives are random and
malicious: few names, so that they collide; links of all kinds to inside, outside and each other; several archives in a
row into the same folder."""

from __future__ import annotations

import io
import os
import stat
import tarfile
import tempfile
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labctl.domain.tarball import BLOCK, TarballError, members
from labctl.errors import UsageError
from labctl.services.landing import Landing

NAMES = ("top", "a", "b", "..", ".", "", "secret", "d" * 240, "\udcff\n")
SECRET = "of this machine"

paths = st.lists(st.sampled_from(NAMES), min_size=1, max_size=6).map("/".join)
names = st.one_of(paths, paths.map(lambda path: f"top/{path}"), paths.map(lambda path: f"/{path}"))
targets = st.one_of(names, st.just("/proc/self/root"), st.just("../" * 40 + "etc"), st.just("a/" * 2100))
FILES_AND_LINKS = (tarfile.REGTYPE, tarfile.REGTYPE, tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE)
kinds = st.sampled_from((*FILES_AND_LINKS, tarfile.CHRTYPE, tarfile.FIFOTYPE, tarfile.GNUTYPE_SPARSE, b"Z"))
items = st.tuples(kinds, names, targets, st.integers(0, 0o7777))
archives = st.lists(items, max_size=12)
formats = st.sampled_from([tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])


def packed(items: list[tuple[bytes, str, str, int]], form: int) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=form, errors="surrogateescape") as tar:
        for kind, name, target, mode in [(tarfile.DIRTYPE, "top", "", 0o755), *items]:
            info = tarfile.TarInfo(name)
            info.type, info.linkname, info.mode = kind, target, mode
            info.size = 4 if kind == tarfile.REGTYPE else 0
            tar.addfile(info, io.BytesIO(b"evil"))
    return buffer.getvalue()


def land(data: bytes, into: Path) -> None:
    with suppress(UsageError), Landing(into, b"top", "top", lambda _name, _why: None) as landing:
        for member in members(iter([data])):
            landing.take(member)
        landing.settle()


def outside(folder: Path) -> list[tuple[str, str, float]]:
    return sorted(
        (str(path), path.read_text() if path.is_file() else "", path.lstat().st_mtime)
        for path in folder.rglob("*")
        if "into" not in path.relative_to(folder).parts
    )


@settings(max_examples=120, deadline=None)
@given(st.lists(st.tuples(archives, formats), min_size=1, max_size=3))
def test_no_archive_creates_changes_or_reads_anything_outside_the_target(
    several: list[tuple[list[tuple[bytes, str, str, int]], int]],
) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name, "around")
        into = folder / "into"
        into.mkdir(parents=True)
        for place in (folder / "secret", folder / "a"):
            place.write_text(SECRET)
        before = outside(folder)
        for archive, form in several:
            land(packed(archive, form), into)
            assert outside(folder) == before
            assert [path.name for path in into.iterdir()] in ([], ["top"])
            for path in into.rglob("*"):
                found = path.lstat()
                assert stat.S_IFMT(found.st_mode) in (stat.S_IFREG, stat.S_IFDIR, stat.S_IFLNK)
                if path.is_symlink():
                    assert Path(os.path.realpath(path)).is_relative_to(into / "top")
                else:
                    assert not found.st_mode & 0o7022
                    assert not path.is_file() or path.read_text() == "evil"


@settings(max_examples=120, deadline=None)
@given(st.binary(max_size=2000), st.lists(st.tuples(st.integers(0, 5000), st.integers(0, 255)), max_size=4), archives)
def test_any_bytes_are_read_or_refused_by_the_reader(
    junk: bytes, flips: list[tuple[int, int]], archive: list[tuple[bytes, str, str, int]]
) -> None:
    data = bytearray(packed(archive, tarfile.PAX_FORMAT))
    for at, value in flips:
        data[at % len(data)] = value
    for content in (junk, bytes(data), bytes(data[: len(data) // 2])):
        with suppress(TarballError):
            for member in members(iter([content[:700], content[700:]])):
                assert sum(map(len, member.content)) == member.size <= len(content)


def test_an_oversized_header_is_refused() -> None:
    info = tarfile.TarInfo("long")
    info.type, info.size = tarfile.XHDTYPE, 1 << 40
    header = info.tobuf(tarfile.GNU_FORMAT)

    def endless() -> object:
        yield header
        while True:
            yield bytes(1 << 16)

    try:
        next(members(endless()))  # type: ignore[arg-type]
    except TarballError as error:
        assert "too long" in str(error)
    else:
        raise AssertionError("the reader accepted a header of a tebibyte")


@settings(max_examples=100, deadline=None)
@given(archives, formats)
def test_the_reader_reads_what_tarfile_writes(archive: list[tuple[bytes, str, str, int]], form: int) -> None:
    data = packed([item for item in archive if item[0] in (tarfile.REGTYPE, tarfile.SYMTYPE)], form)
    with tarfile.open(fileobj=io.BytesIO(data), errors="surrogateescape") as tar:
        wanted = [(item.name.rstrip("/"), item.linkname, item.size if item.isreg() else 0) for item in tar]
    blocks = iter([data[at : at + BLOCK] for at in range(0, len(data), BLOCK)])
    found = [(os.fsdecode(item.name).rstrip("/"), os.fsdecode(item.target), item.size) for item in members(blocks)]
    assert found == wanted


@pytest.mark.parametrize("kind", ["fifo", "link to a device", "inside a folder"])
def test_a_local_device_or_fifo_is_never_replaced(tmp_path: Path, kind: str) -> None:
    place = tmp_path / "top" / "a" if kind == "inside a folder" else tmp_path / "top"
    place.parent.mkdir(exist_ok=True)
    if kind == "link to a device":
        place.symlink_to("/dev/null")
    else:
        os.mkfifo(place)
    before = place.lstat()
    single = kind != "inside a folder"
    data = archive_of("top") if single else archive_of("top/", "top/a", "top/b")
    with (
        pytest.raises(UsageError, match="is a device, a socket or a fifo"),
        Landing(tmp_path, b"top", "top", lambda _name, _why: None) as landing,
    ):
        for member in members(iter([data])):
            landing.take(member)
        landing.settle()
    assert place.lstat() == before and not (tmp_path / "top" / "b").exists()


def archive_of(*names: str) -> bytes:
    """Return an archive of files, and of folders whose names end in a slash."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for name in names:
            info = tarfile.TarInfo(name.rstrip("/"))
            info.type = tarfile.DIRTYPE if name.endswith("/") else tarfile.REGTYPE
            info.size, info.mode = (0, 0o755) if name.endswith("/") else (4, 0o644)
            tar.addfile(info, io.BytesIO(b"good"))
    return buffer.getvalue()
