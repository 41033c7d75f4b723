"""A roster: who is in a cohort, read from CSV as spreadsheets write it. All faults are told at once, each with its
place, and nothing is taken from a file that has one."""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Sequence

import msgspec

from labctl.domain import ssh_key
from labctl.domain.cells import Cell, CellError, PlaceError, decode, place_after, split
from labctl.domain.cohort import Member
from labctl.domain.text import visible
from labctl.errors import RosterError

MOST_BYTES = 4 << 20
"""A roster of a thousand learners with long keys has a fifth of that."""

# The first word of each is what the column is called in messages.
COLUMNS: dict[str, tuple[str, ...]] = {
    "id": (
        *("id", "learner", "student", "studentid", "studentno", "number", "no", "account", "username"),
        *("学号", "编号", "工号", "账号", "学员", "学员编号", "学生编号"),
    ),
    "name": ("name", "fullname", "studentname", "姓名", "名字", "学生姓名", "学员姓名"),
    "email": ("email", "mail", "emailaddress", "邮箱", "电子邮箱", "邮件", "电子邮件", "邮箱地址"),
    "group": ("group", "class", "team", "班级", "组", "小组", "分组", "组别", "班"),
    "key": ("key", "sshkey", "publickey", "sshpublickey", "pubkey", "公钥", "ssh公钥", "密钥", "ssh密钥"),
}
_BY_HEADER = {word: column for column, words in COLUMNS.items() for word in words}

ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,31}")
_SCIENTIFIC = re.compile(r"[0-9]+([.,][0-9]+)?E\+[0-9]+", re.IGNORECASE)
_EMAIL = re.compile(r"[^@\s<>,;:\"()\[\]\\]{1,64}@[^@\s<>,;:\"()\[\]\\.]+(\.[^@\s<>,;:\"()\[\]\\.]+)+")
_LONGEST = {"name": 100, "group": 60, "email": 254}
_SHOWN = 40


class RosterFault(msgspec.Struct, frozen=True):
    """``line`` and ``column`` (of characters) from 1, where the cell begins; ``field``: its header as the file has it,
    empty where it has none. ``what`` and ``remedy`` are templates for ``values``."""

    line: int
    column: int
    field: str
    what: str
    remedy: str
    values: dict[str, str]


def read(data: bytes, file: str) -> tuple[Member, ...]:
    """The learners, in the file's order. Raises RosterError with all that is wrong."""
    reading = _Reading()
    try:
        if len(data) > MOST_BYTES:
            raise PlaceError(
                1, 1, CellError("too large for a roster: more than {most} MiB", "is it the right file?", most=4)
            )
        members = reading.members(decode(data))
    except PlaceError as place:
        members = ()
        reading.note(place.line, place.column, "", place.wrong)
    faults = reading.told()
    if faults:
        raise RosterError(
            "{file}: {count} faults, nothing was taken in"
            if len(faults) > 1
            else "{file}: 1 fault, nothing was taken in",
            hint="mend the file, and do it again",
            faults=faults,
            file=file,
            count=len(faults),
        )
    return members


