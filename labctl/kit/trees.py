"""Trees of files: what a check puts into a box as input for a program, and what it reads there afterwards.

A tree maps paths to entries. A path is bytes, as the kernel has it, relative to the tree's folder; the empty path is
the folder itself. The constructors below contain all kinds of names and files in each run. Only words in the names
are random, so that no program can know them.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any, NamedTuple

from labctl.kit.answers import Pair

HERE = "/@here@"
"""Stands for the folder of a run's tree in words, ``cwd``, ``env``, stdin, and in contents of files and links."""

LONGEST = 255
"""The bytes that a file name can have, see NAME_MAX in limits.h."""

MTIME = 1_700_000_000
"""The time of files that a check puts into a box, in seconds since 1970."""


class TreeEntry(NamedTuple):
    """One path of a tree. ``kind`` is ``file``, ``folder``, ``link`` (symbolic), ``hard`` (a second name of the file
    ``target``; only in inputs), ``fifo``, ``socket`` or ``other``. ``data`` is a file's content. None means that it was
    too large to be read; ``digest`` is then its SHA-256, if it has at most 64 MiB. ``size`` is the apparent size in
    bytes, ``mtime`` is in seconds since 1970. ``inode`` and ``names`` (the number of hard links) are known only of
    trees that were read from a box."""

    kind: str = "file"
    data: bytes | None = b""
    mode: int = 0o644
    uid: int = 0
    gid: int = 0
    mtime: int = MTIME
    target: bytes = b""
    size: int = 0
    inode: int = 0
    names: int = 1
    digest: str = ""

    def text(self) -> str:
        """Return the content as text. A byte that is not part of a character becomes a replacement character."""
        return (self.data or b"").decode(errors="replace")


Tree = dict[bytes, TreeEntry]


def file(data: bytes | str = b"", mode: int = 0o644, uid: int = 0, gid: int = 0, mtime: int = MTIME) -> TreeEntry:
    """Return a regular file."""
    raw = data if isinstance(data, bytes) else data.encode()
    return TreeEntry("file", raw, mode, uid, gid, mtime, size=len(raw))


def job(*lines: str, mode: int = 0o755) -> TreeEntry:
    """Return an executable shell script with these lines."""
    return file("\n".join(("#!/bin/sh", *lines, "")), mode)


def folder(mode: int = 0o755, uid: int = 0, gid: int = 0) -> TreeEntry:
    """Return a directory."""
    return TreeEntry("folder", b"", mode, uid, gid)


def link(target: bytes | str) -> TreeEntry:
    """Return a symbolic link. The target need not exist."""
    return TreeEntry("link", b"", 0o777, target=_raw(target))


def hard(path: bytes | str) -> TreeEntry:
    """Return a second name of the tree's file ``path``."""
    return TreeEntry("hard", b"", target=_raw(path))


def fifo(mode: int = 0o644) -> TreeEntry:
    """Return a named pipe. A program that opens it waits."""
    return TreeEntry("fifo", b"", mode)


def unix_socket() -> TreeEntry:
    """Return a Unix socket that nobody listens on."""
    return TreeEntry("socket", b"")


def sparse(size: int, mtime: int = MTIME) -> TreeEntry:
    """Return a file of ``size`` bytes that uses no space on the disk."""
    return TreeEntry("file", None, size=size, mtime=mtime)


def tree(*parts: Mapping[Any, TreeEntry | bytes | str]) -> Tree:
    """Return a tree of all parts. Paths are bytes or str. A value of bytes or str is the content of a file. Missing
    parent folders are added. A later part wins.

    >>> sorted(tree({"a b/c": "text"}))
    [b'a b', b'a b/c']
    """
    made: Tree = {}
    for name, given in (item for part in parts for item in part.items()):
        path = _raw(name).strip(b"/")
        entry = given if isinstance(given, TreeEntry) else file(given)
        steps = path.split(b"/")
        for depth in range(1, len(steps)):
            made.setdefault(b"/".join(steps[:depth]), folder())
        made[path] = entry
    return made


def under(found: Mapping[bytes, TreeEntry], place: bytes | str) -> Tree:
    """Return the part of a tree below one of its folders, with paths relative to that folder.

    >>> list(under(tree({"a/b": "1", "c": "2"}), "a"))
    [b'b']
    """
    start = _raw(place).strip(b"/") + b"/"
    return {path[len(start) :]: entry for path, entry in found.items() if path.startswith(start)}


def placed(found: Mapping[bytes, TreeEntry], place: bytes | str) -> Tree:
    """Return the tree with all its paths below the folder ``place``. Targets of hard links move as well."""
    start = _raw(place).strip(b"/") + b"/"
    moved = {start + path: entry for path, entry in found.items()}
    return tree(
        {
            path.rstrip(b"/"): entry._replace(target=start + entry.target) if entry.kind == "hard" else entry
            for path, entry in moved.items()
        }
    )


def odd_names(ending: bytes | str = "") -> list[bytes]:
    """Return one name of each kind that programs get wrong, each with ``ending``. The kinds are always the same."""
    end = _raw(ending)
    kinds = [
        b"two  words",
        b" ahead",
        b"new\nline",
        b"\nfirst",
        b"ta\tb",
        b"car\rriage",
        b"-rf",
        b"--help",
        b"*",
        b"?",
        b"[a-z]",
        b"{1,2}",
        b"~",
        b"#",
        b"!",
        b"it's",
        b'a"b',
        b"back\\slash",
        b"\\n",
        b"%s",
        b"$(id)",
        b"`id`",
        b"$HOME",
        b"a;b",
        b"a&b",
        b"a|b",
        b"a=b",
        b"a:b",
        "报表 ü".encode(),
        b"no\xff\xfeutf-8",
        b".hidden",
        b"..x",
    ]
    names = [kind + _word() + end for kind in kinds]
    names += [b"*" + end, b"-" + _word()[:1] + end]
    if not end:
        names += [b"behind" + _word() + b" ", b"newline" + _word() + b"\n"]
    rest = LONGEST - len(end) - 8
    return [*names, b"l" * rest + _word() + end]


