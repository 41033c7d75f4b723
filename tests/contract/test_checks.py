"""The verdicts of checks: a real pytest child runs small check files. A real agent takes this machine for the boxes."""

from __future__ import annotations

import os
import socket
import tempfile
import textwrap
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from fakes import until
from here import ProbeHere
from samples import make_lab

from labctl.adapters.checks import runner
from labctl.adapters.checks.runner import PytestChecker
from labctl.adapters.docker.stream import RawStream
from labctl.domain.site import RunningBox, Site
from labctl.domain.so_far import SelectedCheck
from labctl.domain.text import Text
from labctl.domain.verdict import Answer, CheckResult, Source, Verdict, judge
from labctl.errors import ChecksError, EngineError, Exit
from labctl.ports import CloneCheck, Findings

LAB = make_lab()
SITE = Site("pond.lucy", {"master": RunningBox("id", 1, "now"), "replica1": RunningBox("other", 404, "")})


class Bench:
    """A folder for check files, and the checker that runs them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "checks"
        self.folder.mkdir()
        self.box = folder / "box"
        self.box.mkdir()
        self.probe = ProbeHere(self.box)
        self.headings: dict[tuple[str, str], Text] = {}
        self.checker = PytestChecker(lambda _lab: self.folder, self.engines_probe, heading=self.heading)
        self.hurting: list[CloneCheck] = []

    def heading(self, lab: str, task: str) -> Text:
        return self.headings.get((lab, task), Text("", ""))

    def engines_probe(self) -> Any:
        return self.probe

    def write(self, **files: str) -> None:
        for name, content in files.items():
            (self.folder / f"{name}.py").write_text("import pytest\n" + textwrap.dedent(content))

    def findings(self, only: frozenset[str] | None = None, **options: Any) -> Findings:
        """Run the written check files."""
        return self.checker.run(SITE, LAB, {"port": 6400}, only, on_clones=self.hurting.extend, **options)

    def __call__(self, only: frozenset[str] | None = None, **files: str) -> list[CheckResult]:
        """Write these check files (name to text), run them and return the results."""
        self.write(**files)
        return self.findings(only).results


Run = Bench


@pytest.fixture
def run(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def test_each_outcome_of_a_check_has_its_verdict(run: Run) -> None:
    """One child runs all of them, because the start of a child takes most of the time."""
    results = run(
        test_all="""
        listen = pytest.mark.task("listen")

        @listen
        def test_right(params):
            \"\"\"What is right.
            zh: 对的

            For authors only.\"\"\"
            assert params["port"] == 6400

        @listen
        def test_wrong():
            assert 1 == 2, "expected 2, found 1; see redis.conf"

        @listen
        def test_wrong_in_words():
            pytest.fail("expected 2")

        @listen
        def test_broken():
            raise OSError("no such thing")

        @listen
        def test_skipped():
            pytest.skip("not today")

        @listen
        @pytest.mark.skip(reason="never")
        def test_skipped_by_mark():
            pass

        @listen
        @pytest.mark.xfail(run=False)
        def test_not_run():
            pass

        @listen
        def test_expected_to_fail():
            pytest.xfail("known")

        @listen
        @pytest.mark.xfail
        def test_wrong_and_marked():
            assert False, "wrong all the same"

        @listen
        def test_box_out_of_reach(box):
            assert box("replica1").run("true").rc == 0

        @listen
        def test_box_in_reach(box):
            assert box("master").run("exit 3").rc == 3

        @listen
        def test_command_with_no_end(box):
            box("master").run("sleep 50", seconds=0.1)

        @listen
        def test_unknown_box(box):
            assert box("mistress")

        @pytest.fixture
        def fallible():
            assert False, "a fixture's assertion says nothing of the learner's work"

        @listen
        def test_fixture_failed(fallible):
            pass

        @pytest.fixture
        def untidy():
            yield
            raise RuntimeError("clean-up failed")

        @listen
        def test_right_but_untidy(untidy):
            pass

        @listen
        @pytest.mark.parametrize("n", [1, 2])
        def test_each(n):
            assert n == 1, "no"

        def test_of_no_task():
            pass

        @pytest.mark.task()
        def test_of_an_empty_task():
            pass
        """
    )
    verdicts = {result.name.rpartition("::")[2]: result.verdict for result in results}
    assert verdicts == {
        "test_right": Verdict.PASSED,
        "test_wrong": Verdict.FAILED,
        "test_wrong_in_words": Verdict.FAILED,
        "test_broken": Verdict.ERROR,
        "test_skipped": Verdict.ERROR,
        "test_skipped_by_mark": Verdict.ERROR,
        "test_not_run": Verdict.ERROR,
        "test_expected_to_fail": Verdict.ERROR,
        "test_wrong_and_marked": Verdict.FAILED,
        "test_box_out_of_reach": Verdict.ERROR,
        "test_box_in_reach": Verdict.PASSED,
        "test_command_with_no_end": Verdict.ERROR,
        "test_unknown_box": Verdict.ERROR,
        "test_fixture_failed": Verdict.ERROR,
        "test_right_but_untidy": Verdict.ERROR,
        "test_each[1]": Verdict.PASSED,
        "test_each[2]": Verdict.FAILED,
        "test_of_no_task": Verdict.ERROR,
        "test_of_an_empty_task": Verdict.ERROR,
    }
    by_name = {result.name.rpartition("::")[2]: result for result in results}
    assert by_name["test_right"].title == "What is right.\nzh: 对的"
    assert by_name["test_wrong"].message == "expected 2, found 1; see redis.conf"
    assert by_name["test_wrong_in_words"].message == "expected 2"
    assert by_name["test_broken"].message == "test_all.py:23: OSError: no such thing"
    assert "not today" in by_name["test_skipped"].message
    assert by_name["test_box_out_of_reach"].message == "replica1: the box has stopped"
    assert "no end within " in by_name["test_command_with_no_end"].message
    assert "@pytest.mark.task" in by_name["test_of_no_task"].message
    assert {result.task for result in results} == {"listen", ""}
    assert all(result.seconds >= 0 for result in results)


def test_checks_with_the_same_name_in_two_files_both_count(run: Run) -> None:
    passing = "@pytest.mark.task('listen')\ndef test_it(): pass\n"
    failing = "@pytest.mark.task('listen')\ndef test_it(): assert False, 'no'\n"
    results = run(test_a=passing, test_b=failing)
    assert [result.verdict for result in results] == [Verdict.PASSED, Verdict.FAILED]
    assert judge(LAB, results, frozenset({"listen"}))[0].verdict is Verdict.FAILED


def test_only_checks_of_the_selected_tasks_run(run: Run) -> None:
    results = run(
        frozenset({"auth"}),
        test_a="@pytest.mark.task('listen')\ndef test_a(): pass\n@pytest.mark.task('auth')\ndef test_b(): pass\n",
    )
    assert [(result.task, result.verdict) for result in results] == [("auth", Verdict.PASSED)]


@pytest.mark.parametrize(
    ("files", "why"),
    [
        ({}, "no checks were selected"),
        ({"test_a": "import nothing_of_that_name\n"}, "can't be read"),
        ({"test_a": "@pytest.mark.tsak('listen')\ndef test_a(): pass\n"}, "can't be read"),
        (
            {
                "test_a": "@pytest.mark.task('listen')\ndef test_a(): pass\n",
                "test_b": "pytest.skip('the other half', allow_module_level=True)\n",
            },
            "can't be read",
        ),
    ],
)
def test_a_broken_run_gives_no_verdict(run: Run, files: dict[str, str], why: str) -> None:
    with pytest.raises(ChecksError) as caught:
        run(None, **files)
    assert why in str(caught.value)
    assert caught.value.exit_code is Exit.CHECKS_ERROR
    assert caught.value.hint


PASSES = "@pytest.mark.task('listen')\ndef test_a(): pass\n"
"""So that there is a verdict already when the next check ends it all."""


def test_a_killed_child_gives_no_verdict(run: Run) -> None:
    with pytest.raises(ChecksError, match="pytest ended with exit code -9"):
        run(test_a=PASSES + "import os\n@pytest.mark.task('listen')\ndef test_b(): os.kill(os.getpid(), 9)\n")


@pytest.mark.parametrize("code", [0, 1])
def test_a_child_that_exits_early_gives_no_verdict(run: Run, code: int) -> None:
    with pytest.raises(ChecksError, match="the run ended before all checks had run"):
        run(test_a=PASSES + f"import os\n@pytest.mark.task('listen')\ndef test_b(): os._exit({code})\n")


def test_a_child_that_dies_before_it_gets_its_orders_gives_no_verdict(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("labctl.adapters.checks.process.sys.executable", "/bin/false")
    with pytest.raises(ChecksError):
        run(test_a=PASSES)


def test_a_run_stopped_by_another_thread_ends_at_once_without_a_verdict(run: Run) -> None:
    run.write(test_a=PASSES + "@pytest.mark.task('listen')\ndef test_b(box): box('master').run('sleep 15')")
    caught: list[Exception] = []

    def work() -> None:
        try:
            run.findings()
        except ChecksError as error:
            caught.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    until(lambda: bool(run.probe.opened) and b"sleep" in children(run.probe.opened[0].pid), "the check running", 20)
    started = time.monotonic()
    run.checker.stop()
    thread.join(10)
    assert time.monotonic() - started < 5
    assert caught and "-9" in str(caught[0])


def children(pid: int) -> bytes:
    """The command lines of all descendants of the process."""
    found = b""
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        found += Path(f"/proc/{child}/cmdline").read_bytes() + children(int(child))
    return found


def test_stopping_ends_the_prepared_child(run: Run) -> None:
    run.checker.prepare()
    run.checker.stop()
    run.checker.stop()
    until(lambda: all(process.poll() is not None for process in run.probe.opened), "the agent ended", 10)
    assert [result.verdict for result in run(test_a=PASSES)] == [Verdict.PASSED]


def test_the_prepared_child_is_used(run: Run) -> None:
    run.checker.prepare()
    assert [result.verdict for result in run(test_a=PASSES)] == [Verdict.PASSED]
    assert len(run.probe.opened) == 1


def test_a_probe_that_cannot_be_opened_raises_an_engine_error(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> RawStream:
        raise EngineError("the engine is gone")

    monkeypatch.setattr(run.probe, "open", refuse)
    with pytest.raises(EngineError, match="the engine is gone"):
        run(test_a=PASSES)


def test_checks_that_need_a_dead_agent_end_in_error(run: Run) -> None:
    (one, other) = run(
        test_a="""
        @pytest.mark.task("listen")
        def test_agent(box):
            box("master").run("kill -9 $(ps -o ppid= -p $PPID)")

        @pytest.mark.task("listen")
        def test_without(params):
            pass
        """
    )
    assert (one.verdict, other.verdict) == (Verdict.ERROR, Verdict.PASSED)
    assert "the probe has ended" in one.message


def test_an_endless_run_is_stopped(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "RUN_SECONDS", 1.0)
    with pytest.raises(ChecksError, match="they did not end within 1 s"):
        run(test_a="import signal\n@pytest.mark.task('listen')\ndef test_a(): signal.pause()\n")


def test_pytest_settings_of_the_project_do_not_reach_checks(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTEST_ADDOPTS", "--no-such-option")
    (result,) = run(
        test_a="""
        import warnings

        @pytest.mark.task("listen")
        def test_a(request):
            warnings.warn("an error only for labctl's own tests")
            assert request.config.rootpath.name == "checks"
            assert not request.config.pluginmanager.hasplugin("hypothesispytest")
        """
    )
    assert result.verdict is Verdict.PASSED


def test_a_run_leaves_no_files_in_the_checks_folder(run: Run, tmp_path: Path) -> None:
    run(test_a="@pytest.mark.task('listen')\ndef test_a(): pass\n")
    assert [file.name for file in (tmp_path / "checks").rglob("*")] == ["test_a.py"]


def test_destructive_checks_are_skipped_and_reported(run: Run) -> None:
    files = """
    @pytest.mark.task("listen")
    def test_kind():
        pass

    @pytest.mark.task("listen")
    @pytest.mark.destructive
    def test_kill():
        \"\"\"Kills.\"\"\"
        assert False, "hurt"

    @pytest.mark.task("auth")
    @pytest.mark.reboot
    @pytest.mark.parametrize("n", [1, 2])
    def test_reboot(n):
        assert n == 1, "hurt"
    """
    assert [result.name for result in run(test_a=files)] == ["test_a.py::test_kind"]
    assert run.hurting == [
        CloneCheck("test_a.py::test_kill", "listen", "Kills."),
        CloneCheck("test_a.py::test_reboot[1]", "auth", ""),
        CloneCheck("test_a.py::test_reboot[2]", "auth", ""),
    ]
    # A check that is picked runs alone, and no skipped check is reported.
    del run.hurting[:]
    (picked,) = run.findings(pick=["test_a.py::test_reboot[2]"]).results
    assert (picked.task, picked.verdict, picked.message) == ("auth", Verdict.FAILED, "hurt")
    assert run.hurting == []
    with pytest.raises(ChecksError, match="no checks were selected"):
        run.findings(pick=["test_a.py::test_kind"])
    # A task that has only destructive checks is not reported as a task without checks.
    assert run.findings(frozenset({"auth"})).results == []


def test_checks_that_share_a_clone_are_listed_and_run_together_in_order(run: Run) -> None:
    files = """
    @pytest.mark.task("listen")
    @pytest.mark.copy
    def test_first(exercise):
        done = exercise("master").run("echo out; echo err >&2; exit 3")
        assert (done.rc, done.stdout, done.stderr) == (3, "out\\n", "err\\n")

    @pytest.mark.task("listen")
    @pytest.mark.copy
    @pytest.mark.destructive
    def test_own():
        pass

    @pytest.mark.task("auth")
    @pytest.mark.copy
    def test_second(exercise):
        host = exercise("master")
        hung = host.run("sleep 60 & echo started; exec sleep 60", seconds=0.2)
        assert hung.rc == 124 and hung.stderr.startswith("the command did not end")  # 0.2 s, or more on a busy machine
        assert host.run("echo again").stdout == "again\\n", "the box goes on"

    @pytest.mark.task("auth")
    def test_plain(exercise):
        exercise("master")
    """
    (plain,) = run(test_a=files)
    assert plain.verdict is Verdict.ERROR and "@pytest.mark.copy" in plain.message
    first, own, second = run.hurting
    assert [check.shared for check in (first, own, second)] == [True, False, True]
    results = run.findings(pick=[second.name, first.name], power=lambda _box, _act: RunningBox("id", 1, "")).results
    assert [(result.name, result.verdict, result.message) for result in results] == [
        (first.name, Verdict.PASSED, ""),
        (second.name, Verdict.PASSED, ""),
    ]
    assert {result.source for result in results} == {Source.TRUSTED}


def test_a_check_dials_from_the_probe(run: Run) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        (result,) = run(
            test_a=f"""
            @pytest.mark.task("listen")
            def test_it(dial):
                with dial("127.0.0.1", {server.getsockname()[1]}, client="b") as link:
                    link.sendall(b"hello")
            """
        )
        assert (result.verdict, result.message, result.source) == (Verdict.PASSED, "", Source.TRUSTED)
        server.settimeout(10)
        with server.accept()[0] as accepted:
            assert accepted.recv(16) == b"hello"


def test_a_check_without_a_marker_may_not_reboot_or_cut_cables(run: Run) -> None:
    power: list[tuple[str, str]] = []

    def switch(box: str, act: str) -> RunningBox:
        power.append((box, act))
        if act == "off":
            raise EngineError("it is stuck")
        return RunningBox("id", 1, "later")

    files = """
    @pytest.mark.task("listen")
    def test_sly(power):
        power("master").reboot()

    @pytest.mark.task("listen")
    def test_sly_too(cables):
        cables.cut("master", "replica1")

    @pytest.mark.task("listen")
    @pytest.mark.reboot
    def test_open(power, box):
        master = box("master")
        power("master").reboot()
        assert master.run("echo again").stdout == "again\\n", "the host goes on"
        power("master").off()
    """
    sly, sly_too = run(test_a=files)
    assert (sly.verdict, sly_too.verdict, power) == (Verdict.ERROR, Verdict.ERROR, [])
    assert "@pytest.mark.copy" in sly.message
    (found,) = run.findings(pick=["test_a.py::test_open"], power=switch).results
    assert (found.verdict, power) == (Verdict.ERROR, [("master", "reboot"), ("master", "off")])
    assert found.message == "master: it is stuck"
    (found,) = run.findings(pick=["test_a.py::test_open"]).results
    assert "only boxes of a clone have a power switch" in found.message


def test_a_verdict_names_its_source(run: Run) -> None:
    results = run(
        test_a="""
        listen = pytest.mark.task("listen")

        @listen
        def test_nothing():
            pass

        @listen
        def test_file(box):
            assert box("master").file("/").is_directory

        @listen
        def test_systemd(box):
            assert box("master").run("systemctl --version || true")

        @listen
        def test_inside(inside):
            assert inside("master").run("echo hello").stdout == "hello\\n"

        @listen
        def test_again(box):
            assert box("master").run("true")

        @listen
        def test_probe(probe):
            assert probe.run("echo systemctl")

        @listen
        def test_wrong(inside):
            assert inside("master").run("false").rc == 0, "no"
        """
    )
    assert {result.name.rpartition("::")[2]: (result.verdict, result.source) for result in results} == {
        "test_nothing": (Verdict.PASSED, Source.TRUSTED),
        "test_file": (Verdict.PASSED, Source.TRUSTED),
        "test_systemd": (Verdict.PASSED, Source.IN_BOX),
        "test_inside": (Verdict.PASSED, Source.IN_BOX),
        "test_again": (Verdict.PASSED, Source.TRUSTED),
        "test_probe": (Verdict.PASSED, Source.TRUSTED),
        "test_wrong": (Verdict.FAILED, Source.IN_BOX),
    }
    # All checks share one channel.
    assert [box for box, _ in run.probe.shells] == ["id"]


def test_unmet_expectations_arrive_as_separate_answers(run: Run) -> None:
    one, several, broken, params, odd = run(
        test_a="""
        listen = pytest.mark.task("listen")

        @listen
        def test_one(unmet):
            raise unmet("master", expected=("port 1", "端口 1"), found="2", see="ss -tln", read=("Ports", "端口"))

        @listen
        def test_every(every, unmet):
            def look(name):
                if name != "b":
                    raise unmet(name, expected="yes", found="no" if name != "d" else "maybe")
            every(["a", "b", "c", "d"], look)

        @listen
        def test_broken(every, unmet):
            def look(name):
                raise unmet(name, expected="", found="") if name == "a" else OSError("no")
            every(["a", "b"], look)

        @listen
        def test_params(record):
            record("port", 6400)
            record("password", "p")

        @listen
        def test_odd(record, unmet):
            record("port", "a\\udcff")
            raise unmet("a\\udc80", expected="b\\udcff", found="c", see="d\\udcfe")
        """
    )
    two = Text("2", "2")
    assert one.answers == (Answer(("master",), Text("port 1", "端口 1"), two, "ss -tln", Text("Ports", "端口")),)
    assert one.message == "master: expected port 1; found 2 (`ss -tln`)\n[zh] master：应为 端口 1；实际 2 (`ss -tln`)"
    yes = Text("yes", "yes")
    assert several.answers == (
        Answer(("a", "c"), yes, Text("no", "no")),
        Answer(("d",), yes, Text("maybe", "maybe")),
    )
    assert (broken.verdict, broken.message, broken.answers) == (Verdict.ERROR, "test_a.py:19: OSError: no", ())
    assert (params.verdict, params.params) == (Verdict.PASSED, {"port": "6400", "password": "p"})
    assert one.params == {}
    # A box may hold any bytes, and no byte may break the run.
    assert (odd.verdict, odd.params, odd.answers[0].expected.en) == (Verdict.FAILED, {"port": "a?"}, "b?")


def test_changed_package_files_are_reported_with_the_verdicts(run: Run) -> None:
    run.write(test_a=PASSES)
    assert run.findings().changed == {"master": ("/usr/bin/x",), "replica1": ("/usr/bin/x",)}


def test_many_runs_leave_no_threads_descriptors_or_files(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    run(test_a="@pytest.mark.task('listen')\ndef test_a(inside): inside('master').run('true')\n")
    until(idle, "the first run's threads ended", 10)
    before = len(os.listdir("/proc/self/fd"))
    for number in range(20):
        if number % 2:
            run.checker.prepare()
        # A part of the runs is stopped before it begins.
        if number % 4 == 3:
            run.checker.stop()
        else:
            assert run.findings().results
    until(idle, "the threads ended", 10)
    until(lambda: len(os.listdir("/proc/self/fd")) <= before, "descriptors closed", 10)
    assert list(temporary.iterdir()) == []
    until(lambda: all(process.poll() is not None for process in run.probe.opened), "the agents ended", 10)


def idle() -> bool:
    """Whether only pytest's own thread is left. No earlier test may leave a thread either."""
    return threading.active_count() == 1


