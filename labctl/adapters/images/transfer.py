"""Images as one file, for a machine without a network. The format is that of ``docker save``, compressed if the name
ends in ``.gz``."""

from __future__ import annotations

import gzip
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import IO, BinaryIO, cast

from labctl.adapters.docker.client import Client
from labctl.adapters.images.stop import Stop
from labctl.adapters.images.stream import StreamError, download, messages
from labctl.errors import UsageError
from labctl.events import Emit, StepProgress
from labctl.hints import Hint
from labctl.whole_file import whole_file

_CHUNK = 1 << 20
_TELL_SECONDS = 0.5
_LOADED = "Loaded image: "


def save(client: Client, tags: Sequence[str], path: Path, emit: Emit, key: str) -> int:
    """GET /images/get. Write the images of all tags to one file, and return the file's size in bytes. The file appears
    when it is complete. Raises EngineError, and UsageError if the file can't be written."""
    progress = _Bytes(emit, key)
    with whole_file(path, 0o666) as file, _packed(file, gzipped=path.suffix == ".gz") as packed:
        for data in download(client, "/images/get", {"names": list(tags)}):
            packed.write(data)
            progress.add(len(data))
    return path.stat().st_size


def _packed(file: BinaryIO, *, gzipped: bool) -> AbstractContextManager[IO[bytes]]:
    if gzipped:
        return cast("IO[bytes]", gzip.GzipFile("", "wb", 1, file))
    return nullcontext(file)


def load(client: Client, path: Path, emit: Emit, key: str) -> list[str]:
    """POST /images/load. Return the loaded tags. Raises EngineError, and UsageError if the file can't be read or
    contains no images."""
    found: list[str] = []
    try:
        with path.open("rb") as file:
            headers = {"Content-Type": "application/x-tar"}
            data = _reading(file, emit, key)
            params = {"quiet": "1"}
            for message in messages(client, "/images/load", stop=Stop(), params=params, data=data, headers=headers):
                lines = str(message.get("stream", "")).splitlines()
                found += [line.removeprefix(_LOADED).strip() for line in lines if line.startswith(_LOADED)]
    except OSError as error:
        raise UsageError("{path} can't be read: {why}", path=str(path), why=str(error.strerror or error)) from error
    except StreamError as error:
        raise error.explained(
            UsageError("{path} contains no images: {why}", hint=Hint.SAVE_IMAGES, path=str(path), why=str(error))
        ) from error
    if not found:
        raise UsageError("{path} contains no images", hint=Hint.SAVE_IMAGES, path=str(path))
    return found


def _reading(file: IO[bytes], emit: Emit, key: str) -> Iterator[bytes]:
    progress = _Bytes(emit, key)
    while data := file.read(_CHUNK):
        progress.add(len(data))
        yield data


class _Bytes:
    """Reports the number of transferred bytes from time to time."""

    def __init__(self, emit: Emit, key: str) -> None:
        self._emit, self._key = emit, key
        self._bytes = 0
        self._told = time.monotonic()

    def add(self, count: int) -> None:
        """Add a number of bytes."""
        self._bytes += count
        now = time.monotonic()
        if now - self._told >= _TELL_SECONDS:
            self._told = now
            self._emit(StepProgress(self._key, f"{self._bytes / 1e6:.0f} MB"))
