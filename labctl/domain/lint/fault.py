"""A fault of a lab: its place, its description, its consequence and its remedy, in English and in Chinese.

Both languages are in the code here, not in labctl.i18n, because ``labctl lint --json`` prints both languages. A check's
answer also has both languages.
"""

# This module has no postponed annotations: see labctl.domain.lab.model.

from typing import Literal

import msgspec

from labctl.domain.text import Text

Severity = Literal["error", "warning"]


class LintFault(msgspec.Struct, frozen=True, order=True):
    """A fault. ``line`` counts from 1. ``rule`` names the kind of fault, for programs. A lab with an error can't be
    used; the author decides about a warning."""

    file: str
    line: int
    rule: str
    severity: Severity
    what: Text
    why: Text
    fix: Text

    def in_a_line(self) -> Text:
        """Return the place and the description in one line."""
        return Text(*(f"{self.file}:{self.line}: {what}" for what in (self.what.en, self.what.zh)))


class Rule(msgspec.Struct, frozen=True):
    """A kind of fault. ``what``, ``why`` and ``fix`` are templates, English and Chinese."""

    id: str
    what: tuple[str, str]
    why: tuple[str, str]
    fix: tuple[str, str]
    severity: Severity = "error"

    def at(self, file: str, line: int, /, **values: object) -> LintFault:
        """Return the fault at that place."""

        def text(pair: tuple[str, str]) -> Text:
            return Text(*(side.format_map(values) for side in pair))

        return LintFault(file, max(1, line), self.id, self.severity, text(self.what), text(self.why), text(self.fix))
