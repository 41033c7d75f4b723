"""A fault of a lab: where it is, what it is, why that matters and what to do, in English and in Chinese.

Both languages stand side by side here, not in labctl.i18n: ``labctl lint --json`` gives both, as a check's answer
does.
"""

# No postponed annotations here: see labctl.domain.lab.model.

from typing import Literal

import msgspec

from labctl.domain.text import Text

Severity = Literal["error", "warning"]


class LintFault(msgspec.Struct, frozen=True, order=True):
    """``line`` counts from 1. ``rule`` names the kind of fault, for programs. An error makes the lab unfit for use, a
    warning is for its author to judge."""

    file: str
    line: int
    rule: str
    severity: Severity
    what: Text
    why: Text
    fix: Text

    def in_a_line(self) -> Text:
        """Where and what."""
        return Text(*(f"{self.file}:{self.line}: {what}" for what in (self.what.en, self.what.zh)))


class Rule(msgspec.Struct, frozen=True):
    """A kind of fault. ``what``, ``why`` and ``fix`` are templates, English and Chinese."""

    id: str
    what: tuple[str, str]
    why: tuple[str, str]
    fix: tuple[str, str]
    severity: Severity = "error"

    def at(self, file: str, line: int, /, **values: object) -> LintFault:
        """The fault at that place."""

        def text(pair: tuple[str, str]) -> Text:
            return Text(*(side.format_map(values) for side in pair))

        return LintFault(file, max(1, line), self.id, self.severity, text(self.what), text(self.why), text(self.fix))
