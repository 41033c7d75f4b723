"""Checks the values of a roster's cells one by one. Each change of a value is reported as a remark."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

from labctl.domain.classroom import ssh_key
from labctl.domain.classroom.cells import CellError
from labctl.domain.classroom.roster_columns import short
from labctl.domain.invisible import ALL, BLANK, CONTROL, codes, composed, nothing, strange, without
from labctl.domain.text import visible

CLEAR = "-"
"""This text in an optional column removes the learner's value. An empty cell changes nothing."""

ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,31}")
_SCIENTIFIC = re.compile(r"[0-9]+([.,][0-9]+)?E\+[0-9]+", re.IGNORECASE)
_WITH_ZEROS = re.compile(r"([0-9]+)[.,]0+")
_GROUPED = re.compile(r"[0-9]{1,3}([,'’ \u00a0\u202f][0-9]{3})+|[0-9]{1,3}(\.[0-9]{3}){2,}")
_EXCEL_ERROR = re.compile(r"#(N/A|REF!|VALUE!|NAME\?|DIV/0!|NULL!|NUM!|SPILL!|CALC!|#+)", re.IGNORECASE)
_DATE = re.compile(
    r"\d{1,2}月\d{1,2}日|\d{1,2}-(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)"
    r"|(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)-\d{2}",
    re.IGNORECASE,
)
_FORCED_TEXT = re.compile(r'="([^"]*)"')
_EMAIL = re.compile(r"[^@\s<>,;:\"()\[\]\\]{1,64}@[^@\s<>,;:\"()\[\]\\.]+(\.[^@\s<>,;:\"()\[\]\\.]+)+")
_DAMAGED = re.compile("\ufffd|锟斤拷")
_LONGEST = {"name": 100, "group": 60, "email": 254}
_EXACT_DIGITS = 15
"""A spreadsheet's number has at most this many digits."""


class Remark:
    """A remark on a value that labctl changed or that is doubtful: a template for ``values``."""

    def __init__(self, what: str, /, **values: object) -> None:
        self.what = what
        self.values = {name: str(value) for name, value in values.items()}


def value(column: str, text: str, remarks: list[Remark]) -> str:
    """Return the value of a cell in that column, or an empty text for an empty cell. Raises CellError for a wrong
    value."""
    forced = _FORCED_TEXT.fullmatch(text)
    if forced:
        text = forced[1]
        remarks.append(Remark('="…" around a text was removed'))
    if _EXCEL_ERROR.fullmatch(text):
        remedy = "correct the formula in the spreadsheet, or type the value"
        raise CellError("this is an error message of the spreadsheet, not a value: {text}", remedy, text=text)
    if column in ("name", "group"):
        return _words(column, text, remarks)
    clean, removed = without(text, ALL)
    if removed:
        remarks.append(Remark("invisible characters were removed: {codes}", codes=codes(removed)))
    match column:
        case "id":
            check_id(clean)
            return clean
        case "key":
            return ssh_key.parse(clean) if clean not in ("", CLEAR) else clean
        case _:
            return _email(clean)


def check_id(text: str) -> None:
    """Check a learner's id. Raises CellError if the id is not allowed."""
    if not text:
        raise CellError(
            "the id is missing", "every learner needs an id of letters, digits, dots, underscores and dashes"
        )
    whole = _WITH_ZEROS.fullmatch(text)
    retype = "format the column as text, type the ids again, and save"
    if _SCIENTIFIC.fullmatch(text):
        raise CellError("the spreadsheet has turned a long number into {id}", retype, id=text)
    if whole:
        remedy = "format the column as text, type {plain}, and save"
        raise CellError("the spreadsheet has turned the id into the number {id}", remedy, id=text, plain=whole[1])
    if _GROUPED.fullmatch(text):
        remedy = "format the column as text, type {plain}, and save"
        digits = "".join(character for character in text if character.isdigit())
        raise CellError("the spreadsheet has put separators into the number {id}", remedy, id=text, plain=digits)
    if ID.fullmatch(text):
        return
    narrow = unicodedata.normalize("NFKC", text).strip("'’` ")
    other = strange(text, "")
    if ID.fullmatch(narrow):
        remedy = "type the id again: {plain}"
        what = "{id} can't be an id: it has the character {character}" if other else "{id} can't be an id"
        raise CellError(what, remedy, id=short(text), character=other, plain=narrow)
    remedy = (
        "an id has 1 to 32 characters: letters (a to z), digits, dot, underscore or dash; "
        "the first is a letter or a digit"
    )
    if "，" in text:
        remedy = "this cell contains a full-width comma; write , between cells"
    if other:
        raise CellError(
            "{id} can't be an id: it has the character {character}", remedy, id=short(text), character=other
        )
    raise CellError("{id} can't be an id", remedy, id=short(text))


