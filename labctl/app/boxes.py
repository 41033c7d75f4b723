"""The facade's part for boxes: enter boxes, run commands, copy files."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from labctl.app.access import Access, staff_only
from labctl.domain.observed import State

if TYPE_CHECKING:
    from pathlib import Path

    from labctl.app.actor import Actor
    from labctl.app.parts import Parts
    from labctl.events import Emit
    from labctl.streams import ByteStream, ExecResult, Process, Terminal

_SSH_PORT = 22


class BoxesApi:
    """See ``Labctl.boxes``. Every method takes a box and a lab. If the lab is empty, the only lab that is up is meant.
    Every method raises LabctlError if the actor may not enter the box now."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def _running(self, actor: Actor, lab: str, box: str) -> str:
        """Return the id of a running box."""
        return Access(self._parts, actor).current("enter", lab).box(box).id

    def terminal(
        self,
        actor: Actor,
        lab: str,
        box: str,
        argv: Sequence[str],
        environment: Mapping[str, str],
        rows: int,
        columns: int,
    ) -> Terminal:
        """Run a command as root on a terminal of that size."""
        return self._parts.engine.terminal(self._running(actor, lab, box), argv, environment, rows, columns)

    def process(
        self,
        actor: Actor,
        lab: str,
        box: str,
        argv: Sequence[str],
        environment: Mapping[str, str],
        stderr: Callable[[bytes], None],
    ) -> Process:
        """Run a command as root without a terminal, and stream its stdin and stdout."""
        return self._parts.engine.process(self._running(actor, lab, box), argv, environment, stderr)

    @staff_only
    def exec(
        self, actor: Actor, lab: str, box: str, argv: Sequence[str], stdin: Callable[[], bytes] | None = None
    ) -> ExecResult:
        """Run a command as root until it ends. ``stdin`` is read only after labctl has decided that the command may
        run."""
        box_id = self._running(actor, lab, box)
        content = stdin() if stdin else None
        return self._parts.engine.exec(box_id, argv, stdin=content, environment={"HOME": "/root"})

    @staff_only
    def console(self, actor: Actor, lab: str, box: str, lines: int) -> bytes | None:
        """Return the last lines of a stopped box's console. Return None if the box runs, because the journal of a
        running box can be read."""
        found = Access(self._parts, actor).found(lab).box(box, running=False)
        return None if found.state is State.RUNNING else self._parts.engine.logs(found.id, lines)

    @staff_only
    def journal(self, actor: Actor, lab: str, box: str, argv: Sequence[str]) -> ExecResult:
        """Return the journal of a running box. ``argv`` has the arguments for the toolbox's journalctl."""
        found = Access(self._parts, actor).found(lab).box(box)
        return self._parts.engine.exec(found.id, ["/.labctl/bin/journalctl", *argv])

    @staff_only
    def follow_journal(self, actor: Actor, lab: str, box: str, argv: Sequence[str]) -> ByteStream:
        """Return a stream of the journal's entries, including all later entries. The arguments are those of
        ``journal``."""
        found = Access(self._parts, actor).found(lab).box(box)
        return self._parts.engine.stream(found.id, ["/.labctl/bin/journalctl", *argv, "-f"])

    @staff_only
    def upload(self, actor: Actor, lab: str, box: str, source: Path, target: str, *, emit: Emit) -> list[str]:
        """Copy a file or folder of this machine into a box, and return the copied names. See
        ``services.copy.Copy.upload``."""
        from labctl.services.copy import Copy

        found = Access(self._parts, actor).current("copy", lab).disk(box)
        return Copy(self._parts.engine, emit, box).upload(found.id, source, target)

    @staff_only
    def download(self, actor: Actor, lab: str, box: str, source: str, target: Path, *, emit: Emit) -> list[str]:
        """Copy a file or folder of a box to this machine, and return the copied names. See
        ``services.copy.Copy.download``."""
        from labctl.services.copy import Copy

        found = Access(self._parts, actor).current("copy", lab).disk(box)
        return Copy(self._parts.engine, emit, box).download(found.id, source, target)

    def put(self, actor: Actor, lab: str, box: str, path: str, content: Callable[[], bytes]) -> tuple[str, int]:
        """Write bytes to a file in a box, and return the file's whole path and its size. A learner may need a long time
        to send ``content``, so the permission is checked before and after ``content`` is read."""
        from labctl.services.copy import Copy

        Access(self._parts, actor).current("copy", lab).disk(box)
        data = content()
        found = Access(self._parts, actor).current("copy", lab).disk(box)
        return Copy(self._parts.engine, box=box).put(found.id, data, path), len(data)

    @staff_only
    def forward(self, actor: Actor, lab: str, box: str, port: int, local: int, opened: Callable[[int], None]) -> None:
        """Forward a port on loopback to a port of a box, until interrupted. ``opened`` receives the number of the local
        port."""
        from labctl.services.forward import Forward

        Forward(self._parts.engine).serve(self._running(actor, lab, box), port, local, opened)

    @staff_only
    def ssh_stream(self, actor: Actor, lab: str, box: str) -> ByteStream:
        """Connect to the box's sshd."""
        from labctl.services.forward import connect_argv

        return self._parts.engine.stream(self._running(actor, lab, box), connect_argv(_SSH_PORT))

    @staff_only
    def ssh_config(self, actor: Actor, lab: str, sent: Mapping[str, str]) -> str:
        """Return the OpenSSH configuration for the boxes of a lab. If the key is missing, it is created and put into
        the boxes. ``sent`` is the environment of sessions."""
        from labctl.services.ssh import prepare

        current = Access(self._parts, actor).current("enter", lab)
        return prepare(self._parts.engine, self._parts.ssh, current, sent)

    @staff_only
    def ssh(self, actor: Actor, lab: str, box: str, arguments: Sequence[str], sent: Mapping[str, str]) -> None:
        """Replace this process by OpenSSH's client, connected to the box's sshd."""
        from labctl.services.ssh import prepare

        current = Access(self._parts, actor).current("enter", lab)
        prepare(self._parts.engine, self._parts.ssh, current, sent)
        current.box(box)
        self._parts.ssh.run_client(current.instance, box, list(arguments))
