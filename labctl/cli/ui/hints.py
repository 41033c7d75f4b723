"""The hint of an error, as text for a reader. The commands in a hint repeat the options of the command line. A command
that has just failed is omitted."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from labctl.cli.ui import advice
from labctl.cli.ui.hint_words import words_of
from labctl.cli.ui.wording import CommandLine, Way, Wording
from labctl.errors import (
    BuildError,
    ChecksError,
    EngineError,
    InvalidLabError,
    LabctlError,
    NotKeptError,
    StoreError,
)
from labctl.i18n import _

_OF_THE_SERVER = (EngineError, StoreError, NotKeptError, BuildError, ChecksError, InvalidLabError)
"""Errors of the server or of a lab, not of the reader."""

# The separators between two ways in a translation.
_BETWEEN = re.compile(r"，(?:或者用|或者|或|再|然后)? ?|；")


def hint_of(error: LabctlError) -> str:
    """Return the hint for the reader in the language in use, or an empty text. A learner at the gateway can't reach the
    engine, the store or a lab's files. So this learner reads a command of the gateway or ``tell your instructor``."""
    wording = _wording(error)
    if not advice.limited():
        return said(wording, error.values, "docker info" if isinstance(error, EngineError) else "") if wording else ""
    if wording is not None:
        return said(wording, error.values, _("tell your instructor"))
    return _("tell your instructor") if error.hint or isinstance(error, _OF_THE_SERVER) else ""


def _wording(error: LabctlError) -> Wording | None:
    if error.hint is None:
        return None
    wordings = advice.wordings() or words_of
    return wordings(error.hint, bool(error.values.get("near")))


def plain(error: LabctlError) -> str:
    """Return the hint in the language in use, without the options that the reader chose."""
    if error.hint is None:
        return ""
    wording = words_of(error.hint, bool(error.values.get("near")))
    return _(wording.text).format_map(error.values)


def said(wording: Wording, values: Mapping[str, object], otherwise: str = "") -> str:
    """Return the words for these values in the language in use, without the command that has just failed. Returns
    ``otherwise`` if no words are left."""
    pieces = pieces_of(wording)
    ways = wording.ways if len(pieces) == len(wording.ways) else (wording.whole,)
    both = list(zip(ways, pieces, strict=True))
    left = [(way, piece) for way, piece in both if not any(_has_failed(run, values) for run in way.runs)]
    if len(left) < len(both):
        return ", ".join(_completed(piece, way, values) for way, piece in left) or otherwise
    return _completed(_(wording.text), wording.whole, values)


def pieces_of(wording: Wording) -> Sequence[str]:
    """Return the templates of the ways in the language in use. Returns a single template if the translation joins the
    ways differently."""
    translated = _(wording.text)
    if translated == wording.text:
        return [way.text for way in wording.ways]
    found = _BETWEEN.split(translated)
    return found if len(found) == len(wording.ways) else [translated]


def _has_failed(run: CommandLine, values: Mapping[str, object]) -> bool:
    return not run.sudo and advice.has_failed(run.words.format_map(values).split())


def _completed(template: str, way: Way, values: Mapping[str, object]) -> str:
    """Return the template with its values, and each command with the options that it repeats."""
    done, left = "", template
    for run in way.runs:
        before, start, behind = left.partition(f"labctl {run.name}")
        if not start:
            break  # the translation writes the command differently
        name, space, more = run.name.format_map(values).partition(" ")
        head, tail = advice.around(name, f"{more}{run.rest.format_map(values)}".split())
        done += before + _literal(head + space + more)
        left = behind
        if tail and left.startswith(run.rest):
            done += run.rest + _literal(tail)
            left = left.removeprefix(run.rest)
    return (done + left).format_map(values)


def _literal(text: str) -> str:
    return text.replace("{", "{{").replace("}", "}}")
