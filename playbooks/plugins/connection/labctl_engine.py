"""Ansible connection to a box, over the Engine API.

ansible-core has no connection plugin for Docker, and the collection that has one drives the docker command: a process
of 80 ms per command. This one uses labctl's own engine adapter, in the same Python.
"""

from __future__ import annotations

import functools
import shlex
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleConnectionFailure, AnsibleFileNotFound
from ansible.plugins.connection import ConnectionBase

from labctl.adapters.docker.client import Client
from labctl.adapters.docker.engine import DockerEngine
from labctl.errors import LabctlError
from labctl.ports import ExecResult

DOCUMENTATION = """
name: labctl_engine
short_description: Run tasks in a labctl box through the Docker Engine API
description:
  - Runs commands as root in a container, and moves files through commands too, so that they land where
    the box's own processes see them (the Engine's archive API does not see a tmpfs).
author: labctl
version_added: "0.1.0"
options:
  remote_addr:
    description: The container's id or name.
    default: inventory_hostname
    type: str
    vars:
      - name: inventory_hostname
      - name: ansible_host
  engine:
    description: The engine's address, as in DOCKER_HOST.
    type: str
    required: true
    env:
      - name: LABCTL_ENGINE
    vars:
      - name: labctl_engine
"""

_SECONDS = 3600.0
"""The limit is long, because a task may print nothing for a long time: unpack, compile, wait."""


@functools.lru_cache(maxsize=1)
def _engine(address: str) -> DockerEngine:
    """Return this process's engine. A play neither creates nor lists boxes, so this engine needs no toolbox and no
    store."""
    client = Client(address, timeout=_SECONDS)
    return DockerEngine(client, toolbox_volume=str, store=str, recognise=lambda _box: False)


class Connection(ConnectionBase):
    """A connection to one box."""

    transport = "labctl_engine"
    has_pipelining = True

    def _connect(self) -> Connection:
        self._connected = True
        return self

    def exec_command(self, cmd: str, in_data: bytes | None = None, sudoable: bool = True) -> tuple[int, bytes, bytes]:
        """Run a shell command with ``in_data`` as its stdin."""
        super().exec_command(cmd, in_data=in_data, sudoable=sudoable)
        result = self._run(cmd, in_data)
        return result.code, result.stdout, result.stderr

    def put_file(self, in_path: str, out_path: str) -> None:
        """Copy a file into the box."""
        super().put_file(in_path, out_path)
        source = Path(in_path)
        if not source.is_file():
            raise AnsibleFileNotFound(f"there is no file {in_path}")
        result = self._run(f"cat > {shlex.quote(out_path)}", source.read_bytes())
        if result.code:
            raise AnsibleConnectionFailure(
                f"{out_path} can't be written: {result.stderr.decode(errors='replace').strip()}"
            )

    def fetch_file(self, in_path: str, out_path: str) -> None:
        """Copy a file out of the box."""
        super().fetch_file(in_path, out_path)
        result = self._run(f"cat -- {shlex.quote(in_path)}", None)
        if result.code:
            raise AnsibleFileNotFound(f"{in_path} can't be read: {result.stderr.decode(errors='replace').strip()}")
        Path(out_path).write_bytes(result.stdout)

    def close(self) -> None:
        """Do nothing: no connection stays open between commands."""
        self._connected = False

    def _run(self, command: str, stdin: bytes | None) -> ExecResult:
        box: Any = self.get_option("remote_addr")
        try:
            return _engine(self.get_option("engine")).exec(box, ["/bin/sh", "-c", command], stdin=stdin)
        except LabctlError as error:
            # Ansible would print the whole chain of causes. The last cause is enough.
            raise AnsibleConnectionFailure(str(error)) from None
