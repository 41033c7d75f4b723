"""The steps of a learner, an instructor and an operator, once, on this machine's engine: the engine matrix of the CI.

    .venv/bin/python tests/setup/scenario.py ENGINE [--min-api 1.44] [--store overlayfs]

ENGINE is the beginning of the engine's version; with a + after it, the minimum version. Each step is printed with its
seconds. A failed step ends the run with exit status 1, and prints the expectation and the output of the command. The
scenario needs the engine for itself: it expects that the engine is empty in the end.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import pty
import re
import select
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

TOP = Path(__file__).resolve().parents[2]
LABCTL = str(TOP / ".venv" / "bin" / "labctl")
LAB = "redis-replication"
BOXES = ("master", "replica1", "replica2")
COHORT, MEMBER = f"matrix{os.getpid()}", "li"
DISK_MIB = 64


class NotAsExpectedError(Exception):
    """A step has failed."""


def expect(holds: object, what: str, said: object = "") -> None:
    """Raise NotAsExpectedError unless the condition holds."""
    if not holds:
        raise NotAsExpectedError(f"{what}\n{said}".strip())


def say(line: str) -> None:
    """Print one line of the report at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def run(*argv: str, code: int | None = 0, stdin: str = "", seconds: float = 900) -> subprocess.CompletedProcess[str]:
    """Run a command to its end; its exit status must be ``code`` (None: any)."""
    done = subprocess.run(
        argv, input=stdin, capture_output=True, text=True, errors="replace", timeout=seconds, check=False
    )
    if code is not None:
        said = f"{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
        expect(done.returncode == code, f"{' '.join(argv)}: exit {done.returncode}, not {code}", said)
    return done


def labctl(*argv: str, code: int | None = 0, stdin: str = "") -> str:
    """Run labctl; returns its stdout."""
    return run(LABCTL, *argv, code=code, stdin=stdin).stdout


def until(condition: Callable[[], object], what: str, seconds: float) -> None:
    """Wait for a condition."""
    deadline = time.monotonic() + seconds
    while not condition():
        expect(time.monotonic() < deadline, f"not within {seconds:.0f} s: {what}")
        time.sleep(0.2)


def verify(*options: str, code: int) -> dict[str, Any]:
    """Run ``verify --json``; returns its output. A wrong exit status is an error that lists unexpected verdicts."""
    done = run(LABCTL, "verify", "--json", *options, code=None)
    expect(done.returncode in (0, 1, 6), f"verify: exit {done.returncode}", done.stderr)
    found: dict[str, Any] = json.loads(done.stdout)
    usual = "failed" if code else "passed"
    checks = [check for task in found["attempt"]["tasks"] for check in task["checks"] if check["verdict"] != usual]
    odd = "\n".join(f"{check['verdict']} {check['name']}: {check['message']}" for check in checks)
    expect(done.returncode == code, f"verify: exit {done.returncode}, not {code}", odd)
    return found


def verdicts(found: dict[str, Any]) -> set[str]:
    """The verdicts of all tasks."""
    return {task["verdict"] for task in found["attempt"]["tasks"]}


