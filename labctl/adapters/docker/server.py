"""Inspect the engine's machine with a short-lived container (``look.py``). Implements ports.ServerPort."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from labctl.adapters.docker.client import Client, explained
from labctl.adapters.docker.keeper import SystemTags
from labctl.domain import wiring
from labctl.domain.classroom.capacity import Footprint, Server
from labctl.errors import EngineError
from labctl.hints import Hint
from labctl.ports import Engine

_WATCH_SECONDS = 5.0


class DockerServer:
    """Uses the keeper's image, which has Python. The container can only read, so nothing on the machine changes."""

    def __init__(self, client: Client, engine: Engine, tags: Callable[[], SystemTags]) -> None:
        self._client = client
        self._engine = engine
        self._tags = tags

    def look(self) -> Server:
        """See ServerPort."""
        seen = self._look(())
        pids, threads = seen.pop("pid_max"), seen.pop("threads_max")
        seen["processes"] = min(pids, threads)
        seen["processes_used"] = seen.pop("threads")
        seen["processes_limit"] = "kernel.pid_max" if pids <= threads else "kernel.threads-max"
        del seen["boxes"]
        return Server(cpus=self._engine.info().cpus, **seen)

    def measure(self, box_ids: Sequence[str]) -> Footprint:
        """See ServerPort. The cpu time comes from GET /containers/{id}/stats, and the disk space comes from GET
        /containers/json?size."""
        before, started = self._cpu_seconds(box_ids), time.monotonic()
        uses = self._look(box_ids)["boxes"].values()
        time.sleep(max(0.0, _WATCH_SECONDS - (time.monotonic() - started)))
        spent, seconds = self._cpu_seconds(box_ids) - before, time.monotonic() - started
        with explained(self._client.address):
            listed = self._client.api.containers(all=True, size=True, filters={"id": list(box_ids)})
        return Footprint(
            boxes=len(box_ids),
            memory=sum(self._engine.memory(box) for box in box_ids),
            cpu=spent / seconds,
            disk=sum(int(item.get("SizeRw") or 0) for item in listed),
            processes=sum(use["processes"] for use in uses),
            inotify=sum(use["inotify"] for use in uses),
            files=sum(use["files"] for use in uses),
            aio=sum(use["aio"] for use in uses),
            at=time.time(),
        )

    def _cpu_seconds(self, box_ids: Sequence[str]) -> float:
        with explained(self._client.address):
            stats = [self._client.api.stats(box, stream=False, one_shot=True) for box in box_ids]
        return sum(int(one["cpu_stats"]["cpu_usage"]["total_usage"]) for one in stats) / 1e9

    def _look(self, box_ids: Sequence[str]) -> dict[str, Any]:
        import docker.errors

        script = Path(__file__).with_name("look.py").read_text("utf-8")
        config: dict[str, Any] = {
            "Image": self._tags().keeper,
            "Entrypoint": ["python3", "-I", "-S", "-c", script, *box_ids],
            "Labels": {wiring.LABEL_ROLE: "look"},
            "HostConfig": {
                # The limits of the neighbour table belong to the machine's own network namespace. Processes are visible
                # in its own pid namespace.
                "NetworkMode": "host",
                "PidMode": "host",
                "CapDrop": ["ALL"],
                "CapAdd": ["SYS_PTRACE", "DAC_READ_SEARCH"],
                "SecurityOpt": ["apparmor=unconfined", "no-new-privileges"],
                "ReadonlyRootfs": True,
            },
        }
        with explained(self._client.address):
            api = self._client.api
            try:
                made = api.create_container_from_config(config)
            except docker.errors.ImageNotFound as error:
                what = "the image that inspects the server does not exist yet"
                raise EngineError(what, hint=Hint.DOCTOR_FIX) from error
            try:
                api.start(made["Id"])
                api.wait(made["Id"], timeout=60)
                said = api.logs(made["Id"], stderr=True).decode(errors="replace")
            finally:
                with contextlib.suppress(docker.errors.APIError):
                    api.remove_container(made["Id"], force=True)
        try:
            found: dict[str, Any] = json.loads(said)
        except ValueError as error:
            raise EngineError("the server can't be inspected", hint=Hint.DOCTOR, detail=said) from error
        return found
