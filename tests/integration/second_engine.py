"""A second Docker engine beside the machine's own: for restarts, kills and full disks."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

import docker

if TYPE_CHECKING:
    from rig import Labctl


class SecondEngine:
    """A ``dockerd`` with its own folders, socket and containerd, without a bridge and without firewall rules."""

    def __init__(self, folder: Path, data_root: Path | None = None) -> None:
        self.folder = folder
        self.options: tuple[str, ...] = ()
        self._data = data_root or folder / "data"
        # The path of a socket has at most 108 characters.
        self._socket = Path(f"/run/labctl-test-{os.getpid()}-{folder.name[:20]}.sock")
        self.address = f"unix://{self._socket}"
        self.labctl: Labctl | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._client: docker.DockerClient | None = None

    @property
    def client(self) -> docker.DockerClient:
        """A client. Each restart needs a new client, because it closes the connections of the old client."""
        if self._client is None:
            self._client = docker.DockerClient(self.address)
        return self._client

    def _hang_up(self) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None

    def start(self) -> None:
        """Start the daemon, and wait until it answers."""
        from rig import until

        # The daemon gets its own network namespace: with ``--bridge none`` it removes docker0, even of another daemon.
        argv = [
            "unshare",
            "--net",
            "dockerd",
            "--data-root",
            str(self._data),
            "--exec-root",
            str(self.folder / "exec"),
            "-H",
            self.address,
        ]
        argv += ["--pidfile", str(self.folder / "pid"), "--bridge", "none", "--iptables=false", "--ip-forward=false"]
        argv += self.options
        (self.folder / "pid").unlink(missing_ok=True)
        # If nothing reaps orphans, a containerd that died with its daemon stays as a zombie. Because of this file, a
        # new daemon would take the zombie for a running containerd.
        (self.folder / "exec" / "containerd" / "containerd.pid").unlink(missing_ok=True)
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(argv, stdout=log, stderr=log, start_new_session=True)
        until(self._answers, f"the second engine answers; see {self.folder / 'log'}", 60)

    def _answers(self) -> bool:
        try:
            return bool(self.client.ping())
        except (docker.errors.DockerException, OSError):
            self._hang_up()
            return False

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        """End the daemon."""
        self._hang_up()
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(timeout=60)
            self._process = None

    def carry(self, here: Labctl, there: Labctl) -> None:
        """Copy the images of the mini lab to this engine, as a file."""
        file = self.folder / "images.tar"
        here.run("images", "save", str(file), "mini", timeout=600)
        assert "labctl/mini-alpha:" in there.run("images", "load", str(file), timeout=600).stdout
        file.unlink()
        self.labctl = there

    def __enter__(self) -> SecondEngine:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            for container in self.client.containers.list(all=True):
                container.remove(force=True)
        finally:
            self.stop()
            self._socket.unlink(missing_ok=True)
            # Mounts of a killed daemon stay mounted, and a folder with mounts can't be removed.
            mounted = [line.split()[1].replace("\\040", " ") for line in Path("/proc/mounts").read_text().splitlines()]
            for place in sorted((place for place in mounted if place.startswith(f"{self.folder}/")), reverse=True):
                subprocess.run(["umount", "--lazy", place], check=False)
