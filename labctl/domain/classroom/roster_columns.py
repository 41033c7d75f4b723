"""The columns of a roster: the accepted headers, and headers of other systems' exports."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence

from labctl.domain.classroom.cells import Cell, CellError
from labctl.domain.invisible import ALL
from labctl.domain.nearest import nearest
from labctl.domain.text import visible

# The first word of each column is its name in messages. The first word that isn't ASCII is its Chinese name.
COLUMNS: dict[str, tuple[str, ...]] = {
    "id": (
        *("id", "learner", "student", "studentid", "studentno", "number", "no", "account", "username"),
        *("学号", "编号", "工号", "账号", "学员", "学员编号", "学生编号", "學號", "編號"),
    ),
    "name": ("name", "fullname", "studentname", "姓名", "名字", "学生姓名", "学员姓名", "學生姓名"),
    "email": (
        *("email", "mail", "emailaddress"),
        *("邮箱", "电子邮箱", "邮件", "电子邮件", "邮箱地址", "郵箱", "電子郵件", "電郵"),
    ),
    "group": ("group", "class", "team", "班级", "组", "小组", "分组", "组别", "班", "班級", "組", "小組"),
    "key": (
        *("key", "sshkey", "publickey", "sshpublickey", "pubkey"),
        *("公钥", "ssh公钥", "密钥", "ssh密钥", "公鑰", "ssh公鑰"),
    ),
}
_BY_HEADER = {word: column for column, words in COLUMNS.items() for word in words}
_SYSTEMS: tuple[tuple[str, frozenset[str]], ...] = (
    ("Canvas", frozenset(("student", "id", "section"))),
    ("Canvas", frozenset(("student", "id", "sisloginid"))),
    ("Moodle", frozenset(("firstname", "lastname"))),
    ("Moodle", frozenset(("firstname", "surname"))),
    ("Moodle", frozenset(("名", "姓"))),
    ("Blackboard", frozenset(("lastname", "firstname", "username"))),
    ("Blackboard", frozenset(("姓氏", "名字", "用户名"))),
    ("学习通", frozenset(("学号/工号", "学生姓名"))),
    ("头歌", frozenset(("真实姓名", "学号"))),
    ("钉钉", frozenset(("姓名", "手机号"))),
)
_EDGES = re.compile(r'[,;\t，|"]')
_SHOWN = 40
_MOST_COLUMNS = 200
_HEADER_ROWS = 12
"""Exports of schools' systems have their header in one of this number of first rows."""


def plain(header: str) -> str:
    """Return a header in the form for comparison. It has half-width letters in lower case, without spaces, dashes and
    invisible characters."""
    return re.sub(r"[\s_*:.-]+", "", unicodedata.normalize("NFKC", ALL.sub("", header)).casefold())


def column_of(header: str) -> str:
    """Return the column that a header names, or an empty text for an unknown header."""
    return _BY_HEADER.get(plain(header), "")


def known(row: Sequence[Cell]) -> int:
    """Return how many headers of the row are known."""
    return sum(bool(column_of(cell.text)) for cell in row)


def known_words(text: str) -> list[str]:
    """Return the known headers in the first line of a text that isn't split into cells yet."""
    lines = re.split(r"\r\n|\r|\n", text[:2000].lstrip("\ufeff"), maxsplit=2)
    line = lines[1] if re.fullmatch("sep=.", lines[0]) and len(lines) > 1 else lines[0]
    return [word for word in _EDGES.split(line) if column_of(word)]


def system_of(row: Iterable[Cell]) -> str:
    """Return the name of the student system whose exports have this header row, or an empty text for labctl's own
    header."""
    words = {plain(cell.text) for cell in row}
    found = [name for name, marks in _SYSTEMS if marks <= words]
    return found[-1] if found and "key" not in map(column_of, words) else ""


def chinese(column: str) -> str:
    """Return the column's Chinese name."""
    return next(word for word in COLUMNS[column] if not word.isascii())


def unknown(header: str) -> CellError:
    """Return the fault of a header that names no column."""
    near = nearest(plain(header), _BY_HEADER)
    return CellError(
        "there is no column {header}",
        "did you mean {near}? If not, delete the column"
        if near
        else "delete the column; the known columns are: {known}",
        header=short(header),
        near=near,
        known=", ".join(f"{column} ({chinese(column)})" for column in COLUMNS),
    )


def foreign(rows: Sequence[Sequence[Cell]]) -> CellError | None:
    """Return the reason why a table isn't a roster, for example a later header or an export of another system. Returns
    None if the table may be a roster."""
    row = rows[0]
    if len(row) > _MOST_COLUMNS:
        return CellError(
            "the file has more than {most} columns, so it is not a roster",
            "check that this is the right file",
            most=_MOST_COLUMNS,
        )
    remedy = "copy the learners to a file with the columns id,name,email,group,key (or 学号,姓名,邮箱,班级,公钥)"
    for number, other in enumerate(rows[:_HEADER_ROWS]):
        system = system_of(other)
        if system:
            return CellError("this is a table of {system}, not a roster", remedy, system=system)
        if number and {"id", "name"} <= set(map(column_of, (cell.text for cell in other))) and known(row) < 2:
            line = other[0].line
            return CellError("the header is on line {line}", "delete the lines above the header", line=line)
    if known(row):
        return None
    return CellError(
        "the first line has no known column name",
        "the first line must be a header: id,name,email,group,key, in any order (or 学号,姓名,邮箱,班级,公钥)",
    )


def short(text: str) -> str:
    """Return a cell's text in a form for messages: one line, without terminal sequences, shortened."""
    clean = " ".join(ALL.sub(lambda match: f"\\u{ord(match[0]):04x}", visible(text)).split())
    return clean if len(clean) <= _SHOWN else f"{clean[: _SHOWN - 1]}…"
