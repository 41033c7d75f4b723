"""The Protocols through which services use engines, files and databases. Adapters implement these Protocols, and so do
the fakes in tests/fakes.py. The same contract tests run on adapters and on fakes."""

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
from labctl.domain.so_far import SelectedCheck
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
        """Return the boxes of this store, running or not. ``instance`` selects the boxes of one instance.

        Boxes of clones are not included, so that no caller mistakes a clone for a learner's box. Boxes that were
        created before stores had ids are included if two conditions hold: they are known to belong to this store, and
        their instance has no other boxes.
        """

    def unclaimed(self, instance: str | None = None) -> list[ObservedBox]:
        """Return boxes that were created before stores had ids and that aren't known to belong to this store.
        ``instance`` selects the boxes of one instance. Boxes of clones are not included."""

    def observe_all(self) -> list[ObservedBox]:
        """Return all boxes of all stores, including boxes of clones. This method is for decisions that concern the
        whole engine. Callers must not change any of these boxes."""

    def clones(self, original: str | None = None) -> list[ObservedBox]:
        """Return the boxes of the clones of this store, running or not. ``original`` selects the clones of one
        instance."""

    def create(self, spec: BoxSpec) -> str:
        """Create a box without starting it, and return its id. Raises NameTakenError if a container of that name
        exists."""

    def start(self, box_id: str) -> None:
        """Start the box. A running box stays unchanged."""

    def stop(self, box_id: str, timeout: int = 10) -> None:
        """Stop the box, and kill it if it still runs after ``timeout`` seconds. A ``timeout`` of 0 is a power cut: the
        box is killed without a signal that it could handle. If the box is stopped or missing, nothing happens."""

    def restart(self, box_id: str, timeout: int = 10) -> None:
        """Stop the box and start it."""

    def remove(self, box_id: str) -> None:
        """Kill the box and remove it with all its content. A missing box is no error."""

    def commit(self, box_id: str, labels: Mapping[str, str]) -> str:
        """Create an image of the box's disk at one moment, and return its id.

        The commit pauses the box for 0.1 s or more, depending on the amount of written data. Holes of sparse files are
        written as zeros: see ``Keeper.hold``. ``labels`` are the only labels of labctl on the image. The image doesn't
        contain mounts, that is, /run, and the engine's /etc/hosts, /etc/hostname and /etc/resolv.conf.
        """

    def clone_images(self, original: str | None = None) -> list[CloneImage]:
        """Return the images of this store that were committed with ``Instance.clone_image_labels``. ``original``
        selects the images of one instance."""

    def remove_image(self, image_id: str) -> bool:
        """Remove the image. A missing image is no error. If a box uses the image, the image is not removed, and the
        method returns False."""

    def running(self, box_id: str) -> RunningBox | None:
        """Return the running box, or None if the box doesn't run. After each start of the box, the ``RunningBox`` is a
        different one."""

    def exec(
        self,
        box_id: str,
        argv: Sequence[str],
        *,
        stdin: bytes | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> ExecResult:
        """Run a command as root in the box, and wait until it ends. If the command can't be started, the exit code is
        126 or 127."""

    def stream(self, box_id: str, argv: Sequence[str]) -> ByteStream:
        """Run a command whose stdin and stdout are a stream of bytes."""

    def terminal(
        self, box_id: str, argv: Sequence[str], environment: Mapping[str, str], rows: int, columns: int
    ) -> Terminal:
        """Run a command on a terminal."""

    def process(
        self, box_id: str, argv: Sequence[str], environment: Mapping[str, str], on_stderr: Callable[[bytes], object]
    ) -> Process:
        """Run a command whose stdin and stdout are a stream of bytes. ``on_stderr`` receives the command's stderr."""

    def find(self, box_id: str, path: str) -> Spot:
        """Find the target of an absolute path in the box, with every link followed within the box. If the box doesn't
        run, the path is searched on its disk."""

    def put_archive(self, box_id: str, path: str, tar: bytes | IO[bytes]) -> None:
        """Unpack a tar archive in GNU's format into a folder of the box, as processes in the box see the folder,
        including mounts.

        Files of the archive replace existing files. Existing folders stay, and receive new files. Nothing is changed
        until the whole archive is in the box. If the box doesn't run, the archive is unpacked on its disk, without
        mounts. Raises UsageError if the folder doesn't exist or can't be written. Also raises UsageError if a folder
        would replace a file, or a file would replace a folder.
        """

    def get_archive(self, box_id: str, path: str, left_out: Callable[[str], object] = ...) -> Iterator[bytes]:
        """Return a file or folder of the box as a tar archive, as processes in the box see it. If the box doesn't run,
        its disk is read. A link is returned as a link. ``left_out`` receives the name of each socket, because an
        archive can't hold sockets. Raises UsageError if the path is missing or unreadable. This can also happen after a
        part of the archive was returned."""

    def logs(self, box_id: str, tail: int) -> bytes:
        """Return the last lines of the box's console."""

    def memory(self, box_id: str) -> int:
        """Return the memory use of a running box in bytes, as its cgroup reports it. Page cache that can be freed at
        once doesn't count."""


class Images(Protocol):
    """Content-addressed images. The tag of an image is a hash of all inputs of its build."""

    def tags(self, lab: Lab) -> Mapping[str, str] | None:
        """Return a map from box to tag if every image of the lab exists. Return None if an image must be built."""

    def ensure(self, labs: Sequence[Lab], emit: Emit) -> None:
        """Build the missing images of these labs, in parallel as far as their dependencies allow. An interrupted or
        failed build leaves no incomplete image. Raises BuildError if an image can't be built."""

    def ensure_packages(self, labs: Sequence[Lab], emit: Emit) -> None:
        """Install the missing Python packages that the checks of these labs need. ``ensure`` does this, too. Raises
        BuildError if a package can't be installed."""

    def listing(self, labs: Sequence[Lab]) -> list[ImageInfo]:
        """Return labctl's images on the engine. ``current`` marks the images that these labs would use."""

    def save(self, labs: Sequence[Lab], path: str, emit: Emit) -> int:
        """Write all images of these labs to one file, for a machine without network. Returns the size of the file in
        bytes."""

    def load(self, path: str, emit: Emit) -> list[str]:
        """Import a file that ``save`` wrote, and return the tags of its images."""

    def prune(self, labs: Sequence[Lab], emit: Emit) -> list[ImageInfo]:
        """Remove images that neither these labs nor a box uses, and return the removed images."""


class Provisioner(Protocol):
    """Run plays on boxes."""

    def run(self, lab: Lab, play: str, boxes: Mapping[str, str], params: Params, emit: Emit) -> None:
        """Run ``playbooks/<lab>/<play>.yml`` on boxes (name to container id). Raises BuildError with the name and the
        message of the failed Ansible task."""

    def stop(self) -> None:
        """End all runs. May be called from any thread. The ended runs raise BuildError."""

    def plays(self, lab: Lab) -> Sequence[str]:
        """Return the names of the lab's plays, without .yml."""


class CloneCheck(msgspec.Struct, frozen=True):
    """A check that runs only on a clone: its pytest id, its task and its title. A check that is ``shared`` runs in
    every verify, and all shared checks run on the same clone. Each other check kills a process, cuts a network link or
    reboots a box, so it needs a clone of its own."""

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
"""Switch the power of a box of a clone, and return the ``RunningBox``. After ``off``, the pid in it is 0. Raises
LabctlError."""


class Checker(Protocol):
    """Run checks on boxes."""

    def prepare(self) -> None:
        """Load the modules that a run needs, because a run will follow soon."""

    def run(
        self,
        site: Site,
        lab: Lab,
        params: Params,
        only: frozenset[str] | None = None,
        *,
        on_clones: Callable[[list[CloneCheck]], None] = ...,
        selected: Callable[[Sequence[SelectedCheck]], None] = ...,
        heard: Callable[[CheckResult], None] = ...,
        pick: Sequence[str] | None = None,
        power: PowerSwitch | None = None,
    ) -> Findings:
        """Run the lab's checks, or only the checks of the tasks in ``only``.

        Checks that need a clone are not run. They are passed to ``on_clones`` at once. On a clone, ``pick`` names the
        checks to run. Without ``pick``, ``selected`` gets the checks that this run will judge, before ``on_clones`` is
        called. ``heard`` gets each result as soon as it is known. This method may be called from several threads.
        Raises ChecksError if the run itself fails. If a single check can't run, its result has the verdict ``error``.
        """

    def stop(self) -> None:
        """End all runs. May be called from any thread. The ended runs raise ChecksError."""


class Watcher(Protocol):
    """Report changes in boxes."""

    def watch(self, site: Site) -> AbstractContextManager[Callable[[float], bool]]:
        """Watch these boxes during the block. The block gets a function that waits for at most the given number of
        seconds. The function returns True as soon as a file was written, a program was run, or a box ended. Raises
        EngineError if the boxes can't be watched."""


class Catalog(Protocol):
    """Labs and the files that belong to them."""

    def names(self) -> list[str]:
        """Return the names of all labs, sorted."""

    def lab(self, name: str) -> Lab:
        """Return the lab of that name. Raises UsageError with the nearest name for an unknown lab, and InvalidLabError
        for a faulty lab."""

    def brief(self, name: str, language: str) -> str:
        """Return the lab's brief in Markdown, without params filled in."""

    def mutants(self, lab: str) -> Sequence[Mutant]:
        """Return the lab's mutants, sorted. Raises InvalidLabError for a mutant that names no task, or an unknown
        task."""


class Notes(Protocol):
    """The keeper's notes on boxes."""

    def of(self, boxes: Collection[str]) -> list[BoxNote]:
        """Return the latest note of each kind since the start of these boxes (ids), oldest first. Raises EngineError if
        the notes can't be read."""


class Locks(Protocol):
    """Locks between processes, so that only one process does a piece of work at a time."""

    def hold(self, name: str, emit: Emit) -> AbstractContextManager[None]:
        """Hold the lock of that name during the block. If another process holds the lock, this process waits, and a
        Note names the owner."""

    def slot(self, name: str, width: int, emit: Emit) -> AbstractContextManager[None]:
        """Take one of ``width`` places, which all labctl processes of this store on this machine share. The order is
        fair, so a process that wants one place doesn't wait long for a process that wants hundreds of places. A Note
        reports a long wait."""

    def forget(self, name: str) -> None:
        """Delete the lock of that name, and the locks whose name begins with that name and a dot. Call this only if
        nobody will need these locks again."""
