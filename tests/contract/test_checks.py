"""Verdicts for verdicts: a real pytest child on small check files, with no boxes."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest
from samples import make_lab

from labctl.adapters.checks import runner
from labctl.adapters.checks.runner import PytestChecker
from labctl.domain.verdict import CheckResult, Verdict, judge
from labctl.errors import ChecksError, Exit

LAB = make_lab()
Run = Callable[..., list[CheckResult]]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Run these check files, name to text; the results."""

    def run(only: frozenset[str] | None = None, **files: str) -> list[CheckResult]:
        folder = tmp_path / "checks"
        folder.mkdir(exist_ok=True)
        for name, content in files.items():
            (folder / f"{name}.py").write_text("import pytest\n" + textwrap.dedent(content))
        checker = PytestChecker("unix:///nowhere.sock", lambda _lab: folder)
        return checker.run(LAB, {"master": "id"}, {"port": 6400}, only)

    return run


def test_each_way_to_end_has_its_verdict(run: Run) -> None:
    """One child for them all: starting it is what takes time."""
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
            assert box("master").run("true").rc == 0

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
    assert by_name["test_broken"].message == "OSError: no such thing"
    assert "not today" in by_name["test_skipped"].message
    assert "no such" in by_name["test_box_out_of_reach"].message or "engine" in by_name["test_box_out_of_reach"].message
    assert "@pytest.mark.task" in by_name["test_of_no_task"].message
    assert {result.task for result in results} == {"listen", ""}
    assert all(result.seconds >= 0 for result in results)


def test_checks_of_one_name_in_two_files_both_count(run: Run) -> None:
    passing = "@pytest.mark.task('listen')\ndef test_it(): pass\n"
    failing = "@pytest.mark.task('listen')\ndef test_it(): assert False, 'no'\n"
    results = run(test_a=passing, test_b=failing)
    assert [result.verdict for result in results] == [Verdict.PASSED, Verdict.FAILED]
    assert judge(LAB, results, frozenset({"listen"}))[0].verdict is Verdict.FAILED


def test_only_the_checks_of_the_tasks_asked_for_run(run: Run) -> None:
    results = run(
        frozenset({"auth"}),
        test_a="@pytest.mark.task('listen')\ndef test_a(): pass\n@pytest.mark.task('auth')\ndef test_b(): pass\n",
    )
    assert [(result.task, result.verdict) for result in results] == [("auth", Verdict.PASSED)]


@pytest.mark.parametrize(
    ("files", "why"),
    [
        ({}, "there are no checks"),
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
def test_a_run_that_is_itself_broken_is_no_verdict(run: Run, files: dict[str, str], why: str) -> None:
    with pytest.raises(ChecksError) as caught:
        run(**files)
    assert why in str(caught.value)
    assert caught.value.exit_code is Exit.CHECKS_ERROR
    assert caught.value.hint


def test_a_child_that_is_killed_is_no_verdict(run: Run) -> None:
    with pytest.raises(ChecksError, match="pytest ended with -9"):
        run(test_a="import os\n@pytest.mark.task('listen')\ndef test_a(): os.kill(os.getpid(), 9)\n")


def test_a_run_with_no_end_is_ended(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "RUN_SECONDS", 1.0)
    with pytest.raises(ChecksError, match="no end within 1 s"):
        run(test_a="import signal\n@pytest.mark.task('listen')\ndef test_a(): signal.pause()\n")


def test_the_projects_own_pytest_does_not_leak_into_checks(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
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


def test_nothing_is_left_in_the_folder_of_the_checks(run: Run, tmp_path: Path) -> None:
    run(test_a="@pytest.mark.task('listen')\ndef test_a(): pass\n")
    assert [file.name for file in (tmp_path / "checks").rglob("*")] == ["test_a.py"]
