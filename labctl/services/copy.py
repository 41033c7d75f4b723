"""Copy files between this machine and a box, as tar archives through the engine."""

from __future__ import annotations

import io
import posixpath
import tarfile
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO, cast

from labctl.errors import LabctlError, UsageError
from labctl.ports import Engine

if not hasattr(tarfile, "data_filter"):  # Python before 3.11.4, as Debian 12 has it
    from backports import tarfile  # type: ignore[no-redef,unused-ignore]


class Copy:
    """The use case."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def upload(self, box_id: str, source: Path, target: str) -> list[str]:
        """A file or folder into the box: into ``target`` where that is a folder, else as ``target``. The names that
        went. Owned by root in the box. Raises UsageError."""
        if not source.exists():
            raise UsageError("there is no {path} here", path=str(source))
        target = posixpath.join("/root", target)
        name = source.resolve().name
        if target.endswith("/") or self._is_folder(box_id, target):
            folder = target
        else:
            folder, name = posixpath.split(target)
        with tempfile.TemporaryFile() as file:
            with tarfile.open(fileobj=file, mode="w") as tar:
                try:
                    tar.add(source, arcname=name, filter=_as_root)
                except OSError as error:
                    path = str(error.filename or source)
                    raise UsageError("{file} can't be read: {why}", file=path, why=str(error.strerror)) from error
                names = tar.getnames()
            file.seek(0)
            self._engine.put_archive(box_id, folder, iter(lambda: file.read(1 << 16), b""))
        return names

    def put(self, box_id: str, content: bytes, target: str) -> str:
        """A file of this content as ``target`` in the box, root's; its whole path. Raises UsageError where that is a
        folder, or its folder isn't there."""
        target = posixpath.normpath(posixpath.join("/root", target))
        if self._is_folder(box_id, target):
            raise UsageError("{path} is a folder in the box", hint="say the file's name, too", path=target)
        folder, name = posixpath.split(target)
        with io.BytesIO() as file:
            with tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT) as tar:
                info = _as_root(tarfile.TarInfo(name))
                info.size, info.mode, info.mtime = len(content), 0o644, time.time()
                tar.addfile(info, io.BytesIO(content))
            self._engine.put_archive(box_id, folder, file.getvalue())
        return target

    def _is_folder(self, box_id: str, path: str) -> bool:
        """Also a link to one, as ``/bin`` is: the engine gives a link as itself, and for ``link/.`` what is behind."""
        try:
            with self._download(box_id, path) as tar:
                first = tar.next()
            if first is None or not first.issym():
                return first is not None and first.isdir()
            self._download(box_id, f"{path}/.").close()
        except LabctlError:
            return False
        return True

    def download(self, box_id: str, source: str, target: Path) -> list[str]:
        """A file or folder of the box to here: into ``target`` where that is a folder, else as ``target``. The names
        that came. What comes from a box is a learner's: nothing is written outside of the target. Raises UsageError."""
        source = posixpath.join("/root", source)
        into = target if target.is_dir() else target.parent
        if not into.is_dir():
            raise UsageError("there is no folder {path} here", path=str(into))
        rename = None if target.is_dir() else target.name
        names = []
        with self._download(box_id, source) as tar:
            top = posixpath.basename(source.rstrip("/"))
            for member in tar:
                name = _renamed(member.name, top, rename)
                # A hard link names the other file from the archive's top, a symbolic one from where it is.
                linkname = _renamed(member.linkname, top, rename) if member.islnk() else member.linkname
                try:
                    tar.extract(member.replace(name=name, linkname=linkname), into, filter="data")
                except tarfile.FilterError as error:
                    raise UsageError(
                        "{name} of the box is not taken: {why}", name=member.name, why=str(error)
                    ) from error
                except OSError as error:
                    path = str(error.filename or into)
                    raise UsageError("{path} can't be written: {why}", path=path, why=str(error.strerror)) from error
                names.append(name)
        return names

    def _download(self, box_id: str, path: str) -> tarfile.TarFile:
        pieces = _Pieces(self._engine.get_archive(box_id, path))
        return tarfile.open(fileobj=cast("IO[bytes]", pieces), mode="r|")


def _renamed(name: str, top: str, wanted: str | None) -> str:
    """A member's name where the top of its archive is to have another one."""
    return wanted + name[len(top) :] if wanted is not None and (name == top or name.startswith(f"{top}/")) else name


class _Pieces(io.RawIOBase):
    """Pieces of bytes as a file to read."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._rest = b""

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        while size < 0 or len(self._rest) < size:
            piece = next(self._pieces, b"")
            if not piece:
                break
            self._rest += piece
        if size < 0:
            size = len(self._rest)
        data, self._rest = self._rest[:size], self._rest[size:]
        return data


def _as_root(info: tarfile.TarInfo) -> tarfile.TarInfo:
    info.uid = info.gid = 0
    info.uname = info.gname = "root"
    return info
