"""Decides which words of a command name the lab, and which words name its boxes or tasks."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence


def by_count(words: Sequence[str], count: int) -> tuple[str, tuple[str, ...]]:
    """Return the lab (empty if no word names it) and the other words of a command with ``count`` other words, such as
    ``hint [LAB] TASK``. The lab is the word before the last ``count`` words."""
    if len(words) <= count:
        return "", tuple(words)
    return words[0], tuple(words[1:])


def by_name(
    words: Sequence[str], labs: Collection[str], own: Callable[[], Collection[str]]
) -> tuple[str, tuple[str, ...]]:
    """Return the lab (empty if no word names it) and the other words of a command such as ``stop [LAB] [BOX]...``,
    which accepts any number of other words. The first word is the lab if it is in ``labs`` and not in ``own``. ``own``
    returns the boxes of the lab that is meant if no word names a lab."""
    if words and words[0] in labs and words[0] not in own():
        return words[0], tuple(words[1:])
    return "", tuple(words)
