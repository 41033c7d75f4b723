"""Which attempts count, which learners are stuck, and how both are shown."""

from __future__ import annotations

import csv
import datetime
import io
import json
from collections.abc import Sequence
from html.parser import HTMLParser
from typing import Any, Literal

import click
import msgspec
import pytest
from fakes import FakeCatalog
from fakes_cohort import FakeCohorts
from hypothesis import example, given
from hypothesis import strategies as st
from samples import error, failed, make_lab, passed, task

from labctl.cli import i18n
from labctl.cli.cohort import gradesheet
from labctl.cli.cohort.report import rendered
from labctl.cli.ui import matrix
from labctl.cli.ui.wrap import cells
from labctl.domain.classroom.cohort import Cohort, Happening, Member
from labctl.domain.classroom.gradebook import change, counting, entries, in_order
from labctl.domain.naming import instance_id
from labctl.domain.verdict import Attempt, CheckResult, Verdict, judge
from labctl.errors import UsageError
from labctl.services.classroom.grades import Grades
from labctl.views.classroom import cohort_view
from labctl.views.grades import Book, grade_report
from labctl.views.grades import matrix as matrix_rows

LAB = make_lab()
COHORT = Cohort("db-1", ("pond",), "s" * 32, 0.0)
LI, WANG = Member("li", "李雷"), Member("wang", "Wang", group="b")
NASTY = Member("x", "=cmd|' /C calc'!A0<script>alert(1)</script>\u202e", group="@a")
MINUTE = 60.0

By = Literal["learner", "instructor", "regrade"]


def attempt(at: float, *checks: CheckResult, member: Member = LI, by: By = "learner") -> Attempt:
    learner = f"db-1/{member.id}"
    return Attempt(instance_id("pond", learner), "pond", learner, "seed", at, 1.0, judge(LAB, checks), by=by)


NONE = (failed("listen"), failed("auth"))
HALF = (passed("listen"), failed("auth"))
ALL = (passed("listen"), passed("auth"))


def entry(*attempts: Attempt, seen: float = 0.0) -> Any:
    (found,) = entries(COHORT, [LI], LAB, attempts, {}, {"db-1/li": seen} if seen else {})
    return found


def results(task_id: str) -> st.SearchStrategy[CheckResult]:
    """Return each kind of result of one task."""
    return st.sampled_from((passed, failed, error)).map(lambda make: make(task_id))


CHECKS = st.tuples(results("listen"), results("auth"))
BY: tuple[Literal["learner", "instructor", "regrade"], ...] = ("learner", "instructor", "regrade")
ATTEMPTS = st.lists(st.tuples(CHECKS, st.sampled_from(BY)), max_size=12).map(
    lambda found: [attempt(100.0 * number, *checks, by=by) for number, (checks, by) in enumerate(found, 1)]
)


@given(ATTEMPTS)
def test_the_best_attempt_since_the_last_regrade_counts(attempts: list[Attempt]) -> None:
    found = entry(*attempts)
    sound = [one for one in attempts if one.by != "regrade" or one.verdict is not Verdict.ERROR]
    regrades = [number for number, one in enumerate(sound) if one.by == "regrade"]
    open_ones = sound[regrades[-1] if regrades else 0 :]
    assert found.points == max((one.points for one in open_ones), default=0)
    assert 0 <= found.points <= found.of == LAB.points
    assert found.attempts == sum(one.by == "learner" for one in attempts)
    assert found.best is None or found.best == next(one for one in open_ones if one.points == found.points)


@given(ATTEMPTS, st.floats(0, 2000), st.floats(60, 1000))
def test_a_learner_who_progressed_or_did_not_try_is_never_stuck(
    attempts: list[Attempt], now: float, seconds: float
) -> None:
    attempts = [one for one in attempts if one.at <= now]
    found = entry(*attempts)
    if found.stuck(now, seconds):
        since = now - seconds
        recent = [one for one in attempts if one.at > since]
        before = {task.task for one in attempts if one.at <= since for task in one.tasks if task.verdict == "passed"}
        new = {task.task for one in recent for task in one.tasks if task.verdict == "passed"} - before
        assert not new and any(
            one.by == "learner" and any(task.verdict == "failed" for task in one.tasks) for one in recent
        )
        assert not found.complete


