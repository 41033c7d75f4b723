"""Measured footprints of labs on this server, in one small file of the state folder. Implements ports.Footprints."""

from __future__ import annotations

from pathlib import Path

import msgspec

from labctl.domain.classroom.capacity import Footprint
from labctl.whole_file import unwritable, write_whole

_MOST = 200


class _Kept(msgspec.Struct):
    footprints: dict[str, Footprint] = {}
    rate: float = 0.0


class FileFootprints:
    """Reads and writes the file. A file that is damaged or has another version counts as missing, because all values
    can be measured again."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def get(self, name: str) -> Footprint | None:
        """See ports.Footprints."""
        return self._read().footprints.get(name)

    def put(self, name: str, footprint: Footprint) -> None:
        """See ports.Footprints. Each new version of a lab's images adds a footprint, so this method removes the oldest
        footprints if there are too many."""
        kept = self._read()
        newest = sorted({**kept.footprints, name: footprint}.items(), key=lambda item: item[1].at)[-_MOST:]
        self._write(_Kept(dict(newest), kept.rate))

    def rate(self) -> float:
        """See ports.Footprints."""
        return self._read().rate

    def put_rate(self, rate: float) -> None:
        """See ports.Footprints."""
        self._write(_Kept(self._read().footprints, rate))

    def _read(self) -> _Kept:
        try:
            return msgspec.json.decode(self._file.read_bytes(), type=_Kept)
        except (OSError, msgspec.DecodeError):
            return _Kept()

    def _write(self, kept: _Kept) -> None:
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            raise unwritable(self._file, error) from error
        write_whole(self._file, msgspec.json.format(msgspec.json.encode(kept)), 0o666)
