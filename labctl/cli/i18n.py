"""The command line's language, which is chosen once for each command line. The texts are in labctl.i18n."""

from __future__ import annotations

import os

from labctl import i18n


def choose_language(asked: str = "") -> None:
    """Choose the language by --lang, LABCTL_LANG, the setting, then the locale (locale(7): LC_ALL, LC_MESSAGES,
    LANG)."""
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
    """Return the value of ``lang`` in the settings file. Errors in the file are ignored here, because the command that
    needs the file reports them."""
    from labctl.app.language import language_setting

    return language_setting()
