"""Commands that labctl advises: they repeat what the user chose, so that they work as they stand, and are never the
command that has just failed."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from contextvars import ContextVar

from labctl.cli.commands import COMMANDS

TAKE_LEARNER = frozenset(COMMANDS) - {
    "list", "new", "lint", "images", "test-lab", "cohort", "gateway", "doctor", "config", "completion",
}  # fmt: skip
"""The commands with --learner."""
TAKE_LAB = TAKE_LEARNER
"""The commands with --lab."""

_COMMAND = re.compile(rf"(?<![\w/.-])labctl (?P<name>{'|'.join(COMMANDS)})(?![\w-])(?P<rest>( [\w{{}}./:=-]+)*)")
# What stands between the commands of a hint, in both languages.
_BETWEEN = re.compile(r"(?:, (?:or |and then )?|; |，(?:或|再|然后)? ?|；)")


class _Chosen:
    """What stood on the command line. ``repeats``: whether advised commands repeat it; ``always``: the language that
    they repeat in any case."""

    def __init__(self, words: Sequence[str] = (), *, repeats: bool = False, always: str = "") -> None:
        self.words = tuple(words)
        self.repeats = repeats
        self.always = always
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


def begin(words: Sequence[str], *, repeats: bool, language: str = "") -> None:
    """A command line begins. ``repeats`` is False in the gateway: there labctl chose the options, and the learner at
    most the ``language``."""
    _chosen.set(_Chosen(words, repeats=repeats, always=language))


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


def hinted(hint: str, otherwise: str = "") -> str:
    """A hint without the very command that has just failed; ``otherwise`` where nothing else is left of it."""
    failed = _plain(_now().words)
    pieces = _BETWEEN.split(hint)
    left = [piece for piece in pieces if _command(piece) != failed]
    return advised(hint if left == pieces else ", ".join(left) or otherwise)


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
