"""Reports of too little memory, too many processes or too much CPU time, from the counters of cgroups v1 and v2."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import pytest

from labctl.keeper.engine import Container
from labctl.keeper.guard import Counters, Guard, read_counters
from labctl.keeper.host import Cgroup, cgroup_folder
from labctl.keeper.notes import NoteTeller, Voice

ID = "19ee503cc4335beb24d32d83fd0c1126cfb5768cadbd0ca6720d3ea58aa3c7ae"
V1 = f"""\
9:name=systemd:/docker/{ID}/init.scope
8:pids:/docker/{ID}
4:memory:/docker/{ID}
1:cpu,cpuacct:/docker/{ID}
0::/
"""
V1_MOUNTS = """\
31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755
32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,relatime - cgroup cgroup rw,cpu,cpuacct
35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory
39 31 0:36 / /sys/fs/cgroup/pids rw,relatime - cgroup cgroup rw,pids
41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw
"""
V2 = f"0::/labctl.slice/docker-{ID}.scope/system.slice/nginx.service\n"
V2_MOUNTS = "30 23 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n"


def test_a_boxs_cgroup_is_found_in_each_hierarchy_of_v1() -> None:
    assert cgroup_folder(V1, V1_MOUNTS, ID, "pids") == f"/sys/fs/cgroup/pids/docker/{ID}"
    assert cgroup_folder(V1, V1_MOUNTS, ID, "cpu") == f"/sys/fs/cgroup/cpu,cpuacct/docker/{ID}"


def test_a_boxs_cgroup_on_v2_is_that_of_the_engine_and_not_of_its_systemd() -> None:
    assert cgroup_folder(V2, V2_MOUNTS, ID, "memory") == f"/sys/fs/cgroup/labctl.slice/docker-{ID}.scope"


def test_a_hierarchy_may_be_mounted_from_below_its_root() -> None:
    """This happens if Docker runs in a container."""
    cgroup = f"8:pids:/outer/docker/{ID}\n"
    mounts = "39 31 0:36 /outer /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids\n"
    assert cgroup_folder(cgroup, mounts, ID, "pids") == f"/sys/fs/cgroup/pids/docker/{ID}"


@pytest.mark.parametrize(
    ("cgroup", "mounts"), [("", V1_MOUNTS), (V1, ""), ("8:pids:/docker/other\n", V1_MOUNTS), ("0::/x\n", V2_MOUNTS)]
)
def test_a_missing_cgroup_is_an_oserror(cgroup: str, mounts: str) -> None:
    with pytest.raises(OSError):
        cgroup_folder(cgroup, mounts, ID, "pids")


class Folders:
    """The cgroups of a box in a folder of the test: all controllers in one, as on v2."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def folder(self, _controller: str) -> Path:
        return self._folder

    def folders(self, _controller: str) -> list[Path]:
        return [folder for folder in (self._folder, self._folder / "system.slice") if folder.exists()]


def put(folder: Path, files: dict[str, str]) -> Cgroup:
    for name, content in files.items():
        (folder / name).write_text(content)
    return cast("Cgroup", Folders(folder))


def test_counters_are_read_on_v1(tmp_path: Path) -> None:
    files = {"pids.current": "12\n", "pids.max": "256\n", "pids.events": "max 3\n", "memory.limit_in_bytes": "1024\n"}
    files |= {"memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 2\n"}
    files |= {"cpu.stat": "nr_periods 600\nnr_throttled 500\nthrottled_time 123456789\n", "cpuacct.usage": "7000999\n"}
    files |= {"cpu.cfs_quota_us": "50000\n", "cpu.cfs_period_us": "100000\n"}
    assert read_counters(put(tmp_path, files)) == Counters(12, 256, 3, 2, 1024, 7000, 500_000)


def test_counters_are_read_on_v2(tmp_path: Path) -> None:
    files = {"pids.current": "12\n", "pids.max": "256\n", "pids.events": "max 3\n", "memory.max": "1024\n"}
    files |= {"memory.events": "low 0\nhigh 0\nmax 9\noom 1\noom_kill 2\noom_group_kill 0\n"}
    files |= {"cpu.stat": "usage_usec 5\nnr_periods 600\nnr_throttled 500\nthrottled_usec 7\nnr_bursts 0\n"}
    files |= {"cpu.max": "200000 100000\n"}
    (tmp_path / "system.slice").mkdir()
    (tmp_path / "system.slice/pids.events").write_text("max 40\n")
    assert read_counters(put(tmp_path, files)) == Counters(12, 256, 43, 2, 1024, 5, 2_000_000)


@pytest.mark.parametrize(
    "files", [{"cpu.max": "max 100000\n"}, {"cpu.cfs_quota_us": "-1\n", "cpu.cfs_period_us": "100000\n"}]
)
def test_the_cpu_quota_is_zero_without_a_limit(tmp_path: Path, files: dict[str, str]) -> None:
    assert read_counters(put(tmp_path, {"pids.current": "12\n", "pids.max": "max\n", **files})).quota == 0


