"""``labctl verify`` and ``labctl history`` as typed commands, on ports in memory."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from xml.etree import ElementTree

import msgspec
import pytest
from fakes import FakeCatalog, FakeChecker, FakeEngine, FakeImages, FakeKeeper, FakeLocks, FakeStore
from samples import error, failed, make_instance, make_lab, passed, task

from labctl import i18n as texts
from labctl.app import facade
from labctl.cli import main as cli
from labctl.domain.text import Text
from labctl.domain.verdict import Answer, Attempt, Verdict
from labctl.errors import ChecksError, StoreError
from labctl.events import silent
from labctl.hints import Hint
from labctl.ports import CloneCheck
from labctl.services.clone import Clones
from labctl.services.current import Finder
from labctl.services.on_clones import OnClones
from labctl.services.up import Up
from labctl.services.verify import Verify

LAB = make_lab(tasks=[{**task("listen", 16), "partial": True}, task("auth", 5)])
ANSWER = Answer(("master",), Text("closed", "关闭"), Text("open ]]> \x1b[0m", "打开"), "ss -ltn", Text("Ports", "端口"))
HURTS = CloneCheck("t.py::test_reboot", "auth", "Comes back")


class Bench:
    """labctl with one lab that is up."""

    def __init__(self) -> None:
        self.engine, self.store, self.locks = FakeEngine(), FakeStore(), FakeLocks()
        self.keeper, self.images = FakeKeeper(self.engine, running=True), FakeImages()
        self.checker = FakeChecker(passed("listen"), passed("auth"))
        self.catalog = FakeCatalog(LAB)
        self.settings = SimpleNamespace(learner="lucy")
        self.watched: list[frozenset[str] | None] = []
        clones = Clones(self.engine, self.keeper, self.images, self.locks)
        on_clones = OnClones(self.engine, self.checker, clones)
        self.verify = Verify(self.engine, self.checker, lambda: self.store, lambda: on_clones)
        self.finder = Finder(self.engine, self.catalog)
        self.watcher = SimpleNamespace(run=lambda _find, only, _tell, _by, _emit: self.watched.append(only))
        Up(self.engine, self.keeper, self.images, self.locks).run(LAB, make_instance(LAB), silent)

    def prepared_verify(self) -> Verify:
        self.checker.prepare()
        return self.verify

    def new_verify(self) -> Verify:
        raise AssertionError("the prepared one was not used")

    def watch(self, _verify: Verify) -> SimpleNamespace:
        return self.watcher


Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Bench:
    made = Bench()
    monkeypatch.setattr(facade, "Parts", lambda _catalogs: made)
    return made


@pytest.fixture
def labctl(bench: Bench, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run labctl; return exit status, stdout and stderr."""
    monkeypatch.setattr(cli, "_signals_interrupt", lambda: None)

    def labctl(*argv: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as caught:
            cli.run(list(argv))
        said = capsys.readouterr()
        assert isinstance(caught.value.code, int)
        return caught.value.code, said.out, said.err

    return labctl


def is_wrong(bench: Bench) -> None:
    bench.checker.results = [
        passed("listen", "a.py::test_a"),
        msgspec.structs.replace(failed("listen", "a.py::test_b"), title="Listens\nzh: 监听", answers=(ANSWER,)),
        error("auth", "a.py::test_c"),
    ]


class TestExitStatus:
    @pytest.mark.parametrize(("verdict", "code"), [(Verdict.PASSED, 0), (Verdict.FAILED, 1), (Verdict.ERROR, 6)])
    def test_the_exit_status_is_that_of_the_worst_verdict(
        self, bench: Bench, labctl: Run, verdict: Verdict, code: int
    ) -> None:
        bench.checker.results[1] = msgspec.structs.replace(passed("auth"), verdict=verdict)
        assert labctl("verify")[0] == code

    def test_the_child_is_started_first_and_ended(
        self, bench: Bench, labctl: Run, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        order: list[str] = []
        prepare, find = bench.prepared_verify, bench.finder.find
        monkeypatch.setattr(bench, "prepared_verify", lambda: (order.append("prepare"), prepare())[1])
        monkeypatch.setattr(bench.finder, "find", lambda *asked: (order.append("find"), find(*asked))[1])
        labctl("verify")
        assert order == ["prepare", "find"] and bench.checker.spare == 0

    @pytest.mark.parametrize("argv", [("--lab", "sea"), ("--task", "sea")])
    def test_a_prepared_child_is_ended_on_an_error(self, bench: Bench, labctl: Run, argv: tuple[str, ...]) -> None:
        code, out, err = labctl("verify", *argv)
        assert (code, out) == (2, "") and "sea" in err
        assert bench.checker.spare == 0

    def test_a_prepared_child_is_ended_if_no_lab_is_up(self, bench: Bench, labctl: Run) -> None:
        bench.engine.boxes.clear()
        code, _out, err = labctl("verify")
        assert code == 2 and err.startswith("error: no lab is up")
        assert bench.checker.spare == 0


class TestUnavailableStore:
    @pytest.fixture(autouse=True)
    def away(self, bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
        def fail(_attempt: Attempt) -> int:
            raise StoreError("the store {store} can't be used: {why}", hint=Hint.TRY_STORE, store="S", url="U", why="W")

        monkeypatch.setattr(bench.store, "add_attempt", fail)

    def test_the_verdict_is_shown_with_a_note_that_it_does_not_count(self, labctl: Run) -> None:
        code, out, err = labctl("verify")
        assert code == 6, "a result that does not count is no success"
        assert "✓ listen" in out and "· not kept" in out and "attempt 0" not in out
        assert err.splitlines() == [
            "error: this attempt was not kept and does not count: the store S can't be used: W",
            "try: psql U, to test the connection; labctl config get store shows the setting",
        ]

    def test_json_shows_that_the_verdict_was_not_stored(self, labctl: Run) -> None:
        code, out, _err = labctl("verify", "--json")
        told = json.loads(out)
        assert (code, told["kept"], told["number"], told["verdict"]) == (6, False, 0, "passed")

    def test_the_note_is_translated_to_chinese(self, labctl: Run) -> None:
        _code, out, err = labctl("--lang", "zh", "verify")
        assert "未保存" in out
        assert "本次评测没有保存，不计入成绩：记录库 S 不能用：W" in err


class TestOptions:
    @pytest.mark.parametrize("other", [("--thorough",), ("--json",), ("--junit", "x.xml"), ("--junit", "-")])
    def test_watch_and_a_report_exclude_each_other(self, bench: Bench, labctl: Run, other: tuple[str, ...]) -> None:
        code, out, err = labctl("verify", "--watch", *other)
        assert (code, out) == (2, "")
        assert err.splitlines() == [f"error: --watch and {other[0]} can't be combined", "try: labctl verify --watch"]
        assert bench.watched == [] and bench.checker.spare == 0

    def test_two_reports_on_stdout_exclude_each_other(self, labctl: Run) -> None:
        code, _out, err = labctl("verify", "--json", "--junit", "-")
        assert code == 2 and err.startswith("error: --junit - and --json can't be combined")

    def test_watch_passes_the_chosen_tasks(self, bench: Bench, labctl: Run) -> None:
        assert labctl("verify", "--watch", "--task", "auth")[0] == 0
        assert bench.watched == [frozenset({"auth"})] and bench.checker.spare == 0

    def test_thorough_runs_destructive_checks_and_reports_progress_on_stderr(self, bench: Bench, labctl: Run) -> None:
        bench.checker.hurts = [HURTS]
        code, out, err = labctl("verify")
        assert code == 0 and "1 more check reboots" in out
        code, out, err = labctl("verify", "--thorough")
        assert code == 0 and "--thorough" not in out and "attempt 2 · thorough" in out
        assert "… checking on a clone: auth" in err.splitlines()
        assert any(line.startswith("✓ checking on a clone: auth") for line in err.splitlines())
        assert labctl("verify", "--thorough", "--json")[2] == ""
        _, _, err = labctl("--lang", "zh", "verify", "--thorough")
        assert "… 在评测副本上检查：auth" in err.splitlines()


class TestStreaming:
    def test_verdicts_are_printed_before_the_attempt_is_stored(
        self, bench: Bench, labctl: Run, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        seen: list[str] = []
        add = bench.store.add_attempt
        monkeypatch.setattr(bench.store, "add_attempt", lambda one: (seen.append(capsys.readouterr().out), add(one))[1])
        _code, out, _err = labctl("verify")
        assert [line[:8] for line in seen[0].splitlines()] == ["✓ listen", "✓ auth  "]
        assert "✓" not in out and "21 of 21 points" in out

    def test_json_and_junit_on_stdout_are_not_mixed_with_verdicts(self, labctl: Run) -> None:
        assert "✓" not in labctl("verify", "--json")[1]
        assert "✓" not in labctl("verify", "--junit", "-")[1]

    def test_no_verdict_follows_an_error_of_the_checks(self, bench: Bench, labctl: Run) -> None:
        def broken() -> None:
            raise ChecksError("the checks of {lab} could not run: {why}", lab="pond", why="pytest itself failed")

        bench.checker.meanwhile = broken
        code, out, err = labctl("verify")
        assert (code, out) == (6, "") and "pytest itself failed" in err


class TestJson:
    def test_json_contains_everything_under_stable_keys(self, bench: Bench, labctl: Run) -> None:
        is_wrong(bench)
        bench.checker.hurts = [HURTS]
        bench.checker.changed = {"master": ("/usr/bin/ss",)}
        code, out, err = labctl("verify", "--json")
        assert (code, err) == (6, "")
        told = json.loads(out)
        assert list(told) == ["attempt", "number", "verdict", "points", "of", "left_out", "kept"]
        assert [told[key] for key in ("number", "verdict", "points", "of", "left_out")] == [1, "error", 8, 21, 1]
        whole = told["attempt"]
        assert list(whole) == [
            *("instance", "lab", "learner", "seed", "at", "seconds", "tasks", "thorough", "integrity", "by"),
        ]
        assert whole["integrity"] == {
            "changed": {"master": ["/usr/bin/ss"]},
            "foreign": [],
            "same": [],
            "unseen": {},
        }
        assert list(whole["tasks"][0]) == ["task", "verdict", "points", "of", "checks"]
        check = whole["tasks"][0]["checks"][1]
        assert list(check) == [
            *("task", "name", "verdict", "title", "message", "seconds", "source", "answers", "params"),
        ]
        assert check["source"] == "trusted"
        assert check["answers"] == [
            {
                "boxes": ["master"],
                "expected": {"en": "closed", "zh": "关闭"},
                "found": {"en": "open ]]> \x1b[0m", "zh": "打开"},
                "see": "ss -ltn",
                "read": {"en": "Ports", "zh": "端口"},
            }
        ]
        assert msgspec.convert(whole, Attempt) == bench.store.attempts("pond.lucy")[0]


class TestJunit:
    def test_a_junit_file_is_written_beside_the_output(self, bench: Bench, labctl: Run, tmp_path: Path) -> None:
        is_wrong(bench)
        file = tmp_path / "report.xml"
        code, out, _err = labctl("verify", "--junit", str(file))
        assert code == 6 and "8 of 21 points" in out
        root = ElementTree.fromstring(file.read_bytes())
        assert [root.get(name) for name in ("name", "tests", "failures", "errors")] == ["pond", "3", "1", "1"]
        assert [suite.get("name") for suite in root] == ["listen", "auth"]
        right, wrong, unclear = root.iter("testcase")
        assert (right.get("classname"), right.get("name")) == ("pond.listen", "a.py::test_a")
        assert right.find("failure") is None
        failure, broken = wrong.find("failure"), unclear.find("error")
        assert failure is not None and broken is not None and unclear.find("failure") is None
        assert failure.get("message") == "Listens"
        assert failure.text is not None and failure.text.splitlines() == [
            "master",
            "  expected: closed",
            "  found: open ]]> \\x1b[0m",
            "  look: ss -ltn",
            "  read: “Ports” in labctl show",
        ]
        assert broken.get("message") == "OSError: gone"
        said = {item.get("name"): item.get("value") for item in wrong.findall("properties/property")}
        assert said == {"title": "Listens", "source": "trusted"}
        said = {item.get("name"): item.get("value") for item in root[0].findall("properties/property")}
        assert said["learner"] == "lucy" and said["points"] == "8" and said["of"] == "16" and said["attempt"] == "1"

    def test_names_in_junit_are_untranslated_and_texts_are_translated(
        self, bench: Bench, labctl: Run, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        is_wrong(bench)
        english = ElementTree.fromstring(labctl("verify", "--junit", "-")[1].encode())
        code, out, err = labctl("--lang", "zh", "verify", "--junit", "-")
        assert (code, err) == (6, "")
        chinese = ElementTree.fromstring(out.encode())
        names = [[case.get("name") for case in root.iter("testcase")] for root in (english, chinese)]
        assert names[0] == names[1]
        (failure,) = chinese.iter("failure")
        assert failure.get("message") == "监听" and "应为: 关闭" in (failure.text or "")

    def test_a_junit_file_can_be_combined_with_json_on_stdout(self, labctl: Run, tmp_path: Path) -> None:
        file = tmp_path / "report.xml"
        _code, out, _err = labctl("verify", "--json", "--junit", str(file))
        assert json.loads(out)["number"] == 1
        assert ElementTree.fromstring(file.read_bytes()).get("tests") == "2"

    def test_a_longer_old_report_is_replaced(self, labctl: Run, tmp_path: Path) -> None:
        file = tmp_path / "report.xml"
        file.write_text("old" * 10_000)
        labctl("verify", "--junit", str(file))
        assert ElementTree.fromstring(file.read_bytes()).get("tests") == "2"

    @pytest.mark.parametrize("where", ["none/report.xml", "."])
    def test_an_unwritable_report_is_refused_before_any_check(
        self, bench: Bench, labctl: Run, tmp_path: Path, where: str
    ) -> None:
        code, out, err = labctl("verify", "--junit", f"{tmp_path}/{where}")
        assert (code, out) == (2, "")
        assert len(err.splitlines()) == 1 and "can't be written: " in err
        assert bench.checker.asked == [] and bench.store.attempts("pond.lucy") == []

    def test_a_failed_run_leaves_no_empty_report_and_keeps_an_old_one(
        self, bench: Bench, labctl: Run, tmp_path: Path
    ) -> None:
        def broken() -> None:
            raise ChecksError("the checks of {lab} could not run: {why}", lab="pond", why="pytest itself failed")

        bench.checker.meanwhile = broken
        old = tmp_path / "old.xml"
        old.write_text("old")
        for name in ("new.xml", "old.xml"):
            assert labctl("verify", "--junit", str(tmp_path / name))[0] == 6
        assert [file.name for file in tmp_path.iterdir()] == ["old.xml"] and old.read_text() == "old"

    def test_a_report_can_be_written_to_a_pipe(self, labctl: Run, tmp_path: Path) -> None:
        pipe, read = tmp_path / "pipe", []
        os.mkfifo(pipe)
        reader = threading.Thread(target=lambda: read.append(pipe.read_bytes()))
        reader.start()
        assert labctl("verify", "--junit", str(pipe))[0] == 0
        reader.join(10)
        assert ElementTree.fromstring(read[0]).get("tests") == "2"


class TestHistory:
    def test_history_prints_an_attempt_as_verify_did(self, bench: Bench, labctl: Run) -> None:
        bench.checker.results = [failed("listen"), failed("auth")]
        labctl("verify")
        is_wrong(bench)
        printed = labctl("verify")[1]
        bench.checker.results = [passed("listen"), passed("auth")]
        labctl("verify")
        code, out, _err = labctl("history", "--attempt", "2")
        assert code == 0
        date, _, again = out.partition("\n\n")
        assert again == printed and len(date) == len("2026-01-01 00:00:00")
        assert "since attempt 1: 0 → 8 points" in again and "expected  closed" in again
        assert "应为  关闭" in labctl("--lang", "zh", "history", "pond", "--attempt", "2")[1]

    def test_history_with_json_prints_an_attempt_as_verify_did(self, bench: Bench, labctl: Run) -> None:
        is_wrong(bench)
        printed = json.loads(labctl("verify", "--json")[1])
        again = json.loads(labctl("history", "--attempt", "1", "--json")[1])
        assert again == {key: value for key, value in printed.items() if key not in ("left_out", "kept")}

    def test_the_first_attempt_has_no_comparison_and_an_unknown_one_is_reported(self, labctl: Run) -> None:
        labctl("verify")
        assert "since" not in labctl("history", "--attempt", "1")[1]
        code, out, err = labctl("history", "--attempt", "2")
        assert (code, out) == (2, "")
        assert err.splitlines() == [
            "error: there is no attempt 2 of pond; number of attempts: 1",
            "try: labctl history pond",
        ]
        assert labctl("history", "--attempt", "0")[0] == 2

    def test_thorough_attempts_are_marked(self, labctl: Run) -> None:
        labctl("verify")
        labctl("verify", "--thorough")
        head, first, second = (line.split("\t") for line in labctl("history")[1].splitlines())
        assert (head[4], first[4], second[4]) == ("mode", "", "thorough")
        assert labctl("--lang", "zh", "history")[1].splitlines()[2].split("\t")[4] == texts._("thorough") == "彻底检查"


def test_the_bench_has_only_parts_of_the_real_app(bench: Bench) -> None:
    """The facade accesses no attribute that the real parts lack."""
    from labctl.app.parts import Parts

    used = ("prepared_verify", "new_verify", "watch", "finder", "store", "catalog", "settings")
    assert not [name for name in used if not hasattr(Parts, name) or not hasattr(bench, name)]
