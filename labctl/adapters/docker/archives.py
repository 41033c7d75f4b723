"""Copy files into a box and out of it, as tar archives.

The engine's archive calls reach only the box's disk, not the file systems mounted on it. A file that they write to /run
is not visible in the box. So in a running box the toolbox's tar copies the files, as a process of the box. A root user
in the box can manipulate this tar. This is acceptable, because labctl trusts nothing that comes from a box, and the
files copied into a box belong to the learner. The engine's calls are used for a stopped box, which has no mounts. A
paused box has mounts, too. A verify pauses boxes for a moment, so labctl waits until the pause ends.
"""

from __future__ import annotations

import io
import posixpath
import time
from collections.abc import Callable, Iterable, Iterator
from typing import IO, TYPE_CHECKING, Any

from labctl.adapters.docker import sdk
from labctl.domain import wiring
from labctl.domain.spot import Spot, SpotKind
from labctl.domain.text import visible
from labctl.domain.toolbox import BUSYBOX
from labctl.errors import EngineError, UsageError
from labctl.hints import Hint

if TYPE_CHECKING:
    from labctl.adapters.docker.client import Client

_RECORD = 10240
"""Archives are padded to a multiple of this number of bytes."""

_PAUSE_SECONDS = 15.0
"""The time limit for the end of a box's pause."""

_POLL_SECONDS = 0.05
_MOST_STDERR = 1 << 16
_FOLDER, _LINK = 1 << 31, 1 << 27
_OTHER = 1 << 26 | 1 << 25 | 1 << 24 | 1 << 21
"""The bits of file types in the engine's ``mode``, which has the form of Go's io/fs.FileMode."""

_FIND = """
b=/.labctl/bin/busybox
if [ -d "$1" ]; then k=folder; elif [ -f "$1" ]; then k=file; elif [ -e "$1" ]; then k=other; else k=missing; fi
echo $k
$b readlink -n -f -- "$1" || printf %s "$1"
"""

# The archive has a fixed number of records, and a word follows the archive. If the word is missing, labctl died during
# the copy, and no file of the archive may remain. All files are unpacked into a new folder beside the target and
# renamed after the last file is complete. Before the renaming, the script searches for folders that would replace
# files, and for files that would replace folders. A mount point can't be replaced, so its content is overwritten.
_PUT = r"""
b=/.labctl/bin/busybox
t=
# Read the remaining stdin: the engine waits for a long time if nobody reads its bytes.
trap '[ -z "$t" ] || $b rm -rf "$t"; $b cat >/dev/null' EXIT
trap 'exit 45' HUP INT TERM
umask 022
cd -- "$1" || exit 41
t=$($b mktemp -d ./.labctl-XXXXXX) || exit 42
$b dd bs=10240 count="$2" iflag=fullblock status=none 2>/dev/null | $b tar -x -p -f - -C "$t" || exit 42
read -r whole && [ "$whole" = whole ] || exit 45
folder() { [ -d "$1" ] && [ ! -L "$1" ]; }
there() { [ -e "$1" ] || [ -L "$1" ]; }
each() {
  for e in "$2"/* "$2"/.[!.]* "$2"/..?*; do
    there "$e" && { "$1" "$e" "$3/${e##*/}" || return 1; }
  done
  return 0
}
clash() {
  there "$2" || return 0
  if folder "$1"; then
    [ -d "$2" ] && { each clash "$1" "$2"; return; }
  else
    folder "$2" || return 0
  fi
  printf %s "$2"
  return 1
}
place() {
  if folder "$1" && [ -d "$2" ]; then
    each place "$1" "$2"
  elif ! folder "$1" && [ -f "$2" ] && [ ! -L "$2" ]; then
    $b mv -f -T -- "$1" "$2" 2>/dev/null || $b cat < "$1" > "$2"
  else
    $b mv -f -T -- "$1" "$2"
  fi
}
each clash "$t" . || exit 44
each place "$t" . || exit 42
"""

