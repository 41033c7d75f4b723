"""The known name that somebody probably meant. Pure."""

from __future__ import annotations

from collections.abc import Iterable

_LONGEST = 64
"""Characters of a word that are compared: the time grows with the square of the length."""


def nearest(word: str, known: Iterable[str], likeness: float = 0.6) -> str:
    """The known word that is most like this one, or nothing where none is. ``likeness``: 0 takes any word, 1 only the
    same one."""
    import difflib  # only a mistake needs it, not every command

    return next(iter(difflib.get_close_matches(word[:_LONGEST], list(known), n=1, cutoff=likeness)), "")
