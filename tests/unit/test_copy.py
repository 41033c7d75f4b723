"""Copying to and from a box. A learner controls everything that a box sends: nothing is written outside the target."""

from __future__ import annotations

import io
import os
import tarfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from fakes import FakeEngine
from samples import make_lab, make_specs

from labctl.cli.ui.hints import plain
from labctl.domain.boxspec import File, archive
from labctl.domain.spot import Spot, SpotKind
from labctl.domain.tarball import TarMember
from labctl.errors import UsageError
from labctl.events import Event, Note
from labctl.services import copy, landing
from labctl.services.copy import Copy


class Box:
    """A box to copy to and from, and the notes of the copy."""

    def __init__(self) -> None:
        self.engine = FakeEngine()
        self.id = self.engine.create(make_specs(make_lab(files=[]))[0])
        self.engine.start(self.id)
        self.notes: list[str] = []
        self.copy = Copy(self.engine, self._note)

    def _note(self, event: Event) -> None:
        assert isinstance(event, Note)
        self.notes.append(event.text.format_map(dict(event.values)))

    def read(self, path: str) -> bytes:
        return self.engine.boxes[self.id].tree[path][1]

    def sends(self, *members: tarfile.TarInfo | tuple[str, bytes]) -> None:
        """Set the archive that the box sends for any request: root in a box can forge one."""
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w") as tar:
            for member in members:
                if isinstance(member, tuple):
                    name, content = member
                    info = tarfile.TarInfo(name)
                    info.size = len(content)
                    tar.addfile(info, io.BytesIO(content))
                else:
                    tar.addfile(member)

        self.sends_bytes(buffer.getvalue())

    def sends_bytes(self, data: bytes) -> None:
        def get_archive(_box_id: str, _path: str, _left_out: object = None) -> Iterator[bytes]:
            size = max(100, len(data) // 1000)
            return iter([data[at : at + size] for at in range(0, len(data), size)])

        def find(_box_id: str, path: str) -> Spot:
            return Spot(path.rstrip("/"), SpotKind.FOLDER)

        self.engine.get_archive = get_archive  # type: ignore[assignment]
        self.engine.find = find  # type: ignore[assignment]


def link(name: str, target: str, kind: bytes = tarfile.SYMTYPE) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


def folder(name: str) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.mode = tarfile.DIRTYPE, 0o755
    return info


@pytest.fixture
def box() -> Box:
    return Box()


@pytest.fixture
def here(tmp_path: Path) -> Path:
    made = tmp_path / "here"
    made.mkdir()
    return made


class TestUpload:
    @pytest.mark.parametrize(
        ("target", "path"),
        [
            ("/etc/redis.conf", "/etc/redis.conf"),
            ("/etc", "/etc/local.conf"),
            ("/etc/", "/etc/local.conf"),
            ("/root", "/root/local.conf"),
            ("new.conf", "/root/new.conf"),
            ("/bin", "/usr/bin/local.conf"),  # a symbolic link to a folder, as on every Debian
        ],
    )
    def test_a_file_is_copied_into_a_folder_or_to_the_given_name(
        self, box: Box, here: Path, target: str, path: str
    ) -> None:
        (here / "local.conf").write_text("port 1\n")
        assert box.copy.upload(box.id, here / "local.conf", target)
        assert box.read(path) == b"port 1\n"
        assert box.engine.boxes[box.id].tree["/bin"][0].issym()

    def test_a_folder_is_copied_with_its_content_and_owned_by_root(self, box: Box, here: Path) -> None:
        (here / "conf" / "deep").mkdir(parents=True)
        (here / "conf" / "deep" / "a").write_text("a")
        assert box.copy.upload(box.id, here / "conf", "/etc") == ["conf", "conf/deep", "conf/deep/a"]
        node, content = box.engine.boxes[box.id].tree["/etc/conf/deep/a"]
        assert (content, node.uid, node.gid, node.uname) == (b"a", 0, 0, "root")

    def test_the_current_folder_is_copied_under_its_own_name(
        self, box: Box, here: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (here / "a").write_text("a")
        monkeypatch.chdir(here)
        box.copy.upload(box.id, Path("."), "/etc")
        assert box.read("/etc/here/a") == b"a"

    def test_a_missing_file_or_target_folder_is_reported(self, box: Box, here: Path) -> None:
        with pytest.raises(UsageError, match=r"there is no .*nothing on this machine"):
            box.copy.upload(box.id, here / "nothing", "/etc")
        (here / "a").write_text("a")
        with pytest.raises(UsageError, match="no folder /nowhere in the box"):
            box.copy.upload(box.id, here / "a", "/nowhere/a")

    def test_an_unreadable_file_is_reported(self, box: Box, here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        (here / "a").write_text("a")

        def refuse(*_: object, **__: object) -> None:
            raise PermissionError(13, "Permission denied", str(here / "a"))

        monkeypatch.setattr(copy.tarfile.TarFile, "add", refuse)
        with pytest.raises(UsageError, match="Permission denied"):
            box.copy.upload(box.id, here / "a", "/etc")


class TestDownload:
    def test_a_file_is_copied_into_a_folder_or_to_the_given_name(self, box: Box, here: Path) -> None:
        box.sends(("redis.conf", b"port 1\n"))
        assert box.copy.download(box.id, "/etc/redis.conf", here) == ["redis.conf"]
        assert box.copy.download(box.id, "/etc/redis.conf", here / "mine.conf") == ["mine.conf"]
        assert (here / "redis.conf").read_text() == (here / "mine.conf").read_text() == "port 1\n"

    def test_a_folder_is_copied_with_its_links(self, box: Box, here: Path) -> None:
        box.sends(folder("log"), ("log/a", b"a"), link("log/b", "a"), link("log/c", "log/a", tarfile.LNKTYPE))
        box.copy.download(box.id, "/var/log", here)
        assert {name: (here / "log" / name).read_bytes() for name in "abc"} == dict.fromkeys("abc", b"a")

    def test_a_folder_copied_to_another_name_keeps_its_links(self, box: Box, here: Path) -> None:
        box.sends(folder("log"), ("log/a", b"a"), link("log/b", "a"), link("log/c", "log/a", tarfile.LNKTYPE))
        box.copy.download(box.id, "/var/log/", here / "mine")
        assert {name: (here / "mine" / name).read_bytes() for name in "abc"} == dict.fromkeys("abc", b"a")

    def test_a_missing_source_is_reported(self, box: Box, here: Path) -> None:
        with pytest.raises(UsageError, match="there is no /nothing in the box"):
            box.copy.download(box.id, "/nothing", here)
        with pytest.raises(UsageError, match="there is no folder"):
            box.copy.download(box.id, "/etc", here / "nowhere" / "a")

    @pytest.mark.parametrize(
        ("members", "why"),
        [
            ([("../evil", b"x")], "the name points outside"),
            ([("top/../../evil", b"x")], "the name points outside"),
            ([("evil", b"x")], "the name points outside"),
            ([link("top/a", "../../evil")], "the link points outside"),
            ([link("top/a", "/etc/passwd")], "the link points outside"),
            ([link("top/a", "b/../../../evil")], "the link points outside"),
            ([link("top/a", "..")], "the link points outside"),
            ([link("top/a", "../evil", tarfile.LNKTYPE)], "hard link to a file"),
            ([link("top/a", "top/missing", tarfile.LNKTYPE)], "hard link to a file"),
            ([link("top/l", "file"), link("top/a", "top/l", tarfile.LNKTYPE)], "hard link to a file"),
            ([link("top/d", "."), ("top/d/evil", b"x")], "file of another type has its name"),
            ([("top/file", b""), ("top/file/evil", b"x")], "file of another type has its name"),
            ([folder("top/d"), ("top/d", b"x")], "file of another type has its name"),
            ([link("top/a", "", tarfile.CHRTYPE)], "a device, a socket or a fifo"),
            ([link("top/a", "", tarfile.FIFOTYPE)], "a device, a socket or a fifo"),
            ([("top/" + "d/" * 300 + "x", b"x")], "too many folders"),
            ([("top/" + "n" * 300, b"x")], "this machine allows no file with that name"),
        ],
    )
    def test_members_outside_the_target_and_special_files_are_skipped_and_reported(
        self, box: Box, tmp_path: Path, here: Path, members: list[tarfile.TarInfo | tuple[str, bytes]], why: str
    ) -> None:
        box.sends(folder("top"), *members, ("top/good", b"x"))
        names = box.copy.download(box.id, "/top", here)
        assert len(box.notes) == 1 and why in box.notes[0]
        assert "top/good" in names and (here / "top" / "good").read_bytes() == b"x"
        assert not list(tmp_path.rglob("evil"))
        assert [path.name for path in here.iterdir()] == ["top"]

    def test_a_link_chain_beyond_the_kernels_path_limit_cannot_escape(
        self, box: Box, tmp_path: Path, here: Path
    ) -> None:
        """CVE-2025-4517: a path that realpath() could not resolve was taken for a path inside."""
        long = "d" * 247
        members: list[tarfile.TarInfo | tuple[str, bytes]] = [folder("top")]
        path = "top"
        for step in "abcdefghijklmnop":
            members += [folder(f"{path}/{long}"), link(f"{path}/{step}", long)]
            path = f"{path}/{step}"
        members += [link(f"{path}/{'l' * 254}", "../" * 16), link("top/escape", f"{path[4:]}/{'l' * 254}/../../.")]
        box.sends(*members, link("top/flag", "top/escape/evil", tarfile.LNKTYPE), ("top/flag", b"x"))
        for _ in range(2):
            box.copy.download(box.id, "/top", here)
        assert not (tmp_path / "evil").exists()
        assert not (here / "top" / "escape").is_symlink()

    def test_a_second_copy_follows_no_link_of_the_first(self, box: Box, tmp_path: Path, here: Path) -> None:
        box.sends(folder("top"), folder("top/d"), link("top/l", "d"))
        box.copy.download(box.id, "/top", here)
        (here / "top" / "out").symlink_to(tmp_path)
        box.sends(folder("top"), folder("top/out"), ("top/out/evil", b"x"))
        with pytest.raises(UsageError, match=r"top/out can't be replaced"):
            box.copy.download(box.id, "/top", here)
        box.sends(folder("top"), folder("top/l"), ("top/l/evil", b"x"))
        with pytest.raises(UsageError, match="top/l can't be replaced"):
            box.copy.download(box.id, "/top", here)
        assert not list(tmp_path.rglob("evil"))

    def test_a_second_copy_replaces_files_keeps_others_and_adds_new_ones(self, box: Box, here: Path) -> None:
        (here / "log" / "old").mkdir(parents=True)
        (here / "log" / "a").write_text("before")
        (here / "log" / "mine").write_text("mine")
        box.sends(folder("log"), ("log/a", b"after"), folder("log/old"), ("log/old/b", b"b"), ("log/new/c", b"c"))
        box.copy.download(box.id, "/log", here)
        found = {str(path.relative_to(here)): path.read_text() for path in here.rglob("*") if path.is_file()}
        assert found == {"log/a": "after", "log/mine": "mine", "log/old/b": "b", "log/new/c": "c"}

    @pytest.mark.parametrize(("old", "new"), [("file", folder("a")), ("folder", ("a", b"x"))])
    def test_a_file_never_replaces_a_folder_nor_a_folder_a_file(
        self, box: Box, here: Path, old: str, new: tarfile.TarInfo | tuple[str, bytes]
    ) -> None:
        (here / "top").mkdir()
        place = here / "top" / "a"
        place.write_text("mine") if old == "file" else place.mkdir()
        moved = ("top/a", new[1]) if isinstance(new, tuple) else folder("top/a")
        box.sends(folder("top"), ("top/0", b"first"), moved)
        with pytest.raises(UsageError, match="top/a can't be replaced"):
            box.copy.download(box.id, "/top", here)
        assert [path.name for path in (here / "top").iterdir()] == ["a"]

    @pytest.mark.parametrize("error", [KeyboardInterrupt(), OSError(28, "No space left on device")])
    def test_an_interrupted_copy_leaves_no_partial_file_and_keeps_existing_ones(
        self, box: Box, here: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException
    ) -> None:
        (here / "top").mkdir()
        (here / "top" / "a").write_text("before")
        box.sends(folder("top"), ("top/a", b"after"), ("top/b", b"b"))
        real = landing._write

        def write(member: TarMember, name: bytes, folder: int) -> None:
            if name == b"b":
                raise error
            real(member, name, folder)

        monkeypatch.setattr(landing, "_write", write)
        with pytest.raises((KeyboardInterrupt, UsageError)) as raised:
            box.copy.download(box.id, "/top", here)
        assert isinstance(error, KeyboardInterrupt) or "No space left on device" in str(raised.value)
        assert {path.name for path in here.rglob("*")} == {"top", "a"}
        assert (here / "top" / "a").read_text() == "before"

    def test_a_truncated_or_invalid_archive_changes_nothing(self, box: Box, here: Path) -> None:
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w") as tar:
            info = tarfile.TarInfo("top")
            info.size = 5000
            tar.addfile(info, io.BytesIO(bytes(5000)))
        for data in (buffer.getvalue()[:3000], buffer.getvalue()[:5632], b"", b"x" * 1024):
            box.sends_bytes(data)
            with pytest.raises(UsageError, match="not a valid archive"):
                box.copy.download(box.id, "/top", here)
            assert not list(here.iterdir())

    def test_a_sparse_file_stays_sparse(self, box: Box, here: Path) -> None:
        size = 64 << 20
        box.sends(("big", bytes(size // 2) + b"x" + bytes(size // 2 - 1)))
        box.copy.download(box.id, "/big", here)
        found = (here / "big").stat()
        assert found.st_size == size and found.st_blocks * 512 < size // 8
        assert (here / "big").read_bytes().count(b"x") == 1

    def test_unusual_names_are_kept_and_reported_in_one_line(self, box: Box, here: Path) -> None:
        name = "new\nline \udcff \x1b[31m"
        box.sends(folder("top"), (f"top/{name}", b"x"), link(f"top/l {name}", "/etc"))
        box.copy.download(box.id, "/top", here)
        assert (here / "top" / name).read_bytes() == b"x"
        (note,) = box.notes
        assert "\n" not in note and "\x1b" not in note

    def test_a_link_named_as_source_is_followed_in_the_box(self, box: Box, here: Path) -> None:
        box.engine.put_archive(box.id, "/usr/bin", archive((File("tool", b"#!"),)))
        box.copy.download(box.id, "/bin", here)
        assert (here / "bin" / "tool").read_bytes() == b"#!"

    @pytest.mark.parametrize("path", ["/", "/root/..", "//"])
    def test_the_root_folder_of_a_box_is_not_copied(self, box: Box, here: Path, path: str) -> None:
        for target in (here, here / "new"):
            with pytest.raises(UsageError, match="a whole box"):
                box.copy.download(box.id, path, target)
        assert not list(here.iterdir())

    @pytest.mark.parametrize("path", ["/proc/cpuinfo", "/sys/kernel/notes"])
    def test_files_of_kernel_filesystems_are_not_copied(self, box: Box, here: Path, path: str) -> None:
        box.engine.boxes[box.id].tree[path] = (tarfile.TarInfo(path), b"")
        with pytest.raises(UsageError, match="the kernel generates its content") as raised:
            box.copy.download(box.id, path, here)
        assert plain(raised.value) == f"labctl exec BOX -- cat {path} > FILE"
        with pytest.raises(UsageError, match="the kernel generates its content"):
            box.copy.put(box.id, b"1", path)

    @pytest.mark.parametrize("path", ["/run/file", "/etc/hosts", "/dev/shm/file"])
    def test_mounted_files_of_a_stopped_box_cannot_be_copied(self, box: Box, here: Path, path: str) -> None:
        box.engine.put_archive(box.id, "/", archive((File(path.strip("/"), b"below"),)))
        box.engine.stop(box.id)
        (here / "a").write_text("a")
        for work in (
            lambda: box.copy.put(box.id, b"1", path),
            lambda: box.copy.upload(box.id, here / "a", path),
            lambda: box.copy.download(box.id, path, here),
        ):
            with pytest.raises(UsageError, match="only while the box runs"):
                work()
        assert box.read(path) == b"below"

    def test_an_absolute_member_name_stays_under_the_target(self, box: Box, here: Path) -> None:
        box.sends(("/top/deep", b"x"))
        box.copy.download(box.id, "/top", here)
        assert [path for path in here.rglob("*") if path.is_file()] == [here / "top" / "deep"]

    def test_a_copy_never_overwrites_the_target_of_a_local_link(self, box: Box, tmp_path: Path, here: Path) -> None:
        (tmp_path / "precious").write_text("mine")
        (here / "a").symlink_to(tmp_path / "precious")
        box.sends(("a", b"theirs"))
        with suppress(UsageError):
            box.copy.download(box.id, "/a", here)
        assert (tmp_path / "precious").read_text() == "mine"

    def test_set_user_id_bits_and_owners_of_the_box_are_dropped(self, box: Box, here: Path) -> None:
        info = tarfile.TarInfo("tool")
        info.mode, info.uid, info.gid = 0o6755, 12345, 12345
        box.sends(info)
        box.copy.download(box.id, "/tool", here)
        found = (here / "tool").stat()
        assert found.st_mode & 0o7000 == 0
        assert found.st_uid == os.geteuid()

    def test_an_unwritable_target_is_reported(self, box: Box, here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        box.sends(("a", b"a"))

        def refuse(*_: object, **__: object) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(landing, "_write", refuse)
        with pytest.raises(UsageError, match="No space left on device"):
            box.copy.download(box.id, "/a", here)
