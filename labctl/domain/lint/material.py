"""A lab's files as the input of the linter. The files are already read. Files that can only be decoded with a library
are already decoded."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from labctl.domain.lab.model import Lab
from labctl.domain.text import LANGUAGES

Where = tuple[str | int, ...]
"""A place in a YAML document: keys and indexes from the top."""


@dataclass(frozen=True)
class Page:
    """A text file. ``path`` is its path in messages."""

    path: str
    text: str

    def line_of(self, pattern: str) -> int:
        """Return the first line that contains the pattern, or 1."""
        match = re.search(pattern, self.text, re.MULTILINE)
        return self.text.count("\n", 0, match.start()) + 1 if match else 1

    def line_at(self, offset: int) -> int:
        """Return the line of the character at that offset."""
        return self.text.count("\n", 0, offset) + 1


@dataclass(frozen=True)
class Play:
    """A playbook. ``name`` is ``solve``, ``solve-other`` or ``mutants/no-auth``, as in ``labctl solve --solution``.
    ``data`` is its decoded YAML; ``broken`` is the line and the message of an error in the YAML."""

    name: str
    page: Page
    data: Any = None
    lines: Mapping[Where, int] = field(default_factory=dict)
    broken: tuple[int, str] | None = None

    def line(self, where: Where) -> int:
        """Return the line of that place, or of the nearest known place above it."""
        while where and where not in self.lines:
            where = where[:-1]
        return self.lines.get(where, 1)


@dataclass(frozen=True)
class MutantsFile:
    """``mutants.yml``: the tasks that its mutants make fail, and its faults as line, path and description."""

    page: Page
    fails: frozenset[str] = frozenset()
    faults: tuple[tuple[int, str, str], ...] = ()


@dataclass(frozen=True)
class Dockerfile:
    """A Dockerfile. ``references`` are the images that it starts or copies from, without its own stages."""

    image: str
    page: Page
    references: tuple[str, ...]


@dataclass(frozen=True)
class Material:
    """All files of a lab. ``lab`` is None if ``lab.yml`` can't be decoded. ``schema_faults`` are tuples of line, path
    and description."""

    name: str
    lab: Lab | None
    lab_page: Page
    lab_lines: Mapping[Where, int]
    schema_faults: tuple[tuple[int, str, str], ...]
    schema_found: bool
    """Whether the first line of lab.yml names an existing schema."""
    briefs: Mapping[str, Page]
    lab_files: frozenset[str]
    """The files in the lab's folder, as paths relative to the folder."""
    checks: tuple[Page, ...]
    checks_dir: str
    requirements: Page | None
    """The requirements.txt of the checks."""
    own_packages: frozenset[str]
    """The Python packages that labctl itself needs, as normalized names."""
    plays: tuple[Play, ...]
    plays_dir: str
    play_files: frozenset[str]
    dockerfiles: tuple[Dockerfile, ...]
    image_faults: tuple[tuple[str, int, str], ...]
    """The faults of the images that have an image.yml: file, line, and description."""
    images: frozenset[str]
    roles: frozenset[str]
    base: str
    """The name of the base of all images."""
    entries: MutantsFile | None = None
    fixtures: frozenset[str] = frozenset()
    """The fixtures that labctl and the catalog offer to checks."""
    kit: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """The modules of the kit, by their full name, with the names that a check may import from each."""

    @property
    def languages(self) -> tuple[str, ...]:
        """The languages in which the lab must have all its texts."""
        return self.lab.languages if self.lab is not None else LANGUAGES

    def lab_line(self, *where: str | int) -> int:
        """Return the line of that place in lab.yml, or of the nearest known place above it."""
        while where and where not in self.lab_lines:
            where = where[:-1]
        return self.lab_lines.get(where, 1)

    def task_line(self, task: str) -> int:
        """Return the line of a task's id in lab.yml."""
        ids = [item.id for item in self.lab.tasks] if self.lab else []
        return self.lab_line("tasks", ids.index(task), "id") if task in ids else 1
