"""Check the syntax of a lab's plays: implements services.lint.PlaySyntax with ``ansible-playbook --syntax-check``.

The check starts no task and needs no box. It also reports modules that don't exist.
"""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from labctl.adapters.ansible.provisioner import AnsibleProvisioner
from labctl.domain.lab.model import Lab
from labctl.pool import Pool

_SECONDS = 60.0
# ansible-core 2.19 prints "Origin: FILE:LINE:COLUMN". Older releases print "in 'FILE': line LINE, column".
_PLACES = (
    re.compile(r"^Origin: (?P<file>/[^:\n]+):(?P<line>\d+)", re.MULTILINE),
    re.compile(r"'(?P<file>/[^'\n]+)': line (?P<line>\d+)"),
)
_MARKS = re.compile(r"^(\[ERROR\]:|ERROR!)\s*", re.MULTILINE)


class AnsibleSyntax:
    """Runs the ansible-core that also runs the plays, with the same settings."""

    def __init__(self, provisioner: AnsibleProvisioner) -> None:
        self._provisioner = provisioner

    def faults(self, lab: Lab, plays: Mapping[str, str]) -> list[tuple[str, int, str]]:
        """See services.lint.PlaySyntax. Check all plays in one run. If Ansible rejects a play, check each play
        separately."""
        with tempfile.TemporaryDirectory(prefix="labctl-lint-") as name:
            folder = Path(name)
            argv, environment = self._provisioner.prepare_syntax(folder, lab)
            if not plays or self._ask(argv, environment, list(plays.values())) is None:
                return []
            with Pool(os.cpu_count()) as pool:
                told = pool.map(lambda play: self._ask(argv, environment, [play]), plays.values())
                return [
                    (play, *_place(text, file))
                    for (play, file), text in zip(plays.items(), told, strict=True)
                    if text is not None
                ]

    def _ask(self, argv: Sequence[str], environment: Mapping[str, str], files: list[str]) -> str | None:
        """Return Ansible's error output, or None if it accepts the files."""
        try:
            done = subprocess.run(
                [*argv, "--syntax-check", *files],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                env=dict(environment),
                timeout=_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return f"no answer within {_SECONDS:.0f} s"
        return None if done.returncode == 0 else done.stderr or done.stdout


def _place(text: str, file: str) -> tuple[int, str]:
    """Return the line number in ``file`` and the message from Ansible's output."""
    line = next(
        (int(m["line"]) for place in _PLACES for m in place.finditer(text) if Path(m["file"]).name == Path(file).name),
        1,
    )
    message = _MARKS.sub("", text).strip().partition("\n\n")[0]
    return line, " ".join(message.partition("\nOrigin:")[0].split())[:300]
