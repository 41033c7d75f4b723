"""The output of verify and history on a terminal, in both languages, and in a pipe."""

from __future__ import annotations

import re
from types import SimpleNamespace

import click
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from samples import error, failed, make_lab, passed, task

from labctl.cli import i18n
from labctl.cli.ui import wrap
from labctl.cli.ui.verdicts import print_attempt
from labctl.domain.integrity import Integrity, Likeness
from labctl.domain.text import Text
from labctl.domain.verdict import Answer, Attempt, Before, CheckResult, Source, judge

LAB = make_lab(tasks=[{**task("listen", 16), "partial": True}, task("auth", 5)])
TITLE = "Without a password no box answers\nzh: 没有密码时，哪台机器都不回应"
ANSWERS = (
    Answer(
        ("master", "replica2"),
        Text("NOAUTH for a PING without a password", "不带密码的 PING 得到 NOAUTH"),
        Text("PONG", "PONG"),
        "redis-cli -p 6400 ping",
        Text("Who may do what", "谁能做什么"),
    ),
    Answer(("replica1",), Text("NOAUTH", "NOAUTH"), Text("", "")),
)


def wrong(name: str, *answers: Answer, title: str = TITLE, message: str = "all in words") -> CheckResult:
    return msgspec.structs.replace(failed(name, message=message), title=title, answers=answers)


