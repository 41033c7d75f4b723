"""labctl cohort, in this process, with a store and without an engine."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import pytest
from fakes import FakeCatalog, FakeEngine, FakeImages, FakeKeeper, FakeLocks
from samples import make_lab

from labctl.adapters.store import SqlStore
from labctl.app.parts import Parts
from labctl.cli import i18n
from labctl.cli import main as cli_app
from labctl.cli.cohort.progress import Board, Lines, Verb, finish, watched
from labctl.cli.main import run
from labctl.cli.ui.problem import text_of
from labctl.domain.classroom.capacity import Footprint, LabDemand, Server, learners_that_fit, weigh
from labctl.domain.classroom.keys import fingerprint
from labctl.errors import EngineError
from labctl.events import ManyStarted, Note, OneEnded, OneStarted
from labctl.hints import Hint
from labctl.services.classroom.plan import refusal
from labctl.views.classroom import ClassPlan, LabPlan
from labctl.views.work import Failure, Part, Tally

GIB = 1 << 30
SERVER = Server(2, 8 * GIB, 7 * GIB, 90 * GIB, 80 * GIB, 32768, 300, inotify=128, inotify_used=0)
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def labctl(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    """Run labctl; return exit status, stdout and stderr. The lab is pond; boxes are on a fake engine."""
    engine = FakeEngine()
    keeper, locks, images = FakeKeeper(engine, running=True), FakeLocks(), FakeImages()
    fakes = {"engine": engine, "keeper": keeper, "locks": locks, "images": images, "catalog": FakeCatalog(make_lab())}
    for name, fake in fakes.items():
        monkeypatch.setattr(Parts, name, fake)
    monkeypatch.setattr(Parts, "store", SqlStore(tmp_path / "labctl.db"))
    monkeypatch.setattr(Parts, "state_dir", tmp_path)
    monkeypatch.setattr("labctl.adapters.docker.server.DockerServer.look", lambda _self: SERVER)
    monkeypatch.setattr("labctl.app.parts.Parts.client", None)
    monkeypatch.setattr(cli_app, "_signals_interrupt", lambda: None)

    def labctl(*argv: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as caught:
            run(list(argv))
        out, err = capsys.readouterr()
        return int(caught.value.code or 0), out, err

    return labctl


@pytest.fixture
def roster(tmp_path: Path) -> str:
    file = tmp_path / "class.csv"
    file.write_text("学号,姓名,班级\ns01,李雷,一班\ns02,韩梅梅,一班\ns03,Jim,二班\n", "utf-8-sig")
    return str(file)


def test_a_cohort_is_managed_from_create_to_end(labctl: Run, roster: str) -> None:
    code, out, _ = labctl("cohort", "create", "db-1", "--lab", "pond", "--roster", roster, "--limits", "hours=8")
    assert code == 0 and "3 learners, 0 with a key" in out and "labctl cohort up db-1" in out
    assert labctl("cohort", "list")[1].splitlines()[1].split("\t")[:3] == ["db-1", "pond", "3"]
    assert "48 boxes" not in labctl("cohort", "plan", "db-1")[1]
    code, out, err = labctl("cohort", "up", "db-1")
    assert code == 0 and "db-1: 3 up  9 boxes" in out
    assert "3 of 3 · 9 of 9 boxes" in err
    code, out, _ = labctl("cohort", "show", "db-1")
    assert "each learner: hours=8" in out
    assert out.splitlines()[-3].split("\t") == ["s01", "李雷", "一班", "none", "pond 3/3", "–"]
    assert "3 stopped" in labctl("cohort", "stop", "db-1")[1]
    assert "1 started" in labctl("cohort", "start", "db-1", "--learner", "s02")[1]
    assert "1 recreated" in labctl("cohort", "reset", "db-1", "--learner", "s02", "--yes")[1]
    code, out, _ = labctl("cohort", "remove", "db-1", "s03", "--yes", "--json")
    assert json.loads(out)["boxes"] == 3
    assert "db-1: 2 removed  6 boxes" in labctl("cohort", "down", "db-1", "-y")[1]
    assert labctl("cohort", "end", "db-1", "-y")[0] == 0
    assert "there is no cohort" in labctl("cohort", "list")[1]
    assert "ended" in labctl("cohort", "list", "--all")[1]
    assert labctl("cohort", "up", "db-1")[0] == 7


def test_no_json_output_contains_the_secret(labctl: Run, roster: str) -> None:
    made = json.loads(labctl("cohort", "create", "db-1", "--lab", "pond", "--roster", roster, "--json")[1])
    assert [member["id"] for member in made["members"]] == ["s01", "s02", "s03"]
    for argv in (("list", "--json"), ("show", "db-1", "--json")):
        out = labctl("cohort", *argv)[1]
        assert json.loads(out) and "secret" not in out
    assert "secret" not in made


def test_a_faulty_roster_is_reported_in_full_in_both_languages_and_not_imported(labctl: Run, tmp_path: Path) -> None:
    file = tmp_path / "bad.csv"
    file.write_text("学号;姓名;公钥\ns 1;李雷;ssh-dss AAAA\ns02;;\n", "gbk")
    create = ("cohort", "create", "db-1", "--lab", "pond", "--roster", str(file))
    code, _, err = labctl(*create)
    assert code == 2
    assert f"{file}: 3 faults; nothing was imported" in err
    assert f"{file}:2:1 (学号): s 1 can't be an id" in err
    assert f"{file}:2:8 (公钥): this is a DSA key" in err
    assert f"{file}:3:5 (姓名): the name is missing" in err
    _, _, err = labctl("--lang", "zh", *create)
    i18n.choose_language("en")
    assert "3 处错误，没有导入任何内容" in err and "s 1 不能作学号" in err
    assert json.loads(labctl("cohort", "list", "--all", "--json")[1]) == []


@pytest.mark.parametrize(
    ("argv", "code", "said"),
    [
        (("create", "db-1", "--lab", "pond", "--roster", "nowhere.csv"), 2, "nowhere.csv can't be read: No such file"),
        (("create", "DB", "--lab", "pond", "--roster", "R"), 2, "a cohort can't be called DB"),
        (("create", "db-1", "--lab", "pnod", "--roster", "R"), 2, "there is no lab pnod"),
        (
            ("create", "db-1", "--lab", "pond", "--roster", "R", "--limits", "memory=1MiB"),
            7,
            "pond needs memory=768MiB",
        ),
        (("create", "db-1", "--lab", "pond", "--roster", "R", "--until", "soon"), 2, "soon is not a date"),
        (("show", "db-9"), 2, "there is no cohort db-9"),
        (("up", "db-9"), 2, "there is no cohort db-9"),
    ],
)
def test_a_wrong_argument_is_a_one_line_error_and_changes_nothing(
    labctl: Run, roster: str, argv: tuple[str, ...], code: int, said: str
) -> None:
    found, _, err = labctl("cohort", *(roster if word == "R" else word for word in argv))
    assert (found, said in err) == (code, True), err
    assert json.loads(labctl("cohort", "list", "--all", "--json")[1]) == []


def test_destructive_commands_ask_for_confirmation(labctl: Run, roster: str, monkeypatch: pytest.MonkeyPatch) -> None:
    labctl("cohort", "create", "db-1", "--lab", "pond", "--roster", roster)
    labctl("cohort", "up", "db-1")
    monkeypatch.setattr("sys.stdin", io.StringIO())
    for argv in (("down", "db-1"), ("reset", "db-1"), ("remove", "db-1", "s01"), ("end", "db-1")):
        code, _, err = labctl("cohort", *argv)
        assert code == 2 and f"labctl cohort {' '.join(argv)} --yes" in err
    assert "3 up already" in labctl("cohort", "up", "db-1")[1]


def test_an_unknown_learner_is_refused_and_late_learners_can_be_added(labctl: Run, roster: str, tmp_path: Path) -> None:
    labctl("cohort", "create", "db-1", "--lab", "pond", "--roster", roster)
    code, _, err = labctl("cohort", "up", "db-1", "--learner", "s1")
    assert code == 2 and "did you mean s01?" in err
    late = tmp_path / "late.csv"
    late.write_text("id,name,group\ns04,Lucy,二班\ns03,James,二班\ns01,李雷,一班\n")
    assert "1 new, 1 changed, 1 unchanged" in labctl("cohort", "add", "db-1", "--roster", str(late))[1]


KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHNOF3RVoZ7CmWgNbzH8BWhlLQlUX9Pg6pTrAnRfdFfE"
OTHER = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGOPsIsbIbCeFzN5SbDrHIN0NYNnKyCqhDkpEsWgrZ7e"


@pytest.fixture
def full(labctl: Run, tmp_path: Path) -> Callable[[str], str]:
    """Create a cohort whose learners have a value in every column. The fixture writes a text to a file and returns its
    name."""

    def file(text: str) -> str:
        path = tmp_path / "late.csv"
        path.write_bytes(text.encode())
        return str(path)

    made = file(f"id,name,email,group,key\ns01,Li,li@example.org,A,{KEY}\ns02,Han,han@example.org,A,\n")
    assert labctl("cohort", "create", "db-1", "--lab", "pond", "--roster", made)[0] == 0
    return file


def _members(labctl: Run) -> dict[str, dict[str, str]]:
    rows = json.loads(labctl("cohort", "show", "db-1", "--json")[1])["members"]
    return {row["member"]["id"]: row["member"] for row in rows}


def test_a_missing_column_changes_nothing(labctl: Run, full: Callable[[str], str]) -> None:
    before = _members(labctl)
    code, out, _ = labctl("cohort", "add", "db-1", "--roster", full("id,name\ns01,Li Lei\ns02,Han\ns03,Jim\n"))
    assert code == 0 and "1 new, 1 changed, 1 unchanged" in out
    assert "  s01 name: Li → Li Lei\n" in out
    after = _members(labctl)
    assert after["s01"] == {**before["s01"], "name": "Li Lei"} and after["s02"] == before["s02"]


def test_an_empty_cell_keeps_the_value_and_a_dash_removes_it(labctl: Run, full: Callable[[str], str]) -> None:
    file = full("id,email,group,key\ns01,,B,\ns02,-,,\n")
    code, out, _ = labctl("cohort", "add", "db-1", "--roster", file)
    assert code == 0
    assert out.splitlines()[1:] == [
        "  s01 group: A → B",
        "  s02 e-mail: han@example.org → none",
        "unchanged, because the cell is empty (- in a cell removes the value):",
        "  s01 e-mail: li@example.org",
        f"  s01 key: {fingerprint(KEY)}",
        "  s02 group: A",
    ]
    after = _members(labctl)
    assert after["s01"]["key"] == KEY and after["s01"]["email"] == "li@example.org"
    assert after["s02"]["email"] == "" and after["s02"]["group"] == "A"


def test_keys_can_be_added_later_by_a_file_with_two_columns(labctl: Run, full: Callable[[str], str]) -> None:
    file = full(f"id,key\ns02,{OTHER}\n")
    code, out, _ = labctl("cohort", "add", "db-1", "--roster", file, "--dry-run")
    assert code == 0 and "  s02 key: none → SHA256:" in out and OTHER.split()[1] not in out
    assert out.endswith("nothing was changed (--dry-run)\n")
    assert _members(labctl)["s02"]["key"] == ""
    found = json.loads(labctl("cohort", "add", "db-1", "--roster", file, "--json")[1])
    assert (found["new"], found["changed"], found["dry_run"], found["encoding"]) == ([], ["s02"], False, "utf-8")
    assert [(one["id"], one["field"], one["old"]) for one in found["changes"]] == [("s02", "key", "")]
    assert _members(labctl)["s02"]["key"] == OTHER
    code, _, err = labctl("cohort", "add", "db-1", "--roster", full(f"id,key\ns2,{OTHER}\n"))
    assert code == 2 and ":2:1 (id): there is no learner s2 in db-1, and a new learner needs a name" in err
    assert "did you mean s02?" in err


def test_a_key_of_another_learner_is_refused_with_its_line(labctl: Run, full: Callable[[str], str]) -> None:
    before = _members(labctl)
    code, _, err = labctl("cohort", "add", "db-1", "--roster", full(f"id,name,key\ns01,Li Lei,\ns02,Han,{KEY}\n"))
    assert code == 2 and ":3:9 (key): s02 has the same key as s01 in the cohort db-1" in err
    assert _members(labctl) == before
    new = full(f"id,name,key\nt01,Tom,{KEY}\n")
    for argv in (("--dry-run",), ()):
        code, _, err = labctl("cohort", "create", "db-2", "--lab", "pond", "--roster", new, *argv)
        assert code == 2 and ":2:9 (key): t01 has the same key as s01 in the cohort db-1" in err
    # A learner who gives a key to another learner gets a new one in the same file.
    swap = full(f"id,key\ns01,{OTHER}\ns02,{KEY}\n")
    assert labctl("cohort", "add", "db-1", "--roster", swap)[0] == 0
    assert (_members(labctl)["s01"]["key"], _members(labctl)["s02"]["key"]) == (OTHER, KEY)


def test_create_with_dry_run_shows_how_the_file_was_read(labctl: Run, full: Callable[[str], str]) -> None:
    file = full(f"id,name,group,key\ns\u200b01,Li\u00a0Lei,A,{OTHER}\n")
    code, out, _ = labctl("cohort", "create", "db-2", "--lab", "pond", "--roster", file, "--dry-run")
    assert code == 0 and "s01\tLi Lei\tA\t\tSHA256:" in out
    assert f"note: {file}:2:1 (id): invisible characters were removed: U+200B" in out
    assert f"note: {file}:2:6 (name): special spaces were replaced by plain spaces: U+00A0" in out
    assert [one["name"] for one in json.loads(labctl("cohort", "list", "--json")[1])] == ["db-1"]
    assert labctl("cohort", "create", "db-1", "--lab", "pond", "--roster", file, "--dry-run")[0] == 2
    made = json.loads(labctl("cohort", "create", "db-2", "--lab", "pond", "--roster", file, "--json")[1])
    assert made["notes"][0]["text"] == "invisible characters were removed: U+200B"


def test_the_encoding_option_is_used(labctl: Run, full: Callable[[str], str], tmp_path: Path) -> None:
    file = tmp_path / "west.csv"
    file.write_bytes("id,name\ns03,Müller\n".encode("cp1252"))
    code, _, err = labctl("cohort", "add", "db-1", "--roster", str(file))
    assert (
        code == 2
        and "this cell can be read as Müller (cp1252) · M黮ler (gb18030)" in err
        and "--encoding cp1252" in err
    )
    assert labctl("cohort", "add", "db-1", "--roster", str(file), "--encoding", "CP1252")[0] == 0
    assert _members(labctl)["s03"]["name"] == "Müller"
    code, _, err = labctl("cohort", "add", "db-1", "--roster", str(file), "--encoding", "rot13")
    assert code == 2 and "labctl can't read files in the encoding rot13" in err and "cp1252" in err


def test_a_workbook_is_accepted_as_a_roster(labctl: Run, full: Callable[[str], str], tmp_path: Path) -> None:
    from openpyxl import Workbook

    book = Workbook()
    for row in (["学号", "班级"], ["s01", "B"]):
        book.worksheets[0].append(row)
    book.save(tmp_path / "late.xlsx")
    code, out, _ = labctl("cohort", "add", "db-1", "--roster", str(tmp_path / "late.xlsx"))
    assert code == 0 and "  s01 group: A → B\n" in out and _members(labctl)["s01"]["key"] == KEY


def test_a_roster_that_is_no_file_is_a_one_line_error(
    labctl: Run, full: Callable[[str], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert f"{tmp_path} can't be read: Is a directory" in labctl("cohort", "add", "db-1", "--roster", str(tmp_path))[2]
    assert "too large for a roster" in labctl("cohort", "add", "db-1", "--roster", "/dev/zero")[2]
    assert "the file is empty" in labctl("cohort", "add", "db-1", "--roster", "/dev/null")[2]
    monkeypatch.setattr("sys.stdin", None)
    assert "- can't be read: there is no standard input" in labctl("cohort", "add", "db-1", "--roster", "-")[2]
    odd = os.fsdecode(os.fsencode(tmp_path) + b"/\xff\x1b[31m.csv")
    code, _, err = labctl("cohort", "add", "db-1", "--roster", odd)
    assert code == 2 and "can't be read: No such file" in err and "\x1b[31m" not in err


def test_a_class_that_does_not_fit_is_refused_unless_forced(
    labctl: Run, roster: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    labctl("cohort", "create", "db-1", "--lab", "pond", "--roster", roster)
    small = Server(2, 8 * GIB, 7 * GIB, 90 * GIB, 80 * GIB, 32768, 300, inotify=50, inotify_used=0)
    monkeypatch.setattr("labctl.adapters.docker.server.DockerServer.look", lambda _self: small)
    code, out, _ = labctl("cohort", "plan", "db-1")
    assert code == 7 and "doesn't fit: this server has room for 2 of 3 learners" in out
    assert "sysctl -w fs.inotify.max_user_instances=128" in out
    code, _, err = labctl("cohort", "up", "db-1")
    assert code == 7 and "inotify (72 needed, 50 left, 22 missing)" in err
    assert "labctl cohort up db-1 --force" in err
    code, out, _ = labctl("cohort", "up", "db-1", "--learner", "s01", "--learner", "s02")
    assert code == 0 and "2 up" in out
    assert labctl("cohort", "up", "db-1", "--force")[0] == 0


def test_a_refusal_in_chinese_names_resources_in_chinese() -> None:
    one = Footprint(3, 1, 0.1, 1, 1, 100, 1)
    orders = (LabDemand(make_lab(), one, 4),)
    fitting = learners_that_fit(orders, SERVER, 4)
    labs = (LabPlan("pond", one, True, 0, 4),)
    plan = ClassPlan(labs, weigh(orders, SERVER), SERVER, 4, fitting, 12, 3.0)
    i18n.choose_language("zh")
    try:
        text = text_of(refusal("db-1", plan))
    finally:
        i18n.choose_language("en")
    assert "放得下" not in text and "inotify 实例（需要 400，剩余 128，缺 272）" in text


def test_failures_are_grouped_by_reason_with_an_exit_code(capsys: pytest.CaptureFixture[str]) -> None:
    def failure(number: int, why: str) -> Failure:
        part = Part(f"db-1/s{number:02}", "pond", f"pond.{number}")
        return Failure(part, EngineError("the Docker engine refused: {why}", hint=Hint.DOCTOR, why=why))

    failed = (*(failure(number, "busy") for number in range(9)), failure(20, "full"))
    tally = Tally((Part("db-1/s99", "pond", "x", 3),), failed, (Part("db-1/s77", "pond", "y", 3),), 2, 4.0)
    with pytest.raises(click.exceptions.Exit) as caught:
        finish(click.Context(click.Command("up")), "db-1", Verb.UP, tally, False, again="labctl cohort up db-1")
    out, err = capsys.readouterr()
    assert caught.value.exit_code == 130
    assert "✗ db-1: 1 up, 2 up already, 10 failed, 1 not started  3 boxes, 4.0 s" in out
    assert err.count("busy") == 1 and "db-1/s05 pond, 3 more: the Docker engine refused: busy" in err
    assert err.count("full") == 1 and "to finish, run: labctl cohort up db-1" in err


def _happen(emit: Callable[[Any], None]) -> None:
    emit(ManyStarted(12, 10, 30))
    for number in range(10):
        emit(OneStarted(f"db-1/s{number:02}", "pond"))
    emit(Note("rolling back: removing the boxes that were created"))
    for number in range(10):
        emit(OneEnded(f"db-1/s{number:02}", "pond", number != 3, 1.5, 3))


def test_piped_progress_is_one_line_per_learner(capsys: pytest.CaptureFixture[str]) -> None:
    with watched(quiet=False) as emit:
        assert isinstance(emit, Lines)
        _happen(emit)
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 11
    assert lines[4].startswith("✗ db-1/s03 pond  1.5 s  4 of 10 · 12 of 30 boxes") and "left" in lines[4]
    assert lines[-1].endswith("10 of 10 · 30 of 30 boxes")


def test_progress_on_a_terminal_is_a_table_with_the_remaining_time(capsys: pytest.CaptureFixture[str]) -> None:
    from rich.console import Console

    board = Board()
    board(ManyStarted(12, 10, 30))
    for number in range(12):
        board(OneStarted(f"db-1/s{number:02}", "pond"))
    board(OneEnded("db-1/s00", "pond", True, 1.5, 3))
    console = Console(width=80, record=True, file=io.StringIO())
    console.print(board._table())
    board.close()
    shown = console.export_text()
    assert "1 of 10 · 3 of 30 boxes" in shown and "left" in shown
    assert "db-1/s00" not in shown and "db-1/s01 pond" in " ".join(shown.split()) and "1 more" in shown
    assert all(len(line) <= 80 for line in shown.splitlines())


def test_quiet_progress_prints_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with watched(quiet=True) as emit:
        _happen(emit)
    assert capsys.readouterr().err == ""
