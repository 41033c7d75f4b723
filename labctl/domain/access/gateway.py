"""The commands that a learner of a cohort may give over SSH: ``ssh lab@server verify --lab firewall``.

The line is never passed to a shell or turned into a command line. This module splits it into words, and checks that
each word is allowed in its place. The facade carries out the resulting order, always for the learner who owns the key.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Collection, Sequence
from typing import Literal

import msgspec

from labctl.domain.access.tickets import Holder
from labctl.domain.classroom.cohort import Deed
from labctl.domain.lab.model import NAME_PATTERN
from labctl.domain.nearest import nearest
from labctl.domain.words import by_count, by_name
from labctl.errors import RefusedError, UsageError
from labctl.hints import Hint
from labctl.i18n import languages

Verb = Literal[
    "menu", "help", "list", "show", "up", "verify", "hint", "status", "history",
    "enter", "reset", "stop", "start", "put",
]  # fmt: skip

LONGEST = 4096
"""The most characters of a line."""

_NAME = re.compile(NAME_PATTERN, re.ASCII)
_NUMBER = re.compile(r"[1-9][0-9]{0,5}", re.ASCII)
_LONGEST_PATH = 1024
_MOST_WORDS = 64


class Order(msgspec.Struct, frozen=True):
    """A parsed line. ``names`` are boxes, or the one task of ``hint``. ``path`` is the target of ``put``."""

    verb: Verb
    names: tuple[str, ...] = ()
    lab: str = ""
    tasks: tuple[str, ...] = ()
    path: str = ""
    attempt: str = ""
    language: str = ""
    yes: bool = False
    json: bool = False
    values: bool = False


class Session(msgspec.Struct, frozen=True):
    """An order with its learner. ``terminal`` is TERM or empty; ``language`` is en or zh."""

    holder: Holder
    order: Order
    language: str
    terminal: str
    address: str


class Form(msgspec.Struct, frozen=True):
    """The form of a command. ``least`` and ``most`` limit the number of names. ``lab_first``: a lab may stand before
    the names. Every form with a ``deed`` also accepts --lab."""

    usage: str
    least: int = 0
    most: int = 0
    lab_first: bool = False
    options: frozenset[str] = frozenset()
    deed: Deed | None = None


FORMS: dict[Verb, Form] = {
    "menu": Form(""),
    "help": Form("help"),
    "list": Form("list"),
    "show": Form("show [LAB] [TASK] [--values]", 0, 1, lab_first=True, options=frozenset({"--values"}), deed="show"),
    "up": Form("up [LAB]", lab_first=True, deed="up"),
    "status": Form("status [LAB] [--json]", lab_first=True, options=frozenset({"--json"}), deed="status"),
    "enter": Form("enter [LAB] BOX", 1, 1, lab_first=True, deed="enter"),
    "put": Form("put [LAB] BOX:PATH < FILE", 1, 1, lab_first=True, deed="upload"),
    "verify": Form(
        "verify [LAB] [--task ID]... [--json]", lab_first=True, options=frozenset({"--task", "--json"}), deed="verify"
    ),
    "hint": Form("hint [LAB] TASK", 1, 1, lab_first=True, deed="hint"),
    "history": Form("history [LAB] [--attempt N]", lab_first=True, options=frozenset({"--attempt"}), deed="show"),
    "reset": Form("reset [LAB] [BOX]... [--yes]", 0, 16, options=frozenset({"--yes"}), deed="reset"),
    "stop": Form("stop [LAB] [BOX]...", 0, 16, deed="stop"),
    "start": Form("start [LAB] [BOX]...", 0, 16, deed="start"),
}
"""The commands, in the order in which ``help`` lists them."""

_FLAGS = {"--yes", "--json", "--values"}
_SHORT = {"-y": "--yes"}
_HELP = ("--help", "-h", "?")


def parse(line: str) -> Order:
    """Parse a line and return its order. Raises RefusedError for a command that learners may not give, UsageError for
    an incomplete command."""
    words = _words(line)
    if words and words[0] == "labctl":
        del words[0]
    language = _language(words)
    if not words:
        return Order("menu", language=language)
    first = "help" if words[0] in _HELP else words[0]
    verb = next((known for known in FORMS if known == first), None)
    if verb is None or verb == "menu":
        raise _unknown(first)
    order = _filled(verb, words[1:])
    return msgspec.structs.replace(order, language=language) if language else order


def _words(line: str) -> list[str]:
    """Split the line as a shell does, without any expansion."""
    if len(line) > LONGEST:
        raise RefusedError("the command is longer than {most} characters", hint=Hint.SEE_HELP, most=LONGEST)
    # This excludes control characters, characters that change the direction of writing, and broken UTF-8.
    if not line.isprintable():
        raise RefusedError("the command has characters that can't be printed", hint=Hint.SEE_HELP)
    try:
        words = shlex.split(line)
    except ValueError:
        raise RefusedError("a quotation mark in the command is not closed", hint=Hint.SEE_HELP) from None
    if len(words) > _MOST_WORDS:
        raise RefusedError("the command has more than {most} words", hint=Hint.SEE_HELP, most=_MOST_WORDS)
    return words


def _language(words: list[str]) -> str:
    """Remove ``--lang zh`` from the words and return its value. Return an empty text if the option is missing."""
    at = next((index for index, word in enumerate(words) if word.partition("=")[0] == "--lang"), None)
    if at is None:
        return ""
    option, equals, value = words.pop(at).partition("=")
    if not equals:
        value = words.pop(at) if at < len(words) else ""
    if value not in languages():
        raise UsageError("{option} must be one of {known}", option=option, known=", ".join(languages()))
    return value


def _filled(verb: Verb, words: list[str]) -> Order:
    form = FORMS[verb]
    plain: list[str] = []
    options: dict[str, list[str]] = {}
    while words:
        word = words.pop(0)
        if not word.startswith("-"):
            plain.append(word)
            continue
        name, equals, value = word.partition("=")
        name = _SHORT.get(name, name)
        known = name in form.options or (name == "--lab" and form.deed)
        if not known or (equals and name in _FLAGS):
            raise RefusedError(
                "{verb} has no option {option} here",
                hint=Hint.USAGE,
                verb=verb,
                option=name,
                usage=form.usage,
            )
        if name not in _FLAGS and not equals:
            if not words:
                raise _incomplete(verb)
            value = words.pop(0)
        options.setdefault(name, []).append(value)
    return _order(verb, plain, options)


def _order(verb: Verb, plain: list[str], options: dict[str, list[str]]) -> Order:
    form = FORMS[verb]
    labs = list(options.get("--lab", ()))
    if form.lab_first:
        word, rest = by_count(plain, form.most)
        labs += [word] if word else []
        plain = list(rest)
    if len(plain) < form.least:
        raise _incomplete(verb)
    attempts = options.get("--attempt", [])
    if len(plain) > form.most or len(set(labs)) > 1 or len(attempts) > 1:
        raise RefusedError("{verb} has too many arguments", hint=Hint.USAGE, verb=verb, usage=form.usage)
    path = ""
    if verb == "put":
        plain, path = _place(plain[0])
    tasks = options.get("--task", [])
    if verb == "show" and (labs or not plain):
        tasks, plain = plain, []  # otherwise in_cohort decides whether the word is a lab or a task
    for name in (*plain, *labs, *tasks):
        if not _NAME.fullmatch(name):
            raise RefusedError("{name} is not the name of a lab, a box or a task", hint=Hint.SEE_HELP, name=name)
    if attempts and not _NUMBER.fullmatch(attempts[0]):
        raise RefusedError(
            "{name} is not the number of an attempt", hint=Hint.USAGE, name=attempts[0], usage=form.usage
        )
    return Order(
        verb,
        names=tuple(plain),
        lab=next(iter(labs), ""),
        tasks=tuple(tasks),
        path=path,
        attempt="".join(attempts),
        yes="--yes" in options,
        json="--json" in options,
        values="--values" in options,
    )


def _place(word: str) -> tuple[list[str], str]:
    """Split ``master:/etc/hosts`` into box and path. The path is used only in the box: as one argument of an exec, and
    in a tar archive."""
    box, colon, path = word.partition(":")
    if not colon or not path:
        raise _incomplete("put")
    if len(path.encode()) > _LONGEST_PATH:
        raise RefusedError("the path is longer than {most} bytes", most=_LONGEST_PATH)
    if path.rstrip("/").rpartition("/")[2] in ("", ".", "..") or path.endswith("/"):
        raise UsageError("{path} does not name a file", hint=Hint.NAME_PATH, box=box, path=path)
    return [box], path


def _incomplete(verb: Verb) -> UsageError:
    return UsageError("{verb} needs more arguments", hint=Hint.USAGE, verb=verb, usage=FORMS[verb].usage)


def _unknown(word: str) -> RefusedError:
    near = nearest(word, [verb for verb in FORMS if verb != "menu"])
    return RefusedError("{word} can't be used here", hint=Hint.SEE_HELP, word=word[:200], near=near)


def in_cohort(order: Order, labs: Sequence[str], own: Callable[[], Collection[str]] | None = None) -> Order:
    """Complete an order for a cohort that has these labs, and return it.

    ``up`` without a lab means the only lab. A single word of ``show`` that is not the name of a lab is a task. If no
    word names a lab, one lab is meant, and ``own`` returns the boxes of that lab. The first word of ``stop``, ``start``
    and ``reset`` is the lab if it is in ``labs`` and not in ``own``. Raises RefusedError for a lab that is not in
    ``labs``, UsageError for ``up`` without a lab if the cohort does not have exactly one lab.
    """
    if order.verb in ("reset", "stop", "start") and own and not order.lab:
        lab, names = by_name(order.names, labs, own)
        order = msgspec.structs.replace(order, lab=lab, names=names)
    if order.verb == "show" and order.names:
        (word,) = order.names
        meant = {"lab": word} if word in labs or nearest(word, labs) else {"tasks": (word,)}
        order = msgspec.structs.replace(order, names=(), **meant)
    if order.lab and order.lab not in labs:
        raise RefusedError(
            "{lab} is not a lab of your class", hint=Hint.YOUR_LABS, lab=order.lab, known=", ".join(labs)
        )
    if order.verb == "up" and not order.lab:
        if len(labs) != 1:
            raise UsageError("which lab?", hint=Hint.YOUR_LABS, known=", ".join(labs))
        return msgspec.structs.replace(order, lab=labs[0])
    return order


def named(order: Order, labs: Collection[str], own: Callable[[], Collection[str]]) -> tuple[str, tuple[str, ...]]:
    """Return lab and boxes of ``stop``, ``start`` and ``reset``. The first word of these commands may be the lab. If no
    word names a lab, one lab is meant, and ``own`` returns the boxes of that lab. Raises UsageError if two labs are
    named."""
    word, names = by_name(order.names, labs, own)
    if word and order.lab and word != order.lab:
        raise UsageError(
            "the command names two labs: {word} and {option}",
            hint=Hint.ONE_LAB,
            word=word,
            option=order.lab,
            command=order.verb,
        )
    return word or order.lab, names


def offers(words: Sequence[str]) -> bool:
    """Return whether the gateway accepts a command with these options. ``words`` are the words after ``labctl``."""
    if not words or words[0] not in FORMS:
        return False
    form = FORMS[next(verb for verb in FORMS if verb == words[0])]
    options = {word.partition("=")[0] for word in words[1:] if word.startswith("-")}
    known = form.options | {"--lang"} | ({"--lab"} if form.deed else set())
    return {_SHORT.get(option, option) for option in options} <= known


def typed(order: Order) -> list[str]:
    """Return the words that a learner can type at the gateway to give the same order. The language is omitted."""
    words: list[str] = [order.verb]
    words += [f"--lab={order.lab}"] if order.lab else []
    words += [f"--task={task}" for task in order.tasks] if order.verb == "verify" else list(order.tasks)
    words += [f"--attempt={order.attempt}"] if order.attempt else []
    words += ["--yes"] if order.yes else []
    words += ["--json"] if order.json else []
    words += ["--values"] if order.values else []
    return [*words, *(f"{name}:{order.path}" if order.path else name for name in order.names)]


def said(order: Order) -> str:
    """Return the order in one line, for the log and for the instructor."""
    place = [f"{name}:{order.path}" for name in order.names] if order.path else list(order.names)
    options = [order.lab, *order.tasks, f"#{order.attempt}" if order.attempt else "", "--yes" if order.yes else ""]
    return " ".join([order.verb, *place, *filter(None, options)])
