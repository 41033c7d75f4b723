"""The keeper, the switch, the probe and the toolbox on a Docker engine. Implements ports.Keeper."""

from __future__ import annotations

import contextlib
import math
import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

from labctl.adapters.docker import config
from labctl.adapters.docker.client import Client, explained
from labctl.adapters.docker.removal import remove_container
from labctl.adapters.docker.watch import DockerWatch
from labctl.domain import naming, wiring
from labctl.errors import EngineError
from labctl.hints import Hint

if TYPE_CHECKING:
    from labctl.domain.weight import Weight

_START_SECONDS = 20.0
_POLL_SECONDS = 0.02
_NAMES = {
    wiring.ROLE_KEEPER: naming.KEEPER,
    wiring.ROLE_SWITCH: naming.SWITCH,
    wiring.ROLE_PROBE: naming.PROBE,
}


class SystemTags(NamedTuple):
    """The images from which the keeper and the toolbox are made."""

    keeper: str
    toolbox: str

    @property
    def volume(self) -> str:
        """The toolbox's volume. A new toolbox gets a new volume, so running boxes keep their volume."""
        return f"labctl-toolbox-{self.toolbox.rpartition(':')[2]}"


class DockerKeeper:
    """The keeper, the switch and the probe as containers. ``tags`` returns the images for these containers."""

    def __init__(self, client: Client, tags: Callable[[], SystemTags]) -> None:
        self._client = client
        self._tags = tags

    def state(self) -> Mapping[str, str]:
        """Return the states of keeper, switch and probe, from one query. A state is ``running``, ``outdated``,
        ``missing`` or the state of the container."""
        filters = {"label": [wiring.LABEL_ROLE], "name": [f"^/{name}$" for name in _NAMES.values()]}
        with explained(self._client.address):
            found = self._client.api.containers(all=True, filters=filters)
        states = dict.fromkeys(_NAMES, "missing")
        for item in found:
            role = item["Labels"][wiring.LABEL_ROLE]
            if role in states:
                states[role] = item["State"]
                wanted = self._wanted_hash(role)
                if wanted and item["Labels"].get(wiring.LABEL_SPEC_HASH) != wanted:
                    states[role] = "outdated"
        return states

    def _wanted_hash(self, role: str) -> str:
        """Return the label that the container should have, or an empty text for the switch, which is never outdated."""
        tags = self._tags()
        if role == wiring.ROLE_KEEPER:
            return config.keeper_hash(tags.keeper, tags.volume, self._socket())
        return config.probe_hash(tags.keeper, tags.volume) if role == wiring.ROLE_PROBE else ""

    def _socket(self) -> str:
        """Return the path of the engine's socket on the engine's machine."""
        address = self._client.address
        return address.removeprefix("unix://") if address.startswith("unix://") else "/var/run/docker.sock"

    def ensure(self) -> bool:
        """Create the missing containers, and recreate the outdated containers. A keeper may be replaced at any time. A
        running switch is not replaced, because boxes are connected to it. The labctl of another user, which has its own
        locks, may call this function at the same time."""
        import docker.errors

        deadline = time.monotonic() + _START_SECONDS
        with explained(self._client.address):
            while True:
                try:
                    return self._ensure()
                except docker.errors.APIError as error:
                    if error.status_code not in (404, 409) or time.monotonic() >= deadline:
                        raise
                    time.sleep(_POLL_SECONDS)

    def _ensure(self) -> bool:
        states = self.state()
        if set(states.values()) == {"running"}:
            return False
        self._client.require_usable()
        tags = self._tags()
        if states[wiring.ROLE_SWITCH] != "running":
            self._make(naming.SWITCH, config.switch_config(tags.keeper))
        if {states[wiring.ROLE_KEEPER], states[wiring.ROLE_PROBE]} != {"running"}:
            self._fill_toolbox(tags)
        if states[wiring.ROLE_PROBE] != "running":
            self._make(naming.PROBE, config.probe_config(tags.keeper, tags.volume))
        if states[wiring.ROLE_KEEPER] != "running":
            self._make(naming.KEEPER, config.keeper_config(tags.keeper, tags.volume, self._socket()))
            self._wait_until_it_serves()
        return True

    def _make(self, name: str, wanted: dict[str, Any]) -> None:
        api = self._client.api
        self._remove(name)
        made = api.create_container_from_config(wanted, name=name)
        api.start(made["Id"])

    def _remove(self, name: str) -> None:
        """Remove the container, but only if labctl created it."""
        import docker.errors

        api = self._client.api
        with contextlib.suppress(docker.errors.NotFound):
            found = api.inspect_container(name)
            if wiring.LABEL_ROLE not in (found["Config"]["Labels"] or {}):
                raise EngineError(
                    "the name {name} is used by a container that labctl did not create and does not change",
                    hint=Hint.RENAME_KEEPER,
                    name=name,
                )
            remove_container(api, found["Id"])

    def _fill_toolbox(self, tags: SystemTags) -> None:
        api = self._client.api
        name = f"{tags.volume}-fill"
        self._remove(name)
        made = api.create_container_from_config(config.toolbox_config(tags.toolbox, tags.volume), name=name)
        api.remove_container(made["Id"], force=True)

    def _wait_until_it_serves(self) -> None:
        """Wait until the keeper has inspected all boxes once."""
        deadline = time.monotonic() + _START_SECONDS
        text = ""
        while time.monotonic() < deadline:
            text = self._client.api.logs(naming.KEEPER, tail=20).decode(errors="replace")
            if '"keeper":"ready"' in text:
                return
            time.sleep(_POLL_SECONDS)
        raise EngineError("the keeper does not start", hint=Hint.DOCTOR, detail=text[-2000:])

    @contextmanager
    def watch(self) -> Iterator[DockerWatch]:
        """Attach to the output of the keeper."""
        from labctl.adapters.docker.stream import FrameStream, hijack

        with explained(self._client.address):
            keeper = str(self._client.api.inspect_container(naming.KEEPER)["Id"])
            raw = hijack(self._client.new_api(None), f"/containers/{keeper}/attach?stream=1&stdout=1&stderr=1")
        watch = DockerWatch(self._client, FrameStream(raw), keeper)
        try:
            yield watch
        finally:
            raw.close()

    def hold(self, boxes: Mapping[str, str]) -> AbstractContextManager[Mapping[str, Weight]]:
        """Pause the boxes with a command in the keeper: see ``labctl.adapters.docker.hold``."""
        from labctl.adapters.docker.hold import hold

        return hold(self._client, boxes)

    @contextmanager
    def spare(self, instance: str, seconds: float) -> Iterator[None]:
        """Create a volume with labels, which the keeper looks for: see ``wiring.ROLE_SPARED``."""
        import docker.errors

        api = self._client.api
        labels = {
            wiring.LABEL_ROLE: wiring.ROLE_SPARED,
            wiring.LABEL_INSTANCE: instance,
            wiring.LABEL_EXPIRES: str(math.ceil(time.time() + seconds)),
        }
        name = f"labctl-spared-{secrets.token_hex(8)}"
        with explained(self._client.address):
            api.create_volume(name, labels=labels)
        try:
            yield
        finally:
            with contextlib.suppress(docker.errors.APIError, OSError):  # the volume expires by itself
                self._client.api.remove_volume(name)

    def remove(self) -> None:
        """Remove the containers and the volumes. The keeper is removed first, so that it doesn't search for a removed
        switch."""
        import docker.errors

        with explained(self._client.address):
            self._remove(naming.KEEPER)
            self._remove(naming.PROBE)
            self._remove(naming.SWITCH)
            for volume in self._volumes("toolbox", wiring.ROLE_SPARED, wiring.ROLE_HELD):
                with contextlib.suppress(docker.errors.APIError):
                    self._client.api.remove_volume(volume["Name"])

    def _volumes(self, *roles: str) -> list[dict[str, Any]]:
        found = [self._client.api.volumes(filters={"label": [f"{wiring.LABEL_ROLE}={role}"]}) for role in roles]
        return [volume for each in found for volume in each["Volumes"] or ()]