def test_an_answer_has_the_title_and_the_heading_of_the_task_by_default(run: Run) -> None:
    run.headings["pond", "listen"] = heading = Text("listen: where it listens", "listen：在哪里监听")
    (result,) = run(
        test_all="""
        from labctl.kit import unmet

        @pytest.mark.task("listen")
        def test_short():
            \"\"\"Redis listens
            zh: Redis 在监听
            \"\"\"
            raise unmet("master", found=("nothing", "没有"))
        """
    )
    expected = Answer(("master",), Text("Redis listens", "Redis 在监听"), Text("nothing", "没有"), "", heading)
    assert (result.verdict, result.answers) == (Verdict.FAILED, (expected,))
    assert result.message.startswith("master: expected Redis listens; found nothing\n[zh] master：应为 Redis 在监听")


def test_a_fixture_may_find_that_the_work_is_wrong(run: Run) -> None:
    results = run(
        test_all="""
        from labctl.kit import unmet

        @pytest.fixture
        def redis():
            raise unmet("master", expected="redis", found="nothing")

        @pytest.fixture
        def untidy():
            yield
            raise unmet("master", expected="order", found="a mess")

        @pytest.mark.task("listen")
        def test_needs_redis(redis):
            pass

        @pytest.mark.task("listen")
        def test_leaves_a_mess(untidy):
            pass
        """
    )
    assert {result.name.partition("::")[2]: result.verdict for result in results} == {
        "test_needs_redis": Verdict.FAILED,
        "test_leaves_a_mess": Verdict.ERROR,
    }


