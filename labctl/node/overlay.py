"""The files of a box's disk that are not in its image. They are read from the layers of the disk's overlay, on the
engine's machine.

The upper layer contains all files that were written since the box was created, whatever the box itself reports. Links
in a layer are never followed, because they may lead to the engine's machine.
"""

from __future__ import annotations

import contextlib
import os
import re
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from labctl.node import pidfd
from labctl.node.mounts import unescaped

_MOST_FILES = 50_000
_DEEPEST = 200
_PIECE = 1 << 20
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# These files belong to no package, or an administrator may change them. They are not compared.
_OWN = (
    *("etc/", "var/", "root/", "home/", "tmp/", "run/", "srv/", "mnt/", "media/", "proc/", "sys/", "dev/"),
    *("opt/", "usr/local/"),
)


class Layers(NamedTuple):
    """Folders on the engine's machine, reached through the process that started the box. The topmost lower layer comes
    first."""

    upper: str
    lower: tuple[str, ...]


def layers(pid: int) -> Layers:
    """Return the layers of the box of that pid. Raises OSError if its disk is not an overlay (overlayfs)."""
    parent = next(line.split()[1] for line in _text(f"/proc/{pid}/status").split("\n") if line.startswith("PPid:"))
    found = overlay(_text(f"/proc/{pid}/mountinfo"), lambda: _text(f"/proc/{parent}/mountinfo"))
    root = f"/proc/{parent}/root"
    # Docker names its layers by short links, which Docker itself creates.
    return Layers(root + found.upper, tuple(_real(root, path) for path in found.lower))


def overlay(mountinfo: str, engines: Callable[[], str]) -> Layers:
    """Return the layers of the overlay at ``/``, by their paths on the engine's machine. ``engines`` returns the
    mountinfo of the process that started the box. If the names of all layers are longer than a page, Docker uses names
    relative to its own folder. Only the path at which Docker mounted the box shows which folder this is. Raises OSError
    if there is no overlay or its folder is unknown."""
    options = overlay_options(mountinfo)
    upper = options["upperdir"][0]
    if upper.startswith("/"):
        home = str(Path(upper).parent.parent)
    else:
        home = _home(mountinfo, engines())
        upper = f"{home}/{upper}"
    return Layers(upper, tuple(path if path.startswith("/") else f"{home}/{path}" for path in options["lowerdir"]))


def _home(box: str, engine: str) -> str:
    """Return Docker's folder of layers. Docker mounts a box at ``HOME/ID/merged``, and each overlay has its own device
    number."""
    device = next(fields[2] for fields, kind, _ in _mounts(box) if kind == "overlay" and fields[4] == "/")
    for fields, kind, _ in _mounts(engine):
        place = unescaped(fields[4])
        if kind == "overlay" and fields[2] == device and place.endswith("/merged"):
            return str(Path(place).parent.parent)
    raise OSError("the engine's folder of the box's disk is unknown")


def _mounts(mountinfo: str) -> Iterator[tuple[list[str], str, str]]:
    """Yield the fields before the dash, the type and the options of each mount."""
    for line in mountinfo.split("\n"):
        before, _, after = line.partition(" - ")
        kind, _, rest = after.partition(" ")
        fields = before.split(" ")
        if len(fields) > 4:
            yield fields, kind, rest.partition(" ")[2]


def _text(path: str) -> str:
    return Path(path).read_text(errors="surrogateescape")


def _real(root: str, path: str) -> str:
    whole = root + path
    if not Path(whole).is_symlink():
        return whole
    return os.path.normpath(f"{Path(whole).parent}/{os.readlink(whole)}")  # noqa: PTH115


def overlay_options(mountinfo: str) -> dict[str, list[str]]:
    """Return the options of the overlay at ``/``, each with its values. Each lower layer is a value of ``lowerdir``.
    The kernel lists the lower layers in one option, separated by colons, or in one option for each layer
    (``lowerdir+``). Raises OSError if there is no overlay."""
    for fields, kind, options in _mounts(mountinfo):
        if kind == "overlay" and fields[4] == "/":
            found: dict[str, list[str]] = {}
            for option in options.split(","):
                name, _, value = option.partition("=")
                values = _parts(unescaped(value)) if name == "lowerdir" else [unescaped(value)]
                found.setdefault(name.removesuffix("+"), []).extend(values)
            if "upperdir" in found and "lowerdir" in found:
                return found
    raise OSError("the box's disk is not an overlay")


def _parts(names: str) -> list[str]:
    """Split layers at colons. A colon in a name has a backslash before it (overlayfs)."""
    return [name.replace("\\:", ":") for name in re.split(r"(?<!\\):", names)]


