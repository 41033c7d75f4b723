"""Rosters as people send them: each file is read correctly, or refused in one sentence with place and remedy."""

from __future__ import annotations

import pytest

from labctl.domain.classroom.roster import Roster
from labctl.domain.classroom.roster_reading import read
from labctl.errors import FaultAt, RosterError

HEAD = "id,name,group\n"
KOPF = "学号,姓名,班级\n"


def text_of(fault: FaultAt) -> str:
    return f"{fault.what.format_map(fault.values)} | {fault.remedy.format_map(fault.values)}"


def refused(data: bytes, encoding: str = "") -> list[FaultAt]:
    with pytest.raises(RosterError) as caught:
        read(data, "class.csv", encoding)
    return list(caught.value.faults)


def names(data: bytes, encoding: str = "") -> list[str]:
    return [member.name for member in read(data, "class.csv", encoding).members]


def notes(roster: Roster) -> list[str]:
    return [note.what.format_map(note.values) for note in roster.notes]


@pytest.mark.parametrize(
    ("text", "encoding", "read_as"),
    [
        (HEAD + "s01,李雷,一班\n", "gb18030", "gb18030"),
        (HEAD + "s01,Jim,Python班\n", "gb18030", "gb18030"),
        (HEAD + "s01,张伟,A\ns02,欧阳娜娜,B\n", "gbk", "gb18030"),
        (HEAD + "s01,陳大文,A\n", "gbk", "gb18030"),
        (KOPF + "s01,Jim,\n", "gbk", "gb18030"),
        ("學號,姓名,班級\ns01,陳大文,一班\n", "big5", "big5"),
        (HEAD + "s01,Müller,A\n", "utf-8", "utf-8"),
        (HEAD + "s01,Иванов,A\n", "utf-8", "utf-8"),
        (HEAD + "s01,Müller,A\n", "utf-8-sig", "utf-8"),
        (HEAD + "s01,Müller,A\n", "utf-16", "utf-16-le"),
        (HEAD + "s01,李雷,A\n", "utf-16-le", "utf-16-le"),
        (KOPF + "s01,李雷,A\n", "utf-16-be", "utf-16-be"),
        (KOPF + "s01,李雷,A\n", "utf-32", "utf-32-le"),
    ],
)
def test_an_encoding_is_detected_if_it_is_certain_enough(text: str, encoding: str, read_as: str) -> None:
    roster = read(text.encode(encoding), "x")
    assert (roster.encoding, roster.members[0].name) == (read_as, text.splitlines()[1].split(",")[1])


def test_a_guessed_encoding_is_noted_with_an_example() -> None:
    assert notes(read((HEAD + "s01,李雷,A\n").encode("gbk"), "x")) == [
        "the file was read as gb18030: 李雷; if this is wrong, name the encoding with --encoding"
    ]
    assert notes(read((KOPF + "s01,李雷,A\n").encode("gbk"), "x")) == []


@pytest.mark.parametrize(
    ("text", "encoding", "place", "readings"),
    [
        ("s01,Müller,A\n", "cp1252", (2, 6), "Müller (cp1252) · M黮ler (gb18030)"),
        ("s01,Müller,A\ns02,José,B\n", "cp1252", (2, 6), "Müller (cp1252)"),
        ("s01,ÖZGÜR Çelik,A\n", "cp1252", (2, 5), "ÖZGÜR Çelik (cp1252) · 諾G躌 莈lik (gb18030)"),
        ("s01,陳大文,A\n", "big5", (2, 5), "陳大文 (big5) · ³¯¤j¤å (cp1252)"),
        ("s01,김철수,A\n", "cp949", (2, 5), "辫枚荐 (gb18030) · 김철수 (euc-kr)"),
        ("s01,Петров Сергей,A\n", "cp1251", (2, 5), "襄蝠钼 彦疸彘 (gb18030) · Петров Сергей (cp1251)"),
        ("s01,小雪,A\n", "gbk", (2, 5), "Сѩ (utf-8) · 小雪 (gb18030)"),
    ],
)
def test_two_plausible_encodings_are_refused_with_both_readings(
    text: str, encoding: str, place: tuple[int, int], readings: str
) -> None:
    (fault,) = refused((HEAD + text).encode(encoding))
    assert (fault.line, fault.column) == place
    assert readings in text_of(fault) and "--encoding " in text_of(fault)
    meant = text.splitlines()[0].split(",")[1]
    codec = {"cp949": "euc-kr", "gbk": "gb18030"}.get(encoding, encoding)
    assert names((HEAD + text).encode(encoding), codec)[0] == meant


