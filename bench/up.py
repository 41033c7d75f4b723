"""Measure the time of ``labctl up`` until every box is ready, compared with the least possible time and other tools.

    python bench/up.py [--runs 7] [--lab redis-replication]

The parts alternate, on the same engine and the same images:

- up: The whole command runs as a process. At its end, systemd has finished starting in every box.
- floor: A process that has loaded all modules creates and starts the same boxes directly through the Engine API, all at
  once, with the same request bodies. The same keeper wires the boxes and reports when they are ready.
- instead: ``docker compose up -d`` starts the same images on a Docker network. Without Compose, one ``docker run`` for
  each box runs at the same moment. The benchmark measures the time until the command returns, and the time until
  systemd has finished starting in every container.

The boxes are removed after each part. The removal is not timed.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

from raw import RawEngine
from report import finish, spread, table

sys.path.insert(0, str(Path(__file__).parent.parent))

LABCTL = str(Path(sys.executable).with_name("labctl"))
LEARNER = "bench"
READY = "until [ -S /run/systemd/private ]; do sleep 0.02; done; systemctl is-system-running --wait >/dev/null; true"


def timed_up(lab: str) -> float:
    """Run the command as a learner types it, and return the seconds."""
    started = time.perf_counter()
    subprocess.run([LABCTL, "up", lab, "--learner", LEARNER], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started


def timed_floor(lab: str) -> float:
    """Create and start boxes by raw requests, with one open connection for each box. Return the seconds until the
    keeper has reported that all boxes are ready."""
    from labctl.adapters.docker.config import box_config
    from labctl.app.access import Access
    from labctl.app.actor import at_the_engine
    from labctl.app.parts import Parts
    from labctl.domain.boxspec import box_specs
    from labctl.domain.lab.params import derive

    app = Parts()
    definition = app.catalog.lab(lab)
    instance = Access(app, at_the_engine(LEARNER)).instance(lab)
    tags = app.images.tags(definition)
    assert tags is not None
    specs = box_specs(definition, instance, derive(definition, instance.seed), tags, app.engine.store)
    volume = app._system_tags().volume
    bodies = [(spec.container, json.dumps(box_config(spec, volume)).encode()) for spec in specs]
    raw = RawEngine(app.client.address.removeprefix("unix://"), len(bodies))
    try:
        with app.keeper.watch() as watch:
            started = time.perf_counter()
            ids = raw.bring(bodies)
            watch.wait_ready(dict(zip([spec.name for spec in specs], ids, strict=True)), 60, lambda _event: None)
            return time.perf_counter() - started
    finally:
        raw.close()


def timed_instead(lab: str) -> tuple[str, float, float]:
    """Start the boxes as a user does without labctl. Return the command, the seconds until the command returns, and the
    seconds until systemd has finished starting in every container. systemd is started in the usual way: the host's
    cgroup tree is mounted into the container, so no limits apply."""
    from labctl.app.parts import Parts

    app = Parts()
    tags = app.images.tags(app.catalog.lab(lab))
    assert tags is not None
    compose = subprocess.run(["docker", "compose", "version"], capture_output=True, check=False).returncode == 0
    started = time.perf_counter()
    if compose:
        how = "docker compose up -d"
        folder = tempfile.mkdtemp(prefix="labctl-bench-")
        services = {
            name: {
                "image": tag,
                "hostname": name,
                "container_name": f"labctl-bench-{name}",
                "cgroup": "host",
                "tmpfs": ["/run", "/run/lock"],
                "volumes": ["/sys/fs/cgroup:/sys/fs/cgroup:rw"],
            }
            for name, tag in tags.items()
        }
        file = Path(folder, "compose.json")
        file.write_text(json.dumps({"name": "labctl-bench", "services": services}))
        subprocess.run(["docker", "compose", "-f", str(file), "up", "-d"], check=True, capture_output=True)
        shutil.rmtree(folder)
    else:
        how = "docker network create, 3 x docker run -d"
        subprocess.run(["docker", "network", "create", "labctl-bench"], check=True, capture_output=True)
        together(
            [
                *(
                    "docker",
                    "run",
                    "-d",
                    "--name",
                    f"labctl-bench-{name}",
                    "--hostname",
                    name,
                    "--network",
                    "labctl-bench",
                ),
                *(
                    "--cgroupns",
                    "host",
                    "-v",
                    "/sys/fs/cgroup:/sys/fs/cgroup:rw",
                    "--tmpfs",
                    "/run",
                    "--tmpfs",
                    "/run/lock",
                ),
                tag,
            ]
            for name, tag in tags.items()
        )
    returned = time.perf_counter() - started
    together(["docker", "exec", f"labctl-bench-{name}", "sh", "-c", READY] for name in tags)
    ready = time.perf_counter() - started
    subprocess.run(["docker", "rm", "-f", *(f"labctl-bench-{name}" for name in tags)], check=True, capture_output=True)
    network = "labctl-bench_default" if compose else "labctl-bench"
    subprocess.run(["docker", "network", "rm", network], check=True, capture_output=True)
    return how, returned, ready


def together(commands: Iterable[list[str]]) -> None:
    """Run the commands side by side. Every command must succeed."""
    running = [subprocess.Popen(argv, stdout=subprocess.DEVNULL) for argv in commands]
    codes = [process.wait() for process in running]
    assert not any(codes), codes


def remove(lab: str) -> None:
    """Remove the bench's boxes."""
    subprocess.run([LABCTL, "down", lab, "--learner", LEARNER], check=True, stdout=subprocess.DEVNULL)