def test_an_error_names_the_file_and_the_line_of_the_lab(run: Run) -> None:
    (run.folder.parent / "conftest.py").write_text(
        "import pytest\n\n\n@pytest.fixture\ndef everywhere():\n    return {}['all']\n"
    )
    results = run(
        helper="""
        def deep(box):
            return box("mistress")
        """,
        test_all="""
        import sys
        sys.path.insert(0, __file__.rpartition("/")[0])
        import helper

        @pytest.mark.task("listen")
        def test_key(params):
            params["prot"]

        @pytest.mark.task("listen")
        def test_helper(box):
            helper.deep(box)

        @pytest.mark.task("listen")
        def test_fixture(everywhere):
            pass
        """,
    )
    assert {result.verdict for result in results} == {Verdict.ERROR}
    said = {result.name.partition("::")[2]: result.message for result in results}
    assert said["test_key"] == "test_all.py:9: KeyError: 'prot'"
    assert said["test_helper"].startswith("helper.py:4: LookupError: ")
    assert said["test_fixture"] == "conftest.py:6: KeyError: 'all'"


def test_a_conftest_above_the_catalogs_checks_is_ignored(run: Run) -> None:
    (run.folder.parent.parent / "conftest.py").write_text("raise SystemExit(9)\n")
    (result,) = run(test_all='@pytest.mark.task("listen")\ndef test_one(): pass\n')
    assert result.verdict is Verdict.PASSED


