"""Copying to and from a box. What comes from a box is a learner's: nothing is written outside of the target."""

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

from labctl.errors import UsageError
from labctl.services import copy
from labctl.services.copy import Copy


class Box:
    """A box to copy to and from."""

    def __init__(self) -> None:
        self.engine = FakeEngine()
        self.id = self.engine.create(make_specs(make_lab(files=[]))[0])
        self.copy = Copy(self.engine)

    def read(self, path: str) -> bytes:
        return self.engine.boxes[self.id].tree[path][1]

    def sends(self, *members: tarfile.TarInfo | tuple[str, bytes]) -> None:
        """The next archive that comes from the box, whatever is asked for: root in a box may well forge one."""
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

        def get_archive(_box_id: str, _path: str) -> Iterator[bytes]:
            data = buffer.getvalue()
            return iter([data[at : at + 100] for at in range(0, len(data), 100)])

        self.engine.get_archive = get_archive  # type: ignore[method-assign]


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
    def test_a_file_goes_into_a_folder_or_under_the_name_given(
        self, box: Box, here: Path, target: str, path: str
    ) -> None:
        (here / "local.conf").write_text("port 1\n")
        assert box.copy.upload(box.id, here / "local.conf", target)
        assert box.read(path) == b"port 1\n"
        assert box.engine.boxes[box.id].tree["/bin"][0].issym()

    def test_a_folder_goes_with_all_that_is_in_it_and_belongs_to_root(self, box: Box, here: Path) -> None:
        (here / "conf" / "deep").mkdir(parents=True)
        (here / "conf" / "deep" / "a").write_text("a")
        assert box.copy.upload(box.id, here / "conf", "/etc") == ["conf", "conf/deep", "conf/deep/a"]
        node, content = box.engine.boxes[box.id].tree["/etc/conf/deep/a"]
        assert (content, node.uid, node.gid, node.uname) == (b"a", 0, 0, "root")

    def test_the_folder_one_is_in_goes_by_its_own_name(
        self, box: Box, here: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (here / "a").write_text("a")
        monkeypatch.chdir(here)
        box.copy.upload(box.id, Path("."), "/etc")
        assert box.read("/etc/here/a") == b"a"

    def test_a_file_that_is_not_there_or_a_folder_that_is_not_is_told(self, box: Box, here: Path) -> None:
        with pytest.raises(UsageError, match=r"there is no .*nothing here"):
            box.copy.upload(box.id, here / "nothing", "/etc")
        (here / "a").write_text("a")
        with pytest.raises(UsageError, match="no folder /nowhere in the box"):
            box.copy.upload(box.id, here / "a", "/nowhere/a")

    def test_a_file_that_can_not_be_read_is_told(self, box: Box, here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        (here / "a").write_text("a")

        def refuse(*_: object, **__: object) -> None:
            raise PermissionError(13, "Permission denied", str(here / "a"))

        monkeypatch.setattr(copy.tarfile.TarFile, "add", refuse)
        with pytest.raises(UsageError, match="Permission denied"):
            box.copy.upload(box.id, here / "a", "/etc")


class TestDownload:
    def test_a_file_comes_into_a_folder_or_under_the_name_given(self, box: Box, here: Path) -> None:
        box.sends(("redis.conf", b"port 1\n"))
        assert box.copy.download(box.id, "/etc/redis.conf", here) == ["redis.conf"]
        assert box.copy.download(box.id, "/etc/redis.conf", here / "mine.conf") == ["mine.conf"]
        assert (here / "redis.conf").read_text() == (here / "mine.conf").read_text() == "port 1\n"

    def test_a_folder_comes_with_its_links(self, box: Box, here: Path) -> None:
        box.sends(folder("log"), ("log/a", b"a"), link("log/b", "a"), link("log/c", "log/a", tarfile.LNKTYPE))
        box.copy.download(box.id, "/var/log", here)
        assert {name: (here / "log" / name).read_bytes() for name in "abc"} == dict.fromkeys("abc", b"a")

    def test_a_folder_under_another_name_keeps_its_links_too(self, box: Box, here: Path) -> None:
        box.sends(folder("log"), ("log/a", b"a"), link("log/b", "a"), link("log/c", "log/a", tarfile.LNKTYPE))
        box.copy.download(box.id, "/var/log/", here / "mine")
        assert {name: (here / "mine" / name).read_bytes() for name in "abc"} == dict.fromkeys("abc", b"a")

    def test_what_is_not_there_is_told(self, box: Box, here: Path) -> None:
        with pytest.raises(UsageError, match="there is no /nothing in the box"):
            box.copy.download(box.id, "/nothing", here)
        with pytest.raises(UsageError, match="there is no folder"):
            box.copy.download(box.id, "/etc", here / "nowhere" / "a")

    @pytest.mark.parametrize(
        "members",
        [
            [("../evil", b"x")],
            [("a/../../evil", b"x")],
            [link("a", "../../evil")],
            [link("a", "/etc/passwd")],
            [link("a", "../evil", tarfile.LNKTYPE)],
            [link("a", ".."), ("a/evil", b"x")],
            [folder("top"), link("top/a", "../.."), ("top/a/evil", b"x")],
            [link("a", "", tarfile.CHRTYPE)],
            [link("a", "", tarfile.FIFOTYPE)],
        ],
    )
    def test_what_would_leave_the_target_is_refused(
        self, box: Box, tmp_path: Path, here: Path, members: list[tarfile.TarInfo | tuple[str, bytes]]
    ) -> None:
        box.sends(*members)
        with pytest.raises(UsageError, match="of the box is not taken"):
            box.copy.download(box.id, "/top", here)
        assert not (tmp_path / "evil").exists()

    def test_an_absolute_name_stays_under_the_target(self, box: Box, here: Path) -> None:
        box.sends((f"{here}/deep", b"x"))
        box.copy.download(box.id, "/top", here)
        assert [path for path in here.rglob("*") if path.is_file()] == [Path(f"{here}{here}/deep")]

    def test_a_file_of_the_box_never_replaces_what_a_link_here_leads_to_outside(
        self, box: Box, tmp_path: Path, here: Path
    ) -> None:
        (tmp_path / "precious").write_text("mine")
        (here / "a").symlink_to(tmp_path / "precious")
        box.sends(("a", b"theirs"))
        with suppress(UsageError):
            box.copy.download(box.id, "/a", here)
        assert (tmp_path / "precious").read_text() == "mine"

    def test_no_set_user_id_and_no_owner_of_the_box_comes_along(self, box: Box, here: Path) -> None:
        info = tarfile.TarInfo("tool")
        info.mode, info.uid, info.gid = 0o6755, 12345, 12345
        box.sends(info)
        box.copy.download(box.id, "/tool", here)
        found = (here / "tool").stat()
        assert found.st_mode & 0o7000 == 0
        assert found.st_uid == os.geteuid()

    def test_a_target_that_can_not_be_written_is_told(
        self, box: Box, here: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        box.sends(("a", b"a"))

        def refuse(*_: object, **__: object) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(copy.tarfile.TarFile, "extract", refuse)
        with pytest.raises(UsageError, match="No space left on device"):
            box.copy.download(box.id, "/a", here)
