"""A roster: read as a whole, in every form that spreadsheets write, or refused with all its faults."""

from __future__ import annotations

import codecs
import contextlib
import csv
import io
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, rsa
from hypothesis import given, settings
from hypothesis import strategies as st
from roster_samples import PRIVATE, line, rosters

from labctl.domain.classroom import ssh_key
from labctl.domain.classroom.cells import CellError
from labctl.domain.classroom.cohort import Member
from labctl.domain.classroom.roster_reading import read
from labctl.errors import FaultAt, RosterError

HEAD = "id,name,email,group,key"


def openssh(key: ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | dsa.DSAPrivateKey) -> str:
    public = key.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    return public.decode()


P256 = b"\4" + bytes(64)
GOOD_KEYS = {
    "ed25519": openssh(ed25519.Ed25519PrivateKey.generate()),
    "p256": openssh(ec.generate_private_key(ec.SECP256R1())),
    "p384": openssh(ec.generate_private_key(ec.SECP384R1())),
    "p521": openssh(ec.generate_private_key(ec.SECP521R1())),
    "rsa": openssh(rsa.generate_private_key(65537, 2048)),
    "sk-ed25519": line("sk-ssh-ed25519@openssh.com", bytes(32), b"ssh:"),
    "sk-p256": line("sk-ecdsa-sha2-nistp256@openssh.com", b"nistp256", P256, b"ssh:"),
}
HIDDEN = PRIVATE.replace("PRIVATE KEY", "PRIV\u200bATE\u00a0KEY").replace("b3BlbnNz", "b3Bl\u200bbnNz")


def faults(text: str | bytes) -> Sequence[FaultAt]:
    with pytest.raises(RosterError) as caught:
        read(text.encode() if isinstance(text, str) else text, "class.csv")
    assert caught.value.faults
    return caught.value.faults


def said(text: str | bytes) -> list[tuple[int, int, str, str]]:
    """Return place, header and message of every fault."""
    return [(one.line, one.column, one.field, one.what.format_map(one.values)) for one in faults(text)]


def test_a_plain_roster_is_read() -> None:
    key = GOOD_KEYS["ed25519"]
    text = f'{HEAD}\ns01,Li Lei,li@example.org,A,{key} li@laptop\n\n"s02","Han, Meimei",,,\n'
    assert read(text.encode(), "class.csv").members == (
        Member("s01", "Li Lei", "li@example.org", "A", key),
        Member("s02", "Han, Meimei"),
    )


def test_chinese_headers_are_read_in_any_order_case_and_width() -> None:
    text = "公钥;班级;Ｅ-Mail ; 姓 名 ;学号\n;一班;li@example.org;李雷;s01\n"
    assert read(text.encode("gbk"), "class.csv").members == (Member("s01", "李雷", "li@example.org", "一班"),)


def test_the_sep_line_of_excel_is_read() -> None:
    assert read(b"sep=;\r\nid;name\r\ns01;Li, Lei\r\n", "x").members == (Member("s01", "Li, Lei"),)
    assert said(b"sep=;\r\nid;name\r\ns01;\r\n")[0][0] == 3


def test_all_faults_are_reported_with_line_column_and_header() -> None:
    cut = GOOD_KEYS["rsa"][:80]
    text = f"ID,Name,Mail,Key\ns 1,Ann,ann@,\ns02,,bob@example.org,ssh-dss AAAA\nS02,Cy,cy@example.org,{cut}\n"
    assert said(text) == [
        (2, 1, "ID", "s 1 can't be an id"),
        (2, 9, "Mail", "ann@ is not an e-mail address"),
        (3, 5, "Name", "the name is missing"),
        (3, 22, "Key", "this is a DSA key, which OpenSSH no longer accepts"),
        (4, 1, "ID", "S02 is also on line 3"),
        (4, 23, "Key", "the key is cut off: its end is missing"),
    ]


def test_line_numbers_stay_correct_after_newlines_in_quotes() -> None:
    text = 'id,name,group\r\ns01,"Li\r\nLei","a\nb"\r\n"s\n02",Han,x\r\n'
    assert said(text) == [(5, 1, "id", "s 02 can't be an id")]


