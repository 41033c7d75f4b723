"""Programs on the copy: trees and their comparison, words of the shell, results, and answers about runs."""

from __future__ import annotations

import base64
import gzip
import io
import secrets
import subprocess
import tarfile
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labctl.kit import trees
from labctl.kit.answers import Unmet
from labctl.kit.copy_health import is_program
from labctl.kit.parcels import packed
from labctl.kit.program_results import FAILS, Done, command_words, first_difference
from labctl.kit.programs import Program
from labctl.kit.run_results import results
from labctl.kit.run_scripts import RunOrder, globbed, quoted, run_file, stdin_files, wrappers
from labctl.kit.tree_reading import TreeTooLargeError, difference, parse_tree, shown_name
from labctl.kit.trees import HERE, Tree, TreeEntry

BYTES = st.binary(max_size=12)
NAMES = st.binary(min_size=1, max_size=12).filter(
    lambda name: b"/" not in name and b"\0" not in name and name not in (b".", b"..")
)
ENTRIES = st.one_of(
    st.builds(trees.file, BYTES, mode=st.sampled_from([0o600, 0o644, 0o4755]), uid=st.integers(0, 70_000)),
    st.builds(trees.link, NAMES),
    st.builds(trees.folder, mode=st.sampled_from([0o700, 0o1777])),
    st.builds(trees.fifo),
)
TREES = st.dictionaries(NAMES, ENTRIES, max_size=6)
TYPES = {"file": 0o100000, "folder": 0o040000, "link": 0o120000, "fifo": 0o010000, "socket": 0o140000}


def printed(found: Tree, token: str) -> bytes:
    """What find, stat and cat of the toolbox print about a tree."""
    mark, listed, contents = token.encode(), b"", b""
    for path, entry in found.items():
        name = b"./" + path if path else b"."
        mode = TYPES[entry.kind] | entry.mode
        facts = f"{mode:x} {entry.uid} {entry.gid} {entry.mtime} {entry.size} 1 {entry.names} ".encode()
        shown = b"'" + name + b"' -> '" + entry.target + b"'" if entry.kind == "link" else name
        listed += mark + facts + name + mark + shown + b"\n"
        contents += (entry.data or b"") if entry.kind == "file" else b""
    return listed + mark * 4 + contents


@given(TREES)
def test_a_tree_of_any_names_and_contents_is_read_as_it_is(found: Tree) -> None:
    token = secrets.token_hex(16)
    read = parse_tree(printed({b"": trees.folder(), **found}, token), token)
    assert {path: entry._replace(inode=0) for path, entry in read.items() if path} == found


@given(TREES)
def test_a_tree_equals_itself(found: Tree) -> None:
    assert difference(found, dict(found), times=True, inodes=True) == []


@given(TREES, NAMES, ENTRIES)
def test_a_path_that_is_new_gone_or_another_one_is_named(found: Tree, path: bytes, entry: TreeEntry) -> None:
    without = {name: one for name, one in found.items() if name != path}
    there = {**without, path: entry}
    other = trees.file(b"another file") if entry.kind != "file" else trees.folder()
    for before, after in ((without, there), (there, without), (there, {**there, path: other})):
        assert [change.path for change in difference(before, after)] == [path]


@pytest.mark.parametrize(
    ("after", "words"),
    [
        (trees.file("ab", 0o600), "mode 0600, before 0644"),
        (trees.file("ab", uid=7), "owner 7:0, before 0:0"),
        (trees.file("abc"), "3 bytes, before 2"),
        (trees.file("xy"), "other content"),
        (trees.link("ab"), "now a link"),
        (trees.file("ab", mtime=5), "other time of last change"),
        (trees.file("ab")._replace(inode=9), "it was replaced by another file"),
        (trees.sparse(2), ""),
    ],
)
def test_a_difference_says_what_it_is(after: TreeEntry, words: str) -> None:
    found = difference({b"x y": trees.file("ab")}, {b"x y": after}, times=True, inodes=True)
    assert [change.words[0] for change in found] == ([f"the file 'x y': {words}"] if words else [])


