"""Answers of checks that help a learner: expected value, found value, a command to see it, a section to read."""

from __future__ import annotations

import contextvars
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

Words = str | tuple[str, str]
"""A text as (English, Chinese), or one string for both languages: the output of a command, or a value."""

Pair = tuple[str, str]


class Fault(NamedTuple):
    """One unmet requirement. ``expected`` and ``found`` are texts in English and Chinese, ``see`` is a command, and
    ``read`` is a heading of the brief. labctl fills in an empty ``expected`` with the check's title, and an empty
    ``read`` with the heading of the task."""

    boxes: tuple[str, ...]
    expected: Pair
    found: Pair
    see: str
    read: Pair


class Unmet(AssertionError):  # noqa: N818  not an error of the check: it carries the verdict
    """A requirement of the task that a box does not meet.

    ``box`` is the name of the box, or empty. ``found`` is the state that the check found. ``expected`` is the required
    state; without it, the learner reads the check's title. ``see`` is the command that shows the state in that box.
    ``read`` is the heading in the brief that explains it; without it, the heading of the task.
    """

    def __init__(self, box: str, *, found: Words, expected: Words = "", see: str = "", read: Words = "") -> None:
        boxes = (sendable(box),) if box else ()
        self.faults = (Fault(boxes, pair(expected), pair(found), sendable(see), pair(read)),)
        super().__init__(in_words(self.faults))


class AllUnmet(AssertionError):  # noqa: N818  as above
    """Several unmet requirements. Equal faults of several boxes become one."""

    def __init__(self, unmet: Iterable[Unmet]) -> None:
        together: dict[tuple[Pair, Pair, str, Pair], list[str]] = {}
        for one in unmet:
            for fault in one.faults:
                together.setdefault(fault[1:], []).extend(fault.boxes)
        self.faults = tuple(Fault(tuple(dict.fromkeys(boxes)), *key) for key, boxes in together.items())
        super().__init__(in_words(self.faults))


def pair(words: Words) -> Pair:
    """Return the words in both languages, as plain text."""
    english, chinese = words if isinstance(words, tuple) else (words, words)
    return sendable(english), sendable(chinese)


def sendable(words: str) -> str:
    """Return the words as a plain str. A check may pass a subclass of str, and file names in a box may contain any
    bytes. A byte that is not part of a character becomes a question mark."""
    return str(words).encode(errors="replace").decode()


def in_words(faults: Iterable[Fault]) -> str:
    """Return all faults as lines: first in English, then, after ``[zh]``, in Chinese."""
    english, chinese = [], []
    for fault in faults:
        see = f" (`{fault.see}`)" if fault.see else ""
        boxes, boxes_zh = _of(", ".join(fault.boxes), ": "), _of("、".join(fault.boxes), "：")
        english.append(f"{boxes}expected {fault.expected[0]}; found {fault.found[0]}{see}")
        chinese.append(f"{boxes_zh}应为 {fault.expected[1]}；实际 {fault.found[1]}{see}")
    return "\n".join(english) + "\n[zh] " + "\n".join(chinese)


def _of(boxes: str, sign: str) -> str:
    return f"{boxes}{sign}" if boxes else ""


def every(names: Iterable[str], look: Callable[[str], object]) -> None:
    """Call ``look`` for each of these boxes in parallel and collect every unmet requirement. Raises AllUnmet if there
    are unmet requirements. If a call raises any other exception, that exception is raised instead of AllUnmet."""
    order = list(names)
    contexts = [contextvars.copy_context() for _ in order]
    with ThreadPoolExecutor(max(1, len(order)), thread_name_prefix="look") as pool:
        looks = [pool.submit(context.run, look, name) for context, name in zip(contexts, order, strict=True)]
    unmet: list[Unmet] = []
    for done in looks:
        fault = done.exception()
        if isinstance(fault, Unmet):
            unmet.append(fault)
        elif fault is not None:
            raise fault
    if unmet:
        raise AllUnmet(unmet)
