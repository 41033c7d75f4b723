"""Images on a Docker engine: implements ports.Images."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING

from labctl.adapters.catalog import FileCatalog
from labctl.adapters.check_packages import CheckPackages
from labctl.adapters.docker.client import Client, explained
from labctl.adapters.images import graph, present
from labctl.adapters.images.base import KEY as BASE_KEY
from labctl.adapters.images.base import Base
from labctl.adapters.images.graph import BuildJob
from labctl.adapters.images.sources import Sources
from labctl.adapters.images.stop import Stop
from labctl.adapters.settings import Settings
from labctl.domain import imagery, layers
from labctl.domain.imagery import ImageInfo, ImageSource, SourceFile
from labctl.domain.lab.model import Lab
from labctl.domain.layers import Unpacked
from labctl.events import Emit, Event, StepEnded, StepStarted

# Every verify queries two tags. So modules that build or transfer images are loaded only when they are needed.
if TYPE_CHECKING:
    from labctl.adapters.images.bake import Bakery
    from labctl.adapters.images.builder import Builder

_WORKERS = 4
"""The number of builds that run at once. Builds wait for the network and for dpkg, so a few more builds than cores save
time. Many more builds save no more time."""

_SAVE, _LOAD = "save", "load"


class DockerImages:
    """The images of one Docker engine. ``bakery`` is called only before a bake, because a bakery needs an engine, and
    the engine needs the toolbox's tag."""

    def __init__(self, client: Client, catalog: FileCatalog, settings: Settings, bakery: Callable[[], Bakery]) -> None:
        self._client = client
        self._sources = Sources(catalog)
        self._settings = settings
        self._base = Base(client, settings)
        self._bakery = bakery
        self._packages = CheckPackages(catalog.checks_dir, settings.mirror.pypi)
        self._system: dict[str, str] | None = None

    @cached_property
    def _builder(self) -> Builder:
        from labctl.adapters.images.builder import Builder

        return Builder(self._client, self._settings)

    def system_tags(self) -> dict[str, str]:
        """Return the tags of the images that labctl itself needs: ``keeper`` and ``toolbox``. The images need not
        exist."""
        if self._system is None:
            self._look()
        return dict(self._system or {})

    def tags(self, lab: Lab) -> Mapping[str, str] | None:
        """See ports.Images: one call of the engine."""
        there = self._look()
        wanted = self._wanted([lab], there)
        if wanted.missing(there):
            return None
        return wanted.boxes[lab.name]

    def ensure(self, labs: Sequence[Lab], emit: Emit) -> None:
        """See ports.Images."""
        told = _one_at_a_time(emit)
        there = self._look()
        if self._base.tag not in there:
            self._client.require_usable()
            job = BuildJob(
                "getting the base {subject}", self._base.reference, frozenset(), partial(self._base.make, told)
            )
            graph.run({BASE_KEY: job}, 1, told)
            there = self._look()
        wanted = self._wanted(labs, there)
        jobs = self._jobs(labs, wanted, there, told)
        if jobs:
            self._client.require_usable()
            graph.run(jobs, _WORKERS, told)
        self.ensure_packages(labs, told)

    def ensure_packages(self, labs: Sequence[Lab], emit: Emit) -> None:
        """See ports.Images."""
        self._packages.ensure((lab.name for lab in labs), emit)

    def listing(self, labs: Sequence[Lab]) -> list[ImageInfo]:
        """See ports.Images."""
        return self._listed(present.Inventory(self._client), labs)

    def unpacked(self, found: Sequence[ImageInfo], labs: Sequence[Lab]) -> Unpacked:
        """Return the disk space of these images of a ``listing``, with shared layers counted once."""
        by_id = {image.id: present.layers_of(self._client, image.id) for image in found}
        by_tag = {image.tag: by_id[image.id] for image in found}
        own = layers.alone(by_id)
        wanted = self._wanted(labs, self._look())
        boxes = [tag for tags in wanted.boxes.values() for tag in tags.values() if tag in by_tag]
        return Unpacked(
            alone={image.tag: own[image.id] for image in found},
            labs=layers.total(by_tag[tag] for tag in boxes),
            system=layers.total(by_tag[tag] for tag in wanted.needed() if tag in by_tag),
            all=layers.total(by_id.values()),
            missing=tuple(name for name, tags in wanted.boxes.items() if not by_tag.keys() >= set(tags.values())),
        )

    def save(self, labs: Sequence[Lab], path: str, emit: Emit) -> int:
        """See ports.Images. A file whose name ends in ``.gz`` is compressed."""
        from labctl.adapters.images import transfer

        self.ensure(labs, emit)
        there = self._look()
        with self._base.carrying_identity(there) as identity, _step(emit, _SAVE, "saving to {subject}", path):
            tags = sorted({self._base.tag, identity, *self._wanted(labs, there).needed()})
            return transfer.save(self._client, tags, Path(path), emit, _SAVE)

    def load(self, path: str, emit: Emit) -> list[str]:
        """See ports.Images."""
        from labctl.adapters.images import transfer

        self._client.require_usable()
        with _step(emit, _LOAD, "loading from {subject}", path):
            tags = transfer.load(self._client, Path(path), emit, _LOAD)
        self._base.take_identity(tags, present.tagged(self._client))
        self._system = None
        return [tag for tag in tags if not imagery.is_identity_tag(tag)]

    def prune(self, labs: Sequence[Lab], emit: Emit) -> list[ImageInfo]:
        """See ports.Images. Also remove the layers of builds that were killed, and Python packages that no checks
        need."""
        self._packages.prune((lab.name for lab in labs), emit)
        inventory = present.Inventory(self._client)
        removed = [image for image in self._listed(inventory, labs) if not image.used and not image.current]
        # Remove a child image before its parent, because the engine refuses to remove a parent first.
        removed.sort(key=lambda image: image.created, reverse=True)
        with explained(self._client.address):
            for image in removed:
                with _step(emit, image.tag, "removing {subject}", image.tag):
                    if image.kind == BASE_KEY:
                        self._base.forget(inventory.identities(image.id))
                    self._client.api.remove_image(image.tag)
            for left in inventory.left_over():
                if left["Id"] not in inventory.used:
                    for layer in inventory.chain(left):
                        self._client.api.remove_image(layer, noprune=True)
        return removed

    def _look(self) -> dict[str, str]:
        """Return the tags below ``labctl/`` with their ids, and remember the tags that labctl itself needs."""
        there = present.tagged(self._client)
        names = self._sources.images(imagery.SYSTEM_IMAGES)
        tags = imagery.image_tags(names, self._base.identity(there))
        self._system = {name: tags[name] for name in imagery.SYSTEM_IMAGES}
        return there

    def _wanted(self, labs: Sequence[Lab], there: Mapping[str, str]) -> _Wanted:
        sources = self._sources.images(imagery.SYSTEM_IMAGES)
        for lab in labs:
            sources |= self._sources.for_lab(lab)
        images = imagery.image_tags(sources, self._base.identity(there))
        setups = {lab.name: self._sources.setup(lab) for lab in labs}
        boxes = {lab.name: imagery.bake_tags(lab, images, setups[lab.name]) for lab in labs}
        return _Wanted(sources, images, setups, boxes)

    def _jobs(self, labs: Sequence[Lab], wanted: _Wanted, there: Mapping[str, str], emit: Emit) -> dict[str, BuildJob]:
        jobs: dict[str, BuildJob] = {}

        def image(name: str) -> None:
            key = f"image:{name}"
            if key in jobs or wanted.images[name] in there:
                return
            needs = imagery.needs(wanted.sources[name])
            run = partial(self._build, wanted, name, emit, key)
            jobs[key] = BuildJob("building the image {subject}", name, frozenset({_MIRROR, *map(_key, needs)}), run)
            for need in needs:
                image(need)

        for name in imagery.SYSTEM_IMAGES:
            image(name)
        for lab in labs:
            if set(wanted.boxes[lab.name].values()) <= there.keys():
                continue
            for box in lab.boxes:
                image(lab.image_of(box))
            key = f"bake:{lab.name}"
            needs = {_key(lab.image_of(box)) for box in lab.boxes} | {_key(name) for name in imagery.SYSTEM_IMAGES}
            run = partial(self._bake, wanted, lab, emit, key)
            jobs[key] = BuildJob("setting up the boxes of {subject}", lab.name, frozenset(needs), run)
        if self._base.debian_mirror and self._base.build_tag not in there and any(map(_is_build, jobs)):
            run = partial(self._build_variant, emit)
            jobs[_MIRROR] = BuildJob(
                "adding the package mirror {subject} to the base", self._base.debian_mirror, frozenset(), run
            )
        return jobs

    def _build(self, wanted: _Wanted, name: str, emit: Emit, key: str, stop: Stop) -> None:
        source, tag = wanted.sources[name], wanted.images[name]
        self._builder.build(source, tag, wanted.images, self._base.build_tag, emit, key, stop)

    def _build_variant(self, emit: Emit, stop: Stop) -> None:
        source = ImageSource(imagery.BASE, (SourceFile("Dockerfile", self._base.variant().encode()),))
        self._builder.build(source, self._base.build_tag, {}, self._base.tag, emit, _MIRROR, stop)

    def _bake(self, wanted: _Wanted, lab: Lab, emit: Emit, key: str, stop: Stop) -> None:
        images = {box: wanted.images[lab.image_of(box)] for box in lab.boxes}
        tags = wanted.boxes[lab.name]
        if wanted.setups[lab.name]:
            self._bakery().bake(lab, images, tags, emit, key, stop)
            return
        with explained(self._client.address):
            for box, tag in tags.items():
                repository, _, name = tag.partition(":")
                self._client.api.tag(images[box], repository, name)

    def _listed(self, inventory: present.Inventory, labs: Sequence[Lab]) -> list[ImageInfo]:
        wanted = self._wanted(labs, self._look())
        current = {self._base.tag, self._base.build_tag, *wanted.images.values(), *wanted.needed()}
        found = [
            ImageInfo(
                tag=tag,
                kind=_kind(tag, item["Labels"] or {}),
                id=str(item["Id"]),
                size=int(item["Size"]),
                created=float(item["Created"]),
                used=str(item["Id"]) in inventory.used,
                current=tag in current,
            )
            for tag, item in inventory.own()
        ]
        return sorted(found, key=lambda image: image.tag)


