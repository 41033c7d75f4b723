"""What an instructor sees of a class of a hundred: real commands on a real store; boxes and checks are fakes."""

from __future__ import annotations

import csv
import gzip
import io
import json
import os
import stat
import tarfile
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import msgspec
import pytest
from fakes import FakeCatalog, FakeChecker, FakeEngine
from samples import error, failed, make_lab, passed, task

from labctl.adapters.store import SqlStore
from labctl.app.parts import Parts
from labctl.cli import main as cli_app
from labctl.cli.main import run
from labctl.cli.ui.wrap import cells
from labctl.domain.boxspec import box_specs
from labctl.domain.classroom.cohort import Cohort, Happening, Member
from labctl.domain.classroom.enrolment import instance_of
from labctl.domain.lab.params import derive
from labctl.domain.naming import instance_id
from labctl.domain.verdict import Attempt, CheckResult, Verdict, judge
from labctl.errors import EngineError
from labctl.services.verify import Verify

TASKS = [f"task-{number}" for number in range(1, 14)]
LAB = make_lab(tasks=[task(name) for name in TASKS])
NASTY = ["=cmd|' /C calc'!A0", "<script>alert(1)</script>", "two\nlines", "\u202eright to left", "@SUM(1)", '"quoted",']


def check(number: int, done: int) -> CheckResult:
    name = TASKS[number]
    return passed(name) if number < done else failed(name, message=f"no {name}\x1b[2J\n[zh] 没有 {name}")


