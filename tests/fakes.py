"""The ports of labctl in memory. ``tests/contract`` runs the same tests on these fakes and on the real ports, so the
fakes behave alike."""

from __future__ import annotations

import io
import itertools
import posixpath
import re
import tarfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import msgspec

from labctl.adapters.docker.listing import clone_image, observed
from labctl.domain.boxspec import BoxSpec
from labctl.domain.imagery import ImageInfo
from labctl.domain.lab.model import Lab
from labctl.domain.lab.params import Params
from labctl.domain.observed import ALIVE, CloneImage, EngineInfo, ObservedBox, State
from labctl.domain.proof.rules import Mutant
from labctl.domain.site import RunningBox, Site
from labctl.domain.so_far import SelectedCheck
from labctl.domain.spot import Spot, SpotKind
from labctl.domain.verdict import Attempt, CheckResult, Verdict
from labctl.domain.weight import Weight
from labctl.errors import BuildError, EngineError, KeeperGoneError, NameTakenError, UsageError
from labctl.events import BoxReady, Emit, Note
from labctl.hints import Hint
from labctl.ports import CloneCheck, ExecResult, Findings, PowerSwitch

INFO = EngineInfo("20.10.24", "1.41", 1, "overlay2", (), "6.1.0", "Debian", 4, 8 << 30, "/var/lib/docker", (), "fake")

Node = tarfile.TarInfo
Tree = dict[str, tuple[tarfile.TarInfo, bytes]]
"""Absolute path to what is there."""


class Crash(BaseException):
    """Stands for SIGKILL: no later call of labctl has an effect."""


@dataclass
class FakeBox:
    """A container."""

    id: str
    spec: BoxSpec
    state: State = State.CREATED
    starts: int = 0
    tree: Tree = field(default_factory=dict)
    console: bytes = b""


@dataclass
class FakeImage:
    """An image committed from a box."""

    labels: Mapping[str, str]
    tree: Tree


