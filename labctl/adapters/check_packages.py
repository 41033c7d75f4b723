"""The Python packages that the checks of a lab need: ``checks/LAB/requirements.txt``.

labctl installs them with pip into a folder of its cache, once for each content of the file. The folder appears when it
is complete. The process that runs checks has this folder at the end of its search path, so a package in it never
replaces a package that labctl itself uses. Therefore pip chooses packages that work with labctl's own versions.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
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
        return None if content is None else self._place(content)

    def ready(self, lab: str) -> Path | None:
        """Return the folder of the lab's packages, or None. Install missing packages first: ``up`` may have run with
        another cache. Raises the errors of ``ensure``."""
        self.ensure([lab], silent)
        return self.folder(lab)

    def ensure(self, labs: Iterable[str], emit: Emit) -> None:
        """Install the missing packages of these labs. Only one process at a time installs packages. Raises
        InvalidLabError for a file with faults, BuildError if pip fails, and UsageError if the cache can't be
        written."""
        contents = {lab: content for lab in labs if (content := self._content(lab)) is not None}
        missing = [lab for lab, content in contents.items() if not self._place(content).is_dir()]
        if not missing:
            return
        with FileLocks(self._cache).hold(_LOCK, emit):
            for lab in missing:
                # Another process may have installed the packages meanwhile.
                if not self._place(contents[lab]).is_dir():
                    self._install(lab, contents[lab], emit)

    def prune(self, labs: Iterable[str], emit: Emit) -> None:
        """Remove the folders that none of these labs needs, also those of installations that were killed."""
        needed = {folder for lab in labs if (folder := self.folder(lab)) is not None}
        if not self._cache.is_dir():
            return
        with FileLocks(self._cache).hold(_LOCK, emit):
            for folder in sorted(self._cache.iterdir()):
                if folder.is_dir() and folder not in needed:
                    shutil.rmtree(folder, ignore_errors=True)

    def _place(self, content: bytes) -> Path:
        return self._cache / _key(content)

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

    def _install(self, lab: str, content: bytes, emit: Emit) -> None:
        wanted = _requirements(self._checks_dir(lab) / FILE, content)
        key = f"packages:{lab}"
        emit(StepStarted(key, "installing the Python packages for the checks of {subject}", lab))
        started, ok = time.monotonic(), False
        try:
            new = Path(tempfile.mkdtemp(prefix=_UNFINISHED, dir=self._cache))
            try:
                if wanted:
                    self._pip(lab, wanted, new)
                new.rename(self._place(content))
                ok = True
            finally:
                with contextlib.suppress(FileNotFoundError):
                    shutil.rmtree(new)
        except OSError as error:
            raise unwritable(self._cache, error) from error
        finally:
            emit(StepEnded(key, ok, time.monotonic() - started))

    def _pip(self, lab: str, wanted: list[str], target: Path) -> None:
        with tempfile.NamedTemporaryFile("w", prefix="labctl-constraints-", suffix=".txt") as constraints:
            constraints.writelines(f"{name}=={version}\n" for name, version in sorted(own_packages().items()))
            constraints.flush()
            self._run_pip(lab, wanted, target, constraints.name)

    def _run_pip(self, lab: str, wanted: list[str], target: Path, constraints: str) -> None:
        arguments = ["install", "--target", str(target), "--no-input", "--disable-pip-version-check"]
        # Wheels only: an installation runs no code of a package, and needs no compiler.
        arguments += [
            "--only-binary",
            ":all:",
            "--progress-bar",
            "off",
            "--retries",
            _RETRIES,
            "--constraint",
            constraints,
        ]
        environment = {name: value for name, value in os.environ.items() if name not in _CONTRADICT}
        environment |= {"PIP_USER": "0", **({"PIP_INDEX_URL": self._index} if self._index else {})}
        done = subprocess.run(
            # -P: a module in the current folder can't replace pip.
            [sys.executable, "-P", "-m", "pip", *arguments, *wanted],
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


def own_packages() -> dict[str, str]:
    """Return labctl's package and all packages that it needs: normalized names with their installed versions. Return
    nothing if labctl isn't installed as a package. The extras of packages are ignored."""
    from importlib import metadata

    from packaging.requirements import Requirement
    from packaging.utils import canonicalize_name

    found: dict[str, str] = {}
    todo = [_DISTRIBUTION]
    while todo:
        name = canonicalize_name(todo.pop())
        if name in found:
            continue
        try:
            package = metadata.distribution(name)
        except metadata.PackageNotFoundError:
            continue
        found[name] = package.version
        for text in package.requires or []:
            requirement = Requirement(text)
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
                todo.append(requirement.name)
    return found


def _key(content: bytes) -> str:
    """Return 16 hex digits of a hash. Packages with compiled code work only with the same Python and platform."""
    import sysconfig

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
