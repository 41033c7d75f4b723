"""Read a tree of files out of a box, and compare two trees.

The tree is read from outside of the box by find(1), stat(1) and cat(1) of the toolbox, with bounded output. An
unpredictable token separates the entries, because names may contain any byte except the slash and NUL.
"""

from __future__ import annotations

import secrets
import shlex
import stat
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from labctl.kit.answers import Pair, Unmet
from labctl.kit.places import CheckedBox
from labctl.kit.trees import Tree, TreeEntry, _raw

MOST_OF_FILE = 1 << 20
"""A larger file is not read: its entry has no content, but a digest."""

MOST_TO_HASH = 64 << 20
"""A larger file has no digest either."""

MOST_ENTRIES = 20_000
"""A tree with more entries is not read."""

MOST_OF_TREE = 8 << 20
"""The bytes of all contents, and of the list of all entries."""

_KINDS = {
    stat.S_IFREG: "file",
    stat.S_IFDIR: "folder",
    stat.S_IFLNK: "link",
    stat.S_IFIFO: "fifo",
    stat.S_IFSOCK: "socket",
}


class TreeChange(NamedTuple):
    """One path that differs between two trees, with the difference in words."""

    path: bytes
    words: Pair


class TreeTooLargeError(Exception):
    """The tree has more entries or bytes than the limit."""


def reading_script(path: str, token: str, most_of_file: int = MOST_OF_FILE, most: int = MOST_OF_TREE) -> str:
    """Return the shell script that prints a tree for :func:`parse_tree`."""
    entry = f"{token}%f %u %g %Y %s %i %h %n{token}%N"
    large = f"-type f -size +{most_of_file}c -size -{MOST_TO_HASH + 1}c"
    few = f"[ $(find . | head -n {MOST_ENTRIES} | wc -l) -lt {MOST_ENTRIES} ]"
    return (
        f"cd {shlex.quote(path)} || {{ printf %s {token}none; exit; }}; {few} && {{"
        f" find . -exec stat -c {shlex.quote(entry)} {{}} + | head -c {most}; printf %s {token}{token};"
        f" find . {large} -exec sh -c 'for one; do sha256sum <\"$one\"; done' sh {{}} +; printf %s {token}{token};"
        f" find . -type f -size -{most_of_file + 1}c -exec cat {{}} + | head -c {most}; }}"
    )


def parse_tree(printed: bytes, token: str, most_of_file: int = MOST_OF_FILE, most: int = MOST_OF_TREE) -> Tree:
    """Return the tree that the script has printed. Raises TreeTooLargeError."""
    mark = token.encode()
    if printed == mark + b"none":
        return {}
    listed, _, rest = printed.partition(mark + mark)
    hashed, end, contents = rest.partition(mark + mark)
    if len(listed) >= most or not end:
        raise TreeTooLargeError
    digests = iter(hashed.decode().split("  -\n"))
    pieces = listed.split(mark)[1:]
    found: Tree = {}
    at = 0
    for head, shown in zip(pieces[::2], pieces[1::2], strict=True):
        mode, uid, gid, mtime, size, inode, names, name = head.split(b" ", 7)
        raw, length = int(mode, 16), int(size)
        kind = _KINDS.get(stat.S_IFMT(raw), "other")
        data: bytes | None = b""
        digest = ""
        if kind == "file" and length <= most_of_file:
            data = contents[at : at + length]
            at += length
        elif kind == "file":
            data = None
            digest = next(digests, "") if length <= MOST_TO_HASH else ""
        target = shown.removesuffix(b"\n")[len(name) + 7 : -1] if kind == "link" else b""
        path = b"" if name == b"." else name.removeprefix(b"./")
        found[path] = TreeEntry(
            kind, data, raw & 0o7777, int(uid), int(gid), int(mtime), target, length, int(inode), int(names), digest
        )
    if at > len(contents):
        raise TreeTooLargeError
    return found


def read_tree(box: CheckedBox, path: str) -> Tree:
    """Return the tree below ``path`` of the box, read from outside. It is empty if there is no such folder. Raises
    Unmet if the tree is too large."""
    token = secrets.token_hex(16)
    try:
        return parse_tree(box.run(reading_script(path, token)).stdout_bytes, token)
    except TreeTooLargeError:
        raise Unmet(box.name, found=too_large(path), see=f"du -a {shlex.quote(path)} | tail") from None


def too_large(path: str) -> Pair:
    """The tree can't be read whole."""
    return (
        f"more than {MOST_ENTRIES} files, or {MOST_OF_TREE >> 20} MiB, in {path}",
        f"{path} 里的文件超过 {MOST_ENTRIES} 个或 {MOST_OF_TREE >> 20} MiB",
    )


