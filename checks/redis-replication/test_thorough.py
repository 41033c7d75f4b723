"""What happens when machines and cables fail. These checks run on clones of the boxes. Where Sentinels make another box
the master meanwhile, that is as good."""

import time

import pytest
from redis_group import BOXES


@pytest.mark.task("reboot")
@pytest.mark.reboot
def test_all_come_back_after_a_reboot(trio, power):
    """After every box was rebooted, all three are back and replicate
    zh: 三台机器都重启之后，全部恢复，主从复制照常
    """
    trio.ready()
    before = trio.write()
    trio.all_have(trio.replicas, *before, ("before the reboot", "重启之前"))
    for name in ("replica1", "master", "replica2"):
        power(name).reboot()
    after = trio.settled(40)
    trio.all_have(BOXES, *before, ("after the reboot", "重启之后"))
    trio.all_have(trio.replicas, *after, ("after the reboot", "重启之后"))


@pytest.mark.task("aof")
@pytest.mark.destructive
def test_a_power_cut_loses_nothing(trio, power):
    """The power fails in the whole room: once it is back, so are the data
    zh: 整个机房断电：来电之后，数据都还在
    """
    trio.ready()
    before = trio.write()
    trio.all_have(trio.replicas, *before, ("before the power cut", "断电之前"))
    time.sleep(2.2)  # everysec: by now it must be on the disk
    for name in BOXES:
        power(name).off()
    for name in BOXES:
        power(name).on()
    after = trio.settled(40)
    trio.all_have(BOXES, *before, ("after the power came back", "来电之后"))
    trio.all_have(trio.replicas, *after, ("after the power came back", "来电之后"))


@pytest.mark.task("replicas")
@pytest.mark.destructive
def test_a_replica_that_was_cut_off_catches_up(trio, cables):
    """One replica is cut off from the master for a while, and catches up by itself
    zh: 一台从机和主机断开一阵子，之后能自己追上
    """
    trio.ready()
    lost, kept = trio.replicas
    cables.cut(trio.master.name, lost)
    missed = trio.write()
    trio.all_have([kept], *missed, ("while the other replica is cut off", "另一台从机断开期间"))
    time.sleep(3)
    if trio.server(lost).ask(("GET", missed[0]))[0] is not None:
        raise RuntimeError("the cable was cut, and the write got through")
    cables.mend(trio.master.name, lost)
    trio.all_have([lost, kept], *missed, ("once the cable is mended", "网络恢复之后"), seconds=25)
    trio.every([lost, kept], trio.linked)


@pytest.mark.task("min-replicas")
@pytest.mark.destructive
def test_a_lonely_master_refuses_writes(trio, cables, params):
    """A master that lost all replicas refuses writes after your seconds, and once they are back writes are taken again
    zh: 主机失去所有从机之后，过了你的秒数就拒绝写入；从机回来后又接受写入
    """
    trio.ready()
    lonely, others = trio.master, trio.replicas
    cables.cut(lonely.name, *others)

    def refused():
        answer = lonely.ask(("SET", "labctl:probe:lonely", "1", "EX", "60"))[0]
        if not str(answer).startswith("NOREPLICAS"):
            seconds = params["max_lag"]
            raise lonely.unmet(
                (
                    f"NOREPLICAS, {seconds} seconds after the last replica was heard of",
                    f"{seconds} 秒没有从机的消息之后，写入得到 NOREPLICAS",
                ),
                answer,
                lonely.cli("config get 'min-replicas-*'"),
                "min-replicas",
            )

    trio.within(4, refused, first=params["max_lag"])
    cables.mend(lonely.name, *others)
    after = trio.settled(60)
    trio.all_have(trio.replicas, *after, ("once the cables are mended", "网络恢复之后"), seconds=25)


@pytest.mark.task("failover")
@pytest.mark.destructive
def test_a_replica_takes_over(trio, sentinel, power, params):
    """The master's power fails: a replica is promoted and takes writes, and the old master comes back as its replica
    zh: 主机断电：一台从机被提升并接受写入，旧主机恢复后成为它的从机
    """
    before = trio.settled(20)
    old, left = trio.master, trio.replicas
    trio.all_have(left, *before, ("before the power cut", "断电之前"))
    power(old.name).off()

    def promoted():
        heard = {}
        for name in left:
            trio.server(name).forget()
            heard[name] = trio.server(name).info_now()
        for name, other in (left, left[::-1]):
            new, follower = trio.server(name), trio.server(other)
            if heard[name].get("role") == "master" and new.leads(heard[other]):
                answer = new.ask(("SET", "labctl:probe:failover", "1", "EX", "600"))[0]
                if answer == "OK":
                    return new, follower
        roles = ", ".join(f"{name} role:{told.get('role')}" for name, told in heard.items())
        raise trio.server(left[0]).unmet(
            (
                f"{params['down_after']} seconds after the master fell silent, a replica that was promoted",
                f"主机失联 {params['down_after']} 秒后，有一台从机被提升，并接受写入",
            ),
            roles,
            sentinel(left[0]).cli("master"),
            "failover",
        )

    # Where both survivors stood for election at once, they try again after twice the failover-timeout.
    new, follower = trio.within(40, promoted, first=params["down_after"])
    trio.has(new.name, *before, ("now that it is the master", "提升为主机之后"))
    trio.has(follower.name, *before, ("now that it follows another one", "跟随新主机之后"))
    power(old.name).on()
    after = trio.settled(60)
    trio.all_have(BOXES, *after, ("now that the old master is back", "旧主机恢复之后"))
    if trio.master is old:
        raise old.unmet(
            ("a replica of the one that took over", "成为顶替者的从机"),
            "role:master",
            old.cli("info replication"),
            "failover",
        )
