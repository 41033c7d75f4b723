"""The tree of errors. The message of an error says what happened and why. The hint is an action that can help.

A message is an English template, and also the key of its translations. So the values are separate arguments:
``LabctlError("no box {box} in {lab}", box=…, lab=…)``. A hint is a code that uses the same values. Each front end words
the hint for its readers. The command line translates and prints the error, then exits with ``exit_code``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import IntEnum
from typing import Any, ClassVar, Protocol

from labctl.hints import Hint


class Exit(IntEnum):
    """Exit codes of the command line."""

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
    """A part of an error's text: an English template and its values. The template is the key of its translations. A
    value may also be a phrase. ``str()`` gives the English text."""

    def __init__(self, text: str, /, **values: Any) -> None:
        self.text = text
        self.values = values

    def __str__(self) -> str:
        return self.text.format_map(self.values)


class Phrases(tuple[Phrase, ...]):
    """A list of phrases. Each language has its own separator."""

    __slots__ = ()

    def __str__(self) -> str:
        return ", ".join(map(str, self))


class LabctlError(Exception):
    """The root of all errors. ``message`` is a template for ``values``, and ``hint`` is a code that needs some of these
    values. ``detail`` is text that is shown unchanged."""

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
    """The command names an unknown object, or can't run in the current state."""

    exit_code = Exit.USAGE


class InvalidLabError(LabctlError):
    """A file of the catalog is invalid. Its values are ``file``, and ``path``, which is the faulty field in the
    file."""

    exit_code = Exit.INVALID_LAB


class EngineError(LabctlError):
    """The Docker engine can't be reached, or answered with an error."""

    exit_code = Exit.ENGINE_UNAVAILABLE


class ApiVersionError(EngineError):
    """The Docker engine supports none of the API versions that labctl supports."""


class NameTakenError(EngineError):
    """A container of that name exists, and labctl did not create it."""


class KeeperGoneError(EngineError):
    """The keeper ended, or was replaced, while labctl read its output."""


class BuildError(LabctlError):
    """An image can't be built, or a play failed."""

    exit_code = Exit.BUILD_FAILED


class ChecksError(LabctlError):
    """Checks could not run."""

    exit_code = Exit.CHECKS_ERROR


class StoreError(LabctlError):
    """The store can't be used: it is unreachable, locked or full, or the file is not a store."""


class NotKeptError(LabctlError):
    """Checks gave a verdict, but the store could not keep the attempt."""

    exit_code = Exit.CHECKS_ERROR


class RefusedError(LabctlError):
    """A limit or a rule forbids the action."""

    exit_code = Exit.REFUSED


class TooLargeError(RefusedError):
    """A box holds more data than may be copied. All values are texts: ``box``, its ``size``, the ``most`` that the box
    may hold, its ``largest`` file and the ``length`` of that file. ``whole`` is false if the box has too many files to
    count."""


class FaultAt(Protocol):
    """A fault at a position in a file. ``domain.classroom.roster.RosterFault`` implements this protocol."""

    @property
    def line(self) -> int:
        """The line number, starting at 1."""

    @property
    def column(self) -> int:
        """The column in characters, starting at 1."""

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
        """The values for the templates."""


class RosterError(LabctlError):
    """A roster is invalid. ``faults`` are all faults of the roster, sorted by position."""

    def __init__(self, message: str, /, *, faults: Sequence[FaultAt], hint: Hint | None = None, **values: Any) -> None:
        super().__init__(message, hint=hint, **values)
        self.faults = faults