def difference(
    before: Mapping[bytes, TreeEntry],
    after: Mapping[bytes, TreeEntry],
    *,
    times: bool = False,
    inodes: bool = False,
) -> list[TreeChange]:
    """Return every path that differs, in the order of the paths. Kind, content, target, size, mode and owner are
    compared; with ``times`` the time of the last change of files as well, and with ``inodes`` whether it is the same
    file. A folder's time and size say nothing, so they are left out.

    >>> from labctl.kit.trees import file
    >>> difference({b"a": file("1"), b"b": file("2")}, {b"a": file("1"), b"b": file("3")})
    [TreeChange(path=b'b', words=('the file b: other content', '文件 b：内容不同'))]
    """
    changes = []
    for path in sorted({*before, *after}):
        words = _changed(path, before, after, times=times, inodes=inodes)
        if words:
            changes.append(TreeChange(path, words))
    return changes


def _changed(
    path: bytes, before: Mapping[bytes, TreeEntry], after: Mapping[bytes, TreeEntry], *, times: bool, inodes: bool
) -> Pair | None:
    old, new = _plain(before, path), _plain(after, path)
    name = shown_name(path)
    if old is None and new is None:
        return None
    if old is None or new is None:
        kind = _kind_words((new or old or TreeEntry()).kind)
        if old is None:
            return f"the {kind[0]} {name} is new", f"多出{kind[1]} {name}"
        return f"the {kind[0]} {name} is gone", f"{kind[1]} {name} 不见了"
    kind = _kind_words(old.kind)
    start = f"the {kind[0]} {name}: ", f"{kind[1]} {name}："
    if old.kind != new.kind:
        other = _kind_words(new.kind)
        return f"{start[0]}now a {other[0]}", f"{start[1]}现在是{other[1]}"
    for differs, english, chinese in (
        (old.target != new.target, "other target", "目标不同"),
        (old.kind == "file" and old.size != new.size, "", ""),
        (old.data is not None and new.data is not None and old.data != new.data, "other content", "内容不同"),
        (bool(old.digest and new.digest) and old.digest != new.digest, "other content", "内容不同"),
        (inodes and old.inode != new.inode, "it was replaced by another file", "被换成了另一个文件"),
        (times and old.kind == "file" and old.mtime != new.mtime, "other time of last change", "修改时间变了"),
    ):
        if differs and english:
            return start[0] + english, start[1] + chinese
        if differs:
            return f"{start[0]}{new.size} bytes, before {old.size}", f"{start[1]}{new.size} 字节，原来 {old.size}"
    if old.kind != "link" and old.mode != new.mode:
        return (
            f"{start[0]}mode {new.mode:04o}, before {old.mode:04o}",
            f"{start[1]}权限 {new.mode:04o}，原来 {old.mode:04o}",
        )
    if (old.uid, old.gid) != (new.uid, new.gid):
        return (
            f"{start[0]}owner {new.uid}:{new.gid}, before {old.uid}:{old.gid}",
            f"{start[1]}属主 {new.uid}:{new.gid}，原来 {old.uid}:{old.gid}",
        )
    return None


def _plain(found: Mapping[bytes, TreeEntry], path: bytes) -> TreeEntry | None:
    """Return an entry with a hard link replaced by the file that it names."""
    entry = found.get(path)
    return found.get(entry.target) if entry is not None and entry.kind == "hard" else entry


def _kind_words(kind: str) -> Pair:
    return {
        "file": ("file", "文件"),
        "folder": ("folder", "目录"),
        "link": ("link", "符号链接"),
        "fifo": ("named pipe", "命名管道"),
        "socket": ("socket", "套接字"),
    }.get(kind, ("special file", "特殊文件"))


def shown_name(path: bytes | str) -> str:
    r"""Return a path as ``printf`` and ``$'…'`` of bash accept it, with its parts in quotes only if it needs some.

    >>> shown_name(b"a b"), shown_name(b"a\nb"), shown_name(b"a\xff"), shown_name(b"plain")
    ("'a b'", "$'a\\nb'", "$'a\\xff'", 'plain')
    """
    raw = _raw(path) or b"."
    text = raw.decode(errors="surrogateescape")
    if text.isprintable() and not any("\ud800" <= one <= "\udfff" for one in text):
        shown = shlex.quote(text)
    else:
        escapes = {"\n": "\\n", "\t": "\\t", "\r": "\\r", "\\": "\\\\", "'": "\\'"}
        out = []
        for one in text:
            if one in escapes:
                out.append(escapes[one])
            elif one.isprintable() and not "\ud800" <= one <= "\udfff":
                out.append(one)
            else:
                out.extend(f"\\x{byte:02x}" for byte in one.encode(errors="surrogateescape"))
        shown = "$'" + "".join(out) + "'"
    return shown if len(shown) <= 100 else f"{shown[:60]}…{shown[-30:]}"


def listed_changes(changes: Iterable[TreeChange]) -> list[Pair]:
    """Return the words of changes, for ``say.listed``."""
    return [change.words for change in changes]