@pytest.mark.parametrize(
    ("text", "place", "what"),
    [
        ("", (1, 1), "the file is empty"),
        ("\n , \n", (1, 1), "the file is empty"),
        ("id,name\n", (1, 1), "there are no learners below the header"),
        ("s01,Li\ns02,Han\n", (1, 1), "the first line has no known column name"),
        ("id,nmae\ns01,Li\n", (1, 4), "there is no column nmae"),
        ("id,email\ns01,\n", (1, 1), "there is no column name"),
        ("name,学 号,ID\nLi,1,2\n", (1, 10), "the column id appears twice"),
        ("id,name\n1.23E+10,Li\n", (2, 1), "the spreadsheet has turned a long number into 1.23E+10"),
        ("id,name\n..,Li\n", (2, 1), ".. can't be an id"),
        ("id,name\n-x,Li\n", (2, 1), "-x can't be an id"),
        ("id,name\ns01,Li,extra\n", (2, 8), "this cell does not belong to a column of the header"),
        ('id,name\ns01,"Li\ns02,Han\n', (2, 5), "the quote that opens here is never closed"),
        ('id,name\ns01,"Li" Lei\n', (2, 10), "text follows a closing quote"),
        ("id,name\ns01,Li\u202eieL\n", (2, 5), "the cell contains invisible characters: Li\\u202eieL"),
        ("id,name\ns01," + "x" * 101, (2, 5), "the text is longer than 100 characters"),
        ("id,name\ns0\0,Li\n", (2, 3), "this is a NUL byte: the file is not a text file"),
        (b"id,name\ns01,L\x81\x20\n", (2, 6), "from here on, the text is not valid UTF-8, GB18030"),
        (b"\xef\xbb\xbfid,name\ns01,\xc0\xee\n", (2, 5), "from here on, the text is not valid UTF-8"),
        (b"PK\x03\x04", (1, 1), "this is a ZIP archive or a workbook, not CSV"),
        (b"a" * (5 << 20), (1, 1), "the file is too large for a roster: more than 4 MiB"),
    ],
)
def test_each_fault_has_its_place_and_message(text: str | bytes, place: tuple[int, int], what: str) -> None:
    assert (*place, what) in [(line, column, message) for line, column, _field, message in said(text)]


def test_the_nearest_header_is_suggested_for_a_mistyped_header() -> None:
    (fault, *_rest) = faults("id,name,gruop\ns01,Li,\n")
    assert fault.remedy.format_map(fault.values) == "did you mean group? If not, delete the column"


@pytest.mark.parametrize("name", GOOD_KEYS)
def test_good_keys_are_accepted_without_their_comment(name: str) -> None:
    text = f"id,name,key\ns01,Li,{GOOD_KEYS[name]} a comment here\n"
    assert read(text.encode(), "x").members[0].key == GOOD_KEYS[name]


