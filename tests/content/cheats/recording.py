"""A pytest plugin that records the output of each command of a stock testinfra run in the file LABCTL_RECORD."""

from __future__ import annotations

import json
import os
from pathlib import Path

from testinfra.backend.docker import DockerBackend

_run = DockerBackend.run


def run(self, command, *args, **kwargs):
    """Run the command as before, and write a line of JSON."""
    result = _run(self, command, *args, **kwargs)
    said = {
        "box": self.name,
        "command": self.get_command(command, *args),
        "rc": result.rc,
        "stdout": result.stdout_bytes.decode("latin-1"),
        "stderr": result.stderr_bytes.decode("latin-1"),
    }
    with Path(os.environ["LABCTL_RECORD"]).open("a") as file:
        file.write(json.dumps(said) + "\n")
    return result


DockerBackend.run = run
