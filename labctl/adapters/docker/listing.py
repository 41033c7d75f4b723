"""Read boxes and clone images from the engine's listings. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from labctl.domain import naming, wiring
from labctl.domain.observed import CloneImage, ObservedBox, State

_STATES = {
    "created": State.CREATED,
    "running": State.RUNNING,
    "restarting": State.RESTARTING,
    "paused": State.PAUSED,
    "exited": State.STOPPED,
    "dead": State.REMOVING,
    "removing": State.REMOVING,
}


def observed(item: Mapping[str, Any]) -> ObservedBox:
    """Return the box of one element of GET /containers/json."""
    labels = item["Labels"]
    store = labels.get(wiring.LABEL_STORE, "")
    return ObservedBox(
        id=item["Id"],
        container=item["Names"][0].lstrip("/") if item["Names"] else item["Id"][:12],
        box=labels.get(wiring.LABEL_BOX, ""),
        lab=labels.get(wiring.LABEL_LAB, ""),
        instance=naming.in_store(labels.get(wiring.LABEL_INSTANCE, ""), store),
        learner=naming.owner_in_store(labels.get(wiring.LABEL_OWNER, ""), store),
        seed=labels.get(wiring.LABEL_SEED, ""),
        state=_STATES.get(item["State"], State.STOPPED),
        status=item["Status"],
        image=item["Image"],
        spec_hash=labels.get(wiring.LABEL_SPEC_HASH, ""),
        expires=_number(labels, wiring.LABEL_EXPIRES),
        disk=_number(labels, wiring.LABEL_DISK),
        created=float(item["Created"]),
        clone=naming.in_store(labels.get(wiring.LABEL_CLONE, ""), store),
        store=store,
    )


def clone_image(item: Mapping[str, Any]) -> CloneImage:
    """Return the clone image of one element of GET /images/json."""
    labels = item["Labels"]
    store = labels.get(wiring.LABEL_STORE, "")
    return CloneImage(
        id=item["Id"],
        clone=naming.in_store(labels.get(wiring.LABEL_CLONE, ""), store),
        learner=naming.owner_in_store(labels.get(wiring.LABEL_OWNER, ""), store),
        expires=_number(labels, wiring.LABEL_EXPIRES),
        store=store,
    )


def _number(labels: Mapping[str, str], name: str) -> int:
    value = labels.get(name, "0")
    return int(value) if value.isdigit() else 0
