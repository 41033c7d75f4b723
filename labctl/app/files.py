"""What commands do to files, with no engine: settings, a new lab, and rosters."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labctl.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from labctl.adapters.settings import Setting
    from labctl.domain.classroom.roster import Roster


def new_lab(name: str, catalog: Path) -> list[Path]:
    """Write a new lab into a catalog; its files. Raises UsageError, RefusedError."""
    from labctl.adapters import scaffold

    return scaffold.make(name, catalog)


def all_settings() -> list[Setting]:
    """Every setting, and where it comes from."""
    from labctl.adapters import settings

    return settings.listing()


def get_setting(key: str) -> Setting:
    """One. Raises UsageError for an unknown key."""
    from labctl.adapters import settings

    return settings.get(key)


def set_setting(key: str, value: str) -> None:
    """Keep it in the settings file. Raises UsageError."""
    from labctl.adapters import settings

    settings.set_(key, value)


def unset_setting(key: str) -> None:
    """Take it out of the settings file. Raises UsageError for an unknown key."""
    from labctl.adapters import settings

    settings.unset(key)


def roster(data: bytes, file: str, encoding: str = "", *, names: bool = True) -> Roster:
    """What is in a roster, CSV or a workbook; only ``MOST_BYTES`` and one more of the file need be given. Raises
    RosterError."""
    from labctl.domain.classroom.roster_reading import MOST_BYTES, read, read_table

    if data.startswith(b"PK") and len(data) <= MOST_BYTES:
        from labctl.adapters import workbook

        if workbook.is_workbook(data):
            if encoding:
                raise UsageError(
                    "--encoding is for text files, and {file} is a workbook", hint="leave --encoding out", file=file
                )
            return read_table(lambda: workbook.rows(data), file, names=names)
    return read(data, file, encoding, names=names)
