"""Names of what labctl makes on an engine. Every one of them starts with ``labctl``.

In a store an instance is called ``LAB.LEARNER``. On an engine, which several stores may use, the store's id is added to
the names of instances and of learners, so that no labctl takes what is another store's for its own; a labctl of before
stores had ids takes it for some other learner's.
"""

from __future__ import annotations

import hashlib
import re

KEEPER = "labctl-keeper"
SWITCH = "labctl-switch"
PROBE = "labctl-probe"
REPOSITORY = "labctl"
"""Images are ``labctl/<image>:<hash>`` and ``labctl/<lab>-<box>:<hash>``."""

_SLUG = re.compile(r"[^a-z0-9]+")


def slug(text: str) -> str:
    """The text as lower-case letters, digits and dashes, at most 24 of them. Where that loses something, a hash of the
    whole is added, so that two learners never become one."""
    plain = _SLUG.sub("-", text.lower()).strip("-")
    if plain and plain == text and len(plain) <= 24:
        return plain
    # Of a Chinese name the hash is all that is left: 40 bits, so that ten thousand of them don't meet.
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:10]
    return f"{plain[:13].rstrip('-')}-{digest}".lstrip("-")


def instance_id(lab: str, learner: str, clone: str = "") -> str:
    """The name of one lab brought up for one learner; with ``clone``, of that clone of it. A clone's name has a dot
    more, so it is never another learner's."""
    return ".".join(part for part in (lab, slug(learner), clone) if part)


def on_engine(instance: str, store: str) -> str:
    """What an instance of the store with that id is called on an engine; without an id, as it was called before stores
    had ids. No part of an instance's name has an underscore."""
    return f"{instance}_{store}" if store else instance


def in_store(instance: str, store: str) -> str:
    """The instance's name in its store, from its name on an engine."""
    return instance.removesuffix(f"_{store}") if store else instance


def owner_on_engine(learner: str, store: str) -> str:
    """What a learner of that store is called on an engine. The id comes first: in front of the slash it makes the
    learner's cohort another one, too."""
    return f"{store}:{learner}" if store else learner


def owner_in_store(owner: str, store: str) -> str:
    """The learner's name in their store, from their name on an engine."""
    return owner.removeprefix(f"{store}:") if store else owner


def container_name(instance: str, box: str) -> str:
    """The container that is this box of this instance, which is named as on an engine. Lab, learner's slug and box have
    no dots, so no two boxes share a name: ``db-master`` of ``li`` isn't ``master`` of ``li-db``."""
    return f"labctl-{instance}.{box}"