def test_results_arrive_one_by_one_after_the_list_of_selected_checks(run: Run) -> None:
    """A check's result arrives after its clean-up, because a failed clean-up makes the check an error."""
    run.write(
        test_a="""
    @pytest.fixture
    def messy():
        yield
        raise OSError("not cleaned")

    @pytest.mark.task("listen")
    def test_right(): pass

    @pytest.mark.task("auth")
    def test_messy(messy): pass

    @pytest.mark.task("auth")
    @pytest.mark.copy
    def test_copy(): pass
    """
    )
    told: list[object] = []
    results = run.findings(selected=lambda checks: told.append(tuple(checks)), heard=told.append).results
    assert told == [
        (SelectedCheck("listen", "test_a.py::test_right"), SelectedCheck("auth", "test_a.py::test_messy")),
        *results,
    ]
    assert [result.verdict for result in results] == [Verdict.PASSED, Verdict.ERROR]


@pytest.mark.parametrize("code", [0, 1])
def test_a_check_that_ends_pytest_early_invalidates_the_run(run: Run, code: int) -> None:
    run.write(test_a=PASSES + f"@pytest.mark.task('listen')\ndef test_b(): pytest.exit('bye', returncode={code})\n")
    with pytest.raises(ChecksError, match="before all checks had run"):
        run.findings()
