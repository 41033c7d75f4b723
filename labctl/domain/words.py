"""Decides which words of a command name the lab, and which words name its boxes or tasks."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence


def by_count(words: Sequence[str], count: int) -> tuple[str, tuple[str, ...]]:
    """Return the lab and the other words of a command such as ``hint [LAB] TASK``. ``count`` is the number of other
    words. The lab is the word before the other words, or an empty text if this word is missing."""
    if len(words) <= count:
        return "", tuple(words)
    return words[0], tuple(words[1:])


def by_name(
    words: Sequence[str], labs: Collection[str], own: Callable[[], Collection[str]]
) -> tuple[str, tuple[str, ...]]:
    """Return the lab and the other words of a command such as ``stop [LAB] [BOX]...``, with any number of other words.
    The first word is the lab if it is in ``labs`` and not in ``own``; otherwise the lab is empty. If no word names a
    lab, one lab is meant, and ``own`` returns the boxes of that lab."""
    if words and words[0] in labs and words[0] not in own():
        return words[0], tuple(words[1:])
    return "", tuple(words)