class Scenario:
    """The steps of the scenario, in order."""

    def __init__(self, engine: str, min_api: str, store: str, folder: Path) -> None:
        self._engine, self._min_api, self._store = engine, min_api, store
        self._folder = folder

    def engine(self) -> str:
        """The engine has the expected version, API and storage driver."""
        server = json.loads(run("docker", "version", "--format", "{{json .Server}}").stdout)
        store = run("docker", "info", "--format", "{{.Driver}}").stdout.strip()
        facts = f"Engine {server['Version']}, API {server['MinAPIVersion']} to {server['ApiVersion']}, {store}"
        least = self._engine.removesuffix("+")
        newer = self._engine.endswith("+") and _numbers(server["Version"]) >= _numbers(least)
        expect(newer or server["Version"].startswith(f"{least}."), f"Engine {self._engine}", facts)
        expect(not self._min_api or server["MinAPIVersion"] == self._min_api, f"minimum API {self._min_api}", facts)
        expect(not self._store or store == self._store, f"storage driver {self._store}", facts)
        return f"{facts}, Python {sys.version.split()[0]}"

    def doctor(self) -> str:
        """doctor reports no present problem."""
        labctl("doctor")
        return ""

    def up(self) -> str:
        """up starts the lab; a second up changes nothing."""
        labctl("up", LAB)
        started = time.monotonic()
        labctl("up", LAB)
        boxes = json.loads(labctl("status", "--json"))
        expect({box["box"] for box in boxes} == set(BOXES), "three boxes", boxes)
        return f"again: {time.monotonic() - started:.1f} s"

    def fresh(self) -> str:
        """In fresh boxes every task is failed, and no check ends in error."""
        found = verify(code=1)
        expect(verdicts(found) == {"failed"}, "every task is failed", found)
        return ""

    def solved(self) -> str:
        """The reference solution passes."""
        labctl("solve", "--yes")
        found = verify(code=0)
        expect(verdicts(found) == {"passed"}, "every task is passed", found)
        expect(not any(found["attempt"]["integrity"].values()), "nothing is reported", found["attempt"]["integrity"])
        return ""

    def thorough(self) -> str:
        """Checks that reboot, kill and cut pass on copies of the boxes; the copies are removed."""
        found = verify("--thorough", code=0)
        expect(verdicts(found) == {"passed"} and found["left_out"] == 0, "every check is passed", found)
        names = run("docker", "ps", "--all", "--format", "{{.Names}}").stdout.split()
        expect(len(names) == len(BOXES) + 3, "boxes, keeper, switch and probe, and no copies", names)
        return ""

    def integrity(self) -> str:
        """Changed programs of packages are reported."""
        labctl("exec", "master", "--", "sh", "-c", "echo >> /usr/bin/tac && rm /usr/bin/tsort")
        found = verify(code=0)["attempt"]["integrity"]
        expect(found["changed"] == {"master": ["/usr/bin/tac", "/usr/bin/tsort"]}, "tac and tsort are reported", found)
        return ""

    def enter(self) -> str:
        """enter opens a shell in a box on a terminal, and returns the exit status of the shell."""
        pid, terminal = pty.fork()
        if pid == 0:
            os.execv(LABCTL, [LABCTL, "enter", "replica1"])
        said = b""
        try:
            said = _read_until(terminal, rb"root@replica1", said)
            os.write(terminal, b"echo $((6 * 7))-$(hostname) $(tty); exit 7\n")
            said = _read_until(terminal, rb"42-replica1 /dev/pts/\d", said)
            _read_until(terminal, None, said)
        finally:
            os.close(terminal)
            code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        expect(code == 7, f"exit status 7, not {code}", said.decode(errors="replace"))
        return ""

    def copy(self) -> str:
        """Files and folders are copied into a box and back unchanged."""
        tree = self._folder / "tree"
        (tree / "inner").mkdir(parents=True)
        (tree / "inner" / "bytes").write_bytes(os.urandom(3_000_000))
        (tree / "名字").write_text("text\n")
        labctl("cp", str(tree), "replica2:/root/tree")
        labctl("cp", "replica2:/root/tree", str(self._folder / "back"))
        labctl("exec", "replica2", "--", "sh", "-c", "echo from the box > /srv/said")
        labctl("cp", "replica2:/srv/said", str(self._folder / "said"))
        for name in ("inner/bytes", "名字"):
            same = (self._folder / "back" / name).read_bytes() == (tree / name).read_bytes()
            expect(same, f"{name} is the same")
        expect((self._folder / "said").read_text() == "from the box\n", "what the box wrote")
        return ""

    def disk(self) -> str:
        """A learner of a cohort exceeds the disk limit: the box is stopped, and the reason is reported."""
        roster = self._folder / "class.csv"
        roster.write_text(f"id,name\n{MEMBER},Li\n")
        words = ("create", COHORT, "--lab", LAB, "--roster", str(roster), "--limits", f"disk={DISK_MIB}MiB")
        labctl("cohort", *words)
        labctl("cohort", "up", COHORT)
        learner = ("--learner", f"{COHORT}/{MEMBER}")
        labctl(
            "exec",
            *learner,
            "master",
            "--",
            "sh",
            "-c",
            "systemd-run -q dd if=/dev/zero of=/root/large bs=1M count=400",
        )
        started = time.monotonic()

        def stopped() -> bool:
            boxes = {box["box"]: box for box in json.loads(labctl("status", "--json", *learner))}
            notes = {note["kind"]: note for note in boxes["master"]["notes"]}
            return bool(boxes["master"]["state"] != "running" and notes.get("disk", {}).get("limit") == DISK_MIB << 20)

        until(stopped, "the writing box is stopped, and the reason is noted", 40)
        taken = time.monotonic() - started
        labctl("cohort", "end", COHORT, "--yes")
        return f"noticed after {taken:.0f} s"

    def images(self) -> str:
        """Listed images have a size; prune removes only old images; saved and loaded images need no build."""
        listed = json.loads(labctl("images", "list", "--json"))
        lab = [image["tag"] for image in listed["images"] if image["tag"].startswith(f"labctl/{LAB}-")]
        expect(len(lab) == len(BOXES), "an image for each box", listed)
        expect(all(image["size"] > 0 for image in listed["images"]), "each image has a size", listed)
        unpacked = listed["unpacked"]
        expect(0 < unpacked["labs"] < unpacked["system"] <= unpacked["all"], "the sizes add up", listed)
        old = "labctl/box:0123456789abcdef"
        made = run("docker", "build", "-q", "-", stdin=_DOCKERFILE.format(image=_named(listed, "box"))).stdout.strip()
        run("docker", "tag", made, old)
        removed = [image["tag"] for image in json.loads(labctl("images", "prune", "--json"))]
        expect(removed == [old], "the old image is removed, and nothing else", removed)
        file = self._folder / "images.tar"
        labctl("images", "save", str(file), LAB)
        size = file.stat().st_size
        labctl("down", "--all")
        run("docker", "image", "rm", "--force", *run("docker", "images", "-q").stdout.split(), code=None)
        left = run("docker", "images", "-q").stdout.split()
        expect(not left, "no images are left", left)
        loaded = labctl("images", "load", str(file)).split()
        expect(set(lab) <= set(loaded), "the saved images are loaded", loaded)
        said = run(LABCTL, "up", LAB).stderr
        expect("building" not in said and "setting up" not in said, "up builds nothing", said)
        expect(verdicts(verify(code=1)) == {"failed"}, "fresh boxes")
        return f"{size >> 20} MiB"

    def down(self) -> str:
        """down --all leaves no containers, volumes, bridges, cables or mounts."""
        labctl("down", "--all")
        for what in (("ps", "--all", "--quiet"), ("volume", "ls", "--quiet")):
            left = run("docker", *what).stdout.split()
            expect(not left, f"docker {' '.join(what)} is empty", left)
        names = {line.split()[1].rstrip(":").partition("@")[0] for line in run("ip", "-o", "link").stdout.splitlines()}
        expect(names <= {"lo", "docker0", "tap0"}, "no bridges or cables", names)
        mounts = [line for line in Path("/proc/mounts").read_text().splitlines() if line.startswith("overlay ")]
        expect(not mounts, "no disks of containers", mounts)
        return ""

    def steps(self) -> Iterator[tuple[str, Callable[[], str]]]:
        """Each step with its name."""
        for step in (
            *(self.engine, self.up, self.doctor, self.fresh, self.solved, self.thorough, self.integrity),
            *(self.enter, self.copy, self.disk, self.images, self.down),
        ):
            yield step.__name__, step