def test_a_learner_who_tries_without_progress_is_stuck() -> None:
    trying = [attempt(minute * MINUTE, *HALF) for minute in (0.1, 10, 19, 25)]
    assert entry(*trying).stuck(26 * MINUTE, 20 * MINUTE)
    assert not entry(*trying).stuck(50 * MINUTE, 20 * MINUTE), "absent, not stuck"
    assert not entry(*trying, attempt(26 * MINUTE, *ALL)).stuck(27 * MINUTE, 20 * MINUTE)
    assert not entry(attempt(1, *NONE), attempt(2, *NONE)).stuck(60, 20 * MINUTE), "this learner has only begun"
    assert not entry(attempt(1, *NONE), attempt(25 * MINUTE, *HALF)).stuck(26 * MINUTE, 20 * MINUTE)
    assert not entry().stuck(1e9, 60)


def test_an_instructors_attempt_gives_points_but_is_no_attempt_of_the_learner() -> None:
    found = entry(attempt(1, *NONE), attempt(2, *ALL, by="instructor"), seen=5.0)
    assert (found.points, found.attempts, found.first, found.last, found.seen) == (15, 1, 1.0, 1.0, 5.0)
    assert found.now == {"listen": Verdict.PASSED, "auth": Verdict.PASSED}
    assert not entry(attempt(2, *NONE, by="instructor")).came


def test_a_regrade_reports_the_changed_tasks() -> None:
    before, after = attempt(1, *HALF), attempt(2, *ALL, by="regrade")
    found = change(before, after)
    assert found is not None
    assert (found.learner, found.before, found.after) == ("db-1/li", 10, 15)
    (task,) = found.tasks
    assert task.before == before.tasks[1] and task.after == after.tasks[1]
    assert change(before, attempt(3, *HALF)) is None
    assert change(None, attempt(3, *NONE)) is not None
    assert counting(LAB, [attempt(1, *ALL), attempt(2, *HALF, by="regrade"), attempt(3, *NONE)]) == attempt(
        2, *HALF, by="regrade"
    )


def test_a_regrade_that_could_not_check_a_task_lowers_no_grade() -> None:
    best, broken = attempt(1, *ALL), attempt(2, error("listen"), passed("auth"), by="regrade")
    assert counting(LAB, [best, broken]) == best
    assert counting(LAB, [broken, attempt(3, *HALF, by="regrade"), attempt(4, error("listen"), error("auth"))]) == (
        attempt(3, *HALF, by="regrade")
    )


def test_a_learner_with_errors_only_is_not_stuck() -> None:
    errors = (error("listen"), error("auth"))
    assert not entry(attempt(1, *errors), attempt(25 * MINUTE, *errors)).stuck(26 * MINUTE, 20 * MINUTE)
    assert entry(attempt(1, *NONE), attempt(25 * MINUTE, error("listen"), failed("auth"))).stuck(
        26 * MINUTE, 20 * MINUTE
    )


@given(ATTEMPTS, st.lists(st.tuples(st.sampled_from(["listen", "auth", "new"]), st.integers(1, 30)), min_size=1))
def test_points_never_exceed_the_labs_maximum_after_a_lab_change(
    attempts: list[Attempt], tasks: list[tuple[str, int]]
) -> None:
    lab = make_lab(tasks=[task(name, points) for name, points in dict(tasks).items()])
    (found,) = entries(COHORT, [LI], lab, attempts, {}, {})
    assert 0 <= found.points <= found.of == lab.points
    for result in found.best.tasks if found.best else ():
        assert result.of == dict(tasks)[result.task] and 0 <= result.points <= result.of
        assert (result.points == result.of) or result.verdict != "passed"


