"""Translations of click's own words (Usage, Options, Missing argument …) into the language in use.

click calls the standard library's gettext() for these words. gettext() takes the language from the environment of the
whole process, so two threads could not use two languages. click has no setting for another function. Subclasses with
copies of click's messages would depend on the wording of one version. So this module makes the names that click's
modules imported from gettext refer to labctl's lookup. gettext and click's classes are not changed.
"""

from __future__ import annotations

import gettext
import sys
from collections.abc import Callable
from typing import Any

from labctl import i18n

_OURS: dict[Callable[..., str], Callable[..., str]] = {gettext.gettext: i18n._, gettext.ngettext: i18n.ngettext}


def translate() -> None:
    """Make click's loaded modules use labctl's translations. This function may be called several times."""
    for name, module in list(sys.modules.items()):
        if name == "click" or name.startswith("click."):
            _bind(vars(module))


def _bind(names: dict[str, Any]) -> None:
    for name, value in list(names.items()):
        if callable(value) and getattr(value, "__module__", "") == "gettext" and value in _OURS:
            names[name] = _OURS[value]
