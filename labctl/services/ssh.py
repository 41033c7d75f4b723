"""SSH access to boxes: each instance has a key of its own, which is put into the instance's boxes at its first use."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from labctl.domain.boxspec import File, archive
from labctl.domain.observed import State
from labctl.ports import Engine
from labctl.services.current import Current

_AUTHORIZED = "etc/labctl/authorized_keys"


class SshFilesPort(Protocol):
    """The key and the configuration on this machine."""

    def public_key(self, instance: str) -> str:
        """Return the instance's public key. If the key is missing, it is created."""

    def write_config(
        self, instance: str, lab: str, learner: str, boxes: list[str], sent: Mapping[str, str] | None = None
    ) -> str:
        """Return the OpenSSH configuration for these boxes, and also write it to a file."""


def prepare(engine: Engine, files: SshFilesPort, current: Current, sent: Mapping[str, str] | None = None) -> str:
    """Create the key, put it into every running box, write the configuration, and return its text. ``sent`` is the
    environment of every session, as far as the box's sshd accepts it."""
    key = files.public_key(current.instance)
    tar = archive((File(_AUTHORIZED, key.encode(), 0o600),))
    for box in current.boxes:
        if box.state is State.RUNNING:
            engine.put_archive(box.id, "/", tar)
    return files.write_config(current.instance, current.lab.name, current.learner, list(current.lab.boxes), sent)
