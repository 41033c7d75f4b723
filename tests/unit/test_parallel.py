"""What runs side by side, and Ctrl-C in the midst of it."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from labctl.errors import EngineError
from labctl.interrupts import held, interrupt
from labctl.services.parallel import each, uninterrupted


@pytest.fixture(autouse=True)
def _alarm_interrupts() -> Iterator[None]:
    before = signal.signal(signal.SIGALRM, interrupt)
    yield
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


def whenever(work: Callable[[], object]) -> int:
    """Do it again and again, with an interrupt at another moment of it each time; how many of them came meanwhile."""
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


def test_whenever_ctrl_c_comes_no_branch_outlives_it() -> None:
    """A thread that was interrupted in the midst of its start was nobody's, and what it made stayed."""
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


def test_whenever_ctrl_c_comes_what_is_taken_back_is_taken_back() -> None:
    done: list[int] = []
    rounds = 0

    def work() -> None:
        nonlocal rounds
        with held():
            rounds += 1
            uninterrupted(lambda: time.sleep(0.002) or done.append(rounds))

    assert whenever(work) > 100
    assert done == list(range(1, rounds + 1))


def test_an_interrupt_that_is_held_back_comes_at_the_end_and_once() -> None:
    steps = []
    with pytest.raises(KeyboardInterrupt), held(), held():
        os.kill(os.getpid(), signal.SIGALRM)
        steps.append("inner")
    assert steps == ["inner"]
    with held():
        steps.append("again")
    assert steps == ["inner", "again"]


def test_another_thread_holds_nothing_back() -> None:
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


def test_every_branch_ends_and_the_first_error_tells_of_the_others() -> None:
    ended = []

    def branch(number: int) -> None:
        if number % 2:
            raise EngineError("{number} is odd", number=number)
        ended.append(number)

    with pytest.raises(EngineError) as caught:
        each(branch, range(6))
    assert str(caught.value) == "1 is odd" and caught.value.detail == "3 is odd\n5 is odd"
    assert sorted(ended) == [0, 2, 4]
