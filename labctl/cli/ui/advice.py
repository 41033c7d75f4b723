"""Commands that labctl advises. An advised command repeats the options that the user chose, so the user can copy it
unchanged. labctl never advises the command that has just failed."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Sequence
from contextvars import ContextVar
from typing import TYPE_CHECKING

from labctl.cli.commands import COMMANDS

if TYPE_CHECKING:
    from labctl.cli.ui.wording import Wording
    from labctl.hints import Hint

TAKE_LEARNER = frozenset(COMMANDS) - {
    "list", "new", "lint", "images", "test-lab", "cohort", "gateway", "doctor", "config", "completion",
}  # fmt: skip
"""The commands with --learner."""
TAKE_LAB = TAKE_LEARNER
"""The commands with --lab."""

_COMMAND = re.compile(rf"(?<![\w/.-])labctl (?P<name>{'|'.join(COMMANDS)})(?![\w-])(?P<rest>( [\w{{}}./:=-]+)*)")
# The words of a command after ``labctl``. ``…`` means any command.
_SAID = re.compile(r"(?<![\w/.-])labctl(?!-)((?: (?!…)[\w{}./:=<>-]+)+)", re.ASCII)
# Other programs in hints, which learners can't run.
_PROGRAM = re.compile(r"(?<![\w/.-])(?:docker|sudo|apt-get|pip|psql|fuser|sysctl|ssh-keygen|systemctl) ")
# The separators between the commands of a remedy, in both languages.
_BETWEEN = re.compile(r"(?:, (?:or |and then )?|; |，(?:或|再|然后)? ?|；)")

_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")

Offers = Callable[[Sequence[str]], bool]
"""Returns whether a reader without the command line can use these words after ``labctl``."""
Wordings = Callable[["Hint", bool], "Wording | None"]
"""Returns a front end's words for a hint, or None if the front end has no words for it. The second argument says
whether the value ``near`` isn't empty."""


class _Chosen:
    """The options of the current command line. ``repeats`` says whether advised commands repeat these options.
    ``always`` is a language that advised commands repeat in any case. ``offers`` decides which commands the reader has,
    and is None if the reader has all commands. ``wordings`` gives the words of hints for this reader."""

    def __init__(
        self,
        words: Sequence[str] = (),
        *,
        repeats: bool = False,
        always: str = "",
        offers: Offers | None = None,
        wordings: Wordings | None = None,
    ) -> None:
        self.words = tuple(words)
        self.repeats = repeats
        self.always = always
        self.offers = offers
        self.wordings = wordings
        self.language = ""
        self.catalogs: tuple[str, ...] = ()
        self.learner = ""
        self.lab = ""


_chosen: ContextVar[_Chosen] = ContextVar("chosen")


def _now() -> _Chosen:
    try:
        return _chosen.get()
    except LookupError:
        _chosen.set(_Chosen())
        return _chosen.get()


def begin(words: Sequence[str]) -> None:
    """Begin a command line."""
    _chosen.set(_Chosen(words, repeats=True))


def begin_with(words: Sequence[str], offers: Offers, wordings: Wordings, language: str = "") -> None:
    """Begin an order of a learner at the gateway, who has no command line. labctl advises only commands that the
    gateway ``offers``, and takes the words of hints from ``wordings``. Advised commands repeat only the ``language``,
    and only if the learner named it explicitly."""
    _chosen.set(_Chosen(words, always=language, offers=offers, wordings=wordings))


def limited() -> bool:
    """Return whether the reader lacks some commands."""
    return _now().offers is not None


def wordings() -> Wordings | None:
    """Return the words of hints for a reader who lacks some commands, or None for the command line's own words."""
    return _now().wordings


def offered(*words: str) -> bool:
    """Return whether the reader can use these words after ``labctl``."""
    offers = _now().offers
    return offers is None or offers(words)


