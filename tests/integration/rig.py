"""Common actions of integration tests: run labctl as a program, inspect boxes and the switch, wait."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import docker
import pytest

from labctl.domain.boxspec import File, archive
from labctl.domain.naming import container_name, instance_id, on_engine, owner_in_store, owner_on_engine
from labctl.domain.wiring import bridge_name

PATIENCE = float(os.environ.get("LABCTL_TEST_PATIENCE", "1"))
"""How many times slower than usual this machine is allowed to be: an emulated one is."""

STORE = secrets.token_hex(4)
"""The id of the store of everybody whose name is all that a test has of them."""

LABCTL = str(Path(sys.executable).with_name("labctl"))
CATALOG = str(Path(__file__).with_name("catalog"))
_AS_THE_GATEWAY = [
    sys.executable,
    "-c",
    "import sys\n"
    "from labctl.cli.gateway.session import SessionRunner\n"
    "from labctl.domain.access.gateway import Session, parse\n"
    "from labctl.domain.access.tickets import Holder\n"
    "who, *words = sys.argv[1:]\n"
    "sys.exit(SessionRunner().run(Session(Holder(who, ''), parse(' '.join(words)), 'en', '', '')))",
]


def clock() -> float:
    """Seconds, for deadlines. Time that the host of a virtual machine gave to other machines does not count (``steal``
    in proc_stat(5))."""
    stolen = int(Path("/proc/stat").read_text().split("\n", 1)[0].split()[8])
    return time.monotonic() - stolen / os.sysconf("SC_CLK_TCK") / (os.cpu_count() or 1)


def until(condition: Callable[[], object], what: str, seconds: float = 30) -> None:
    """Wait for a condition, or fail with a message that names it."""
    deadline = clock() + seconds * PATIENCE
    while not condition():
        if clock() > deadline:
            pytest.fail(f"not within {seconds} s: {what}")
        time.sleep(0.05)


class Labctl:
    """The labctl command for one learner, in a state folder of its own. All objects share one store, except those with
    another ``store``. With an empty ``store``, labctl makes a store id itself."""

    def __init__(self, folder: Path, learner: str, engine: str = "", store: str = STORE) -> None:
        self.learner = learner
        if store:
            set_store(folder / "state", store)
        self.environment = {
            **os.environ,
            "XDG_STATE_HOME": str(folder / "state"),
            "XDG_CONFIG_HOME": str(folder / "config"),
            "XDG_CACHE_HOME": str(folder / "cache"),
            "LABCTL_LEARNER": learner,
            "LABCTL_CATALOG": CATALOG,
            "LABCTL_LANG": "en",
            "NO_COLOR": "1",
            **({"DOCKER_HOST": engine} if engine else {}),
        }

    def start(self, *args: str, **kwargs: Any) -> subprocess.Popen[str]:
        """Start a command, with stdout and stderr as pipes."""
        pipe = subprocess.PIPE
        started: subprocess.Popen[str] = subprocess.Popen(
            [LABCTL, *args],
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=pipe,
            stderr=pipe,
            text=True,
            **kwargs,
        )
        return started

    def run(
        self, *args: str, code: int | None = 0, stdin: str = "", timeout: float = 300, by_key: str = ""
    ) -> subprocess.CompletedProcess[str]:
        """Run a command to its end; the exit code must be ``code`` (None: any). ``by_key``: as the gateway runs it for
        this learner of a cohort."""
        done = subprocess.run(
            [*([*_AS_THE_GATEWAY, by_key] if by_key else [LABCTL]), *args],
            env=self.environment,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        assert code is None or done.returncode == code, f"{args}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done


def set_store(state: Path, store: str = STORE) -> None:
    """Give an id to the store in this XDG_STATE_HOME."""
    (state / "labctl").mkdir(parents=True, exist_ok=True)
    (state / "labctl" / "store-id").write_text(f"{store}\n")


def boxes_of(engine: docker.DockerClient, learner: str) -> list[docker.models.containers.Container]:
    """A learner's containers, running or not."""
    filters = {"label": f"labctl.owner={owner(learner)}"}
    found: list[docker.models.containers.Container]
    found = engine.containers.list(all=True, filters=filters, ignore_removed=True)
    return found


def owner_of(one: docker.models.containers.Container) -> str:
    """The learner of a box, with the name in the store."""
    return owner_in_store(one.labels["labctl.owner"], one.labels.get("labctl.store", ""))


def put(container: docker.models.containers.Container, files: Mapping[str, tuple[bytes, int]]) -> None:
    """Copy files with their modes into a box, with the engine."""
    tar = archive(tuple(File(path, content, mode) for path, (content, mode) in files.items()))
    assert container.put_archive("/", tar)


def end_all(labctl: Labctl) -> None:
    """Remove all boxes of the learner."""
    engine = docker.from_env()
    labs = {box.labels["labctl.lab"] for box in boxes_of(engine, labctl.learner)}
    engine.close()
    for lab in labs:
        labctl.run("down", lab)


def box(engine: docker.DockerClient, learner: str, name: str, lab: str = "mini") -> docker.models.containers.Container:
    """A box of a learner. Raises docker.errors.NotFound."""
    return engine.containers.get(container(learner, name, lab))


def sh(container: docker.models.containers.Container, script: str) -> tuple[int, str]:
    """Run a script in a box with its own shell; returns the exit code, and stdout with stderr."""
    code, output = container.exec_run(["sh", "-c", script])
    return code, output.decode(errors="replace")


def interfaces(engine: docker.DockerClient) -> set[str]:
    """The bridges and cables in the switch."""
    _, output = engine.containers.get("labctl-keeper").exec_run(
        ["sh", "-c", f"nsenter --net=/proc/{switch_pid(engine)}/ns/net ip -br link | cut -d' ' -f1 | cut -d@ -f1"]
    )
    return set(output.decode().split())


def switch_pid(engine: docker.DockerClient) -> int:
    """The pid of the switch's first process on the engine's machine."""
    return int(engine.containers.get("labctl-switch").attrs["State"]["Pid"])


def bridge(learner: str) -> str:
    """The bridge of a learner's mini lab."""
    return bridge_name(on_engine(instance_id("mini", learner), STORE), "lan")


def container(learner: str, name: str, lab: str = "mini") -> str:
    """The name of the container of a learner's box."""
    return container_name(on_engine(instance_id(lab, learner), STORE), name)


def owner(learner: str) -> str:
    """The learner's name in labels."""
    return owner_on_engine(learner, STORE)