class FakeEngine:
    """Implements ports.Engine. ``trouble`` is called before every change, with the number (from 1) and the name of the
    call, and may raise. ``recognise`` decides for boxes without a store id whether they belong to this store.
    ``talk`` gives the output of ``stream`` for a box and a command."""

    def __init__(self, store: str = "5700e001", recognise: Callable[[ObservedBox], bool] = lambda _box: True) -> None:
        self.store = store
        self.recognise = recognise
        self.boxes: dict[str, FakeBox] = {}
        self.images: dict[str, FakeImage] = {}
        self.foreign: set[str] = set()
        self.calls: list[str] = []
        self.trouble: Callable[[int, str], None] = lambda _number, _name: None
        self.talk: Callable[[str, Sequence[str]], bytes] | None = None
        self._number = itertools.count(1).__next__
        self._lock = threading.RLock()

    def for_store(self, store: str, recognise: Callable[[ObservedBox], bool] = lambda _box: False) -> FakeEngine:
        """Return the same engine for the labctl of another store."""
        other = FakeEngine(store, recognise)
        other.boxes, other.images, other.foreign, other._lock = self.boxes, self.images, self.foreign, self._lock
        other._number = self._number
        return other

    def _change(self, name: str) -> None:
        with self._lock:
            self.calls.append(name)
            self.trouble(len(self.calls), name)

    def fail_at(self, number: int, error: BaseException) -> None:
        """Let the change with that number fail. Later changes succeed."""
        self.calls.clear()

        def trouble(at: int, _name: str) -> None:
            if at == number:
                raise error

        self.trouble = trouble

    def die_at(self, number: int) -> None:
        """Let all changes from that number on have no effect, as if labctl was killed."""
        self.calls.clear()

        def trouble(at: int, _name: str) -> None:
            if at >= number:
                raise Crash

        self.trouble = trouble

    def heal(self) -> None:
        """Remove all faults that were set."""
        self.calls.clear()
        self.trouble = lambda _number, _name: None

    def _box(self, box_id: str) -> FakeBox:
        box = self.boxes.get(box_id)
        if box is None:
            raise EngineError("the Docker engine refused: {why}", why=f"No such container: {box_id}")
        return box

    def info(self) -> EngineInfo:
        """See ports.Engine, also for all methods below."""
        return INFO

    def observe(self, instance: str | None = None) -> list[ObservedBox]:
        found = [box for box in self.observe_all() if not box.clone and instance in (None, box.instance)]
        taken = {box.instance for box in found if box.store == self.store}
        return [
            box
            for box in found
            if box.store == self.store or (not box.store and box.instance not in taken and self.recognise(box))
        ]

    def unclaimed(self, instance: str | None = None) -> list[ObservedBox]:
        found = [box for box in self.observe_all() if not box.store and not box.clone]
        return [box for box in found if instance in (None, box.instance) and not self.recognise(box)]

    def clones(self, original: str | None = None) -> list[ObservedBox]:
        found = [box for box in self.observe_all() if box.clone and box.store == self.store]
        return [box for box in found if original in (None, box.clone)]

    def observe_all(self) -> list[ObservedBox]:
        with self._lock:
            return [_observed(box) for box in self.boxes.values()]

    def create(self, spec: BoxSpec) -> str:
        self._change("create")
        with self._lock:
            if spec.container in self.foreign or any(b.spec.container == spec.container for b in self.boxes.values()):
                raise NameTakenError("there is a container {container}", container=spec.container)
            if spec.image.startswith("sha256:") and spec.image not in self.images:
                raise EngineError("the Docker engine refused: {why}", why=f"No such image: {spec.image}")
            image = self.images.get(spec.image)
            box = FakeBox(f"{self._number():064x}", spec, tree=dict(image.tree) if image else _bare_tree())
            for item in spec.files:
                _put(box.tree, item.path, item.content, item.mode)
            self.boxes[box.id] = box
            return box.id

    def start(self, box_id: str) -> None:
        self._change("start")
        with self._lock:
            box = self._box(box_id)
            if box.state is State.PAUSED:
                raise EngineError("the Docker engine refused: {why}", why="cannot start a paused container")
            if box.state is not State.RUNNING:
                box.state, box.starts = State.RUNNING, box.starts + 1

    def stop(self, box_id: str, timeout: int = 10) -> None:
        self._change("stop")
        with self._lock:
            box = self.boxes.get(box_id)
            if box is not None and box.state in ALIVE:
                box.state = State.STOPPED

    def restart(self, box_id: str, timeout: int = 10) -> None:
        self._change("restart")
        with self._lock:
            box = self._box(box_id)
            box.state, box.starts = State.RUNNING, box.starts + 1

    def remove(self, box_id: str) -> None:
        self._change("remove")
        with self._lock:
            self.boxes.pop(box_id, None)

    def commit(self, box_id: str, labels: Mapping[str, str]) -> str:
        self._change("commit")
        with self._lock:
            image_id = f"sha256:{self._number():064x}"
            self.images[image_id] = FakeImage(dict(labels), dict(self._box(box_id).tree))
            return image_id

    def clone_images(self, original: str | None = None) -> list[CloneImage]:
        with self._lock:
            images = [(image_id, dict(image.labels)) for image_id, image in self.images.items()]
        clones = [(image_id, labels) for image_id, labels in images if labels.get("labctl.role") == "clone-image"]
        found = [clone_image({"Id": image_id, "Labels": labels}) for image_id, labels in clones]
        return [image for image in found if image.store == self.store and original in (None, image.clone)]

    def remove_image(self, image_id: str) -> bool:
        self._change("remove_image")
        with self._lock:
            if any(box.spec.image == image_id for box in self.boxes.values()):
                return False
            self.images.pop(image_id, None)
            return True

    def running(self, box_id: str) -> RunningBox | None:
        box = self.boxes.get(box_id)
        return (
            RunningBox(box.id, 1, f"start {box.starts}") if box and box.state in (State.RUNNING, State.PAUSED) else None
        )

    def exec(
        self,
        box_id: str,
        argv: Sequence[str],
        *,
        stdin: bytes | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> ExecResult:
        box = self._box(box_id)
        if box.state is not State.RUNNING:
            raise EngineError("the Docker engine refused: {why}", why="it is not running")
        return _shell(argv, stdin or b"", environment or {})

    def stream(self, box_id: str, argv: Sequence[str]) -> Any:
        if self.talk is None:
            raise NotImplementedError("bytes to talk through need a process")
        box = self._box(box_id)
        if box.state is not State.RUNNING:
            raise EngineError("the Docker engine refused: {why}", why="it is not running")
        return FakeStream(self.talk(box_id, argv))

    def terminal(
        self, box_id: str, argv: Sequence[str], environment: Mapping[str, str], rows: int, columns: int
    ) -> Any:
        raise NotImplementedError("a terminal needs a process")

    def process(
        self, box_id: str, argv: Sequence[str], environment: Mapping[str, str], on_stderr: Callable[[bytes], object]
    ) -> Any:
        raise NotImplementedError("bytes to talk through need a process")

    def find(self, box_id: str, path: str) -> Spot:
        box = self._box(box_id)
        found = "/"
        for part in posixpath.normpath(path).strip("/").split("/"):
            step = posixpath.join(found, part)
            found = _resolve(box.tree, step) or step
        node = box.tree.get(found, (None, b""))[0]
        kind = "missing" if node is None else "folder" if node.isdir() else "file" if node.isreg() else "other"
        return Spot(found, SpotKind(kind), box.state is State.RUNNING)

    def put_archive(self, box_id: str, path: str, tar: bytes | IO[bytes]) -> None:
        self._change("put_archive")
        box = self._box(box_id)
        folder = _resolve(box.tree, path)
        if folder is None or not box.tree[folder][0].isdir():
            raise UsageError("there is no folder {path} in the box", path=path)
        if not isinstance(tar, bytes):
            tar.seek(0)
        data = tar if isinstance(tar, bytes) else tar.read()
        with tarfile.open(fileobj=io.BytesIO(data)) as archive:
            for member in archive:
                content = archive.extractfile(member).read() if member.isfile() else b""  # type: ignore[union-attr]
                box.tree[posixpath.normpath(posixpath.join(folder, member.name))] = (member, content)

    def get_archive(
        self, box_id: str, path: str, left_out: Callable[[str], object] = lambda _name: None
    ) -> Iterator[bytes]:
        box = self._box(box_id)
        found = posixpath.normpath(path)
        if found not in box.tree:
            raise UsageError("there is no {path} in the box", path=path)
        return iter([_archive(box.tree, found)])

    def logs(self, box_id: str, tail: int) -> bytes:
        return b"".join(self._box(box_id).console.splitlines(keepends=True)[-tail:])

    def memory(self, box_id: str) -> int:
        self._box(box_id)
        return 20 << 20


def _observed(box: FakeBox) -> ObservedBox:
    found = observed(
        {
            "Id": box.id,
            "Names": [f"/{box.spec.container}"],
            "Labels": box.spec.all_labels(),
            "State": "running",
            "Status": str(box.state),
            "Image": box.spec.image,
            "Created": 0,
        }
    )
    return msgspec.structs.replace(found, state=box.state)


def _bare_tree() -> Tree:
    tree: Tree = {}
    for path in ("/", "/root", "/etc", "/tmp", "/usr", "/usr/bin"):
        tree[path] = (_node(path, tarfile.DIRTYPE), b"")
    link = _node("/bin", tarfile.SYMTYPE)
    link.linkname = "usr/bin"
    tree["/bin"] = (link, b"")
    return tree


def _node(path: str, kind: bytes) -> tarfile.TarInfo:
    node = tarfile.TarInfo(posixpath.basename(path))
    node.type = kind
    return node


def _put(tree: Tree, path: str, content: bytes, mode: int = 0o644) -> None:
    node = _node(path, tarfile.REGTYPE)
    node.mode = mode
    tree[path] = (node, content)


def _resolve(tree: Tree, path: str) -> str | None:
    """Return the path after following a symlink at its end."""
    clean = posixpath.normpath(path)
    node = tree.get(clean, (None, b""))[0]
    if node is not None and node.issym():
        return posixpath.normpath(posixpath.join(posixpath.dirname(clean), node.linkname))
    return clean if node is not None else None


def _archive(tree: Tree, top: str) -> bytes:
    buffer = io.BytesIO()
    name = posixpath.basename(top) or "/"
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for path in sorted(tree):
            if path == top or path.startswith(f"{top.rstrip('/')}/"):
                node, content = tree[path]
                copy = tarfile.TarInfo(name + path[len(top) :])
                copy.type, copy.mode, copy.linkname, copy.size = node.type, node.mode, node.linkname, len(content)
                archive.addfile(copy, io.BytesIO(content))
    return buffer.getvalue()


_ECHO = re.compile(r"echo (?P<words>[^;>]*?)\s*(?P<err>>&2)?")


def _shell(argv: Sequence[str], stdin: bytes, environment: Mapping[str, str]) -> ExecResult:
    """Run as much of a shell as the contract tests need: cat, and sh -c with echo, exit and variables."""
    if argv[0] in ("cat", "/bin/cat"):
        return ExecResult(0, stdin, b"")
    if list(argv[:2]) != ["/bin/sh", "-c"]:
        return ExecResult(127 if "/" not in argv[0] else 126, b"OCI runtime exec failed", b"")
    out, err = b"", b""
    for part in argv[2].split(";"):
        words = re.sub(r"\$(\w+)", lambda match: environment.get(match[1], ""), part.strip())
        if match := _ECHO.fullmatch(words):
            line = match["words"].encode() + b"\n"
            out, err = (out, err + line) if match["err"] else (out + line, err)
        elif words.startswith("exit "):
            return ExecResult(int(words[5:]), out, err)
        else:
            raise NotImplementedError(part)
    return ExecResult(0, out, err)


class FakeStream:
    """The output of a process that has ended. Implements ports.ByteStream."""

    def __init__(self, output: bytes) -> None:
        self._output = [output] if output else []

    def fileno(self) -> int:
        raise NotImplementedError("there is nothing to wait for")

    def pending(self) -> bool:
        return True

    def read(self, size: int = 65536) -> bytes:
        return self._output.pop() if self._output else b""

    def write(self, data: bytes) -> None: ...

    def close_write(self) -> None: ...

    def close(self) -> None: ...


class FakeKeeper:
    """Implements ports.Keeper. ``trouble`` may raise in ``ensure``. Boxes in ``late`` never become ready. ``hung`` is
    called if somebody waits without end. ``weights`` are those of boxes by name."""

    def __init__(self, engine: FakeEngine, running: bool = False) -> None:
        self._engine = engine
        self.states = dict.fromkeys(("keeper", "switch"), "running" if running else "missing")
        self.trouble: Callable[[], None] = lambda: None
        self.late: set[str] = set()
        self.hung: Callable[[], object] | None = None
        self.watching = False
        self.weights: dict[str, Weight] = {}
        self.held: set[str] = set()
        self.spared: dict[str, float] = {}

    def state(self) -> Mapping[str, str]:
        return dict(self.states)

    def ensure(self) -> bool:
        if set(self.states.values()) == {"running"}:
            return False
        self.states["switch"] = "running"
        self.trouble()
        self.states["keeper"] = "running"
        return True

    @contextmanager
    def watch(self) -> Iterator[FakeWatch]:
        self.watching = True
        try:
            yield FakeWatch(self, self._engine)
        finally:
            self.watching = False

    @contextmanager
    def hold(self, boxes: Mapping[str, str]) -> Iterator[Mapping[str, Weight]]:
        self.held = set(boxes)
        try:
            yield {name: self.weights.get(name, Weight(1 << 20)) for name in boxes}
        finally:
            self.held = set()

    @contextmanager
    def spare(self, instance: str, seconds: float) -> Iterator[None]:
        assert instance not in self.spared, "one at a time"
        self.spared[instance] = seconds
        try:
            yield
        finally:
            del self.spared[instance]

    def remove(self) -> None:
        self.states = dict.fromkeys(self.states, "missing")


class FakeWatch:
    """Implements ports.Watch."""

    def __init__(self, keeper: FakeKeeper, engine: FakeEngine) -> None:
        self._keeper = keeper
        self._engine = engine

    def wait_ready(self, box_ids: Mapping[str, str], deadline: float, emit: Emit) -> None:
        self._engine._change("wait_ready")
        if self._keeper.hung:
            self._keeper.hung()
            until(lambda: not self._keeper.watching, "the watch was never closed")
            raise KeeperGoneError("the keeper stopped while boxes were starting")
        if set(self._keeper.state().values()) != {"running"}:
            raise KeeperGoneError("the keeper stopped while boxes were starting")
        for name, box_id in box_ids.items():
            if name in self._keeper.late or not self._engine.running(box_id):
                raise EngineError("{box} did not finish starting", box=name)
            emit(BoxReady(name, 0.0))


class FakeImages:
    """Implements the part of ports.Images that Up and Doctor need."""

    def __init__(self, present: bool = True, version: str = "1") -> None:
        self.built: set[str] = set()
        self.all_present = present
        self.version = version
        self.broken = False
        self.baking: Callable[[], object] = lambda: None
        self.ensured: list[list[str]] = []
        self.packages: list[list[str]] = []
        self.no_packages = False

    def tags(self, lab: Lab) -> Mapping[str, str] | None:
        if not (self.all_present or lab.name in self.built):
            return None
        return {box: f"labctl/{lab.name}-{box}:{self.version}" for box in lab.boxes}

    def ensure(self, labs: Sequence[Lab], emit: Emit) -> None:
        self.ensured.append([lab.name for lab in labs])
        if self.broken:
            raise BuildError("the image {image} can't be built", image="box")
        self.baking()
        self.built |= {lab.name for lab in labs}

    def ensure_packages(self, labs: Sequence[Lab], emit: Emit) -> None:
        self.packages.append([lab.name for lab in labs])
        if self.no_packages:
            raise BuildError("the Python packages can't be installed")

    def listing(self, labs: Sequence[Lab]) -> list[ImageInfo]:
        return []

    def save(self, labs: Sequence[Lab], path: str, emit: Emit) -> int:
        raise NotImplementedError

    def load(self, path: str, emit: Emit) -> list[str]:
        raise NotImplementedError

    def prune(self, labs: Sequence[Lab], emit: Emit) -> list[ImageInfo]:
        return []


class FakeStore:
    """Implements ports.Store."""

    def __init__(self) -> None:
        self._attempts: list[Attempt] = []
        self._hints: dict[tuple[str, str], int] = {}

    def add_attempt(self, attempt: Attempt) -> int:
        self._attempts.append(attempt)
        return len(self.attempts(attempt.instance))

    def attempts(self, instance: str) -> list[Attempt]:
        return [attempt for attempt in self._attempts if attempt.instance == instance]

    def latest(self, lab: str) -> list[Attempt]:
        # Like a database table: in the order of insertion.
        last = {attempt.instance: at for at, attempt in enumerate(self._attempts) if attempt.lab == lab}
        return [self._attempts[at] for at in sorted(last.values())]

    def add_hint(self, instance: str, task: str, level: int) -> None:
        key = instance, task
        self._hints[key] = max(level, self._hints.get(key, 0))

    def hints(self, instance: str) -> dict[str, int]:
        return {task: level for (owner, task), level in self._hints.items() if owner == instance}


class FakeLocks:
    """Implements ports.Locks among threads. A thread that requests a lock which it already holds would deadlock, so the
    request fails."""

    def __init__(self) -> None:
        self._locks: dict[str, threading.Lock] = {}
        self._owners: dict[str, int] = {}
        self.places: dict[str, threading.BoundedSemaphore] = {}
        self.held: list[str] = []

    @contextmanager
    def hold(self, name: str, emit: Emit) -> Iterator[None]:
        lock = self._locks.setdefault(name, threading.Lock())
        if not lock.acquire(blocking=False):
            assert self._owners.get(name) != threading.get_ident(), f"{name} is held by this thread already"
            emit(Note("another labctl is working on {what}; waiting for that process", (("what", name),)))
            assert lock.acquire(timeout=10), f"the lock {name} was never released"
        self._owners[name] = threading.get_ident()
        self.held.append(name)
        try:
            yield
        finally:
            del self._owners[name]
            lock.release()

    @contextmanager
    def slot(self, name: str, width: int, emit: Emit) -> Iterator[None]:
        places = self.places.setdefault(name, threading.BoundedSemaphore(width))
        assert places.acquire(timeout=10), f"no slot of {name} became free"
        try:
            yield
        finally:
            places.release()

    def forget(self, name: str) -> None:
        for lock in [one for one in self._locks if one == name or one.startswith(f"{name}.")]:
            del self._locks[lock]


class FakeCatalog:
    """Implements ports.Catalog."""

    def __init__(self, *labs: Lab) -> None:
        self._labs = {lab.name: lab for lab in labs}
        self.briefs: dict[str, str] = {}
        self.all_mutants: list[Mutant] = []

    def checks_dir(self, name: str) -> Path:
        """A folder that does not exist, so the checks of no lab need packages."""
        return Path("/nonexistent", name)

    def names(self) -> list[str]:
        return sorted(self._labs)

    def lab(self, name: str) -> Lab:
        if name not in self._labs:
            raise UsageError("there is no lab {lab}", hint=Hint.NAME_LAB, lab=name)
        return self._labs[name]

    def brief(self, name: str, language: str) -> str:
        return self.briefs.get(language, f"# {self.lab(name).name}")

    def mutants(self, lab: str) -> list[Mutant]:
        return list(self.all_mutants)


class FakeChecker:
    """Implements ports.Checker. ``meanwhile`` is called while the checks run. ``hurts`` are the checks that run on a
    clone only, and ``on_clone`` returns their results."""

    def __init__(self, *results: CheckResult) -> None:
        self.results = list(results)
        self.hurts: list[CloneCheck] = []
        self.on_clone: Callable[[CloneCheck, Site, PowerSwitch], CheckResult] = lambda check, _site, _power: (
            CheckResult(check.task, check.name, Verdict.PASSED)
        )
        self.changed: dict[str, tuple[str, ...]] = {}
        self.meanwhile: Callable[[], None] = lambda: None
        self.asked: list[tuple[dict[str, str], Params, frozenset[str] | None]] = []
        self.spare = 0

    def prepare(self) -> None:
        self.spare += 1

    def stop(self) -> None:
        self.spare = 0

    def run(
        self,
        site: Site,
        lab: Lab,
        params: Params,
        only: frozenset[str] | None = None,
        *,
        on_clones: Callable[[list[CloneCheck]], None] = lambda _found: None,
        selected: Callable[[Sequence[SelectedCheck]], None] = lambda _checks: None,
        heard: Callable[[CheckResult], None] = lambda _result: None,
        pick: Sequence[str] | None = None,
        power: PowerSwitch | None = None,
    ) -> Findings:
        if pick is not None:
            assert power is not None, "a check on a clone needs a power switch"
            return Findings(_heard([self.on_clone(check, site, power) for check in self._picked(pick)], heard), {})
        self.spare = max(0, self.spare - 1)
        self.asked.append(({name: running.id for name, running in site.boxes.items()}, params, only))
        results = [result for result in self.results if only is None or result.task in only]
        selected([SelectedCheck(result.task, result.name) for result in results])
        on_clones([check for check in self.hurts if only is None or check.task in only])
        self.meanwhile()
        return Findings(_heard(results, heard), self.changed)

    def _picked(self, pick: Sequence[str]) -> list[CloneCheck]:
        return [check for check in self.hurts if check.name in pick]


def _heard(results: list[CheckResult], heard: Callable[[CheckResult], None]) -> list[CheckResult]:
    for result in results:
        heard(result)
    return results


def until(condition: Callable[[], bool], why: str, seconds: float = 10.0) -> None:
    """Wait for something that another thread or process does. ``why`` is the message of the error after the time
    limit."""
    deadline = time.monotonic() + seconds
    pause = threading.Event()
    while not condition():
        assert time.monotonic() < deadline, why
        pause.wait(0.01)
