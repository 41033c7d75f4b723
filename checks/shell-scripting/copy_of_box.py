"""A copy of the learner's box, to run the learner's scripts on: inputs that nobody could foresee go in as a tar, the
scripts run side by side with nothing of the checks', and what they did is read from outside."""

import base64
import gzip
import io
import re
import secrets
import shlex
import tarfile
from dataclasses import dataclass
from typing import NamedTuple

PATHS = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_MOST_BYTES = 6 << 20
_OWN = re.compile(r"/[0-9a-f]{10}")
_HELD = 200  # processes in a box that has room for 256: no script of these tasks leaves a tenth of that


class Node(NamedTuple):
    """A file or a directory."""

    data: bytes = b""
    kind: str = "file"
    mode: int = 0o644
    uid: int = 0
    gid: int = 0
    mtime: int = 0

    def text(self):
        return self.data.decode(errors="replace")


FOLDER = Node(kind="folder", mode=0o755)


@dataclass
class Run:
    """A command, as somebody in the box would type it. ``most`` is how large a file it may write, in KiB; ``seconds``
    is what it may take on this machine as busy as it is."""

    argv: tuple
    cwd: str = ""
    user: str = ""
    seconds: float = 10
    most: int = 4096
    background: bool = False
    status: int = -1
    out: str = ""
    err: str = ""

    @property
    def ended(self):
        return self.status not in (-1, 137)

    def said(self):
        """How it ended, in both languages."""
        first = (self.err.strip() or self.out.strip()).splitlines()
        word = f": {first[0][:120]}" if first else ""
        if self.status == -1:
            return ("not run, as one before it did not end", "没有运行，因为前面有一个没结束")
        if not self.ended:
            return (f"no end within {self.seconds:g} seconds", f"{self.seconds:g} 秒内没有结束")
        return (f"exit status {self.status}{word}", f"退出码 {self.status}{word}")


class CopyOfBox:
    """All checks of one run share it."""

    def __init__(self, exercise, box, unmet, clock):
        self.exercise, self.box, self.unmet, self.clock = exercise, box, unmet, clock
        self._there, self._broken_by = frozenset(), None

    def inputs(self, path):
        """A new directory on it, for the script of that path. Raises where another one has broken the copy before."""
        if self._broken_by:
            raise self._broken(*self._broken_by)
        self._there = self._there or self._things()
        return Inputs(self, path, f"/{secrets.token_hex(5)}")

    def do(self, path, script, seconds):
        """Commands in the box, by the toolbox's shell. Raises where the learner's script has taken the box down with
        it, or a part of it."""
        try:
            self.exercise("ops").run(script, seconds=seconds)
        except Exception:
            if not (self._is_full() or self._answers()):
                raise
            self._broken_by = (path, ("processes were killed, or there were too many", "进程被杀掉了，或者进程太多"))
        else:
            lost = sorted(self._there - self._things())
            if lost:
                self._broken_by = (path, (f"{lost[0]} is gone", f"{lost[0]} 没了"))
        if self._broken_by:
            raise self._broken(*self._broken_by) from None

    def _broken(self, path, what):
        return self.unmet(
            "ops",
            expected=("scripts that leave the rest of the box alone", "脚本不影响机器上别的东西"),
            found=(f"{path} broke the copy of the box: {what[0]}", f"{path} 弄坏了机器的副本：{what[1]}"),
            see=f"cat {path}",
            read=("Read the error, locate it, fix it", "读懂报错，找到位置，改掉它"),
        )

    def _things(self):
        """What no script of these tasks has to remove."""
        told = self.box("ops").run(
            "ls -d /* /usr/bin/* /usr/sbin/* /usr/local/*bin/* /etc/passwd /etc/shadow /etc/group"
        )
        return frozenset(line for line in told.stdout.splitlines() if not _OWN.fullmatch(line))

    def _answers(self):
        try:
            return self.exercise("ops").run("true", seconds=10.0).rc == 0
        except Exception:
            return False

    def _is_full(self):
        return len(self.box("ops").run("ls -d /proc/[0-9]*").stdout.split()) > _HELD

    def read(self, place):
        """All that is beneath a directory: path (bytes, as the kernel has it) to node."""
        told = self.box("ops").run("cd %s && tar -c . | head -c %s", place, str(_MOST_BYTES))
        found = {}
        try:
            with tarfile.open(fileobj=io.BytesIO(told.stdout_bytes), encoding="latin-1") as tar:
                for item in tar:
                    kind = "file" if item.isreg() or item.islnk() else "folder" if item.isdir() else "other"
                    data = (tar.extractfile(item) or io.BytesIO()).read() if kind == "file" else b""
                    name = item.name.encode("latin-1").removeprefix(b"./")
                    found[name] = Node(data, kind, item.mode & 0o7777, item.uid, item.gid, int(item.mtime))
        except (tarfile.TarError, EOFError):
            if not found and told.stdout_bytes[:1]:
                raise
        return found


