"""Pages of a long view, and the keys that turn them."""

from __future__ import annotations

import os
import pty
import termios
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labctl.cli.ui import pager
from labctl.cli.ui.pager import Key

KEYS = st.lists(st.sampled_from(list(Key)), max_size=30)


def told(first: int, last: int, count: int) -> str:
    return f"{first}-{last}/{count}"


@given(KEYS, st.integers(0, 120), st.integers(2, 40))
def test_a_page_fits_its_height_and_shows_existing_lines(keys: list[Key], count: int, height: int) -> None:
    lines, offset = [str(number) for number in range(count)], 0
    for key in keys:
        offset = pager.moved(offset, key, count, pager.room(count, height))
        shown = pager.page(lines, offset, height, told)
        assert len(shown) <= height
        if count <= height:
            assert shown == lines
        else:
            *body, status = shown
            assert body == lines[offset : offset + height - 1] and len(body) == height - 1
            assert status == f"{int(body[0]) + 1}-{int(body[-1]) + 1}/{count}"


@given(st.integers(1, 120), st.integers(2, 40))
def test_every_line_is_reached(count: int, height: int) -> None:
    lines, offset = [str(number) for number in range(count)], 0
    room = pager.room(count, height)
    seen: set[str] = set()
    for _turn in range(count):
        seen.update(pager.page(lines, offset, height, told))
        offset = pager.moved(offset, Key.PAGE_DOWN, count, room)
    assert seen.issuperset(lines)
    assert pager.moved(offset, Key.TOP, count, room) == 0
    assert pager.moved(0, Key.END, count, room) == max(0, count - room)


class Stdin:
    """A terminal on which keys are typed."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def fileno(self) -> int:
        return self._descriptor


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[int, int]]:
    """Return the user's end and labctl's end of a terminal."""
    hand, own = pty.openpty()
    monkeypatch.setattr("sys.stdin", Stdin(own))
    yield hand, own
    os.close(hand)
    os.close(own)


@pytest.mark.parametrize(("typed", "key"), [(typed, key) for key in Key for typed in key.value])
def test_keys_are_read_without_enter(terminal: tuple[int, int], typed: bytes, key: Key) -> None:
    hand, own = terminal
    before = termios.tcgetattr(own)
    with pager.keyboard() as wait:
        assert wait(0) is Key.NONE
        os.write(hand, typed)
        assert wait(10) is key
        os.write(hand, b"x")
        assert wait(10) is Key.NONE
    assert termios.tcgetattr(own) == before


def test_without_input_the_wait_times_out(monkeypatch: pytest.MonkeyPatch) -> None:
    reading, writing = os.pipe()
    os.close(writing)
    monkeypatch.setattr("sys.stdin", Stdin(reading))
    with pager.keyboard() as wait:
        assert wait(0.01) is Key.NONE
    os.close(reading)