_DOCKERFILE = """FROM {image}
RUN echo old >/old
"""


def _numbers(version: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", version)[:2]]


def _named(listed: dict[str, Any], name: str) -> str:
    tags: list[str] = [image["tag"] for image in listed["images"]]
    return next(tag for tag in tags if tag.startswith(f"labctl/{name}:"))


def _read_until(terminal: int, pattern: bytes | None, said: bytes) -> bytes:
    """The output of a terminal up to the pattern (None: up to its end)."""
    deadline = time.monotonic() + 60
    while pattern is None or not re.search(pattern, said):
        ready, _, _ = select.select([terminal], [], [], max(0.0, deadline - time.monotonic()))
        expect(ready, f"the terminal shows {pattern!r}", said.decode(errors="replace"))
        try:
            more = os.read(terminal, 65536)
        except OSError:  # the other side is closed (EIO)
            more = b""
        if not more:
            expect(pattern is None, f"the terminal shows {pattern!r}", said.decode(errors="replace"))
            break
        said += more
    return said


def main(argv: Sequence[str]) -> int:
    """Run all steps; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("engine")
    parser.add_argument("--min-api", default="")
    parser.add_argument("--store", default="")
    options = parser.parse_args(argv)
    folder = Path(tempfile.mkdtemp(prefix="labctl-scenario-"))
    begun = time.monotonic()
    try:
        scenario = Scenario(options.engine, options.min_api, options.store, folder)
        for name, step in scenario.steps():
            started = time.monotonic()
            try:
                remark = step()
            except (NotAsExpectedError, subprocess.TimeoutExpired, KeyError, ValueError) as error:
                say(f"✗ {name} ({time.monotonic() - started:.1f} s): {type(error).__name__}: {error}")
                with contextlib.suppress(subprocess.TimeoutExpired):
                    say(run("docker", "logs", "--tail", "20", "labctl-keeper", code=None).stdout)
                return 1
            say(f"✓ {name} ({time.monotonic() - started:.1f} s){f': {remark}' if remark else ''}")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    say(f"✓ the scenario holds ({time.monotonic() - begun:.0f} s)")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
