"""One tree of errors. Each says what happened and why (message), and what can help (hint).

A message is an English template that is also the key of its Chinese translation, so the values go beside it:
``LabctlError("no box {box} in {lab}", box=…, lab=…)``. A hint is a code, for the same values: each front end words it
for its readers. The command line translates, prints and exits with ``exit_code``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import IntEnum
from typing import Any, ClassVar, Protocol

from labctl.hints import Hint


class Exit(IntEnum):
    """Exit codes of the command line (DESIGN section 7)."""

    OK = 0
    CHECKS_FAILED = 1
    USAGE = 2
    INVALID_LAB = 3
    ENGINE_UNAVAILABLE = 4
    BUILD_FAILED = 5
    CHECKS_ERROR = 6
    REFUSED = 7
    INTERRUPTED = 130


class Phrase:
    """A text within the text of an error: an English template that is the key of its translation, and its values, of
    which some may be phrases too. As a string it is English."""

    def __init__(self, text: str, /, **values: Any) -> None:
        self.text = text
        self.values = values

    def __str__(self) -> str:
        return self.text.format_map(self.values)


class Phrases(tuple[Phrase, ...]):
    """Phrases one after the other, which each language separates in its own way."""

    __slots__ = ()

    def __str__(self) -> str:
        return ", ".join(map(str, self))


class LabctlError(Exception):
    """The root. ``message`` is a template for ``values``; ``hint`` is a code that needs some of them; ``detail`` is
    text that is shown as it is."""

    exit_code: ClassVar[Exit] = Exit.USAGE

    def __init__(self, message: str, /, *, hint: Hint | None = None, detail: str = "", **values: Any) -> None:
        super().__init__(message, hint, values)
        self.message = message
        self.hint = hint
        self.detail = detail
        self.values = values

    def __str__(self) -> str:
        return self.message.format_map(self.values)


class UsageError(LabctlError):
    """What was typed names something that isn't there, or can't be done now."""

    exit_code = Exit.USAGE


class InvalidLabError(LabctlError):
    """A file of the catalog is wrong. Values: ``file``, and ``path`` in it."""

    exit_code = Exit.INVALID_LAB


class EngineError(LabctlError):
    """The Docker engine can't be reached, or answered with an error."""

    exit_code = Exit.ENGINE_UNAVAILABLE


class ApiVersionError(EngineError):
    """The Docker engine supports none of the API versions that labctl speaks."""


class NameTakenError(EngineError):
    """A container of that name exists, and it isn't labctl's."""


class KeeperGoneError(EngineError):
    """The keeper ended or was replaced while it was listened to."""


class BuildError(LabctlError):
    """An image can't be built, or a play failed."""

    exit_code = Exit.BUILD_FAILED


class ChecksError(LabctlError):
    """Checks could not run."""

    exit_code = Exit.CHECKS_ERROR


class StoreError(LabctlError):
    """The store can't be used: away, locked, full, or not a store at all."""


class NotKeptError(LabctlError):
    """Checks gave a verdict, and the store could not keep it."""

    exit_code = Exit.CHECKS_ERROR


class RefusedError(LabctlError):
    """A limit or a rule says no."""

    exit_code = Exit.REFUSED


class TooLargeError(RefusedError):
    """A box holds more than may be copied. Values: ``box``, its ``size`` and the ``most`` that it may hold, its
    ``largest`` file and that one's ``length``, all as text; ``whole`` is false where it holds too many files to
    count."""


class FaultAt(Protocol):
    """What is wrong at a place of a file: ``domain.classroom.roster.RosterFault``."""

    @property
    def line(self) -> int:
        """From 1."""

    @property
    def column(self) -> int:
        """Of characters, from 1."""

    @property
    def field(self) -> str:
        """The header of the column."""

    @property
    def what(self) -> str:
        """A template for ``values``."""

    @property
    def remedy(self) -> str:
        """A template for ``values``."""

    @property
    def values(self) -> Mapping[str, str]:
        """What the templates name."""


class RosterError(LabctlError):
    """A roster is wrong. ``faults``: all that is wrong in it, by place."""

    def __init__(self, message: str, /, *, faults: Sequence[FaultAt], hint: Hint | None = None, **values: Any) -> None:
        super().__init__(message, hint=hint, **values)
        self.faults = faults