def attempt(*found: CheckResult, only: frozenset[str] | None = None) -> Attempt:
    return Attempt("pond.lucy", "pond", "lucy", "seed", 0.0, 1.25, judge(LAB, found, only))


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal of 80 columns."""
    monkeypatch.setattr(wrap, "sys", SimpleNamespace(stdout=SimpleNamespace(isatty=lambda: True)))
    monkeypatch.setattr(wrap, "shutil", SimpleNamespace(get_terminal_size=lambda: SimpleNamespace(columns=80)))


def said(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return click.unstyle(capsys.readouterr().out).splitlines()


class TestAnswers:
    def test_each_part_has_a_line_and_boxes_with_equal_answers_are_grouped(
        self, capsys: pytest.CaptureFixture[str]
    ) -> None:
        print_attempt(LAB, attempt(passed("listen"), wrong("auth", *ANSWERS)), 3, None)
        assert said(capsys) == [
            "✓ listen  do listen  16/16",
            "✗ auth  do auth  0/5",
            "    Without a password no box answers",
            "      master, replica2",
            "        expected  NOAUTH for a PING without a password",
            "        found     PONG",
            "        look      redis-cli -p 6400 ping",
            "        read      “Who may do what” in labctl show",
            "      replica1",
            "        expected  NOAUTH",
            "        found     nothing",
            "",
            "16 of 21 points · 1 passed, 1 failed · 1.2 s · attempt 3",
            "Stuck? labctl hint auth",
        ]

    def test_answers_are_translated_to_chinese(
        self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        i18n.choose_language("zh")
        print_attempt(LAB, attempt(passed("listen"), wrong("auth", *ANSWERS)), 3, None)
        assert said(capsys)[2:] == [
            "    没有密码时，哪台机器都不回应",
            "      master、replica2",
            "        应为  不带密码的 PING 得到 NOAUTH",
            "        实际  PONG",
            "        查看  redis-cli -p 6400 ping",
            "        参见  labctl show 里的“谁能做什么”",
            "      replica1",
            "        应为  NOAUTH",
            "        实际  （空）",
            "",
            "16 分（满分 21） · 1 项通过，1 项未通过 · 1.2 秒 · 第 3 次评测",
            "卡住了？试试 labctl hint auth",
        ]

    def test_partial_points_are_shown_with_only_the_checks_that_did_not_pass(
        self, capsys: pytest.CaptureFixture[str]
    ) -> None:
        found = [passed("listen", "a"), wrong("listen", ANSWERS[1]), passed("listen", "c")]
        print_attempt(LAB, attempt(*found, only=frozenset({"listen"})), 1, None)
        assert said(capsys)[:3] == [
            "✗ listen  do listen  10/16",
            "    Without a password no box answers",
            "      replica1",
        ]

    def test_an_answer_shown_above_is_repeated_as_a_reference(
        self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        again = msgspec.structs.replace(ANSWERS[0], boxes=("replica1",))
        nowhere = msgspec.structs.replace(ANSWERS[0], boxes=())
        found = [wrong("listen", ANSWERS[0]), wrong("listen", again, title="b"), wrong("auth", again, nowhere)]
        print_attempt(LAB, attempt(*found), 1, None)
        assert said(capsys)[7:13] == [
            "    b",
            "      replica1: the same as above",
            "✗ auth  do auth  0/5",
            "    Without a password no box answers",
            "      replica1: the same as under listen",
            "      the same as under listen",
        ]
        i18n.choose_language("zh")
        print_attempt(LAB, attempt(*found), 1, None)
        lines = said(capsys)
        assert (lines[8], lines[11]) == ("      replica1：同上", "      replica1：同 listen")

    def test_a_check_without_an_answer_shows_its_message(self, capsys: pytest.CaptureFixture[str]) -> None:
        print_attempt(LAB, attempt(wrong("listen", title="", message="b: no\n[zh] 不"), error("auth")), 1, None)
        assert said(capsys)[:4] == [
            "✗ listen  do listen  0/16",
            "      b: no",
            "! auth  do auth  0/5",
            "      could not be checked: OSError: gone",
        ]

    def test_long_output_of_a_command_is_shortened(self, capsys: pytest.CaptureFixture[str]) -> None:
        long = "\n".join(f"line {n}" for n in range(100))
        print_attempt(LAB, attempt(wrong("auth", Answer((), Text("x", "x"), Text(long, long)))), 1, None)
        lines = [line.strip() for line in said(capsys) if "line" in line]
        assert lines == ["found     line 0", *(f"line {n}" for n in range(1, 7)), "… and 93 more lines"]

    def test_a_very_long_line_is_shortened(self, capsys: pytest.CaptureFixture[str]) -> None:
        long = "x" * 100_000
        print_attempt(LAB, attempt(wrong("auth", Answer((), Text("x", "x"), Text(long, long)))), 1, None)
        assert max(map(len, said(capsys))) < 1000

    def test_control_characters_from_a_box_are_escaped(self, capsys: pytest.CaptureFixture[str]) -> None:
        evil = Text("\x1b]0;owned\x07\x9b2J", "\x1b[2J")
        found = [wrong("auth", Answer(("a\x1bb",), evil, evil, "\x1b[0m", evil)), wrong("listen", message="\x1b[2J")]
        print_attempt(LAB, attempt(*found), 1, None)
        out = capsys.readouterr().out
        assert "\x1b]" not in out and "\x1b[2J" not in out and "\x9b" not in out
        assert r"\x1b]0;owned\x07\x9b2J" in out

    def test_an_author_sees_each_checks_name_and_source(self, capsys: pytest.CaptureFixture[str]) -> None:
        check = msgspec.structs.replace(wrong("auth", ANSWERS[1]), source=Source.IN_BOX)
        print_attempt(LAB, attempt(check), 1, None, author=True)
        assert "    Without a password no box answers [test_it, in-box]" in said(capsys)
        print_attempt(LAB, attempt(check), 1, None)
        assert "in-box" not in "".join(said(capsys))


class TestSummary:
    def test_changes_since_the_previous_attempt_are_shown(self, capsys: pytest.CaptureFixture[str]) -> None:
        before = attempt(passed("listen"), failed("auth"))
        print_attempt(LAB, attempt(failed("listen"), passed("auth")), 4, Before(3, before))
        assert "since attempt 3: +auth -listen, 16 → 5 points" in said(capsys)

    def test_a_change_of_points_alone_is_shown_and_no_change_prints_nothing(
        self, capsys: pytest.CaptureFixture[str]
    ) -> None:
        before = attempt(failed("listen", "a"), failed("listen", "b"), failed("auth"))
        print_attempt(LAB, attempt(passed("listen", "a"), failed("listen", "b"), failed("auth")), 2, Before(1, before))
        assert "since attempt 1: 0 → 8 points" in said(capsys)
        print_attempt(LAB, before, 2, Before(1, before))
        assert "since" not in "".join(said(capsys))

    def test_only_tasks_of_both_attempts_are_compared(self, capsys: pytest.CaptureFixture[str]) -> None:
        before = attempt(failed("auth"), only=frozenset({"auth"}))
        print_attempt(LAB, attempt(passed("listen"), passed("auth")), 2, Before(1, before))
        assert "since attempt 1: +auth" in said(capsys)

    def test_an_error_is_not_shown_as_a_loss(self, capsys: pytest.CaptureFixture[str]) -> None:
        before = attempt(passed("listen"), passed("auth"))
        print_attempt(LAB, attempt(error("listen"), passed("auth")), 2, Before(1, before))
        assert "since attempt 1: !listen, 21 → 5 points" in said(capsys)

    @pytest.mark.parametrize(("count", "start"), [(1, "1 more check reboots"), (3, "3 more checks reboot")])
    def test_skipped_checks_are_reported(self, capsys: pytest.CaptureFixture[str], count: int, start: str) -> None:
        print_attempt(LAB, attempt(passed("listen"), passed("auth")), 1, None, count)
        last = said(capsys)[-1]
        assert last.startswith(start) and last.endswith("labctl verify --thorough")
        print_attempt(LAB, attempt(passed("listen"), passed("auth")), 1, None, 0)
        assert "--thorough" not in "".join(said(capsys))

    def test_integrity_findings_are_shown_without_names_of_learners(self, capsys: pytest.CaptureFixture[str]) -> None:
        odd = Integrity(
            {"master": (), "replica1": ("/usr/bin/ss", "/a", "/b", "/c", "/d"), "replica2": ("/usr/bin/ip",)},
            (Likeness("password", "hanmeimei"), Likeness("password", "liming")),
            (Likeness("password", "liming"), Likeness("port", "hanmeimei")),
        )
        whole = msgspec.structs.replace(attempt(passed("listen"), passed("auth")), integrity=odd, thorough=True)
        print_attempt(LAB, whole, 1, None)
        assert said(capsys)[3:] == [
            "21 of 21 points · 2 passed · 1.2 s · attempt 1 · thorough",
            "note: on replica1, files that came with packages were changed: /usr/bin/ss, /a, /b and 2 more",
            "note: on replica2, files that came with packages were changed: /usr/bin/ip",
            "note: the answer to password belongs to another learner's seed",
            "note: another learner gave the same wrong answer to port",
        ]

    def test_a_task_that_the_lab_no_longer_has_is_shown_by_its_id(self, capsys: pytest.CaptureFixture[str]) -> None:
        print_attempt(make_lab(tasks=[task("auth")]), attempt(passed("listen"), passed("auth")), 1, None)
        assert said(capsys)[0] == "✓ listen    16/16"


def test_a_box_whose_files_could_not_be_compared_is_reported(capsys: pytest.CaptureFixture[str]) -> None:
    now = msgspec.structs.replace(attempt(failed("auth")), integrity=Integrity(unseen={"master": "no overlay"}))
    print_attempt(LAB, now, 1, None)
    assert "files of master could not be compared with its packages: no overlay" in " ".join(said(capsys))


class TestWidth:
    @pytest.mark.usefixtures("terminal")
    @pytest.mark.parametrize("language", ["en", "zh"])
    def test_only_a_command_may_exceed_80_columns(
        self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, language: str
    ) -> None:
        i18n.choose_language(language)
        long = Text(
            "every box of the lab answers in the same way " * 6, "每台机器都要用同样的方式回应，不多也不少。" * 9
        )
        command = "redis-cli -h 10.10.10.12 -p 6996 --user default --pass wrong --no-auth-warning ping"
        answer = Answer(tuple(f"a-box-with-a-name-{n}" for n in range(9)), long, long, command, long)
        title = f"{long.en}\nzh: {long.zh}"
        odd = Integrity({"replica1": tuple(f"/usr/share/some/where/{n}" for n in range(9))})
        before = attempt(failed("listen"), failed("auth"))
        now = attempt(wrong("auth", answer, title=title), wrong("listen", title=title, message=long.en), error("auth"))
        print_attempt(LAB, msgspec.structs.replace(now, thorough=True, integrity=odd), 1234, Before(1233, before), 12)
        lines = said(capsys)
        wide = [line for line in lines if wrap.cells(line) > 80]
        assert [line.split(maxsplit=1)[1] for line in wide] == [command]
        assert not [line for line in lines if re.match(r"\s*[，。、；：）”]", line)], "begins with a closing sign"
        assert not [line for line in lines if re.search(r"[（“]$", line)], "ends with an opening sign"

    def test_lines_in_a_pipe_are_not_wrapped(self, capsys: pytest.CaptureFixture[str]) -> None:
        long = Text("word " * 100, "字" * 300)
        print_attempt(LAB, attempt(wrong("auth", Answer(("master",), long, long))), 1, None)
        assert f"        found     {('word ' * 100).strip()}" in said(capsys)

    @pytest.mark.usefixtures("terminal")
    def test_tied_words_stay_on_one_line(self) -> None:
        text = " ".join([*["abcd"] * 15, f"attempt{wrap.TIED}1234"])
        assert wrap.wrap(text, 2, 0).splitlines()[-1] == "  attempt 1234"


@given(st.text())
def test_the_pieces_of_a_text_join_to_the_same_text(text: str) -> None:
    assert "".join(wrap._PIECES.findall(text)) == text
