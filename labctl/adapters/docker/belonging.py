"""Find the boxes, clones and clone images on an engine that belong to a store. All queries for these objects go through
this module."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from labctl.adapters.docker.client import Client, explained
from labctl.adapters.docker.listing import clone_image, observed
from labctl.domain import naming, wiring
from labctl.domain.observed import CloneImage, ObservedBox

Recognise = Callable[[ObservedBox], bool]
"""A function that returns whether this store owns a box that was created before stores had ids
(``services.claims``)."""


class Belonging:
    """The objects of an engine that the store with the id ``store`` may see."""

    def __init__(self, client: Client, store: Callable[[], str], recognise: Recognise) -> None:
        self._client = client
        self._store = store
        self._recognise = recognise

    def boxes(self, instance: str | None) -> list[ObservedBox]:
        """See ports.Engine.observe. A box that was created before stores had ids counts only if its instance has no
        other boxes."""
        store = self._store()
        if instance is None:
            found = self._learners(None)
            taken = {box.instance for box in found if box.store == store}
            return [box for box in found if self._is_mine(box, store, taken)]
        mine = self._learners(naming.on_engine(instance, store))
        # This separate query runs only if the first query found nothing, because few instances still have such boxes.
        return mine or ([box for box in self._learners(instance) if self._is_mine(box, store, set())] if store else [])

    def unclaimed(self, instance: str | None) -> list[ObservedBox]:
        """See ports.Engine."""
        found = [box for box in self._learners(instance) if not box.store]
        return [box for box in found if not self._recognise(box)]

    def clones(self, original: str | None) -> list[ObservedBox]:
        """See ports.Engine."""
        store = self._store()
        value = None if original is None else naming.on_engine(original, store)
        return [box for box in self._boxes(wiring.LABEL_CLONE, value) if box.clone and box.store == store]

    def images(self, original: str | None) -> list[CloneImage]:
        """GET /images/json by label. See ports.Engine.clone_images."""
        store = self._store()
        labels = [f"{wiring.LABEL_ROLE}={wiring.ROLE_CLONE_IMAGE}"]
        if original is not None:
            labels.append(f"{wiring.LABEL_CLONE}={naming.on_engine(original, store)}")
        with explained(self._client.address):
            found: list[dict[str, Any]] = self._client.api.images(filters={"label": labels})
        return [image for image in map(clone_image, found) if image.store == store]

    def everything(self) -> list[ObservedBox]:
        """See ports.Engine.observe_all."""
        return self._boxes(wiring.LABEL_INSTANCE, None)

    def _is_mine(self, box: ObservedBox, store: str, taken: set[str]) -> bool:
        if box.store == store:
            return True
        return not box.store and box.instance not in taken and self._recognise(box)

    def _learners(self, instance: str | None) -> list[ObservedBox]:
        return [box for box in self._boxes(wiring.LABEL_INSTANCE, instance) if not box.clone]

    def _boxes(self, label: str, value: str | None) -> list[ObservedBox]:
        """GET /containers/json by label."""
        labels = [f"{wiring.LABEL_ROLE}={wiring.ROLE_BOX}", label if value is None else f"{label}={value}"]
        with explained(self._client.address):
            found = self._client.api.containers(all=True, filters={"label": labels})
        return [observed(item) for item in found]
