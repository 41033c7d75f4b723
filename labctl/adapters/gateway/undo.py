"""The steps that roll back an installation that fails."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path

from labctl.errors import LabctlError


class Undo:
    """A list of undo steps, each with its target. The last step runs first."""

    def __init__(self) -> None:
        self._steps: list[tuple[str, Callable[[], object]]] = []

    def add(self, target: str, step: Callable[[], object]) -> None:
        """Add a step that undoes the next change of that target."""
        self._steps.append((target, step))

    def file(self, path: str, write: Callable[[str, str, int], None]) -> None:
        """Add a step for a file that will be written: restore the old file, or delete the new file."""
        target = Path(path)
        self.folder(str(target.parent))
        if not target.exists():
            self.add(path, lambda: target.unlink(missing_ok=True))
            return
        content, mode = target.read_text("utf-8"), target.stat().st_mode & 0o7777
        self.add(path, lambda: write(path, content, mode))

    def folder(self, path: str) -> None:
        """Add a step for a folder that will be created, and for its missing parents. A folder with other files
        stays."""
        for one in [each for each in (*reversed(Path(path).parents), Path(path)) if not each.exists()]:
            self.add(str(one), one.rmdir)

    def all(self, undone: Callable[[str], None]) -> None:
        """Run all steps, even if some of them fail. Call ``undone`` for the target of each successful step."""
        for target, step in reversed(self._steps):
            with contextlib.suppress(LabctlError, OSError):
                step()
                undone(target)
        self._steps.clear()
