"""Builds the images in the background while tests without an engine run."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path
from typing import IO

import pytest

_BEFORE = 1000
"""So many tests that need no image take longer than labctl's start: fewer are not worth it."""
_LIMIT_SECONDS = 1200

Build = tuple[subprocess.Popen[bytes], IO[bytes], tempfile.TemporaryDirectory[str]]
_BUILD = pytest.StashKey[Build]()


def _needs_images(item: pytest.Item) -> bool:
    return item.get_closest_marker("engine") is not None and item.path.parent.name != "unit"


def pytest_collection_finish(session: pytest.Session) -> None:
    """Start the build of the images at low priority."""
    first = next((number for number, item in enumerate(session.items) if _needs_images(item)), 0)
    if first < _BEFORE or session.config.option.collectonly:
        return
    from rig import LABCTL, Labctl

    from labctl.adapters.catalog import FileCatalog

    folder = tempfile.TemporaryDirectory()
    builder = Labctl(Path(folder.name), "builder")
    said = tempfile.TemporaryFile()  # noqa: SIM115  _end closes it
    argv = ["nice", "-n", "5", LABCTL, "images", "build", "mini", *FileCatalog().names()]
    process = subprocess.Popen(
        argv, env=builder.environment, stdin=subprocess.DEVNULL, stdout=said, stderr=said, start_new_session=True
    )
    session.config.stash[_BUILD] = process, said, folder


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Wait for all images before the first test that needs one."""
    found = item.config.stash.get(_BUILD, None)
    if found is None or not _needs_images(item):
        return
    process, said, _folder = found
    code = process.wait(_LIMIT_SECONDS)
    if code:
        said.seek(0)
        # The test itself builds a missing image and reports the error.
        sys.stderr.write(f"labctl images build: exit status {code}\n{said.read().decode(errors='replace')}\n")
        said.truncate(0)
    del item.config.stash[_BUILD]
    _end(found)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Stop the build so that no process outlives the tests."""
    found = session.config.stash.get(_BUILD, None)
    if found is not None:
        _end(found)


def _end(build: Build) -> None:
    process, said, folder = build
    if process.poll() is None:
        process.terminate()
        process.wait(60)
    said.close()
    folder.cleanup()