@given(ATTEMPTS, st.data())
def test_a_learners_further_attempts_never_lower_the_points(attempts: list[Attempt], data: st.DataObject) -> None:
    more = data.draw(CHECKS)
    later = attempt(100.0 * (len(attempts) + 1), *more)
    assert entry(*attempts, later).points >= entry(*attempts).points


def book(members: Sequence[Member], attempts: Sequence[Attempt] = (), labs: tuple[str, ...] = ("pond",)) -> Book:
    store = FakeCohorts()
    cohort = msgspec.structs.replace(COHORT, labs=labs)
    store.add_cohort(cohort, members)
    for one in attempts:
        store.add_attempt(one)
    store.add_hint(instance_id("pond", "db-1/li"), "auth", 2)
    store.add_happening(Happening(50.0, "db-1/wang", "login"))
    catalog = FakeCatalog(*(make_lab(name=lab) for lab in labs))
    return Grades(store, catalog).book(cohort, store.members("db-1"))


def test_a_gradebook_is_read_from_the_store() -> None:
    found = book([LI, WANG], [attempt(1, *HALF), attempt(2, *ALL, member=WANG)])
    li, wang = found.entries["pond"]
    assert (li.points, li.hints, wang.points, wang.seen) == (10, {"auth": 2}, 15, 50.0)
    with pytest.raises(UsageError, match="db-1 has no lab lake"):
        Grades(FakeCohorts(), FakeCatalog(LAB)).book(COHORT, [], ["lake"])


class TestReports:
    ATTEMPTS = (attempt(1_000_000, *HALF), attempt(1_000_060, *NONE), attempt(1_000_000, *ALL, member=NASTY))

    def test_csv_can_be_read_back_and_contains_no_formula(self) -> None:
        text = rendered(book([LI, NASTY], self.ATTEMPTS), "csv").decode("utf-8-sig")
        head, li, nasty = csv.reader(io.StringIO(text))
        assert head == [
            *("lab", "id", "name", "group", "points", "of", "%", "attempts", "hints", "first attempt", "last attempt"),
            *("listen", "auth"),
        ]
        assert (li[1], li[2], li[4:9], li[-2:]) == ("li", "李雷", ["10", "15", "66.7", "2", "2"], ["10", "0"])
        assert nasty[2].startswith("'=cmd") and nasty[3] == "'@a"
        assert not [cell for row in (head, li, nasty) for cell in row if cell[:1] in ("=", "+", "-", "@", "\t", "\r")]

    def test_csv_of_several_labs_is_one_table(self) -> None:
        text = rendered(book([LI, WANG], self.ATTEMPTS[:1], ("pond", "lake")), "csv").decode("utf-8-sig")
        rows = list(csv.reader(io.StringIO(text)))
        assert {len(row) for row in rows} == {11}
        assert [row[:2] for row in rows[1:]] == [["pond", "li"], ["pond", "wang"], ["lake", "li"], ["lake", "wang"]]

    def test_html_escapes_names(self) -> None:
        page = rendered(book([LI, NASTY], self.ATTEMPTS), "html").decode()
        tags: list[str] = []

        class Parser(HTMLParser):
            def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
                tags.append(tag)

        Parser().feed(page)
        assert "script" not in tags and tags.count("tr") == 3
        assert "李雷" in page and "&lt;script&gt;" in page and "\u202e" not in page

    def test_a_workbook_has_numbers_and_dates_and_no_formula(self) -> None:
        from openpyxl import load_workbook

        content = rendered(book([LI, NASTY], self.ATTEMPTS, ("pond", "lake")), "xlsx")
        workbook = load_workbook(io.BytesIO(content))
        assert workbook.sheetnames == ["summary", "pond", "lake"]
        page = workbook["pond"]
        assert page.freeze_panes == "C2"
        assert (page["B2"].value, page["D2"].value, page["E2"].value) == ("李雷", 10, 15)
        assert isinstance(page["I2"].value, datetime.datetime)
        assert page["B3"].data_type == "s" and page["B3"].value.startswith("=cmd")
        assert [workbook["summary"].cell(2, column).value for column in range(4, 9)] == [10, 0, 10, 30, 33.3]

    def test_json_contains_tasks_and_points(self) -> None:
        found = json.loads(msgspec.json.encode(grade_report(book([LI, WANG], self.ATTEMPTS[:2]))))
        li, wang = found["labs"]["pond"]
        assert li["tasks"] == {"listen": "passed", "auth": "failed"} and li["graded"] == 1_000_000
        assert (wang["first"], wang["tasks"], wang["points"]) == (None, {}, 0)
        assert json.loads(rendered(book([LI, WANG], self.ATTEMPTS[:2]), "json")) == found