def test_a_western_name_in_a_chinese_file_is_refused() -> None:
    (fault,) = refused((KOPF + "s01,李雷,A\n").encode("gbk") + "s02,Müller,B\n".encode("cp1252"))
    assert (fault.line, fault.column) == (3, 6) and "M黮ler (gb18030)" in text_of(fault)


@pytest.mark.parametrize(
    "rest", ["s02,韩梅梅,B\n".encode("gbk"), "s02,Müller,B\n".encode("cp1252"), "李".encode()[:-1]]
)
def test_a_file_in_two_encodings_is_refused_at_the_first_line_of_the_second(rest: bytes) -> None:
    (fault,) = refused((HEAD + "s01,李雷,A\n").encode() + rest)
    assert fault.line == 3 and text_of(fault).startswith(
        "the text before this place is UTF-8, the text after it is not"
    )


WESTERN = """José Núñez Zoë Brontë François Jörg Schäfer Søren Åse Ångström Björk Guðmundsdóttir Muñoz Gonçalves João
Conceição Öztürk Größe Gäßler Löß Heß Hélène Noël Þór Ærø Mälzer-Höß Süß Füßli Agnès André Ægir Böö Ñuñez Ibáñez Avilés
Lætitia Mañé Ángel Peñíscola Ö"""


@pytest.mark.parametrize("name", WESTERN.split())
def test_no_western_name_is_read_as_chinese(name: str) -> None:
    for rest in ("", "s02,Anna Smith,\n", "s03,Großmütter,\n", "s04,Weißß,\n"):
        refused(f"{HEAD}s01,{name},\n{rest}".encode("cp1252"))


CHINESE = """李雷 韩梅梅 张伟 王芳 欧阳娜娜 刘洋 陈静 赵敏 周杰 吴磊 郑凯 孙悦 林丹 高明 何炅 司马南 马云 郭靖 黄蓉 杨过
朱琪 曾婷 罗玥 吕喆 古力娜扎·迪丽 李雷(班长) 陆毅 冯巩 阿依古丽 买买提"""


@pytest.mark.parametrize("name", CHINESE.split())
def test_chinese_names_in_gbk_are_read(name: str) -> None:
    assert names(f"{HEAD}s01,{name},\n".encode("gbk")) == [name]


def test_a_named_encoding_is_used() -> None:
    (fault,) = refused((HEAD + "s01,Müller,A\n").encode("utf-8-sig"), "cp1252")
    assert text_of(fault).startswith("the file begins with the byte order mark of utf-8, but --encoding names cp1252")
    (fault,) = refused((HEAD + "s01,Müller,A\n").encode("cp1252"), "utf-8")
    assert (fault.line, fault.column) == (2, 6)
    # An encoding named by the user is not questioned.
    assert names((HEAD + "s01,Müller,A\n").encode("cp1252"), "gb18030") == ["M黮ler"]


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (b"PK\x03\x04....", "this is a ZIP archive or a workbook, not CSV"),
        (b"PK\x03\x04" + bytes(26) + b"mimetypeapplication/vnd.oasis.opendocument", "this is an OpenDocument file"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "this is an old Excel workbook (.xls), not CSV"),
        (b"\xd0\xcf\x11\xe0" + "EncryptedPackage".encode("utf-16-le"), "this is a workbook with a password"),
        (b"<html><table><tr><td>id</td></tr></table>", "this is a web page or XML, not CSV, despite its name"),
        (b"\xef\xbb\xbf<?xml version='1.0'?><Workbook>", "this is a web page or XML"),
        (b"%PDF-1.7", "this is a PDF or RTF document"),
        (b"\x1f\x8b\x08\0", "this file is compressed"),
        ("课程：数据库,,\n2026 秋,,\n学号,姓名,班级\ns01,李雷,A\n".encode(), "the header is on line 3"),
        (b"Student,ID,SIS User ID,SIS Login ID,Section,HW (7)\n    Points Possible,,,,,10\n", "a table of Canvas"),
        (b"First name,Surname,ID number,Institution,Email address\nA,B,1,X,a@b.cn\n", "a table of Moodle"),
        ("名,姓,学号,机构\n".encode(), "a table of Moodle"),
        ('"Last Name"\t"First Name"\t"Username"\t"Student ID"\n'.encode("utf-16"), "a table of Blackboard"),
        ("统计,,\n课程：x,,\n序号,学生姓名,学号/工号\n".encode(), "a table of 学习通"),
        ("真实姓名,学号,最终成绩\n".encode("gbk"), "a table of 头歌"),
    ],
)
def test_a_file_that_is_no_roster_is_reported_by_its_kind(data: bytes, what: str) -> None:
    (fault,) = refused(data)
    assert (fault.line, fault.column) == (1, 1) and what in text_of(fault)


