"""Read the keeper's notes about boxes from the keeper's log. Implements ports.Notes."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator

from labctl.adapters.docker.client import Client, explained
from labctl.domain import naming
from labctl.domain.notes import BoxNote, latest, note_from


class DockerNotes:
    """The log of the current keeper. A new keeper, of another version of labctl, starts with an empty log."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def of(self, boxes: Collection[str]) -> list[BoxNote]:
        """GET /containers/{id}/logs. The log has at most 2 MB."""
        import docker.errors

        with explained(self._client.address):
            try:
                log = bytes(self._client.api.logs(naming.KEEPER, stdout=True, stderr=False))
            except docker.errors.NotFound:
                return []
        return latest(note for note in notes_in(log) if note.box_id in boxes)


def notes_in(log: bytes) -> Iterator[BoxNote]:
    """Yield all notes, in the order in which the keeper wrote them."""
    for line in log.split(b"\n"):
        if line.startswith(b'{"note":'):
            try:
                note = note_from(json.loads(line))
            except ValueError:
                continue
            if note is not None:
                yield note