class TestMatrix:
    @pytest.mark.parametrize("language", ["en", "zh"])
    def test_a_matrix_of_15_tasks_is_80_columns_wide(self, language: str, monkeypatch: pytest.MonkeyPatch) -> None:
        i18n.choose_language(language)
        tasks = [
            {"id": f"task-{n}", "title": {"en": "t", "zh": "任"}, "points": 10, "hints": [{"en": "a", "zh": "啊"}] * 3}
            for n in range(15)
        ]
        lab = make_lab(tasks=tasks)
        members = [Member(f"s{n:03}", "一二三四五六七八九十" if n % 2 else "A name that is long") for n in range(100)]
        found = Book(cohort_view(COHORT), tuple(members), (lab,), {"pond": entries(COHORT, members, lab, [], {}, {})})
        lines = [click.unstyle(line) for line in matrix.lines(found, 1e9, 600)]
        assert max(map(cells, lines)) <= 80
        rows = [line for line in lines if line.startswith("  s")]
        assert len(rows) == 100 and {cells(row) for row in rows} == {80}
        tens, ones = lines[1:3]
        ninth, last = cells(ones[: ones.rfind("9")]), cells(tens[: tens.rfind("1")])
        assert (ninth, last) == (rows[0].find("·") + 16, rows[0].rfind("·"))
        assert max(cells(line) for line in matrix.lines(found, 1e9, 600, columns=120) if "s000" in line) > 80

    def test_stuck_learners_are_listed_first_and_absent_ones_last(self) -> None:
        members = [Member(name, name) for name in ("absent", "done", "stuck", "works")]
        _absent, done, stuck, works = members
        attempts = [
            attempt(1, *NONE, member=stuck),
            attempt(25 * MINUTE, *NONE, member=stuck),
            attempt(25 * MINUTE, *HALF, member=works),
            attempt(25 * MINUTE, *ALL, member=done),
        ]
        found = entries(COHORT, members, LAB, attempts, {}, {})
        assert in_order(found, 26 * MINUTE, 20 * MINUTE) == [found[i] for i in (2, 3, 1, 0)]
        whole = Book(cohort_view(COHORT), tuple(members), (LAB,), {"pond": found})
        lines = [click.unstyle(line).rstrip() for line in matrix.lines(whole, 26 * MINUTE, 20 * MINUTE)]
        assert lines[0] == "pond: 1 of 4 complete, 1 stuck, 1 not seen"
        assert lines[2].split() == ["?", "stuck", "stuck", "✗", "✗", "0/15", "2", "0", "1min"]
        assert lines[4].split() == ["done", "done", "✓", "✓", "15/15", "1", "0", "1min"]
        assert lines[5].split() == ["absent", "absent", "·", "·", "0/15", "0", "0", "–"]
        assert lines[6].split() == ["1", "listen", "2", "auth"]
        assert [row.stuck for row in matrix_rows(whole, 26 * MINUTE, 20 * MINUTE)["pond"]] == [True] + [False] * 3


@example("＝HYPERLINK(1)", 1)
@example("\n=1+1", 1)
@given(st.text(max_size=20), st.integers() | st.floats(allow_nan=False) | st.none())
def test_no_text_cell_is_a_formula(text: str, number: float | None) -> None:
    assert not gradesheet.guarded(text).startswith(tuple("=+-@\t\r\n＝＋－＠"))
    assert gradesheet.guarded(number) == gradesheet.plain(number)
