"""Judging a lab by its files: what an author can be told before any box is up."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from labctl.domain.lab.model import Lab
from labctl.domain.lint.fault import LintFault
from labctl.domain.lint.judge import faults
from labctl.domain.lint.material import Material
from labctl.domain.lint.plays import SYNTAX


class LabFiles(Protocol):
    """A lab's files, for whoever judges them without running anything."""

    def material(self, name: str) -> Material:
        """All of a lab. Raises UsageError for an unknown one, InvalidLabError for a file that can't be read."""


class PlaySyntax(Protocol):
    """Whether Ansible takes plays."""

    def faults(self, lab: Lab, plays: Mapping[str, str]) -> list[tuple[str, int, str]]:
        """Of these plays (name to file), the ones that it refuses: name, line, what it says. None is run."""


class Lint:
    """Needs no engine."""

    def __init__(self, files: LabFiles, syntax: PlaySyntax) -> None:
        self._files = files
        self._syntax = syntax

    def run(self, lab_name: str) -> tuple[LintFault, ...]:
        """All faults of that lab, by file and line. Raises UsageError for an unknown lab, InvalidLabError for a file
        that can't be read."""
        material = self._files.material(lab_name)
        found = faults(material)
        return tuple(sorted({*found, *self._refused(material, {fault.file for fault in found})}))

    def _refused(self, material: Material, told: set[str]) -> list[LintFault]:
        """Plays that Ansible refuses; not those of which a fault is known already."""
        if material.lab is None:
            return []
        whole = [play for play in material.plays if "/" not in play.name or play.name.startswith("mutants/")]
        pages = {play.name: play.page for play in whole if play.page.path not in told}
        refused = self._syntax.faults(material.lab, {name: page.path for name, page in pages.items()})
        return [SYNTAX.at(pages[name].path, line, what=what) for name, line, what in refused]
