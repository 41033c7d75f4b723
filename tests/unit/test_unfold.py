"""An attempt on the terminal and on a pipe while its checks run."""

from __future__ import annotations

import io
import re
import sys
from collections.abc import Callable, Iterator

import msgspec
import pytest
from fakes import until
from hypothesis import given
from hypothesis import strategies as st
from samples import error, failed, make_lab, passed, task

from labctl.cli.i18n import choose_language
from labctl.cli.ui import board
from labctl.cli.ui.board import Painter, TaskRow, frame
from labctl.cli.ui.failures import print_judged
from labctl.cli.ui.screen import AttemptScreen
from labctl.cli.ui.unfold import AttemptStream
from labctl.cli.ui.verdicts import print_attempt
from labctl.cli.ui.wrap import cells, clipped
from labctl.domain.text import Text
from labctl.domain.verdict import Answer, Attempt, CheckResult, Verdict, judge
from labctl.events import AttemptStarted, AttemptStopping, StepEnded, StepStarted, TaskJudged
from labctl.views.attempts import JudgedPage, report

Begin = Callable[[], AttemptScreen]
LAB = make_lab(tasks=[task("listen", 16), task("auth", 5), task("aof", 2)])
TASKS = ("listen", "auth", "aof")
STARTED = AttemptStarted(LAB, "lucy", "seed", TASKS)
WRONG = [passed("listen"), failed("auth"), error("aof")]

rows_found = st.lists(
    st.builds(
        TaskRow,
        st.text("abc-", min_size=1, max_size=24),
        st.text("ab 监听，x", max_size=90),
        st.sampled_from(["–/8", "12/12"]),
        st.sampled_from([None, *Verdict]),
    ),
    min_size=1,
    max_size=20,
)


def attempt_of(results: list[CheckResult]) -> Attempt:
    return Attempt("pond.lucy", "pond", "lucy", "seed", 0.0, 1.5, judge(LAB, results))


def page_of(results: list[CheckResult], number: int = 3) -> JudgedPage:
    return JudgedPage(LAB, report(attempt_of(results), number), None, 0)


def judged(result: CheckResult, *, settled: bool = True) -> TaskJudged:
    (found,) = (one for one in judge(LAB, [result]) if one.task == result.task)
    return TaskJudged(found, settled)


class Terminal(io.StringIO):
    """A terminal with many rows. It understands the control sequences that the painter sends."""

    fail = False

    def isatty(self) -> bool:
        return True

    def write(self, text: str) -> int:
        if self.fail:
            raise OSError(5, "Input/output error")
        return super().write(text)

    def lines(self) -> list[str]:
        """Return the lines on the screen, without styles, and without empty lines at the end."""
        screen, row, column = [""], 0, 0
        for part in re.findall(r"\x1b\[[0-9;]*[A-Za-z]|.|\n", self.getvalue()):
            if part == "\n":
                row, column = row + 1, 0
                screen += [""] * (row + 1 - len(screen))
            elif part == "\r":
                column = 0
            elif part.endswith("A") and part.startswith("\x1b"):
                row -= int(part[2:-1] or 1)
                assert row >= 0, "the cursor left the screen"
            elif part == "\x1b[K":
                screen[row] = screen[row][:column]
            elif not part.startswith("\x1b"):
                screen[row] = screen[row][:column].ljust(column) + part + screen[row][column + 1 :]
                column += 1
        while screen and not screen[-1]:
            screen.pop()
        return screen