BAD_KEYS = {
    "options": (f"no-pty {GOOD_KEYS['rsa']}", "there is text before the key's type; options are not accepted"),
    "no type": (GOOD_KEYS["ed25519"].split()[1], "the type before the key is missing"),
    "only a type": ("ssh-ed25519", "the key is cut off: nothing follows its type"),
    "other type": (
        f"ssh-ed25519 {GOOD_KEYS['rsa'].split()[1]}",
        "the type before the key differs from the type inside the key",
    ),
    "weak": (
        line("ssh-rsa", b"\1\0\1", (1 << 1023 | 1).to_bytes(129)),
        "an RSA key of 1024 bits is too weak: at least 2048 bits are needed",
    ),
    "huge": (
        line("ssh-rsa", b"\1\0\1", (1 << 20000 | 1).to_bytes(2502)),
        "OpenSSH does not accept RSA keys of more than 16384 bits",
    ),
    "off the curve": (line("ecdsa-sha2-nistp256", b"nistp256", P256), "the key is damaged"),
    "compressed point": (line("ecdsa-sha2-nistp256", b"nistp256", b"\2" + bytes(32)), "the key is damaged"),
    "exponent 1": (line("ssh-rsa", b"\1", (1 << 2047 | 1).to_bytes(257)), "the key is damaged"),
    "even exponent": (line("ssh-rsa", b"\1\0\0", (1 << 2047 | 1).to_bytes(257)), "the key is damaged"),
    "negative exponent": (line("ssh-rsa", b"\x81", (1 << 2047 | 1).to_bytes(257)), "the key is damaged"),
    "negative modulus": (line("ssh-rsa", b"\1\0\1", (1 << 2047 | 1).to_bytes(256)), "the key is damaged"),
    "even": (line("ssh-rsa", b"\1\0\1", (1 << 2048).to_bytes(258)), "the key is damaged"),
    "short ed25519": (line("ssh-ed25519", bytes(31)), "the key is damaged"),
    "other curve": (line("ecdsa-sha2-nistp384", b"nistp256", P256), "the key is damaged"),
    "sk without application": (line("sk-ssh-ed25519@openssh.com", bytes(32), b""), "the key is damaged"),
    "more behind": (line("ssh-ed25519", bytes(32), b"x"), "there is extra data after the end of the key"),
    "cut in base64": (GOOD_KEYS["rsa"][:101], "the key is cut off: its end is missing"),
    "cut at four": (GOOD_KEYS["rsa"][:108], "the key is cut off: its end is missing"),
    "cut by dots": (GOOD_KEYS["rsa"][:100] + "...", "the key contains characters that are not base64"),
    "broken lines": (
        f'"{GOOD_KEYS["rsa"][:101]}\n{GOOD_KEYS["rsa"][101:]}"',
        "the key is split over several lines or contains spaces",
    ),
    "certificate": ("ssh-ed25519-cert-v01@openssh.com AAAA", "this is a certificate, not a public key"),
    "putty": ('"---- BEGIN SSH2 PUBLIC KEY ----\nAAAA"', "this public key is not in OpenSSH format"),
    "broken where base64 may end": (
        f'"{GOOD_KEYS["rsa"][:108]}\n{GOOD_KEYS["rsa"][108:]}"',
        "the key is split over several lines or contains spaces",
    ),
    "options with quotes": (
        '"' + f'from="10.0.0.0/8",command="x y" {GOOD_KEYS["ed25519"]}'.replace('"', '""') + '"',
        "there is text before the key's type; options are not accepted",
    ),
    "comment first": (f'"# mine\n{GOOD_KEYS["ed25519"]}"', "there is a comment before the key"),
    "two lines": (f'"{GOOD_KEYS["ed25519"]} a\n{GOOD_KEYS["rsa"]} b"', "there is more than one key in this cell"),
    "semicolon": (f"{GOOD_KEYS['ed25519']};{GOOD_KEYS['rsa']}", "there is more than one key in this cell"),
    "comma": (f'"{GOOD_KEYS["ed25519"]}, {GOOD_KEYS["rsa"]}"', "there is more than one key in this cell"),
    "two in a line": (f"{GOOD_KEYS['rsa']} x {GOOD_KEYS['p256']}", "there is more than one key in this cell"),
    "key and DSA key": (
        f"{GOOD_KEYS['rsa']} ssh-dss AAAAB3NzaC1kc3MAAACBAO",
        "there is more than one key in this cell",
    ),
    "PKCS 8": ('"-----BEGIN PUBLIC KEY-----\nMIIB"', "this public key is in PEM format, not in OpenSSH format"),
    "PKCS 1": ('"-----BEGIN RSA PUBLIC KEY-----\nMIIB"', "this public key is in PEM format, not in OpenSSH format"),
    "X.509": (
        '"-----BEGIN CERTIFICATE-----\nMIIB"',
        "this is a certificate or a key of another program, not an OpenSSH key",
    ),
    "fingerprint": (
        "SHA256:47DEQpj8HBSa+/TImW+5JCeu",
        "this is the fingerprint of a key, not the key",
    ),
    "ssh-keygen -l": ("256 SHA256:47DEQpj8HBSa li@x (ED25519)", "this is the fingerprint of a key, not the key"),
    "MD5": ("MD5:16:27:ac:a5:76:28:2d:36", "this is the fingerprint of a key, not the key"),
    "address": ("https://github.com/li.keys", "this is an address, not a public key"),
    "file": ("~/.ssh/id_ed25519.pub", "this is the name of a file, not a public key"),
    "file of Windows": (r"C:\Users\li\.ssh\id_rsa", "this is the name of a file, not a public key"),
    "capital": (GOOD_KEYS["ed25519"].replace("ssh", "Ssh", 1), "the key's type is not written correctly"),
    "long dash": (GOOD_KEYS["ed25519"].replace("-", "–", 1), "the key's type is not written correctly"),
    "no blank": (GOOD_KEYS["ed25519"].replace(" ", "", 1), "the key's type is not written correctly"),
    "other alphabet": (GOOD_KEYS["ed25519"][:-2] + "а" + "b", "the key contains characters that are not base64"),
    "error": ("#NAME?", "this is an error message of the spreadsheet, not a value: #NAME?"),
    "something": ("see e-mail", None),
}