# The engine does not end a program if nobody reads its output any more. So the script ends tar when stdin ends.
_GET = """
cd -- "$1" || exit 41
exec 3<&0
/.labctl/bin/busybox tar -c -f - -- "$2" 3<&- &
tar=$!
{ read -r nothing <&3; kill "$tar"; } >/dev/null 2>&1 &
watch=$!
wait "$tar"
code=$?
kill "$watch" 2>/dev/null
exit $code
"""


class Archives:
    """Implements the part of ports.Engine that copies files. ``open_exec`` starts a command in a box, with its stdin,
    and returns the exec's id and its raw stream."""

    def __init__(self, client: Client, open_exec: Callable[[str, list[str]], tuple[str, Any]]) -> None:
        self._client = client
        self._open = open_exec

    def find(self, box_id: str, path: str) -> Spot:
        """See ports.Engine."""
        if not self._runs(box_id):
            return self._find_on_disk(box_id, path)
        told = _Said()
        out = b"".join(self._run(box_id, _FIND, [path], told))
        kind, newline, found = out.decode(errors="surrogateescape").partition("\n")
        if told.code or not newline or kind not in set(SpotKind) or not found.startswith("/"):
            raise told.refused() or UsageError("{path} in the box can't be inspected: {why}", **told.values(path))
        return Spot(found, SpotKind(kind))

    def _find_on_disk(self, box_id: str, path: str) -> Spot:
        """Find a path on the disk of a stopped box. The engine resolves a path that is a link. It does not resolve
        links among the folders of a path."""
        found, kind = "/", SpotKind.FOLDER
        for part in posixpath.normpath(path).strip("/").split("/"):
            found = posixpath.join(found, part)
            stat = self._stat(box_id, found)
            if stat is not None and stat["mode"] & _LINK and stat["linkTarget"]:
                found = stat["linkTarget"]
                stat = self._stat(box_id, found)
            if stat is None:
                kind = SpotKind.MISSING
            elif stat["mode"] & _FOLDER:
                kind = SpotKind.FOLDER
            else:
                kind = SpotKind.OTHER if stat["mode"] & (_OTHER | _LINK) else SpotKind.FILE
        return Spot(found, kind, running=False)

    def _stat(self, box_id: str, path: str) -> dict[str, Any] | None:
        """Return the result of HEAD /containers/{id}/archive, or None if the path does not exist."""
        import docker.utils

        api = self._client.api
        response = sdk.head(api, "/containers/{0}/archive", box_id, params={"path": path})
        if response.status_code == 404:
            return None
        if response.status_code == 500:  # the response to HEAD has no body with a reason
            raise UsageError(
                "{path} in the box can't be opened: its symbolic links may form a loop", path=visible(path)
            )
        sdk.raise_for_status(api, response)
        found: dict[str, Any] = docker.utils.decode_json_header(response.headers["x-docker-container-path-stat"])
        return found

    def put(self, box_id: str, path: str, tar: bytes | IO[bytes]) -> None:
        """See ports.Engine."""
        import docker.errors

        if self._runs(box_id):
            self._put(box_id, path, tar)
            return
        if not isinstance(tar, bytes):
            tar.seek(0)
        try:
            self._client.api.put_archive(box_id, path, tar)
        except docker.errors.NotFound as error:
            raise _no_folder(path) from error

    def _put(self, box_id: str, path: str, tar: bytes | IO[bytes]) -> None:
        file = io.BytesIO(tar) if isinstance(tar, bytes) else tar
        size = file.seek(0, io.SEEK_END)
        file.seek(0)
        records = -(-size // _RECORD)

        def content() -> Iterator[bytes]:
            while data := file.read(1 << 16):
                yield data
            yield bytes(records * _RECORD - size) + b"whole\n"

        told = _Said()
        out = b"".join(self._run(box_id, _PUT, [path, str(records)], told, content()))
        match told.code:
            case 0:
                return
            case 41:
                raise _no_folder(path)
            case 44:
                clash = posixpath.normpath(posixpath.join(path, out.decode(errors="replace")))
                raise UsageError(
                    "{path} in the box can't be replaced: a file and a folder can't replace each other",
                    path=visible(clash),
                )
        raise told.refused() or UsageError("{path} in the box can't be written: {why}", **told.values(path))

    def get(self, box_id: str, path: str, left_out: Callable[[str], object]) -> Iterator[bytes]:
        """See ports.Engine."""
        import docker.errors

        if self._runs(box_id):
            return self._get(box_id, path, left_out)
        try:
            stream, _ = self._client.api.get_archive(box_id, path)
        except docker.errors.NotFound as error:
            raise _nothing(path) from error
        return iter(stream)

    def _get(self, box_id: str, path: str, left_out: Callable[[str], object]) -> Iterator[bytes]:
        folder, name = posixpath.split(path.rstrip("/"))
        told = _Said()
        yield from self._run(box_id, _GET, [folder, name], told, None)
        text = told.stderr.decode(errors="surrogateescape")
        if told.code:
            if told.code == 41 or "No such file" in text:
                raise _nothing(path)
            raise told.refused() or UsageError("{path} in the box can't be read: {why}", **told.values(path))
        for line in text.split("\ntar: "):
            if line.rstrip("\n").endswith(_SOCKET):
                left_out(line.removeprefix("tar: ").rstrip("\n").removesuffix(_SOCKET))

    def _runs(self, box_id: str) -> bool:
        """Return whether the box runs. Raises UsageError if the box stays paused, because the mounts of a paused box
        can't be reached."""
        deadline = time.monotonic() + _PAUSE_SECONDS
        while True:
            found = self._client.api.inspect_container(box_id)
            if not found["State"]["Paused"]:
                return bool(found["State"]["Running"])
            if time.monotonic() >= deadline:
                name = found["Name"].removeprefix("/")
                box = found["Config"]["Labels"].get(wiring.LABEL_BOX, name)
                raise UsageError("the box {box} is paused", hint=Hint.UNPAUSE, box=box, container=name)
            time.sleep(_POLL_SECONDS)

    def _run(
        self, box_id: str, script: str, arguments: list[str], told: _Said, stdin: Iterable[bytes] | None = ()
    ) -> Iterator[bytes]:
        """Run a script in the box and yield its stdout. At the end ``told`` has the script's exit code and stderr. If
        ``stdin`` is None, the script's stdin stays open. This is for a script that runs until its stdin is closed."""
        from labctl.adapters.docker.stream import STDOUT, FrameStream

        exec_id, raw = self._open(box_id, [BUSYBOX, "sh", "-c", script, "sh", *arguments])
        try:
            try:
                for data in stdin or ():
                    raw.write(data)
                if stdin is not None:
                    raw.close_write()
            except (BrokenPipeError, ConnectionResetError):
                pass  # the script ended before it had read everything, and its stderr gives the reason
            for kind, data in FrameStream(raw).frames():
                if kind == STDOUT:
                    yield data
                else:
                    told.stderr = (told.stderr + data)[-_MOST_STDERR:]
        finally:
            raw.close()
        code = self._client.api.exec_inspect(exec_id)["ExitCode"]
        told.code = 126 if code is None else code


_SOCKET = ": socket ignored"


class _Said:
    """The exit code of a script in a box, and its stderr."""

    def __init__(self) -> None:
        self.code = 126
        self.stderr = b""

    def refused(self) -> EngineError | None:
        """Return the error if no program could be started in the box."""
        if self.code in (126, 127):
            return EngineError("no program can be started in the box", hint=Hint.STATUS, detail=self._text())
        return None

    def values(self, path: str) -> dict[str, Any]:
        """Return the values of a message. ``why`` is the system's error text, which stands after the last colon of the
        first line."""
        first = next(iter(self._text().splitlines()), "")
        why = first.rpartition(": ")[2] or f"exit status {self.code}"
        return {"path": visible(path), "why": visible(why)[:200]}

    def _text(self) -> str:
        return self.stderr.decode(errors="replace").strip()


def _no_folder(path: str) -> UsageError:
    return UsageError("there is no folder {path} in the box", path=path)


def _nothing(path: str) -> UsageError:
    return UsageError("there is no {path} in the box", path=path)