def idle_mib(lab: str) -> dict[str, float]:
    """Return the memory of each box from its own cgroup, with the lab's services stopped and without reclaimable page
    cache."""
    from labctl.app.parts import Parts

    app = Parts()
    found = {}
    script = "for u in redis-server mariadb nginx mongod; do systemctl stop $u 2>/dev/null; done; true"
    for box in app.finder.find(LEARNER, lab).boxes:
        app.engine.exec(box.id, ["sh", "-c", script])
        usage = app.client.api.stats(box.id, stream=False)["memory_stats"]
        stats = usage["stats"]
        cache = stats.get("total_inactive_file", stats.get("inactive_file", 0))
        found[box.box] = (usage["usage"] - cache) / (1 << 20)
    return found


def main() -> None:
    """Measure, print, finish."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--lab", default="redis-replication")
    options = parser.parse_args()
    os.environ.setdefault("NO_COLOR", "1")
    if shutil.which("docker") is None:
        raise SystemExit("this bench needs the docker command")
    timed_up(options.lab)
    memory = idle_mib(options.lab)
    remove(options.lab)
    ups: list[float] = []
    floors: list[float] = []
    returned: list[float] = []
    insteads: list[float] = []
    instead = ""
    for _ in range(options.runs):
        ups.append(timed_up(options.lab))
        remove(options.lab)
        floors.append(timed_floor(options.lab))
        remove(options.lab)
        instead, back, ready = timed_instead(options.lab)
        returned.append(back)
        insteads.append(ready)
    rows = [
        ("labctl up, ready", spread(ups)),
        ("floor: the Engine API directly, ready", spread(floors)),
        (f"{instead}, ready", spread(insteads)),
        (f"{instead}, returned", spread(returned)),
    ]
    table(("what", "seconds: median (least to most)"), rows)
    print()
    table(("box", "idle MiB"), [(name, f"{value:.1f}") for name, value in memory.items()])
    up, floor = statistics.median(ups), statistics.median(floors)
    finish(
        "up",
        {
            "ratio_to_floor": up / floor,
            "seconds": up,
            "ratio_to_instead": up / statistics.median(insteads),
            "ratio_to_instead_returned": up / statistics.median(returned),
            "box_idle_mib": max(memory.values()),
        },
        {"ratio_to_floor": ("<=", 1.3), "ratio_to_instead": ("<=", 1.0), "box_idle_mib": ("<=", 20)},
    )


if __name__ == "__main__":
    main()
