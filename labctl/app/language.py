"""The language that the user set. Every command reads this setting first."""

from __future__ import annotations


def language_setting() -> str:
    """Return the value of ``lang`` in the settings file. The file is read only if it exists."""
    from labctl.adapters.paths import config_file

    if not config_file().exists():
        return ""
    from labctl.adapters import settings
    from labctl.errors import LabctlError

    try:
        return settings.load().lang
    except LabctlError:
        return ""
