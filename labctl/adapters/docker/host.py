"""Inspect the engine's machine with a short-lived container of the keeper's image. This works for a local and for a
remote engine."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from labctl.adapters.docker.client import Client, explained
from labctl.adapters.docker.keeper import SystemTags
from labctl.adapters.settings import Settings
from labctl.domain import naming, wiring
from labctl.domain.diagnosis import WANTED_SYSCTLS

_SYS = "/host/sys"
_BOOT = "/host/sysctl.d"


def _path(name: str) -> str:
    return f"{_SYS}/{name.replace('.', '/')}"


class HostProbe:
    """Implements services.doctor.HostPort."""

    def __init__(self, client: Client, tags: Callable[[], SystemTags], settings: Settings) -> None:
        self._client = client
        self._tags = tags
        self._settings = settings

    def look(self) -> tuple[Mapping[str, int], int | None]:
        """See HostPort."""
        lines = [f'echo "{name} $(cat {_path(name)} 2>/dev/null)"' for name in WANTED_SYSCTLS]
        output = self._run("; ".join([*lines, 'echo "disk $(df -Pk / | tail -n 1)"']), ["/proc/sys:/host/sys:ro"])
        if output is None:
            return {}, None
        sysctls: dict[str, int] = {}
        disk: int | None = None
        for line in output.splitlines():
            name, *values = line.split()
            if name == "disk" and len(values) >= 4:
                disk = int(values[3]) * 1024
            elif values and values[0].isdigit():
                sysctls[name] = int(values[0])
        return sysctls, disk

    def raise_sysctls(self, wanted: Mapping[str, int]) -> None:
        """See HostPort. The values are also written to /etc/sysctl.d for the next boot (sysctl.d(5))."""
        now = [f"echo {value} > {_path(name)}" for name, value in wanted.items()]
        later = "".join(f"{name} = {value}\\n" for name, value in wanted.items())
        keep = f"printf '# written by labctl doctor --fix\\n{later}' > {_BOOT}/60-labctl.conf"
        self._run("; ".join([*now, keep]), ["/proc/sys:/host/sys", "/etc/sysctl.d:/host/sysctl.d"])

    def _run(self, script: str, binds: list[str]) -> str | None:
        """Return the output of the script, or None if the keeper's image does not exist yet."""
        import docker.errors

        config: dict[str, Any] = {
            "Image": self._tags().keeper,
            "Entrypoint": ["sh", "-c", script],
            "Labels": {wiring.LABEL_ROLE: "doctor"},
            # The limits of the neighbour table belong to the machine's own network. Another network namespace has no
            # such files.
            "HostConfig": {"NetworkMode": "host", "Binds": binds, "ReadonlyRootfs": True},
        }
        with explained(self._client.address):
            api = self._client.api
            try:
                made = api.create_container_from_config(config)
            except docker.errors.ImageNotFound:
                return None
            try:
                api.start(made["Id"])
                api.wait(made["Id"], timeout=30)
                return str(api.logs(made["Id"], stderr=False).decode(errors="replace"))
            finally:
                with contextlib.suppress(docker.errors.APIError):
                    api.remove_container(made["Id"], force=True)

    def base_present(self) -> bool:
        """See HostPort. labctl's own tag counts too, because ``images load`` creates only that tag."""
        with explained(self._client.address):
            names = [self._settings.image.base, f"{naming.REPOSITORY}/base"]
            return any(self._client.api.images(filters={"reference": name}) for name in names)

    def programs_missing(self) -> Sequence[str]:
        """See HostPort."""
        return [program for program in ("ssh", "mmdebstrap") if shutil.which(program) is None]

    def mirrors(self) -> tuple[str, str]:
        """See HostPort."""
        return self._settings.mirror.registry, self._settings.mirror.debian