@pytest.mark.parametrize(
    ("text", "removed"),
    [
        (GOOD_KEYS["rsa"][:40] + "\u200b" + GOOD_KEYS["rsa"][40:], "U+200B"),
        ("\ufeff" + GOOD_KEYS["rsa"], "U+FEFF"),
        (GOOD_KEYS["rsa"].replace(" ", "\u00a0"), "U+00A0"),
        (GOOD_KEYS["rsa"] + "\u202c", "U+202C"),
    ],
)
def test_invisible_characters_are_removed_from_a_key_and_noted(text: str, removed: str) -> None:
    roster = read(f"id,name,key\ns01,Li,{text}\n".encode(), "x")
    assert roster.members[0].key == GOOD_KEYS["rsa"]
    assert [note.values["codes"] for note in roster.notes] == [removed]


def test_a_comment_of_a_key_may_contain_the_name_of_a_key_type() -> None:
    text = f"id,name,key\ns01,Li,{GOOD_KEYS['rsa']} my ssh-ed25519 key; an old one\n"
    assert read(text.encode(), "x").members[0].key == GOOD_KEYS["rsa"]


@pytest.mark.parametrize("kind", ["ed25519", "rsa -m PEM", "rsa -m PKCS8", "ecdsa -m PEM", "ecdsa -b 521 -m PKCS8"])
def test_a_private_key_is_recognized_by_its_body_alone(kind: str, tmp_path: Path) -> None:
    subprocess.run(["ssh-keygen", "-q", "-N", "", "-t", *kind.split(), "-f", tmp_path / "key"], check=True)
    body = (tmp_path / "key").read_text().splitlines()[1]
    found = faults(f"id,name,key\ns01,Li,{body}\n")
    assert found[0].what.startswith("URGENT") and body[4:20] not in repr(found)


@settings(max_examples=300)
@given(st.sampled_from(sorted(ssh_key._FIELDS)), st.lists(st.binary(max_size=70), max_size=4))
def test_any_invalid_key_is_a_fault_of_its_cell(kind: str, fields: list[bytes]) -> None:
    with contextlib.suppress(CellError):
        assert ssh_key.parse(line(kind, *fields)).startswith(f"{kind} AAAA")


@pytest.mark.parametrize("name", BAD_KEYS)
def test_bad_keys_are_reported_with_the_reason(name: str) -> None:
    text, what = BAD_KEYS[name]
    (found,) = said(f"id,name,key\ns01,Li,{text}\n")
    assert found[:3] == (2, 8, "key")
    assert found[3] == what or (what is None and found[3].startswith("this is not a public key of a known type"))


@pytest.mark.parametrize(
    "text",
    [
        f'id,name,key\ns 1,Li,"{PRIVATE}"\n',
        f"id,name,key\ns 1,Li,{PRIVATE}\n",
        f'id,name,key\ns 1,"{PRIVATE}",\n',
        f"{PRIVATE}\n",
        f'id,{PRIVATE.splitlines()[1]},name,key\ns 1,Li,"{PRIVATE}"\n',
        "id,name,key\ns01,Li,PuTTY-User-Key-File-3: ssh-ed25519\n",
        f'id,name,key\ns 1,Li,"{HIDDEN}"\n',
        f'id,name,key\ns01,Li,"{GOOD_KEYS["rsa"]}\n{PRIVATE}"\n',
    ],
)
def test_a_private_key_is_urgent_and_never_echoed(text: str) -> None:
    found = faults(text)
    assert any(fault.what.startswith("URGENT") for fault in found)
    told = repr(found)
    secret = PRIVATE.splitlines()[1:-1]
    assert not any(part[start : start + 8] in told for part in secret for start in range(0, len(part) - 8, 4))


