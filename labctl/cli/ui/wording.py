"""The words of a hint: commands of labctl and remarks. This module has only data. ``labctl.cli.ui.hints`` makes the
text."""

from __future__ import annotations

from typing import NamedTuple


class CommandLine(NamedTuple):
    """A command of labctl. ``words`` is the template of the words after ``labctl``. If ``sudo`` is set, root must run
    the command."""

    words: str
    sudo: bool = False

    def __str__(self) -> str:
        return f"{'sudo ' if self.sudo else ''}labctl {self.words}"

    @property
    def name(self) -> str:
        """The first word. This word is never translated, and may be a placeholder for a value."""
        return self.words.partition(" ")[0]

    @property
    def rest(self) -> str:
        """The words after the first word, with the space before them."""
        return self.words.removeprefix(self.name)


class Between(str):
    """A separator between two ways. Each way can be shown without the other."""

    __slots__ = ()


COMMA = Between(", ")
OR = Between(", or ")
THEN = Between(", and then ")
AND = Between("; ")


class Way(tuple[CommandLine | str, ...]):
    """One remedy: commands and the text around them."""

    __slots__ = ()

    @property
    def text(self) -> str:
        """A template in English."""
        return "".join(map(str, self))

    @property
    def runs(self) -> tuple[CommandLine, ...]:
        """The commands of this way."""
        return tuple(part for part in self if isinstance(part, CommandLine))


class Wording:
    """The words of a hint: its ways, and one text that joins all ways."""

    def __init__(self, *parts: CommandLine | str) -> None:
        ways: list[list[CommandLine | str]] = [[]]
        for part in parts:
            if isinstance(part, Between):
                ways.append([])
            else:
                ways[-1].append(part)
        self.ways = tuple(map(Way, ways))
        self.whole = Way(parts)

    @property
    def text(self) -> str:
        """A template in English. It is the key of its translations."""
        return self.whole.text

    @property
    def runs(self) -> tuple[CommandLine, ...]:
        """All commands of the hint."""
        return self.whole.runs
