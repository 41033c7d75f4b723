"""The passages of a brief that belong to a task."""

from __future__ import annotations

from collections.abc import Collection
from urllib.parse import unquote

from labctl.domain.lab.markdown import Heading, Outline, outline, plain


def passages(brief: str, task: str, read: Collection[str] = ()) -> list[str]:
    """Return the sections of a brief that belong to a task, as Markdown. The task's own section is first. The other
    sections follow in the brief's order: sections that the task's section links to, and sections with a heading in
    ``read`` (as checks write headings). The list is empty if the brief has no section for the task."""
    page = outline(brief)
    lines = brief.splitlines()
    own = next((heading for heading in page.headings if heading.task == task), None)
    if own is None:
        return []
    first, last = _extent(page, own, len(lines))
    anchors = page.anchors()
    targets = [target for line, target in page.links if first <= line <= last and target.startswith("#")]
    linked = [anchors[unquote(target[1:])] for target in targets if unquote(target[1:]) in anchors]
    named = {plain(heading) for heading in read}
    chosen = {heading.line for heading in page.headings if heading in linked or plain(heading.text) in named}
    found = ["\n".join(lines[first - 1 : last]).strip()]
    end = 0
    for heading in page.headings:
        start, stop = _extent(page, heading, len(lines))
        # Skip a section inside a passage that was already added.
        if heading.line in chosen and heading != own and start > end and not start <= first <= stop:
            found.append("\n".join(lines[start - 1 : stop]).strip())
            end = stop
    return found


def task_headings(brief: str) -> dict[str, str]:
    """Return the headings of all tasks' sections by task, as a check's ``read`` would name them: without backquotes and
    points. If a task has several sections, the first one counts."""
    return {heading.task: heading.label for heading in reversed(outline(brief).headings) if heading.task}


def _extent(page: Outline, heading: Heading, count: int) -> tuple[int, int]:
    """Return the first and the last line of the heading's section."""
    later = (other for other in page.headings if other.line > heading.line and other.level <= heading.level)
    following = next(later, None)
    return heading.line, following.line - 1 if following else count
