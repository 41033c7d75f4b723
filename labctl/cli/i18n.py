"""The command line's language: chosen once for each command line. The texts are labctl.i18n's."""

from __future__ import annotations

import os

from labctl import i18n


def choose_language(asked: str = "") -> None:
    """By --lang, LABCTL_LANG, the setting, then the locale (locale(7): LC_ALL, LC_MESSAGES, LANG)."""
    i18n.choose(_chosen(asked))


def _chosen(asked: str) -> str:
    for source in (asked, os.environ.get("LABCTL_LANG", "")):
        if source == i18n.SOURCE or (source and source in i18n.languages()):
            return source
    if (setting := _setting()) in i18n.languages():
        return setting
    locale = next((value for name in ("LC_ALL", "LC_MESSAGES", "LANG") if (value := os.environ.get(name))), "")
    return i18n.matching(locale) or i18n.SOURCE


def _setting() -> str:
    """``lang`` of the settings file; a faulty file is told of by the command that needs it."""
    from labctl.app.language import language_setting

    return language_setting()
