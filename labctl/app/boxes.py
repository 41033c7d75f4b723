"""Ways into a box, for all front ends."""

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
    """See ``Labctl.boxes``. Every method takes a box and a lab; without the lab it is the only one that is up. Every
    method raises LabctlError where the actor may not go in now."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def _running(self, actor: Actor, lab: str, box: str) -> str:
        """The id of a box that runs."""
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
        """A command on a terminal of that size, as root."""
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
        """A command with no terminal, as root, whose stdin and stdout are streamed."""
        return self._parts.engine.process(self._running(actor, lab, box), argv, environment, stderr)

    @staff_only
    def exec(
        self, actor: Actor, lab: str, box: str, argv: Sequence[str], stdin: Callable[[], bytes] | None = None
    ) -> ExecResult:
        """A command to its end, as root. ``stdin`` is read once it is known that the command may run."""
        box_id = self._running(actor, lab, box)
        content = stdin() if stdin else None
        return self._parts.engine.exec(box_id, argv, stdin=content, environment={"HOME": "/root"})

    @staff_only
    def console(self, actor: Actor, lab: str, box: str, lines: int) -> bytes | None:
        """The last lines of a stopped box's console; None where it runs, so that its journal can be read."""
        found = Access(self._parts, actor).found(lab).box(box, running=False)
        return None if found.state is State.RUNNING else self._parts.engine.logs(found.id, lines)

    @staff_only
    def journal(self, actor: Actor, lab: str, box: str, argv: Sequence[str]) -> ExecResult:
        """The journal of a box that runs, with these words for the toolbox's journalctl."""
        found = Access(self._parts, actor).found(lab).box(box)
        return self._parts.engine.exec(found.id, ["/.labctl/bin/journalctl", *argv])

    @staff_only
    def follow_journal(self, actor: Actor, lab: str, box: str, argv: Sequence[str]) -> ByteStream:
        """The same as it grows."""
        found = Access(self._parts, actor).found(lab).box(box)
        return self._parts.engine.stream(found.id, ["/.labctl/bin/journalctl", *argv, "-f"])

    @staff_only
    def upload(self, actor: Actor, lab: str, box: str, source: Path, target: str, *, emit: Emit) -> list[str]:
        """A file or folder of this machine into a box; the names that went. See ``services.copy.Copy.upload``."""
        from labctl.services.copy import Copy

        found = Access(self._parts, actor).current("copy", lab).disk(box)
        return Copy(self._parts.engine, emit, box).upload(found.id, source, target)

    @staff_only
    def download(self, actor: Actor, lab: str, box: str, source: str, target: Path, *, emit: Emit) -> list[str]:
        """A file or folder of a box to this machine; the names that came. See ``services.copy.Copy.download``."""
        from labctl.services.copy import Copy

        found = Access(self._parts, actor).current("copy", lab).disk(box)
        return Copy(self._parts.engine, emit, box).download(found.id, source, target)

    def put(self, actor: Actor, lab: str, box: str, path: str, content: Callable[[], bytes]) -> tuple[str, int]:
        """Bytes as a file of a box; its whole path and its size. ``content`` may take its time, since a learner sends
        it: whether the actor may do that is asked before and after it."""
        from labctl.services.copy import Copy

        Access(self._parts, actor).current("copy", lab).disk(box)
        data = content()
        found = Access(self._parts, actor).current("copy", lab).disk(box)
        return Copy(self._parts.engine, box=box).put(found.id, data, path), len(data)

    @staff_only
    def forward(self, actor: Actor, lab: str, box: str, port: int, local: int, opened: Callable[[int], None]) -> None:
        """A port on loopback that leads to a port of a box, until interrupted. ``opened`` gets its number."""
        from labctl.services.forward import Forward

        Forward(self._parts.engine).serve(self._running(actor, lab, box), port, local, opened)

    @staff_only
    def ssh_stream(self, actor: Actor, lab: str, box: str) -> ByteStream:
        """To the box's sshd."""
        from labctl.services.forward import connect_argv

        return self._parts.engine.stream(self._running(actor, lab, box), connect_argv(_SSH_PORT))

    @staff_only
    def ssh_config(self, actor: Actor, lab: str, sent: Mapping[str, str]) -> str:
        """The OpenSSH configuration for the boxes of a lab; the key is made and put into them where it isn't there.
        ``sent``: the environment of sessions."""
        from labctl.services.ssh import prepare

        current = Access(self._parts, actor).current("enter", lab)
        return prepare(self._parts.engine, self._parts.ssh, current, sent)

    @staff_only
    def ssh(self, actor: Actor, lab: str, box: str, arguments: Sequence[str], sent: Mapping[str, str]) -> None:
        """Replace this process by OpenSSH's client, to the box's sshd."""
        from labctl.services.ssh import prepare

        current = Access(self._parts, actor).current("enter", lab)
        prepare(self._parts.engine, self._parts.ssh, current, sent)
        current.box(box)
        self._parts.ssh.run_client(current.instance, box, list(arguments))