class _Wanted:
    """The images that some labs need, with their sources and tags; and for each lab, its setup and the tags of its
    boxes."""

    def __init__(
        self,
        sources: Mapping[str, ImageSource],
        images: Mapping[str, str],
        setups: Mapping[str, Sequence[SourceFile]],
        boxes: Mapping[str, Mapping[str, str]],
    ) -> None:
        self.sources, self.images, self.setups, self.boxes = sources, images, setups, boxes

    def needed(self) -> set[str]:
        """Return the tags that ``up`` uses."""
        system = {self.images[name] for name in imagery.SYSTEM_IMAGES}
        return system.union(*(tags.values() for tags in self.boxes.values()))

    def missing(self, there: Mapping[str, str]) -> set[str]:
        """Return the needed tags that do not exist."""
        return self.needed() - there.keys()


_MIRROR = "mirror"


def _key(image: str) -> str:
    return f"image:{image}"


def _is_build(key: str) -> bool:
    return key.startswith("image:")


def _kind(tag: str, labels: Mapping[str, str]) -> str:
    """Return the kind of an image: ``base``, ``lab`` or ``image``."""
    if tag.startswith(f"labctl/{imagery.BASE}:"):
        return "base"
    return "lab" if labels.get("labctl.lab") else "image"


@contextmanager
def _step(emit: Emit, key: str, what: str, subject: str) -> Iterator[None]:
    """Emit the start of a step, its end, its success and its duration."""
    emit(StepStarted(key, what, subject))
    started, ok = time.monotonic(), False
    try:
        yield
        ok = True
    finally:
        emit(StepEnded(key, ok, time.monotonic() - started))


def _one_at_a_time(emit: Emit) -> Emit:
    """Return an emit function for one event at a time, because builds run in separate threads."""
    lock = threading.Lock()

    def locked(event: Event) -> None:
        with lock:
            emit(event)

    return locked
