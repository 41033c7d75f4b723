"""Names of the objects that labctl creates on an engine. Every name starts with ``labctl``.

In a store, an instance is called ``LAB.LEARNER``. Several stores may use one engine. Therefore the names of instances
and learners on an engine contain the store's id, and labctl never uses another store's objects. Older releases, in
which stores had no ids, treat such an object as an object of another learner.
"""

from __future__ import annotations

import hashlib
import re

KEEPER = "labctl-keeper"
SWITCH = "labctl-switch"
PROBE = "labctl-probe"
REPOSITORY = "labctl"
"""Images have the names ``labctl/<image>:<hash>`` and ``labctl/<lab>-<box>:<hash>``."""

_SLUG = re.compile(r"[^a-z0-9]+")


def slug(text: str) -> str:
    """Return the text as at most 24 lower-case letters, digits and dashes. If this loses information, a hash of the
    whole text is added, so that two learners never get the same name."""
    plain = _SLUG.sub("-", text.lower()).strip("-")
    if plain and plain == text and len(plain) <= 24:
        return plain
    # Only the hash remains of a Chinese name. The hash has 40 bits, so that ten thousand names don't collide.
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:10]
    return f"{plain[:13].rstrip('-')}-{digest}".lstrip("-")


def instance_id(lab: str, learner: str, clone: str = "") -> str:
    """Return the name of a learner's instance of a lab, or of a clone of that instance. A clone's name has one dot
    more, so it is never the name of another learner's instance."""
    return ".".join(part for part in (lab, slug(learner), clone) if part)


def on_engine(instance: str, store: str) -> str:
    """Return an instance's name on an engine, with the id of its store. Without an id, the name has the
    old form, from the time when stores had no ids. No part of an instance's name contains an underscore."""
    return f"{instance}_{store}" if store else instance


def in_store(instance: str, store: str) -> str:
    """Return the instance's name in its store, from its name on an engine."""
    return instance.removesuffix(f"_{store}") if store else instance


def owner_on_engine(learner: str, store: str) -> str:
    """Return the name of that store's learner on an engine. The id is first, before the slash, so that it also
    distinguishes the learner's cohort."""
    return f"{store}:{learner}" if store else learner


def owner_in_store(owner: str, store: str) -> str:
    """Return the learner's name in their store, from their name on an engine."""
    return owner.removeprefix(f"{store}:") if store else owner


def container_name(instance: str, box: str) -> str:
    """Return the name of the container for a box of an instance. ``instance`` is the instance's name on the engine.
    Lab, learner's slug and box contain no dots, so no two boxes share a name. For example, ``db-master`` of ``li``
    differs from ``master`` of ``li-db``."""
    return f"labctl-{instance}.{box}"
