"""The nine mongod: three replica sets, and the key that they share."""

import secrets

import pytest
from mongo_wire import RefusalError

NODES = ("node1", "node2", "node3")


def whole(cluster, kind, read):
    """Raises where this replica set isn't whole: three genuine members, one of them primary."""
    members = {one.name: one for one in cluster.members[kind]}
    port, name = members["node1"].port, members["node1"].set_name
    wanted = {f"{node}:{port}" for node in NODES}
    addresses = {f"{one.address}:{port}": f"{one.name}:{port}" for one in members.values()}

    def look(node):
        one = members[node]
        told = one.hello(read)
        see = one.shell("rs.status()")
        if told.get("setName") != name:
            expected = (f"a member of the replica set {name}, at port {port}", f"{port} 端口上是副本集 {name} 的成员")
            state = str(told.get("setName") or told.get("info") or "a server on its own")
            raise one.unmet(expected, state, see, read)
        if ("configsvr" in told) != (kind == "config"):
            role = "configsvr" if kind == "config" else "shardsvr"
            found = ("another role", "是别的角色")
            raise one.unmet(f"clusterRole: {role}", found, one.shell("db.serverCmdLineOpts()"), "parts")
        hosts = {addresses.get(host, host) for host in told.get("hosts", ())}
        if hosts != wanted or told.get("passives") or told.get("arbiters"):
            others = [*hosts, *told.get("passives", ()), *told.get("arbiters", ())]
            expected = (f"members {', '.join(sorted(wanted))}", f"成员为 {'、'.join(sorted(wanted))}")
            raise one.unmet(expected, ", ".join(sorted(others)) or "none", see, read)
        if not _serves(told):
            cluster.settled(lambda: active(one))

    def active(one):
        if not _serves(one.hello(read, again=True)):
            expected = ("PRIMARY or SECONDARY", "PRIMARY 或 SECONDARY")
            found = ("neither: it has not caught up, or hears nobody", "都不是：还没追上，或者听不到别人")
            raise one.unmet(expected, found, one.shell("rs.status()"), "set")

    cluster.every(NODES, look)
    cluster.primary(kind, read)


def _serves(told):
    return told.get("isWritablePrimary") or told.get("secondary")


@pytest.mark.task("config-set")
def test_config_servers(cluster):
    """Three config servers are one replica set, and have a primary
    zh: 三台配置服务器组成一个副本集，并且有主节点
    """
    whole(cluster, "config", "config-set")


@pytest.mark.task("shards")
def test_first_shard(cluster):
    """The first shard is a replica set of three, and has a primary
    zh: 第一个分片是三成员副本集，并且有主节点
    """
    whole(cluster, "a", "shards")


@pytest.mark.task("shards")
def test_second_shard(cluster):
    """The second shard is a replica set of three, and has a primary
    zh: 第二个分片是三成员副本集，并且有主节点
    """
    whole(cluster, "b", "shards")


@pytest.mark.task("auth")
def test_nobody_learns_anything_without_a_login(cluster, every):
    """At all ten servers, who isn't logged in is refused
    zh: 十个服务，没登录的都被拒绝
    """

    def look(name):
        for one in cluster.all:
            if one.name != name:
                continue
            found: str | tuple[str, str]
            for command in ({"listDatabases": 1}, {"find": "system.users", "limit": 1}):
                asked = next(iter(command))
                with one.dial("auth") as client:
                    try:
                        client.ask("admin", command)
                        found = (f"{asked} was answered", f"{asked} 得到了回答")
                    except RefusalError as refusal:
                        if refusal.code in (13, 10107, 13435):
                            continue
                        found = str(refusal)
                    except OSError as error:
                        found = str(error)
                expected = (
                    f"Unauthorized at port {one.port}, without a login",
                    f"没登录时，{one.port} 端口回答 Unauthorized",
                )
                raise one.unmet(expected, found, one.shell("db.adminCommand({listDatabases: 1})"), "auth")

    every((*NODES, "router"), look)


@pytest.mark.task("auth")
def test_all_share_one_key(cluster, every):
    """All ten have the same key file, which is theirs alone
    zh: 十个服务用同一个密钥文件，而且只有它们自己能读
    """
    first = cluster.members["config"][0].key("auth")

    def look(name):
        for one in cluster.all:
            if one.name != name:
                continue
            path = str(one.options("auth").get("security.keyFile", ""))
            if one.key("auth") != first:
                expected = ("the same key as on node1", "和 node1 上相同的密钥")
                raise one.unmet(expected, (f"another one in {path}", f"{path} 里的不一样"), f"sha256sum {path}", "auth")
            mode, owner = (cluster.box(name).run("stat -L -c '%%a %%u' -- %s", path).stdout.split() or ["", ""])[:2]
            user = one.socket("auth").uid
            if int(mode or "777", 8) & 0o077 or int(owner or -1) != user:
                expected = (
                    f"{path} readable by the user of the server, and nobody else",
                    f"{path} 只有运行服务的用户可读",
                )
                raise one.unmet(expected, f"mode {mode}, uid {owner}", f"ls -l {path}", "auth")
            if one.kind:
                one.inside("auth", lambda client: client.ask("admin", {"connectionStatus": 1}))
                _wrong(one)

    every((*NODES, "router"), look)


def _wrong(member):
    """Raises where another key is good, too."""
    with member.dial("auth") as client:
        try:
            client.login("__system", secrets.token_hex(32), "local")
        except (RefusalError, OSError, KeyError, ValueError):
            return
    expected = ("a login with a wrong key is refused", "用错误的密钥登录会被拒绝")
    raise member.unmet(expected, ("it was let in", "居然放行了"), member.shell("db.hello()"), "auth")
