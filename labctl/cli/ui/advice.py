"""Commands that labctl advises: they repeat what the user chose, so that they work as they stand, and are never the
command that has just failed."""

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
# Behind ``labctl``, as far as it is a command: ``…`` stands for any.
_SAID = re.compile(r"(?<![\w/.-])labctl(?!-)((?: (?!…)[\w{}./:=<>-]+)+)", re.ASCII)
# Other programs that hints name, which are no learner's.
_PROGRAM = re.compile(r"(?<![\w/.-])(?:docker|sudo|apt-get|pip|psql|fuser|sysctl|ssh-keygen|systemctl) ")
# What stands between the commands of a remedy, in both languages.
_BETWEEN = re.compile(r"(?:, (?:or |and then )?|; |，(?:或|再|然后)? ?|；)")

_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")

Offers = Callable[[Sequence[str]], bool]
"""Whether somebody who has no command line can say these words, which would stand behind ``labctl``."""
Wordings = Callable[["Hint", bool], "Wording | None"]
"""How a front end words a hint; None if it has no words for it. The second: whether the value ``near`` isn't empty."""


class _Chosen:
    """What stood on the command line. ``repeats``: whether advised commands repeat it; ``always``: the language that
    they repeat in any case; ``offers``: which commands there are, where these are not all; ``wordings``: how hints are
    said then."""

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
    """A command line begins."""
    _chosen.set(_Chosen(words, repeats=True))


def begin_with(words: Sequence[str], offers: Offers, wordings: Wordings, language: str = "") -> None:
    """Somebody who has no command line says something: a learner at the gateway. Advised commands are among those that
    it ``offers``, hints have its ``wordings``, and both repeat nothing but the ``language`` that was chosen
    in so many words."""
    _chosen.set(_Chosen(words, always=language, offers=offers, wordings=wordings))


def limited() -> bool:
    """Whether the reader has not all commands."""
    return _now().offers is not None


def wordings() -> Wordings | None:
    """How hints are said to a reader who has not all commands; None for the command line's own wordings."""
    return _now().wordings


def offered(*words: str) -> bool:
    """Whether the reader can say this behind ``labctl``."""
    offers = _now().offers
    return offers is None or offers(words)


def choose(*, language: str = "", catalogs: Sequence[str] = (), learner: str = "", lab: str | None = "") -> None:
    """What was chosen in so many words: a setting or a default works for the next command as well. ``lab`` None: none
    after all."""
    chosen = _now()
    chosen.language = language or chosen.language
    chosen.catalogs = tuple(catalogs) or chosen.catalogs
    chosen.learner = learner or chosen.learner
    chosen.lab = "" if lab is None else lab or chosen.lab


def typed() -> str:
    """What was typed behind ``labctl``."""
    return shlex.join(_now().words)


def _behind() -> str:
    return f" --lang {_now().always}" if _now().always else ""


def advised(text: str) -> str:
    """The text, in which each ``labctl COMMAND`` repeats --lang, --catalog, --lab and --learner where the user gave
    them and the command takes them."""

    def repeated(found: re.Match[str]) -> str:
        head, tail = around(found["name"], found["rest"].split())
        return head + found["rest"] + tail

    return _COMMAND.sub(repeated, text)


def around(name: str, words: Sequence[str]) -> tuple[str, str]:
    """What stands before the ``words`` of the command of that name, and what behind them: ``labctl``, the name, and
    the options that the command repeats."""
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
    """Whether the words behind ``labctl`` are the command that has just failed."""
    return _plain(words) == _plain(_now().words)


def hinted(remedy: str) -> str:
    """The remedy of a finding, as a text, without the very command that was typed."""
    pieces = _BETWEEN.split(remedy)
    left = [piece for piece in pieces if _command(piece) != _plain(_now().words)]
    return advised(remedy if left == pieces else ", ".join(left))


def sayable(text: str) -> str:
    """A line that may end with a colon and a command; without the two where the reader can't say it."""
    head, colon, command = text.rpartition(": ") if ": " in text else text.rpartition("：")
    return head if colon and limited() and _foreign(command) else text


def sayable_page(page: str) -> str:
    """A page of Markdown. In its fenced code, the lines are left out that are commands of labctl which the reader can't
    say; what stands behind a ``#`` explains them."""
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
    """Whether a piece of a hint names a command that the reader can't say."""
    return bool(_PROGRAM.search(piece)) or not all(offered(*found[1].split()) for found in _SAID.finditer(piece))


def _command(piece: str) -> list[str] | None:
    """The words of the labctl command that ends the piece, if there is one that is run as this user."""
    before, found, command = piece.strip().rpartition("labctl ")
    return _plain(command.split()) if found and not before.endswith("sudo ") else None


def _plain(words: Sequence[str]) -> list[str]:
    """The words without the options that ``advised`` adds."""
    left, waiting = [], False
    for word in words:
        if waiting or word.partition("=")[0] in ("--lang", "--catalog", "--learner", "--lab"):
            waiting = not waiting and "=" not in word
            continue
        left.append(word)
    return left
