"""What a hint says: commands of labctl, and remarks. This is data; ``labctl.cli.ui.hints`` makes sentences of it."""

from __future__ import annotations

from typing import NamedTuple


class CommandLine(NamedTuple):
    """A command: ``words`` is a template of what stands behind ``labctl``. ``sudo``: it is run as root."""

    words: str
    sudo: bool = False

    def __str__(self) -> str:
        return f"{'sudo ' if self.sudo else ''}labctl {self.words}"

    @property
    def name(self) -> str:
        """The first word, which translations keep as it is. It may stand for a value."""
        return self.words.partition(" ")[0]

    @property
    def rest(self) -> str:
        """What follows the first word, with the space before it."""
        return self.words.removeprefix(self.name)


class Between(str):
    """What stands between two ways out. Each of them can go without the other."""

    __slots__ = ()


COMMA = Between(", ")
OR = Between(", or ")
THEN = Between(", and then ")
AND = Between("; ")


class Way(tuple[CommandLine | str, ...]):
    """One thing to do: commands, and text around them."""

    __slots__ = ()

    @property
    def text(self) -> str:
        """A template in English."""
        return "".join(map(str, self))

    @property
    def runs(self) -> tuple[CommandLine, ...]:
        """The commands."""
        return tuple(part for part in self if isinstance(part, CommandLine))


class Wording:
    """A hint's words: the ways out, and all of them together as one way."""

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
        """A template in English, the key of its translations."""
        return self.whole.text

    @property
    def runs(self) -> tuple[CommandLine, ...]:
        """All commands."""
        return self.whole.runs
