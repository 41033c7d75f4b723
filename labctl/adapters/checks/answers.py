"""How a check says what is wrong so that a learner learns from it: expected, found, how to see it, what to read."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from labctl.domain.text import Text
from labctl.domain.verdict import Answer
from labctl.pool import Pool

Words = str | tuple[str, str]
"""In both languages as (English, Chinese), or what is the same in both: a command's output, a value."""


class Unmet(AssertionError):  # noqa: N818  it is no error of the check's: what it says is the verdict
    """What is not as the task wants it on one box. ``expected`` and ``found`` are words; ``see`` is the command with
    which the learner can look, in that box; ``read`` the heading in the brief that explains it."""

    def __init__(self, box: str, *, expected: Words, found: Words, see: str = "", read: Words = "") -> None:
        boxes = (sendable(box),) if box else ()
        self.answers = (Answer(boxes, text_of(expected), text_of(found), sendable(see), text_of(read)),)
        super().__init__(in_words(self.answers))


class AllUnmet(AssertionError):  # noqa: N818  as above
    """Several of them, those that say the same of several boxes as one."""

    def __init__(self, unmet: Iterable[Unmet]) -> None:
        together: dict[tuple[Text, Text, str, Text], list[str]] = {}
        for fault in unmet:
            for answer in fault.answers:
                key = (answer.expected, answer.found, answer.see, answer.read)
                together.setdefault(key, []).extend(answer.boxes)
        self.answers = tuple(Answer(tuple(dict.fromkeys(boxes)), *key) for key, boxes in together.items())
        super().__init__(in_words(self.answers))


def text_of(words: Words) -> Text:
    """Words as a text in both languages."""
    english, chinese = words if isinstance(words, tuple) else (words, words)
    return Text(sendable(english), sendable(chinese))


def sendable(words: str) -> str:
    """As plain text: a check may well hand over a kind of str of its own, and names of files in a box hold any bytes;
    what is no character is a question mark."""
    return str(words).encode(errors="replace").decode()


def in_words(answers: Iterable[Answer]) -> str:
    """All of them as lines, first in English, then, after ``[zh]``, in Chinese."""
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
    """Look at each of these boxes, side by side, and tell of all of them what is not right. Raises AllUnmet; anything
    else that a look raises comes first."""
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
