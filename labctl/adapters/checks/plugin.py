"""The pytest plugin of the child that runs checks: fixtures for checks, verdicts for labctl.

Not loaded by anything but :mod:`labctl.adapters.checks.runner`, which tells what to do in the file that
``LABCTL_CHECKS`` names and reads one JSON line a check from the file in it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from labctl.adapters.checks.channel import Channel
from labctl.adapters.docker.client import Client
from labctl.domain.verdict import CheckResult, Verdict

CHANNELS = pytest.StashKey[dict[str, Channel]]()
ORDERS = pytest.StashKey["Orders"]()


class Orders(msgspec.Struct, frozen=True):
    """What the parent wants: boxes (name to container id), params, the tasks to check (none: all)."""

    engine: str
    boxes: dict[str, str]
    params: dict[str, str | int]
    only: tuple[str, ...] | None
    results: str


def pytest_configure(config: pytest.Config) -> None:
    """Read the orders."""
    config.addinivalue_line("markers", "task(id): the task of the lab that a check belongs to")
    config.stash[ORDERS] = msgspec.json.decode(Path(os.environ["LABCTL_CHECKS"]).read_bytes(), type=Orders)
    config.stash[CHANNELS] = {}


def pytest_unconfigure(config: pytest.Config) -> None:
    """Close all channels."""
    for channel in config.stash[CHANNELS].values():
        channel.close()


def task_of(item: pytest.Item) -> str:
    """The task that a check is bound to; an empty text where it says none."""
    marker = item.get_closest_marker("task")
    return str(marker.args[0]) if marker and marker.args else ""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the checks of other tasks."""
    only = config.stash[ORDERS].only
    if only is not None:
        items[:] = [item for item in items if task_of(item) in only]


@pytest.fixture(scope="session")
def params(pytestconfig: pytest.Config) -> dict[str, str | int]:
    """The learner's params, and each box's address as ``<box>_address``."""
    return dict(pytestconfig.stash[ORDERS].params)


@pytest.fixture(scope="session")
def box(pytestconfig: pytest.Config) -> Iterator[Callable[[str], Any]]:
    """``box("replica1")`` is testinfra's host for that box."""
    from testinfra.host import Host

    from labctl.adapters.checks.backend import ChannelBackend

    orders = pytestconfig.stash[ORDERS]
    channels = pytestconfig.stash[CHANNELS]
    client = Client(orders.engine)
    hosts: dict[str, Any] = {}

    def host_of(name: str) -> Any:
        if name not in hosts:
            channels[name] = Channel(client, orders.boxes[name], name)
            hosts[name] = Host(ChannelBackend(name, channels[name]))
        return hosts[name]

    yield host_of


@pytest.fixture(scope="session")
def host(box: Callable[[str], Any], pytestconfig: pytest.Config) -> Any:
    """testinfra's host for the lab's first box."""
    return box(next(iter(pytestconfig.stash[ORDERS].boxes)))


@pytest.hookimpl(hookwrapper=True)
def pytest_make_collect_report(collector: pytest.Collector) -> Iterator[None]:
    """A file that skips itself as a whole would vanish without a word: that is an error of collecting."""
    outcome: Any = yield
    report = outcome.get_result()
    if report.skipped:
        report.outcome, report.longrepr = "failed", f"{collector.nodeid} skips itself: {report.longrepr}"


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    """A verdict for each check: what an assertion says is failed, what anything else says is error."""
    outcome: Any = yield
    report = outcome.get_result()
    if call.when == "call":
        _keep(item, _verdict(call.excinfo), _message(call.excinfo), report.duration)
    elif call.excinfo is not None:
        _keep(item, Verdict.ERROR, _message(call.excinfo), report.duration)


def _verdict(excinfo: pytest.ExceptionInfo[BaseException] | None) -> Verdict:
    if excinfo is None:
        return Verdict.PASSED
    # pytest.xfail's exception is one of pytest.fail's, but says that the check knows better than to look.
    said = isinstance(excinfo.value, AssertionError | pytest.fail.Exception)
    return Verdict.FAILED if said and not isinstance(excinfo.value, pytest.xfail.Exception) else Verdict.ERROR


def _message(excinfo: pytest.ExceptionInfo[BaseException] | None) -> str:
    if excinfo is None:
        return ""
    if _verdict(excinfo) is Verdict.FAILED:
        return str(excinfo.value)
    return f"{type(excinfo.value).__name__}: {excinfo.value}"


def _keep(item: pytest.Item, verdict: Verdict, message: str, seconds: float) -> None:
    task = task_of(item)
    if not task:
        verdict, message = Verdict.ERROR, "this check says no task: @pytest.mark.task(…)"
    doc = getattr(getattr(item, "function", None), "__doc__", "") or ""
    title = "\n".join(line.strip() for line in doc.strip().splitlines()[:2])
    result = CheckResult(
        task=task, name=item.nodeid, verdict=verdict, title=title, message=message, seconds=round(seconds, 4)
    )
    with Path(item.config.stash[ORDERS].results).open("ab") as file:
        file.write(msgspec.json.encode(result) + b"\n")
