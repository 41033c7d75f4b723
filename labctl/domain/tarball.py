"""Reads a tar archive as a stream of members. All sizes have bounds, because a box may send any bytes.

The module reads ustar, GNU's long names and pax headers (POSIX.1-2017, pax; tar(5)). It doesn't use Python's
``tarfile`` for archives from a box. ``tarfile`` reads as many bytes of a header as the header declares, and only some
of its releases extract safely.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum

BLOCK = 512
_LONGEST_HEADER = 1 << 20
"""The most bytes of a long name or of a pax header. The kernel's longest path has 4096 bytes."""

_MOST = 1 << 62
_WANTED = {name.encode(): name for name in ("path", "linkpath", "size", "mtime")}
_SPARSE = "sparse"
_GNU_NAMES = {b"L": "path", b"K": "linkpath"}


class TarballError(ValueError):
    """The bytes are not a tar archive, or the archive is incomplete."""


class Kind(Enum):
    """The type of a member."""

    FILE = "file"
    FOLDER = "folder"
    LINK = "symbolic link"
    HARD_LINK = "hard link"
    DEVICE = "device"
    FIFO = "fifo"
    OTHER = "other"


_KINDS = {
    **dict.fromkeys((b"0", b"\0", b"7"), Kind.FILE),
    b"1": Kind.HARD_LINK,
    b"2": Kind.LINK,
    b"3": Kind.DEVICE,
    b"4": Kind.DEVICE,
    b"5": Kind.FOLDER,
    b"6": Kind.FIFO,
}


@dataclass(frozen=True)
class TarMember:
    """A member. ``name`` and ``target`` (of a link) are the bytes of the archive. ``size`` is in bytes, ``mtime`` in
    seconds since 1970. ``content`` gives a file's bytes. Read the content before the next member, or not at all."""

    name: bytes
    kind: Kind
    size: int = 0
    mode: int = 0o644
    mtime: float = 0.0
    target: bytes = b""
    content: Iterator[bytes] = field(default_factory=lambda: iter(()), compare=False)


def members(pieces: Iterator[bytes]) -> Iterator[TarMember]:
    """Yield the members of an archive that comes in pieces, up to its end mark. Raises TarballError if the archive is
    damaged or ends before its end mark."""
    source = _Source(pieces)
    told: dict[str, bytes] = {}
    while (block := source.take(BLOCK)) != bytes(BLOCK):
        header = _Header(block)
        if header.type in _GNU_NAMES:
            told[_GNU_NAMES[header.type]] = source.padded(header.size).rstrip(b"\0")
        elif header.type in (b"x", b"X"):
            told.update(_records(source.padded(header.size)))
        elif header.type == b"g":
            source.padded(header.size)  # a header of the whole archive, which members don't need
        else:
            yield from _member(source, header, told)
            told = {}


def _member(source: _Source, header: _Header, told: dict[str, bytes]) -> Iterator[TarMember]:
    kind = _KINDS.get(header.type, Kind.OTHER)
    if _SPARSE in told:
        kind = Kind.OTHER
    size = _decimal(told["size"]) if "size" in told else header.size
    name = told.get("path", header.name)
    if header.type == b"\0" and name.endswith(b"/"):
        kind = Kind.FOLDER  # old tar programs had no type for folders
    if kind not in (Kind.FILE, Kind.OTHER):
        size = 0
    content = source.content(size)
    mtime = _seconds(told.get("mtime"), header.mtime)
    yield TarMember(name, kind, size, header.mode & 0o7777, mtime, told.get("linkpath", header.target), content)
    for _ in content:
        pass  # skip bytes that the caller didn't read
    source.take(-size % BLOCK)


class _Header:
    """The fields of a header block. Raises TarballError if the block is damaged."""

    def __init__(self, block: bytes) -> None:
        plain, told = block[:148] + b" " * 8 + block[156:], _number(block[148:156])
        # Some old programs sum the bytes as signed numbers.
        if told != sum(plain) and told != sum(byte - 256 if byte > 127 else byte for byte in plain):
            raise TarballError("a header has a wrong checksum")
        self.type = block[156:157]
        self.mode = _number(block[100:108])
        self.size = _number(block[124:136])
        self.mtime = _number(block[136:148])
        self.target = _text(block[157:257])
        self.name = _text(block[:100])
        prefix = _text(block[345:500]) if block[257:263] == b"ustar\0" else b""
        if prefix:
            self.name = prefix + b"/" + self.name


def _text(data: bytes) -> bytes:
    return data.partition(b"\0")[0]


def _number(data: bytes) -> int:
    """Parse octal digits. A larger number is stored as bytes after a mark (base 256)."""
    if data[0] == 0x80:
        value = int.from_bytes(data[1:], "big")
    elif data[0] == 0xFF:
        return 0  # a time before 1970, or damaged
    else:
        digits = data.replace(b"\0", b" ").strip()
        if digits.strip(b"01234567"):
            raise TarballError("a header has an invalid number")
        value = int(digits or b"0", 8)
    if value >= _MOST:
        raise TarballError("a header has a number that is too large")
    return value


def _decimal(text: bytes) -> int:
    if not text.isdigit() or len(text) > 18:
        raise TarballError("a header has an invalid number")
    return int(text)


def _seconds(text: bytes | None, otherwise: float) -> float:
    try:
        value = float(text) if text is not None else otherwise
    except ValueError:
        return 0.0
    return value if 0 <= value < 1 << 40 else 0.0


def _records(data: bytes) -> dict[str, bytes]:
    """Parse the records of a pax header (``LENGTH KEY=VALUE\\n``), and return those that a member needs."""
    found: dict[str, bytes] = {}
    while data.strip(b"\0"):
        digits, _, _ = data[:20].partition(b" ")
        length = _decimal(digits)
        record = data[len(digits) + 1 : length]
        key, equals, value = record.partition(b"=")
        if not equals or not value.endswith(b"\n") or length > len(data):
            raise TarballError("a pax header is damaged")
        if key.startswith(b"GNU.sparse"):
            found[_SPARSE] = b""
        elif key in _WANTED:
            found[_WANTED[key]] = value[:-1]
        data = data[length:]
    return found


class _Source:
    """Gives bytes from a stream of pieces."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._rest = b""

    def take(self, size: int) -> bytes:
        """Return ``size`` bytes. Raises TarballError if there are fewer."""
        data = b"".join(self.content(size))
        if len(data) < size:
            raise TarballError("the archive ends too early")
        return data

    def padded(self, size: int) -> bytes:
        """Return the data after a header, without the padding of its last block. Raises TarballError if the data is too
        long or incomplete."""
        if size > _LONGEST_HEADER:
            raise TarballError("a header is too long")
        return self.take(size + -size % BLOCK)[:size]

    def content(self, size: int) -> Iterator[bytes]:
        """Yield ``size`` bytes in pieces. Raises TarballError if there are fewer."""
        while size > 0:
            if not self._rest:
                piece = next(self._pieces, None)
                if piece is None:
                    raise TarballError("the archive ends too early")
                self._rest = piece
                continue
            data, self._rest = self._rest[:size], self._rest[size:]
            size -= len(data)
            yield data
