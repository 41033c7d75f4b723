"""A server for a cohort, on loopback: OpenSSH's own sshd, the gateway as an operator installs it, and learners."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import paramiko
from rig import CATALOG, set_store, until

from labctl.adapters.gateway import system
from labctl.adapters.gateway.install import Installer
from labctl.adapters.store import SqlStore
from labctl.app import gateway
from labctl.domain.access.gateway_files import Layout
from labctl.domain.classroom.cohort import Cohort, Member

SSHD = """
Include {folder}/sshd_config.d/*.conf
ListenAddress 127.0.0.1:{port}
HostKey {folder}/host_key
PidFile {folder}/sshd.pid
UsePAM yes
KbdInteractiveAuthentication no
X11Forwarding yes
AcceptEnv LANG LC_*
Subsystem sftp /usr/lib/openssh/sftp-server
"""


class Server:
    """All parts have unique names, and ``end`` removes them."""

    def __init__(self, scratch: Path) -> None:
        self.scratch = scratch
        self.mark = uuid.uuid4().hex[:6]
        # Not in a temporary folder: sshd starts no program from a folder that other users can write to.
        self.folder = Path(f"/var/lib/labctl-test-{self.mark}")
        self.port = _free_port()
        self.layout = Layout(
            account=f"lab{self.mark}",
            keys_account=f"keys{self.mark}",
            folder=str(self.folder / "libexec"),
            socket=str(self.folder / "gateway.sock"),
            log=str(self.folder / "gateway.log"),
            sshd_config=str(self.folder / "sshd_config"),
            unit=str(self.folder / "labctl-gateway.service"),
        )
        self.store = SqlStore(scratch / "state" / "labctl" / "labctl.db")
        self.processes: list[subprocess.Popen[bytes]] = []
        self.broker: subprocess.Popen[bytes] | None = None

    @property
    def installer(self) -> Installer:
        return gateway.installer(self.layout)

    def begin(self) -> None:
        """Install the gateway, and start sshd and the broker."""
        self.folder.mkdir(mode=0o755)
        set_store(self.scratch / "state")
        (self.folder / "sshd_config.d").mkdir(mode=0o755)
        keygen(self.folder / "host_key")
        (self.folder / "sshd_config").write_text(SSHD.format(folder=self.folder, port=self.port))
        Path("/run/sshd").mkdir(exist_ok=True, mode=0o755)
        installer = self.installer
        installer.apply(installer.plan(), lambda _change: None)
        self.processes.append(
            subprocess.Popen([system.sshd(), "-D", "-E", self.folder / "sshd.log", "-f", self.folder / "sshd_config"])
        )
        self.start_broker()
        until(lambda: _answers(self.port), "sshd listens")

    def start_broker(self) -> None:
        """``labctl gateway serve``"""
        where = self.layout
        options = [
            f"--{name}={getattr(where, name.replace('-', '_'))}"
            for name in ("account", "keys-account", "socket", "log")
        ]
        self.broker = subprocess.Popen(
            [sys.executable, "-m", "labctl", "gateway", "serve", *options],
            env=self.environment(),
            stderr=(self.scratch / "broker.err").open("ab"),
        )
        self.processes.append(self.broker)
        until(lambda: Path(where.socket).exists(), "the broker listens")

    def environment(self) -> dict[str, str]:
        """The environment of the broker, and of the instructor's labctl."""
        state = {f"XDG_{name}_HOME": str(self.scratch / name.lower()) for name in ("STATE", "CONFIG", "CACHE")}
        return {**os.environ, **state, "LABCTL_CATALOG": CATALOG, "LABCTL_LEARNER": "nobody"}

    def enrol(self, cohort: str, *ids: str, labs: tuple[str, ...] = ("mini",), ends: float = 0.0) -> dict[str, Path]:
        """Make a cohort of these learners with this deadline; returns the private key of each learner."""
        keys = {name: self.scratch / f"{cohort}-{name}" for name in ids}
        members = [Member(name, name, key=keygen(file)) for name, file in keys.items()]
        self.store.add_cohort(Cohort(cohort, labs, "secret", time.time(), until=ends), members)
        return keys

    def log(self) -> str:
        """The gateway's log."""
        return Path(self.layout.log).read_text()

    def refusals(self, learner: str = "") -> list[str]:
        """The log lines of refused commands, of one learner or of all."""
        lines = [line for line in self.log().splitlines() if line.split()[1] == "refused"]
        return [line for line in lines if not learner or f'learner="{learner}"' in line]

    def sshd_log(self) -> str:
        """The log of sshd."""
        return (self.folder / "sshd.log").read_text(errors="replace")

    def deeds(self, learner: str) -> list[tuple[str, str]]:
        """The learner's happenings as the instructor sees them: deed and text."""
        return [(item.deed, item.text) for item in self.store.happenings([learner])]

    def ssh(self, key: Path, *said: str, options: Sequence[str] = ()) -> list[str]:
        """The command of OpenSSH's client for a learner with this key."""
        settings = {
            "IdentitiesOnly": "yes",
            "IdentityAgent": "none",
            "StrictHostKeyChecking": "no",
            "UserKnownHostsFile": f"{self.scratch}/known",
            "LogLevel": "ERROR",
            "BatchMode": "yes",
        }
        with_values = [word for name, value in settings.items() for word in ("-o", f"{name}={value}")]
        where = f"{self.layout.account}@127.0.0.1"
        return ["ssh", "-F", "none", "-p", str(self.port), "-i", str(key), *options, *with_values, "--", where, *said]

    def say(
        self,
        key: Path,
        *said: str,
        options: Sequence[str] = (),
        stdin: str = "",
        environment: Mapping[str, str] | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Run a command with OpenSSH's client, and wait for its end."""
        return subprocess.run(
            self.ssh(key, *said, options=options),
            input=stdin,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
            env={**os.environ, "LC_ALL": "C.UTF-8", **(environment or {})},
        )

    def end(self) -> None:
        """Remove all processes, accounts and files."""
        for process in reversed(self.processes):
            process.send_signal(signal.SIGTERM)
            process.wait(20)
        self.processes.clear()
        shutil.copy(self.layout.log, self.scratch)
        installer = self.installer
        installer.remove(installer.plan_removal(), lambda _change: None)
        shutil.rmtree(self.folder, ignore_errors=True)

    def leftovers(self) -> list[str]:
        """Accounts and files that ``end`` should have removed."""
        accounts = [self.layout.account, self.layout.keys_account]
        return [name for name in accounts if system.account(name)] + [str(self.folder)] * self.folder.exists()


def keygen(file: Path) -> str:
    """Make a key pair; returns the public key as a line of a roster."""
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", str(file)], check=True)
    return " ".join(file.with_name(f"{file.name}.pub").read_text().split()[:2])


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


class Class:
    """Two learners of one cohort, and one learner of another."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.keys = server.enrol("db", "li", "wang") | server.enrol("web", "gao", labs=("routed", "mini"))

    @contextlib.contextmanager
    def paramiko(self, name: str) -> Iterator[paramiko.SSHClient]:
        """A logged-in paramiko client."""
        client = paramiko.SSHClient()
        client.set_missing_host_key_policy(paramiko.AutoAddPolicy())
        with client:
            client.connect(
                "127.0.0.1", self.server.port, self.server.layout.account,
                key_filename=str(self.keys[name]), allow_agent=False, look_for_keys=False, timeout=30,
            )  # fmt: skip
            yield client
