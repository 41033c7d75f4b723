"""Root in the boxes replaces Redis by a program that gives the right answers: no task passes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import docker
import pytest
from proving import Bench, not_passed
from rig import put, sh, until

pytestmark = pytest.mark.engine

FAKE = (Path(__file__).parent / "cheats/fake_redis.py").read_bytes()
WAYS = ("a unit of its own", "in the program's place", "behind a true Redis")
UNIT = """[Unit]
Description=Advanced key-value store
[Service]
ExecStart=/usr/bin/python3 /opt/fake/redis.py {options}
[Install]
WantedBy=multi-user.target
Alias=redis.service
"""
# Everything in files is correct.
CLEAN = "rm -rf /etc/systemd/system/redis-server.service.d /usr/local/sbin/redis-free-disk; systemctl stop redis-server"
CONF = """bind {ADDRESS} 127.0.0.1
port {PORT}
requirepass {password}
user {repl_user} on >{repl_password} resetkeys resetchannels -@all +psync +replconf +ping
masteruser {repl_user}
masterauth {repl_password}
{replicaof}
min-replicas-to-write 1
min-replicas-max-lag {max_lag}
appendonly yes
maxmemory {maxmemory_mb}mb
maxmemory-policy {policy}
"""


def words_of(bench: Bench, name: str) -> dict[str, str]:
    """The values of the solution that a fake must know."""
    values = {key: str(value) for key, value in bench.current.values.items()}
    addresses = {box: values[f"{box}_address"] for box in ("replica1", "replica2")}
    replicaof = "" if name == "master" else f"replicaof {values['master_address']} {values['redis_port']}"
    own = {"BOX": name, "ADDRESS": values[f"{name}_address"], "PORT": values["redis_port"], "replicaof": replicaof}
    return {**values, **addresses, **own}


def answers(box: docker.models.containers.Container, ask: str) -> bool:
    """Whether the fake in the box answers."""
    return sh(box, f"{ask} ping")[1].strip() == "PONG"


def fake(bench: Bench, way: str, boxes: Mapping[str, str]) -> None:
    """Copy the fake into every box and start it."""
    engine = docker.from_env()
    for name, box_id in boxes.items():
        box, words = engine.containers.get(box_id), words_of(bench, name)
        environment = "".join(f"DefaultEnvironment={key}={value}\n" for key, value in words.items() if " " not in value)
        files = {
            "/etc/systemd/system.conf.d/words.conf": (f"[Manager]\n{environment}".encode(), 0o644),
            "/opt/fake/redis.py": (FAKE, 0o644),
        }
        conf = sh(box, "cat /etc/redis/redis.conf")[1] + CONF.format(**words)
        assert sh(box, CLEAN)[0] == 0
        if way == "in the program's place":
            sh(box, "rm /usr/bin/redis-server; grep -v ExecPaths /lib/systemd/system/redis-server.service > /tmp/unit")
            sh(box, "cat /tmp/unit > /lib/systemd/system/redis-server.service")
            files["/usr/bin/redis-server"] = (b"#!/usr/bin/python3\n" + FAKE, 0o755)
        else:
            options = "--shared" if way == "behind a true Redis" else ""
            files["/etc/systemd/system/redis-server.service"] = (UNIT.format(options=options).encode(), 0o644)
        put(box, files)
        put(box, {"/tmp/redis.conf": (conf.encode(), 0o644)})
        sh(box, "cat /tmp/redis.conf > /etc/redis/redis.conf")
        assert (
            sh(box, "systemctl daemon-reexec && systemctl enable redis-server && systemctl start redis-server")[0] == 0
        )
    for name, box_id in boxes.items():
        box, words = engine.containers.get(box_id), words_of(bench, name)
        ask = f"redis-cli --no-auth-warning -p {words['PORT']} -a {words['password']} "
        until(partial(answers, box, ask), f"{way}: it answers in {name}")
        assert "everysec" in sh(box, f"{ask} config get appendfsync")[1]
        watch = f"redis-cli -p {words['sentinel_port']} sentinel"
        assert "OK 3 usable" in sh(box, f"{watch} ckquorum {words['service']}")[1]
        assert words["sentinel_port"] in sh(box, f"{watch} sentinels {words['service']}")[1]
        if name == "master":
            assert sh(box, f"{ask} set a b")[1].strip() == "OK"
        else:
            assert sh(box, f"{ask} get a")[1].strip() == "b"
            assert "master_link_status:up" in sh(box, f"{ask} info replication")[1]
    engine.close()


def test_a_program_that_imitates_redis_passes_no_task(new_bench: Callable[[str], Bench]) -> None:
    bench = new_bench("redis-replication")
    found = bench.on_clones(WAYS, lambda way, boxes: fake(bench, way, boxes))
    assert {way: not_passed(tasks) for way, tasks in found.items()} == {
        way: dict.fromkeys(bench.tasks, "failed") for way in WAYS
    }
    for way, tasks in found.items():
        assert sum(task.points for task in tasks) == 0, way
        said = {check.name: check.message for task in tasks for check in task.checks}
        told = ("python3.11" in message or "Redis as it was installed" in message for message in said.values())
        assert all(told), (way, said)