def choose(*, language: str = "", catalogs: Sequence[str] = (), learner: str = "", lab: str | None = "") -> None:
    """Record options that were given explicitly. Settings and defaults need no record, because they also apply to the
    next command. If ``lab`` is None, the recorded lab is removed."""
    chosen = _now()
    chosen.language = language or chosen.language
    chosen.catalogs = tuple(catalogs) or chosen.catalogs
    chosen.learner = learner or chosen.learner
    chosen.lab = "" if lab is None else lab or chosen.lab


def typed() -> str:
    """Return the words after ``labctl``, quoted for a shell."""
    return shlex.join(_now().words)


def _behind() -> str:
    return f" --lang {_now().always}" if _now().always else ""


def advised(text: str) -> str:
    """Return the text with options added to each ``labctl COMMAND``. The options are --lang, --catalog, --lab and
    --learner, if the user gave these options and the command accepts them."""

    def repeated(found: re.Match[str]) -> str:
        head, tail = around(found["name"], found["rest"].split())
        return head + found["rest"] + tail

    return _COMMAND.sub(repeated, text)


def around(name: str, words: Sequence[str]) -> tuple[str, str]:
    """Return the texts that stand before and after the ``words`` of this command. The texts contain ``labctl``, the
    command's name, and the options that the advised command must repeat."""
    chosen = _now()
    if not chosen.repeats or name not in COMMANDS:
        return f"labctl {name}", _behind()
    given = {word.partition("=")[0] for word in words}
    head = ["labctl"]
    head += [f"--lang {chosen.language}"] if chosen.language and "--lang" not in given else []
    head += [f"--catalog {shlex.quote(folder)}" for folder in chosen.catalogs]
    head.append(name)
    if chosen.lab and name in TAKE_LAB and chosen.lab not in words and "--lab" not in given:
        head.append(f"--lab {chosen.lab}")
    if chosen.learner and name in TAKE_LEARNER and "--learner" not in given:
        head.append(f"--learner {shlex.quote(chosen.learner)}")
    return " ".join(head), ""


def has_failed(words: Sequence[str]) -> bool:
    """Return whether these words after ``labctl`` are the command that has just failed."""
    return _plain(words) == _plain(_now().words)


def hinted(remedy: str) -> str:
    """Return the remedy of a finding, without the command that the user has just typed."""
    pieces = _BETWEEN.split(remedy)
    left = [piece for piece in pieces if _command(piece) != _plain(_now().words)]
    return advised(remedy if left == pieces else ", ".join(left))


def sayable(text: str) -> str:
    """Return the line. If the line ends with a colon and a command that the reader doesn't have, the colon and the
    command are removed."""
    head, colon, command = text.rpartition(": ") if ": " in text else text.rpartition("：")
    return head if colon and limited() and _foreign(command) else text


def sayable_page(page: str) -> str:
    """Return a page of Markdown for the reader. In fenced code, lines with a command of labctl that the reader doesn't
    have are removed. A command after a ``#`` doesn't count, because it is in a comment."""
    if not limited():
        return page
    fence, left = "", []
    for line in page.split("\n"):
        marks = _FENCE.match(line)
        if marks and not fence:
            fence = marks[1]
        elif marks and line.strip().startswith(fence):
            fence = ""
        elif fence and line.lstrip().startswith("labctl ") and _foreign(line.partition("#")[0]):
            continue
        left.append(line)
    return "\n".join(left)


def _foreign(piece: str) -> bool:
    """Return whether a piece of a hint names a command that the reader doesn't have."""
    return bool(_PROGRAM.search(piece)) or not all(offered(*found[1].split()) for found in _SAID.finditer(piece))


def _command(piece: str) -> list[str] | None:
    """Return the words of the labctl command at the end of the piece, or None. A command with sudo doesn't count."""
    before, found, command = piece.strip().rpartition("labctl ")
    return _plain(command.split()) if found and not before.endswith("sudo ") else None


def _plain(words: Sequence[str]) -> list[str]:
    """Return the words without the options that ``advised`` adds."""
    left, waiting = [], False
    for word in words:
        if waiting or word.partition("=")[0] in ("--lang", "--catalog", "--learner", "--lab"):
            waiting = not waiting and "=" not in word
            continue
        left.append(word)
    return left
