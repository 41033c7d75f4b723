"""Commands that labctl advises: they repeat what the user chose, so that they work as they stand, and are never the
command that has just failed."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Sequence
from contextvars import ContextVar

from labctl.cli.commands import COMMANDS

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
# What stands between the commands of a hint, in both languages.
_BETWEEN = re.compile(r"(?:, (?:or |and then )?|; |，(?:或|再|然后)? ?|；)")

Offers = Callable[[Sequence[str]], bool]
"""Whether somebody who has no command line can say these words, which would stand behind ``labctl``."""


class _Chosen:
    """What stood on the command line. ``repeats``: whether advised commands repeat it; ``always``: the language that
    they repeat in any case; ``offers``: which commands there are, where these are not all."""

    def __init__(
        self, words: Sequence[str] = (), *, repeats: bool = False, always: str = "", offers: Offers | None = None
    ) -> None:
        self.words = tuple(words)
        self.repeats = repeats
        self.always = always
        self.offers = offers
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


def begin_with(words: Sequence[str], offers: Offers, language: str = "") -> None:
    """Somebody who has no command line says something: a learner at the gateway. No advised command is another one
    than these ``offers``, and it repeats nothing but the ``language`` that was chosen in so many words."""
    _chosen.set(_Chosen(words, always=language, offers=offers))


def limited() -> bool:
    """Whether the reader has not all commands."""
    return _now().offers is not None


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
    """The command line as it was typed."""
    return shlex.join(["labctl", *_now().words])


def advised(text: str) -> str:
    """The text, in which each ``labctl COMMAND`` repeats --lang, --catalog, --lab and --learner where the user gave
    them and the command takes them."""
    chosen = _now()
    if not chosen.repeats:
        return _COMMAND.sub(lambda found: f"{found[0]} --lang {chosen.always}", text) if chosen.always else text
    first = [f"--lang {chosen.language}"] if chosen.language else []
    first += [f"--catalog {shlex.quote(folder)}" for folder in chosen.catalogs]

    def repeated(found: re.Match[str]) -> str:
        name, rest = found["name"], found["rest"]
        words = rest.split()
        then = []
        if chosen.lab and name in TAKE_LAB and chosen.lab not in words and "--lab" not in words:
            then.append(f"--lab {chosen.lab}")
        if chosen.learner and name in TAKE_LEARNER and "--learner" not in words:
            then.append(f"--learner {shlex.quote(chosen.learner)}")
        return " ".join(["labctl", *first, name, *then]) + rest

    return _COMMAND.sub(repeated, text)


def hinted(hint: str, otherwise: str = "", *, ours: bool = True) -> str:
    """A hint without the very command that has just failed; ``otherwise`` where nothing else is left of it. Where not
    every command is offered: of a hint that names another one, or that is not for the reader (``ours``), only what
    names an offered one; ``otherwise`` where there is no such piece."""
    failed = _plain(_now().words)
    pieces = _BETWEEN.split(hint)
    left = [piece for piece in pieces if _command(piece) != failed]
    if _now().offers and (not ours or _foreign(hint)):
        left = [piece for piece in left if _SAID.search(piece) and not _foreign(piece)]
        return advised(", ".join(left) or otherwise)
    return advised(hint if left == pieces else ", ".join(left) or otherwise)


def sayable(text: str) -> str:
    """A line that may end with a colon and a command; without the two where the reader can't say it."""
    head, colon, command = text.rpartition(": ") if ": " in text else text.rpartition("：")
    return head if colon and limited() and _foreign(command) else text


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
