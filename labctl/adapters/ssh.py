"""OpenSSH on this machine: a key and a configuration for each instance, in labctl's state folder."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from labctl.errors import UsageError
from labctl.hints import Hint
from labctl.whole_file import write_whole


class SshFiles:
    """One folder for each instance, with ``id_ed25519`` and ``config``. ``catalogs``: the folders of ``--catalog``."""

    def __init__(self, folder: Path, catalogs: Sequence[str] = ()) -> None:
        self._folder = folder
        self._catalogs = catalogs

    def public_key(self, instance: str) -> str:
        """Return the instance's public key. ssh-keygen creates the key if there is none. Raises UsageError if OpenSSH
        is missing."""
        key = self._folder / instance / "id_ed25519"
        if not key.exists():
            key.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            argv = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", f"labctl {instance}", "-f", str(key)]
            try:
                subprocess.run(argv, check=True, stdin=subprocess.DEVNULL, capture_output=True)
            except FileNotFoundError as error:
                raise _no_client() from error
        return key.with_suffix(".pub").read_text()

    def write_config(
        self, instance: str, lab: str, learner: str, boxes: list[str], sent: Mapping[str, str] | None = None
    ) -> str:
        """Write and return the ssh_config(5) for these boxes. ``sent``: environment variables for every session.

        Host keys are not checked. The connection to a box goes through the engine, so no attacker on a network can
        intercept it. A recreated box has new host keys.
        """
        catalogs = [f"--catalog={Path(folder).resolve()}" for folder in self._catalogs]
        labctl = [sys.executable, "-m", "labctl", *catalogs, "ssh-proxy"]
        environment = " ".join(f"{name}={value}" for name, value in (sent or {}).items())
        lines = []
        for box in boxes:
            command = _literal(shlex.join([*labctl, box, "--lab", lab, "--learner", learner]))
            lines += [
                f"Host {box} {box}.{lab}",
                "  User root",
                *([f"  SetEnv {environment}"] if environment else []),
                f'  IdentityFile "{_literal(str(self._folder / instance / "id_ed25519"))}"',
                "  IdentitiesOnly yes",
                f"  ProxyCommand {command}",
                "  StrictHostKeyChecking no",
                "  UserKnownHostsFile /dev/null",
                "  LogLevel ERROR",
                "",
            ]
        text = "\n".join(lines)
        write_whole(self._folder / instance / "config", text)
        return text

    def run_client(self, instance: str, box: str, arguments: Sequence[str]) -> None:
        """Replace this process by the user's ssh. Never returns. Raises UsageError if OpenSSH is missing."""
        ssh = shutil.which("ssh")
        if ssh is None:
            raise _no_client()
        sys.stdout.flush()
        os.execv(ssh, [ssh, "-F", str(self._folder / instance / "config"), box, *arguments])  # noqa: S606  no shell

    def forget(self, instance: str) -> None:
        """Delete the key and the configuration of an instance that is down."""
        shutil.rmtree(self._folder / instance, ignore_errors=True)


def _literal(text: str) -> str:
    """Escape the tokens of ssh_config(5), such as %h."""
    return text.replace("%", "%%")


def _no_client() -> UsageError:
    return UsageError("OpenSSH's client is not installed here", hint=Hint.INSTALL_SSH)