def written(upper: str) -> Iterator[tuple[str, os.stat_result]]:
    """Yield every file of the upper layer, with its path from the box's root. Raises OSError if there are too many
    files, or if there is no such layer."""
    for count, (path, found) in enumerate(_walk(os.open(upper, _FOLDER), "", 0)):
        if count >= _MOST_FILES:
            raise OSError(f"more than {_MOST_FILES} files and folders were written in the box")
        if not stat.S_ISDIR(found.st_mode):
            yield path, found


def _walk(folder: int, above: str, depth: int) -> Iterator[tuple[str, os.stat_result]]:
    """Yield each file and folder below an open folder. If root in the box moves a file away or replaces it by a link
    meanwhile, the file is left out."""
    if depth > _DEEPEST:
        os.close(folder)
        raise OSError(f"there are more than {_DEEPEST} folders in each other")
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                path = f"{above}{entry.name}"
                with contextlib.suppress(FileNotFoundError, NotADirectoryError):
                    found = entry.stat(follow_symlinks=False)
                    yield path, found
                    if stat.S_ISDIR(found.st_mode):
                        yield from _walk(os.open(entry.name, _FOLDER, dir_fd=folder), f"{path}/", depth + 1)
    finally:
        os.close(folder)


def changes(pid: int, container: str) -> dict[str, list[str]]:
    """Return the changes of a box. ``files``: all paths that were written since the box was created. ``packaged``:
    files of the image's packages, outside of an administrator's folders, whose content has changed or that were
    removed. Raises GoneError if that pid does not belong to this container any more."""
    alive = pidfd.open_box(pid, container)
    try:
        found = layers(pid)
        if pidfd.has_ended(alive):
            raise pidfd.GoneError("the box has stopped")
        return _changes(found)
    finally:
        os.close(alive)


def _changes(found: Layers) -> dict[str, list[str]]:
    files, packaged = [], []
    candidates: list[tuple[str, os.stat_result]] = []
    for path, there in written(found.upper):
        files.append(f"/{path}")
        if not path.startswith(_OWN):
            candidates.append((path, there))
    if candidates:
        known = frozenset[str]().union(*(_packaged(layer) for layer in found.lower))
        packaged = [f"/{path}" for path, there in candidates if f"/{path}" in known and _differs(found, path, there)]
    return {"files": files, "packaged": sorted(packaged)}


_KNOWN: dict[str, set[str]] = {}


def _packaged(layer: str) -> set[str]:
    """Return every path that a package installed, by dpkg's lists in that layer of the image. Most boxes have the same
    layers, but each box reaches the layers through another process. So the result is cached by the part of the path
    that does not depend on the process. Paths below /bin, /lib and /sbin, which are links to /usr today, are returned
    as paths below /usr."""
    name = layer.partition("/root/")[2] or layer
    if name not in _KNOWN:
        _KNOWN[name] = _read_lists(f"{layer}/var/lib/dpkg/info")
    return _KNOWN[name]


def _read_lists(folder: str) -> set[str]:
    known: set[str] = set()
    with contextlib.suppress(OSError):
        for name in os.listdir(folder):  # noqa: PTH208
            if name.endswith(".list"):
                with open(f"{folder}/{name}", errors="surrogateescape") as file:  # noqa: PTH123
                    known.update(file.read().splitlines())
    known |= {f"/usr{path}" for path in known if path.startswith(("/bin/", "/sbin/", "/lib"))}
    return known


def _differs(found: Layers, path: str, there: os.stat_result) -> bool:
    if stat.S_ISCHR(there.st_mode):
        return True  # a whiteout: the file was removed
    for layer in found.lower:
        below = _open(layer, path)
        if below is None:
            continue
        with below as before:
            above = _open(found.upper, path)
            if above is None:
                return True
            with above as after:
                return not _same(before, after)
    return False


def _open(layer: str, path: str) -> _Descriptor | None:
    """Open a file of a layer without following links. Return None if there is no such file."""
    try:
        folder = os.open(layer, _FOLDER)
    except OSError:
        return None
    *parents, name = path.split("/")
    try:
        for parent in parents:
            inner = os.open(parent, _FOLDER, dir_fd=folder)
            os.close(folder)
            folder = inner
        return _Descriptor(os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder))
    except OSError:
        return None
    finally:
        os.close(folder)


class _Descriptor:
    """Yield an open file, and close it at the end of ``with``."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor

    def __enter__(self) -> _Descriptor:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self.descriptor)


def _same(one: _Descriptor, other: _Descriptor) -> bool:
    if os.fstat(one.descriptor).st_size != os.fstat(other.descriptor).st_size:
        return False
    while True:
        left, right = os.read(one.descriptor, _PIECE), os.read(other.descriptor, _PIECE)
        if left != right:
            return False
        if not left:
            return True
