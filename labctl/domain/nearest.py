"""Finds the known name that a user probably meant. Pure."""

from __future__ import annotations

from collections.abc import Iterable

_LONGEST = 64
"""The most characters of a word that are compared, because the time grows with the square of the length."""


def nearest(word: str, known: Iterable[str], likeness: float = 0.6) -> str:
    """Return the known word that is most similar, or an empty text. ``likeness``: 0 accepts any word, 1 only the same
    word."""
    import difflib  # imported here, because labctl needs difflib only after a mistake

    return next(iter(difflib.get_close_matches(word[:_LONGEST], list(known), n=1, cutoff=likeness)), "")
