"""Files of a box: what they are, and who can read them."""

from __future__ import annotations

import re
import stat
from collections.abc import Callable, Collection
from typing import NamedTuple

from labctl.kit import say
from labctl.kit.answers import Unmet, Words
from labctl.kit.disk import literal, read_files
from labctl.kit.places import CheckedBox
from labctl.kit.readers import all_readers, long_list, other_names, readable_by, real_paths, unreadable
from labctl.kit.rights.unix import read_accounts

_KINDS = {
    stat.S_IFREG: ("a regular file", "普通文件"),
    stat.S_IFDIR: ("a folder", "目录"),
    stat.S_IFLNK: ("a link", "链接"),
    stat.S_IFIFO: ("a pipe", "管道"),
    stat.S_IFSOCK: ("a socket", "套接字"),
    stat.S_IFBLK: ("a block device", "块设备"),
    stat.S_IFCHR: ("a character device", "字符设备"),
}
_NAMES = {"file": stat.S_IFREG, "folder": stat.S_IFDIR, "pipe": stat.S_IFIFO, "socket": stat.S_IFSOCK}


class _Fault(NamedTuple):
    found: Words
    expected: Words
    see: str


def is_(
    box: CheckedBox,
    path: str,
    *,
    kind: str = "file",
    mode: int | Collection[int] | None = None,
    owner: str | None = None,
    group: str | None = None,
    content: str | bytes | None = None,
    matches: str | None = None,
    read: Words = "",
) -> None:
    """Raise Unmet unless the path leads to a file with these properties. Links are followed.

    ``kind`` is ``file``, ``folder``, ``pipe`` or ``socket``. ``mode`` is a number such as 0o640, or several that are
    right. ``content`` is the whole content of at most 1 MiB; white space at the end of a text is not compared.
    ``matches`` is a regular expression that must be found in the content, with ``^`` and ``$`` for lines. One answer
    names all properties that differ.
    """
    files = read_files(box, [literal(path), "/etc/passwd", "/etc/group"])
    one = files.get(path)
    if one is None:
        raise Unmet(box.name, found=say.no_such_file(path), expected=_exists(path), see=f"ls -ld {path}", read=read)
    faults: list[_Fault] = []
    long = f"ls -ld {path}"
    if stat.S_IFMT(one.mode) != _NAMES[kind]:
        found, wanted = _KINDS.get(stat.S_IFMT(one.mode), ("?", "?")), _KINDS[_NAMES[kind]]
        faults.append(_Fault(_has(path, found), _has(path, wanted), long))
    bits, right = stat.S_IMODE(one.mode), [mode] if isinstance(mode, int) else list(mode or ())
    if right and bits not in right:
        faults.append(_Fault(_mode(path, bits), _mode(path, *right), long))
    if owner is not None:
        users = {each.uid: each.name for each in reversed(read_accounts(files))}
        if (name := users.get(one.uid, str(one.uid))) != owner:
            faults.append(_Fault(_owner(path, name), _owner(path, owner), long))
    if group is not None and (name := _groups(files["/etc/group"].text).get(one.gid, str(one.gid))) != group:
        faults.append(_Fault(_group(path, name), _group(path, group), long))
    faults += _content(path, one.content, content, matches)
    if faults:
        raise Unmet(
            box.name,
            found=say.listed(fault.found for fault in faults),
            expected=say.listed(fault.expected for fault in faults),
            see=faults[0].see,
            read=read,
        )


def _content(path: str, data: bytes, content: str | bytes | None, matches: str | None) -> list[_Fault]:
    text, faults = data.decode(errors="replace"), []
    same = data == content if isinstance(content, bytes) else content is None or text.rstrip() == content.rstrip()
    shown = say.value(text.strip()[:80])
    see = f"cat {path}"
    if content is not None and not same:
        wanted = content.decode(errors="replace") if isinstance(content, bytes) else content
        faults.append(_Fault(_holds(path, shown), _holds(path, say.value(wanted.strip()[:80])), see))
    if matches is not None and not re.search(matches, text, re.M):
        wanted_line = (f"a line like {matches} in {path}", f"{path} 里有形如 {matches} 的一行")
        faults.append(_Fault(_holds(path, shown), wanted_line, see))
    return faults


def _groups(text: str) -> dict[int, str]:
    fields = (line.split(":") for line in text.splitlines())
    return {int(each[2]): each[0] for each in fields if len(each) > 2 and each[2].isdigit()}


def _exists(path: str) -> Words:
    return f"the file {path}", f"文件 {path}"


def _has(path: str, kind: tuple[str, str]) -> Words:
    return f"{path} is {kind[0]}", f"{path} 是{kind[1]}"


def _mode(path: str, *modes: int) -> Words:
    texts = [f"{mode:04o}" for mode in modes]
    return f"mode {' or '.join(texts)} of {path}", f"{path} 的权限 {' 或 '.join(texts)}"


def _owner(path: str, name: str) -> Words:
    return f"owner {name} of {path}", f"{path} 的属主 {name}"


def _group(path: str, name: str) -> Words:
    return f"group {name} of {path}", f"{path} 的属组 {name}"


def _holds(path: str, shown: Words) -> Words:
    return say.joined((f"{path} holds ", f"{path} 的内容是 "), shown)


def nobody_reads(
    box: CheckedBox,
    path: str,
    *,
    but: Collection[str] = (),
    while_: Callable[[], object] | None = None,
    read: Words = "",
) -> None:
    """Raise Unmet if anybody except root and the accounts of ``but`` can read the file at this path.

    The modes, owners and groups of the file and of all folders on the way decide, for all of the file's hard links. The
    owner of a file can always read it. A file with an access control list is readable for everybody if its group may
    read it, because the toolbox can't read the list.

    ``while_`` is work on a copy. The path, which may then be a pattern of the shell, is watched during this work: see
    ``secrets.exposed_while``.
    """
    if while_ is not None:
        from labctl.kit.watching import exposed_while

        exposed_while(box, while_, paths=[path], but=but, read=read)
    real = real_paths(box, [path]).get(path, "")
    one = read_files(box, [literal(real)], most=0).get(real) if real else None
    if one is None:
        if while_ is not None:
            return
        raise Unmet(box.name, found=say.no_such_file(path), expected=_exists(path), see=f"ls -ld {path}", read=read)
    names = [real, *(other_names(box, real) if one.links > 1 and stat.S_ISREG(one.mode) else [])]
    for name, readers in all_readers(box, names, but).items():
        if readers:
            raise Unmet(
                box.name,
                found=readable_by(name, readers),
                expected=unreadable(name, but),
                see=long_list(name),
                read=read,
            )
