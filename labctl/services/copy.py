"""Copy files between this machine and a box, as tar archives."""

from __future__ import annotations

import io
import os
import posixpath
import tarfile
import tempfile
import time
from pathlib import Path

from labctl.domain.spot import Spot, SpotKind
from labctl.domain.tarball import TarballError, members
from labctl.domain.text import visible
from labctl.errors import UsageError
from labctl.events import Emit, Note, silent
from labctl.hints import Hint
from labctl.ports import Engine
from labctl.services.landing import SPECIAL, Landing

_MOST_NOTES = 1000
"""The largest number of lines about files that are not copied. A box may contain millions of links."""


class Copy:
    """Copy files. ``emit`` receives a Note for each file that is not copied, with the reason. ``box`` is the box's name
    for hints."""

    def __init__(self, engine: Engine, emit: Emit = silent, box: str = "BOX") -> None:
        self._engine = engine
        self._emit = emit
        self._box = box

    def upload(self, box_id: str, source: Path, target: str) -> list[str]:
        """Copy a file or folder into the box, and return the copied names. If ``target`` is a folder, the copy is
        created in it. Otherwise, the copy gets the name ``target``. In the box, root owns the copy. If ``source``
        itself is a link, the link is followed. Links inside a folder are not followed. Raises UsageError if the copy
        fails."""
        if not source.exists():
            raise UsageError("there is no {path} on this machine", path=str(source))
        target = posixpath.join("/root", target)
        source, spot = source.resolve(), self._engine.find(box_id, target)
        if target.endswith("/") or spot.kind is SpotKind.FOLDER:
            folder, name = target, source.name
        else:
            folder, name = posixpath.split(target)
        self._writable(spot)
        with tempfile.TemporaryFile() as file:
            with self._writing(file) as tar:
                try:
                    tar.add(source, arcname=name, filter=self._fit)
                except OSError as error:
                    path = str(error.filename or source)
                    why = error.strerror or str(error)
                    raise UsageError("{file} can't be read: {why}", file=path, why=why) from error
                names = tar.getnames()
                if not names:
                    raise UsageError("{path} contains no files that can be copied", path=str(source))
            self._engine.put_archive(box_id, folder, file)
        return names

    def put(self, box_id: str, content: bytes, target: str) -> str:
        """Write content to the file ``target`` in the box, and return the file's whole path. Root owns the file. Raises
        UsageError if ``target`` is a folder, or if the folder of ``target`` doesn't exist."""
        target = posixpath.normpath(posixpath.join("/root", target))
        spot = self._engine.find(box_id, target)
        if spot.kind is SpotKind.FOLDER:
            raise UsageError("{path} is a folder in the box", hint=Hint.NAME_FILE, path=target)
        self._writable(spot)
        folder, name = posixpath.split(target)
        with io.BytesIO() as file:
            with self._writing(file) as tar:
                info = _as_root(tarfile.TarInfo(name))
                info.size, info.mode, info.mtime = len(content), 0o644, int(time.time())
                tar.addfile(info, io.BytesIO(content))
            self._engine.put_archive(box_id, folder, file.getvalue())
        return target

    @staticmethod
    def _writing(file: io.IOBase) -> tarfile.TarFile:
        """Open a tar archive in GNU's format, because the toolbox's tar can't read long names in the pax format."""
        return tarfile.open(
            fileobj=file, mode="w", format=tarfile.GNU_FORMAT, encoding="utf-8", errors="surrogateescape"
        )

    def _fit(self, info: tarfile.TarInfo) -> tarfile.TarInfo | None:
        if not (info.isreg() or info.isdir() or info.issym() or info.islnk()):
            self._emit(_named(SPECIAL, info.name))
            return None
        return _as_root(info)

    def _writable(self, spot: Spot) -> None:
        if spot.by_kernel:
            raise UsageError(
                "no file can be copied to {path} of the box: the kernel generates its content",
                hint=Hint.ENTER,
                box=self._box,
                path=_shown(spot.path),
            )
        if spot.kind is SpotKind.OTHER:
            raise UsageError("{path} of the box is a device, a socket or a fifo", path=_shown(spot.path))
        _mounted(spot)

    def download(self, box_id: str, source: str, target: Path) -> list[str]:
        """Copy a file or folder of the box to this machine, and return the copied names.

        If ``target`` is a folder, the copy is created in it. Otherwise, the copy gets the name ``target``. If
        ``source`` itself is a link, the link is followed within the box. Inside ``source``, links to places outside are
        not copied. A learner controls the content of the box, so nothing is written outside the target. Raises
        UsageError if the copy fails. After this error, nothing on this machine has changed.
        """
        source = posixpath.join("/root", source)
        into = target if target.is_dir() else target.parent
        if not into.is_dir():
            raise UsageError("there is no folder {path} on this machine", path=str(into))
        spot = self._engine.find(box_id, source)
        if spot.kind is SpotKind.MISSING:
            raise UsageError("there is no {path} in the box", path=source)
        if spot.by_kernel:
            raise UsageError(
                "{path} of the box can't be copied: the kernel generates its content at each read",
                hint=Hint.COPY_BY_CAT,
                box=self._box,
                path=_shown(spot.path),
            )
        if spot.kind is SpotKind.OTHER:
            raise UsageError("{path} of the box is a device, a socket or a fifo", path=_shown(spot.path))
        _mounted(spot)
        named = next((name for name in (posixpath.basename(source), posixpath.basename(spot.path)) if _plain(name)), "")
        wanted = named if target.is_dir() else target.name
        if spot.path == "/" or not _plain(wanted):
            raise UsageError("a whole box can't be copied", hint=Hint.COPY_PART, box=self._box)
        try:
            return self._land(box_id, spot.path, into, wanted)
        except OSError as error:
            path = os.fsdecode(error.filename or b"") or str(into)
            raise UsageError("{path} can't be written: {why}", path=path, why=str(error.strerror)) from error
        except TarballError as error:
            raise UsageError("the data from the box is not a valid archive: {why}", why=str(error)) from error

    def _land(self, box_id: str, source: str, into: Path, wanted: str) -> list[str]:
        left = _LeftOut(self._emit)
        pieces = self._engine.get_archive(box_id, source, lambda name: left(name, SPECIAL))
        top = os.fsencode(posixpath.basename(source))
        with Landing(into, top, wanted, left) as landing:
            taken = (member.name.strip(b"/") for member in members(pieces) if landing.take(member))
            names = [wanted + os.fsdecode(name[len(top) :]) for name in taken]
            for _ in pieces:
                pass  # the end of the archive shows whether all data arrived
            if not names:
                raise UsageError("no file of {path} in the box could be copied", path=source)
            landing.settle()
        left.end()
        return names


