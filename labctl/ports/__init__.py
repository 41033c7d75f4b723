"""What services need from the outside, as Protocols. Adapters implement them, tests/fakes.py too, and one suite of
contract tests runs on both."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import IO, Literal, Protocol

import msgspec

from labctl.domain.boxspec import BoxSpec
from labctl.domain.imagery import ImageInfo
from labctl.domain.lab.model import Lab
from labctl.domain.lab.params import Params
from labctl.domain.notes import BoxNote
from labctl.domain.observed import CloneImage, EngineInfo, ObservedBox
from labctl.domain.proof.rules import Mutant
from labctl.domain.site import RunningBox, Site
from labctl.domain.spot import Spot
from labctl.domain.verdict import CheckResult
from labctl.events import Emit
from labctl.ports.keeper import Keeper as Keeper
from labctl.ports.keeper import KeeperWatch as KeeperWatch
from labctl.ports.store import Cohorts as Cohorts
from labctl.ports.store import Store as Store
from labctl.streams import ByteStream as ByteStream
from labctl.streams import ExecResult as ExecResult
from labctl.streams import Process as Process
from labctl.streams import Terminal as Terminal


class Engine(Protocol):
    """Boxes on a Docker engine. Every method raises EngineError where the engine can't be reached."""

    def info(self) -> EngineInfo:
        """What this engine is."""

    @property
    def store(self) -> str:
        """The id of the store whose boxes ``observe``, ``clones`` and ``clone_images`` tell of."""

    def observe(self, instance: str | None = None) -> list[ObservedBox]:
        """All boxes of this store, running or not, or those of one instance. Clones' are none of them: whoever looks
        for learners' boxes never takes one of these for it. Boxes that were made before stores had ids are among them
        if they are known to be this store's, and their instance has no others."""

    def unclaimed(self, instance: str | None = None) -> list[ObservedBox]:
        """Boxes that were made before stores had ids and that aren't known to be this store's: all of them, or those
        of an instance of that name. Clones' are none of them."""

    def observe_all(self) -> list[ObservedBox]:
        """All boxes of all stores, clones' too: for what concerns the whole engine. None of them may be changed."""

    def clones(self, original: str | None = None) -> list[ObservedBox]:
        """The boxes of all clones of this store, running or not, or of the clones of one instance."""

    def create(self, spec: BoxSpec) -> str:
        """Make a box, not started; its id. Raises NameTakenError where a container of that name exists already."""

    def start(self, box_id: str) -> None:
        """Start it. A running one stays as it is."""

    def stop(self, box_id: str, timeout: int = 10) -> None:
        """Shut it down; after ``timeout`` seconds, kill it. With 0 it is a power cut: nothing in the box gets to know.
        A stopped or missing one stays as it is."""

    def restart(self, box_id: str, timeout: int = 10) -> None:
        """Stop it and start it."""

    def remove(self, box_id: str) -> None:
        """Kill and remove it with all that it holds. A missing one is fine."""

    def commit(self, box_id: str, labels: Mapping[str, str]) -> str:
        """An image of all that the box's disk holds at one moment, for which it stands still (0.1 s and more, by what
        was written); the image's id. Holes of sparse files are written as zeros: see ``Keeper.hold``. Of labctl's
        labels it has ``labels`` and no others. What is mounted isn't in it: /run, and /etc/hosts, /etc/hostname and
        /etc/resolv.conf, which are the engine's."""

    def clone_images(self, original: str | None = None) -> list[CloneImage]:
        """All images of this store that were committed with ``Instance.clone_image_labels``, or those of one
        instance."""

    def remove_image(self, image_id: str) -> bool:
        """Remove it. A missing one is fine. False where a box was made from it: then it stays."""

    def running(self, box_id: str) -> RunningBox | None:
        """How the box runs now: another ``Running`` after each start; None where it doesn't."""

    def exec(
        self,
        box_id: str,
        argv: Sequence[str],
        *,
        stdin: bytes | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> ExecResult:
        """Run a command as root in the box and wait. Where it can't be started, the exit code is 126 or 127."""

    def stream(self, box_id: str, argv: Sequence[str]) -> ByteStream:
        """Run a command with its stdin and stdout as bytes to talk through."""

    def terminal(
        self, box_id: str, argv: Sequence[str], environment: Mapping[str, str], rows: int, columns: int
    ) -> Terminal:
        """Run a command on a terminal."""

    def process(
        self, box_id: str, argv: Sequence[str], environment: Mapping[str, str], on_stderr: Callable[[bytes], object]
    ) -> Process:
        """Run a command with its stdin and stdout as bytes to talk through; ``on_stderr`` gets what else it says."""

    def find(self, box_id: str, path: str) -> Spot:
        """Where an absolute path of the box leads, every link followed, within the box. Of a box that doesn't run, on
        its disk."""

    def put_archive(self, box_id: str, path: str, tar: bytes | IO[bytes]) -> None:
        """Unpack a tar archive (GNU's format) in a folder of the box, as the box sees its files: also on what is
        mounted there. Files replace files, folders get what is new; nothing is changed until all of the archive is in
        the box. A box need not run; then it has its disk and no mounts. Raises UsageError where there is no such
        folder, where a folder is in a file's way or a file in a folder's, and where it can't be written."""

    def get_archive(self, box_id: str, path: str, left_out: Callable[[str], object] = ...) -> Iterator[bytes]:
        """A file or folder of the box as a tar archive, as the box sees it; of one that doesn't run, as it is on its
        disk. A link comes as itself. ``left_out`` is told of the sockets, which no archive can hold. Raises UsageError,
        also in the midst, where there is none or it can't be read."""

    def logs(self, box_id: str, tail: int) -> bytes:
        """The last lines that the box's console printed."""

    def memory(self, box_id: str) -> int:
        """What a running box uses, in bytes, by its own cgroup: less the page cache that could be had back at once."""


class Images(Protocol):
    """Images, content-addressed: a tag is a hash of all that goes into it."""

    def tags(self, lab: Lab) -> Mapping[str, str] | None:
        """Box to tag, where every image of the lab is there already; None where something has to be built."""

    def ensure(self, labs: Sequence[Lab], emit: Emit) -> None:
        """Build what is missing for these labs, as parallel as their dependencies allow. An interrupted or failed
        build leaves nothing half-made. Raises BuildError."""

    def listing(self, labs: Sequence[Lab]) -> list[ImageInfo]:
        """labctl's images on the engine; ``current`` tells the ones that these labs would use."""

    def save(self, labs: Sequence[Lab], path: str, emit: Emit) -> int:
        """All that these labs need as one file for a machine without network; its size in bytes."""

    def load(self, path: str, emit: Emit) -> list[str]:
        """Take in what ``save`` wrote; the tags."""

    def prune(self, labs: Sequence[Lab], emit: Emit) -> list[ImageInfo]:
        """Remove images that neither these labs nor a box uses; what was removed."""


class Provisioner(Protocol):
    """Plays on boxes."""

    def run(self, lab: Lab, play: str, boxes: Mapping[str, str], params: Params, emit: Emit) -> None:
        """Run ``playbooks/<lab>/<play>.yml`` on boxes (name to container id). Raises BuildError with the task's name
        and its message."""

    def stop(self) -> None:
        """End all runs, from any thread: they raise BuildError."""

    def plays(self, lab: Lab) -> Sequence[str]:
        """The names of the lab's plays, without .yml."""


class CloneCheck(msgspec.Struct, frozen=True):
    """A check that runs on a clone only: its pytest id, its task, its title. One that is ``shared`` belongs to every
    verify and runs on the one clone of all such checks; others kill, cut or reboot something and want a clone of their
    own."""

    name: str
    task: str
    title: str
    shared: bool = False


class Findings(msgspec.Struct, frozen=True):
    """What checks said, and for each box which files of its packages aren't as they were installed. ``unseen``: box to
    why its files could not be looked at."""

    results: list[CheckResult]
    changed: dict[str, tuple[str, ...]]
    unseen: dict[str, str] = {}


PowerAct = Literal["reboot", "off", "on"]
PowerSwitch = Callable[[str, PowerAct], RunningBox]
"""Does that to a box of a clone, and tells how it runs then (after ``off`` its pid is 0). Raises LabctlError."""


class Checker(Protocol):
    """Checks on boxes."""

    def prepare(self) -> None:
        """A run will come soon: load what it needs meanwhile."""

    def run(
        self,
        site: Site,
        lab: Lab,
        params: Params,
        only: frozenset[str] | None = None,
        *,
        on_clones: Callable[[list[CloneCheck]], None] = ...,
        pick: Sequence[str] | None = None,
        power: PowerSwitch | None = None,
    ) -> Findings:
        """Run the lab's checks (those of the tasks in ``only``) but for those that want a clone, which ``on_clones`` is
        told of at once; or, on a clone, those that are called as ``pick`` says. May be called from several threads.
        Raises ChecksError where the run itself is broken; a single check that can't run is a result with verdict
        error."""

    def stop(self) -> None:
        """End all runs, from any thread: they raise ChecksError."""


class Watcher(Protocol):
    """Tells of changes in boxes."""

    def watch(self, site: Site) -> AbstractContextManager[Callable[[float], bool]]:
        """Watch these boxes. What it gives waits for so many seconds at most, and is true as soon as a file was
        written, a program was run or a box ended. Raises EngineError."""


class Catalog(Protocol):
    """Labs and what belongs to them."""

    def names(self) -> list[str]:
        """All labs, sorted."""

    def lab(self, name: str) -> Lab:
        """That lab. Raises UsageError with the nearest name for an unknown one, InvalidLabError for a faulty one."""

    def brief(self, name: str, language: str) -> str:
        """The lab's brief, Markdown, params not filled in."""

    def mutants(self, lab: str) -> Sequence[Mutant]:
        """The lab's mutants, sorted. Raises InvalidLabError for one that names no task, or tasks that aren't there."""


class Notes(Protocol):
    """What the keeper noted of boxes."""

    def of(self, boxes: Collection[str]) -> list[BoxNote]:
        """Of the boxes with these ids the latest of each kind since their start, oldest first. Raises EngineError."""


class Locks(Protocol):
    """One piece of work at a time."""

    def hold(self, name: str, emit: Emit) -> AbstractContextManager[None]:
        """Hold the lock of that name; a Note of who has it where another labctl does and this one waits."""

    def slot(self, name: str, width: int, emit: Emit) -> AbstractContextManager[None]:
        """One of ``width`` places, which all labctl of this store share on this machine; in turn, so that one who wants
        one isn't passed by for long by another who wants hundreds. A Note where that takes its time."""

    def forget(self, name: str) -> None:
        """Nobody will ever ask again for the lock of that name, nor for one whose name begins with it and a dot."""
