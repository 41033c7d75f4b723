"""The texts that people read, each in the language of the reader.

The English text is the key. Translations are in the gettext catalog ``locale/LANGUAGE/LC_MESSAGES/labctl.po``.
``docs/texts.py`` compiles it to ``labctl.mo`` in the same folder. A text without a translation is shown in English. A
new catalog adds a new language, because there is no other list of languages.

The language is a context variable. Each thread and each coroutine has its own value. labctl.threads starts threads that
keep the language of the thread that started them.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from gettext import GNUTranslations, NullTranslations

SOURCE = "en"
"""The language of the source code, which needs no catalog."""

LOCALE = os.path.join(os.path.dirname(__file__), "locale")  # noqa: PTH118, PTH120  pathlib would slow the start
_LOCALE_NAME = re.compile(r"[A-Za-z]{2,3}([_-][A-Za-z]+)?")

_language: ContextVar[str] = ContextVar("language", default=SOURCE)


def language() -> str:
    """Return the language in use in this context, as in ``--lang``."""
    return _language.get()


def choose(chosen: str) -> None:
    """Use this language from now on in this context. If the language has no catalog, texts are in English."""
    _language.set(chosen)


@contextmanager
def speaking(chosen: str) -> Iterator[None]:
    """Use this language within the block."""
    before = _language.set(chosen)
    try:
        yield
    finally:
        _language.reset(before)


@cache
def languages() -> tuple[str, ...]:
    """Return English and every language that has a compiled catalog."""
    with os.scandir(LOCALE) as folders:
        found = {entry.name for entry in folders if os.path.exists(_compiled(entry.name))}  # noqa: PTH110
    return (SOURCE, *sorted(found - {SOURCE}))


def matching(locale: str) -> str:
    """Return the language for a locale such as ``zh_CN.UTF-8`` (locale(7)). Return an empty text if labctl does not
    have that language."""
    found = _LOCALE_NAME.match(locale)
    if found is None:
        return ""
    whole = found[0].replace("-", "_")
    return next((known for known in (whole, whole.partition("_")[0]) if known in languages()), "")


def _compiled(name: str) -> str:
    return os.path.join(LOCALE, name, "LC_MESSAGES", "labctl.mo")  # noqa: PTH118


@cache
def _catalog(name: str) -> NullTranslations:
    try:
        with open(_compiled(name), "rb") as file:  # noqa: PTH123
            return GNUTranslations(file)
    except OSError:
        return NullTranslations()


def _(text: str) -> str:
    """Return the text in the language in use."""
    chosen = _language.get()
    # gettext(3) returns the catalog's header for the empty text.
    return text if chosen == SOURCE or not text else _catalog(chosen).gettext(text)


def ngettext(one: str, many: str, number: int) -> str:
    """Return the text for that number of things, in the language in use."""
    chosen = _language.get()
    if chosen == SOURCE:
        return one if number == 1 else many
    return _catalog(chosen).ngettext(one, many, number)


def listed(words: Iterable[str]) -> str:
    """Return names as a list in the language in use."""
    return ("、" if _language.get() == "zh" else ", ").join(words)


def side(text: str) -> str:
    """Return the lines of a check's text in the language in use. Chinese lines follow a line that begins with ``[zh]``
    or ``zh:``. Other languages get the English lines."""
    for mark in ("[zh]", "zh:"):
        english, found, chinese = text.partition(f"\n{mark}")
        if found:
            return chinese.strip() if _language.get() == "zh" else english.strip()
    return text.strip()
