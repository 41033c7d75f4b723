"""Boxes on a Docker engine. Implements ports.Engine."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from functools import cached_property
from typing import IO, TYPE_CHECKING, Any

from labctl.adapters.docker import config
from labctl.adapters.docker.belonging import Belonging, Recognise
from labctl.adapters.docker.client import Client, explained
from labctl.adapters.docker.removal import remove_container
from labctl.domain.boxspec import BoxSpec
from labctl.domain.observed import CloneImage, EngineInfo, ObservedBox
from labctl.domain.site import RunningBox
from labctl.domain.spot import Spot
from labctl.errors import NameTakenError
from labctl.hints import Hint
from labctl.ports import ByteStream, ExecResult, Process, Terminal

if TYPE_CHECKING:
    from labctl.adapters.docker.archives import Archives

_COMMIT_SECONDS = 600.0


class DockerEngine:
    """An engine, used through the SDK, for one store. ``store`` returns the store's id. ``recognise`` returns
    whether the store owns a box that was created before stores had ids. ``toolbox_volume`` returns the volume that
    boxes mount."""

    def __init__(
        self, client: Client, toolbox_volume: Callable[[], str], store: Callable[[], str], recognise: Recognise
    ) -> None:
        self._client = client
        self._toolbox_volume = toolbox_volume
        self._store = store
        self._belonging = Belonging(client, store, recognise)

    @property
    def store(self) -> str:
        """See ports.Engine."""
        return self._store()

    def info(self) -> EngineInfo:
        """GET /info and /version."""
        with self._explained():
            info, version = self._client.api.info(), self._client.api.version()
        mirrors = (info.get("RegistryConfig") or {}).get("Mirrors") or []
        return EngineInfo(
            version=version["Version"],
            api_version=version["ApiVersion"],
            cgroup_version=int(info.get("CgroupVersion") or 1),
            storage_driver=info["Driver"],
            security_options=tuple(info.get("SecurityOptions") or ()),
            kernel=info["KernelVersion"],
            os=info["OperatingSystem"],
            cpus=info["NCPU"],
            memory=info["MemTotal"],
            root_dir=info["DockerRootDir"],
            registry_mirrors=tuple(mirrors),
            address=self._client.address,
        )

    def observe(self, instance: str | None = None) -> list[ObservedBox]:
        """GET /containers/json by label."""
        return self._belonging.boxes(instance)

    def unclaimed(self, instance: str | None = None) -> list[ObservedBox]:
        """GET /containers/json by label."""
        return self._belonging.unclaimed(instance)

    def observe_all(self) -> list[ObservedBox]:
        """GET /containers/json by label."""
        return self._belonging.everything()

    def clones(self, original: str | None = None) -> list[ObservedBox]:
        """GET /containers/json by label."""
        return self._belonging.clones(original)

    def create(self, spec: BoxSpec) -> str:
        """POST /containers/create."""
        import docker.errors

        self._client.require_usable()
        facts = self._client.facts
        config.refuse_unmeasured(spec, str(facts["Driver"]))
        cgroup = config.boxes_cgroup(facts.get("CgroupDriver", ""))
        with self._explained():
            try:
                made = self._client.api.create_container_from_config(
                    config.box_config(spec, self._toolbox_volume(), cgroup), name=spec.container
                )
            except docker.errors.APIError as error:
                if error.status_code == 409:
                    raise NameTakenError(
                        "the name {container} is used by a container that labctl did not create and does not change",
                        hint=Hint.RENAME_BOX,
                        container=spec.container,
                    ) from error
                raise
        return str(made["Id"])

    def start(self, box_id: str) -> None:
        """POST /containers/{id}/start."""
        with self._explained():
            self._client.api.start(box_id)

    def stop(self, box_id: str, timeout: int = 10) -> None:
        """POST /containers/{id}/stop, or /containers/{id}/kill for a power cut. A stop with ``t=0`` first sends the
        stop signal, and systemd stops some units before SIGKILL comes (measured). After both calls the restart
        policy has no effect until the next start."""
        import docker.errors

        with self._unless_missing():
            if timeout:
                self._client.api.stop(box_id, timeout=timeout)
                return
            try:
                self._client.api.kill(box_id, "SIGKILL")
            except docker.errors.APIError as error:
                if error.status_code != 409:  # the box is not running
                    raise

    def restart(self, box_id: str, timeout: int = 10) -> None:
        """POST /containers/{id}/restart."""
        with self._explained():
            self._client.api.restart(box_id, timeout=timeout)

    def remove(self, box_id: str) -> None:
        """See ``removal.remove_container``."""
        with self._unless_missing():
            remove_container(self._client.api, box_id)

    def commit(self, box_id: str, labels: Mapping[str, str]) -> str:
        """POST /commit. The engine merges the box's labels with the given labels. If labctl gives no entry point, the
        engine takes the entry point of the box, with the learner's files as an argument. A label can't be removed, but
        it can be set to an empty string.

        ``pause`` is on, because files that belong together are written one after the other (first a redo log, then the
        table). A copy with only the second file is damaged in a way that no power cut could cause. The engine itself
        ends the pause, so a box does not stay paused if labctl is killed. A box of redis-replication pauses for 0.09 s,
        three boxes at once pause for 0.17 s (measured).
        """
        # The thread's own client can't be used, because reading the layer of a large box takes longer than that
        # client's timeout.
        api = self._client.new_api(_COMMIT_SECONDS)
        try:
            with self._explained():
                own = api.inspect_container(box_id)["Config"]["Labels"] or {}
                inherited = dict.fromkeys((name for name in own if name.startswith("labctl.")), "")
                config = {"Labels": {**inherited, **labels}, "Entrypoint": ["/sbin/init"], "Cmd": []}
                return str(api.commit(box_id, conf=config, pause=True)["Id"])
        finally:
            api.close()

    def clone_images(self, original: str | None = None) -> list[CloneImage]:
        """GET /images/json by label."""
        return self._belonging.images(original)

    def remove_image(self, image_id: str) -> bool:
        """DELETE /images/{id}. Its parent images, from which the box was made, stay."""
        import docker.errors

        with self._unless_missing():
            try:
                self._client.api.remove_image(image_id, noprune=True)
            except docker.errors.APIError as error:
                if error.status_code != 409:
                    raise
                return False
        return True

    def running(self, box_id: str) -> RunningBox | None:
        """GET /containers/{id}/json."""
        with self._unless_missing():
            found = self._client.api.inspect_container(box_id)
            state = found["State"]
            runs = state["Running"] and not state.get("Restarting")
            return RunningBox(found["Id"], int(state["Pid"]), state["StartedAt"]) if runs else None
        return None

    def exec(
        self,
        box_id: str,
        argv: Sequence[str],
        *,
        stdin: bytes | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> ExecResult:
        """POST /containers/{id}/exec, /exec/{id}/start, GET /exec/{id}/json."""
        from labctl.adapters.docker.stream import STDOUT, FrameStream

        stdout, stderr = bytearray(), bytearray()
        with self._explained():
            exec_id, raw = self._open(box_id, argv, stdin=stdin is not None, environment=environment)
            try:
                if stdin is not None:
                    raw.write(stdin)
                    raw.close_write()
                for kind, data in FrameStream(raw).frames():
                    (stdout if kind == STDOUT else stderr).extend(data)
            finally:
                raw.close()
            code = self._client.api.exec_inspect(exec_id)["ExitCode"]
        return ExecResult(code if code is not None else 126, bytes(stdout), bytes(stderr))

    def stream(self, box_id: str, argv: Sequence[str]) -> ByteStream:
        """Start an exec and return its stdin and stdout as a stream."""
        from labctl.adapters.docker.stream import FrameStream

        with self._explained():
            _, raw = self._open(box_id, argv, stdin=True)
        return FrameStream(raw)

    def terminal(
        self, box_id: str, argv: Sequence[str], environment: Mapping[str, str], rows: int, columns: int
    ) -> Terminal:
        """Start an exec with a terminal, and return the terminal."""
        from labctl.adapters.docker.terminal import DockerTerminal, new_mark

        mark, marked = new_mark()
        with self._explained():
            exec_id, raw = self._open(box_id, argv, stdin=True, tty=True, environment={**environment, **marked})
            terminal = DockerTerminal(self._client, box_id, exec_id, raw, mark)
            terminal.resize(rows, columns)
        return terminal

    def process(
        self, box_id: str, argv: Sequence[str], environment: Mapping[str, str], on_stderr: Callable[[bytes], object]
    ) -> Process:
        """Start an exec with pipes, and return the process."""
        from labctl.adapters.docker.terminal import DockerProcess, new_mark

        mark, marked = new_mark()
        with self._explained():
            exec_id, raw = self._open(box_id, argv, stdin=True, environment={**environment, **marked})
        return DockerProcess(self._client, box_id, exec_id, raw, mark, on_stderr)

    @cached_property
    def _archives(self) -> Archives:
        from labctl.adapters.docker.archives import Archives

        return Archives(self._client, lambda box_id, argv: self._open(box_id, argv, stdin=True))

    def find(self, box_id: str, path: str) -> Spot:
        """Use the toolbox in a running box, or HEAD /containers/{id}/archive for a stopped box."""
        with self._explained():
            return self._archives.find(box_id, path)

    def put_archive(self, box_id: str, path: str, tar: bytes | IO[bytes]) -> None:
        """Use the toolbox's tar in a running box, or PUT /containers/{id}/archive for a stopped box."""
        with self._explained():
            self._archives.put(box_id, path, tar)

    def get_archive(
        self, box_id: str, path: str, left_out: Callable[[str], object] = lambda _name: None
    ) -> Iterator[bytes]:
        """Use the toolbox's tar in a running box, or GET /containers/{id}/archive for a stopped box."""
        with self._explained():
            yield from self._archives.get(box_id, path, left_out)

    def logs(self, box_id: str, tail: int) -> bytes:
        """GET /containers/{id}/logs."""
        with self._explained():
            return bytes(self._client.api.logs(box_id, tail=tail))

    def memory(self, box_id: str) -> int:
        """GET /containers/{id}/stats?one-shot. The name of the cache is ``inactive_file`` in cgroup v2 and
        ``total_inactive_file`` in v1."""
        with self._explained():
            told = self._client.api.stats(box_id, stream=False, one_shot=True).get("memory_stats") or {}
        cache = told.get("stats") or {}
        return int(told.get("usage", 0)) - int(cache.get("total_inactive_file", cache.get("inactive_file", 0)))

    def _open(
        self,
        box_id: str,
        argv: Sequence[str],
        *,
        stdin: bool,
        tty: bool = False,
        environment: Mapping[str, str] | None = None,
    ) -> tuple[str, Any]:
        from labctl.adapters.docker.execs import start_exec

        values = dict(environment or {})
        return start_exec(self._client.api, box_id, argv, tty=tty, stdin=stdin, environment=values, user="0:0")

    def _explained(self) -> AbstractContextManager[None]:
        return explained(self._client.address)

    def _unless_missing(self) -> AbstractContextManager[None]:
        return _unless_missing(self._client.address)


@contextmanager
def _unless_missing(address: str) -> Iterator[None]:
    """Ignore the error for a missing container or image: the caller treats it as removed."""
    import docker.errors

    with explained(address), suppress(docker.errors.NotFound):
        yield