def _as_root(info: tarfile.TarInfo) -> tarfile.TarInfo:
    info.uid = info.gid = 0
    info.uname = info.gname = "root"
    return info


def _mounted(spot: Spot) -> None:
    if spot.unmounted:
        raise UsageError(
            "{path} is on a mount that exists only while the box runs",
            hint=Hint.START_LAB,
            path=_shown(spot.path),
        )


def _plain(name: str) -> bool:
    return name not in ("", ".", "..") and "/" not in name


class _LeftOut:
    """Report each file that is not copied, up to a maximum number of lines."""

    def __init__(self, emit: Emit) -> None:
        self._emit = emit
        self._count = 0

    def __call__(self, name: bytes | str, why: Note) -> None:
        self._count += 1
        if self._count <= _MOST_NOTES:
            self._emit(_named(why, os.fsdecode(name)))

    def end(self) -> None:
        """Report how many more files were not copied."""
        if self._count > _MOST_NOTES:
            self._emit(Note("{count} more files are not copied", (("count", str(self._count - _MOST_NOTES)),)))


def _named(why: Note, name: str) -> Note:
    return Note(why.text, (("name", _shown(name)),))


def _shown(name: str) -> str:
    """Return the name on one line, whatever characters it contains."""
    return visible(name.replace("\n", "\\n").replace("\t", "\\t"))
