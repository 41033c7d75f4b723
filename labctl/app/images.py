"""labctl's images, for all front ends. Only one process at a time changes the engine's images."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from labctl.app.access import staff_only
from labctl.app.labs import readable
from labctl.errors import InvalidLabError

if TYPE_CHECKING:
    from labctl.app.actor import Actor
    from labctl.app.parts import Parts
    from labctl.domain.imagery import ImageInfo
    from labctl.domain.lab.model import Lab
    from labctl.events import Emit
    from labctl.views.images import ImageList, ImagesBuilt, ImagesSaved

_LOCK = "engine"


class ImagesApi:
    """See ``Labctl.images``. If a method takes labs, an empty selection means all labs of the catalog. Every method
    raises UsageError for an unknown lab, InvalidLabError for a faulty lab, and EngineError."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    @staff_only
    def listing(self, actor: Actor) -> ImageList:
        """Return labctl's images on the engine, with the sizes of the images. Faulty labs of the catalog are
        skipped."""
        from labctl.views.images import ImageList

        labs, _faults = readable(self._parts.catalog, InvalidLabError)
        found = self._parts.images.listing(labs)
        return ImageList(tuple(found), self._parts.images.unpacked(found, labs))

    @staff_only
    def build(self, actor: Actor, labs: Sequence[str] = (), *, emit: Emit) -> ImagesBuilt:
        """Build the missing images of labs. An interrupted build leaves no incomplete image. Raises BuildError if an
        image can't be built."""
        from labctl.views.images import ImagesBuilt

        chosen = self._chosen(labs)
        started = time.monotonic()
        with self._parts.locks.hold(_LOCK, emit):
            self._parts.images.ensure(chosen, emit)
        return ImagesBuilt(tuple(lab.name for lab in chosen), time.monotonic() - started)

    @staff_only
    def save(self, actor: Actor, file: str, labs: Sequence[str] = (), *, emit: Emit) -> ImagesSaved:
        """Write all images that labs need to one file. Missing images are built first. If the file name ends in
        ``.gz``, the file is compressed. Raises BuildError if an image can't be built, and UsageError if the file can't
        be written."""
        from labctl.views.images import ImagesSaved

        chosen = self._chosen(labs)
        with self._parts.locks.hold(_LOCK, emit):
            self._parts.images.ensure(chosen, emit)
        return ImagesSaved(file, self._parts.images.save(chosen, file, emit))

    @staff_only
    def load(self, actor: Actor, file: str, *, emit: Emit) -> tuple[str, ...]:
        """Read a file that ``save`` wrote, and return the tags of its images. Raises UsageError for any other file."""
        with self._parts.locks.hold(_LOCK, emit):
            return tuple(self._parts.images.load(file, emit))

    @staff_only
    def prune(self, actor: Actor, *, emit: Emit) -> tuple[ImageInfo, ...]:
        """Remove labctl's images that neither a lab of the catalog nor a box uses, and return the removed images.
        Raises InvalidLabError if a lab is faulty, because the images of a faulty lab are unknown."""
        chosen = self._chosen(())
        with self._parts.locks.hold(_LOCK, emit):
            return tuple(self._parts.images.prune(chosen, emit))

    def _chosen(self, names: Sequence[str]) -> list[Lab]:
        """Return the named labs, or all labs."""
        return [self._parts.catalog.lab(name) for name in names or self._parts.catalog.names()]