def test_a_hard_link_equals_the_file_that_it_names() -> None:
    assert difference(trees.tree({"a": "1", "b": trees.hard("a")}), trees.tree({"a": "1", "b": "1"})) == []


def test_a_tree_that_was_cut_off_is_too_large() -> None:
    token = "f" * 32
    whole = printed({b"a": trees.file(b"12345")}, token)
    for part in (b"", whole[:-1], whole[:40]):
        with pytest.raises(TreeTooLargeError):
            parse_tree(part, token)
    assert parse_tree(token.encode() + b"none", token) == {}


def test_a_large_file_has_a_digest_instead_of_content() -> None:
    token, size = "f" * 32, 2 << 20
    whole = printed({b"a": trees.file(b"12")}, token).replace(b" 2 1 1 ./a", b" %d 1 1 ./a" % size)
    whole = whole.replace(token.encode() * 4 + b"12", token.encode() * 2 + b"ab12  -\n" + token.encode() * 2)
    read = parse_tree(whole, token)
    assert (read[b"a"].data, read[b"a"].digest) == (None, "ab12")
    other = {b"a": read[b"a"]._replace(digest="cd")}
    assert [one.words[0] for one in difference(read, other)] == ["the file a: other content"]


def test_odd_names_always_have_all_kinds() -> None:
    for ending in ("", ".txt"):
        names = trees.odd_names(ending)
        assert len(set(names)) == len(names) >= 35
        assert all(name.endswith(ending.encode()) and 0 < len(name) <= 255 for name in names)
        assert not any(b"/" in name or b"\0" in name for name in names)
        assert max(map(len, names)) == 255
        for kind in (
            b" ",
            b"\n",
            b"\t",
            b"\r",
            b"\\",
            b"'",
            b'"',
            b"*",
            b"?",
            b"[",
            b"$(",
            b"`",
            b"\xff",
            "报".encode(),
        ):
            assert any(kind in name for name in names), kind
        assert {b"-", b".", b" ", b"\n", b"~", b"#"} <= {name[:1] for name in names}
    assert {entry.data == b"" for entry in trees.odd_files().values()} == {True, False}


def test_kinds_of_files_and_of_paths_are_complete() -> None:
    kinds = trees.odd_kinds()
    assert {entry.kind for entry in kinds.values()} == {"file", "folder", "link", "hard", "fifo", "socket"}
    assert max(entry.size for entry in kinds.values()) > 1 << 31
    assert "socket" not in {entry.kind for entry in trees.odd_kinds(sockets=False).values()}
    right, wrong = trees.odd_paths("in put"), trees.wrong_paths("in put")
    assert all(len(one.name) == 2 and all(one.name) for one in right + wrong)
    assert len({one.name for one in right + wrong}) == len(right) + len(wrong)


def test_a_part_of_a_tree_and_a_tree_below_a_folder() -> None:
    small = trees.tree({"a/b": "1", "c": trees.hard("a/b")})
    moved = trees.placed(small, "x y")
    assert moved[b"x y/c"].target == b"x y/a/b"
    assert trees.under(moved, "x y")[b"a/b"] == small[b"a/b"]
    assert moved[b"x y"].kind == "folder"


@settings(max_examples=25)
@given(st.lists(NAMES, min_size=1, max_size=8))
def test_words_of_the_shell_are_the_same_bytes(words: list[bytes]) -> None:
    line = "printf '%s/' " + " ".join(quoted(word) for word in words)
    done = subprocess.run(["sh", "-c", line.encode(errors="surrogateescape")], capture_output=True, check=True)
    assert done.stdout == b"".join(word + b"/" for word in words)


