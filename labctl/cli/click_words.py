"""click's own words (Usage, Options, Missing argument …) in the language in use.

click asks the standard library's gettext() for them, which takes the language from the environment of the whole
process: two threads could not have two languages. click offers no way to give it another function, and to repeat its
messages in subclasses would tie labctl to the wording of one version. So the names that click's modules imported from
gettext are bound to labctl's lookup instead. Nothing else is changed: neither gettext itself, nor click's classes.
"""

from __future__ import annotations

import gettext
import sys
from collections.abc import Callable
from typing import Any

from labctl import i18n

_OURS: dict[Callable[..., str], Callable[..., str]] = {gettext.gettext: i18n._, gettext.ngettext: i18n.ngettext}


def translate() -> None:
    """Have the modules of click that are loaded use labctl's catalogs. May be called again."""
    for name, module in list(sys.modules.items()):
        if name == "click" or name.startswith("click."):
            _bind(vars(module))


def _bind(names: dict[str, Any]) -> None:
    for name, value in list(names.items()):
        if callable(value) and getattr(value, "__module__", "") == "gettext" and value in _OURS:
            names[name] = _OURS[value]