def rounded(ids: Sequence[str]) -> list[int]:
    """Return the positions of ids that a spreadsheet has rounded. Long ids count as rounded if all ids with more than
    15 digits have only zeros after the 15th digit. A single zero proves nothing."""
    long = [at for at, text in enumerate(ids) if text.isdigit() and len(text) > _EXACT_DIGITS]
    if not all(set(ids[at][_EXACT_DIGITS:]) == {"0"} for at in long):
        return []
    return long if sum(len(ids[at]) - _EXACT_DIGITS for at in long) > 1 else []


def shorter(ids: Sequence[str]) -> list[int]:
    """Return the positions of ids that may have lost a leading zero. All ids must be numbers. The other ids must be
    longer, must all have the same length, and must be more than twice as many."""
    lengths = [len(text) for text in ids]
    longest = max(lengths, default=0)
    short_ones = [at for at, length in enumerate(lengths) if length < longest]
    if longest < 5 or not all(text.isdigit() for text in ids) or 2 * len(short_ones) >= len(ids) - len(short_ones):
        return []
    return short_ones


def _email(text: str) -> str:
    if text in ("", CLEAR):
        return text
    if len(text) <= _LONGEST["email"] and _EMAIL.fullmatch(text) and visible(text) == text and "＠" not in text:
        return text
    narrow = [match[0] for match in _EMAIL.finditer(unicodedata.normalize("NFKC", text))]
    if len(narrow) > 1:
        remedy = "keep one address, for example {plain}"
        raise CellError(
            "{email} contains more than one e-mail address", remedy, email=short(text), plain=short(narrow[0])
        )
    if narrow:
        remedy = "write only {plain}"
        raise CellError(
            "{email} contains more than the e-mail address", remedy, email=short(text), plain=short(narrow[0])
        )
    raise CellError(
        "{email} is not an e-mail address", "write it as name@example.org, or leave it empty", email=short(text)
    )


def _words(column: str, text: str, remarks: list[Remark]) -> str:
    if damaged(text):
        remedy = "open the original in a program that shows this text correctly, and save it as “CSV UTF-8”"
        raise CellError("this text was damaged when it was saved: {text}", remedy, text=short(text))
    if CONTROL.search(text):
        raise CellError("the cell contains invisible characters: {text}", "type the text again", text=short(text))
    unseen = nothing(text)
    if found := unseen.findall(text):
        remarks.append(Remark("invisible characters were removed: {codes}", codes=codes("".join(found))))
    if wide := BLANK.findall(text):
        remarks.append(Remark("special spaces were replaced by plain spaces: {codes}", codes=codes("".join(wide))))
    clean = BLANK.sub(" ", unseen.sub("", text)).strip(" \t\r\n")
    words = " ".join(clean.split())
    if words != clean:
        remarks.append(Remark("repeated spaces or line breaks were replaced by one space: {text}", text=words))
    whole = composed(words)
    if whole != words:
        remarks.append(Remark("letters and their accents were joined (Unicode NFC): {text}", text=whole))
    if column == "group" and _DATE.fullmatch(whole):
        remedy = "format the column as text, type the text again, and save"
        raise CellError("the spreadsheet has turned this into a date: {text}", remedy, text=short(whole))
    if len(whole) > _LONGEST[column]:
        raise CellError("the text is longer than {most} characters", "shorten the text", most=_LONGEST[column])
    return whole


def damaged(text: str) -> bool:
    """Return whether the text has lost characters, or was UTF-8 that a program read as CP1252 or GBK and saved as UTF-8
    again: MÃ¼ller, 鏉庨浄."""
    if _DAMAGED.search(text):
        return True
    try:
        again = text.encode("cp1252").decode()
    except UnicodeError:
        again = text
    if again != text:
        return True
    try:
        again = text.encode("gb18030").decode()
    except UnicodeError:
        return False
    return (
        again != text and min(filter(lambda letter: not letter.isascii(), again)) >= "\u4e00" and not _in_gb2312(text)
    )


def _in_gb2312(text: str) -> bool:
    try:
        text.encode("gb2312")
    except UnicodeEncodeError:
        return False
    return True
