"""What happens when machines and cables fail. These checks run on clones of the boxes."""

import secrets
import time

import pytest

BOXES = ("master", "replica1", "replica2")
REPLICAS = ("replica1", "replica2")


def within(seconds, look):
    """Look again and again until nothing is unmet any more; what still is when the time is over is raised."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            return look()
        except AssertionError:
            if time.monotonic() > deadline:
                raise
        time.sleep(0.2)


@pytest.fixture
def trio(server, every):
    """The three, which answer and are linked."""
    return Trio(server, every)


class Trio:
    """What all of these checks do with the three."""

    def __init__(self, server, every):
        self.server, self.every, self.master = server, every, server("master")

    def ready(self, seconds=20):
        """Raises where Redis doesn't answer on every box, or, after some seconds, isn't linked or takes no writes."""
        for name in BOXES:
            self.server(name).forget()
        self.every(BOXES, lambda name: self.server(name).known("auth-ping"))
        self.every(REPLICAS, lambda name: self.server(name).follows())
        within(seconds, lambda: self.every(REPLICAS, self.linked))
        within(5, self.write)  # the master hears of its replicas a moment later than they of it

    def linked(self, name):
        """Raises where that replica isn't, at this moment."""
        redis = self.server(name)
        status = redis.info_now().get("master_link_status")
        if status != "up":
            raise redis.unmet(
                ("master_link_status:up, without anybody's help", "无需人工处理，master_link_status:up"),
                f"master_link_status:{status}",
                "tail /var/log/redis/redis-server.log",
                "errors",
            )

    def write(self):
        """A new key on the master. Raises where that is refused."""
        key, value = f"labctl:probe:{secrets.token_hex(6)}", secrets.token_hex(8)
        answer = self.master.ask(("SET", key, value, "EX", "600"))[0]
        if answer != "OK":
            raise self.master.unmet(
                ("OK, when somebody writes to the master", "往主机写入得到 OK"),
                answer,
                self.master.cli("info replication"),
                "min-replicas",
            )
        return key, value

    def has(self, name, key, value, when):
        """Raises where that box doesn't have the key. ``when`` is said in both languages."""
        redis = self.server(name)
        if redis.ask(("GET", key))[0] != value:
            raise redis.unmet(
                (f"a key that the master took, {when[0]}", f"{when[1]}，还读得到主机接受过的键"),
                ("it is gone, or never arrived", "键没了，或者没有传到"),
                redis.cli("info replication"),
                "copy",
            )

    def all_have(self, names, key, value, when, seconds=10):
        """Raises where they don't within this time."""
        within(seconds, lambda: self.every(names, lambda name: self.has(name, key, value, when)))


@pytest.mark.task("reboot")
@pytest.mark.reboot
def test_all_come_back_after_a_reboot(trio, power):
    """After every box was rebooted, all three are back and replicate
    zh: 三台机器都重启之后，全部恢复，主从复制照常
    """
    trio.ready()
    before = trio.write()
    trio.all_have(REPLICAS, *before, ("before the reboot", "重启之前"))
    for name in ("replica1", "master", "replica2"):
        power(name).reboot()
    trio.ready()
    trio.all_have(BOXES, *before, ("after the reboot", "重启之后"))
    after = trio.write()
    trio.all_have(REPLICAS, *after, ("after the reboot", "重启之后"))


@pytest.mark.task("aof")
@pytest.mark.destructive
def test_a_power_cut_loses_nothing(trio, power):
    """The master's power fails: replicas go on answering, and the master comes back with its data
    zh: 主机突然断电：从机继续提供读服务，主机恢复后数据还在
    """
    trio.ready()
    before = trio.write()
    trio.all_have(REPLICAS, *before, ("before the power cut", "断电之前"))
    time.sleep(2.2)  # everysec: by now it must be on the disk
    power("master").off()
    trio.every(REPLICAS, lambda name: trio.has(name, *before, ("while the master is off", "主机断电期间")))
    power("master").on()
    trio.master.forget()
    trio.has("master", *before, ("after the power came back", "来电之后"))
    trio.ready()
    trio.all_have(REPLICAS, *before, ("after the power came back", "来电之后"))
    after = trio.write()
    trio.all_have(REPLICAS, *after, ("after the power came back", "来电之后"))


@pytest.mark.task("replicas")
@pytest.mark.destructive
def test_a_replica_that_was_cut_off_catches_up(trio, cables):
    """One replica is cut off from the master for a while, and catches up by itself
    zh: 一台从机和主机断开一阵子，之后能自己追上
    """
    trio.ready()
    cables.cut("master", "replica1")
    missed = trio.write()
    trio.all_have(["replica2"], *missed, ("while the other replica is cut off", "另一台从机断开期间"))
    time.sleep(3)
    if trio.server("replica1").ask(("GET", missed[0]))[0] is not None:
        raise RuntimeError("the cable was cut, and the write got through")
    cables.mend("master", "replica1")
    trio.all_have(REPLICAS, *missed, ("once the cable is mended", "网络恢复之后"), seconds=25)
    trio.every(REPLICAS, trio.linked)


@pytest.mark.task("min-replicas")
@pytest.mark.destructive
def test_a_lonely_master_refuses_writes(trio, cables, params):
    """A master that lost all replicas refuses writes after your seconds, and takes them again once they are back
    zh: 主机失去所有从机之后，过了你的秒数就拒绝写入；从机回来后又接受写入
    """
    trio.ready()
    cables.cut("master", "replica1", "replica2")

    def refused():
        answer = trio.master.ask(("SET", "labctl:probe:lonely", "1", "EX", "60"))[0]
        if not str(answer).startswith("NOREPLICAS"):
            seconds = params["max_lag"]
            raise trio.master.unmet(
                (
                    f"NOREPLICAS, {seconds} seconds after the last replica was heard of",
                    f"{seconds} 秒没有从机的消息之后，写入得到 NOREPLICAS",
                ),
                answer,
                trio.master.cli("config get 'min-replicas-*'"),
                "min-replicas",
            )

    within(params["max_lag"] + 4, refused)
    cables.mend("master", "replica1", "replica2")
    after = within(25, trio.write)
    trio.all_have(REPLICAS, *after, ("once the cables are mended", "网络恢复之后"), seconds=25)
