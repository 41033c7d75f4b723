"""The images of labctl that an engine has. Listing them takes one API call, because every ``up`` lists them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from labctl.adapters.docker.client import Client, explained
from labctl.domain import imagery, wiring
from labctl.domain.layers import Layer, layers
from labctl.domain.naming import REPOSITORY


def tagged(client: Client) -> dict[str, str]:
    """Return every tag below ``labctl/`` with its image's id. GET /images/json. Raises EngineError."""
    with explained(client.address):
        found = client.api.images(filters={"reference": f"{REPOSITORY}/*"})
    return {tag: str(item["Id"]) for item in found for tag in item["RepoTags"] or ()}


def layers_of(client: Client, image: str) -> tuple[Layer, ...]:
    """Return an image's layers, the lowest first. GET /images/{id}/json and /images/{id}/history. Raises
    EngineError."""
    with explained(client.address):
        diff_ids = client.api.inspect_image(image)["RootFS"].get("Layers") or []
        history: list[Mapping[str, Any]] = client.api.history(image)
    return layers(diff_ids, [(str(step["CreatedBy"]), int(step["Size"])) for step in reversed(history)])


class Inventory:
    """All images of the engine at one moment, including those of labctl. Raises EngineError."""

    def __init__(self, client: Client) -> None:
        with explained(client.address):
            images: list[Mapping[str, Any]] = client.api.images(all=True)
            containers: list[Mapping[str, Any]] = client.api.containers(all=True)
        self._by_id = {str(item["Id"]): item for item in images}
        self._parents = {str(item["ParentId"]) for item in images}
        self.used = frozenset(str(item["ImageID"]) for item in containers)

    def own(self) -> list[tuple[str, Mapping[str, Any]]]:
        """Return labctl's tagged images: the tag, and the engine's description."""
        return [
            (tag, item)
            for item in self._by_id.values()
            for tag in item["RepoTags"] or ()
            if imagery.is_own_tag(tag) and (tag.startswith(f"{REPOSITORY}/{imagery.BASE}:") or _is_image(item))
        ]

    def identities(self, image: str) -> list[str]:
        """Return the tags of a base that contain its identity."""
        return [tag for tag in _tags(self._by_id[image]) if imagery.is_identity_tag(tag)]

    def left_over(self) -> list[Mapping[str, Any]]:
        """Return the last layers of builds that were killed: they have labctl's label and no tag, and no image depends
        on them.

        An image that a user built on one of labctl's images inherits the labels of that image. The parent shows the
        difference. The parent of the user's image is a complete image of labctl with the same label. The parent of an
        incomplete image has another label.
        """
        return [
            item
            for item in self._by_id.values()
            if _is_image(item) and not _tags(item) and item["Id"] not in self._parents and not self._is_foreign(item)
        ]

    def chain(self, item: Mapping[str, Any]) -> list[str]:
        """Return the id of an image, then the ids of labctl's untagged images below it that no other image needs, from
        top to bottom."""
        ids = [str(item["Id"])]
        label = _label(item)
        while (below := self._by_id.get(str(item["ParentId"]))) is not None:
            hanging = sum(other["ParentId"] == below["Id"] for other in self._by_id.values())
            if _tags(below) or not _is_image(below) or _label(below) != label or hanging > 1:
                break
            ids.append(str(below["Id"]))
            item = below
        return ids

    def _is_foreign(self, item: Mapping[str, Any]) -> bool:
        label = _label(item)
        while (below := self._by_id.get(str(item["ParentId"]))) is not None:
            if _tags(below):
                return _label(below) == label
            item = below
        return False


def _tags(item: Mapping[str, Any]) -> list[str]:
    return [tag for tag in item["RepoTags"] or () if tag != "<none>:<none>"]


def _is_image(item: Mapping[str, Any]) -> bool:
    return (item["Labels"] or {}).get(wiring.LABEL_ROLE) == imagery.ROLE_IMAGE


def _label(item: Mapping[str, Any]) -> str:
    return str((item["Labels"] or {}).get(imagery.LABEL_IMAGE, ""))
