"""Finds, names and removes invisible characters that have no purpose in a text. Pure."""

from __future__ import annotations

import re
import unicodedata

# U+034F, Hangul fillers, Mongolian and Khmer marks, zero-width space, word joiner, BOM, interlinear marks, tags.
_NOTHING = "\u00ad\u034f\u115f\u1160\u17b4\u17b5\u180e\u200b\u2060-\u2064\u206a-\u206f\u3164\ufeff\uffa0\ufff9-\ufffb"
_TAGS = "\U000e0000-\U000e007f"
# In some scripts, these characters change the form of the letters beside them. In an id or a key they have no purpose.
_JOINERS = "\u200c\u200d\ufe00-\ufe0f"
_DIRECTIONS = "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"
_BLANKS = "\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000"

_NOWHERE_MEANT = re.compile(f"[{_NOTHING}{_TAGS}]")
_NOT_MEANT_HERE = re.compile(f"[{_NOTHING}{_TAGS}{_JOINERS}]")
# The scripts from Arabic to Mongolian, and the symbols that become emoji with joiners and variation selectors.
_JOINED = re.compile("[\u0600-\u1cff\u2190-\u2bff\U0001f000-\U0001faff]")
ALL = re.compile(f"[{_NOTHING}{_TAGS}{_JOINERS}{_DIRECTIONS}]")
BLANK = re.compile(f"[{_BLANKS}]")
CONTROL = re.compile(f"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029{_DIRECTIONS}\ud800-\udfff\ufffe\uffff]")
"""Characters that control a terminal, end a line in only some programs, or change the direction of writing."""

_COMPATIBLE = re.compile("[^\uf900-\ufaff\U0002f800-\U0002fa1f]+")


def nothing(text: str) -> re.Pattern[str]:
    """Return the pattern of characters without a purpose in this text. Some scripts need joiners."""
    return _NOWHERE_MEANT if _JOINED.search(text) else _NOT_MEANT_HERE


def is_blank(text: str) -> bool:
    """Return whether the text has no visible characters."""
    return not ALL.sub("", text).strip()


def code(character: str) -> str:
    """Return the code of a character, such as ``U+200B``."""
    return f"U+{ord(character):04X}"


def codes(characters: str) -> str:
    """Return the codes of the characters, each once, in order: ``U+200B, U+FEFF``."""
    return ", ".join(code(character) for character in dict.fromkeys(characters))


def without(text: str, pattern: re.Pattern[str]) -> tuple[str, str]:
    """Return the text without the characters of the pattern, and the characters that were removed or replaced. Spaces
    of other widths become plain spaces. Spaces at both ends are removed."""
    found = "".join(pattern.findall(text)) + "".join(BLANK.findall(text))
    return BLANK.sub(" ", pattern.sub("", text)).strip(" \t\r\n"), found


def composed(text: str) -> str:
    """Return the text with each letter and its marks as one character (Unicode NFC). Han characters are not changed,
    because NFC would replace some forms that people use in their names."""
    return _COMPATIBLE.sub(lambda match: unicodedata.normalize("NFC", match[0]), text)


def strange(text: str, allowed: str) -> str:
    """Return the code and the name of the first character outside ASCII and ``allowed``, or an empty text. The code
    helps a reader who sees no difference."""
    for character in text:
        if character not in allowed and not character.isascii():
            return f"{code(character)} {unicodedata.name(character, '')}".strip()
    return ""