@pytest.mark.parametrize(
    ("cell", "what"),
    [
        ("20230001.0", "has turned the id into the number 20230001.0 | format the column as text, type 20230001"),
        ('"20230001,00"', "has turned the id into the number 20230001,00"),
        ("2.0230001E+15", "has turned a long number into 2.0230001E+15"),
        ('"2,0230001e+15"', "has turned a long number into 2,0230001e+15"),
        ('"20,230,001"', "has put separators into the number 20,230,001 | format the column as text, type 20230001"),
        ("20.230.001", "has put separators into the number"),
        ("20 230 001", "has put separators into the number"),
        ("110101199003071000", "keeps only 15 digits of a number, and has rounded 110101199003071000"),
        ("２０２３", "it has the character U+FF12 FULLWIDTH DIGIT TWO | type the id again: 2023"),
        ("s\u043e1", "it has the character U+043E CYRILLIC SMALL LETTER O"),
        ("'0012", "'0012 can't be an id | type the id again: 0012"),
        ("#N/A", "this is an error message of the spreadsheet, not a value: #N/A"),
        ("########", "this is an error message of the spreadsheet"),
        ("s01，李雷", "this cell contains a full-width comma"),
    ],
)
def test_an_id_that_a_program_changed_is_refused(cell: str, what: str) -> None:
    (fault,) = refused(f"id,name\n{cell},Li\n".encode())
    assert (fault.line, fault.column, fault.field) == (2, 1, "id") and what in text_of(fault)


@pytest.mark.parametrize(
    "good", ["12E05", "1.5", "2023.10", "110101199003071234", "1234567890123450", "00123", "A-1_b.c"]
)
def test_an_id_that_only_looks_changed_is_kept(good: str) -> None:
    assert [one.id for one in read(f"id,name\n{good},Li\n".encode(), "x").members] == [good]


def test_ids_are_kept_if_one_of_them_is_not_rounded() -> None:
    assert len(read(b"id,name\n110101199003071000,Li\n110101199003071234,Han\n", "x").members) == 2


def test_a_possibly_lost_leading_zero_is_noted() -> None:
    roster = read(b"id,name\n00123,a\n00124,b\n00125,c\n126,d\n", "x")
    assert notes(roster) == ["126 is shorter than the other ids: did a spreadsheet remove a leading 0?"]
    assert (roster.notes[0].line, roster.notes[0].column) == (5, 1)
    assert notes(read(b"id,name\n1,a\n2,b\n10,c\n", "x")) == []


@pytest.mark.parametrize(
    ("column", "cell", "value", "note"),
    [
        ("id", "2023\u200b0001", "20230001", "invisible characters were removed: U+200B"),
        ("id", "\u00a0s01\u3000", "s01", "invisible characters were removed: U+00A0, U+3000"),
        ("id", '="0012"', "0012", '="…" around a text was removed'),
        ("name", "Li\u00a0Lei", "Li Lei", "special spaces were replaced by plain spaces: U+00A0"),
        ("name", "李\u3000雷", "李 雷", "special spaces were replaced by plain spaces: U+3000"),
        ("name", "Li  Lei", "Li Lei", "repeated spaces or line breaks were replaced by one space: Li Lei"),
        ("name", '"Li\nLei"', "Li Lei", "repeated spaces or line breaks were replaced by one space: Li Lei"),
        ("name", "Mu\u0308ller", "Müller", "letters and their accents were joined (Unicode NFC): Müller"),
        ("name", "Li\u00ad\u200dLei", "LiLei", "invisible characters were removed: U+00AD, U+200D"),
        ("email", "li@example.org\ufeff", "li@example.org", "invisible characters were removed: U+FEFF"),
        ("group", "\u200bA", "A", "invisible characters were removed: U+200B"),
        ("name", "می\u200cخواهم", "می\u200cخواهم", ""),
        ("name", "\uf90a", "\uf90a", ""),
    ],
)
def test_a_corrected_value_is_noted(column: str, cell: str, value: str, note: str) -> None:
    cells = {"id": "s01", "name": "Li", "email": "", "group": ""} | {column: cell}
    roster = read(f"{','.join(cells)}\n{','.join(cells.values())}\n".encode(), "x")
    assert getattr(roster.members[0], column) == value
    assert notes(roster) == ([note] if note else [])


