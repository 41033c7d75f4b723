"""Texts in two languages."""

# No postponed annotations here: msgspec would have to compile each of them, 30 ms of every command.

import re
from collections.abc import Mapping
from typing import Literal

import msgspec

Language = Literal["en", "zh"]
LANGUAGES: tuple[Language, ...] = ("en", "zh")

_PLACEHOLDER = re.compile(r"\{\{\s*([A-Za-z_][A-Za-z0-9_.]*)\s*\}\}")
# What a terminal obeys (ECMA-48) or what turns the direction of writing, and what XML 1.0 has no place for.
_HIDDEN = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]")


class Text(msgspec.Struct, frozen=True, forbid_unknown_fields=True, order=True):
    """One text, in English and in Chinese."""

    en: str
    zh: str

    def in_(self, language: str) -> str:
        """The text in that language; in English for a language that labs are not written in."""
        return self.zh if language == "zh" else self.en


def placeholders(template: str) -> frozenset[str]:
    """The names that a template asks for: ``{{ port }}`` asks for ``port``."""
    return frozenset(_PLACEHOLDER.findall(template))


def fill(template: str, values: Mapping[str, object]) -> str:
    """The template with each ``{{ name }}`` replaced. Raises KeyError for a name that has no value."""
    return _PLACEHOLDER.sub(lambda match: str(values[match.group(1)]), template)


def visible(text: str) -> str:
    """What came from a box, fit to be shown: control characters as ``\\x1b``, so that a terminal obeys none of them.
    Lines stay lines, and tabs tabs."""
    return _HIDDEN.sub(lambda match: ascii(match[0])[1:-1], text)
