"""Work in parallel, and Ctrl-C at any moment of it."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from labctl.errors import EngineError
from labctl.events import silent
from labctl.interrupts import apart, held, interrupt, uninterrupted, wound_up
from labctl.services.many_parts import ManyParts
from labctl.services.parallel import each
from labctl.views.work import Part


@pytest.fixture(autouse=True)
def _alarm_interrupts() -> Iterator[None]:
    before = signal.signal(signal.SIGALRM, interrupt)
    yield
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


def whenever(work: Callable[[], object]) -> int:
    """Run the work repeatedly, with an interrupt at a different moment each time. Return how many interrupts arrived
    during the work."""
    came = 0
    for number in range(400):
        try:
            signal.setitimer(signal.ITIMER_REAL, 1e-6 + number * 5e-6)
            work()
            signal.setitimer(signal.ITIMER_REAL, 0)
        except KeyboardInterrupt:
            came += 1
        signal.setitimer(signal.ITIMER_REAL, 0)
    return came


def test_no_branch_outlives_ctrl_c_at_any_moment() -> None:
    """A thread that was interrupted during its start had no owner, so its results stayed."""
    begun, ended, left = [], [], []

    def branch(number: int) -> None:
        begun.append(number)
        time.sleep(0.001)
        ended.append(number)

    def work() -> None:
        try:
            each(branch, range(8))
        finally:
            left.append(len(begun) - len(ended))

    assert whenever(work) > 100
    assert set(left) == {0}


def test_a_rollback_completes_despite_ctrl_c_at_any_moment() -> None:
    done: list[int] = []
    rounds = 0

    def work() -> None:
        nonlocal rounds
        with held():
            rounds += 1
            uninterrupted(lambda: time.sleep(0.002) or done.append(rounds))

    assert whenever(work) > 100
    assert done == list(range(1, rounds + 1))


def test_work_that_is_wound_up_returns_its_result_despite_ctrl_c() -> None:
    begun, ended, wound, stopped = [], [], [], []

    def slow() -> str:
        begun.append(1)
        time.sleep(0.001)
        ended.append(1)
        return "all"

    def work() -> None:
        assert wound_up(slow, lambda: wound.append(1), lambda: stopped.append(1)) == "all"

    whenever(work)
    assert len(wound) > 100 and not stopped and begun == ended


def test_a_second_ctrl_c_stops_work_that_is_being_wound_up() -> None:
    wound, stopped, ended = threading.Event(), threading.Event(), []

    def work() -> None:
        os.kill(os.getpid(), signal.SIGALRM)
        wound.wait(10)
        os.kill(os.getpid(), signal.SIGALRM)
        ended.append(stopped.wait(10))

    with pytest.raises(KeyboardInterrupt):
        wound_up(work, wound.set, stopped.set)
    assert ended == [True]


def test_work_that_begins_during_a_stop_is_stopped_too() -> None:
    rounds: list[int] = []
    enough = threading.Event()

    def work() -> None:
        os.kill(os.getpid(), signal.SIGALRM)
        enough.wait(10)

    def stop() -> None:
        rounds.append(1)
        if len(rounds) == 2:
            enough.set()

    with pytest.raises(KeyboardInterrupt):
        apart(work, stop)
    assert len(rounds) == 2


def test_all_started_parts_end_despite_ctrl_c_at_any_moment() -> None:
    """The main thread waited on an Event. An exception at that moment left the Event's lock taken: the thread that had
    to set the Event waited for ever, and no further Ctrl-C ended the command (Python 3.14: nearly each time)."""
    begun, ended, told = [], [], []

    def part(one: Part) -> None:
        begun.append(one)
        time.sleep(0.0005)
        ended.append(one)

    def work() -> None:
        parts = [Part(f"l{number}", "pond", f"pond.l{number}", 3) for number in range(10)]
        tally = ManyParts(parts, 10, silent).run(part)
        told.append(len(tally.done) + len(tally.left))

    whenever(work)
    assert len(told) > 100 and set(told) == {10}
    assert sorted(map(str, begun)) == sorted(map(str, ended))


def test_a_held_interrupt_is_raised_once_at_the_end() -> None:
    steps = []
    with pytest.raises(KeyboardInterrupt), held(), held():
        os.kill(os.getpid(), signal.SIGALRM)
        steps.append("inner")
    assert steps == ["inner"]
    with held():
        steps.append("again")
    assert steps == ["inner", "again"]


def test_an_interrupt_is_not_delayed_by_another_thread() -> None:
    entered, leave = threading.Event(), threading.Event()

    def other() -> None:
        with held():
            entered.set()
            leave.wait(10)

    thread = threading.Thread(target=other)
    thread.start()
    entered.wait(10)
    with pytest.raises(KeyboardInterrupt):
        os.kill(os.getpid(), signal.SIGALRM)
        time.sleep(1)
    leave.set()
    thread.join()


def test_every_branch_ends_and_the_first_error_lists_the_others() -> None:
    ended = []

    def branch(number: int) -> None:
        if number % 2:
            raise EngineError("{number} is odd", number=number)
        ended.append(number)

    with pytest.raises(EngineError) as caught:
        each(branch, range(6))
    assert str(caught.value) == "1 is odd" and caught.value.detail == "3 is odd\n5 is odd"
    assert sorted(ended) == [0, 2, 4]
