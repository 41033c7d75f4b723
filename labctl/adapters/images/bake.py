"""Bake a lab's images: its setup play runs once, in boxes of a temporary instance. Each box becomes an image."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import msgspec

import labctl
from labctl.adapters.docker.client import Client, explained
from labctl.adapters.images.stop import Stop
from labctl.domain import boxspec, imagery, weight, wiring
from labctl.domain.boxspec import BoxSpec, File, archive
from labctl.domain.lab.model import Lab
from labctl.errors import BuildError, EngineError, LabctlError, TooLargeError
from labctl.events import BoxReady, Emit, Event, StepProgress
from labctl.ports import Engine, Keeper, KeeperWatch, Provisioner

OWNER = "labctl-bake"
"""The owner of the boxes of bakes (label ``labctl.owner``). No learner has this id."""

_READY_SECONDS = 120.0
_SLICE_SECONDS = 5.0
_COMMIT_SECONDS = 900.0
_EXPIRES_SECONDS = 2 * 3600
"""After this time the keeper removes the boxes of a bake that was killed."""

# A setup installs and unpacks software, so it may need more than the box's own limits. Those limits are meant for the
# learner's work.
_MEMORY = 1 << 30
_PIDS = 1024

# Remove the identity of this box, and files that only the setup needed. After the first command, journald writes to
# /run, so the journals of the new boxes don't contain the shutdown of this box. /var/lib/labctl marks a box that has
# received its learner's files. If an image contained this folder, its boxes would get no such files. `find` is used
# because /tmp may contain any file names.
_CLEAN = """
journalctl --relinquish-var
rm -rf /var/log/journal/* /root/.ansible /root/.cache /var/lib/apt/lists/* /var/cache/apt/*.bin
rm -rf /var/lib/labctl
rm -f /etc/ssh/ssh_host_*_key /etc/ssh/ssh_host_*_key.pub /root/.bash_history /var/lib/systemd/random-seed
find /tmp /var/tmp -mindepth 1 -delete
: > /etc/machine-id
"""

# systemd writes logins to this file at shutdown (utmp(5)).
_LOGINS = (File("wtmp", b"", 0o664, 0, 43),)

_CONTAINER_LABELS = (
    wiring.LABEL_INSTANCE,
    wiring.LABEL_OWNER,
    wiring.LABEL_SEED,
    wiring.LABEL_EXPIRES,
    wiring.LABEL_SPEC_HASH,
    wiring.LABEL_WIRING,
)


class Bakery:
    """Bakes labs on one engine, several at once if needed. ``most``: the number of bytes that a setup may write in one
    box."""

    def __init__(
        self, client: Client, engine: Engine, keeper: Keeper, provisioner: Provisioner, most: int = weight.MOST
    ) -> None:
        self._client = client
        self._engine = engine
        self._keeper = keeper
        self._provisioner = provisioner
        self._most = most
        self._one_keeper = threading.Lock()

    def bake(
        self, lab: Lab, images: Mapping[str, str], wanted: Mapping[str, str], emit: Emit, key: str, stop: Stop
    ) -> None:
        """Create the tags ``wanted`` (box to tag) from ``images`` (box to the tag that it starts from). Either all tags
        appear together at the end, or none of them appears. Raises BuildError, EngineError, StoppedError."""
        with self._one_keeper:
            self._keeper.ensure()
        stop.check()
        boxes = _Boxes(self._engine)
        made: dict[str, str] = {}
        try:
            # An interrupt removes the boxes, which ends every wait for one of them.
            with stop.waking(boxes.remove):
                self._set_up(lab, images, boxes.ids, emit, key, stop)
                self._weigh(lab, boxes.ids)
                for box, box_id in boxes.ids.items():
                    emit(StepProgress(key, f"saving {box} as an image"))
                    made[box] = self._commit(lab, box, box_id)
            with explained(self._client.address):
                for box, image in made.items():
                    repository, _, tag = wanted[box].partition(":")
                    self._client.api.tag(image, repository, tag)
        except BaseException:
            self._forget(made)
            raise
        finally:
            boxes.remove()

    def _set_up(
        self, lab: Lab, images: Mapping[str, str], ids: dict[str, str], emit: Emit, key: str, stop: Stop
    ) -> None:
        def tell(event: Event) -> None:
            if isinstance(event, StepProgress):
                emit(StepProgress(key, event.line))
            elif isinstance(event, BoxReady):
                emit(StepProgress(key, f"{event.box} has started"))

        with self._keeper.watch() as watch:
            for spec in bake_specs(lab, images, secrets.token_hex(4), int(time.time())):
                stop.check()
                ids[spec.name] = self._engine.create(spec)
            for box_id in ids.values():
                self._engine.start(box_id)
            _wait(watch, ids, tell, stop)
        self._provisioner.run(lab, imagery.SETUP.removesuffix(".yml"), ids, {}, tell)
        for box_id in ids.values():
            stop.check()
            self._engine.exec(box_id, ["/bin/sh", "-c", _CLEAN])
            self._engine.stop(box_id)
            self._engine.put_archive(box_id, "/var/log", archive(_LOGINS))

    def _weigh(self, lab: Lab, ids: Mapping[str, str]) -> None:
        """Check how much data a commit of each box would write. A commit writes the holes of sparse files as zeros. No
        program runs in the boxes at this point. Raises BuildError if the setup has written too much."""
        try:
            with self._keeper.hold(ids) as weights:
                weight.refuse_too_large(weights, dict.fromkeys(ids, self._most))
        except TooLargeError as error:
            raise BuildError("the setup of {lab} writes too much: {why}", lab=lab.name, why=str(error)) from error

    def _commit(self, lab: Lab, box: str, box_id: str) -> str:
        """POST /commit and return the image's id. The engine adds the container's labels to the given labels, and uses
        the container's entry point if none is given. So this call gives labels and an entry point. A label can't be
        removed, but it can be set to an empty string."""
        labels = {
            **dict.fromkeys(_CONTAINER_LABELS, ""),
            wiring.LABEL_ROLE: imagery.ROLE_IMAGE,
            wiring.LABEL_LAB: lab.name,
            wiring.LABEL_BOX: box,
            wiring.LABEL_VERSION: labctl.__version__,
            imagery.LABEL_IMAGE: f"{lab.name}-{box}",
        }
        config = {"Labels": labels, "Entrypoint": ["/sbin/init"], "Cmd": []}
        # The thread's own client has a timeout that is too short for the layer of a large box.
        api: Any = self._client.new_api(_COMMIT_SECONDS)
        try:
            with explained(self._client.address):
                return str(api.commit(box_id, conf=config, message=f"labctl: setup of {lab.name}", pause=False)["Id"])
        finally:
            api.close()

    def _forget(self, made: Mapping[str, str]) -> None:
        import docker.errors

        for image in made.values():
            with suppress(EngineError, docker.errors.APIError), explained(self._client.address):
                self._client.api.remove_image(image, force=True, noprune=True)


class _Boxes:
    """The boxes of one bake, by name. Either the bake or an interrupt removes them, but never both at once, because the
    engine would delay the second removal."""

    def __init__(self, engine: Engine) -> None:
        self.ids: dict[str, str] = {}
        self._engine = engine
        self._lock = threading.Lock()

    def remove(self) -> None:
        """Remove all boxes that exist at this point."""
        with self._lock:
            for box_id in list(self.ids.values()):
                with suppress(LabctlError):
                    self._engine.remove(box_id)


def bake_specs(lab: Lab, images: Mapping[str, str], nonce: str, now: int) -> list[BoxSpec]:
    """Return the boxes of a temporary instance ``bake-<lab>.<nonce>``. They are the lab's boxes without learner's
    files, and with enough memory and processes for a setup. ``images`` maps boxes to tags, ``now`` is in seconds
    since 1970."""
    instance = boxspec.Instance(f"bake-{lab.name}", nonce, "", now + _EXPIRES_SECONDS)
    return [
        msgspec.structs.replace(
            spec,
            labels={**spec.labels, wiring.LABEL_OWNER: OWNER},
            files=(),
            memory=max(spec.memory, _MEMORY),
            pids=max(spec.pids, _PIDS),
        )
        for spec in boxspec.box_specs(msgspec.structs.replace(lab, files=()), instance, {}, images)
    ]


def _wait(watch: KeeperWatch, ids: Mapping[str, str], emit: Emit, stop: Stop) -> None:
    """Wait in short periods until all boxes have started, so that an interrupt need not wait for the deadline."""
    started = time.monotonic()
    while True:
        asked = time.monotonic()
        try:
            watch.wait_ready(ids, _SLICE_SECONDS, emit)
        except EngineError:
            stop.check()
            now = time.monotonic()
            # A wait that ends early did not reach its deadline, so it failed for another reason.
            if now - started > _READY_SECONDS or now - asked < _SLICE_SECONDS / 2:
                raise
        else:
            return