class TestFrame:
    @given(rows_found, st.lists(st.text("步骤 ab", max_size=90), max_size=5), st.integers(8, 120), st.integers(4, 40))
    def test_it_fits_the_terminal_in_both_languages(
        self, rows: list[TaskRow], below: list[str], columns: int, height: int
    ) -> None:
        lines = frame(rows, below, columns, height, 7)
        assert all(cells(line) < columns for line in lines)
        assert len(lines) < max(height, 2 + len(below[-3:]))

    def test_a_row_shows_mark_id_title_and_points(self) -> None:
        rows = [TaskRow("a", "Open", "–/8"), TaskRow("b", "Done", "5/5", Verdict.PASSED)]
        assert [re.sub(r"\x1b\[[0-9]*m", "", line) for line in frame(rows, ["step"], 80, 24, 0)] == [
            "⠋ a  Open  –/8",
            "✓ b  Done  5/5",
            "step",
        ]

    def test_open_tasks_have_priority_and_the_others_are_counted(self) -> None:
        rows = [TaskRow(f"t{n}", "", "1/1", Verdict.PASSED if n % 2 else None) for n in range(10)]
        lines = [re.sub(r"\x1b\[[0-9]*m", "", line) for line in frame(rows, [], 80, 6, 0)]
        assert lines == ["✓ 5  5 of 10 tasks open", *(f"⠋ t{n}    1/1" for n in (2, 4, 6, 8))]
        lines = [re.sub(r"\x1b\[[0-9]*m", "", line) for line in frame(rows, [], 80, 9, 0)]
        assert lines[1:] == [f"{'✓' if n % 2 else '⠋'} t{n}    1/1" for n in (0, 2, 4, 6, 7, 8, 9)]

    def test_a_cut_never_splits_a_wide_character(self) -> None:
        assert [clipped("监听端口", width) for width in (8, 7, 6, 1, 0)] == ["监听端口", "监听端…", "监听…", "…", ""]