def odd_files(ending: bytes | str = "", mode: int = 0o644) -> Tree:
    """Return a file with each odd name. Every content is another one, and some are empty or have no last newline."""
    made: Tree = {}
    for at, name in enumerate(odd_names(ending)):
        word = secrets.token_hex(6).encode()
        made[name] = file((word + b"\n", word, b"", b"\0" + word, b"\n\n" + word)[at % 5], mode)
    return made


def odd_kinds(*, sockets: bool = True, huge: int = (1 << 31) + 4097) -> Tree:
    """Return a tree with every kind of file: links to a file, to a folder, to nothing, in a loop, and out of the tree;
    hard links; an empty file; a sparse file of ``huge`` bytes; a deep folder; a file and a folder without read
    permission; a fifo; a socket; a file of the year 1980; a hidden folder; an empty folder."""
    word = secrets.token_hex(4)
    deep = "/".join(["deep"] * 40)
    entries: dict[bytes | str, TreeEntry | bytes | str] = {
        f"plain {word}": f"plain {word}\n",
        "empty": b"",
        "empty folder": folder(),
        f"link to file {word}": link(f"plain {word}"),
        "link to folder": link("sub"),
        "link to nothing": link(f"nothing-{word}"),
        "loop a": link("loop b"),
        "loop b": link("loop a"),
        "link up": link(".."),
        "link out": link("/etc/hostname"),
        "link to root": link("/"),
        "hard": hard(f"plain {word}"),
        f"{deep}/{word}": f"deep {word}\n",
        "unreadable": file(f"unreadable {word}\n", 0o000),
        "closed": folder(0o000),
        "closed/inside": f"inside {word}\n",
        "fifo": fifo(),
        "old": file(f"old {word}\n", mtime=315_532_800),
        "sub/file": f"sub {word}\n",
        ".hidden/file": f"hidden {word}\n",
        "program": job("exit 0"),
        "setuid": file(f"setuid {word}\n", 0o4755),
        "nobody's": file(f"nobody {word}\n", 0o600, 65534, 65534),
    }
    if sockets:
        entries["socket"] = unix_socket()
    if huge:
        entries["huge"] = sparse(huge)
    return tree(entries)


class PathVariant(NamedTuple):
    """One way to name a folder. ``words`` are the arguments, ``cwd`` is the folder to run in, and ``adds`` is what the
    tree needs for it. ``name`` says what is special, for answers."""

    name: Pair
    words: tuple[str, ...]
    cwd: str
    adds: Tree


def odd_paths(place: str) -> list[PathVariant]:
    """Return the ways to name the folder ``place`` of the tree. A program treats all of them alike."""
    full, word = f"{HERE}/{place}", secrets.token_hex(3)
    links = tree({f"link {word}": link(place), f"-link{word}": link(place)})
    return [
        PathVariant(("with a relative path", "给相对路径时"), (place,), HERE, {}),
        PathVariant(("with a slash at the end", "路径末尾带斜杠时"), (f"{full}/",), "/", {}),
        PathVariant(("with two slashes", "路径里有两个斜杠时"), (f"{HERE}//{place}",), "/", {}),
        PathVariant(("with the path .", "路径为 . 时"), (".",), full, {}),
        PathVariant(("with .. in the path", "路径里有 .. 时"), (f"../{place}",), full, {}),
        PathVariant(
            ("with a symbolic link to the folder", "参数是指向目录的符号链接时"), (f"link {word}",), HERE, links
        ),
        PathVariant(("after --", "写在 -- 之后时"), ("--", full), "/", {}),
        PathVariant(
            ("with a name that begins with a dash, after --", "名字以 - 开头并写在 -- 之后时"),
            ("--", f"-link{word}"),
            HERE,
            links,
        ),
    ]


def wrong_paths(place: str) -> list[PathVariant]:
    """Return the wrong ways to name the folder ``place`` of the tree. A program refuses all of them."""
    word = secrets.token_hex(3)
    return [
        PathVariant(("without an argument", "没有参数时"), (), HERE, {}),
        PathVariant(("with one argument too many", "多一个参数时"), (f"{HERE}/{place}", f"{HERE}/{place}"), HERE, {}),
        PathVariant(("with an empty argument", "参数为空时"), ("",), HERE, {}),
        PathVariant(("with a path that does not exist", "路径不存在时"), (f"{HERE}/none {word}",), HERE, {}),
        PathVariant(
            ("with a file instead of a folder", "参数是文件而不是目录时"),
            (f"file {word}",),
            HERE,
            tree({f"file {word}": word}),
        ),
        PathVariant(
            ("with a link to nothing", "参数是悬空链接时"),
            (f"link {word}",),
            HERE,
            tree({f"link {word}": link(f"none {word}")}),
        ),
    ]


def _raw(name: bytes | str) -> bytes:
    return name if isinstance(name, bytes) else name.encode(errors="surrogateescape")


def _word() -> bytes:
    return secrets.token_hex(4).encode()
