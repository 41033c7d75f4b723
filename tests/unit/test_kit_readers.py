"""Who can read a file, in which forms a secret is searched, and what a watcher saw."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labctl.kit.readers import FileReader, FileRights, folders_of, may, readers_in, readers_of
from labctl.kit.secrets import forms, readable
from labctl.kit.watching import _command, seen

APP = FileReader("app", 1000, frozenset({1000, 7}))
GUEST = FileReader("guest", 1001, frozenset({1001}))
ANY = FileReader("*", -1, frozenset())
PEOPLE = [APP, GUEST, ANY]
OPEN = FileRights(0o40755, 0, 0)


@pytest.mark.parametrize(
    ("folder", "file", "names"),
    [
        (OPEN, FileRights(0o644, 0, 0), ["app", "guest", "*"]),
        (OPEN, FileRights(0o600, 0, 0), []),
        (OPEN, FileRights(0o640, 0, 7), ["app"]),
        (OPEN, FileRights(0o604, 0, 7), ["guest", "*"]),
        (OPEN, FileRights(0, 1001, 7), ["guest"]),
        (FileRights(0o700, 0, 0), FileRights(0o644, 0, 0), []),
        (FileRights(0o710, 0, 7), FileRights(0o644, 0, 0), ["app"]),
        (FileRights(0o711, 0, 0), FileRights(0o644, 0, 0), ["app", "guest", "*"]),
        (FileRights(0o744, 0, 0), FileRights(0o644, 0, 0), []),
        (FileRights(0o700, 1000, 0), FileRights(0o604, 0, 0), ["app"]),
        (OPEN, FileRights(0o640, 0, 0, listed=True), ["app", "guest", "*"]),
        (OPEN, FileRights(0o600, 0, 0, listed=True), []),
    ],
)
def test_modes_owners_and_groups_decide(folder: FileRights, file: FileRights, names: list[str]) -> None:
    assert readers_of(PEOPLE, [OPEN, folder], file) == names
    rights = {"/": OPEN, "/a": folder, "/a/b": file}
    assert readers_in(rights, PEOPLE, "/a/b") == (["*"] if "*" in names else names)


@given(st.integers(0, 0o777), st.sampled_from([0, 1000, 1001]), st.sampled_from([0, 7, 1001]))
def test_a_class_of_permissions_excludes_the_next(mode: int, uid: int, gid: int) -> None:
    for reader in PEOPLE:
        wanted = reader.uid == uid or bool((mode >> 3 if gid in reader.gids else mode) & 4)
        assert may(reader, FileRights(mode, uid, gid), 4) == wanted
    assert may(FileReader("root", 0, frozenset()), FileRights(mode, uid, gid), 4)


def test_folders_on_the_way() -> None:
    assert folders_of("/a") == ["/"]
    assert folders_of("/a/b/c") == ["/", "/a", "/a/b"]


WORDS = st.text(st.characters(codec="ascii", categories=["L", "N", "P"]), min_size=6, max_size=24)


@given(st.binary(max_size=9), WORDS, st.binary(max_size=9))
def test_base64_of_any_surrounding_contains_a_form(before: bytes, word: str, after: bytes) -> None:
    coded = base64.b64encode(before + word.encode() + after).decode()
    assert any(form in coded for form in forms(word))
    assert forms(word)[1] in (before + word.encode() + after).hex()


@pytest.mark.parametrize("text", ["short", "two\nlines", ""])
def test_a_text_that_is_everywhere_is_a_mistake_of_the_check(text: str) -> None:
    with pytest.raises(ValueError, match="at least six characters"):
        readable(None, text)  # type: ignore[arg-type]  # refused before the box is asked


def test_a_watcher_keeps_the_rights_of_the_moment() -> None:
    path = base64.b64encode(b"/tmp/x y/z").decode()
    told = f"file {path}\n81a4 0 0\n41c0 0 0\n43ff 0 0\n41ed 0 0\nfile {path}\nline abc=\n"
    [(name, rights)] = seen(told)
    assert (name, list(rights)) == ("/tmp/x y/z", ["/tmp/x y/z", "/tmp/x y", "/tmp", "/"])
    assert readers_in(rights, PEOPLE, name) == []


def test_a_path_or_a_text_can_contain_the_names_of_the_loop() -> None:
    command = _command(["/srv/GLOBS/*"], "the END of PATTERNS")
    assert "for pattern in '/srv/GLOBS/*'" in command
    assert command.count("-e 'the END of PATTERNS'") == 2
    assert " -- {} +" not in _command(["/srv/x"], "").split("while [")[1]
