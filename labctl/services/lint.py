"""Find faults in the files of a lab, before any box is up."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from labctl.domain.lab.model import Lab
from labctl.domain.lint.fault import LintFault
from labctl.domain.lint.judge import faults, for_release
from labctl.domain.lint.material import Material
from labctl.domain.lint.plays import SYNTAX


class LabFiles(Protocol):
    """The files of a lab, for code that judges them without running them."""

    def material(self, name: str) -> Material:
        """Return all files of a lab. Raises UsageError for an unknown lab, and InvalidLabError for an unreadable
        file."""


class PlaySyntax(Protocol):
    """The syntax check of plays by Ansible."""

    def faults(self, lab: Lab, plays: Mapping[str, str]) -> list[tuple[str, int, str]]:
        """Return name, line and message for each play that Ansible rejects. ``plays`` maps names to files. No play is
        run."""


class Lint:
    """Lint a lab without an engine."""

    def __init__(self, files: LabFiles, syntax: PlaySyntax) -> None:
        self._files = files
        self._syntax = syntax

    def run(self, lab_name: str, *, release: bool = False) -> tuple[LintFault, ...]:
        """Return all faults of that lab, sorted by file and line. With ``release``, a missing translation is an error.
        Raises UsageError for an unknown lab, and
        InvalidLabError for an unreadable file."""
        material = self._files.material(lab_name)
        found = list(faults(material))
        found = [for_release(fault) if release else fault for fault in found]
        return tuple(sorted({*found, *self._refused(material, {fault.file for fault in found})}))

    def _refused(self, material: Material, told: set[str]) -> list[LintFault]:
        """Return faults for the plays that Ansible rejects, except plays with a fault that is already known."""
        if material.lab is None:
            return []
        whole = [play for play in material.plays if "/" not in play.name or play.name.startswith("mutants/")]
        pages = {play.name: play.page for play in whole if play.page.path not in told}
        refused = self._syntax.faults(material.lab, {name: page.path for name, page in pages.items()})
        return [SYNTAX.at(pages[name].path, line, what=what) for name, line, what in refused]
