"""Phrases that several checks need, in English and Chinese. A phrase is defined once, so the same state has the same
words in every lab."""

from __future__ import annotations

from collections.abc import Iterable

from labctl.kit.answers import Pair, Words, pair

NOTHING: Pair = ("nothing", "没有")
NO_ANSWER: Pair = ("no answer", "没有应答")
REFUSED: Pair = ("the connection was refused", "连接被拒绝")
NO_FILE: Pair = ("no such file", "没有这个文件")
EMPTY: Pair = ("(empty)", "（空）")
NOBODY_LISTENS: Pair = ("no program listens there", "没有程序在监听")


def no_such_file(path: str) -> Pair:
    """There is no file with that path."""
    return f"no file {path}", f"没有文件 {path}"


def more(count: int) -> Pair:
    """So many further things were found, which are not listed."""
    return f"and {count} more", f"另外还有 {count} 个"


def listed(items: Iterable[Words], most: int = 5) -> Pair:
    """Return the items as a list in both languages. After ``most`` items, only the number of the others is given.

    >>> listed(["80", "443"])
    ('80, 443', '80、443')
    >>> listed(["a", "b", "c"], most=1)
    ('a, and 2 more', 'a、另外还有 2 个')
    """
    pairs = [pair(item) for item in items]
    shown = pairs[:most] + ([more(len(pairs) - most)] if len(pairs) > most else [])
    if not shown:
        return NOTHING
    return ", ".join(english for english, _ in shown), "、".join(chinese for _, chinese in shown)


def joined(*parts: Words) -> Pair:
    """Return the parts one after the other, in both languages.

    >>> joined(("port ", "端口 "), "80")
    ('port 80', '端口 80')
    """
    pairs = [pair(part) for part in parts]
    return "".join(english for english, _ in pairs), "".join(chinese for _, chinese in pairs)


def value(text: str) -> Words:
    """Return a value as it was found, or the words for an empty one."""
    return text if text.strip() else EMPTY
