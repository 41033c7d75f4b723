"""The pytest plugin of the child process that runs checks. The plugin selects the checks and gives each check a
verdict."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from labctl.adapters.checks.answers import answer_of, in_words, with_title
from labctl.adapters.checks.channel import ChannelError
from labctl.adapters.checks.orders import Checked, MessageChannel, Orders, WantClones
from labctl.adapters.checks.session import LookError
from labctl.domain.so_far import SelectedCheck
from labctl.domain.verdict import CheckResult, Source, Verdict
from labctl.kit.answers import AllUnmet, Fault, Unmet, sendable
from labctl.ports import CloneCheck

HURTING = ("destructive", "reboot")
"""The markers of checks that run only on request, each on a clone of its own."""

SHARED = "copy"
"""The marker of checks that run in every verify, on one clone that they share."""


class CheckNotes:
    """The sources and params that the current check has used and found."""

    def __init__(self) -> None:
        self.sources: set[Source] = set()
        self.params: dict[str, str] = {}

    def used(self, source: Source) -> None:
        """Record the source of an answer."""
        self.sources.add(source)

    def begin(self) -> None:
        """Begin the next check."""
        self.sources, self.params = set(), {}

    @property
    def source(self) -> Source:
        """Return TRUSTED if every answer came from a trusted source, and IN_BOX otherwise."""
        return Source.IN_BOX if Source.IN_BOX in self.sources else Source.TRUSTED


class Judge:
    """Selects checks, judges them and reports the results."""

    def __init__(self, orders: Orders, link: MessageChannel, notes: CheckNotes) -> None:
        self._orders = orders
        self._link = link
        self._notes = notes
        self._result: CheckResult | None = None

    def pytest_configure(self, config: pytest.Config) -> None:
        """Register the markers. Markers are strict, so a misspelt marker is an error."""
        config.addinivalue_line("markers", "task(id): the task of the lab that a check belongs to")
        config.addinivalue_line("markers", "destructive: the check damages boxes, so it runs on a clone")
        config.addinivalue_line("markers", "reboot: the check reboots boxes, so it runs on a clone")
        config.addinivalue_line("markers", "copy: the check changes boxes, so it runs on a clone, in every verify")

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Remove the checks of other tasks and the checks that need a clone. Report the checks that need a clone to the
        parent."""
        only, pick = self._orders.only, self._orders.pick
        wanted = [item for item in items if only is None or task_of(item) in only]
        on_clones = {item.nodeid: found for item in wanted if (found := _clone_check(item)) is not None}
        if pick is not None:
            items[:] = [item for item in wanted if item.nodeid in on_clones and item.nodeid in pick]
            return
        items[:] = [item for item in wanted if item.nodeid not in on_clones]
        here = tuple(SelectedCheck(task_of(item), item.nodeid) for item in items)
        self._link.send(WantClones(tuple(on_clones.values()), here))

    @pytest.hookimpl(hookwrapper=True)
    def pytest_make_collect_report(self, collector: pytest.Collector) -> Iterator[None]:
        """Report a file that skips itself as a collection error. Otherwise its checks would be missing without a
        message."""
        outcome: Any = yield
        report = outcome.get_result()
        if report.skipped:
            report.outcome, report.longrepr = "failed", f"{collector.nodeid} skips itself: {report.longrepr}"

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
        """Give each check a verdict: an assertion means ``failed``, any other exception means ``error``. The verdict is
        sent after the check's clean-up, because a failed clean-up makes it an error."""
        if call.when == "setup":
            self._notes.begin()
        outcome: Any = yield
        report = outcome.get_result()
        if call.when == "call":
            self._result = self._judged(item, _verdict(call.excinfo), call.excinfo, report.duration)
        elif call.excinfo is not None:
            # A fixture of the lab may find that the work is wrong. After the check, only the clean-up can fail.
            unmet = call.when == "setup" and isinstance(call.excinfo.value, Unmet | AllUnmet)
            verdict = Verdict.FAILED if unmet else Verdict.ERROR
            self._result = self._judged(item, verdict, call.excinfo, report.duration)
        if call.when == "teardown" and self._result is not None:
            result, self._result = self._result, None
            with contextlib.suppress(BrokenPipeError):  # the parent no longer reads
                self._link.send(Checked(result))

    def _judged(
        self,
        item: pytest.Item,
        verdict: Verdict,
        excinfo: pytest.ExceptionInfo[BaseException] | None,
        seconds: float,
    ) -> CheckResult:
        task, message = task_of(item), _message(excinfo, Path(self._orders.folder))
        faults: tuple[Fault, ...] = ()
        if excinfo is not None and isinstance(excinfo.value, Unmet | AllUnmet):
            faults = with_title(excinfo.value.faults, _title(item))
            message = in_words(faults)
        if not task:
            verdict, message = Verdict.ERROR, "this check names no task: @pytest.mark.task(…)"
        return CheckResult(
            task=task,
            name=item.nodeid,
            verdict=verdict,
            title=_title(item),
            message=sendable(message),
            seconds=round(seconds, 4),
            source=self._notes.source,
            answers=tuple(map(answer_of, faults)) if verdict is Verdict.FAILED else (),
            params={name: sendable(found) for name, found in self._notes.params.items()},
        )


def task_of(item: pytest.Item) -> str:
    """Return the task of a check, or an empty string if the check names no task."""
    marker = item.get_closest_marker("task")
    return str(marker.args[0]) if marker and marker.args else ""


def _clone_check(item: pytest.Item) -> CloneCheck | None:
    shared = item.get_closest_marker(SHARED) is not None
    hurts = any(item.get_closest_marker(name) for name in HURTING)
    return CloneCheck(item.nodeid, task_of(item), _title(item), shared and not hurts) if shared or hurts else None


def _title(item: pytest.Item) -> str:
    doc = getattr(getattr(item, "function", None), "__doc__", "") or ""
    return "\n".join(line.strip() for line in doc.strip().splitlines()[:2])


def _verdict(excinfo: pytest.ExceptionInfo[BaseException] | None) -> Verdict:
    if excinfo is None:
        return Verdict.PASSED
    # pytest.xfail raises a subclass of the exception of pytest.fail. But xfail means that the check inspected nothing.
    said = isinstance(excinfo.value, AssertionError | pytest.fail.Exception)
    return Verdict.FAILED if said and not isinstance(excinfo.value, pytest.xfail.Exception) else Verdict.ERROR


def _message(excinfo: pytest.ExceptionInfo[BaseException] | None, folder: Path) -> str:
    if excinfo is None:
        return ""
    if _verdict(excinfo) is Verdict.FAILED:
        return str(excinfo.value)
    if isinstance(excinfo.value, LookError | ChannelError):
        return str(excinfo.value)  # a fault of a box or of labctl, and not of the lab's files
    return f"{_where(excinfo, folder)}{type(excinfo.value).__name__}: {excinfo.value}"


def _where(excinfo: pytest.ExceptionInfo[BaseException], folder: Path) -> str:
    """Return the innermost place in the lab's own files, such as ``test_web.py:12: ``. It is empty if the exception
    passed none of them."""
    own = folder.parent.resolve()
    for entry in reversed(excinfo.traceback):
        file = Path(entry.path).resolve()
        if file.is_relative_to(own):
            name = file.relative_to(own / folder.name if file.is_relative_to(own / folder.name) else own)
            return f"{name}:{entry.lineno + 1}: "
    return ""
