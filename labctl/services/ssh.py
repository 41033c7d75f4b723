"""SSH to boxes: a key of the instance's own, put into its boxes when it is first needed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from labctl.domain.boxspec import File, archive
from labctl.domain.observed import State
from labctl.ports import Engine
from labctl.services.current import Current

_AUTHORIZED = "etc/labctl/authorized_keys"


class SshFilesPort(Protocol):
    """Keys and configuration on this machine."""

    def public_key(self, instance: str) -> str:
        """The instance's public key, made when there is none."""

    def write_config(
        self, instance: str, lab: str, learner: str, boxes: list[str], sent: Mapping[str, str] | None = None
    ) -> str:
        """The OpenSSH configuration for these boxes, kept in a file too."""


def prepare(engine: Engine, files: SshFilesPort, current: Current, sent: Mapping[str, str] | None = None) -> str:
    """Key made, put into every box that runs, configuration written; its text. ``sent``: what every session has in its
    environment, as far as the box's sshd accepts it."""
    key = files.public_key(current.instance)
    tar = archive((File(_AUTHORIZED, key.encode(), 0o600),))
    for box in current.boxes:
        if box.state is State.RUNNING:
            engine.put_archive(box.id, "/", tar)
    return files.write_config(current.instance, current.lab.name, current.learner, list(current.lab.boxes), sent)
