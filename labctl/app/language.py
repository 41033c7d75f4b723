"""The language that the user set: every command asks for it before everything else."""

from __future__ import annotations


def language_setting() -> str:
    """``lang`` of the settings file, read only where there is one."""
    from labctl.adapters.paths import config_file

    if not config_file().exists():
        return ""
    from labctl.adapters import settings
    from labctl.errors import LabctlError

    try:
        return settings.load().lang
    except LabctlError:
        return ""