class _Reading:
    """What was found so far."""

    def __init__(self) -> None:
        self.faults: list[RosterFault] = []
        self._secret: tuple[int, int] | None = None
        self._ids: dict[str, int] = {}
        self._keys: dict[str, int] = {}

    def note(self, line: int, column: int, header: str, wrong: CellError) -> None:
        self.faults.append(RosterFault(line, column, _short(header), wrong.what, wrong.remedy, wrong.values))

    def told(self) -> tuple[RosterFault, ...]:
        """All faults by place. Where a private key is in the file, no cell's text is told: it may be in any."""
        faults = self.faults
        if self._secret is not None:
            urgent = ssh_key.private()
            if not any(fault.what == urgent.what for fault in faults):
                self.note(*self._secret, "", urgent)
            faults = [_covered(fault) for fault in faults]
        return tuple(sorted(faults, key=lambda fault: (fault.line, fault.column)))

    def members(self, text: str) -> tuple[Member, ...]:
        private = ssh_key.PRIVATE.search(text)
        if private:
            self._secret = place_after(text[: private.start()])
        rows = self._rows(text)
        if not rows:
            raise PlaceError(
                1, 1, CellError("the file is empty", "the first line names the columns: id,name,email,group,key")
            )
        head = self._head(rows[0])
        if not head:
            return ()
        found = [self._member(row, rows[0], head) for row in rows[1:]]
        if not found:
            last = rows[0][0]
            self.note(
                last.line, last.column, "", CellError("no learner follows the header", "one line for each learner")
            )
        return tuple(member for member in found if member is not None)

    def _rows(self, text: str) -> list[list[Cell]]:
        told = re.match(r"sep=(.)(\r\n|\r|\n)", text)  # as Excel writes it, and hides it
        if told:
            # The line stays a line, so that those below keep their numbers.
            text = text[told.end(1) :]
        delimiters = [told[1]] if told else [",", ";", "\t"]
        readings = [split(text, delimiter) for delimiter in delimiters]
        rows, places = max(readings, key=lambda reading: _known(reading[0]))
        for place in places:
            self.note(place.line, place.column, "", place.wrong)
        return rows

    def _head(self, row: list[Cell]) -> dict[int, str]:
        """Position to column, of the columns that are known. Empty where nothing below can be understood."""
        if not _known([row]):
            wrong = CellError(
                "the first line names no column that is known",
                "it must be a header: id,name,email,group,key, in any order (or 学号,姓名,邮箱,班级,公钥)",
            )
            self.note(row[0].line, row[0].column, "", wrong)
            return {}
        head: dict[int, str] = {}
        for index, cell in enumerate(row):
            column = _BY_HEADER.get(_plain(cell.text), "")
            if column and column in head.values():
                remedy = "keep one of them"
                self.note(
                    cell.line,
                    cell.column,
                    cell.text,
                    CellError("the column {column} is there twice", remedy, column=column),
                )
            elif column:
                head[index] = column
            elif cell.text:
                self.note(cell.line, cell.column, cell.text, _unknown(cell.text))
        for column in ("id", "name"):
            if column not in head.values():
                remedy = "name it {column} or {other} in the first line"
                other = next(word for word in COLUMNS[column] if not word.isascii())
                wrong = CellError("there is no column {column}", remedy, column=column, other=other)
                self.note(row[0].line, row[0].column, "", wrong)
        return head

    def _member(self, row: list[Cell], header: list[Cell], head: dict[int, str]) -> Member | None:
        before = len(self.faults)
        end = row[-1]
        values = {}
        for index, column in head.items():
            cell = row[index] if index < len(row) else Cell("", end.line, end.column + len(end.text))
            try:
                values[column] = self._value(column, cell)
            except CellError as wrong:
                self.note(cell.line, cell.column, header[index].text, wrong)
        for index, cell in enumerate(row):
            if cell.text and (index >= len(header) or not header[index].text):
                remedy = "put a text that has a comma in it between double quotes"
                self.note(cell.line, cell.column, "", CellError("this cell belongs to no column", remedy))
        return Member(**values) if len(self.faults) == before and {"id", "name"} <= values.keys() else None

    def _value(self, column: str, cell: Cell) -> str:
        match column:
            case "id":
                return self._id(cell)
            case "key":
                return self._key(cell)
            case "email":
                return _email(cell.text)
            case _:
                return _words(column, cell.text)

    def _id(self, cell: Cell) -> str:
        check_id(cell.text)
        other = self._ids.setdefault(cell.text.lower(), cell.line)
        if other != cell.line:
            remedy = "every learner has an id of their own; capitals don't count"
            raise CellError("{id} is on line {line}, too", remedy, id=cell.text, line=other)
        return cell.text

    def _key(self, cell: Cell) -> str:
        if not cell.text:
            return ""
        key = ssh_key.parse(cell.text)
        other = self._keys.setdefault(key, cell.line)
        if other != cell.line:
            remedy = "a key tells who logs in: every learner needs their own"
            raise CellError("the same key is on line {line}", remedy, line=other)
        return key


def _known(rows: Sequence[Sequence[Cell]]) -> int:
    """How many headers of the first row are known."""
    return sum(_plain(cell.text) in _BY_HEADER for cell in rows[0]) if rows else 0


def _plain(header: str) -> str:
    """As it is compared: full-width letters as narrow ones, no case, no blanks and dashes."""
    return re.sub(r"[\s_*:.-]+", "", unicodedata.normalize("NFKC", header).casefold())


def _unknown(header: str) -> CellError:
    near = difflib.get_close_matches(_plain(header), _BY_HEADER, n=1)
    known = ", ".join(
        f"{column} ({next(word for word in words if not word.isascii())})" for column, words in COLUMNS.items()
    )
    return CellError(
        "there is no column {header}",
        "did you mean {near}? Else take the column away" if near else "take the column away; known are: {known}",
        header=_short(header),
        near=near[0] if near else "",
        known=known,
    )


def check_id(text: str) -> None:
    """Whether a learner may be called so. Raises CellError."""
    if not text:
        raise CellError("the id is missing", "every learner needs one: letters, digits, . _ -")
    if _SCIENTIFIC.fullmatch(text):
        remedy = "format the column as text, type the ids again, and save"
        raise CellError("the spreadsheet has turned a long number into {id}", remedy, id=text)
    if not ID.fullmatch(text):
        remedy = "1 to 32 letters (a to z), digits, . _ -; the first is a letter or a digit"
        raise CellError("{id} can't be an id", remedy, id=_short(text))


def _email(text: str) -> str:
    if text and (len(text) > _LONGEST["email"] or not _EMAIL.fullmatch(text) or visible(text) != text):
        raise CellError(
            "{email} is no e-mail address", "write it as name@example.org, or leave it empty", email=_short(text)
        )
    return text


def _words(column: str, text: str) -> str:
    words = " ".join(text.split())
    if column == "name" and not words:
        raise CellError("the name is missing", "every learner needs one")
    if visible(words) != words:
        raise CellError("characters that can't be seen: {text}", "type it anew", text=_short(words))
    if len(words) > _LONGEST[column]:
        raise CellError("longer than {most} characters", "shorten it", most=_LONGEST[column])
    return words


def _covered(fault: RosterFault) -> RosterFault:
    field = fault.field if _plain(fault.field) in _BY_HEADER else ""
    values = {name: "…" if name in ("id", "email", "text", "header") else text for name, text in fault.values.items()}
    return msgspec.structs.replace(fault, field=field, values=values)


def _short(text: str) -> str:
    clean = " ".join(visible(text).split())
    return clean if len(clean) <= _SHOWN else f"{clean[: _SHOWN - 1]}…"
