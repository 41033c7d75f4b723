"""Answers of checks that help a learner: expected value, found value, a command to see it, a section to read."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from labctl.domain.text import Text
from labctl.domain.verdict import Answer
from labctl.pool import Pool

Words = str | tuple[str, str]
"""A text as (English, Chinese), or one string for both languages: the output of a command, or a value."""


class Unmet(AssertionError):  # noqa: N818  not an error of the check: it carries the verdict
    """A requirement of the task that a box does not meet. ``expected`` and ``found`` are texts. ``see`` is the
    command that shows the state in that box. ``read`` is the heading in the brief that explains it."""

    def __init__(self, box: str, *, expected: Words, found: Words, see: str = "", read: Words = "") -> None:
        boxes = (sendable(box),) if box else ()
        self.answers = (Answer(boxes, text_of(expected), text_of(found), sendable(see), text_of(read)),)
        super().__init__(in_words(self.answers))


class AllUnmet(AssertionError):  # noqa: N818  as above
    """Several unmet requirements. Equal answers of several boxes become one answer."""

    def __init__(self, unmet: Iterable[Unmet]) -> None:
        together: dict[tuple[Text, Text, str, Text], list[str]] = {}
        for fault in unmet:
            for answer in fault.answers:
                key = (answer.expected, answer.found, answer.see, answer.read)
                together.setdefault(key, []).extend(answer.boxes)
        self.answers = tuple(Answer(tuple(dict.fromkeys(boxes)), *key) for key, boxes in together.items())
        super().__init__(in_words(self.answers))


def text_of(words: Words) -> Text:
    """Return the words as a text in both languages."""
    english, chinese = words if isinstance(words, tuple) else (words, words)
    return Text(sendable(english), sendable(chinese))


def sendable(words: str) -> str:
    """Return the words as a plain str. A check may pass a subclass of str, and file names in a box may contain any
    bytes. A byte that is not part of a character becomes a question mark."""
    return str(words).encode(errors="replace").decode()


def in_words(answers: Iterable[Answer]) -> str:
    """Return all answers as lines: first in English, then, after ``[zh]``, in Chinese."""
    english, chinese = [], []
    for answer in answers:
        see = f" (`{answer.see}`)" if answer.see else ""
        boxes, boxes_zh = _of(", ".join(answer.boxes), ": "), _of("、".join(answer.boxes), "：")
        english.append(f"{boxes}expected {answer.expected.en}; found {answer.found.en}{see}")
        chinese.append(f"{boxes_zh}应为 {answer.expected.zh}；实际 {answer.found.zh}{see}")
    return "\n".join(english) + "\n[zh] " + "\n".join(chinese)


def _of(boxes: str, sign: str) -> str:
    return f"{boxes}{sign}" if boxes else ""


def every(names: Iterable[str], look: Callable[[str], object]) -> None:
    """Call ``look`` for each of these boxes in parallel and collect every unmet requirement. Raises AllUnmet if there
    are unmet requirements. If a call raises any other exception, that exception is raised instead of AllUnmet."""
    order = list(names)
    with Pool(max(1, len(order)), thread_name_prefix="look") as pool:
        looks = [pool.submit(look, name) for name in order]
    unmet: list[Unmet] = []
    for done in looks:
        fault = done.exception()
        if isinstance(fault, Unmet):
            unmet.append(fault)
        elif fault is not None:
            raise fault
    if unmet:
        raise AllUnmet(unmet)
