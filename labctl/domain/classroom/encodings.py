"""Finds the encoding of a text file. A BOM names the encoding, and valid UTF-8 is UTF-8. A Chinese header decides
between the encodings of Chinese. Other cases are not certain: a text with two plausible readings is refused, and the
error shows both readings. A reading that is based only on the text is marked as a guess."""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable, Iterator, Sequence

import msgspec

from labctl.domain.classroom.cells import CellError, PlaceError, check_size, place_after
from labctl.domain.classroom.readings import LEGACY, certain_han, codec, plausible, surnames, unlikely_utf8
from labctl.domain.classroom.roster_columns import short

ENCODINGS = ("utf-8", "utf-16", "utf-16-le", "utf-16-be", *LEGACY, "iso-8859-1", "mac-roman")
"""The values of ``--encoding``."""

_BOMS = (
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
    ("\ufeff".encode("gb18030"), "gb18030"),
)
_SAVE_AS = "in the spreadsheet: Save As, “CSV UTF-8”"
KINDS: tuple[tuple[re.Pattern[bytes], str, str], ...] = (
    (
        re.compile(rb"\xd0\xcf\x11\xe0.*E\0n\0c\0r\0y\0p\0t\0e\0d\0P\0a\0c\0k\0a\0g\0e", re.DOTALL),
        "this is a workbook with a password, not CSV",
        "open it in the spreadsheet with its password, then Save As, “CSV UTF-8”",
    ),
    (re.compile(rb"\xd0\xcf\x11\xe0"), "this is an old Excel workbook (.xls), not CSV", _SAVE_AS),
    (
        re.compile(rb"PK\x03\x04.{26}mimetypeapplication/vnd\.oasis", re.DOTALL),
        "this is an OpenDocument file (.ods), not CSV",
        _SAVE_AS,
    ),
    (re.compile(rb"PK\x03\x04"), "this is a ZIP archive or a workbook, not CSV", "unpack the file, and " + _SAVE_AS),
    (
        re.compile(rb"(\xef\xbb\xbf)?\s*<(!doctype|html|table|meta|\?xml|!--)", re.IGNORECASE),
        "this is a web page or XML, not CSV, despite its name",
        "open it in the spreadsheet, then Save As, “CSV UTF-8”",
    ),
    (re.compile(rb"%PDF|\{\\rtf"), "this is a PDF or RTF document, not CSV", _SAVE_AS),
    (re.compile(rb"\x1f\x8b|7z\xbc\xaf|Rar!|BZh|\xfd7zXZ"), "this file is compressed", "unpack the file"),
)
_CELL = re.compile(rb"[^,;\t\r\n\"]+")
_BEYOND_ASCII = re.compile(rb"[\x80-\xff]")
_MOST_SHOWN = 3


class Decoded(msgspec.Struct, frozen=True):
    """A decoded file. If the encoding is a guess, ``sample`` is a cell that shows how the file was read. Otherwise
    ``sample`` is empty."""

    text: str
    encoding: str
    sample: str = ""


def decode(data: bytes, headers: Callable[[str], Sequence[str]], asked: str = "") -> Decoded:
    """Decode a file. ``headers`` returns the known headers in a text's first line. ``asked`` is the encoding that the
    user named. Raises PlaceError if the file is not text or its encoding is not certain."""
    for pattern, what, remedy in KINDS:
        if pattern.match(data):
            raise PlaceError(1, 1, CellError(what, remedy))
    check_size(data)
    for bom, encoding in _BOMS:
        if data.startswith(bom) and not (encoding == "utf-32-le" and _utf16(data, headers)):
            _agree(encoding, asked)
            return Decoded(_strictly(data.removeprefix(bom), encoding), encoding)
    if asked:
        return Decoded(_strictly(data, asked), asked)
    if b"\0" in data:
        return _utf16(data, headers) or Decoded(_strictly(data, "utf-8"), "utf-8")
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        return _legacy(data, error.start, headers)
    if unlikely_utf8(text) and certain_han(data):
        raise _uncertain(data, next(_cells(data)), ("utf-8", "gb18030"))
    return Decoded(text, "utf-8")


def _agree(found: str, asked: str) -> None:
    """Check the encoding that the byte order mark names. Raises PlaceError if the user named another encoding."""
    if asked and not found.startswith(asked):
        raise PlaceError(
            1,
            1,
            CellError(
                "the file begins with the byte order mark of {found}, but --encoding names {asked}",
                "run the command again without --encoding",
                found=found,
                asked=asked,
            ),
        )


def _utf16(data: bytes, headers: Callable[[str], Sequence[str]]) -> Decoded | None:
    """Decode UTF-16 without a byte order mark. The right byte order gives a known header and no NUL. Returns None if
    neither byte order does so."""
    for encoding in ("utf-16-le", "utf-16-be"):
        try:
            text = data.decode(encoding).removeprefix("\ufeff")
        except UnicodeDecodeError:
            continue
        if "\0" not in text and headers(text):
            return Decoded(text, encoding)
    return None


