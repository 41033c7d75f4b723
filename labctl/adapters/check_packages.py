"""The Python packages that the checks of a lab need: ``checks/LAB/requirements.txt``.

labctl installs them with pip into a folder of its cache, once for each content of the file. The folder appears when it
is complete. The process that runs checks has this folder at the end of its search path, so a package in it never
replaces a package that labctl itself uses.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Callable, Iterable
from importlib import metadata
from pathlib import Path

from labctl.adapters.locks import FileLocks
from labctl.adapters.paths import cache_dir
from labctl.errors import BuildError, InvalidLabError, Phrase
from labctl.events import Emit, StepEnded, StepStarted, silent
from labctl.hints import Hint
from labctl.whole_file import unwritable

FILE = "requirements.txt"

_DISTRIBUTION = "labctl-boxes"

_FORMAT = "1"  # part of every hash: a new value installs all packages again
_LOCK = "packages"
_UNFINISHED = "new-"
_LAST_LINES = 15
_CONTRADICT = ("PIP_PREFIX", "PIP_REQUIRE_VIRTUALENV", "PIP_ROOT", "PIP_TARGET")
"""Settings of a user that contradict the option --target."""

_RETRIES = "1"
"""pip repeats a failed request this many times. With pip's own value, a machine without a network waits half a minute
for each package."""


class CheckPackages:
    """Installs the packages that checks need. ``checks_dir`` returns the folder of a lab's checks. ``index`` is the
    address of a package index; if it is empty, pip uses its own settings. ``cache`` is labctl's cache folder."""

    def __init__(self, checks_dir: Callable[[str], Path], index: str = "", cache: Path | None = None) -> None:
        self._checks_dir = checks_dir
        self._index = index
        self._cache = (cache_dir() if cache is None else cache) / "checks"

    def folder(self, lab: str) -> Path | None:
        """Return the folder of the lab's packages, which need not exist. Return None if the checks need no packages.
        Raises InvalidLabError if the file can't be read."""
        content = self._content(lab)
        return None if content is None else self._cache / _key(content)

    def ready(self, lab: str) -> Path | None:
        """Return the folder of the lab's packages, or None. Install missing packages first: ``up`` may have run with
        another cache. Raises the errors of ``ensure``."""
        self.ensure([lab], silent)
        return self.folder(lab)

    def ensure(self, labs: Iterable[str], emit: Emit) -> None:
        """Install the missing packages of these labs. Only one process at a time installs packages. Raises
        InvalidLabError for a file with faults, BuildError if pip fails, and UsageError if the cache can't be
        written."""
        wanted = {lab: folder for lab in labs if (folder := self.folder(lab)) is not None and not folder.is_dir()}
        if not wanted:
            return
        with FileLocks(self._cache).hold(_LOCK, emit):
            for lab, folder in wanted.items():
                # Another process may have installed the packages meanwhile.
                if not folder.is_dir():
                    self._install(lab, folder, emit)

    def prune(self, labs: Iterable[str], emit: Emit) -> None:
        """Remove the folders that none of these labs needs, also those of installations that were killed."""
        needed = {folder for lab in labs if (folder := self.folder(lab)) is not None}
        if not self._cache.is_dir():
            return
        with FileLocks(self._cache).hold(_LOCK, emit):
            for folder in sorted(self._cache.iterdir()):
                if folder.is_dir() and folder not in needed:
                    shutil.rmtree(folder, ignore_errors=True)

    def _content(self, lab: str) -> bytes | None:
        file = self._checks_dir(lab) / FILE
        try:
            return file.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise InvalidLabError(
                "{file} can't be read: {why}", file=str(file), path="", why=str(error.strerror)
            ) from error

    def _install(self, lab: str, folder: Path, emit: Emit) -> None:
        file = self._checks_dir(lab) / FILE
        wanted = _requirements(file, self._content(lab) or b"")
        key = f"packages:{lab}"
        emit(StepStarted(key, "installing the Python packages for the checks of {subject}", lab))
        started, ok = time.monotonic(), False
        try:
            new = Path(tempfile.mkdtemp(prefix=_UNFINISHED, dir=self._cache))
            try:
                if wanted:
                    self._pip(lab, wanted, new)
                new.rename(folder)
                ok = True
            finally:
                with contextlib.suppress(FileNotFoundError):
                    shutil.rmtree(new)
        except OSError as error:
            raise unwritable(self._cache, error) from error
        finally:
            emit(StepEnded(key, ok, time.monotonic() - started))

    def _pip(self, lab: str, wanted: list[str], target: Path) -> None:
        arguments = ["install", "--target", str(target), "--no-input", "--disable-pip-version-check", "--quiet"]
        environment = {name: value for name, value in os.environ.items() if name not in _CONTRADICT}
        environment |= {"PIP_USER": "0", **({"PIP_INDEX_URL": self._index} if self._index else {})}
        done = subprocess.run(
            # -P: a module in the current folder can't replace pip.
            [sys.executable, "-P", "-m", "pip", *arguments, "--retries", _RETRIES, *wanted],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
        if done.returncode:
            why = Phrase("pip ended with exit code {code}", code=done.returncode)
            if "No module named pip" in done.stdout:
                why = Phrase("{python} has no pip", python=sys.executable)
            raise BuildError(
                "the Python packages for the checks of {lab} can't be installed: {why}",
                hint=Hint.CHECK_PACKAGES,
                detail="\n".join(done.stdout.splitlines()[-_LAST_LINES:]),
                lab=lab,
                why=why,
            )


def own_packages() -> frozenset[str]:
    """Return the normalized names of labctl's package and of all packages that it needs. Return an empty set if labctl
    isn't installed as a package. The extras of packages are ignored."""
    from packaging.requirements import Requirement
    from packaging.utils import canonicalize_name

    found: set[str] = set()
    todo = [_DISTRIBUTION]
    while todo:
        name = canonicalize_name(todo.pop())
        if name in found:
            continue
        try:
            needed = metadata.requires(name) or []
        except metadata.PackageNotFoundError:
            continue
        found.add(name)
        for text in needed:
            requirement = Requirement(text)
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
                todo.append(requirement.name)
    return frozenset(found)


def _key(content: bytes) -> str:
    """Return 16 hex digits of a hash. Packages with compiled code work only with the same Python and platform."""
    python = f"{sys.implementation.cache_tag} {sysconfig.get_platform()}"
    return hashlib.sha256(f"{_FORMAT}\0{python}\0".encode() + content).hexdigest()[:16]


def _requirements(file: Path, content: bytes) -> list[str]:
    """Return the requirements as arguments of pip. Raises InvalidLabError with all faults of the file."""
    from labctl.adapters.lab_file import invalid
    from labctl.domain.requirements import read

    found, faults = read(content.decode("utf-8", "replace"))
    if faults:
        raise invalid(file, [(line, "", what) for line, what in faults])
    return [package.text for package in found]
