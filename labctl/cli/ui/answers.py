"""Messages of checks that did not pass, for a learner on the terminal and as plain lines in a report."""

from __future__ import annotations

import click
import msgspec

from labctl.cli.ui import advice
from labctl.cli.ui.wrap import cells, wrap
from labctl.domain.text import visible
from labctl.domain.verdict import Answer, CheckResult, Verdict
from labctl.i18n import _, language, listed, side

_MOST_LINES = 8
_MOST_LETTERS = 800
_COLOURS = {"found": "yellow"}


def print_check(check: CheckResult, told: dict[Answer, str], author: bool = False) -> None:
    """Print a check's title and its answers or message. ``told`` has the answers that were printed before, with their
    tasks. One cause can make many checks fail, so each answer is printed in full only once. With ``author``, print the
    check's name and source too."""
    heading = visible(side(check.title))
    if author:
        heading = f"{heading or check.name} [{check.name}, {check.source}]"
    if heading:
        click.echo(f"    {wrap(heading, 4)}")
    if check.answers:
        for answer in check.answers:
            words = msgspec.structs.replace(answer, boxes=())
            if words in told:
                _print_again(answer, "" if told[words] == check.task else told[words])
            else:
                told[words] = check.task
                _print_answer(answer)
        return
    label = _("could not be checked: ") if check.verdict is Verdict.ERROR else ""
    for index, line in enumerate(visible(side(check.message)).splitlines()):
        text = wrap(f"{label if index == 0 else ''}{advice.sayable(line)}", 6)
        click.echo(click.style(f"      {text}", fg="yellow"))


def _print_answer(answer: Answer) -> None:
    if answer.boxes:
        click.echo(f"      {click.style(wrap(_boxes(answer), 6), bold=True)}")
    width = max(cells(label) for _key, label, _text in _fields(answer)) + 2
    for key, label, text in _fields(answer):
        indent = 8 + width
        # A command (``see``) is never wrapped, so that a learner can copy it.
        shown = [_styled(key, line if key == "see" else wrap(line, indent)) for line in _few(text)]
        first, *others = shown
        click.echo(f"        {click.style(label, dim=True)}{' ' * (width - cells(label))}{first}")
        for line in others:
            click.echo(f"{' ' * indent}{line}")


def _print_again(answer: Answer, task: str) -> None:
    """Print that the answer is the same as above or as under another task."""
    text = _("the same as under {task}").format(task=task) if task else _("the same as above")
    boxes = f"{_boxes(answer)}{_(': ')}" if answer.boxes else ""
    click.echo(f"      {click.style(wrap(boxes + text, 6), dim=True)}")


def _styled(key: str, text: str) -> str:
    return click.style(text, fg=_COLOURS.get(key), bold=key == "see")


def _boxes(answer: Answer) -> str:
    return listed(map(visible, answer.boxes))


def _fields(answer: Answer) -> list[tuple[str, str, str]]:
    """Return name, label and text of each part that is not empty."""
    chosen = language()
    read = _("“{heading}” in labctl show").format(heading=answer.read.in_(chosen)) if answer.read.in_(chosen) else ""
    parts = (
        ("expected", _("expected"), answer.expected.in_(chosen)),
        ("found", _("found"), answer.found.in_(chosen) or _("nothing")),
        ("see", _("look"), answer.see),
        ("read", _("read"), read),
    )
    return [(key, label, visible(text).strip().expandtabs(4)) for key, label, text in parts if text.strip()]


def _few(text: str) -> list[str]:
    """Return the first lines of a text that may be a command's whole output. The number is limited, so that the screen
    has room for other lines."""
    short = text if len(text) <= _MOST_LETTERS else f"{text[:_MOST_LETTERS]} …"
    lines = short.splitlines() or [""]
    if len(lines) <= _MOST_LINES:
        return lines
    more = _("… and {n} more lines").format(n=len(text.splitlines()) - _MOST_LINES + 1)
    return [*lines[: _MOST_LINES - 1], more]


def plain_lines(check: CheckResult) -> list[str]:
    """Return the check's complete message in the language in use, without wrapping."""
    if not check.answers:
        return side(check.message).splitlines()
    lines = []
    for answer in check.answers:
        boxes = [_boxes(answer)] if answer.boxes else []
        lines += [*boxes, *(f"  {label}: {text}" for _key, label, text in _fields(answer))]
    return lines
