"""Make a base from Debian's packages. mmdebstrap(1) writes a root file system as a tar stream, and the engine imports
the stream directly (POST /images/create?fromSrc=-). labctl stores no file for the stream."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections import deque
from collections.abc import Iterator
from contextlib import suppress

from labctl.adapters.docker.client import Client, explained
from labctl.adapters.images.stop import Stop
from labctl.adapters.images.stream import StreamError, messages
from labctl.errors import BuildError, EngineError, LabctlError
from labctl.events import Emit, StepProgress
from labctl.hints import Hint
from labctl.threads import Thread

_CHUNK = 1 << 16
_GRACE_SECONDS = 20.0
"""The time limit for mmdebstrap to unmount and remove its files in the temporary folder."""


def command(suite: str, mirror: str) -> list[str]:
    """Return the command line with which mmdebstrap writes a minimal system as a tar archive to stdout."""
    wanted = ["mmdebstrap", "--variant=minbase", "--include=ca-certificates", "--format=tar", suite, "-"]
    return [*wanted, mirror] if mirror else wanted


def make(client: Client, suite: str, mirror: str, emit: Emit, key: str, stop: Stop) -> str:
    """Make the base and import it without a tag. Return its id. Raises EngineError, and BuildError if mmdebstrap is
    missing or fails."""
    if shutil.which("mmdebstrap") is None:
        raise BuildError(
            "no registry can be reached, and a base can't be made from Debian's packages: mmdebstrap is not installed",
            hint=Hint.INSTALL_BOOTSTRAP,
        )
    emit(StepProgress(key, f"making a base of Debian {suite} from packages"))
    debootstrap = _Mmdebstrap(command(suite, mirror), emit, key)
    try:
        with stop.waking(debootstrap.terminate):
            return _import(client, debootstrap, stop)
    except StreamError as error:
        raise error.explained(BuildError("the engine could not import the base: {why}", why=str(error))) from error
    except EngineError:
        # The stream broke off, so the engine closed the connection. mmdebstrap's own messages explain more.
        debootstrap.check()
        raise
    finally:
        debootstrap.close()


def _import(client: Client, made: _Mmdebstrap, stop: Stop) -> str:
    image = ""
    params = {"fromSrc": "-", "changes": 'CMD ["bash"]', "message": "labctl: from Debian's packages"}
    headers = {"Content-Type": "application/x-tar"}
    try:
        stream = messages(client, "/images/create", stop=stop, params=params, data=made.chunks(stop), headers=headers)
        for message in stream:
            status = str(message.get("status", ""))
            image = status if status.startswith("sha256:") else image
        made.check()
    except BaseException:
        if image:
            with explained(client.address):
                client.api.remove_image(image, noprune=True)
        raise
    if not image:
        raise BuildError("the engine did not report the id of the imported image")
    return image


class _Mmdebstrap:
    """A running mmdebstrap. Its stdout becomes chunks, its stderr becomes progress events."""

    def __init__(self, argv: list[str], emit: Emit, key: str) -> None:
        self._emit, self._key = emit, key
        self._last: deque[str] = deque(maxlen=15)
        # mmdebstrap gets its own session, so that Ctrl-C at the terminal does not reach mmdebstrap before labctl.
        # Otherwise the interrupt would look like a failure.
        self._process = subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        self._reader = Thread(target=self._read_stderr, name="mmdebstrap", daemon=True)
        self._reader.start()

    def _read_stderr(self) -> None:
        assert self._process.stderr is not None  # noqa: S101  # a pipe was requested
        for line in self._process.stderr:
            text = line.decode(errors="replace").rstrip().rpartition("\r")[2]
            if text:
                self._last.append(text)
                self._emit(StepProgress(self._key, text.removeprefix("I: ")))

    def chunks(self, stop: Stop) -> Iterator[bytes]:
        """Yield the archive. Raises BuildError before the end if mmdebstrap failed, so that the engine never imports
        half an archive."""
        assert self._process.stdout is not None  # noqa: S101  # a pipe was requested
        while data := self._process.stdout.read(_CHUNK):
            stop.check()
            yield data
        stop.check()
        self.check()

    def check(self) -> None:
        """Wait until mmdebstrap ends. Raises BuildError with the last lines of its output if mmdebstrap failed."""
        try:
            code = self._process.wait(_GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            return
        if code:
            self._reader.join(1)
            raise self._failure()

    def _failure(self) -> LabctlError:
        text = "\n".join(self._last)
        if "unshare" in text or "newuidmap" in text or "must be root" in text:
            return BuildError(
                "mmdebstrap can't make a base as this user: unprivileged user namespaces or uidmap are missing",
                hint=Hint.ROOT_OR_UIDMAP,
                detail=text,
            )
        return BuildError(
            "a base can't be made from Debian's packages",
            hint=Hint.NETWORK_OR_MIRROR,
            detail=text,
        )

    def terminate(self) -> None:
        """Make mmdebstrap clean up and end. The signal goes to the whole process group, as with Ctrl-C at a
        terminal. A signal to mmdebstrap alone has no effect until its apt-get has ended."""
        if self._process.poll() is None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGINT)

    def close(self) -> None:
        """End mmdebstrap and close its output."""
        self.terminate()
        if self._process.stdout is not None:
            self._process.stdout.close()
        try:
            self._process.wait(_GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._reader.join(5)
        if self._process.stderr is not None:
            self._process.stderr.close()
