"""Read rosters from files. No engine is needed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labctl.errors import UsageError
from labctl.hints import Hint

if TYPE_CHECKING:
    from labctl.domain.classroom.roster import Roster


def roster(data: bytes, file: str, encoding: str = "", *, names: bool = True) -> Roster:
    """Read a roster from a CSV file or a workbook. The first ``MOST_BYTES + 1`` bytes of the file are enough. Raises
    RosterError with all faults of the file."""
    from labctl.domain.classroom.roster_reading import MOST_BYTES, read, read_table

    if data.startswith(b"PK") and len(data) <= MOST_BYTES:
        from labctl.adapters import workbook

        if workbook.is_workbook(data):
            if encoding:
                raise UsageError(
                    "--encoding is for text files, and {file} is a workbook", hint=Hint.NO_ENCODING, file=file
                )
            return read_table(lambda: workbook.rows(data), file, names=names)
    return read(data, file, encoding, names=names)
