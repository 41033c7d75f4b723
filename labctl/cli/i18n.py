"""English or Chinese. The English text is the key of the Chinese one; what has none is shown in English."""

from __future__ import annotations

import os
from collections.abc import Iterable
from functools import cache
from typing import Literal

Language = Literal["en", "zh"]

_language: list[Language] = ["en"]


def choose_language(asked: str = "") -> None:
    """By --lang, LABCTL_LANG, the setting, then the locale (locale(7): LC_ALL, LC_MESSAGES, LANG)."""
    _language[0] = _chosen(asked)
    os.environ["LANGUAGE"] = _language[0]
    if _language[0] == "zh":
        _translate_click()


def _chosen(asked: str) -> Language:
    for source in (asked, os.environ.get("LABCTL_LANG", "")):
        if source in ("en", "zh"):
            return "zh" if source == "zh" else "en"
    if setting := _setting():
        return "zh" if setting == "zh" else "en"
    locale = next((value for name in ("LC_ALL", "LC_MESSAGES", "LANG") if (value := os.environ.get(name))), "")
    return "zh" if locale.startswith("zh") else "en"


def _translate_click() -> None:
    """click's own words (Usage, Options, Missing argument …), which it asks gettext(3) for. The language comes from
    LANGUAGE, the words from locale/zh/LC_MESSAGES/messages.mo, which docs/generate.py makes."""
    import gettext
    from pathlib import Path

    gettext.bindtextdomain("messages", str(Path(__file__).parent / "locale"))


def _setting() -> str:
    """``lang`` of the settings file; a faulty file is told of by the command that needs it."""
    from labctl.app.language import language_setting

    return language_setting()


def language() -> Language:
    """The language in use."""
    return _language[0]


@cache
def _chinese() -> dict[str, str]:
    from labctl.cli.zh import TEXTS

    return TEXTS


def _(text: str) -> str:
    """The text in the language in use."""
    return _chinese().get(text, text) if _language[0] == "zh" else text


def listed(words: Iterable[str]) -> str:
    """Names one after the other."""
    return ("、" if _language[0] == "zh" else ", ").join(words)


def side(text: str) -> str:
    """Of a check's text, the lines in the language in use: Chinese ones follow a line that begins with ``[zh]`` or
    ``zh:``."""
    for mark in ("[zh]", "zh:"):
        english, found, chinese = text.partition(f"\n{mark}")
        if found:
            return chinese.strip() if _language[0] == "zh" else english.strip()
    return text.strip()
