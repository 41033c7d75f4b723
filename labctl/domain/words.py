"""Which words of a command name the lab, and which its boxes or tasks."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence


def by_count(words: Sequence[str], count: int) -> tuple[str, tuple[str, ...]]:
    """The lab, or nothing, and the rest, where a command takes ``count`` words beside it: ``hint [LAB] TASK``. The lab
    is the word before the last ``count`` ones."""
    if len(words) <= count:
        return "", tuple(words)
    return words[0], tuple(words[1:])


def by_name(
    words: Sequence[str], labs: Collection[str], own: Callable[[], Collection[str]]
) -> tuple[str, tuple[str, ...]]:
    """The lab, or nothing, and the rest, where a command takes any number of words beside it: ``stop [LAB] [BOX]...``.
    The first word is the lab when it is the name of one of ``labs``, and not one of ``own``: the boxes of the lab that
    is meant if no word names one."""
    if words and words[0] in labs and words[0] not in own():
        return words[0], tuple(words[1:])
    return "", tuple(words)
