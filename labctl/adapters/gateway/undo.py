"""What an installation made, to be taken back where it can't be finished."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path

from labctl.errors import LabctlError


class Undo:
    """Steps backwards, by what each belongs to; the last one first."""

    def __init__(self) -> None:
        self._steps: list[tuple[str, Callable[[], object]]] = []

    def add(self, target: str, step: Callable[[], object]) -> None:
        """``step`` takes back what is about to be done to that target."""
        self._steps.append((target, step))

    def file(self, path: str, write: Callable[[str, str, int], None]) -> None:
        """A file that is about to be written: as it was, or gone again."""
        target = Path(path)
        self.folder(str(target.parent))
        if not target.exists():
            self.add(path, lambda: target.unlink(missing_ok=True))
            return
        content, mode = target.read_text("utf-8"), target.stat().st_mode & 0o7777
        self.add(path, lambda: write(path, content, mode))

    def folder(self, path: str) -> None:
        """A folder that is about to be made, with those above it; one in which others put something stays."""
        for one in [each for each in (*reversed(Path(path).parents), Path(path)) if not each.exists()]:
            self.add(str(one), one.rmdir)

    def all(self, undone: Callable[[str], None]) -> None:
        """Take everything back, as far as that goes; ``undone`` of each target."""
        for target, step in reversed(self._steps):
            with contextlib.suppress(LabctlError, OSError):
                step()
                undone(target)
        self._steps.clear()