def test_a_repeated_key_is_reported_with_both_lines() -> None:
    key = GOOD_KEYS["ed25519"]
    assert said(f"id,name,key\ns01,Li,{key} a\ns02,Han,{key} b\n") == [(3, 9, "key", "the same key is on line 2")]


ENCODINGS = {
    "utf-8": b"",
    "utf-8-sig": b"",
    "gb18030": b"",
    "gb18030 with BOM": "\ufeff".encode("gb18030"),
    "utf-16-le": codecs.BOM_UTF16_LE,
    "utf-16-be": codecs.BOM_UTF16_BE,
}
CHINESE = {"id": "学号", "name": "姓名", "email": "邮箱", "group": "班级", "key": "公钥"}


@settings(max_examples=150)
@given(
    rosters,
    st.sampled_from(sorted(ENCODINGS)),
    st.sampled_from(",;\t"),
    st.sampled_from(("\n", "\r\n", "\r")),
    st.sampled_from((csv.QUOTE_MINIMAL, csv.QUOTE_ALL)),
    st.permutations(list(CHINESE)),
    st.booleans(),
)
def test_a_roster_written_by_a_spreadsheet_is_read_unchanged(
    roster: list[Member], encoding: str, delimiter: str, newline: str, quoting: int, order: list[str], chinese: bool
) -> None:
    out = io.StringIO(newline="")
    writer = csv.writer(out, delimiter=delimiter, lineterminator=newline, quoting=quoting)  # type: ignore[arg-type]
    writer.writerow([CHINESE[column] if chinese else column.upper() for column in order])
    for member in roster:
        writer.writerow([getattr(member, column) for column in order])
    data = ENCODINGS[encoding] + out.getvalue().encode(encoding.split()[0])
    # Without a byte order mark, GB 18030 is never certain, unless the header is Chinese.
    named = "gb18030" if encoding == "gb18030" else ""
    assert read(data, "x", named).members == tuple(roster)


@settings(max_examples=100)
@given(rosters, st.sampled_from(("utf-16-le", "utf-16-be", "gb18030")))
def test_a_file_of_unknown_encoding_is_read_correctly_or_refused(roster: list[Member], encoding: str) -> None:
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow(CHINESE.values())
    writer.writerows([getattr(member, column) for column in CHINESE] for member in roster)
    try:
        assert read(out.getvalue().encode(encoding), "x").members == tuple(roster)
    except RosterError as error:
        assert all("encoding" in fault.values for fault in error.faults)


western = st.text("abcdefghijklmnopqrstuvwxyzABCDE éüößñçøåÉÖÜàî", min_size=1, max_size=14).filter(str.strip)


@settings(max_examples=300)
@given(st.lists(western, min_size=1, max_size=4))
def test_no_western_name_in_cp1252_is_read_as_chinese_without_a_note(names: list[str]) -> None:
    rows = [f"s{number},{name.strip()}\n" for number, name in enumerate(names)]
    data = f"id,name\n{''.join(rows)}".encode("cp1252")
    try:
        roster = read(data, "x")
    except RosterError as error:
        assert all(fault.values for fault in error.faults)
        return
    noted = any("was read as" in note.what for note in roster.notes)
    assert noted or [one.name for one in roster.members] == [" ".join(name.split()) for name in names]


@settings(max_examples=600)
@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_raise_a_roster_error(data: bytes) -> None:
    try:
        read(data, "x")
    except RosterError as error:
        assert error.faults and str(error)


pieces = st.sampled_from(
    [*'",;\t\r\n \0\ufeff', "id", "name", "key", "公钥", "s01", "1E+5", "sep=;", GOOD_KEYS["ed25519"], PRIVATE, "a@b.c"]
)


@settings(max_examples=500)
@given(st.lists(pieces, max_size=40).map("".join), st.sampled_from(("utf-8", "gb18030", "utf-16")))
def test_any_text_is_read_or_raises_a_roster_error_with_valid_places(text: str, encoding: str) -> None:
    try:
        read(text.encode(encoding), "x")
    except RosterError as error:
        lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
        for fault in error.faults:
            assert 1 <= fault.line <= len(lines)
            assert 1 <= fault.column <= len(lines[fault.line - 1]) + 1
            assert fault.what.format_map(fault.values)
            assert fault.remedy.format_map(fault.values)
