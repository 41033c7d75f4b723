"""What outlives a reboot, and what happens when a box dies. The second half runs on clones of the boxes."""

import re
import secrets

import pytest
from members import flat

NODES = ("node1", "node2", "node3")
KEPT = (
    "net.port",
    "net.bindIp",
    "replication.replSetName",
    "sharding.clusterRole",
    "security.keyFile",
    "storage.dbPath",
)


def would_come_back(cluster, name):
    """Raises where a server of this box would not come back after a reboot as it runs now."""
    for one in cluster.all:
        if one.name != name:
            continue
        words, unit = one.words(one.socket("reboot").pid), one.unit("reboot")
        host = cluster.box(name)
        state = host.run("systemctl --root=/ is-enabled -- %s", unit).stdout.strip() if unit else ""
        if not state.startswith("enabled") or "runtime" in state:
            expected = (
                f"a service that starts the server at port {one.port} at boot",
                f"有一个开机自启的服务来启动 {one.port} 端口",
            )
            found = f"{unit}: {state or 'not enabled'}" if unit else ("started by hand", "是手工启动的")
            raise one.unmet(expected, found, f"systemctl is-enabled {unit or 'mongos'}", "reboot")
        later = one.started_by(unit)
        # The interpreter of a script is in the process' words, and not in the unit.
        now = words[next((n for n, word in enumerate(words) if word.endswith(("/mongod", "/mongos"))), 0) :]
        if later and "--fork" not in later and later[1:] != now[1:]:
            expected = ("after a boot the command line of now", "重启之后的命令行和现在一样")
            raise one.unmet(
                expected, (f"then: {' '.join(later)}", f"届时是：{' '.join(later)}"), f"systemctl cat {unit}", "reboot"
            )
        if one.kind:
            _same_file(one)


def _same_file(one):
    """Raises where the file says something else than what runs."""
    said = flat(one.inside("reboot", lambda client: client.ask("admin", {"getCmdLineOpts": 1}))["parsed"])
    said.setdefault("replication.replSetName", said.get("replication.replSet"))  # as the command line calls it
    written = one.options("reboot")
    for option in KEPT if "config" in written else ():
        if str(said.get(option)) != str(written.get(option)):
            expected = (
                f"{option} after a boot as now: {said.get(option)}",
                f"重启后的 {option} 和现在一样：{said.get(option)}",
            )
            found = f"{written.get('config', '')}: {written.get(option)}"
            raise one.unmet(expected, found, f"cat {written.get('config', '/etc/mongod/*.conf')}", "reboot")
    path = str(said.get("storage.dbPath", ""))
    where = one.lab.box(one.name).run("readlink -f -- %s", path).stdout.strip()
    if re.match(r"/(run|tmp|dev|var/tmp)/", where):
        raise one.unmet(
            ("data in a place that outlives a reboot", "数据在重启后还在的目录里"), where, f"ls -ld {path}", "reboot"
        )


@pytest.mark.task("reboot")
def test_nodes_come_back(cluster, every):
    """All nine mongod would start at boot, as they run now
    zh: 九个 mongod 开机都会启动，而且和现在一样
    """
    every(NODES, lambda name: would_come_back(cluster, name))


@pytest.mark.task("reboot")
def test_the_router_comes_back(cluster, every):
    """mongos would start at boot, as it runs now
    zh: mongos 开机会启动，而且和现在一样
    """
    every(("router",), lambda name: would_come_back(cluster, name))


def works(cluster, seconds, when):
    """A document through the router, wherever it goes, and what was there before. Raises after these seconds."""
    name, key, db = cluster.params["events"], cluster.params["events_key"], cluster.params["db"]
    documents = [{key: f"{when}-{secrets.token_hex(8)}"} for _ in range(20)]

    def look():
        cluster.forget()

        def say(client):
            client.ask(db, {"insert": name, "documents": documents, "ordered": False, "maxTimeMS": 9000})
            return client.find(db, name, {key: {"$in": [one[key] for one in documents]}})

        found = {one[key] for one in cluster.at_router("reboot", say)}
        if found != {one[key] for one in documents}:
            expected = (f"20 new documents, {when}", "20 个新文档")
            raise cluster.router.unmet(expected, f"{len(found)}", cluster.shell("sh.status()"), "reboot")

    cluster.within(seconds, look)
    return documents


def kept(cluster, documents, when):
    """Raises where these are gone."""
    name, key, db = cluster.params["events"], cluster.params["events_key"], cluster.params["db"]
    query = {key: {"$in": [one[key] for one in documents]}}
    found = cluster.at_router("reboot", lambda client: client.find(db, name, query))
    if len(found) != len(documents):
        expected = (f"all {len(documents)} documents, {when}", f"全部 {len(documents)} 个文档")
        raise cluster.router.unmet(expected, str(len(found)), cluster.shell("sh.status()"), "reboot")


@pytest.mark.task("reboot")
@pytest.mark.reboot
def test_all_come_back_after_a_reboot(cluster, power):
    """After every box was rebooted, the cluster serves again and has its data
    zh: 四台机器全部重启之后，集群恢复服务，数据还在
    """
    before = works(cluster, 60, "before the reboot")
    for name in ("router", *NODES):
        power(name).reboot()
    works(cluster, 120, "after the reboot")
    kept(cluster, before, "after the reboot")


@pytest.mark.task("shards")
@pytest.mark.destructive
def test_a_lost_primary_is_replaced(cluster, power):
    """The box with a shard's primary dies: another member takes over, nothing is lost, the router goes on serving
    zh: 分片主节点所在的机器突然断电：另一个成员接替，数据不丢，路由继续服务
    """
    before = works(cluster, 60, "before the loss")
    lost = cluster.primary("b", "shards", seconds=30).name
    cluster.lost = lost
    try:
        power(lost).off()
        cluster.forget()
        left = [one for one in cluster.members["b"] if one.name != lost]

        def look():
            if not any(one.hello("shards", again=True).get("isWritablePrimary") for one in left):
                expected = ("another primary, once the old one is gone", "旧主节点消失后选出新的主节点")
                raise left[0].unmet(expected, ("none", "没有"), left[0].shell("rs.status()"), "set")

        cluster.within(45, look)
        during = works(cluster, 60, "with a box lost")
        kept(cluster, before, "with a box lost")
        power(lost).on()
    finally:
        cluster.lost = ""
    works(cluster, 60, "with the box back")
    kept(cluster, during, "with the box back")
