"""Receive files from a box in a new folder beside the target. The folder is renamed when all files are complete.

A root user in the box chose every name and every link of the archive. So a path is never given to the kernel as a
whole. Each folder is opened from its parent, and only if it is a real folder, not a link. Links at the target, from
another copy or from another user, aren't followed either. A link is created only if it leads to a place inside the
copied folder. In such a link, ``..`` is allowed only at the beginning, where the folders are real, so no chain of links
leads outside.
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import shutil
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

from labctl.domain.tarball import Kind, TarMember
from labctl.errors import UsageError
from labctl.events import Note
from labctl.hints import Hint
from labctl.interrupts import held

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_DEEPEST = 200
_PIECE, _BLOCK = 1 << 16, 4096
_HOLE = bytes(_PIECE)

_OUTSIDE = Note("{name} is not copied: the name points outside the copied folder")
_LEADS_OUT = Note("{name} is not copied: the link points outside the copied folder")
_NOT_COPIED = Note("{name} is not copied: it is a hard link to a file that isn't copied")
SPECIAL = Note("{name} is not copied: it is a device, a socket or a fifo")
_SPARSE = Note("{name} is not copied: its file type is unknown")
_TOO_DEEP = Note("{name} is not copied: it is nested in too many folders")
_TAKEN = Note("{name} is not copied: a file of another type has its name or the name of a parent folder")
_NO_NAME = Note("{name} is not copied: this machine allows no file with that name")

Leave = Callable[[bytes, Note], object]
"""A function that receives each member that is not copied: the member's name in the archive, and the reason. The
reason's value ``name`` is not set yet."""