def test_only_four_characters_of_a_pattern_have_a_meaning(tmp_path: Any) -> None:
    for name in ("a b$(id)1", "a b$(id)2", "other"):
        (tmp_path / name).touch()
    line = f"cd {quoted(str(tmp_path))}; printf '%s/' {globbed('a b$(id)[12]')}"
    assert (
        subprocess.run(["sh", "-c", line], capture_output=True, text=True, check=True).stdout == "a b$(id)1/a b$(id)2/"
    )


@given(TREES)
def test_a_parcel_holds_the_whole_tree(found: Tree) -> None:
    parcel = gzip.decompress(base64.b64decode(packed({"/top/0": found}, {"/top.r/all": (b"x", 0o600)})))
    with tarfile.open(fileobj=io.BytesIO(parcel), encoding="latin-1") as tar:
        items = {item.name.encode("latin-1"): item for item in tar}
        assert set(items) == {b"top/0", b"top.r/all", *(b"top/0/" + path for path in found)}
        for path, entry in found.items():
            item = items[b"top/0/" + path]
            assert (item.mode, item.uid) == (entry.mode, entry.uid)
            content = tar.extractfile(item) if entry.kind == "file" else None
            assert (content.read() if content else b"") == entry.data


@given(st.lists(st.tuples(BYTES, BYTES, BYTES), max_size=4))
def test_results_are_found_between_any_bytes(blobs: list[tuple[bytes, bytes, bytes]]) -> None:
    text = b"noise\n"
    for number, (out, err, tree) in enumerate(blobs):
        text += (
            f"tok {number} 137 1000 0 9 9 {len(out)} {len(err)} {len(tree)} /sleep/cat\n".encode() + out + err + tree
        )
    found = results(text, "tok", dict.fromkeys(range(len(blobs)), 10))
    assert [(one.out, one.err, one.tree) for one in found.values()] == blobs
    assert all(one.late and one.reached and one.left == ("sleep", "cat") for one in found.values())


def test_a_kill_before_the_time_limit_is_no_time_out() -> None:
    assert not results(b"tok 0 137 999 1 0 0 0 0 0 \n", "tok", {0: 10})[0].late
    assert not results(b"tok 0 1 1200 1 0 0 0 0 0 \n", "tok", {0: 10})[0].late


def test_the_script_of_a_run_has_its_folder_limits_and_streams() -> None:
    order = RunOrder(
        3, "/bin/x", (f"{HERE}/a b",), "/top/3", user="nobody", largest=1000, full=True, pauses={"ln": 0.5}, between=0.1
    )
    text = run_file(order, "/top.r", "/top.o")
    for part in ("'/top/3/a b'", "ulimit -f 2", "trap '' XFSZ", "su -s", "nobody", ">/dev/full", "/top.o/3.bin:"):
        assert part in text.replace("'\"'\"'", "'")
    assert set(wrappers(order, "/top.o")) == {"/top.o/3.bin/", "/top.o/3.bin/ln", "/top.o/3.bin/between"}
    stopped = RunOrder(0, "/bin/x", (), "/top/0", stdin="12345678", signal="TERM")
    assert stdin_files(stopped, "/top.r")["/top.r/0.in"][0] == b"1234"


class FakeOutput:
    def __init__(self, rc: int, stdout: bytes) -> None:
        self.rc, self.stdout_bytes, self.stdout, self.stderr = rc, stdout, stdout.decode(errors="replace"), ""


class FakeBox:
    """A box whose commands have the given results, one after the other."""

    name = "web"

    def __init__(self, *told: tuple[int, bytes]) -> None:
        self.told = [FakeOutput(*one) for one in told]

    def run(self, command: str, *args: str, **options: object) -> FakeOutput:
        return self.told.pop(0)


