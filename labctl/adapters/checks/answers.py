"""Turn the kit's faults into the answers of a verdict."""

from __future__ import annotations

from collections.abc import Iterable

from labctl.domain.text import Text
from labctl.domain.verdict import Answer
from labctl.kit.answers import Fault, in_words


def with_title(faults: Iterable[Fault], title: str) -> tuple[Fault, ...]:
    """Return the faults with the check's title as ``expected`` where a fault has none. The second line of a title
    begins with ``zh:``."""
    english, _, rest = title.partition("\n")
    chinese = rest.removeprefix("zh:").removeprefix("[zh]").strip() or english
    return tuple(fault if fault.expected[0] else fault._replace(expected=(english, chinese)) for fault in faults)


def answer_of(fault: Fault) -> Answer:
    """Return the fault as an answer."""
    return Answer(fault.boxes, Text(*fault.expected), Text(*fault.found), fault.see, Text(*fault.read))


__all__ = ["answer_of", "in_words", "with_title"]
