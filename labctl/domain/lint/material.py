"""A lab's files as the linter is given them: read, decoded where that needs a library, and not yet judged."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from labctl.domain.lab.model import Lab

Where = tuple[str | int, ...]
"""A place in a YAML document: keys and indexes from the top."""


@dataclass(frozen=True)
class Page:
    """A text file; ``path`` is how it is shown."""

    path: str
    text: str

    def line_of(self, pattern: str) -> int:
        """The first line on which the pattern is found, else 1."""
        match = re.search(pattern, self.text, re.MULTILINE)
        return self.text.count("\n", 0, match.start()) + 1 if match else 1

    def line_at(self, offset: int) -> int:
        """The line of that character."""
        return self.text.count("\n", 0, offset) + 1


@dataclass(frozen=True)
class Play:
    """A playbook: ``name`` is ``solve``, ``solve-other`` or ``mutants/no-auth``, as in ``labctl solve --solution``.
    ``data`` is its YAML, ``broken`` the line and the words where it is none."""

    name: str
    page: Page
    data: Any = None
    lines: Mapping[Where, int] = field(default_factory=dict)
    broken: tuple[int, str] | None = None

    def line(self, where: Where) -> int:
        """The line of that place, or of the nearest one above it."""
        while where and where not in self.lines:
            where = where[:-1]
        return self.lines.get(where, 1)


@dataclass(frozen=True)
class Dockerfile:
    """``references`` are the images that it starts or copies from, without its own stages."""

    image: str
    page: Page
    references: tuple[str, ...]


@dataclass(frozen=True)
class Material:
    """All of a lab. ``lab`` is None where ``lab.yml`` can't be decoded; ``schema_faults`` are line, path and what."""

    name: str
    lab: Lab | None
    lab_page: Page
    lab_lines: Mapping[Where, int]
    schema_faults: tuple[tuple[int, str, str], ...]
    schema_found: bool
    """Whether the first line of lab.yml names a schema that is there."""
    briefs: Mapping[str, Page]
    lab_files: frozenset[str]
    """What is in the lab's folder, as paths relative to it."""
    checks: tuple[Page, ...]
    checks_dir: str
    plays: tuple[Play, ...]
    plays_dir: str
    play_files: frozenset[str]
    dockerfiles: tuple[Dockerfile, ...]
    images: frozenset[str]
    roles: frozenset[str]
    base: str
    """What the base of all images is called."""

    def lab_line(self, *where: str | int) -> int:
        """The line of that place in lab.yml, or of the nearest one above it."""
        while where and where not in self.lab_lines:
            where = where[:-1]
        return self.lab_lines.get(where, 1)

    def task_line(self, task: str) -> int:
        """The line of a task's id in lab.yml."""
        ids = [item.id for item in self.lab.tasks] if self.lab else []
        return self.lab_line("tasks", ids.index(task), "id") if task in ids else 1
