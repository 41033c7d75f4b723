"""Texts in two languages."""

# This module has no postponed annotations, because msgspec would have to compile each of them. That would take 30 ms in
# every command.

import re
from collections.abc import Mapping
from typing import Literal

import msgspec

Language = Literal["en", "zh"]
LANGUAGES: tuple[Language, ...] = ("en", "zh")

_PLACEHOLDER = re.compile(r"\{\{\s*([A-Za-z_][A-Za-z0-9_.]*)\s*\}\}")
# Characters that control a terminal (ECMA-48) or change the direction of writing, or that XML 1.0 doesn't allow.
_HIDDEN = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]")


class Text(msgspec.Struct, frozen=True, forbid_unknown_fields=True, order=True):
    """One text, in English and in Chinese. A lab with only one language leaves the other text empty."""

    en: str = ""
    zh: str = ""

    def in_(self, language: str) -> str:
        """Return the text in that language, or in the other language if there is none. For a language that labs don't
        have, return the English text."""
        return (self.zh or self.en) if language == "zh" else (self.en or self.zh)


def placeholders(template: str) -> frozenset[str]:
    """Return the names of a template's placeholders: ``port`` of ``{{ port }}``."""
    return frozenset(_PLACEHOLDER.findall(template))


def fill(template: str, values: Mapping[str, object]) -> str:
    """Return the template with each ``{{ name }}`` replaced by its value. Raises KeyError if a name has no value."""
    return _PLACEHOLDER.sub(lambda match: str(values[match.group(1)]), template)


def visible(text: str) -> str:
    """Return a text from a box in a form that is safe to show. Control characters become ``\\x1b``, so that no terminal
    interprets them. Line breaks and tabs are kept."""
    return _HIDDEN.sub(lambda match: ascii(match[0])[1:-1], text)