class TestPainter:
    @given(
        st.lists(st.one_of(st.lists(st.sampled_from(["one", "two", "three"]), max_size=4), st.text("x", max_size=3)))
    )
    def test_the_screen_shows_the_text_above_and_the_last_lines(self, acts: list[list[str] | str]) -> None:
        terminal = Terminal()
        painter = Painter(terminal)
        above: list[str] = []
        lines: list[str] = []
        for act in acts:
            if isinstance(act, str):
                above.append(act)
                painter.above(f"{act}\n")
            else:
                lines = act
                painter.paint(lines)
            expected = [*above, *lines]
            while expected and not expected[-1]:
                expected.pop()
            assert terminal.lines() == expected

    def test_unchanged_lines_are_not_sent_again(self) -> None:
        terminal = Terminal()
        painter = Painter(terminal)
        painter.paint(["first", "second"])
        sent = len(terminal.getvalue())
        painter.paint(["first", "second"])
        assert len(terminal.getvalue()) == sent
        painter.paint(["first", "other"])
        assert "first" not in terminal.getvalue()[sent:]

    def test_lines_that_a_narrower_terminal_has_folded_are_erased(self, monkeypatch: pytest.MonkeyPatch) -> None:
        terminal = Terminal()
        painter = Painter(terminal)
        monkeypatch.setenv("COLUMNS", "80")
        painter.paint(["x" * 70])
        sent = len(terminal.getvalue())
        monkeypatch.setenv("COLUMNS", "30")
        painter.erase()
        assert terminal.getvalue()[sent:].count("\x1b[A") == 3

    def test_no_color_removes_styles(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("NO_COLOR", "1")
        terminal = Terminal()
        Painter(terminal).paint([board.MARKS[Verdict.PASSED]])
        assert terminal.getvalue().endswith("✓\n") and "\x1b[3" not in terminal.getvalue()

    def test_a_closed_terminal_is_not_an_error(self) -> None:
        terminal = Terminal()
        terminal.fail = True
        painter = Painter(terminal)
        painter.paint(["line"])
        painter.erase()


class TestStream:
    def test_a_task_is_printed_as_soon_as_no_earlier_task_is_open(self, capsys: pytest.CaptureFixture[str]) -> None:
        stream = AttemptStream()
        stream(STARTED)
        stream(judged(failed("auth")))
        stream(judged(failed("listen"), settled=False))
        assert capsys.readouterr().out == "", "listen is open, and more of its checks may follow"
        stream(judged(passed("listen")))
        assert [line[:8] for line in capsys.readouterr().out.splitlines()] == ["✓ listen", "✗ auth  ", "      ex"]
        stream(judged(error("aof")))
        assert capsys.readouterr().out.startswith("! aof")

    @pytest.mark.parametrize("count", range(4))
    def test_the_whole_output_is_that_of_print_attempt(self, capsys: pytest.CaptureFixture[str], count: int) -> None:
        page = page_of(WRONG)
        print_attempt(LAB, page.report.attempt, 3, None)
        expected = capsys.readouterr().out
        stream = AttemptStream()
        stream(STARTED)
        for result in WRONG[:count]:
            stream(judged(result))
        stream.finish(page)
        assert capsys.readouterr().out == expected

    def test_verdicts_that_changed_after_they_were_printed_are_replaced(
        self, capsys: pytest.CaptureFixture[str]
    ) -> None:
        stream = AttemptStream()
        stream(STARTED)
        stream(judged(passed("listen")))
        capsys.readouterr()
        stream.finish(page_of([error(one) for one in TASKS]))
        lines = capsys.readouterr().out.splitlines()
        assert lines[1] == "the boxes changed while the checks ran; these verdicts replace those above:"
        assert [line[:3] for line in lines if line.startswith("!")] == ["! l", "! a", "! a"]

    def test_a_closed_pipe_ends_the_output_but_not_the_checks(self, monkeypatch: pytest.MonkeyPatch) -> None:
        stream = AttemptStream()
        stream(STARTED)
        closed = Terminal()
        closed.fail = True
        monkeypatch.setattr(sys, "stdout", closed)
        stream(judged(passed("listen")))
        stream(judged(passed("auth")))
        with pytest.raises(OSError, match="Input/output"):
            stream.finish(page_of(WRONG))


class TestScreen:
    @pytest.fixture
    def terminal(self, monkeypatch: pytest.MonkeyPatch) -> Terminal:
        made = Terminal()
        monkeypatch.setenv("COLUMNS", "80")
        monkeypatch.setenv("LINES", "24")
        return made

    @pytest.fixture
    def begin(self, terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> Iterator[Begin]:
        """Begin an attempt on the terminal. pytest sets stdout when the test starts, so a fixture is too early."""
        made: list[AttemptScreen] = []

        def begin() -> AttemptScreen:
            monkeypatch.setattr(sys, "stdout", terminal)
            monkeypatch.setattr(sys, "stderr", terminal)
            made.append(AttemptScreen())
            made[-1](STARTED)
            return made[-1]

        yield begin
        for screen in made:
            screen.close()

    def test_the_list_appears_before_the_first_result_and_changes_in_place(
        self, terminal: Terminal, begin: Begin
    ) -> None:
        screen = begin()
        assert [line[2:] for line in terminal.lines()] == [
            "listen  do listen  –/16",
            "auth  do auth  –/5",
            "aof  do aof  –/2",
        ]
        screen(judged(failed("auth"), settled=False))
        assert terminal.lines()[1] == "✗ auth  do auth  –/5"
        screen(judged(failed("auth")))
        assert terminal.lines()[1] == "✗ auth  do auth  0/5"

    def test_what_others_print_appears_above_the_list(self, terminal: Terminal, begin: Begin) -> None:
        screen = begin()
        print("a warning", file=sys.stderr)  # noqa: T201
        print("half a", end=" ")  # noqa: T201
        print("line")  # noqa: T201
        assert [line[:9] for line in terminal.lines()[:2]] == ["a warning", "half a li"] and len(terminal.lines()) == 5
        screen.close()
        assert terminal.lines() == ["a warning", "half a line"]
        assert sys.stdout is terminal and sys.stderr is terminal

    def test_an_interrupt_leaves_a_clean_screen(self, terminal: Terminal, begin: Begin) -> None:
        screen = begin()
        screen(AttemptStopping())
        assert terminal.lines()[-1] == "stopping…"
        screen.close()
        assert terminal.lines() == [] and sys.stdout is terminal

    def test_running_steps_are_below_the_list_and_only_failed_steps_stay(
        self, terminal: Terminal, begin: Begin
    ) -> None:
        screen = begin()
        screen(StepStarted("k", "checking on a clone: {subject}", "auth"))
        assert terminal.lines()[-1] == "… checking on a clone: auth"
        screen(StepEnded("k"))
        assert len(terminal.lines()) == 3
        screen(StepStarted("k", "checking on a clone: {subject}", "auth"))
        screen(StepEnded("k", ok=False, seconds=1.0))
        assert terminal.lines()[0] == "✗ checking on a clone: auth  1.0 s" and len(terminal.lines()) == 4

    def test_the_running_mark_moves_at_most_ten_times_a_second(self, terminal: Terminal, begin: Begin) -> None:
        from labctl.cli.ui import screen

        assert screen._REFRESH_SECONDS >= 0.1
        begin()
        first = terminal.lines()[0][0]
        until(lambda: terminal.lines()[0][0] != first, "the mark moves")

    def test_the_finished_list_replaces_the_open_list(self, terminal: Terminal, begin: Begin) -> None:
        screen = begin()
        screen.finish(page_of(WRONG))
        lines = terminal.lines()
        assert lines[:3] == [
            "✓ listen  do listen  16/16",
            "✗ auth  do auth  0/5",
            "! aof  do aof  0/2",
        ]
        assert lines[4] == "✗ auth" and lines[-1] == "Stuck? labctl hint auth"

    def test_watch_keeps_one_list_and_prints_changes_above_it(self, terminal: Terminal, begin: Begin) -> None:
        screen = begin()
        screen.changed(page_of(WRONG), [])
        shown = len(terminal.lines())
        for result in WRONG:
            screen(judged(result))
        assert terminal.lines()[-1] == "16 of 23 points · watching; stop with Ctrl-C"
        screen(STARTED)
        assert terminal.lines()[-3].startswith("✗ auth"), "the last verdict stays until the next one"
        screen(judged(passed("auth")))
        screen.changed(page_of([WRONG[0], passed("auth"), WRONG[2]]), ["12:00:00 ✓ auth  21/23"])
        assert terminal.lines()[-3].startswith("✓ auth") and len(terminal.lines()) == shown + 1
        assert terminal.lines()[-5] == "12:00:00 ✓ auth  21/23"
        screen.end()
        assert "watching" not in "\n".join(terminal.lines())
        assert any(line.startswith("21 of 23 points · 2 passed") for line in terminal.lines())


class TestFailures:
    def wrong(self, task_id: str, name: str, found: str) -> CheckResult:
        answer = Answer(("box",), Text("right", "对"), Text(found, found))
        return msgspec.structs.replace(failed(task_id, name), title=f"Title {name}", answers=(answer,))

    def results(self) -> list[CheckResult]:
        return [
            *(self.wrong("listen", name, name) for name in "ab"),
            self.wrong("auth", "again", "a"),
            *(self.wrong("auth", name, name) for name in "cd"),
            self.wrong("aof", "e", "e"),
        ]

    def test_three_failures_are_in_full_and_the_others_name_their_command(
        self, capsys: pytest.CaptureFixture[str]
    ) -> None:
        print_judged(LAB, attempt_of(self.results()), 7, None)
        out = capsys.readouterr().out
        assert re.findall(r"found +(\w)", out) == ["a", "b", "c"]
        assert "the same as under listen" in out, "a repeated answer does not count"
        tail = out.partition("found     c\n")[2].splitlines()
        assert tail[1:4] == [
            "✗ auth  1 check did not pass: labctl verify --task auth",
            "✗ aof  1 check did not pass: labctl verify --task aof",
            "all answers: labctl history --attempt 7",
        ]
        assert tail[-1] == "Stuck? labctl hint listen"

    def test_all_failures_are_in_full_if_the_learner_named_tasks(self, capsys: pytest.CaptureFixture[str]) -> None:
        print_judged(LAB, attempt_of(self.results()), 7, None, every=True)
        out = capsys.readouterr().out
        assert re.findall(r"found +(\w)", out) == ["a", "b", "c", "d", "e"] and "labctl verify" not in out

    def test_an_attempt_that_is_not_kept_names_no_number(self, capsys: pytest.CaptureFixture[str]) -> None:
        print_judged(LAB, attempt_of(self.results()), 0, None)
        assert "history" not in capsys.readouterr().out

    def test_the_lines_are_translated(self, capsys: pytest.CaptureFixture[str]) -> None:
        choose_language("zh")
        try:
            print_judged(LAB, attempt_of(self.results()), 7, None)
        finally:
            choose_language("en")
        assert "1 个检查项未通过：labctl verify --task aof" in capsys.readouterr().out
