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
    """See ``Labctl.images``. Where a method takes labs, none means all labs of the catalog. Every method raises
    UsageError for an unknown lab, InvalidLabError for a faulty one, and EngineError."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    @staff_only
    def listing(self, actor: Actor) -> ImageList:
        """labctl's images on the engine, and their sizes. Faulty labs of the catalog are left out."""
        from labctl.views.images import ImageList

        labs, _faults = readable(self._parts.catalog, InvalidLabError)
        found = self._parts.images.listing(labs)
        return ImageList(tuple(found), self._parts.images.unpacked(found, labs))

    @staff_only
    def build(self, actor: Actor, labs: Sequence[str] = (), *, emit: Emit) -> ImagesBuilt:
        """Build what is missing for labs. An interrupted build leaves nothing half-made. Raises BuildError."""
        from labctl.views.images import ImagesBuilt

        chosen = self._chosen(labs)
        started = time.monotonic()
        with self._parts.locks.hold(_LOCK, emit):
            self._parts.images.ensure(chosen, emit)
        return ImagesBuilt(tuple(lab.name for lab in chosen), time.monotonic() - started)

    @staff_only
    def save(self, actor: Actor, file: str, labs: Sequence[str] = (), *, emit: Emit) -> ImagesSaved:
        """Write all that labs need to one file; what is missing is built first. A name that ends in ``.gz`` is
        compressed. Raises BuildError, and UsageError if the file can't be written."""
        from labctl.views.images import ImagesSaved

        chosen = self._chosen(labs)
        with self._parts.locks.hold(_LOCK, emit):
            self._parts.images.ensure(chosen, emit)
        return ImagesSaved(file, self._parts.images.save(chosen, file, emit))

    @staff_only
    def load(self, actor: Actor, file: str, *, emit: Emit) -> tuple[str, ...]:
        """Read a file that ``save`` wrote; the tags of its images. Raises UsageError for any other file."""
        with self._parts.locks.hold(_LOCK, emit):
            return tuple(self._parts.images.load(file, emit))

    @staff_only
    def prune(self, actor: Actor, *, emit: Emit) -> tuple[ImageInfo, ...]:
        """Remove labctl's images that no lab of the catalog and no box uses; which. Refused by a faulty lab, whose
        images nobody knows."""
        chosen = self._chosen(())
        with self._parts.locks.hold(_LOCK, emit):
            return tuple(self._parts.images.prune(chosen, emit))

    def _chosen(self, names: Sequence[str]) -> list[Lab]:
        """The labs named, or all."""
        return [self._parts.catalog.lab(name) for name in names or self._parts.catalog.names()]