@pytest.mark.parametrize(
    ("column", "cell", "what"),
    [
        ("name", "Li\u2028Lei", "the cell contains invisible characters: Li\\u2028Lei"),
        ("name", "Li\x1b[31m", "the cell contains invisible characters: Li\\x1b[31m"),
        ("name", "\u202eiL", "the cell contains invisible characters"),
        ("name", "#REF!", "this is an error message of the spreadsheet"),
        ("name", "MÃ¼ller", "this text was damaged when it was saved: MÃ¼ller"),
        ("name", "鏉庨浄", "this text was damaged when it was saved"),
        ("name", "锟斤拷", "this text was damaged when it was saved"),
        ("name", "L\ufffd", "this text was damaged when it was saved"),
        ("group", "3月1日", "the spreadsheet has turned this into a date: 3月1日"),
        ("group", "1-Mar", "the spreadsheet has turned this into a date: 1-Mar"),
        ("email", "li＠example.org", "write only li@example.org"),
        ("email", "Li Lei <li@example.org>", "write only li@example.org"),
        ("email", "mailto:li@example.org", "write only li@example.org"),
        ("email", "a@b.cn;c@d.cn", "contains more than one e-mail address | keep one address, for example a@b.cn"),
        ("email", "nan", "nan is not an e-mail address"),
    ],
)
def test_an_implausible_value_is_refused(column: str, cell: str, what: str) -> None:
    cells = {"id": "s01", "name": "Li", "email": "", "group": ""} | {column: cell}
    (fault,) = refused(f"{','.join(cells)}\n{','.join(cells.values())}\n".encode())
    assert fault.field == column and what in text_of(fault)


def test_full_width_commas_and_bars_are_read_as_delimiters() -> None:
    assert names("学号，姓名，班级\ns01，李雷，一班\n".encode()) == ["李雷"]
    assert names(b"id|name\ns01|Li, Lei\n") == ["Li, Lei"]


@pytest.mark.parametrize(
    ("data", "place", "what"),
    [
        (b"," * (4 << 20), (1, 1), "the line is longer than 128 KiB | check that this is the right file"),
        (
            b"id,name\n" + b"a\n" * 30_000,
            (20_001, 1),
            "the file has more than 20000 lines | check that this is the right file",
        ),
        (b"id,name" + b",x" * 300 + b"\ns01,Li\n", (1, 1), "the file has more than 200 columns, so it is not a roster"),
        (b"id,name\ns01,Li" + b",x" * 300, (2, 8), "this cell does not belong to a column of the header"),
        (b"\xff" * (4 << 20), (1, 1), "the line is longer than 128 KiB"),
        (b"id,name\n" + "ü,".encode("cp1252") * (1 << 15), (2, 1), "not certain; this cell can be read as ü (cp1252)"),
    ],
)
def test_a_file_of_another_kind_has_one_fault(data: bytes, place: tuple[int, int], what: str) -> None:
    (fault,) = refused(data)
    assert (fault.line, fault.column) == place and what in text_of(fault)


def test_a_row_of_invisible_blanks_is_skipped() -> None:
    assert names("id,name\n\u00a0,\u3000\ns01,Li,\u00a0\n\ufeff,\n".encode()) == ["Li"]


def test_a_dash_clears_a_value_and_an_empty_cell_does_not() -> None:
    roster = read(b"id,email,group\ns01,-,\n", "x", names=False)
    assert roster.columns == {"id", "email", "group"}
    assert roster.cleared == {"s01": frozenset({"email"})}
    assert (roster.members[0].name, roster.members[0].email, roster.members[0].group) == ("", "", "")
    assert refused(b"id,email\ns01,-\n")[0].what == "there is no column {column}"


def test_a_fault_of_the_encoding_never_echoes_a_private_key() -> None:
    pem = "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAA\n-----END OPENSSH PRIVATE KEY-----"
    for encoding in ("cp1252", "utf-16-le"):
        found = refused(f'id,name,key\ns01,Müller,"{pem} Müller"\n'.encode(encoding))
        assert any(fault.what.startswith("URGENT") for fault in found)
        assert "b3Blbn" not in repr(found) and "ller" not in repr(found)