def test_counters_that_an_old_kernel_lacks_are_zero(tmp_path: Path) -> None:
    assert read_counters(put(tmp_path, {"pids.current": "12\n", "pids.max": "max\n"})) == Counters(12)


def test_an_ended_box_is_an_oserror(tmp_path: Path) -> None:
    with pytest.raises(OSError):
        read_counters(put(tmp_path, {}))


class World:
    """A guard and one box, whose counters the test sets."""

    def __init__(self, **labels: str) -> None:
        self.box = Container("id1", 7, labels, running=True)
        self.counters: Counters | None = Counters(10, 256)
        self.opened = 0
        self.told: list[str] = []
        self.guard = Guard(NoteTeller(Voice(lambda _line: None), self), self._open, self._read)

    def write(self, box: Container, text: str) -> None:
        self.told.append(text.split("\n")[0])

    def _open(self, box: Container) -> Cgroup:
        self.opened += 1
        return cast("Cgroup", self)

    def bound(self) -> None:
        """Stands in for Cgroup.bound."""

    def _read(self, _cgroup: Cgroup) -> Counters:
        if self.counters is None:
            raise FileNotFoundError("the box has ended")
        return self.counters

    def look(self, now: float, **counters: int) -> None:
        if self.counters is not None:
            self.counters = self.counters._replace(**counters)
        self.guard.look([self.box], now)


def test_events_before_the_keepers_start_are_not_reported() -> None:
    world = World()
    world.look(0.0, refused=5, killed=5)
    world.look(10.0)
    assert not world.told


def test_a_process_killed_for_lack_of_memory_is_reported() -> None:
    world = World()
    world.look(0.0, memory=256 << 20)
    world.look(10.0, killed=1)
    world.look(20.0, killed=50)
    assert len(world.told) == 1 and "out of memory (256 MiB)" in world.told[0]


@pytest.mark.parametrize("counters", [{"refused": 1}, {"pids": 256}])
def test_a_fork_bomb_is_reported(counters: dict[str, int]) -> None:
    """On v2, older kernels count only in the cgroup in which the process could not be created. This may be a child of
    the box's cgroup."""
    world = World()
    world.look(0.0)
    world.look(10.0, **counters)
    assert len(world.told) == 1 and "limit of processes (256)" in world.told[0]


def test_a_box_without_a_pids_limit_never_reaches_it() -> None:
    world = World()
    world.look(0.0, most=0)
    world.look(10.0, pids=0)
    assert not world.told


def run(world: World, seconds: int, *, used: float, quota: int = 500_000) -> None:
    """Read the counters every ten seconds from a box that constantly uses that part of its quota."""
    for now in range(0, seconds + 1, 10):
        world.look(float(now), used=int(now * used * (quota or 1_000_000)), quota=quota)


def test_a_busy_loop_is_reported_after_a_minute_and_then_hourly() -> None:
    world = World()
    run(world, 50, used=1)
    assert not world.told
    run(world, 1800, used=1)
    assert len(world.told) == 1 and "most of its processor time" in world.told[0]


def test_a_busy_loop_below_its_quota_is_reported_on_a_busy_machine() -> None:
    world = World()
    run(world, 60, used=0.55)
    assert len(world.told) == 1


@pytest.mark.parametrize(("used", "quota"), [(0.4, 500_000), (0, 500_000), (1, 0)])
def test_occasional_or_unlimited_work_is_no_busy_loop(used: float, quota: int) -> None:
    world = World()
    run(world, 1800, used=used, quota=quota)
    assert not world.told


def test_a_restarted_box_is_counted_from_zero() -> None:
    world = World()
    world.look(0.0, killed=9)
    world.box = Container("id1", 8, {}, running=True)
    world.look(10.0, killed=0)
    world.look(20.0)
    assert not world.told and world.opened == 2
    world.look(30.0, killed=1)
    assert len(world.told) == 1


def test_a_box_that_ends_while_it_is_read_is_ignored() -> None:
    world = World()
    world.look(0.0)
    world.counters = None
    world.look(10.0)
    world.guard.look([], 20.0)
    assert not world.told


def test_nothing_is_reported_for_a_clone() -> None:
    world = World(**{"labctl.clone": "pond.lucy"})
    world.look(0.0)
    world.look(10.0, killed=1)
    assert not world.told


def test_events_before_the_first_reading_are_reported_if_the_box_started_since() -> None:
    """A box that started within the last ten seconds counts. Events from before the keeper's own start do not."""
    world = World()
    world.counters = Counters(10, 256, refused=1, killed=1)
    world.guard.look([world.box], 0.0)
    assert not world.told
    world.guard.look([], 10.0)
    world.guard.look([world.box], 20.0)
    assert len(world.told) == 2