@pytest.mark.parametrize(
    ("told", "found"),
    [
        ([(1, b"")], "no file /x/y"),
        ([(2, b"")], "/x/y is no regular file"),
        ([(0, b"755\n")], "the file /x/y is empty"),
        ([(0, b"644\n#!/bin/sh\n")], "mode 0644 of /x/y: nobody may execute it"),
        ([(0, b"755\n#!/bin/sh\r\n")], r"a carriage return at the end of the interpreter line: #!/bin/sh\\r"),
        ([(0, b"755\n\xef\xbb\xbf#!/bin/sh\n")], "no interpreter line"),
        ([(0, b"755\n#!\n")], "it names no program"),
        ([(0, b"755\n#!/bin/no\n"), (1, b"")], "/bin/no is no program"),
        ([(0, b"755\n#!/usr/bin/env bash -x\n"), (0, b"")], "it needs -S"),
        ([(0, b"755\n#!/usr/bin/env no\n"), (0, b""), (1, b"")], "env finds no program no"),
    ],
)
def test_what_is_no_program_is_said(told: list[tuple[int, bytes]], found: str) -> None:
    box: Any = FakeBox(*told)
    with pytest.raises(Unmet, match=found):
        is_program(box, "/x/y", "")


@pytest.mark.parametrize("start", [b"\x7fELF", b"#! /bin/sh -e\nx"])
def test_what_is_a_program_passes(start: bytes) -> None:
    box: Any = FakeBox((0, b"755\n" + start), (0, b""))
    is_program(box, "/x/y", "")


def a_run(**values: Any) -> Done:
    box: Any = FakeBox()
    work = Program(box, "/x/y", see="y", read=("Y", "又"))
    return Done("y", "/top/0", {b"a": trees.file("1")}, work.unmet, ("after `y`", "运行 `y` 后"), **values)


def test_answers_about_a_run_name_the_first_difference() -> None:
    done = a_run(status=3, out=b"a\nc\n", err=b"\noh no\n", tree={b"a": trees.file("2")}, left=("sleep",))
    asked: tuple[tuple[Any, str], ...] = (
        (lambda: done.exits(0), "exit status 0 after `y`; found exit status 3: oh no"),
        (lambda: done.prints("a\nb\n"), "the output line 'b' after `y`; found the output line 'c'"),
        (done.complains, "nothing on the standard output after `y`; found a"),
        (done.changes_nothing, "the file a: other content"),
        (lambda: done.leaves({}), "the file a is new"),
        (done.leaves_no_process, "sleep still ran"),
    )
    for ask, words in asked:
        with pytest.raises(Unmet) as caught:
            ask()
        assert words in str(caught.value)
    assert done.exits(3).exits(FAILS).prints("a\nc\n").changes_nothing("a") is done
    with pytest.raises(Unmet, match="found it was killed by signal 9"):
        a_run(status=137).exits(0)
    with pytest.raises(Unmet, match="a message on the standard error output"):
        a_run(status=1).complains()


def test_the_folder_is_filled_in_where_a_run_is_compared() -> None:
    done = a_run(status=0, out=b"/top/0/a\n", tree=trees.tree({"l": trees.link("/top/0/a"), "a": "/top/0"}))
    done.prints(f"{HERE}/a\n").leaves(trees.tree({"l": trees.link(f"{HERE}/a"), "a": HERE}))


def test_a_missing_last_newline_and_no_output_are_said() -> None:
    assert first_difference(b"a\n", b"a") == (
        ("1 line", "1 行"),
        ("1 line, without a newline at the end", "1 行，末尾没有换行"),
    )
    assert first_difference(b"a\n", b"")[1] == ("nothing", "没有")


def test_a_run_that_is_stopped_needs_a_moment() -> None:
    box: Any = FakeBox()
    with pytest.raises(ValueError, match="at least 256 KiB"):
        Program(box, "/x/y").batch().killed_halfway(stdin="short")


def test_names_are_shown_on_one_line() -> None:
    assert shown_name(b"a\x01\xe6\x8a\xa5\n'") == r"$'a\x01" + "报" + r"\n\''"
    assert "\n" not in command_words("/x/y", ("a\nb", "", f"{HERE}/c"))
    assert len(shown_name(b"l" * 255)) < 100
