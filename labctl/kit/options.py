"""Options of a program, with the place of each value: a file and a line, or the command line."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from labctl.kit.answers import Pair
from labctl.kit.unit_files import SourcedWord

OptionKey = str | tuple[str, ...]
"""The name of an option, or, for an option in a block, the names of the blocks and then of the option."""


class ConfigTexts(Protocol):
    """The files that a parser reads."""

    def text(self, path: str) -> str | None:
        """Return the text of a file, or None if there is no such file."""

    def matching(self, pattern: str) -> list[str]:
        """Return the files that a pattern of the shell matches, in their order."""


class ConfigOption(NamedTuple):
    """One option where it was found. ``block`` are the names of the blocks or the section around it. ``line`` is 0 for
    a word of a command line."""

    name: str
    value: str
    path: str = ""
    line: int = 0
    block: tuple[str, ...] = ()

    @property
    def key(self) -> OptionKey:
        """The key in ConfigOptions."""
        return (*self.block, self.name) if self.block else self.name

    @property
    def where(self) -> Pair:
        """The place in words."""
        if not self.line:
            return self.path or "the command line", self.path or "命令行"
        return f"line {self.line} of {self.path}", f"{self.path} 第 {self.line} 行"

    @property
    def words(self) -> Pair:
        """The option with its value and its place in words."""
        shown = f"{self.name} {self.value or '(empty)'}", f"{self.name} {self.value or '（空）'}"
        return f"{shown[0]} ({self.where[0]})", f"{shown[1]}（{self.where[1]}）"


class ConfigOptions(Mapping[OptionKey, ConfigOption]):
    """Options by key. If an option occurs several times, the mapping has the one that counts: the last, or the first of
    a program that keeps the first. ``all`` returns every one."""

    def __init__(self, found: Iterable[ConfigOption], *, first_wins: bool = False) -> None:
        self.found = tuple(found)
        self._by_key: dict[OptionKey, list[ConfigOption]] = {}
        for one in self.found:
            self._by_key.setdefault(one.key, []).append(one)
        self._counts = 0 if first_wins else -1

    def __getitem__(self, key: OptionKey) -> ConfigOption:
        return self._by_key[key][self._counts]

    def __iter__(self) -> Iterator[OptionKey]:
        return iter(self._by_key)

    def __len__(self) -> int:
        return len(self._by_key)

    def all(self, key: OptionKey) -> list[ConfigOption]:
        """Return every occurrence, in the order in which the program reads them."""
        return list(self._by_key.get(key, ()))

    def value(self, key: OptionKey, default: str = "") -> str:
        """Return the value that counts, or the default."""
        return self[key].value if key in self else default

    def among(self, name: str, *blocks: str) -> ConfigOption | None:
        """Return the option that counts among several sections, such as [server], [mysqld] and [mariadb]. An option
        outside of all blocks, such as one on the command line, counts as well."""
        found = [
            one for one in self.found if one.name == name and (not one.block or one.block in {(b,) for b in blocks})
        ]
        return found[self._counts] if found else None


@dataclass(frozen=True)
class ConfigFormat:
    """How a program reads its configuration. ``path`` is its usual file. ``parse`` reads a file with all that the file
    includes. ``words`` reads the program's arguments and returns a path that replaces ``path``, or an empty text, and
    the options of the command line."""

    path: str
    parse: Callable[[ConfigTexts, str], list[ConfigOption]]
    words: Callable[[Sequence[SourcedWord]], tuple[str, list[ConfigOption]]]
    first_wins: bool = False

    def options(self, texts: ConfigTexts, words: Sequence[SourcedWord] = (), path: str = "") -> ConfigOptions:
        """Return the options in force for a program with these arguments."""
        given, arguments = self.words(words)
        file = self.parse(texts, path or given or self.path)
        found = [*arguments, *file] if self.first_wins else [*file, *arguments]
        return ConfigOptions(found, first_wins=self.first_wins)


class OneText:
    """Implements ConfigTexts for a single text."""

    def __init__(self, text: str) -> None:
        self._text = text

    def text(self, path: str) -> str | None:  # noqa: ARG002  there is one text
        """Return the text."""
        return self._text

    def matching(self, pattern: str) -> list[str]:  # noqa: ARG002  as above
        """There are no other files."""
        return []


def plain_words(words: Sequence[SourcedWord]) -> tuple[str, list[ConfigOption]]:
    """Read ``--name=value``, ``--name value``, ``-n value`` and ``--name``. A word that is no option and no value has
    the name "" and is kept, too."""
    found: list[ConfigOption] = []
    for word in words:
        if re.fullmatch("--?[A-Za-z].*", word.text, re.DOTALL):
            name, _, value = word.text.lstrip("-").partition("=")
            found.append(ConfigOption(name, value, word.path, word.line))
        elif found and found[-1].name and not found[-1].value:
            found[-1] = found[-1]._replace(value=word.text)
        else:
            found.append(ConfigOption("", word.text, word.path, word.line))
    return "", found


def no_file(_texts: ConfigTexts, _path: str) -> list[ConfigOption]:
    """The parser for a program without a configuration file."""
    return []


PLAIN = ConfigFormat("", no_file, plain_words)
"""Any program's arguments, without a file."""
