"""Keys and rosters for tests: content that a spreadsheet may hold and that labctl reads without a note."""

from __future__ import annotations

import base64
import struct

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519
from hypothesis import strategies as st

from labctl.domain.classroom.cohort import Member
from labctl.domain.classroom.roster_values import damaged
from labctl.domain.invisible import ALL, composed
from labctl.domain.text import visible


def string(data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + data


def line(kind: str, *parts: bytes) -> str:
    return f"{kind} {base64.b64encode(b''.join(map(string, (kind.encode(), *parts)))).decode()}"


def ed_key(number: int) -> str:
    return line("ssh-ed25519", number.to_bytes(32))


PRIVATE = (
    ed25519.Ed25519PrivateKey.generate()
    .private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption())
    .decode()
)

# The characters of a name: visible ones only, and no blank except the plain space.
letters = st.characters(codec="utf-8", exclude_categories=("Cc", "Cf", "Cs", "Mn", "Mc", "Zs", "Zl", "Zp")).filter(
    lambda letter: visible(letter) == letter and composed(letter) == letter and not ALL.search(letter)
)
words = (
    st.lists(st.text(letters, min_size=1, max_size=12), min_size=1, max_size=3)
    .map(" ".join)
    .filter(lambda text: text not in ("-", "") and not text.startswith(("#", '="')) and composed(text) == text)
    .filter(lambda text: not damaged(text))
)
members = st.builds(
    Member,
    id=st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,31}", fullmatch=True),
    name=words,
    email=st.sampled_from(("", "li@example.org", "li.lei+x@mail.example.org", "李雷@例子.cn")),
    group=st.just("") | words,
    key=st.just("") | st.integers(0, 1 << 200).map(ed_key),
)
rosters = st.lists(
    members, min_size=1, max_size=6, unique_by=(lambda one: one.id.lower(), lambda one: one.key or one.id)
)