def _legacy(data: bytes, bad: int, headers: Callable[[str], Sequence[str]]) -> Decoded:
    """Decode a text that isn't UTF-8 from the byte ``bad`` on. Raises PlaceError if the encoding is not certain."""
    texts = _texts(data)
    # A header that isn't ASCII is known in only one encoding, so it proves that encoding.
    for encoding, text in texts.items():
        if any(not word.isascii() for word in headers(text)):
            _doubt(data, encoding)
            return Decoded(text, encoding)
    before = data[:bad].decode()
    if re.search("[\u4e00-\u9fff]", before):
        wrong = CellError(
            "the text before this place is UTF-8, the text after it is not", "save the whole file as “CSV UTF-8”"
        )
        raise PlaceError(*place_after(before), wrong)
    chinese = texts.get("gb18030", "")
    if chinese and plausible(chinese, "gb18030"):
        names = surnames(chinese, "gb18030")
        rivals = [encoding for encoding, text in texts.items() if _rivals(text, encoding, names)]
        if not rivals:
            return Decoded(chinese, "gb18030", next(_cells(data))[1].decode("gb18030", "replace").strip())
        raise _uncertain(data, next(_cells(data)), ("gb18030", *rivals))
    unfit = (cell for cell in _cells(data) if not _reads(cell[1], "gb18030"))
    raise _uncertain(data, next(unfit, None) or next(_cells(data)), tuple(texts))


def _rivals(text: str, encoding: str, names: int) -> bool:
    """Return whether this reading is as good as a Chinese reading with ``names`` surnames. A reading in Han or Hangul
    needs more surnames than the Chinese reading. A reading in letters is as good only if the Chinese reading has no
    surnames."""
    if encoding == "gb18030" or not plausible(text, encoding):
        return False
    return surnames(text, encoding) > names if encoding in ("big5", "euc-kr") else names == 0


def _doubt(data: bytes, encoding: str) -> None:
    """Check every cell in an encoding that the header proves. Raises PlaceError at the first cell that is not text in
    this encoding."""
    for at, cell in _cells(data):
        if encoding == "gb18030" and not _reads(cell, encoding) and _reads(cell, "cp1252"):
            raise _uncertain(data, (at, cell), (encoding, "cp1252"))


def _texts(data: bytes) -> dict[str, str]:
    """Return the decoded text for each encoding that can decode all of the data."""
    texts = {}
    for encoding in LEGACY:
        try:
            texts[encoding] = data.decode(codec(encoding))
        except UnicodeDecodeError:
            continue
    return texts


def _reads(data: bytes, encoding: str) -> bool:
    try:
        return plausible(data.decode(codec(encoding)), encoding)
    except UnicodeDecodeError:
        return False


def _cells(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield the cells that contain bytes outside ASCII, each with the place of the first such byte. In these encodings
    no separator of cells is part of a character, so the cells can be found without decoding."""
    for match in _CELL.finditer(data):
        found = _BEYOND_ASCII.search(match[0])
        if found:
            yield match.start() + found.start(), match[0]


def _uncertain(data: bytes, where: tuple[int, bytes], encodings: Sequence[str]) -> PlaceError:
    at, cell = where
    likely = [encoding for encoding in encodings if encoding == "utf-8" or _reads(cell, encoding)]
    others = [encoding for encoding in ("cp1252", "gb18030") if encoding in encodings and encoding not in likely]
    shown: dict[str, str] = {}
    for encoding in (*likely, *others):
        if encoding in others and len(shown) > 1:
            break  # two readings are enough to compare
        try:
            shown.setdefault(short(cell.decode(codec(encoding)).strip()), encoding)
        except UnicodeDecodeError:
            continue
    line, column = place_after(data[:at].decode("latin-1"))
    if not shown:
        wrong = CellError("from here on, the text is not valid {encodings}", _SAVE_AS, encodings="UTF-8, GB18030")
        return PlaceError(line, column, wrong)
    pairs = list(shown.items())[:_MOST_SHOWN]
    wrong = CellError(
        "the encoding of this file is not certain; this cell can be read as {readings}",
        "name the encoding of the right reading, for example --encoding {encoding}; or save the file as “CSV UTF-8”",
        readings=" · ".join(f"{text} ({encoding})" for text, encoding in pairs),
        encoding=pairs[0][1],
    )
    return PlaceError(line, column, wrong)


def _strictly(data: bytes, encoding: str) -> str:
    try:
        text = data.decode(codec(encoding))
    except UnicodeDecodeError as error:
        wrong = CellError("from here on, the text is not valid {encodings}", _SAVE_AS, encodings=encoding.upper())
        raise PlaceError(*place_after(data[: error.start].decode(codec(encoding), "replace")), wrong) from None
    if "\0" in text:
        wrong = CellError("this is a NUL byte: the file is not a text file", _SAVE_AS)
        raise PlaceError(*place_after(text[: text.index("\0")]), wrong)
    return text
