"""Names of what labctl makes on an engine. Every one of them starts with ``labctl``."""

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


def container_name(instance: str, box: str) -> str:
    """The container that is this box of this instance. Lab, learner's slug and box have no dots, so no two boxes share
    a name: ``db-master`` of ``li`` isn't ``master`` of ``li-db``."""
    return f"labctl-{instance}.{box}"
