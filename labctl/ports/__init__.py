"""The Protocols through which services reach the outside. Adapters implement them, and tests/fakes.py implements them
too. One suite of contract tests runs on both."""

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
    """Boxes on a Docker engine. Every method raises EngineError if the engine can't be reached."""

    def info(self) -> EngineInfo:
        """Return the data of the engine and its machine."""

    @property
    def store(self) -> str:
        """The id of the store whose boxes ``observe``, ``clones`` and ``clone_images`` return."""

    def observe(self, instance: str | None = None) -> list[ObservedBox]:
        """Return all boxes of this store, running or not, or the boxes of one instance.

        Boxes of clones are not included, so no caller takes a clone for a learner's box. Boxes that were created before
        stores had ids are included if two conditions hold: they are known to belong to this store, and their instance
        has no other boxes.
        """

    def unclaimed(self, instance: str | None = None) -> list[ObservedBox]:
        """Return the boxes that were created before stores had ids and that aren't known to belong to this store: all
        of them, or the boxes of one instance. Boxes of clones are not included."""

    def observe_all(self) -> list[ObservedBox]:
        """Return all boxes of all stores, including boxes of clones. It is for decisions about the whole engine. None
        of these boxes may be changed."""

    def clones(self, original: str | None = None) -> list[ObservedBox]:
        """Return the boxes of all clones of this store, running or not, or of the clones of one instance."""

    def create(self, spec: BoxSpec) -> str:
        """Create a box without starting it, and return its id. Raises NameTakenError if a container of that name
        exists."""

    def start(self, box_id: str) -> None:
        """Start the box. A running box stays unchanged."""

    def stop(self, box_id: str, timeout: int = 10) -> None:
        """Stop the box; after ``timeout`` seconds, kill it. A ``timeout`` of 0 is a power cut: the box gets no signal
        before. A stopped or missing box stays unchanged."""

    def restart(self, box_id: str, timeout: int = 10) -> None:
        """Stop the box and start it."""

    def remove(self, box_id: str) -> None:
        """Kill the box and remove it with all its content. A missing box is no error."""

    def commit(self, box_id: str, labels: Mapping[str, str]) -> str:
        """Create an image of the box's disk at one moment, and return its id.

        The box is paused for this, for 0.1 s or more, depending on the written data. Holes of sparse files are written
        as zeros: see ``Keeper.hold``. Of labctl's labels, the image has ``labels`` and no others. Mounts are not in the
        image: /run, and the engine's /etc/hosts, /etc/hostname and /etc/resolv.conf.
        """

    def clone_images(self, original: str | None = None) -> list[CloneImage]:
        """Return all images of this store that were committed with ``Instance.clone_image_labels``, or those of one
        instance."""

    def remove_image(self, image_id: str) -> bool:
        """Remove the image. A missing image is no error. Returns False if a box uses the image: then it stays."""

    def running(self, box_id: str) -> RunningBox | None:
        """Return the running state of the box: another ``Running`` after each start, None if the box doesn't run."""

    def exec(
        self,
        box_id: str,
        argv: Sequence[str],
        *,
        stdin: bytes | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> ExecResult:
        """Run a command as root in the box and wait. If it can't be started, the exit code is 126 or 127."""

    def stream(self, box_id: str, argv: Sequence[str]) -> ByteStream:
        """Run a command whose stdin and stdout are a stream of bytes."""

    def terminal(
        self, box_id: str, argv: Sequence[str], environment: Mapping[str, str], rows: int, columns: int
    ) -> Terminal:
        """Run a command on a terminal."""

    def process(
        self, box_id: str, argv: Sequence[str], environment: Mapping[str, str], on_stderr: Callable[[bytes], object]
    ) -> Process:
        """Run a command whose stdin and stdout are a stream of bytes. ``on_stderr`` receives its stderr."""

    def find(self, box_id: str, path: str) -> Spot:
        """Find the target of an absolute path in the box, with every link followed within the box. If the box doesn't
        run, the path is searched on its disk."""

    def put_archive(self, box_id: str, path: str, tar: bytes | IO[bytes]) -> None:
        """Unpack a tar archive (GNU's format) in a folder of the box, as the box sees its files, including mounts.

        Files replace files, and folders receive new files. Nothing is changed until the whole archive is in the box. A
        box that doesn't run has its disk and no mounts. Raises UsageError if the folder doesn't exist or can't be
        written. Also raises it if a folder would replace a file, or a file would replace a folder.
        """

    def get_archive(self, box_id: str, path: str, left_out: Callable[[str], object] = ...) -> Iterator[bytes]:
        """Return a file or folder of the box as a tar archive, as the box sees it. If the box doesn't run, its disk is
        read. A link is returned as a link. ``left_out`` receives the sockets, which no archive can hold. Raises
        UsageError if the path is missing or unreadable, also after part of the archive was returned."""

    def logs(self, box_id: str, tail: int) -> bytes:
        """Return the last lines of the box's console."""

    def memory(self, box_id: str) -> int:
        """Return the memory of a running box in bytes, by its own cgroup, without the page cache that can be freed at
        once."""


class Images(Protocol):
    """Images, content-addressed: a tag is a hash of all that goes into it."""

    def tags(self, lab: Lab) -> Mapping[str, str] | None:
        """Return a map from box to tag if every image of the lab exists; None if an image must be built."""

    def ensure(self, labs: Sequence[Lab], emit: Emit) -> None:
        """Build the missing images of these labs, in parallel as far as their dependencies allow. An interrupted or
        failed build leaves no incomplete image. Raises BuildError."""

    def listing(self, labs: Sequence[Lab]) -> list[ImageInfo]:
        """Return labctl's images on the engine. ``current`` marks the images that these labs would use."""

    def save(self, labs: Sequence[Lab], path: str, emit: Emit) -> int:
        """Write all images of these labs to one file, for a machine without network. Returns its size in bytes."""

    def load(self, path: str, emit: Emit) -> list[str]:
        """Import a file that ``save`` wrote, and return the tags."""

    def prune(self, labs: Sequence[Lab], emit: Emit) -> list[ImageInfo]:
        """Remove images that neither these labs nor a box uses, and return them."""


class Provisioner(Protocol):
    """Run plays on boxes."""

    def run(self, lab: Lab, play: str, boxes: Mapping[str, str], params: Params, emit: Emit) -> None:
        """Run ``playbooks/<lab>/<play>.yml`` on boxes (name to container id). Raises BuildError with the task's name
        and its message."""

    def stop(self) -> None:
        """End all runs, from any thread. They raise BuildError."""

    def plays(self, lab: Lab) -> Sequence[str]:
        """Return the names of the lab's plays, without .yml."""


class CloneCheck(msgspec.Struct, frozen=True):
    """A check that runs only on a clone: its pytest id, its task and its title. A check that is ``shared`` runs in
    every verify, on the one clone of all such checks. Other checks kill, cut or reboot something, and need a clone of
    their own."""

    name: str
    task: str
    title: str
    shared: bool = False


class Findings(msgspec.Struct, frozen=True):
    """The results of checks, and for each box the files of its packages that differ from the installed version.
    ``unseen`` maps a box to the reason why its files could not be inspected."""

    results: list[CheckResult]
    changed: dict[str, tuple[str, ...]]
    unseen: dict[str, str] = {}


PowerAct = Literal["reboot", "off", "on"]
PowerSwitch = Callable[[str, PowerAct], RunningBox]
"""Switch the power of a box of a clone, and return its running state; after ``off`` its pid is 0. Raises
LabctlError."""


class Checker(Protocol):
    """Run checks on boxes."""

    def prepare(self) -> None:
        """Prepare for a run that comes soon: load the modules that it needs."""

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
        """Run the lab's checks, or those of the tasks in ``only``.

        Checks that need a clone are not run, but given to ``on_clones`` at once. On a clone, ``pick`` names the checks
        to run. May be called from several threads. Raises ChecksError if the run itself fails. A single check that
        can't run is a result with verdict error.
        """

    def stop(self) -> None:
        """End all runs, from any thread. They raise ChecksError."""


class Watcher(Protocol):
    """Report changes in boxes."""

    def watch(self, site: Site) -> AbstractContextManager[Callable[[float], bool]]:
        """Watch these boxes. Gives a function that waits for at most that number of seconds. It returns True as soon as
        a file was written, a program was run, or a box ended. Raises EngineError."""


class Catalog(Protocol):
    """Labs and the files that belong to them."""

    def names(self) -> list[str]:
        """Return the names of all labs, sorted."""

    def lab(self, name: str) -> Lab:
        """Return that lab. Raises UsageError, with the nearest name, for an unknown lab, and InvalidLabError for a
        faulty lab."""

    def brief(self, name: str, language: str) -> str:
        """Return the lab's brief in Markdown, without params filled in."""

    def mutants(self, lab: str) -> Sequence[Mutant]:
        """Return the lab's mutants, sorted. Raises InvalidLabError for a mutant that names no task, or an unknown
        task."""


class Notes(Protocol):
    """The keeper's notes on boxes."""

    def of(self, boxes: Collection[str]) -> list[BoxNote]:
        """Return the latest note of each kind since the start of these boxes (ids), oldest first. Raises
        EngineError."""


class Locks(Protocol):
    """Locks between processes, so that only one does a piece of work at a time."""

    def hold(self, name: str, emit: Emit) -> AbstractContextManager[None]:
        """Hold the lock of that name. If another labctl has it, a Note names the owner and this labctl waits."""

    def slot(self, name: str, width: int, emit: Emit) -> AbstractContextManager[None]:
        """Take one of ``width`` places, which all labctl processes of this store on this machine share. The order is
        fair: a process that wants one place doesn't wait long behind a process that wants hundreds. A Note reports a
        long wait."""

    def forget(self, name: str) -> None:
        """Forget the lock of that name, and the locks whose name begins with that name and a dot. They are never needed
        again."""
