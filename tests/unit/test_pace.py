"""How long checks wait on a busy machine."""

from __future__ import annotations

import pytest

from labctl.adapters.checks import pace
from labctl.adapters.checks.pace import MOST, Clock, slowness


@pytest.mark.parametrize(
    ("loadavg", "cores", "times"),
    [
        ("0.10 0.20 0.30 1/512 4711", 2, 1.0),
        ("13.02 6.00 3.00 14/512 4711", 2, 6.51),
        ("0.90 0.20 0.30 14/512 4711", 2, 6.5),  # the machine became busy just now
        ("13.00 9.00 3.00 1/512 4711", 2, 6.5),  # the busy processes do not run at this moment
        ("13.00 9.00 3.00 14/512 4711", 16, 1.0),
        ("900.00 9.00 3.00 1/512 4711", 2, MOST),
        ("", 2, 1.0),
        ("nonsense", 0, 1.0),
    ],
)
def test_slowness_is_the_load_per_core(loadavg: str, cores: int, times: float) -> None:
    assert slowness(loadavg, cores) == pytest.approx(times)


class Machine:
    """A machine whose time and load the test sets."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now, self.slow, self.asked = 100.0, 1.0, 0
        monkeypatch.setattr(pace.time, "monotonic", lambda: self.now)
        self.clock = Clock(self._ask)

    def _ask(self) -> float:
        self.asked += 1
        return self.slow


def test_a_clock_slows_down_with_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine(monkeypatch)
    start = machine.clock()
    machine.now += 4
    assert machine.clock() - start == pytest.approx(4)
    machine.slow = 8.0
    machine.now += 4
    assert machine.clock() - start == pytest.approx(4.5)
    assert machine.clock.limit(5) == pytest.approx(40)
    machine.slow = 1.0
    machine.now += 4
    assert machine.clock() - start == pytest.approx(8.5)


def test_the_load_is_read_once_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine(monkeypatch)
    for _ in range(40):
        machine.now += 0.1
        machine.clock()
        machine.clock.limit(5)
    assert 3 <= machine.asked <= 5