class Class:
    """The cohort db-1 with a hundred learners. The first six have names with harmful characters. Learner number N
    solved N modulo 14 tasks."""

    def __init__(self, folder: Path) -> None:
        self.store = SqlStore(folder / "labctl.db")
        self.engine = FakeEngine()
        self.checker = FakeChecker(*(check(number, 13) for number in range(13)))
        self.cohort = Cohort("db-1", ("pond",), "the-secret", 1.0)
        names = [*NASTY, *(f"学员{number}" for number in range(len(NASTY), 100))]
        self.members = [Member(f"s{n:03}", name, group="ab"[n % 2], key="k e") for n, name in enumerate(names)]
        keyless = [msgspec.structs.replace(member, key="") for member in self.members]
        self.store.add_cohort(self.cohort, keyless)
        for number, member in enumerate(self.members[:90]):
            self.store.add_attempt(self.attempt(member, 1_000_000.0 + number, number % 14))
            self.store.add_hint(instance_id("pond", f"db-1/{member.id}"), "task-1", number % 4 or 1)
        self.store.add_happening(Happening(1_000_500.0, "db-1/s000", "refused", "\x1b[2J"))

    def attempt(self, member: Member, at: float, done: int) -> Attempt:
        learner = f"db-1/{member.id}"
        results = judge(LAB, [check(number, done) for number in range(13)])
        return Attempt(instance_id("pond", learner), "pond", learner, "seed", at, 1.0, results)

    def up(self, *ids: str) -> None:
        for one in ids:
            instance = instance_of(self.cohort, one, "pond", 0.0)
            for spec in box_specs(LAB, instance, derive(LAB, instance.seed), dict.fromkeys(LAB.boxes, "pond:1")):
                self.engine.start(self.engine.create(spec))

    def one_verify(self) -> Verify:
        def none() -> Any:
            raise AssertionError("no check requires a clone")

        return Verify(self.engine, self.checker, lambda: self.store, none)


Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def group(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Class:
    made = Class(tmp_path)
    for name, fake in {"engine": made.engine, "store": made.store, "catalog": FakeCatalog(LAB)}.items():
        monkeypatch.setattr(Parts, name, fake)
    monkeypatch.setattr(Parts, "new_checker", lambda *_: None)
    monkeypatch.setattr(Parts, "new_verify", lambda *_: made.one_verify())
    monkeypatch.setattr(cli_app, "_signals_interrupt", lambda: None)
    return made


@pytest.fixture
def labctl(group: Class, capfdbinary: pytest.CaptureFixture[bytes]) -> Run:
    """Run labctl; return exit status, stdout and stderr."""

    def labctl(*argv: str, lang: str = "en") -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as caught:
            run(["--lang", lang, "cohort", *argv])
        out, err = capfdbinary.readouterr()
        return int(caught.value.code or 0), out.decode(), err.decode()

    return labctl


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_watch_prints_every_learner_once_if_stdout_is_no_terminal(labctl: Run, lang: str) -> None:
    code, out, _err = labctl("watch", "db-1", "--once", lang=lang)
    lines = out.splitlines()
    assert code == 0 and max(map(cells, lines)) <= 80
    rows = [line for line in lines if line[2:3] == "s"]
    assert len(rows) == 100, "one line each, whatever the name contains"
    assert len({cells(line.rstrip()) for line in rows}) == 1
    assert "\x1b" not in out and "\u202e" not in out
    assert ("100 人中" if lang == "zh" else "of 100 complete") in lines[0]


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_watch_shows_whole_column_titles_if_names_are_short(group: Class, labctl: Run, lang: str) -> None:
    cohort = msgspec.structs.replace(group.cohort, name="short")
    group.store.add_cohort(cohort, [Member("a", "Li")])
    out = labctl("watch", "short", "--once", lang=lang)[1]
    assert "…" not in out


def test_watch_queries_neither_engine_nor_boxes(group: Class, labctl: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(*_args: object) -> Any:
        raise EngineError("no engine")

    monkeypatch.setattr(group.engine, "observe", gone)
    for argv in (("watch",), ("report",), ("export", "--output", os.devnull)):
        assert labctl(argv[0], "db-1", *argv[1:])[0] == 0


def test_watch_with_json_contains_all_results(labctl: Run) -> None:
    found = json.loads(labctl("watch", "db-1", "--json", "--group", "a")[1])["pond"]
    assert len(found) == 50 and {row["group"] for row in found} == {"a"}
    (second,) = (row for row in found if row["id"] == "s002")
    assert [second["tasks"][name] for name in TASKS[:3]] == ["passed", "passed", "failed"]
    assert (second["points"], second["attempts"], second["hints"], second["stuck"]) == (20, 1, {"task-1": 2}, False)


def test_csv_is_the_same_in_a_file_and_on_stdout(labctl: Run, tmp_path: Path) -> None:
    _code, out, _err = labctl("report", "db-1")
    file = tmp_path / "grades.csv"
    assert labctl("report", "db-1", "--output", str(file))[1:] == ("", f"✓ {file}: 100 learners\n")
    assert file.read_bytes() == f"\ufeff{out}".encode(), (
        "Excel in Chinese Windows needs the byte order mark; a pipe must not have it"
    )
    rows = list(csv.DictReader(io.StringIO(out)))
    assert [row["id"] for row in rows] == [f"s{number:03}" for number in range(100)]
    assert [row["name"] for row in rows[:6]] == [
        f"'{NASTY[0]}",
        *NASTY[1:3],
        r"\u202eright to left",
        "'@SUM(1)",
        NASTY[5],
    ]
    assert [int(row["points"]) for row in rows[:15]] == [*(10 * done for done in range(14)), 0]
    assert rows[95]["first attempt"] == "" and rows[3]["task-3"] == "10" and rows[3]["task-4"] == "0"


def test_html_escapes_names(labctl: Run) -> None:
    class Page(HTMLParser):
        tags: list[str] = []  # noqa: RUF012
        text = ""

        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            self.tags.append(tag)
            assert not {"src", "href", "onload"} & {name for name, _value in attrs}

        def handle_data(self, data: str) -> None:
            self.text += data

    page = Page()
    page.feed(labctl("report", "db-1", "--format", "html", lang="zh")[1])
    assert page.tags.count("tr") == 101 and not {"script", "img", "link", "iframe"} & set(page.tags)
    assert NASTY[1] in page.text and "学员99" in page.text and "成绩" in page.text


def test_a_workbook_is_written_to_a_file(labctl: Run, tmp_path: Path) -> None:
    from openpyxl import load_workbook

    code, out, err = labctl("report", "db-1", "--format", "xlsx")
    assert (code, out) == (2, "") and "--output db-1.xlsx" in err
    file = tmp_path / "grades.xlsx"
    assert labctl("report", "db-1", "--format", "xlsx", "--output", str(file))[0] == 0
    page = load_workbook(file)["pond"]
    assert page.max_row == 101 and page["B2"].value == NASTY[0] and page["B2"].data_type == "s"
    assert all(isinstance(page.cell(row, 4).value, int) for row in range(2, 102))


def test_an_unwritable_output_file_is_reported(labctl: Run, tmp_path: Path) -> None:
    code, _out, err = labctl("export", "db-1", "--output", str(tmp_path / "none" / "x.tar.gz"))
    assert code == 2 and "can't be written" in err


def test_an_archive_holds_everything_except_secrets_and_is_reproducible(
    group: Class, labctl: Run, tmp_path: Path
) -> None:
    group.store.remove_members("db-1", ["s001"])
    first, second = tmp_path / "first.tar.gz", tmp_path / "second.tar.gz"
    for file in (first, second):
        assert labctl("export", "db-1", "--output", str(file))[0] == 0
    assert first.read_bytes() == second.read_bytes()
    assert stat.S_IMODE(first.stat().st_mode) == 0o600
    with tarfile.open(first) as tar:
        files = {member.name: tar.extractfile(member).read() for member in tar}  # type: ignore[union-attr]
    listed = {line.split()[0].decode() for line in files["README"].splitlines() if b"  " in line}
    assert listed == files.keys() - {"README"}, "README explains the files"
    assert b"the-secret" not in gzip.decompress(first.read_bytes())
    attempts = [json.loads(line) for line in files["attempts.jsonl"].splitlines()]
    assert len(attempts) == 90 and attempts[1]["learner"] == "db-1/s001", "removed learners are included"
    assert attempts[0]["tasks"][0]["checks"][0]["message"].startswith("no task-1")
    assert len(json.loads(files["roster.json"])) == 99
    assert len(json.loads(files["hints.json"])) == 90
    assert json.loads(files["happenings.jsonl"])["deed"] == "refused"
    assert json.loads(files["grades.json"])["labs"]["pond"][1]["id"] == "s002"


class TestVerify:
    def test_all_learners_who_are_up_are_judged(self, group: Class, labctl: Run) -> None:
        group.up("s000", "s001")
        code, out, _err = labctl("verify", "db-1", "--learner", "s000", "--learner", "s001", "--learner", "s002")
        lines = out.splitlines()
        assert code == 0 and len(lines) == 4
        assert lines[0] == "[1/3] s002 pond  not up"
        assert f"s001 pond  {'✓' * 13}  130/130" in out
        assert lines[-1] == "2 judged, 2 of them complete · 1 not up · 0 could not be checked"
        assert [one.by for one in group.store.attempts_of("db-1")[90:]] == ["instructor"] * 2

    def test_an_error_is_not_counted_as_a_verdict(self, group: Class, labctl: Run) -> None:
        group.up("s000")
        group.checker.results[4] = error("task-5")
        code, out, _err = labctl("verify", "db-1", "--learner", "s000")
        assert code == 6 and "0 judged, 0 of them complete · 0 not up · 1 could not be checked" in out


class TestRegrade:
    def test_a_regrade_lists_learners_and_reasons_and_escapes_control_characters(
        self, group: Class, labctl: Run
    ) -> None:
        group.up("s001", "s002")
        group.checker.results = [check(number, 2) for number in range(13)]
        code, out, _err = labctl("regrade", "db-1", "--lab", "pond", "--group", "b", "--dry-run")
        assert code == 0 and len(group.store.attempts_of("db-1")) == 90
        assert "s001  10 → 20\n  ✗ → ✓  task-2  0 → 10\n      before: no task-2\\x1b[2J\n" in out
        assert out.splitlines()[-1] == "1 grades changed, 0 unchanged · nothing was changed"
        assert "not up, so the grade is unchanged: s003, s005" in out
        _code, out, _err = labctl("regrade", "db-1", "--lab", "pond", "--learner", "s002", lang="zh")
        assert out.splitlines()[-1] == "0 人成绩有变，1 人不变"
        assert group.store.attempts_of("db-1")[-1].by == "regrade"

    def test_a_lower_grade_is_listed_with_its_reason(self, group: Class, labctl: Run) -> None:
        group.up("s002")
        group.checker.results = [check(number, 1) for number in range(13)]
        _code, out, _err = labctl("regrade", "db-1", "--lab", "pond", "--learner", "s002", lang="zh")
        assert "s002  20 → 10\n  ✓ → ✗  task-2  10 → 0\n      没有 task-2\n" in out
        found = json.loads(labctl("report", "db-1", "--format", "json")[1])["labs"]["pond"][2]
        assert (found["id"], found["points"], found["attempts"]) == ("s002", 10, 1)

    def test_a_task_that_could_not_be_checked_is_reported_and_keeps_its_grade(self, group: Class, labctl: Run) -> None:
        group.up("s002")
        group.checker.results[4] = error("task-5")
        code, out, _err = labctl("regrade", "db-1", "--lab", "pond", "--learner", "s002")
        assert code == 6 and "s002 could not be checked, so the grade is unchanged: task-5\n" in out
        (row,) = (row for row in json.loads(labctl("watch", "db-1", "--json")[1])["pond"] if row["id"] == "s002")
        assert row["points"] == 20 and row["tasks"]["task-5"] == Verdict.ERROR


def test_an_unknown_cohort_or_learner_is_reported(labctl: Run) -> None:
    for argv, why in (
        (("watch", "db-2"), "there is no cohort db-2"),
        (("report", "db-1", "--lab", "lake"), "db-1 has no lab lake"),
        (("verify", "db-1", "--learner", "s0001"), "there is no learner s0001 in db-1"),
        (("watch", "db-1", "--group", "c"), "db-1 has no group c"),
    ):
        code, out, err = labctl(*argv)
        assert (code, out) == (2, "") and why in err and len(err.splitlines()) <= 3