class Landing:
    """One copy. Enter the block, call ``take`` for each member, then call ``settle``. Before ``settle``, nothing at the
    target is changed. At the end of the block, all received files that were not moved to the target are deleted.
    ``top`` is the archive's topmost name, and ``wanted`` is the name of the copy in ``into``."""

    def __init__(self, into: Path, top: bytes, wanted: str, leave: Leave) -> None:
        self._path = into
        self._top = top
        self._wanted = os.fsencode(wanted)
        self._leave = leave
        self._fresh = os.fsencode(f".labctl-{secrets.token_hex(6)}")
        self._into = self._root = -1

    def __enter__(self) -> Landing:
        self._into = os.open(self._path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            with held():
                os.mkdir(self._fresh, 0o700, dir_fd=self._into)
                self._root = os.open(self._fresh, _FOLDER, dir_fd=self._into)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        with held():
            if self._root >= 0:
                os.close(self._root)
            with contextlib.suppress(FileNotFoundError):
                shutil.rmtree(self._fresh, dir_fd=self._into)
            os.close(self._into)

    def take(self, member: TarMember) -> bool:
        """Write one member to the new folder. Returns whether the member was copied. Raises OSError if a file can't be
        written."""
        why = self._place(member)
        if why is not None:
            self._leave(member.name, why)
        return why is None

    def _place(self, member: TarMember) -> Note | None:
        """Copy the member, and return None. If the member can't be copied, return the reason."""
        parts = self._parts(member.name)
        if parts is None:
            return _OUTSIDE
        if len(parts) > _DEEPEST:
            return _TOO_DEEP
        if len(parts) == 1 and member.kind not in (Kind.FILE, Kind.FOLDER):
            return _LEADS_OUT if member.kind in (Kind.LINK, Kind.HARD_LINK) else SPECIAL
        try:
            with _opened(self._root, parts[:-1], make=True) as folder:
                return self._make(member, folder, parts)
        except (NotADirectoryError, FileExistsError, IsADirectoryError):
            return _TAKEN
        except OSError as error:
            if error.errno == errno.ELOOP:
                return _TAKEN  # some systems report a link with this error, because of O_NOFOLLOW
            if error.errno in (errno.ENAMETOOLONG, errno.EILSEQ):
                return _NO_NAME
            raise

    def _make(self, member: TarMember, folder: int, parts: list[bytes]) -> Note | None:
        name = parts[-1]
        match member.kind:
            case Kind.FOLDER:
                with contextlib.suppress(FileExistsError):
                    os.mkdir(name, 0o755, dir_fd=folder)
                with _opened(folder, [name]) as inner:
                    os.fchmod(inner, member.mode & 0o755 | 0o700)
            case Kind.FILE:
                _gone(name, folder)
                _write(member, name, folder)
            case Kind.LINK:
                if not _stays_inside(member.target, len(parts) - 2):
                    return _LEADS_OUT
                _gone(name, folder)
                os.symlink(member.target, name, dir_fd=folder)
            case Kind.HARD_LINK:
                return self._second_name(member.target, name, folder)
            case Kind.OTHER:
                return _SPARSE
            case _:
                return SPECIAL
        return None

    def _second_name(self, target: bytes, name: bytes, folder: int) -> Note | None:
        """Create a hard link. Its target is a path from the archive's top."""
        parts = self._parts(target)
        if parts is None:
            return _NOT_COPIED
        try:
            with _opened(self._root, parts[:-1]) as other:
                if not stat.S_ISREG(os.stat(parts[-1], dir_fd=other, follow_symlinks=False).st_mode):
                    return _NOT_COPIED
                _gone(name, folder)
                os.link(parts[-1], name, src_dir_fd=other, dst_dir_fd=folder, follow_symlinks=False)
        except (FileNotFoundError, NotADirectoryError):
            return _NOT_COPIED
        return None

    def _parts(self, name: bytes) -> list[bytes] | None:
        """Return the names of the member's folders, then its own name. Return None for a member that isn't below the
        archive's top."""
        parts = [part for part in name.split(b"/") if part not in (b"", b".")]
        if not parts or b".." in parts or b"\0" in name or parts[0] != self._top:
            return None
        return [self._wanted, *parts[1:]]

    def settle(self) -> None:
        """Move the complete copy to the target. Files replace files. An existing folder receives the new files. Raises
        UsageError, without any change, if an existing file has another type. Raises OSError if a file can't be
        moved."""
        with held():
            special = _first(self._root, self._into, self._wanted, _is_special)
            if special is not None:
                raise UsageError(
                    "{path} on this machine is a device, a socket or a fifo, and is not overwritten",
                    hint=Hint.COPY_TO_BY_CAT,
                    path=str(self._path / os.fsdecode(special)),
                )
            clash = _first(self._root, self._into, self._wanted, _is_clash)
            if clash is not None:
                raise UsageError(
                    "{path} can't be replaced: it is a folder on one side of the copy and not on the other",
                    hint=Hint.MOVE_AWAY,
                    path=str(self._path / os.fsdecode(clash)),
                )
            _merge(self._root, self._into, self._wanted)


@contextlib.contextmanager
def _opened(root: int, parts: list[bytes], *, make: bool = False) -> Iterator[int]:
    """Open the folder at the path ``parts`` below ``root``, without following links. Missing folders are created if
    ``make`` is set. Raises OSError."""
    folder = os.dup(root)
    try:
        for part in parts:
            if make:
                with contextlib.suppress(FileExistsError):
                    os.mkdir(part, 0o755, dir_fd=folder)
            inner = os.open(part, _FOLDER, dir_fd=folder)
            os.close(folder)
            folder = inner
        yield folder
    finally:
        os.close(folder)


def _stays_inside(target: bytes, depth: int) -> bool:
    """Return whether a link at that depth below the top leads to a place inside the top. ``..`` is allowed only at the
    beginning, where the folders are real. After the name of another link, ``..`` would lead to the parent of that
    link's target."""
    parts = [part for part in target.split(b"/") if part not in (b"", b".")]
    up = next((at for at, part in enumerate(parts) if part != b".."), len(parts))
    return bool(target) and not target.startswith(b"/") and b".." not in parts[up:] and up <= depth


def _gone(name: bytes, folder: int) -> None:
    """Delete an earlier member of the same name, because the later member counts. Raises OSError for a folder."""
    with contextlib.suppress(FileNotFoundError):
        if stat.S_ISDIR(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode):
            raise IsADirectoryError
        os.unlink(name, dir_fd=folder)


def _write(member: TarMember, name: bytes, folder: int) -> None:
    """Write a file with the learner's bytes, without the special permissions that its mode may have had. Holes of
    sparse files stay holes, so the file uses no more disk here than in the box."""
    descriptor = os.open(name, _NEW, 0o600, dir_fd=folder)
    try:
        for piece in member.content:
            view = memoryview(piece)
            while view:
                part = view[:_PIECE]
                if len(part) >= _BLOCK and part == _HOLE[: len(part)]:
                    os.lseek(descriptor, len(part), os.SEEK_CUR)
                    view = view[len(part) :]
                else:
                    view = view[os.write(descriptor, part) :]
        os.ftruncate(descriptor, member.size)
        os.fchmod(descriptor, member.mode & 0o755 | 0o600)
        os.utime(descriptor, (member.mtime, member.mtime))
    finally:
        os.close(descriptor)


def _is_folder(name: bytes, folder: int) -> bool | None:
    """Return whether the name is a folder, or None if it doesn't exist. A link is not a folder."""
    try:
        return stat.S_ISDIR(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode)
    except FileNotFoundError:
        return None


def _first(source: int, target: int, name: bytes, refused: Callable[[int, int, bytes], bool]) -> bytes | None:
    """Return the first name, starting at ``name``, that ``refused`` rejects. Only folders that exist on both sides are
    searched."""
    if refused(source, target, name):
        return name
    if not (_is_folder(name, source) and _is_folder(name, target)):
        return None
    with _opened(source, [name]) as below, _opened(target, [name]) as beside:
        for inner in os.listdir(below):  # noqa: PTH208  a descriptor
            found = _first(below, beside, os.fsencode(inner), refused)
            if found is not None:
                return name + b"/" + found
    return None


def _is_special(source: int, target: int, name: bytes) -> bool:
    """Return whether the existing target is neither a file nor a folder, with links followed. A device such as
    /dev/null must never become a file."""
    try:
        mode = os.stat(name, dir_fd=target).st_mode
    except OSError:  # nothing exists, or it is a link that leads nowhere
        return False
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)) and _is_folder(name, source) is not None


def _is_clash(source: int, target: int, name: bytes) -> bool:
    """Return whether the name is a folder on one side and another type of file on the other side."""
    new, old = _is_folder(name, source), _is_folder(name, target)
    return new is not None and old is not None and new != old


def _merge(source: int, target: int, name: bytes) -> None:
    """Move the name to the target. If the name doesn't exist at the target, it is moved as a whole. A file at the
    target is replaced in one step, even if the file is a link."""
    if _is_folder(name, target) and _is_folder(name, source):
        with _opened(source, [name]) as below, _opened(target, [name]) as beside:
            for inner in os.listdir(below):  # noqa: PTH208  a descriptor
                _merge(below, beside, os.fsencode(inner))
        return
    with contextlib.suppress(FileNotFoundError):  # no member of the archive was copied
        os.rename(name, name, src_dir_fd=source, dst_dir_fd=target)
