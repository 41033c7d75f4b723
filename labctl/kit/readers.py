"""Who can read a file: by its mode, owner and group, and by those of every folder on the way (path_resolution(7))."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple

from labctl.kit import say
from labctl.kit.answers import Pair, Words
from labctl.kit.disk import as_input, literal, read_files
from labctl.kit.places import Place
from labctl.kit.rights.unix import read_accounts

_READ, _SEARCH = 4, 1
ANYBODY: Pair = ("everybody else", "其他所有人")
_OTHERS = "*"
"""The name of an account that is in no group and owns nothing."""


class FileReader(NamedTuple):
    """An account: its number, and the numbers of its groups."""

    name: str
    uid: int
    gids: frozenset[int]


class FileRights(NamedTuple):
    """What decides about access to one file or folder. ``listed``: it has an access control list (acl(5))."""

    mode: int
    uid: int
    gid: int
    listed: bool = False


def may(reader: FileReader, file: FileRights, bit: int) -> bool:
    """Return whether somebody has the permission ``bit`` (4: read, 1: search) for a file. The owner can give it to
    itself at any time. An access control list may name anybody. The group's permission is then its upper limit, so
    this permission counts for everybody."""
    if reader.uid in (0, file.uid):
        return True
    if file.listed:
        return bool((file.mode >> 3 | file.mode) & bit)
    return bool((file.mode >> 3 if file.gid in reader.gids else file.mode) & bit)


def readers_of(people: Iterable[FileReader], folders: Iterable[FileRights], file: FileRights) -> list[str]:
    """Return the names of the people who can read a file through these folders.

    >>> people = [FileReader("app", 1, frozenset({7})), FileReader("guest", 2, frozenset())]
    >>> readers_of(people, [FileRights(0o755, 0, 0)], FileRights(0o640, 0, 7))
    ['app']
    """
    way = list(folders)
    return [one.name for one in people if may(one, file, _READ) and all(may(one, each, _SEARCH) for each in way)]


def people_of(box: Place) -> list[FileReader]:
    """Return the accounts of a box, and a stranger that stands for any other account."""
    files = read_files(box, ["/etc/passwd", "/etc/group", "/etc/gshadow"])
    people = [FileReader(one.name, one.uid, frozenset(one.gids)) for one in read_accounts(files)]
    return [*people, FileReader(_OTHERS, -1, frozenset())]


def folders_of(path: str) -> list[str]:
    """Return the folders on the way to a path.

    >>> folders_of("/srv/a/b")
    ['/', '/srv', '/srv/a']
    """
    parts = path.strip("/").split("/")[:-1]
    return ["/", *("/" + "/".join(parts[: count + 1]) for count in range(len(parts)))]


def real_paths(box: Place, paths: Iterable[str]) -> dict[str, str]:
    """Return the path without links of each existing path."""
    wanted = list(paths)
    told = box.run("xargs -0 -n 1 readlink -f --", stdin=as_input(wanted)).stdout.splitlines()
    return {path: real for path, real in zip(wanted, told, strict=False) if real} if len(told) == len(wanted) else {}


def other_names(box: Place, path: str) -> list[str]:
    """Return all names of a file on its file system (hard links), apart from this one."""
    told = box.run("find / -xdev -samefile %s -print0", path).stdout
    return [name for name in told.split("\0") if name and name != path]


def rights_of(box: Place, paths: Iterable[str]) -> dict[str, FileRights]:
    """Return what decides about access, for existing paths."""
    wanted = sorted(set(paths))
    found = read_files(box, [literal(path) for path in wanted], most=0)
    # ls marks an access control list with a plus sign after the mode.
    marked = box.run("xargs -0 -n 1 ls -ldL --", stdin=as_input(found)).stdout.splitlines()
    lists = dict(zip(found, (line[10:11] == "+" for line in marked), strict=False)) if len(marked) == len(found) else {}
    return {
        path: FileRights(file.mode, file.uid, file.gid, lists.get(path, len(marked) != len(found)))
        for path, file in found.items()
    }


def all_readers(box: Place, paths: Iterable[str], but: Iterable[str] = ()) -> dict[str, list[str]]:
    """Return who can read each path, except root and the accounts of ``but``. If everybody can, the list is only the
    sign for that. Paths are without links, see :func:`real_paths`."""
    wanted = list(paths)
    people = [one for one in people_of(box) if one.uid != 0 and one.name not in but]
    rights = rights_of(box, {each for path in wanted for each in (*folders_of(path), path)})
    return {path: readers_in(rights, people, path) for path in wanted if path in rights}


def readers_in(rights: Mapping[str, FileRights], people: Iterable[FileReader], path: str) -> list[str]:
    """Return who can read a path, by the rights of all folders. For everybody, the list has only the sign for that."""
    way = [rights[folder] for folder in folders_of(path) if folder in rights]
    found = readers_of(people, way, rights[path])
    return [_OTHERS] if _OTHERS in found else found


def worded(names: Iterable[str]) -> list[Pair]:
    """Return the names of readers for answers."""
    return [ANYBODY if name == _OTHERS else (name, name) for name in names]


def readable_by(path: str, readers: Collection[str]) -> Words:
    """The words for: these accounts can read this file."""
    return say.joined((f"{path} can be read by ", f"可以读取 {path} 的有："), say.listed(worded(readers)))


def unreadable(path: str, but: Collection[str]) -> Words:
    """The words for: only root and these accounts can read this file."""
    names = ["root", *(name for name in but if name != "root")]
    return f"{path}, readable only by {', '.join(names)}", f"只有 {'、'.join(names)} 能读取 {path}"


def long_list(path: str) -> str:
    """The command that shows the modes of a file and of its folders."""
    return f"namei -l {path}"
