"""The kit's core: names, waiting, phrases. Its examples run."""

from __future__ import annotations

import doctest
import importlib
import pkgutil
from collections.abc import Iterator
from pathlib import Path

import pytest

import labctl.kit
from labctl.kit import say, timing
from labctl.kit.timing import within

MODULES = [one.name for one in pkgutil.walk_packages([str(Path(labctl.kit.__file__).parent)], "labctl.kit.")]


@pytest.fixture
def ticks() -> Iterator[list[float]]:
    """A clock that moves by one second with each look at it."""
    seconds = [0.0]

    def tick() -> float:
        seconds[0] += 1
        return seconds[0]

    before = timing._clock
    timing.use_clock(tick)
    yield seconds
    timing.use_clock(before)


@pytest.mark.parametrize("name", sorted(labctl.kit._PLACES))
def test_each_public_name_exists(name: str) -> None:
    assert getattr(labctl.kit, name) is not None
    assert name in labctl.kit.__all__


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(AttributeError, match=r"the kit has no sevrice; it has: .*within"):
        labctl.kit.sevrice  # noqa: B018


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_in_docstrings_run(name: str) -> None:
    found = doctest.testmod(importlib.import_module(name))
    assert found.failed == 0


def test_within_returns_the_first_result_without_a_fault(ticks: list[float]) -> None:
    looks: list[int] = []

    def look() -> int:
        looks.append(1)
        assert len(looks) == 3
        return len(looks)

    assert within(100, look) == 3


def test_within_raises_the_last_fault_after_the_time(ticks: list[float]) -> None:
    looks: list[int] = []

    def look() -> None:
        looks.append(1)
        raise AssertionError(f"wrong {len(looks)}")

    with pytest.raises(AssertionError) as caught:
        within(3, look)
    assert str(caught.value) == f"wrong {len(looks)}"
    assert ticks[0] > 3


def test_within_looks_twice_even_if_the_machine_stood_still(ticks: list[float]) -> None:
    looks: list[int] = []

    def look() -> str:
        looks.append(1)
        assert len(looks) > 1
        return "right"

    assert within(-5, look) == "right"


def test_within_passes_on_any_other_error_at_once(ticks: list[float]) -> None:
    def look() -> None:
        raise OSError("no route")

    with pytest.raises(OSError, match="no route"):
        within(100, look)
    assert ticks[0] < 5


def test_a_list_gives_the_number_of_items_that_it_leaves_out() -> None:
    assert say.listed([]) == say.NOTHING
    assert say.listed([("one", "一"), "2"]) == ("one, 2", "一、2")
    assert say.listed("abc", most=2) == ("a, b, and 1 more", "a、b、另外还有 1 个")


def test_an_empty_value_has_words() -> None:
    assert say.value(" \n") == say.EMPTY
    assert say.value("yes") == "yes"
