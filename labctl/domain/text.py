"""Texts in two languages."""

# No postponed annotations here: msgspec would have to compile each of them, 30 ms of every command.

import re
from collections.abc import Mapping
from typing import Literal

import msgspec

Language = Literal["en", "zh"]
LANGUAGES: tuple[Language, ...] = ("en", "zh")

_PLACEHOLDER = re.compile(r"\{\{\s*([A-Za-z_][A-Za-z0-9_.]*)\s*\}\}")


class Text(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One text, in English and in Chinese."""

    en: str
    zh: str

    def in_(self, language: Language) -> str:
        """The text in that language."""
        return self.zh if language == "zh" else self.en


def placeholders(template: str) -> frozenset[str]:
    """The names that a template asks for: ``{{ port }}`` asks for ``port``."""
    return frozenset(_PLACEHOLDER.findall(template))


def fill(template: str, values: Mapping[str, object]) -> str:
    """The template with each ``{{ name }}`` replaced. Raises KeyError for a name that has no value."""
    return _PLACEHOLDER.sub(lambda match: str(values[match.group(1)]), template)