class Inputs:
    """One directory of inputs, and what was run on them."""

    def __init__(self, copy, path, top):
        self.copy, self.path, self.top = copy, path, top
        self._runs, self._tree, self._script = [], {}, []

    def put(self, where, nodes):
        """Files beneath ``where`` (of this directory; "" is itself). Names are str or bytes."""
        for name, node in nodes.items():
            raw = name.encode() if isinstance(name, str) else name
            place = f"{where}/".encode() if where else b""
            self._tree[(place + raw).strip(b"/")] = node
        return f"{self.top}/{where}" if where else self.top

    def folder(self, where, mode=0o755, uid=0):
        self._tree[where.encode()] = Node(kind="folder", mode=mode, uid=uid, gid=uid)
        return f"{self.top}/{where}"

    def run(self, *argv, **options):
        """To be run when all is ready, after what was asked before."""
        run = Run(argv, **options)
        run.seconds = round(self.copy.clock.limit(run.seconds), 1)
        number = len(self._runs)
        self._runs.append(run)
        self._script.append(self._command(run, f"{self.top}/.runs/{number}"))
        return run

    def sh(self, line):
        """A line of the check's own between runs, by the toolbox's shell, in this directory."""
        self._script.append(f"(cd {self.top} && {line}) </dev/null >>{self.top}/.runs/sh 2>&1")

    def _command(self, run, place):
        home = "/root" if not run.user else "/"
        words = ["env", "-i", f"PATH={PATHS}", f"HOME={home}", f"USER={run.user or 'root'}", "LANG=C.UTF-8", *run.argv]
        command = " ".join(shlex.quote(word) for word in words)
        within = f"cd {shlex.quote(run.cwd or self.top)} && ulimit -f {run.most * 2} && exec {command}"
        if run.user:
            within = f"exec su -s /.labctl/bin/sh {run.user} -c {shlex.quote(within)}"
        # Of a group of its own, so that what it leaves behind can be ended with it.
        line = (
            f"timeout -s KILL {run.seconds:g} setsid sh -c {shlex.quote('echo $$ >&3; exec 3>&-; ' + within)}"
            f" </dev/null >{place}.out 2>{place}.err 3>{place}.pid; echo $? >{place}.rc"
        )
        if run.background:
            return f"({line}) &"
        return f"{line}; kill -9 -- -$(cat {place}.pid) 2>/dev/null; [ $(cat {place}.rc) != 137 ] || exit"

    def go(self, seconds=60.0):
        """Put all in, run all; then the tree of this directory, by path (bytes)."""
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w", format=tarfile.GNU_FORMAT, encoding="latin-1") as tar:
            for path, node in sorted({b".runs": FOLDER._replace(mode=0o700), **self._tree}.items()):
                item = tarfile.TarInfo("./" + path.decode("latin-1"))
                item.type = tarfile.DIRTYPE if node.kind == "folder" else tarfile.REGTYPE
                item.mode, item.uid, item.gid, item.size = node.mode, node.uid, node.gid, len(node.data)
                item.mtime = node.mtime or 1_700_000_000
                tar.addfile(item, io.BytesIO(node.data))
        parcel = base64.b64encode(gzip.compress(packed.getvalue())).decode()
        begin = f"mkdir -m 755 {self.top}; printf %s {parcel} | base64 -d | gunzip | tar -x -C {self.top}"
        self.copy.do(self.path, "\n".join([begin, *self._script]), seconds)
        tree = self.copy.read(self.top)
        for number, run in enumerate(self._runs):
            place = f".runs/{number}".encode()
            status = tree.get(place + b".rc", Node()).text().strip()
            run.status = int(status) if status.isdigit() else -1
            run.out = tree.get(place + b".out", Node()).text()
            run.err = tree.get(place + b".err", Node()).text().replace("\r", "")
        return {path: node for path, node in tree.items() if not path.startswith(b".runs")}


def beneath(tree, where):
    """The part of a tree that is in a directory of it."""
    start = f"{where}/".encode()
    return {path[len(start) :]: node for path, node in tree.items() if path.startswith(start)}


def shown(name):
    """A file's name as `ls` would quote it."""
    text = name.decode(errors="replace") if isinstance(name, bytes) else name
    return "'" + text.replace("\n", "\\n").replace("\r", "\\r") + "'"
